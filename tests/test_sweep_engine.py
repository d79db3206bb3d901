"""Sweeps whose workers are killed and whose server goes down: every cell ends as if undisturbed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from nst_core import LocalExecutor, SweepRun, cancel_sweep, resume_sweep
from tests.lab import Lab, Outcome, pid, processes, until, with_code
from tests.sweeps import plan_of, results, run_ids, start, states, tpe
from tests.test_engine import OFTEN

pytestmark = pytest.mark.alone

STEPS = 60  # about half a second, slowed down
DEADLY = """
import os
original = run.load_inputs
run.load_inputs = lambda store, found: os._exit(9) if found.id == 1 else original(store, found)
"""
PLAN = plan_of("beta=1e3,1e5", f"steps={STEPS},{STEPS + 1}")


def undisturbed(lab: Lab, runs: tuple[SweepRun, ...]) -> list[Outcome]:
    configs = [run.entry.run.config for run in runs]
    return [lab.undisturbed(beta=config.beta, steps=config.steps) for config in configs]


def all_ended(lab: Lab, sweep_id: int) -> Callable[[], bool]:
    return lambda: not results(lab, sweep_id).is_active


def running(lab: Lab, sweep_id: int, step: int = 1) -> list[SweepRun]:
    """Return the runs that are under way and have come so far."""
    found = [run for run in results(lab, sweep_id).runs if run.entry.run.state == "running"]
    return [run for run in found if run.entry.run.step >= step]


def kill_the_worker(executor: LocalExecutor, lab: Lab, run: SweepRun) -> None:
    os.kill(pid(executor, lab.row(run.entry.run.id).worker), signal.SIGKILL)


def test_a_worker_that_is_killed_in_mid_sweep_leaves_no_cell_undone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalExecutor, "_command", with_code(OFTEN))
    sweep_id = start(lab, PLAN)

    def second() -> list[SweepRun]:
        return [run for run in running(lab, sweep_id, 5) if run.entry.run.id == 2]

    with lab.executor() as executor:
        kill_the_worker(executor, lab, until(second, "for the second cell")[0])
        until(all_ended(lab, sweep_id), "for the sweep to end")
    found = results(lab, sweep_id)
    assert found.is_complete, found.states
    assert sum("the worker died" in line for k in (1, 2, 3, 4) for line in lab.lines(k)) == 1
    ours = [lab.outcome(run.entry.run.id) for run in found.runs]
    assert ours == undisturbed(lab, found.runs)


def test_a_batch_whose_worker_is_killed_goes_on_one_by_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_BATCH", "4")
    monkeypatch.setattr(LocalExecutor, "_command", with_code(OFTEN))
    sweep_id = start(lab, PLAN)
    with lab.executor() as executor:
        until(lambda: len(running(lab, sweep_id, 5)) == 4, "for the batch")
        kill_the_worker(executor, lab, results(lab, sweep_id).runs[0])
        until(all_ended(lab, sweep_id), "for the sweep to end")
    found = results(lab, sweep_id)
    assert found.is_complete, found.states
    for run in found.runs:
        lines = lab.lines(run.entry.run.id)
        assert sum("the worker died" in line for line in lines) == 1
        assert sum("computed together" in line for line in lines) == 1


def test_after_a_restart_resume_runs_only_what_is_missing(lab: Lab) -> None:
    sweep_id = start(lab, PLAN)
    before = run_ids(lab, sweep_id)
    with lab.server(OFTEN) as server:
        until(
            lambda: [run for run in running(lab, sweep_id, 5) if run.entry.run.id == 2],
            "for the second cell",
        )
        server.send_signal(signal.SIGTERM)
        server.wait()
    until(lambda: not processes(lab.folder), "for the worker to end")
    assert states(lab, sweep_id) == {"done": 1, "interrupted": 1, "queued": 2}
    first = lab.outcome(1), lab.lines(1)
    with lab.executor() as executor:  # the next server
        until(all_ended(lab, sweep_id), "for what waited")
        assert states(lab, sweep_id) == {"done": 3, "interrupted": 1}
        assert resume_sweep(lab.store, sweep_id) == 1
        executor.wake()
        until(all_ended(lab, sweep_id), "for the sweep to end")
    found = results(lab, sweep_id)
    assert found.is_complete, found.states
    assert (lab.outcome(1), lab.lines(1)) == first, "what is done is not done again"
    assert run_ids(lab, sweep_id) == before
    ours = [lab.outcome(run.entry.run.id) for run in found.runs]
    assert ours == undisturbed(lab, found.runs)


def test_a_cancelled_sweep_stops_and_leaves_the_worker_alive(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_BATCH", "2")
    monkeypatch.setattr(LocalExecutor, "_command", with_code(OFTEN))
    sweep_id = start(lab, PLAN)
    with lab.executor() as executor:
        until(lambda: len(running(lab, sweep_id)) == 2, "for the batch")
        children = {child.process.pid for child in executor._children.values()}
        assert cancel_sweep(lab.store, sweep_id) == 4
        until(all_ended(lab, sweep_id), "for the sweep to end")
        assert states(lab, sweep_id) == {"cancelled": 4}
        assert {child.process.pid for child in executor._children.values()} == children


def test_a_sampler_goes_on_after_a_trial_that_kills_its_worker_twice(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalExecutor, "_command", with_code(DEADLY))
    sweep_id = start(lab, tpe(trials=3))
    with lab.executor():
        until(lambda: results(lab, sweep_id).states["done"] == 2, "for the other trials")
    assert states(lab, sweep_id) == {"failed": 1, "done": 2}
    assert "died twice" in lab.run(1).message


def test_a_sampler_goes_on_after_a_worker_that_died_before_it_asked_for_the_next(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os\nworker.advance = lambda *_: os._exit(9)"
    monkeypatch.setattr(LocalExecutor, "_command", with_code(code))
    sweep_id = start(lab, tpe(trials=2))
    with lab.executor():
        until(lambda: states(lab, sweep_id) == {"done": 2}, "for the second trial")
