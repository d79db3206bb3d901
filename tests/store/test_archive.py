"""Runs out of one store and into another: nothing is lost, and a broken-off run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nst_core import (
    Losses,
    Store,
    StyleTransferConfig,
    cancel_run,
    export_runs,
    import_runs,
    losses_csv,
    resume_run,
    run,
)
from nst_core.run import execute
from nst_core.step import Step
from nst_core.store import writer
from nst_core.store.archive_runs import read_losses
from nst_core.store.queue import Queue
from nst_core.store.records import State
from tests.execution import ME, at_step, break_off_at, claimed
from tests.lab import Lab, one_thread
from tests.store.archives import (
    KilledError,
    add_inputs,
    assert_same,
    fresh_store,
    full_run,
)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """Return a second, empty store."""
    with fresh_store(tmp_path / "other") as store:
        yield store


# Nothing is lost


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "interrupted"])
def test_a_run_comes_back_with_all_that_it_had(store: Store, other: Store, state: State) -> None:
    run_id = full_run(store, state)
    before = store.run(run_id)
    assert (before.state, before.step, before.checkpoint_step) == (state, 7, 4)
    assert bool(before.checkpoint) == (state != "done")
    data = export_runs(store, [run_id])
    [there] = import_runs(other, data, name="a.zip")
    assert_same(store, run_id, other, there, "a.zip")
    [back] = import_runs(store, export_runs(other, [there]), name="b.zip")  # onto either database
    log = store.log(back)
    assert log[-2].text == f"imported from a.zip; it was run {run_id} there"
    assert_same(other, there, store, back, "b.zip")


def test_a_run_that_never_began_comes_back(store: Store, other: Store) -> None:
    run_id = store.add_run(StyleTransferConfig(device="cuda:1"), add_inputs(store))
    Queue(store).cancel(run_id)
    [there] = import_runs(other, export_runs(store, [run_id]))
    assert_same(store, run_id, other, there, "the archive")
    assert len(other.losses(there)) == 0


def test_several_runs_come_in_order_with_their_parents(store: Store, other: Store) -> None:
    outside = full_run(store)
    first = full_run(store, parent_id=outside)
    second = full_run(store, parent_id=first)
    full_run(other)  # so that numbers differ
    ids = import_runs(other, export_runs(store, [second, first, second]))
    assert [other.run(k).created_at for k in ids] == [
        store.run(k).created_at for k in (second, first)
    ]
    assert other.run(ids[0]).parent_id == ids[1] < ids[0]
    assert other.run(ids[1]).parent_id is None  # its parent stayed behind
    again = import_runs(store, export_runs(other, ids))
    assert store.run(again[0]).parent_id == again[1]


def test_losses_come_back_bit_for_bit() -> None:
    bits = np.random.default_rng(1).integers(0, 2**64, size=3000, dtype=np.uint64).view("<f8")
    values = bits[np.isfinite(bits)][:2700].reshape(-1, 3)
    values[0] = (-0.0, 5e-324, np.finfo(np.float64).max)
    losses = Losses(np.arange(1, len(values) + 1), ("total", "style", "tv"), values)
    back = read_losses(losses_csv(losses).encode())
    assert back.terms == losses.terms
    assert back.steps.tolist() == losses.steps.tolist()
    assert back.values.tobytes() == values.tobytes()


# Going on


def cancel_at_4(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> int:
    found = claimed(lab, steps=9, outputs=3)
    with monkeypatch.context() as patch, one_thread():
        patch.setattr(writer, "WRITE_EVERY", 0.0)
        at_step(patch, 4, lambda: cancel_run(lab.store, found.id))
        execute(lab.store, found, ME, device="cpu")
    return found.id


def stop_at_4(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> int:
    return break_off_at(lab, monkeypatch, 4, steps=9, outputs=3)


def die_at_7(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> int:
    """Leave losses and a snapshot of steps beyond the checkpoint of step 4."""
    found = claimed(lab, steps=9, outputs=3)
    after = run.Execution.after

    def slip(self: run.Execution, step: Step) -> bool:
        if step.index == 4:
            self.checkpoints.next = 0.0
        if step.index == 7:
            raise KilledError
        return after(self, step)

    with monkeypatch.context() as patch, one_thread():
        patch.setattr(writer, "WRITE_EVERY", 0.0)
        patch.setattr(run.Execution, "after", slip)
        with pytest.raises(KilledError):
            execute(lab.store, found, ME, device="cpu")
    lab.queue.interrupt(ME.name, "The server ended")
    left = lab.run(found.id)
    assert (left.step, left.checkpoint_step) == (6, 4)
    return found.id


@pytest.mark.parametrize("leave", [cancel_at_4, stop_at_4, die_at_7])
def test_a_run_that_stopped_early_goes_on_elsewhere_to_the_same_result(
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leave: Callable[[Lab, pytest.MonkeyPatch], int],
) -> None:
    run_id = leave(lab, monkeypatch)
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Lab(tmp_path / "elsewhere")
    [there] = import_runs(elsewhere.store, export_runs(lab.store, [run_id]))
    assert_same(lab.store, run_id, elsewhere.store, there, "the archive")
    for where, number in ((lab, run_id), (elsewhere, there)):
        resume_run(where.store, number)
        where.enter(monkeypatch)
        where.in_process()
    assert "going on from step 4 on cpu" in [line[:27] for line in elsewhere.lines(there)]
    assert elsewhere.outcome(there) == lab.outcome(run_id) == lab.undisturbed(steps=9, outputs=3)
    elsewhere.store.close()
