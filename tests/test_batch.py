"""Runs of a sweep that a worker computes together: what each gives, and how each ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from nst_core import ConfigError, Run, load_image
from nst_core import batch as batch_module
from nst_core.batch import batch_limit, companions, execute_together
from nst_core.encoders import EncoderCache
from nst_core.run import Execution
from nst_core.run import execute as execute_alone
from nst_core.step import Step
from nst_core.together import Together
from nst_core.worker import Worker
from tests.execution import ME, OTHER, eager
from tests.lab import Lab, one_thread, picture_bytes
from tests.sweeps import failing, plan_of, results, start, states

LOSSES_TOLERANCE = 1e-4  # relative; see tests/test_together.py
PIXEL_TOLERANCE = 2.5 / 255  # of 8-bit pictures


@pytest.fixture(autouse=True)
def _four_together(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a worker take up to four runs together, in one arithmetic; see tests/test_together.py."""
    monkeypatch.setenv("NST_BATCH", "4")
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    with one_thread():
        yield


def compute(lab: Lab, runs: list[Run], stopping: threading.Event | None = None) -> None:
    execute_together(
        lab.store,
        runs,
        ME,
        device="cpu",
        encoders=EncoderCache(),
        stopping=stopping or threading.Event(),
    )


def claimed(lab: Lab, sweep_id: int) -> list[Run]:
    """Claim all runs of a sweep, as one worker does."""
    first = lab.queue.claim(ME)
    assert first is not None
    assert first.sweep_id == sweep_id
    ids = [run.id for run in companions(lab.store, first, "cpu", ME.accepts)]
    return [first, *lab.queue.claim_these(ids, ME)]


def at(
    monkeypatch: pytest.MonkeyPatch, index: int, work: Any, beta: float | None = None
) -> list[tuple[float, int]]:
    """Do ``work`` when a run (of this beta) has come to step ``index``; return what was stepped."""
    original, seen = Execution.after, []

    def after(self: Execution, step: Step) -> bool:
        seen.append((self.run.config.beta, step.index))
        if step.index == index and beta in (None, self.run.config.beta):
            work()
        return original(self, step)

    monkeypatch.setattr(Execution, "after", after)
    return seen


# What goes together


def test_runs_of_a_sweep_go_together_as_many_as_there_is_room(lab: Lab) -> None:
    start(lab, plan_of("beta=1,10,100,1e3,1e4,1e5"))
    first = lab.queue.claim(ME)
    assert first is not None
    assert [run.id for run in companions(lab.store, first, "cpu", ME.accepts)] == [2, 3, 4]
    shared = companions(lab.store, first, "cpu", ME.accepts, peers=3)
    assert [run.id for run in shared] == [2], "three devices take two each"


def test_on_a_cpu_a_run_goes_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_BATCH")
    start(lab, plan_of("beta=1,10"))
    first = lab.queue.claim(ME)
    assert first is not None
    assert companions(lab.store, first, "cpu", ME.accepts) == []


def test_what_differs_in_size_or_pictures_or_sweep_does_not_go_along(lab: Lab) -> None:
    other = lab.store.add_picture(picture_bytes(3), "third.png")
    pictures = {"style": {"style.png": lab.style, "third.png": other}}
    start(lab, plan_of("size=32,40", "beta=1,10", "style=style.png,third.png"), pictures=pictures)
    lab.submit()
    start(lab, plan_of("beta=1,10"))
    first = lab.queue.claim(ME)
    assert first is not None
    found = companions(lab.store, first, "cpu", ME.accepts)
    assert [run.cell and run.cell.title for run in found] == ["size 32, beta 10, style style.png"]


def test_a_run_whose_worker_died_goes_alone(lab: Lab) -> None:
    start(lab, plan_of("beta=1,10,100"))
    lab.change(2, deaths=1)
    first = lab.queue.claim(ME)
    assert first is not None
    assert [run.id for run in companions(lab.store, first, "cpu", ME.accepts)] == [3]
    lab.change(1, deaths=1)
    assert companions(lab.store, lab.run(1), "cpu", ME.accepts) == []


def test_what_another_worker_took_is_not_taken_again(lab: Lab) -> None:
    start(lab, plan_of("beta=1,10,100"))
    assert lab.queue.claim(OTHER) is not None
    assert [run.id for run in lab.queue.claim_these([1, 2, 3], ME)] == [2, 3]
    assert lab.row(1).worker == OTHER.name


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_the_limit_must_be_a_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NST_BATCH", text)
    with pytest.raises(ConfigError, match="NST_BATCH must be a whole number above 0"):
        batch_limit()


def test_a_limit_that_is_none_leaves_runs_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_id = start(lab, plan_of("beta=1,10"))
    monkeypatch.setenv("NST_BATCH", "many")
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 2}


# What comes of it


