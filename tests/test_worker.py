"""Workers: the order, the cancel, the weights they keep, and what a store that blinks does."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_core import (
    LAYERS,
    LocalExecutor,
    Run,
    Store,
    StoreError,
    StyleTransferConfig,
    cancel_run,
    load_image,
    read_provenance,
    resume_run,
    worker,
)
from nst_core.run import Execution
from nst_core.step import Step
from nst_core.store.queue import WorkerId
from nst_core.worker import Worker, worker_id
from tests.conftest import random_state_dict
from tests.lab import FEW, LONG, Lab, one_thread, picture_bytes, until


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a lab whose executor keeps one worker for all tests that leave it alive."""
    lab = Lab(tmp_path_factory.mktemp("shared"))
    yield lab
    lab.store.close()


@pytest.fixture(scope="module")
def started(shared: Lab) -> Iterator[LocalExecutor]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shared.enter(monkeypatch)
        with shared.executor() as executor:
            run_id = shared.submit()
            executor.wake()
            shared.wait(run_id, "done")
            yield executor


@pytest.fixture
def busy(shared: Lab, started: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> LocalExecutor:
    """Return an executor whose worker is up."""
    shared.enter(monkeypatch)
    return started


def only_worker(executor: LocalExecutor) -> int:
    (child,) = executor._children.values()
    return child.process.pid


# One worker process, many runs


def test_twenty_runs_submitted_at_once_all_end_in_the_order_of_submission(
    shared: Lab, busy: LocalExecutor
) -> None:
    before = only_worker(busy)
    runs = [shared.submit(steps=4) for _ in range(20)]
    busy.wake()
    most = 0

    def all_ended() -> bool:
        nonlocal most
        most = max(most, shared.store.count("running"))
        return not any(shared.run(i).is_active for i in runs)

    until(all_ended)
    ended = [shared.run(i) for i in runs]
    assert [run.state for run in ended] == ["done"] * 20
    times = [(run.started_at or 0.0, run.ended_at or 0.0) for run in ended]
    assert [began for began, _ in times] == sorted(began for began, _ in times)
    assert all(end <= began for (_, end), (began, _) in pairwise(times))
    assert most == 1
    assert only_worker(busy) == before


@pytest.mark.alone
def test_cancelling_at_256_px_takes_under_two_seconds(shared: Lab, busy: LocalExecutor) -> None:
    """With the whole network, and one thread."""
    torch.save(random_state_dict(LAYERS[:13]), shared.folder / "deep.pth")
    photo = shared.store.add_picture(picture_bytes(5, 256, 256), "large.png")
    default = StyleTransferConfig()
    layers = {"content_layers": default.content_layers, "style_layers": default.style_layers}
    took = []
    for _ in range(3):
        weights = str(shared.folder / "deep.pth")
        run_id = shared.submit(photo, size=256, steps=LONG, weights=weights, **layers)
        busy.wake()
        shared.wait(run_id, "running", step=1)
        began = time.monotonic()
        cancel_run(shared.store, run_id)
        run = shared.wait(run_id, "cancelled", "done", "failed")
        took.append(time.monotonic() - began)
        assert run.state == "cancelled", shared.tell(run_id)
    assert statistics.median(took) < 2, took


def test_a_worker_and_its_executor_open_no_port(shared: Lab, busy: LocalExecutor) -> None:
    run_id = shared.submit(steps=LONG)
    busy.wake()
    shared.wait(run_id, "running", step=1)
    for process in (only_worker(busy), os.getpid()):
        folder = Path(f"/proc/{process}")
        links = [os.readlink(entry) for entry in (folder / "fd").iterdir() if entry.is_symlink()]
        mine = {link[8:-1] for link in links if link.startswith("socket:[")}
        for table in ("tcp", "tcp6", "udp", "udp6"):
            rows = (folder / "net" / table).read_text().splitlines()[1:]
            assert not mine.intersection(row.split()[9] for row in rows), table
    cancel_run(shared.store, run_id)
    shared.wait(run_id, "cancelled")


def test_status_tells_what_a_device_does(shared: Lab, busy: LocalExecutor) -> None:
    run_id = shared.submit(steps=LONG)
    busy.wake()
    shared.wait(run_id, "running", step=1)
    (status,) = busy.status()
    assert status == ("cpu", True, run_id, "", ())
    cancel_run(shared.store, run_id)
    shared.wait(run_id, "cancelled")
    until(lambda: busy.status()[0] == ("cpu", True, None, "", ()))


# Within this process


def weights_line(lab: Lab, run_id: int) -> str:
    return next(line for line in lab.lines(run_id) if line.startswith("weights: "))


def test_the_network_stays_loaded_until_another_is_asked_for(lab: Lab) -> None:
    other = lab.folder / "other.pth"
    torch.save(random_state_dict(FEW, seed=1), other)
    again: dict[str, Any] = {"seed": 3}
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, False),
        (again, True),
        ({"pooling": "max"}, False),
        ({}, False),
        ({"content_layers": {"conv2_2": 1.0}}, False),  # deeper
        ({}, True),
        ({"weights": str(other)}, False),
        ({}, False),
        ({"weights": str(lab.weights)}, False),  # the same file, which the result names
    ]
    runs = [lab.submit(steps=1, **changes) for changes, _ in cases]
    lab.in_process()
    found = ["(loaded already)" in weights_line(lab, run_id) for run_id in runs]
    assert found == [loaded for _, loaded in cases]


