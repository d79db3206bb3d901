"""The history of runs: what people think of them, and how they are found again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Numeric,
    and_,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)

from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError, RunError
from nst_core.metrics import Metrics
from nst_core.store import tables as t
from nst_core.store.records import MOST_STARS, Entry, Role, RunFilter, State, read_entry
from nst_core.store.store import Store

Order = Literal[
    "newest", "oldest", "rating", "style_distance", "content_distance", "ssim", "total", "seconds"
]
RUN_ORDERS: Mapping[Order, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "rating": "Best rated",
    "style_distance": "Lowest style distance",
    "content_distance": "Lowest content distance",
    "ssim": "Highest SSIM",
    "total": "Lowest total loss",
    "seconds": "Longest computed",
}
"""How runs may be ordered, and what people call it."""


class History:
    """Stars, notes and metrics of the runs in ``store``, and ways to find them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.database = store.database

    # What people think

    def rate(self, run_id: int, stars: int | None) -> None:
        """Give a run 1 to 5 stars, or take them away with None.

        Raises:
            RunError: there is no such run, or no such rating.
        """
        if stars is not None and not 1 <= stars <= MOST_STARS:
            raise RunError(f"a rating is 1 to {MOST_STARS} stars, got {stars}")
        self._change(run_id, rating=stars)

    def write_notes(self, run_id: int, notes: str) -> None:
        """Replace a run's notes.

        Raises:
            RunError: there is no such run.
        """
        self._change(run_id, notes=notes)

    def keep_metrics(self, run_id: int, step: int, metrics: Metrics) -> None:
        """Keep what was measured of a run's picture, in place of what was before.

        Raises:
            RunError: there is no such picture (any more), or a number is not finite.
        """
        for name, value in asdict(metrics).items():
            if isinstance(value, float) and not math.isfinite(value):  # databases' JSON has none
                raise RunError(f"{name} of run {run_id} is {value}, and cannot be kept")
        where = (t.snapshots.c.run_id == run_id, t.snapshots.c.step == step)
        with self.database.write() as connection:
            change = update(t.snapshots).where(*where).values(metrics=metrics.to_json())
            if not connection.execute(change).rowcount:
                raise RunError(f"run {run_id} has no picture of step {step} any more")

    def _change(self, run_id: int, **values: object) -> None:
        with self.database.write() as connection:
            change = update(t.runs).where(t.runs.c.id == run_id).values(values)
            if not connection.execute(change).rowcount:
                raise RunError(f"there is no run {run_id}; it was deleted")

    # How runs are found

    def find(
        self,
        wanted: RunFilter | None = None,
        *,
        order: Order = "newest",
        limit: int = 50,
        offset: int = 0,
    ) -> list[Entry]:
        """Return a page of the runs that are wanted.

        Args:
            order: of :data:`RUN_ORDERS`; runs without such a value come last, ties newest first.
            limit, offset: how many, and how many to leave out before.

        Raises:
            ConfigError: there is no such order.
        """
        return self._entries(self._conditions(wanted), self._order(order), limit, offset)

    def count(self, wanted: RunFilter | None = None) -> int:
        """Return how many runs are wanted."""
        query = select(func.count()).select_from(t.runs).where(*self._conditions(wanted))
        with self.database.read() as connection:
            self._prepare(connection)
            return int(connection.scalar(query) or 0)

    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """Return the runs of these numbers, in their order, without those that are gone."""
        found = self._entries([t.runs.c.id.in_(ids)], [], len(ids), 0)
        return sorted(found, key=lambda entry: ids.index(entry.run.id))

    def states(self, ids: Sequence[int]) -> dict[int, State]:
        """Return the states of those of ``ids`` that are runs, in their order."""
        query = select(t.runs.c.id, t.runs.c.state).where(t.runs.c.id.in_(ids))
        with self.database.read() as connection:
            found = {row.id: row.state for row in connection.execute(query)}
        return {run_id: found[run_id] for run_id in ids if run_id in found}

    def names(self, role: Role) -> list[str]:
        """Return what the runs' pictures in a role are called, in the alphabet's order."""
        query = select(t.inputs.c.name).where(t.inputs.c.role == role).distinct()
        with self.database.read() as connection:
            return sorted(connection.scalars(query), key=lambda name: (name.casefold(), name))

    def _entries(
        self, where: Sequence[ColumnElement[bool]], order: Sequence[Any], limit: int, offset: int
    ) -> list[Entry]:
        query = (
            select(t.runs, t.snapshots.c.metrics, t.snapshots.c.total, _PICTURE.label("picture"))
            .select_from(t.runs.outerjoin(t.snapshots, _IS_LAST))
            .where(*where)
            .order_by(*order)
            .limit(_count(limit))
            .offset(_count(offset))
        )
        with self.database.read() as connection:
            self._prepare(connection)
            rows = [dict(row._mapping) for row in connection.execute(query)]
            inputs = self.store.inputs_of(connection, [row["id"] for row in rows])
        return [read_entry(row, tuple(inputs.get(row["id"], ()))) for row in rows]

    def _order(self, order: Order) -> list[ColumnElement[Any]]:
        values: dict[Order, ColumnElement[Any]] = {
            "newest": t.runs.c.created_at.desc(),
            "oldest": t.runs.c.created_at,
            "rating": t.runs.c.rating.desc(),
            "style_distance": self._number(t.snapshots.c.metrics, "style_distance"),
            "content_distance": self._number(t.snapshots.c.metrics, "content_distance"),
            "ssim": self._number(t.snapshots.c.metrics, "ssim").desc(),
            "total": t.snapshots.c.total.asc(),
            "seconds": t.runs.c.seconds.desc(),
        }
        if order not in values:
            raise ConfigError(f"there is no order {order!r}; it is one of {', '.join(RUN_ORDERS)}")
        newest = (t.runs.c.created_at.desc(), t.runs.c.id.desc())
        if order == "oldest":
            newest = (t.runs.c.created_at.asc(), t.runs.c.id.asc())
        return [values[order].nulls_last(), *newest]

    def _conditions(self, wanted: RunFilter | None) -> list[ColumnElement[bool]]:
        if wanted is None:
            return []
        found: list[ColumnElement[bool]] = []
        if wanted.states:
            found.append(t.runs.c.state.in_(wanted.states))
        if wanted.since is not None:
            found.append(t.runs.c.created_at >= wanted.since)
        if wanted.until is not None:
            found.append(t.runs.c.created_at < wanted.until)
        if wanted.stars is not None:
            found.append(t.runs.c.rating >= wanted.stars)
        if wanted.sweep is not None:
            found.append(t.runs.c.sweep_id == wanted.sweep)
        for role, name in (("content", wanted.content), ("style", wanted.style)):
            if name is not None:
                found.append(_has_input(t.inputs.c.role == role, t.inputs.c.name == name))
        if wanted.text:
            in_name = self._holds(t.inputs.c.name, wanted.text)
            found.append(or_(self._holds(t.runs.c.notes, wanted.text), _has_input(in_name)))
        if wanted.setting is not None:
            found += self._within(wanted.setting, wanted.low, wanted.high)
        return found

    def _within(
        self, setting: str, low: float | None, high: float | None
    ) -> list[ColumnElement[bool]]:
        if low is None and high is None:
            return []
        # A run of a time before the setting was there did what is the default today
        default = StyleTransferConfig.model_fields[setting].default
        number = self._number(
            t.runs.c.config, setting, None if isinstance(default, str) else default
        )
        found: list[ColumnElement[bool]] = [number.is_not(None)]
        if low is not None:
            found.append(number >= self._exact(low))
        if high is not None:
            found.append(number <= self._exact(high))
        return found

    # Where the databases differ

    def _number(
        self, column: ColumnElement[Any], name: str, missing: float | None = None
    ) -> ColumnElement[Any]:
        """Return the number under ``name`` in a JSON text, NULL where it is a word or null."""
        if self.database.is_sqlite:
            path = f'$."{name}"'
            kind = func.json_type(column, path)
            number: ColumnElement[Any] = func.json_extract(column, path)
            is_number: ColumnElement[bool] = kind.in_(("integer", "real"))
        else:
            value = cast(column, JSON)[name]
            kind = func.json_typeof(value)
            number = cast(value.as_string(), Numeric)
            is_number = kind == "number"
        if missing is None:
            return case((is_number, number))
        return case((is_number, number), (kind.is_(None), self._exact(missing)))

    def _exact(self, number: float) -> Any:
        """Return a number as the database compares it without rounding: seeds have 63 bits."""
        if not self.database.is_sqlite:
            return Decimal(repr(number))
        return number if abs(number) < 2**63 else float(number)

    def _holds(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        """Whether ``text`` stands in a column; no sign in it has a meaning."""
        text = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")  # as stored
        if self.database.is_sqlite:
            return func.instr(func.nst_casefold(column), text.casefold()) > 0
        return func.strpos(func.lower(column), func.lower(text)) > 0

    def _prepare(self, connection: Connection) -> None:
        """Teach SQLite capitals beyond ASCII."""
        if self.database.is_sqlite:
            driver: Any = connection.connection.driver_connection
            driver.create_function("nst_casefold", 1, str.casefold, deterministic=True)


def _has_input(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(t.inputs.c.run_id == t.runs.c.id, *where)


def _count(number: int) -> int:
    return min(max(number, 0), 2**31 - 1)


_earlier = t.snapshots.alias()
_IS_LAST = and_(
    t.snapshots.c.run_id == t.runs.c.id,
    t.snapshots.c.step
    == select(func.max(_earlier.c.step))
    .where(_earlier.c.run_id == t.runs.c.id)
    .correlate(t.runs)
    .scalar_subquery(),
)
# What shows a run in a list: its preview, or what it began with
_PICTURE = func.coalesce(
    t.runs.c.preview,
    select(t.pictures.c.thumbnail)
    .join(t.inputs, t.inputs.c.sha256 == t.pictures.c.sha256)
    .where(t.inputs.c.run_id == t.runs.c.id, t.inputs.c.role == "content")
    .correlate(t.runs)
    .scalar_subquery(),
)
