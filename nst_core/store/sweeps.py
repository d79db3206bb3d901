"""Sweeps in the store: their plans and pictures, and the runs that belong to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from nst_core.cells import Cell
from nst_core.errors import RunError
from nst_core.store import tables as t
from nst_core.store.database import now
from nst_core.store.history import History
from nst_core.store.new_runs import check_room, insert_run
from nst_core.store.records import ACTIVE, VALUE, Entry, RunFilter, RunInput, Sweep
from nst_core.store.store import Store
from nst_core.sweep_plan import SweepPlan

MOST_LISTED = 2**31 - 1


class Sweeps:
    """The sweeps of ``store``. What people ask of them is in ``nst_core.sweep_runs``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.database = store.database

    def add(
        self,
        plan: SweepPlan,
        inputs: Sequence[RunInput],
        pictures: Mapping[str, Sequence[RunInput]],
        *,
        at_once: int = 1,
        cells: Sequence[Cell] = (),
        most_waiting: int | None = None,
    ) -> int:
        """Write a sweep with the runs of ``cells``, all or nothing, and return its number.

        Args:
            inputs: pictures and masks that no axis varies.
            pictures: for ``content`` and ``style``, the picture of each value, named as the axis
                has it.
            at_once: see :class:`~nst_core.store.Sweep`.
            most_waiting: refuse where more runs would wait.

        Raises:
            StoreError: a picture is not in the store.
            QueueFullError: more runs would wait than may.
        """
        rows = [*inputs]
        for name, values in pictures.items():
            rows += _value_rows(name, values)
        with self.database.write() as connection:
            check_room(connection, len(cells), most_waiting)
            values_ = {"plan": plan.to_json(), "at_once": at_once, "created_at": now()}
            added = connection.execute(insert(t.sweeps).values(values_).returning(t.sweeps.c.id))
            sweep_id = int(added.scalar_one())
            self._insert_inputs(connection, sweep_id, rows)
            self._insert_runs(connection, self._read(connection, sweep_id), cells)
        return sweep_id

    def get(self, sweep_id: int) -> Sweep:
        """Return a sweep.

        Raises:
            RunError: there is none of this number.
        """
        with self.database.read() as connection:
            return self._read(connection, sweep_id)

    def latest(self, limit: int = 20) -> list[Sweep]:
        """Return sweeps, the newest first."""
        query = select(t.sweeps.c.id).order_by(t.sweeps.c.id.desc()).limit(limit)
        with self.database.read() as connection:
            return [self._read(connection, found) for found in connection.scalars(query).all()]

    def entries(self, sweep_id: int) -> list[Entry]:
        """Return the runs of a sweep, oldest first."""
        return History(self.store).find(
            RunFilter(sweep=sweep_id), order="oldest", limit=MOST_LISTED
        )

    def add_runs(
        self,
        sweep_id: int,
        cells: Sequence[Cell],
        *,
        known: int | None = None,
        most_waiting: int | None = None,
    ) -> int:
        """Queue those of ``cells`` that have no run yet; return how many.

        Args:
            known: how many runs the sweep had when the cells were chosen; where it has another
                number by now, or was cancelled, nothing is queued.

        Raises:
            RunError: the sweep is gone.
            StoreError: a picture is.
            QueueFullError: more runs would wait than may.
        """
        with self.database.write() as connection:
            sweep = self._read(connection, sweep_id)
            mine = select(t.runs.c.cell).where(t.runs.c.sweep_id == sweep_id)
            there = {Cell.from_json(text).key for text in connection.scalars(mine) if text}
            if known is not None and (known != len(there) or sweep.cancelled_at is not None):
                return 0
            wanted = [cell for cell in cells if cell.key not in there]
            check_room(connection, len(wanted), most_waiting)
            self._insert_runs(connection, sweep, wanted)
        return len(wanted)

    def extend(
        self,
        sweep_id: int,
        plan: SweepPlan,
        pictures: Mapping[str, Sequence[RunInput]],
        *,
        former: SweepPlan,
    ) -> None:
        """Replace a sweep's plan by a larger one, and add the pictures of its new values.

        Args:
            former: the plan that was extended.

        Raises:
            RunError: the sweep is gone, or was extended by someone else meanwhile.
            StoreError: a picture is.
        """
        with self.database.write() as connection:
            sweep = self._read(connection, sweep_id)
            if sweep.plan != former:
                raise RunError(f"sweep {sweep_id} was extended meanwhile; look at it and try again")
            mine = t.sweeps.c.id == sweep_id
            connection.execute(update(t.sweeps).where(mine).values(plan=plan.to_json()))
            for name, values in pictures.items():
                known = sweep.pictures.get(name, {})
                fresh = [item for item in values if item.name not in known]
                rows = _value_rows(name, fresh, start=len(known))
                self._insert_inputs(connection, sweep_id, rows)

    def note_cancel(self, sweep_id: int, *, is_asked: bool) -> None:
        """Note that a cancel was asked for, or taken back.

        Raises:
            RunError: the sweep is gone.
        """
        with self.database.write() as connection:
            change = update(t.sweeps).where(t.sweeps.c.id == sweep_id)
            when: Any = now() if is_asked else None
            if not connection.execute(change.values(cancelled_at=when)).rowcount:
                raise _gone(sweep_id)

    def delete(self, sweep_id: int, *, keep: Collection[str] = ()) -> None:
        """Delete a sweep, its runs, and every file that nothing else uses.

        Args:
            keep: pictures of the library that stay, since they are chosen for another run.

        Raises:
            RunError: it is not there, or has active runs.
        """
        with self.database.write() as connection:
            self._read(connection, sweep_id)
            runs = select(t.runs.c.id).where(t.runs.c.sweep_id == sweep_id)
            active = connection.scalars(runs.where(t.runs.c.state.in_(ACTIVE))).all()
            if active:
                raise RunError(
                    f"sweep {sweep_id} has {len(active)} active runs; cancel it before you delete "
                    "it"
                )
            ids = connection.scalars(runs).all()
            # First, so that its pictures are no reason to keep those of its runs
            mine = t.sweep_inputs.c.sweep_id == sweep_id
            columns = delete(t.sweep_inputs).where(mine).returning(t.sweep_inputs.c.sha256)
            self.store.free(connection, connection.scalars(columns).all())
            for run_id in ids:
                self.store.remove_run(connection, run_id, keep=keep)
            connection.execute(delete(t.sweeps).where(t.sweeps.c.id == sweep_id))

    def _insert_inputs(
        self, connection: Connection, sweep_id: int, rows: Sequence[RunInput]
    ) -> None:
        self.store.check_held(connection, rows)
        for row in rows:
            connection.execute(insert(t.sweep_inputs).values(sweep_id=sweep_id, **row._asdict()))

    def _insert_runs(self, connection: Connection, sweep: Sweep, cells: Sequence[Cell]) -> None:
        for cell in cells:
            insert_run(
                self.store,
                connection,
                cell.config(sweep.plan.base),
                sweep.inputs_of(cell),
                sweep_id=sweep.id,
                cell=cell.to_json(),
            )

    def _read(self, connection: Connection, sweep_id: int) -> Sweep:
        row = connection.execute(select(t.sweeps).where(t.sweeps.c.id == sweep_id)).first()
        if row is None:
            raise _gone(sweep_id)
        query = select(t.sweep_inputs).where(t.sweep_inputs.c.sweep_id == sweep_id)
        order = t.sweep_inputs.c.role, t.sweep_inputs.c.position
        inputs: list[RunInput] = []
        pictures: dict[str, dict[str, RunInput]] = {}
        for found in connection.execute(query.order_by(*order)):
            if found.role.endswith(VALUE):
                name = found.role.removesuffix(VALUE)
                item = RunInput(name, 0, found.sha256, found.name)
                pictures.setdefault(name, {})[found.name] = item
            else:
                inputs.append(RunInput(found.role, found.position, found.sha256, found.name))
        return Sweep(
            row.id,
            SweepPlan.from_json(row.plan),
            row.at_once,
            row.created_at,
            row.cancelled_at,
            tuple(inputs),
            pictures,
        )


def _value_rows(name: str, values: Sequence[RunInput], *, start: int = 0) -> list[RunInput]:
    """Return the pictures of an axis's values as they are kept, counted from ``start``."""
    role: Any = name + VALUE
    return [
        item._replace(role=role, position=position)
        for position, item in enumerate(values, start=start)
    ]


def _gone(sweep_id: int) -> RunError:
    return RunError(f"there is no sweep {sweep_id}; it was deleted, or the address is wrong")