def test_weights_replaced_under_the_same_name_are_noticed(lab: Lab) -> None:
    queue: list[int] = [lab.submit(steps=2), lab.submit(steps=2)]
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line == f"run {queue[0]}: done":
            torch.save(random_state_dict(FEW, seed=9), lab.weights)

    with one_thread():
        Worker(lab.store, worker_id("cpu", is_best=True), "cpu", tell).work(until_empty=True)
    assert told[0] == f"{lab.run(queue[0]).title}: 2 steps"
    assert "loaded already" not in weights_line(lab, queue[1])
    assert lab.outcome(queue[0]).losses != lab.outcome(queue[1]).losses


def test_a_worker_waits_until_its_place_is_free_before_it_calls_the_queue_empty(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    first, second = lab.submit(), lab.submit()
    other = worker_id("cpu", is_best=True)
    assert lab.queue.claim(other)
    thread = threading.Thread(target=lab.in_process)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    assert lab.run(second).state == "queued"
    lab.queue.end(first, other, "cancelled", "")
    thread.join(30)
    assert lab.run(second).state == "done"


def test_a_worker_outlives_a_store_that_is_out_of_reach_between_runs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.01)
    runs = [lab.submit(), lab.submit()]
    original, failures = lab.store.run, [StoreError("gone"), StoreError("gone")]

    def blink(run_id: int) -> Run:  # a claim that is written, and whose answer is lost
        if failures:
            raise failures.pop()
        return original(run_id)

    monkeypatch.setattr(lab.store, "run", blink)
    lab.in_process()
    assert [lab.run(run_id).state for run_id in runs] == ["interrupted", "interrupted"]
    assert "The store was out of reach" in lab.run(runs[0]).message


def test_the_lease_is_renewed_while_a_step_takes_long(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RENEW_SECONDS", 0.02)
    run_id = lab.submit()

    def slow(store: Store, run: Run, identity: WorkerId, **options: Any) -> None:
        options["stopping"].set()  # asked to stop, and still at its step
        lab.change(run.id, lease_until=1.0)
        until(lambda: lab.row(run.id).lease_until > 1.0, "for the lease to be renewed", 10)

    monkeypatch.setattr("nst_core.batch.execute", slow)
    lab.in_process()
    assert lab.run(run_id).state == "running"


def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Execution.after

    def after(self: Execution, step: Step) -> bool:
        time.sleep(0.01)
        return original(self, step)

    monkeypatch.setattr(Execution, "after", after)


def test_a_cancelled_run_keeps_its_picture_and_ends_as_undisturbed_when_resumed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = lab.undisturbed(steps=60)
    run_id = lab.submit(steps=60)
    with monkeypatch.context() as patch:
        slowly(patch)
        patch.setattr("nst_core.store.writer.WRITE_EVERY", 0.0)
        thread = threading.Thread(target=lab.in_process)
        thread.start()
        lab.wait(run_id, "running", step=1)
        cancel_run(lab.store, run_id)
        thread.join(30)
    run = lab.run(run_id)
    assert run.state == "cancelled", lab.tell(run_id)
    assert run.message == f"Cancelled at step {run.step} of 60. Resume goes on from there."
    (kept,) = lab.store.snapshots(run_id)
    assert (kept.step, kept.output, kept.height, kept.width) == (run.step, None, 21, 32)
    assert load_image(lab.store.read(kept.sha256)).size == (21, 32)
    assert read_provenance(lab.store.read(kept.sha256))["step"] == run.step
    assert run.checkpoint_step == run.step
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected
    assert lab.store.snapshots(run_id)[0] == kept


def test_a_stopped_worker_leaves_its_run_with_a_checkpoint(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = lab.undisturbed(steps=40)
    slowly(monkeypatch)
    run_id = lab.submit(steps=40)
    computing = Worker(lab.store, worker_id("cpu", is_best=True), "cpu")
    with one_thread():
        thread = threading.Thread(target=computing.work)
        thread.start()
        until(lambda: lab.run(run_id).preview is not None)
        computing.stop()
        thread.join(30)
    run = lab.run(run_id)
    assert run.state == "interrupted", lab.tell(run_id)
    assert run.checkpoint_step == run.step
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected
