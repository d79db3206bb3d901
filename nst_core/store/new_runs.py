"""Runs that begin to wait: the room there is for them, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, insert, select

from nst_core.config import StyleTransferConfig
from nst_core.errors import QueueFullError
from nst_core.store import tables as t
from nst_core.store.database import now
from nst_core.store.records import RunInput, wanted_device

if TYPE_CHECKING:
    from nst_core.store.store import Store


def check_room(connection: Connection, count: int, most_waiting: int | None) -> None:
    """Raise QueueFullError unless ``count`` more runs may wait."""
    if most_waiting is None:
        return
    waiting = connection.scalar(
        select(func.count()).select_from(t.runs).where(t.runs.c.state == "queued")
    )
    if (waiting or 0) + count > most_waiting:
        wanted = f", and {count} are needed" if count > 1 else ""
        raise QueueFullError(
            f"the queue is full: {waiting or 0} of {most_waiting} places are taken{wanted}; let a "
            "run finish, cancel one, or raise NST_QUEUE_LIMIT"
        )


def insert_run(
    store: Store,
    connection: Connection,
    config: StyleTransferConfig,
    inputs: Sequence[RunInput],
    **values: object,
) -> int:
    """Write a run that waits within a transaction, and return its number.

    Args:
        values: of further columns.

    Raises:
        StoreError: one of its pictures is not in the store.
    """
    row = {
        "state": "queued",
        "config": config.model_dump_json(),
        "created_at": now(),
        "steps": config.steps,
        "wants": wanted_device(config.device),
    }
    added = connection.execute(insert(t.runs).values(row | values).returning(t.runs.c.id))
    run_id = int(added.scalar_one())
    store.check_held(connection, inputs)
    rows = [{"run_id": run_id, **item._asdict()} for item in inputs]
    connection.execute(insert(t.inputs), rows)
    return run_id
