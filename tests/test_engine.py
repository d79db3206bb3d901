"""The executor and its workers, as separate processes that are killed, stopped and cancelled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from nst_core import LocalExecutor, StoreError, cancel_run, engine, resume_run
from nst_core.store import tables as t
from tests.lab import LONG, SLOWLY, Lab, has_opened, pid, processes, until, with_code

pytestmark = pytest.mark.alone

OFTEN = f"""{SLOWLY}
from nst_core.store import writer
writer.WRITE_EVERY = 0.05
run.CHECKPOINT_EVERY = run.PREVIEW_EVERY = 0.15
"""
CATCHABLE = 80  # steps: about a second
RECIPES = (
    {"steps": CATCHABLE, "outputs": 3},
    {"steps": CATCHABLE, "optimizer": "lbfgs", "init": "noise", "averaging": 0.5},
)


def kill_worker_of(executor: LocalExecutor, lab: Lab, run_id: int) -> str:
    name = lab.row(run_id).worker
    assert name is not None, lab.tell(run_id)
    os.kill(pid(executor, name), signal.SIGKILL)
    return str(name)


# Deaths


def test_ten_runs_whose_workers_are_killed_once_end_as_undisturbed_runs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [lab.undisturbed(**recipe) for recipe in RECIPES]
    monkeypatch.setattr(LocalExecutor, "_command", with_code(OFTEN))
    chance = random.Random(7)
    runs = {lab.submit(**RECIPES[k % 2]): chance.randrange(1, CATCHABLE // 3) for k in range(10)}
    waiting = dict(runs)

    def ready() -> int | None:
        running = lab.store.runs(states=["running"])
        return next((r.id for r in running if r.step >= waiting.get(r.id, LONG)), None)

    with lab.executor("cpu:0", "cpu:1") as executor:  # two workers share the time
        while waiting:
            run_id = until(ready, "for a run to kill") or 0
            time.sleep(chance.uniform(0, 0.15))  # not just after a commit each time
            kill_worker_of(executor, lab, run_id)
            del waiting[run_id]
        for run_id in runs:
            lab.wait(run_id, "done", "failed")
    for k, run_id in enumerate(runs):
        deaths = [line for line in lab.lines(run_id) if "the worker died" in line]
        assert len(deaths) == 1, lab.lines(run_id)
        assert "SIGKILL" in deaths[0]
        assert lab.outcome(run_id) == expected[k % 2]
    starts = [line for run_id in runs for line in lab.lines(run_id) if line.endswith(" on cpu")]
    assert len(starts) == 20
    assert sum(line.startswith("going on from step") for line in starts) > 3, starts


def test_a_second_death_fails_the_run_with_what_is_known_and_resume_finishes_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalExecutor, "_command", with_code(OFTEN))
    expected = lab.undisturbed(steps=CATCHABLE)
    run_id, later = lab.submit(steps=CATCHABLE), lab.submit()
    killed: list[str] = []

    def has_come_further() -> bool:
        name = lab.row(run_id).worker
        return name is not None and name not in killed and lab.run(run_id).checkpoint_step > 0

    with lab.executor() as executor:
        for _ in range(2):
            until(has_come_further, "for a worker to kill")
            assert lab.run(later).state == "queued", "a requeued run goes first"
            killed.append(kill_worker_of(executor, lab, run_id))
        run = lab.wait(run_id, "failed", "done")
    assert run.state == "failed"
    assert f"died twice, the last time at step {run.step} of {CATCHABLE}" in run.message
    assert "SIGKILL" in run.message
    assert f"Resume tries again from step {run.checkpoint_step}." in run.message
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected
    assert f"going on from step {run.checkpoint_step} on cpu" in lab.lines(run_id)


# Servers


def test_a_killed_server_leaves_its_run_interrupted_and_resume_finishes_it(lab: Lab) -> None:
    expected = lab.undisturbed(steps=CATCHABLE)
    run_id = lab.submit(steps=CATCHABLE)
    with lab.server(SLOWLY) as server:
        lab.wait(run_id, "running", step=1)
        server.kill()
        run = lab.wait(run_id, "interrupted", "done", "failed")
    assert run.state == "interrupted", lab.tell(run_id)
    assert run.checkpoint_step == run.step > 0
    assert run.message == f"Stopped at step {run.step} of {CATCHABLE}. Resume goes on from there."
    until(lambda: not processes(lab.folder), "for the worker to end", 5)
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected


def test_a_server_killed_with_its_worker_leaves_the_run_to_the_next_that_looks(lab: Lab) -> None:
    expected = lab.undisturbed(steps=CATCHABLE)
    run_id = lab.submit(steps=CATCHABLE)
    with lab.server(SLOWLY) as server:
        lab.wait(run_id, "running", step=1)
        os.kill(server.pid, signal.SIGSTOP)  # so that it sees nothing of what comes
        (worker,) = set(processes(lab.folder)) - {server.pid}
        os.kill(worker, signal.SIGKILL)
        server.kill()
    run = lab.run(run_id)
    assert run.state == "running"
    lab.queue.reap()
    assert lab.run(run_id).state == "running", "its lease has not run out"
    with lab.store.database.write() as connection:
        connection.execute(update(t.runs).values(lease_until=t.runs.c.lease_until - 30))
    with lab.executor():  # any executor
        run = lab.wait(run_id, "interrupted", "done", "queued")
    assert run.state == "interrupted"
    assert run.message == (
        f"The process that computed it is gone. Resume goes on from step {run.checkpoint_step}."
    )
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected


def test_a_server_ended_by_sigterm_is_gone_within_three_seconds_with_its_worker(lab: Lab) -> None:
    took: list[float] = []
    while not took or (min(took) >= 3 and len(took) < 3):  # again, where others had the machine
        run_id = lab.submit(steps=LONG)
        with lab.server() as server:
            lab.wait(run_id, "running", step=1)
            assert len(processes(lab.folder)) == 2
            began = time.monotonic()
            server.terminate()
            server.wait(30)
            until(lambda: not processes(lab.folder), "for all processes to end")
            took.append(time.monotonic() - began)
        run = lab.run(run_id)
        assert run.state == "interrupted"
        assert run.checkpoint_step == run.step > 0
    assert min(took) < 3, took


def test_two_servers_on_one_store_run_each_run_once_and_one_at_a_time(lab: Lab) -> None:
    first = lab.submit(steps=LONG)
    runs = [lab.submit(steps=30) for _ in range(8)]
    database, most = lab.folder / "nst-lab.db", 0

    def all_look() -> bool:
        return sum(has_opened(process, database) for process in processes(lab.folder)) == 4

    with lab.server(), lab.server():
        until(all_look, "for two servers, each with a worker")
        cancel_run(lab.store, first)
        while lab.store.count("queued", "running"):
            most = max(most, lab.store.count("running"))
            time.sleep(0.005)
    assert most == 1
    for run_id in runs:
        assert lab.run(run_id).state == "done", lab.tell(run_id)
        assert [x for x in lab.lines(run_id) if x.endswith(" on cpu")] == [
            "started at step 0 on cpu"
        ]
        assert lab.store.losses(run_id).steps.tolist() == list(range(1, 31))
    until(lambda: not processes(lab.folder), "for the workers to end")


# Cancel


@pytest.mark.parametrize("how", ["suspended", "busy"])
def test_a_worker_that_does_not_obey_a_cancel_is_ended(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(engine, "CANCEL_WITHIN", 0.3)
    if how == "busy":  # a step that takes for ever
        code = "import threading\nrun.Execution.after = lambda *_: threading.Event().wait()"
        monkeypatch.setattr(LocalExecutor, "_command", with_code(code))
    run_id = lab.submit(steps=LONG)
    with lab.executor() as executor:
        lab.wait(run_id, "running", step=0 if how == "busy" else 1)
        until(lambda: any(x.endswith(" on cpu") for x in lab.lines(run_id)))
        worker = pid(executor, lab.row(run_id).worker)

        def is_asked() -> bool:
            if how == "suspended":
                os.kill(worker, signal.SIGSTOP)
            try:
                cancel_run(lab.store, run_id)
            except StoreError:  # it was suspended in the midst of writing, and holds the lock
                os.kill(worker, signal.SIGCONT)
                return False
            return True

        until(is_asked)
        run = lab.wait(run_id, "cancelled", "failed", "queued")
        assert run.state == "cancelled"
        assert "the worker did not answer and was ended" in run.message
        until(lambda: worker not in processes(lab.folder))


# Workers that do not start


@pytest.mark.parametrize("how", ["ends", "missing"])
def test_a_worker_that_cannot_start_is_tried_thrice_and_then_paused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    started = []

    def command(self: LocalExecutor, device: str, name: str) -> list[str]:
        started.append(name)
        return [sys.executable, "-c", "1 / 0"] if how == "ends" else ["/no/such/python"]

    monkeypatch.setattr(LocalExecutor, "_command", command)
    monkeypatch.setattr(engine, "LOOK_EVERY", 0.01)
    run_id = lab.submit()
    with lab.executor() as executor:
        until(lambda: "tried again every 60 seconds" in executor.status()[0].problem)
        looked = time.monotonic()
        until(lambda: time.monotonic() - looked > 0.3)
        assert len(started) == 3
        (status,) = executor.status()
        assert (status.device, status.is_up, status.run_id) == ("cpu", False, None)
        reason = "ended with code 1" if how == "ends" else "No such file"
        assert reason in status.problem
        if how == "ends":
            log = Path(status.problem.partition("see ")[2].partition(";")[0])
            assert "ZeroDivisionError" in log.read_text()
        assert lab.run(run_id).state == "queued"
        if how == "missing":
            return
        monkeypatch.undo()
        lab.enter(monkeypatch)
        executor._failed_starts["cpu"] = (3, time.monotonic() - 61)  # a minute later
        executor.wake()
        lab.wait(run_id, "done")
        assert executor.status()[0].problem == ""


# Stopping


def test_stopping_while_a_worker_is_started_leaves_none(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, at_work = subprocess.Popen, []

    def slow(*arguments: object, **options: object) -> object:
        at_work.append(True)
        time.sleep(0.2)
        return original(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", slow)
    lab.submit(steps=LONG)
    with lab.executor() as executor:
        until(lambda: at_work)
        began = time.monotonic()
        executor.stop()
        assert time.monotonic() - began < 3
        assert not executor._children
        assert processes(lab.folder) == {}
        executor.wake()
        executor.stop()
    assert lab.store.count("queued") == 1


def test_an_executor_goes_on_after_its_store_was_out_of_reach(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOOK_IDLE", 0.05)
    run_id = lab.submit(steps=LONG)
    with lab.executor() as executor:
        lab.wait(run_id, "running", step=1)
        failures = []

        def out_of_reach(*arguments: object) -> None:
            failures.append(True)
            raise StoreError("the database restarts")

        with monkeypatch.context() as restart:
            restart.setattr(executor.queue, "running", out_of_reach)
            restart.setattr(executor.queue, "overdue", out_of_reach)
            kill_worker_of(executor, lab, run_id)
            until(lambda: len(failures) > 2)
            assert lab.run(run_id).state == "running"
        until(lambda: any("worker died" in line for line in lab.lines(run_id)))


def test_an_executor_spares_its_own_workers_when_leases_ran_out(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a laptop slept, when the executor may be the first to look."""
    run_id = lab.submit(steps=LONG)
    with lab.executor() as executor:
        lab.wait(run_id, "running", step=1)
        os.kill(pid(executor, lab.row(run_id).worker), signal.SIGSTOP)
        lab.change(run_id, lease_until=1.0)
        executor.wake()
        until(lambda: not executor._look.is_set())
        executor.wake()
        until(lambda: not executor._look.is_set())
        assert lab.run(run_id).state == "running"
        os.kill(pid(executor, lab.row(run_id).worker), signal.SIGCONT)
        lab.wait(run_id, "running", step=lab.run(run_id).step + 1)
        monkeypatch.setattr(engine, "LOOK_EVERY", 0.0)  # it looks while it is stopped
        executor.wake()
    assert lab.run(run_id).state == "interrupted"
    assert not any("died" in line for line in lab.lines(run_id))
