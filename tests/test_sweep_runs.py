"""Sweeps in the store: what is queued, cancelled, resumed, extended, deleted."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any

import pytest
import torch

from nst_core import (
    ConfigError,
    LayerError,
    NSTError,
    QueueFullError,
    RunError,
    Store,
    StoreError,
    SweepRun,
    Sweeps,
    advance_sweep,
    cancel_run,
    cancel_sweep,
    delete_sweep,
    extend_sweep,
    parse_axis,
    past_runs,
    results_csv,
    resume_sweep,
    submit_sweep,
)
from nst_core.device import describe_device
from nst_core.store.history import History
from nst_core.store.queue import Queue
from tests.execution import ME
from tests.lab import Lab, picture_bytes
from tests.sweeps import failing, plan_of, results, run_ids, start, states, sweep_rows, tpe


def values(lab: Lab, sweep_id: int) -> list[tuple[Any, ...]]:
    return [tuple(run.cell.values.values()) for run in results(lab, sweep_id).runs]


def settings(run: SweepRun) -> tuple[float, int]:
    return run.entry.run.config.beta, run.entry.run.config.steps


# Submitting


def test_a_grid_is_one_sweep_with_a_run_a_cell(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1e3,1e5", "steps=3,5", replicates=2))
    found = results(lab, sweep_id)
    assert found.planned == len(found.runs) == 8
    assert [settings(run) for run in found.runs[::2]] == [
        (1e3, 3),
        (1e3, 5),
        (1e5, 3),
        (1e5, 5),
    ]
    assert [run.entry.run.config.seed for run in found.runs[:2]] == [0, 1]
    assert {run.entry.run.content.name for run in found.runs} == {"photo.png"}
    assert [run.entry.run.steps for run in found.runs[:4]] == [3, 3, 5, 5]
    assert found.missing == []
    assert not found.is_complete


def test_a_sweep_is_kept_as_it_was_planned(lab: Lab) -> None:
    plan = tpe(trials=5)
    sweep = Sweeps(Store(lab.store.database.url.render_as_string())).get(start(lab, plan))
    assert sweep.plan == plan
    assert sweep.at_once == 1
    assert sweep.cancelled_at is None
    assert [item.name for item in sweep.inputs] == ["photo.png", "style.png"]
    assert sweep.subject == "photo in style"


def test_axes_of_pictures_give_each_run_its_own(lab: Lab) -> None:
    other = lab.store.add_picture(picture_bytes(3), "third.png")
    sweep_id = submit_sweep(
        lab.store,
        plan_of("style=style.png,third.png", "content=photo.png,third.png"),
        None,
        pictures={
            "style": {"style.png": lab.style, "third.png": other},
            "content": {"photo.png": lab.content, "third.png": other},
        },
    )
    found = [
        (run.entry.run.styles[0].sha256, run.entry.run.content.sha256)
        for run in results(lab, sweep_id).runs
    ]
    style, photo, third = lab.style.sha256, lab.content.sha256, other.sha256
    assert found == [(style, photo), (style, third), (third, photo), (third, third)]
    assert values(lab, sweep_id)[1] == ("style.png", "third.png")
    assert Sweeps(lab.store).get(sweep_id).subject == "2 contents in 2 styles"


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (("beta=1:1000000:linear:10000",), "10,000 runs, and 200 are allowed"),
        (("style=nowhere.png",), "style 'nowhere.png': its picture is missing"),
        (("style_layers.conv5_1=0,1",), "conv5_1"),
        (("size=32,64", "levels=1,5"), "size 32, levels 5"),
    ],
)
def test_what_cannot_run_leaves_nothing(lab: Lab, axes: tuple[str, ...], words: str) -> None:
    with pytest.raises(NSTError) as caught:
        start(lab, plan_of(*axes))
    assert words in str(caught.value)
    assert sweep_rows(lab) == lab.store.count() == 0


def test_a_cell_that_the_weights_do_not_reach_is_named(lab: Lab) -> None:
    with pytest.raises(LayerError, match=r"style_layers\.conv5_1 1: "):
        start(lab, plan_of("style_layers.conv5_1=0,1"))


def test_without_a_content_it_says_so(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="choose a content picture, or vary the content"):
        submit_sweep(lab.store, plan_of("steps=2,3"), None, [lab.style])


def test_a_picture_that_is_gone_leaves_nothing(lab: Lab) -> None:
    gone = lab.content._replace(sha256="0" * 64)
    with pytest.raises(StoreError, match=r"photo\.png is not in the store any more"):
        submit_sweep(lab.store, plan_of("steps=2,3"), gone, [lab.style])
    assert sweep_rows(lab) == lab.store.count() == 0


def test_all_runs_find_room_in_the_queue_or_none(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_QUEUE_LIMIT", "3")
    with pytest.raises(QueueFullError, match="0 of 3 places are taken, and 4 are needed"):
        start(lab, plan_of("steps=2,3,4,5"))
    assert sweep_rows(lab) == lab.store.count() == 0
    assert len(results(lab, start(lab, plan_of("steps=2,3,4"))).runs) == 3


# Computing


def test_each_cell_is_what_its_settings_give_alone(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1e3,1e5", "steps=3,5"))
    lab.in_process()
    for run in results(lab, sweep_id).runs:
        beta, steps = settings(run)
        assert lab.outcome(run.entry.run.id) == lab.undisturbed(beta=beta, steps=steps)


def test_numbers_are_those_of_the_last_snapshot(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("steps=3,5"))
    lab.in_process()
    found = results(lab, sweep_id)
    assert found.is_complete
    for run in found.runs:
        snapshot = lab.store.snapshots(run.entry.run.id)[-1]
        assert snapshot.metrics is not None
        assert run.numbers["total"] == snapshot.total
        assert run.numbers["style_distance"] == snapshot.metrics.style_distance
        parts = sum(run.numbers[name] for name in ("content", "style", "tv"))
        assert run.numbers["total"] == pytest.approx(parts, rel=1e-5)


def test_the_table_has_every_run_and_all_digits(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1e3,1e5", "seed=1,9007199254740993", base={"steps": 2}))
    lab.in_process()
    found = results(lab, sweep_id)
    rows = list(csv.DictReader(io.StringIO(results_csv(found))))
    assert [row["seed"] for row in rows] == ["1", "9007199254740993"] * 2
    assert [float(row["total"]) for row in rows] == [run.numbers["total"] for run in found.runs]
    assert {row["state"] for row in rows} == {"done"}
    assert [int(row["run"]) for row in rows] == [run.entry.run.id for run in found.runs]


def test_a_failed_run_leaves_the_others_and_has_no_numbers(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda config: config.beta == 1e6)
    sweep_id = start(lab, plan_of("beta=1e5,1e6"))
    lab.in_process()
    found = results(lab, sweep_id)
    assert [run.entry.run.state for run in found.runs] == ["done", "failed"]
    assert found.runs[1].numbers == {}
    assert [cell.numbers == {} for cell in found.finished] == [False, True]
    assert not found.is_complete


def test_a_sampler_goes_on_after_a_trial_that_fails(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = start(lab, tpe(trials=4))
    first = results(lab, sweep_id).runs[0].entry.run.config.beta
    failing(monkeypatch, lambda config: config.beta == first)
    lab.in_process()
    assert states(lab, sweep_id) == {"failed": 1, "done": 3}


# Samplers


def test_a_sampler_goes_on_by_itself_to_its_last_trial(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=5))
    assert len(results(lab, sweep_id).runs) == 1
    lab.in_process()
    found = results(lab, sweep_id)
    assert found.states == {"done": 5}
    assert found.is_complete
    assert len({run.cell.point for run in found.runs}) == 5


def test_a_sampler_is_asked_again_with_the_same_answers(lab: Lab) -> None:
    first, second = start(lab, tpe(trials=6)), start(lab, tpe(trials=6))
    lab.in_process()
    assert values(lab, first) == values(lab, second)


def test_replicates_of_a_trial_come_before_the_next(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=2, replicates=2, base={"steps": 2}))
    assert [run.cell.replicate for run in results(lab, sweep_id).runs] == [0, 1]
    lab.in_process()
    assert [run.cell.replicate for run in results(lab, sweep_id).runs] == [0, 1, 0, 1]


def test_so_many_trials_are_under_way_at_once(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=5), at_once=3)
    assert len(results(lab, sweep_id).runs) == 3
    assert advance_sweep(lab.store, sweep_id) == 0


def test_workers_that_advance_at_once_add_one_trial(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=6))
    run = lab.queue.claim(ME)
    assert run is not None
    lab.queue.end(run.id, ME, "failed", "for this test")
    begin = threading.Barrier(4)
    added: list[int] = []

    def advance() -> None:
        begin.wait()
        added.append(advance_sweep(lab.store, sweep_id))

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [0, 0, 0, 1]
    assert len(results(lab, sweep_id).runs) == 2


def test_a_trial_that_is_cancelled_before_it_began_brings_the_next(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=2))
    cancel_run(lab.store, results(lab, sweep_id).runs[0].entry.run.id)
    assert states(lab, sweep_id) == {"cancelled": 1, "queued": 1}


# Cancelling and going on


def test_a_cancelled_sweep_queues_no_more_and_goes_on_when_asked(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=3))
    assert cancel_sweep(lab.store, sweep_id) == 1
    lab.in_process()
    assert states(lab, sweep_id) == {"cancelled": 1}
    assert Sweeps(lab.store).get(sweep_id).cancelled_at is not None
    assert resume_sweep(lab.store, sweep_id) == 1
    assert Sweeps(lab.store).get(sweep_id).cancelled_at is None
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 3}


def test_going_on_runs_only_what_is_missing(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("steps=2,3,4,5"))
    before = run_ids(lab, sweep_id)
    one, two, three, _ = before.values()
    lab.queue.cancel(two)
    lab.in_process()
    lab.store.delete_run(three)
    outcome = lab.outcome(one)
    assert resume_sweep(lab.store, sweep_id) == 2
    lab.in_process()
    after = run_ids(lab, sweep_id)
    assert states(lab, sweep_id) == {"done": 4}
    assert [after[title] == before[title] for title in before] == [True, True, False, True]
    assert lab.outcome(one) == outcome
    assert resume_sweep(lab.store, sweep_id) == 0


def test_cells_are_in_the_plans_order_whenever_they_ran(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("steps=2,3,4", base={"size": 32}))
    lab.in_process()
    lab.store.delete_run(run_ids(lab, sweep_id)["steps 2"])
    resume_sweep(lab.store, sweep_id)
    assert values(lab, sweep_id) == [(2,), (3,), (4,)]


def test_an_extended_grid_keeps_its_runs_and_adds_the_new_between(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1e3,1e5", "steps=2,3"))
    lab.in_process()
    before = run_ids(lab, sweep_id)
    assert extend_sweep(lab.store, sweep_id, [parse_axis("steps=4")]) == 2
    lab.in_process()
    assert before.items() <= run_ids(lab, sweep_id).items()
    assert values(lab, sweep_id) == [(b, s) for b in (1e3, 1e5) for s in (2, 3, 4)]
    assert states(lab, sweep_id) == {"done": 6}


def test_an_extension_brings_the_pictures_of_its_values(lab: Lab) -> None:
    other = lab.store.add_picture(picture_bytes(3), "third.png")
    pictures = {"style": {"style.png": lab.style}}
    sweep_id = start(lab, plan_of("style=style.png"), pictures=pictures)
    added = extend_sweep(
        lab.store,
        sweep_id,
        [parse_axis("style=third.png")],
        pictures={"style": {"third.png": other}},
    )
    assert added == 1
    assert results(lab, sweep_id).runs[1].entry.run.styles[0].sha256 == other.sha256


def test_more_trials_and_replicates(lab: Lab) -> None:
    sweep_id = start(lab, tpe(trials=1, base={"steps": 2}))
    lab.in_process()
    assert extend_sweep(lab.store, sweep_id, trials=2, replicates=2) == 1
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 4}


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("steps=2", "nothing is new"),
        ("gamma=0,1", "gamma is no axis of this sweep; it varies steps"),
        ("steps=1:1000:linear:1000", "and 200 are allowed"),
    ],
)
def test_what_cannot_be_added_changes_nothing(lab: Lab, axis: str, words: str) -> None:
    sweep_id = start(lab, plan_of("steps=2,3"))
    with pytest.raises(ConfigError) as caught:
        extend_sweep(lab.store, sweep_id, [parse_axis(axis)])
    assert words in str(caught.value)
    assert values(lab, sweep_id) == [(2,), (3,)]
    assert Sweeps(lab.store).get(sweep_id).plan == plan_of("steps=2,3")


def test_two_who_extend_at_once_lose_nothing(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("steps=2,3"))
    former = Sweeps(lab.store).get(sweep_id).plan
    extend_sweep(lab.store, sweep_id, [parse_axis("steps=4")])
    with pytest.raises(RunError, match="was extended meanwhile"):
        Sweeps(lab.store).extend(sweep_id, plan_of("steps=2,3,5"), {}, former=former)
    assert values(lab, sweep_id) == [(2,), (3,), (4,)]


def test_what_cannot_be_resumed_whole_is_left_as_it_was(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = start(lab, plan_of("steps=2,3,4"))
    cancel_sweep(lab.store, sweep_id)
    lab.store.delete_run(1)
    monkeypatch.setenv("NST_QUEUE_LIMIT", "1")
    lab.submit()
    with pytest.raises(QueueFullError):
        resume_sweep(lab.store, sweep_id)
    assert states(lab, sweep_id) == {"cancelled": 2}
    assert Sweeps(lab.store).get(sweep_id).cancelled_at is not None


# Deleting


def test_a_deleted_sweep_takes_runs_and_files_along(lab: Lab) -> None:
    before = lab.files()
    sweep_id = start(lab, plan_of("steps=2,3"))
    with pytest.raises(RunError, match="has 2 active runs; cancel it"):
        delete_sweep(lab.store, sweep_id)
    lab.in_process()
    delete_sweep(lab.store, sweep_id, keep=[lab.content.sha256, lab.style.sha256])
    assert sweep_rows(lab) == lab.store.count() == 0
    assert lab.files() == before
    delete_sweep(lab.store, start_and_end(lab))
    assert lab.files() == set()  # nobody has those pictures any more
    with pytest.raises(RunError, match=f"there is no sweep {sweep_id}"):
        results(lab, sweep_id)


def start_and_end(lab: Lab) -> int:
    sweep_id = start(lab, plan_of("steps=2,3"))
    cancel_sweep(lab.store, sweep_id)
    return sweep_id


def test_a_sweeps_pictures_outlive_its_runs(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("steps=2,3"))
    lab.in_process()
    for run_id in run_ids(lab, sweep_id).values():
        lab.store.delete_run(run_id)
    lab.store.tidy()
    assert resume_sweep(lab.store, sweep_id) == 2
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 2}


def test_the_latest_sweep_comes_first(lab: Lab) -> None:
    first, second = start(lab, plan_of("steps=2,3")), start(lab, plan_of("steps=2,4"))
    assert [sweep.id for sweep in Sweeps(lab.store).latest()] == [second, first]
    assert [sweep.id for sweep in Sweeps(lab.store).latest(1)] == [second]


# Time


def test_the_rest_is_judged_by_what_is_done(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("steps=10,20,40"))
    assert results(lab, sweep_id).seconds_left() is None
    run = lab.queue.claim(ME)
    assert run is not None
    Queue(lab.store).end(run.id, ME, "done", "")
    device = describe_device(torch.device("cpu"))
    lab.change(run.id, started_at=100.0, ended_at=105.0, seconds=4.0, device=device)
    assert results(lab, sweep_id).seconds_left() == pytest.approx(5.0 * 60 / 10)
    assert results(lab, sweep_id).seconds_left(2) == pytest.approx(5.0 * 40 / 10)
    lab.change(run.id, ended_at=10_000.0)  # it stood still in between
    assert results(lab, sweep_id).seconds_left() == pytest.approx(4.0 * 60 / 10)
    lab.change(run.id, ended_at=105.0, device="some GPU (80 GiB)")  # shared with others
    assert results(lab, sweep_id).seconds_left() == pytest.approx(4.0 * 60 / 10)


def test_past_runs_are_those_of_the_device_in_use(lab: Lab) -> None:
    ids = [lab.submit(steps=2) for _ in range(3)]
    lab.in_process()
    lab.change(ids[0], device="another machine's")
    assert len(past_runs(lab.store)) == 2
    assert past_runs(lab.store)[0][0].steps == 2


def test_runs_of_a_sweep_are_found_by_its_number(lab: Lab) -> None:
    from nst_core import RunFilter

    lab.submit()
    sweep_id = start(lab, plan_of("steps=2,3"))
    assert History(lab.store).count(RunFilter(sweep=sweep_id)) == 2
    assert History(lab.store).count() == 3
