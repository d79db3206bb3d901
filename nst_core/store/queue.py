"""The queue: which run is whose. Every change of a run's state that an engine makes is here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from nst_core.errors import RunError
from nst_core.store import tables as t
from nst_core.store.database import now
from nst_core.store.records import Run, State
from nst_core.store.store import Store

LEASE_SECONDS = 30.0
MOST_DEATHS = 2  # of workers, before a run fails


class WorkerId(NamedTuple):
    """Who claims runs.

    Attributes:
        name: unique, so that a worker which lost its run cannot write to it any more.
        place: machine and device; one run at a time is computed there.
        accepts: the devices that runs may want to be taken here, ``"auto"`` among them.
    """

    name: str
    place: str
    accepts: tuple[str, ...]


class ClaimLostError(Exception):
    """The run is another's by now, was ended, or was deleted: stop and write nothing more."""


class Queue:
    """Claims, leases, cancels and ends of the runs in ``store``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.database = store.database

    # What people ask for

    def cancel(self, run_id: int) -> None:
        """Ask a run to stop; one that waits is cancelled at once.

        Raises:
            RunError: it is not there, or has ended.
        """
        with self.database.write() as connection:
            state = _state(connection, run_id)
            if state == "queued":
                values = {"state": "cancelled", "ended_at": now(), "message": "Cancelled"}
                _change(connection, run_id, values)
                say(connection, run_id, "cancelled before it began")
            elif state == "running":
                asked = update(t.runs).where(t.runs.c.id == run_id, t.runs.c.cancel_at.is_(None))
                connection.execute(asked.values(cancel_at=now()))
            else:
                raise RunError(f"run {run_id} is {state} already; there is nothing to cancel")

    def resume(self, run_id: int) -> None:
        """Put a run that stopped early back into the queue, to go on from its checkpoint.

        Raises:
            RunError: it is not there, active, or done.
        """
        with self.database.write() as connection:
            state = _state(connection, run_id)
            if state not in ("interrupted", "cancelled", "failed"):
                raise RunError(f"run {run_id} is {state}; only a run that stopped early goes on")
            _change(connection, run_id, _WAITING | {"deaths": 0, "message": ""})
            say(connection, run_id, "asked to go on")

    # What a worker does

    def claim(self, worker: WorkerId) -> Run | None:
        """Take the oldest run that waits for such a device; None where there is none.

        Two workers never get the same run, and one place computes one run at a time.
        """
        waiting = (t.runs.c.state == "queued", t.runs.c.wants.in_(worker.accepts))
        oldest = select(t.runs.c.id).where(*waiting).order_by(t.runs.c.id).limit(1)
        busy = select(t.runs.c.id).where(
            t.runs.c.state == "running",
            t.runs.c.place == worker.place,
            t.runs.c.lease_until > now(),
        )
        with self.database.read() as connection:  # so that idle workers hold up no writer
            if connection.scalar(oldest) is None or connection.scalar(busy) is not None:
                return None
        with self.database.write() as connection:
            run_id = connection.scalar(oldest)
            if run_id is None or connection.scalar(busy) is not None:
                return None
            _change(connection, run_id, _taken_by(worker))
        return self.store.run(run_id)

    def claim_these(self, run_ids: Sequence[int], worker: WorkerId) -> list[Run]:
        """Take those of these runs that still wait, to be computed beside one that was claimed."""
        if not run_ids:
            return []
        wanted = (t.runs.c.id.in_(run_ids), t.runs.c.state == "queued")
        with self.database.write() as connection:
            change = update(t.runs).where(*wanted).values(_taken_by(worker))
            taken = set(connection.scalars(change.returning(t.runs.c.id)))
        return [self.store.run(run_id) for run_id in run_ids if run_id in taken]

    def renew(self, run_id: int, worker: WorkerId) -> bool:
        """Prolong the lease; return whether a cancel was asked for.

        Raises:
            ClaimLostError: the run is not this worker's any more.
        """
        with self.database.write() as connection:
            return guarded_update(connection, run_id, worker, {})

    def end(self, run_id: int, worker: WorkerId, state: State, message: str) -> None:
        """End this worker's run in ``state``.

        Raises:
            ClaimLostError: the run is not this worker's any more.
        """
        with self.database.write() as connection:
            end(self.store, connection, run_id, worker, state, message)

    # What a supervisor does

    def running(self, worker_name: str) -> list[int]:
        """Return the runs that a worker has: none, one, or several that go together."""
        mine = (t.runs.c.state == "running", t.runs.c.worker == worker_name)
        with self.database.read() as connection:
            found = connection.scalars(select(t.runs.c.id).where(*mine).order_by(t.runs.c.id))
            return list(found)

    def wanted(self) -> set[str]:
        """Return the devices that waiting runs want, ``"auto"`` among them."""
        waiting = select(t.runs.c.wants).where(t.runs.c.state == "queued").distinct()
        with self.database.read() as connection:
            return set(connection.scalars(waiting))

    def overdue(self, worker_name: str, seconds: float) -> int | None:
        """Return this worker's run if it was asked to stop ``seconds`` ago and did not.

        Of several that it computes together each gets that long: they leave one after the other.
        """
        mine = (t.runs.c.state == "running", t.runs.c.worker == worker_name)
        with self.database.read() as connection:
            count = connection.scalar(select(func.count()).select_from(t.runs).where(*mine)) or 0
            late = t.runs.c.cancel_at < now() - seconds * max(1, count)
            return connection.scalar(select(t.runs.c.id).where(*mine, late))

    def worker_died(self, worker_name: str, reason: str) -> None:
        """Requeue the runs of a dead worker, once; fail those it is the second for; end cancels."""
        mine = (t.runs.c.state == "running", t.runs.c.worker == worker_name)
        with self.database.write() as connection:
            for run in connection.execute(select(t.runs).where(*mine)).all():
                values, line = _after_death(run, reason)
                _change(connection, run.id, values)
                say(connection, run.id, line, step=run.step)

    def interrupt(self, worker_name: str, message: str) -> None:
        """Leave the run of a worker that stops, to be resumed by a person."""
        self._interrupt(t.runs.c.worker == worker_name, message)

    def reap(self, spare: Collection[str] = ()) -> None:
        """Leave as interrupted what nobody computes any more: its lease ran out.

        Args:
            spare: names of workers that are known to be alive.
        """
        gone = (t.runs.c.lease_until < now(), t.runs.c.worker.not_in(spare))
        self._interrupt(and_(*gone), "The process that computed it is gone")

    def _interrupt(self, where: ColumnElement[bool], message: str) -> None:
        lost = select(t.runs).where(t.runs.c.state == "running", where)
        with self.database.read() as connection:
            if connection.execute(lost).first() is None:
                return
        with self.database.write() as connection:
            for run in connection.execute(lost).all():
                state = "interrupted" if run.cancel_at is None else "cancelled"
                text = f"{message}. Resume goes on from step {run.checkpoint_step}."
                _change(connection, run.id, _GIVEN_UP | {"state": state, "message": text})
                say(connection, run.id, f"{state}: {text}", step=run.step)


_RELEASED: dict[str, Any] = {"worker": None, "place": None, "lease_until": None, "cancel_at": None}
_WAITING: dict[str, Any] = {"state": "queued", "ended_at": None, **_RELEASED}
_GIVEN_UP: dict[str, Any] = {"ended_at": now(), **_RELEASED}


def _taken_by(worker: WorkerId) -> dict[str, Any]:
    return {
        "state": "running",
        "worker": worker.name,
        "place": worker.place,
        "lease_until": now() + LEASE_SECONDS,
        "started_at": func.coalesce(t.runs.c.started_at, now()),
    }


def _after_death(run: Any, reason: str) -> tuple[dict[str, Any], str]:
    """Return what becomes of a dead worker's run, and what its log says."""
    if run.cancel_at is not None:
        text = f"Cancelled at step {run.step}; the worker did not answer and was ended"
        return _GIVEN_UP | {"state": "cancelled", "message": text}, text
    deaths = run.deaths + 1
    if deaths >= MOST_DEATHS:
        text = (
            f"The worker died twice, the last time at step {run.step} of {run.steps}: {reason}. "
            f"Resume tries again from step {run.checkpoint_step}."
        )
        return _GIVEN_UP | {"state": "failed", "message": text, "deaths": deaths}, text
    text = f"the worker died ({reason}); going on from step {run.checkpoint_step}"
    return _WAITING | {"deaths": deaths}, text