def test_each_run_of_a_batch_is_what_it_is_alone(lab: Lab) -> None:
    plan = plan_of("beta=1e3,1e5", "steps=3,6", "seed=1,2", base={"init": "mix", "outputs": 2})
    sweep_id = start(lab, plan)
    lab.in_process()
    found = results(lab, sweep_id)
    assert found.is_complete
    for run in found.runs:
        config = run.entry.run.config
        assert any(
            "computed together with 3 other runs" in line for line in lab.lines(run.entry.run.id)
        )
        alone = lab.submit(
            **config.model_dump(include={"beta", "steps", "seed", "init", "outputs"})
        )
        lab.in_process()
        _assert_same(lab, run.entry.run.id, alone)


def _assert_same(lab: Lab, together: int, alone: int) -> None:
    ours, theirs = lab.store.losses(together), lab.store.losses(alone)
    assert ours.terms == theirs.terms
    assert ours.steps.tolist() == theirs.steps.tolist()
    np.testing.assert_allclose(ours.values, theirs.values, rtol=LOSSES_TOLERANCE, atol=1e-3)
    pictures = zip(lab.store.snapshots(together), lab.store.snapshots(alone), strict=True)
    for one, other in pictures:
        assert (one.step, one.output) == (other.step, other.output)
        assert (one.metrics is None) == (other.metrics is None)
        a, b = (load_image(lab.store.read(item.sha256)).pixels for item in (one, other))
        assert (a - b).abs().max() <= PIXEL_TOLERANCE
    assert lab.run(together).checkpoint is None


def test_a_run_that_fails_leaves_the_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, lambda config: config.beta == 10)
    sweep_id = start(lab, plan_of("beta=1,10,100"))
    lab.in_process()
    found = [run.entry.run for run in results(lab, sweep_id).runs]
    assert [run.state for run in found] == ["done", "failed", "done"]
    assert found[1].message == "the loss is nan at step 1: lower learning_rate"


def test_a_bug_in_one_run_leaves_the_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble() -> None:
        raise ZeroDivisionError("a bug")

    at(monkeypatch, 2, stumble, beta=10)
    sweep_id = start(lab, plan_of("beta=1,10,100"))
    lab.in_process()
    found = [run.entry.run for run in results(lab, sweep_id).runs]
    assert [run.state for run in found] == ["done", "failed", "done"]
    assert "ZeroDivisionError: a bug" in found[1].message


@pytest.mark.parametrize("index", [1, 4])
def test_a_bug_of_the_batch_lets_all_that_are_left_go_on_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    eager(monkeypatch)
    original, turns = Together._advance, []

    def stumble(self: Together, turn: list[int]) -> Any:
        turns.append(turn)
        if len(turns) == index:
            raise ZeroDivisionError("a bug")
        return original(self, turn)

    monkeypatch.setattr(Together, "_advance", stumble)
    sweep_id = start(lab, plan_of("beta=1,10"))
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 2}
    assert all(f"step {index - 1} on cpu" in " ".join(lab.lines(k)) for k in (1, 2))
    alone = lab.submit(beta=10)
    lab.in_process()
    _assert_same(lab, 2, alone)


def test_what_keeps_a_batch_from_beginning_lets_each_go_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **more: Any) -> Together:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(batch_module, "stylize_together", refuse)
    original, cancelled = execute_alone, []

    def execute(store: Any, run: Run, *args: Any, **more: Any) -> None:
        if run.id == 1:
            lab.queue.cancel(2)  # whose turn has not come
            lab.change(3, worker=OTHER.name)
        cancelled.append(run.id)
        original(store, run, *args, **more)

    monkeypatch.setattr(batch_module, "execute", execute)
    sweep_id = start(lab, plan_of("beta=1,10,100,1e3"))
    compute(lab, claimed(lab, sweep_id))
    assert cancelled == [1, 4]
    assert [run.entry.run.state for run in results(lab, sweep_id).runs] == [
        "done",
        "cancelled",
        "running",
        "done",
    ]


