"""Who has which run: claims, leases, cancels, deaths; on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import update

from nst_core import RunError, Store, StyleTransferConfig
from nst_core.store import tables as t
from nst_core.store.queue import ClaimLostError, Queue, WorkerId
from tests.store.test_store import inputs

A = WorkerId("a", "here/cpu", ("cpu", "auto"))
B = WorkerId("b", "there/cpu", ("cpu", "auto"))
GPU = WorkerId("g", "here/cuda:1", ("cuda:1", "auto"))


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store)


def submitted(queue: Queue, count: int, device: str = "auto") -> list[int]:
    pair = inputs(queue.store, 1, 2)
    config = StyleTransferConfig(device=device)
    return [queue.store.add_run(config, pair) for _ in range(count)]


def claimed(queue: Queue, worker: WorkerId) -> int | None:
    run = queue.claim(worker)
    return None if run is None else run.id


def change(queue: Queue, run_id: int, **values: Any) -> None:
    with queue.database.write() as connection:
        connection.execute(update(t.runs).where(t.runs.c.id == run_id).values(**values))


def row(queue: Queue, run_id: int) -> Any:
    with queue.database.read() as connection:
        return connection.execute(t.runs.select().where(t.runs.c.id == run_id)).one()


def lines(queue: Queue, run_id: int) -> list[str]:
    return [line.text for line in queue.store.log(run_id)]


# Claims


def test_the_oldest_run_is_claimed_first_and_one_a_place_at_a_time(queue: Queue) -> None:
    first, second, third = submitted(queue, 3)
    assert claimed(queue, A) == first
    assert claimed(queue, A._replace(name="twin")) is None, "another server's, on this device"
    assert claimed(queue, B) == second
    queue.end(first, A, "done", "")
    assert claimed(queue, A) == third
    assert claimed(queue, B) is None


def test_a_claim_is_a_running_run_with_a_lease(queue: Queue) -> None:
    (run_id,) = submitted(queue, 1)
    run = queue.claim(A)
    assert run is not None
    assert run.state == "running"
    found = row(queue, run_id)
    assert (found.worker, found.place, found.cancel_at) == ("a", "here/cpu", None)
    assert found.lease_until - found.started_at == pytest.approx(30, abs=1)


def test_workers_that_claim_at_once_never_get_the_same_run(queue: Queue) -> None:
    runs = submitted(queue, 24)
    got: list[int] = []
    start = threading.Barrier(6)

    def work(number: int) -> None:
        worker = WorkerId(f"w{number}", f"place {number}", ("auto",))
        start.wait()
        while (run := queue.claim(worker)) is not None:
            got.append(run.id)
            queue.end(run.id, worker, "done", "")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(got) == Counter(runs)


def test_twins_at_one_place_never_have_two_runs_at_once(queue: Queue) -> None:
    submitted(queue, 12)
    most, start = [0], threading.Barrier(4)

    def work(number: int) -> None:
        worker = A._replace(name=f"twin {number}")
        start.wait()
        while queue.wanted():
            if (run := queue.claim(worker)) is not None:
                most.append(queue.store.count("running"))
                queue.end(run.id, worker, "done", "")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert queue.store.count("done") == 12


@pytest.mark.parametrize(
    ("wants", "taken"),
    [("auto", [True, True]), ("cpu", [True, False]), ("cuda:1", [False, True])],
)
def test_a_run_goes_to_the_device_it_wants(queue: Queue, wants: str, taken: list[bool]) -> None:
    submitted(queue, 2, wants)
    assert [queue.claim(worker) is not None for worker in (A, GPU)] == taken


def test_cuda_without_a_number_is_the_first(queue: Queue) -> None:
    submitted(queue, 1, "cuda")
    assert queue.wanted() == {"cuda:0"}


def test_a_place_whose_lease_ran_out_is_free(queue: Queue) -> None:
    first, second = submitted(queue, 2)
    queue.claim(A)
    change(queue, first, lease_until=1.0)
    assert claimed(queue, A._replace(name="new")) == second


# Cancel and resume


def test_a_run_that_waits_is_cancelled_at_once(queue: Queue) -> None:
    first, second = submitted(queue, 2)
    queue.cancel(first)
    run = queue.store.run(first)
    assert (run.state, run.message) == ("cancelled", "Cancelled")
    assert run.ended_at is not None
    assert lines(queue, first) == ["cancelled before it began"]
    assert claimed(queue, A) == second


def test_a_cancel_reaches_the_worker_with_its_lease(queue: Queue) -> None:
    (run_id,) = submitted(queue, 1)
    queue.claim(A)
    assert queue.renew(run_id, A) is False
    queue.cancel(run_id)
    asked = row(queue, run_id).cancel_at
    queue.cancel(run_id)
    assert row(queue, run_id).cancel_at == asked, "the first counts"
    assert queue.store.run(run_id).cancelling
    assert queue.renew(run_id, A) is True
    queue.end(run_id, A, "cancelled", "")
    assert queue.store.run(run_id).cancelling is False


def test_only_a_cancel_that_is_old_is_overdue(queue: Queue) -> None:
    (run_id,) = submitted(queue, 1)
    queue.claim(A)
    assert queue.overdue("a", 0) is None
    queue.cancel(run_id)
    assert queue.overdue("a", 10) is None
    change(queue, run_id, cancel_at=row(queue, run_id).cancel_at - 11)
    assert queue.overdue("a", 10) == run_id
    assert queue.overdue("b", 10) is None


def test_a_run_is_cancelled_or_claimed_but_never_lost_between(queue: Queue) -> None:
    runs = submitted(queue, 12)
    start = threading.Barrier(2)

    def claim() -> None:
        start.wait()
        for number in range(12):
            queue.claim(WorkerId(f"w{number}", f"place {number}", ("auto",)))

    thread = threading.Thread(target=claim)
    thread.start()
    start.wait()
    for run_id in runs:
        queue.cancel(run_id)
    thread.join()
    for run_id in runs:
        found = row(queue, run_id)
        if found.state == "running":
            assert found.cancel_at is not None
        else:
            assert (found.state, found.worker, found.cancel_at) == ("cancelled", None, None)


def test_what_has_ended_is_not_cancelled_and_what_has_not_is_not_resumed(queue: Queue) -> None:
    first, second = submitted(queue, 2)
    with pytest.raises(RunError, match=f"run {first} is queued; only a run that stopped early"):
        queue.resume(first)
    queue.claim(A)
    with pytest.raises(RunError, match=f"run {first} is running"):
        queue.resume(first)
    queue.end(first, A, "done", "")
    with pytest.raises(RunError, match=f"run {first} is done already; there is nothing to cancel"):
        queue.cancel(first)
    with pytest.raises(RunError, match=f"run {first} is done"):
        queue.resume(first)
    for ask in (queue.cancel, queue.resume):
        with pytest.raises(RunError, match=f"no run {second + 1}"):
            ask(second + 1)


def test_a_resumed_run_waits_anew_and_goes_before_later_ones(queue: Queue) -> None:
    first, second = submitted(queue, 2)
    queue.claim(A)
    queue.cancel(first)
    queue.end(first, A, "cancelled", "Cancelled")
    change(queue, first, deaths=2)
    queue.resume(first)
    found = row(queue, first)
    assert (found.state, found.deaths, found.message) == ("queued", 0, "")
    assert (found.ended_at, found.cancel_at, found.worker) == (None, None, None)
    assert claimed(queue, A) == first
    assert claimed(queue, B) == second


# Lost claims


@pytest.mark.parametrize("how", ["reaped", "resumed", "ended", "deleted"])
def test_a_worker_that_lost_its_run_cannot_touch_it(queue: Queue, how: str) -> None:
    (run_id,) = submitted(queue, 1)
    queue.claim(A)
    change(queue, run_id, lease_until=1.0)
    queue.reap()
    if how == "resumed":
        queue.resume(run_id)
        assert claimed(queue, B) == run_id
    elif how == "ended":
        queue.resume(run_id)
        queue.claim(B)
        queue.end(run_id, B, "done", "")
    elif how == "deleted":
        queue.store.delete_run(run_id)
    before = None if how == "deleted" else row(queue, run_id)
    with pytest.raises(ClaimLostError):
        queue.renew(run_id, A)
    with pytest.raises(ClaimLostError):
        queue.end(run_id, A, "done", "")
    if before is not None:
        assert row(queue, run_id) == before


# Deaths


def test_a_dead_workers_run_is_requeued_once_and_then_failed(queue: Queue) -> None:
    first, second = submitted(queue, 2)
    queue.claim(A)
    change(queue, first, step=7, checkpoint_step=5)
    queue.worker_died("a", "it was killed")
    assert lines(queue, first) == ["the worker died (it was killed); going on from step 5"]
    assert claimed(queue, B) == first, "before those that wait"
    queue.worker_died("b", "it was ended by SIGSEGV")
    run = queue.store.run(first)
    assert run.state == "failed"
    assert run.message == (
        "The worker died twice, the last time at step 7 of 200: it was ended by SIGSEGV. "
        "Resume tries again from step 5."
    )
    queue.resume(first)
    assert claimed(queue, A) == first
    queue.worker_died("a", "it was killed")
    assert queue.store.run(first).state == "queued", "a person's Resume counts anew"
    assert queue.store.run(second).state == "queued"


def test_a_dead_workers_run_that_was_to_be_cancelled_is(queue: Queue) -> None:
    (run_id,) = submitted(queue, 1)
    queue.claim(A)
    queue.cancel(run_id)
    queue.worker_died("a", "it was killed")
    run = queue.store.run(run_id)
    assert run.state == "cancelled"
    assert "did not answer and was ended" in run.message


@pytest.mark.parametrize("state", ["queued", "done"])
def test_the_death_of_a_worker_without_a_run_changes_none(queue: Queue, state: str) -> None:
    (run_id,) = submitted(queue, 1)
    if state == "done":
        queue.claim(A)
        queue.end(run_id, A, "done", "")
    queue.worker_died("a", "it was killed")
    queue.interrupt("a", "The server stopped")
    queue.reap()
    assert queue.store.run(run_id).state == state


@pytest.mark.parametrize("how", ["interrupt", "reap"])
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_run_that_is_left_is_interrupted_or_cancelled(
    queue: Queue, how: str, cancelled: bool
) -> None:
    first, second = submitted(queue, 2)
    queue.claim(A)
    queue.claim(B)
    change(queue, first, step=7, checkpoint_step=5, lease_until=1.0)
    if cancelled:
        queue.cancel(first)
    if how == "interrupt":
        queue.interrupt("a", "The server stopped")
    else:
        queue.reap(spare=["a"])
        assert queue.store.run(first).state == "running", "its worker is known to be alive"
        queue.reap(spare=["b"])
    run = queue.store.run(first)
    assert run.state == ("cancelled" if cancelled else "interrupted")
    assert run.message.endswith(". Resume goes on from step 5.")
    assert run.ended_at is not None
    assert queue.store.run(second).state == "running"
    assert queue.running("a") == []
    assert queue.running("b") == [second]