def _state(connection: Connection, run_id: int) -> str:
    state = connection.scalar(select(t.runs.c.state).where(t.runs.c.id == run_id))
    if state is None:
        raise RunError(f"there is no run {run_id}; it was deleted, or the address is wrong")
    return str(state)


def _change(connection: Connection, run_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(t.runs).where(t.runs.c.id == run_id).values(**values))


def guarded_update(
    connection: Connection, run_id: int, worker: WorkerId, values: dict[str, Any]
) -> bool:
    """Change a run that ``worker`` has, prolong its lease, and return whether to cancel it.

    Raises:
        ClaimLostError: the run is not this worker's any more.
    """
    mine = (t.runs.c.id == run_id, t.runs.c.worker == worker.name, t.runs.c.state == "running")
    lease = {"lease_until": now() + LEASE_SECONDS}
    changed = update(t.runs).where(*mine).values(**lease | values).returning(t.runs.c.cancel_at)
    row = connection.execute(changed).first()
    if row is None:
        raise ClaimLostError(f"run {run_id} is not this worker's any more")
    return row.cancel_at is not None


def say(connection: Connection, run_id: int, text: str, *, step: int = 0) -> None:
    """Add a line to a run's log."""
    connection.execute(insert(t.log).values(run_id=run_id, at=now(), step=step, text=text))


def end(
    store: Store, connection: Connection, run_id: int, worker: WorkerId, state: State, message: str
) -> None:
    """End a run within a transaction; a finished run needs no checkpoint any more."""
    values: dict[str, Any] = {"state": state, "message": message} | _GIVEN_UP
    checkpoint = None
    if state == "done":
        query = select(t.runs.c.checkpoint).where(t.runs.c.id == run_id)
        checkpoint = connection.scalar(query)
        values["checkpoint"] = None
    guarded_update(connection, run_id, worker, values)
    store.free(connection, [checkpoint])