def test_a_cancel_may_take_as_much_longer_as_there_are_runs(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1,10,100"))
    claimed(lab, sweep_id)
    for run_id in (1, 2, 3):
        lab.queue.cancel(run_id)
    asked = lab.row(1).cancel_at
    assert asked is not None
    for run_id in (1, 2, 3):
        lab.change(run_id, cancel_at=asked - 25)
    assert lab.queue.overdue(ME.name, 10) is None
    for run_id in (1, 2, 3):
        lab.change(run_id, cancel_at=asked - 35)
    assert lab.queue.overdue(ME.name, 10) is not None


def test_a_cancelled_run_leaves_with_its_picture(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    eager(monkeypatch)
    sweep_id = start(lab, plan_of("beta=1,10,100"))
    seen = at(monkeypatch, 2, lambda: lab.queue.cancel(2), beta=10)
    lab.in_process()
    found = [run.entry.run for run in results(lab, sweep_id).runs]
    assert [run.state for run in found] == ["done", "cancelled", "done"]
    assert found[1].message == "Cancelled at step 2 of 6. Resume goes on from there."
    assert found[1].checkpoint_step == 2
    assert [snapshot.step for snapshot in lab.store.snapshots(2)] == [2]
    assert max(step for beta, step in seen if beta == 10) == 2


def test_a_batch_that_is_stopped_goes_on_as_if_nothing_had_happened(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = start(lab, plan_of("beta=1e3,1e5", "steps=5,6"))
    stopping = threading.Event()
    with monkeypatch.context() as patch:
        at(patch, 3, stopping.set)
        compute(lab, claimed(lab, sweep_id), stopping)
    assert states(lab, sweep_id) == {"interrupted": 4}
    assert [run.entry.run.checkpoint_step for run in results(lab, sweep_id).runs] == [3] * 4
    for run_id in (1, 2, 3, 4):
        lab.queue.resume(run_id)
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 4}
    for run in results(lab, sweep_id).runs:
        config = run.entry.run.config
        alone = lab.submit(beta=config.beta, steps=config.steps)
        lab.in_process()
        _assert_same(lab, run.entry.run.id, alone)


def test_a_run_that_was_taken_away_is_not_written_any_more(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager(monkeypatch)
    sweep_id = start(lab, plan_of("beta=1,10,100"))
    at(monkeypatch, 3, lambda: lab.change(2, worker=OTHER.name), beta=10)
    compute(lab, claimed(lab, sweep_id))
    assert states(lab, sweep_id) == {"done": 2, "running": 1}
    assert lab.run(2).step == 2


def test_a_deleted_picture_fails_each_in_its_own_words(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1,10"))
    for path in (lab.folder / "files").rglob(lab.style.sha256):
        path.unlink()
    lab.in_process()
    for run in results(lab, sweep_id).runs:
        assert run.entry.run.state == "failed"
        assert "file" in run.entry.run.message


def test_a_checkpoint_that_is_none_lets_only_its_run_begin_anew(lab: Lab) -> None:
    sweep_id = start(lab, plan_of("beta=1,10"))
    with lab.store.database.write() as connection:
        digest = lab.store.keep(connection, b"no checkpoint")
    lab.change(2, checkpoint=digest, checkpoint_step=4)
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 2}
    assert any(line.startswith("starting anew") for line in lab.lines(2))


# Where memory runs out


def short_of_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let passes of more than ``most`` pictures fail, as a device of little memory does."""
    original = Together._evaluate

    def evaluate(self: Together, loops: Any) -> Any:
        if len(loops) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, loops)

    monkeypatch.setattr(Together, "_evaluate", evaluate)


def test_a_batch_is_halved_until_it_fits(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_memory(monkeypatch, 2)
    sweep_id = start(lab, plan_of("beta=1,10,100,1e3"))
    seen = at(monkeypatch, 0, lambda: None)
    lab.in_process()
    assert states(lab, sweep_id) == {"done": 4}
    assert [beta for beta, _ in seen] == [1, 10] * 6 + [100, 1e3] * 6


def test_a_run_that_waits_for_room_is_cancelled_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the supervisor ends a worker that does not obey, and the others with it."""
    short_of_memory(monkeypatch, 2)
    eager(monkeypatch)
    monkeypatch.setattr(batch_module, "LOOK_EVERY", 0.0)
    sweep_id = start(lab, plan_of("beta=1,10,100,1e3"))
    ended: list[str] = []
    at(monkeypatch, 2, lambda: lab.queue.cancel(4), beta=1)
    at(monkeypatch, 4, lambda: ended.append(lab.run(4).state), beta=1)
    compute(lab, claimed(lab, sweep_id))
    assert ended == ["cancelled"]
    assert [run.entry.run.state for run in results(lab, sweep_id).runs] == [
        "done",
        "done",
        "done",
        "cancelled",
    ]
    assert lab.run(4).message == "Cancelled at step 0 of 6. Resume goes on from there."


def test_a_single_run_that_does_not_fit_fails_in_words(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Together, loops: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Together, "_evaluate", refuse)
    from nst_core.loop import Loop

    original = Loop.advance

    def advance(self: Loop, shared: Any = None) -> None:
        if self.config.beta == 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        original(self, shared)

    monkeypatch.setattr(Loop, "advance", advance)
    sweep_id = start(lab, plan_of("beta=1,10"))
    lab.in_process()
    found = [run.entry.run for run in results(lab, sweep_id).runs]
    assert [run.state for run in found] == ["done", "failed"]
    assert "memory" in found[1].message


@pytest.mark.parametrize("count", [1, 3])
def test_a_stop_before_the_first_step_leaves_every_run_to_be_resumed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    sweep_id = start(lab, plan_of("beta=1,10,100"))
    worker = Worker(lab.store, ME, "cpu")
    monkeypatch.setenv("NST_BATCH", str(count))
    if count > 1:  # and they go one by one
        monkeypatch.setattr(batch_module, "stylize_together", lambda *_, **__: 1 / 0)
    companions_of = Worker._companions

    def stop(self: Worker, run: Run) -> list[Run]:
        self.stop()
        return companions_of(self, run)

    monkeypatch.setattr(Worker, "_companions", stop)
    worker.work()
    assert states(lab, sweep_id).get("running") is None
    assert states(lab, sweep_id)["interrupted"] == count
