"""What a worker writes of the run it has: batched, guarded by its claim, in whole transactions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from nst_core.errors import StoreError
from nst_core.metrics import Metrics
from nst_core.store import tables as t
from nst_core.store.queue import WorkerId, end, guarded_update, say
from nst_core.store.records import Run, State
from nst_core.store.store import Store

WRITE_EVERY = 0.4  # seconds; at most a few writes a second
SELDOM = 4.0  # seconds; where many runs take turns, a cancel is seen within so long
RETRY_SECONDS = 1.0
PATIENCE = 20.0  # seconds to wait for a store that is out of reach; less than a lease lasts


class RunWriter:
    """Writes the progress of ``run``, which ``worker`` has claimed.

    Losses and log lines gather in memory and go out together; a checkpoint takes them along, so
    that after a death the losses end where the checkpoint does. Every method that writes raises
    :class:`~nst_core.store.queue.ClaimLostError` where the run is not this worker's any more, and
    StoreError where the store stays out of reach for longer than a database takes to restart.

    Args:
        together: runs that the worker computes at a time, among which its writes are shared.
    """

    def __init__(self, store: Store, run: Run, worker: WorkerId, *, together: int = 1) -> None:
        self.store = store
        self.run_id = run.id
        self.worker = worker
        self.together = together
        self.cancelling = False
        self._files = {"preview": run.preview, "checkpoint": run.checkpoint}
        self._step = run.checkpoint_step
        self._terms: tuple[str, ...] = ()
        self._rows: list[tuple[float, ...]] = []
        self._lines: list[tuple[int, str]] = []
        self._values: dict[str, Any] = {}
        self._written = time.monotonic()

    def begin(self, step: int, device: str, weights: str) -> None:
        """Start from ``step``: what was written beyond it by a worker that died goes."""
        self._step = step
        values: dict[str, Any] = {"step": step, "device": device, "weights": weights}
        dropped: list[str | None] = []
        if step == 0:
            dropped, self._files["checkpoint"] = [self._files["checkpoint"]], None
            values |= {"checkpoint": None, "checkpoint_step": 0, "seconds": 0.0}
            values |= {"losses": None, "improvement": None}

        def drop(connection: Connection) -> None:
            self._update(connection, values)
            beyond = (t.losses.c.run_id == self.run_id, t.losses.c.first_step > step)
            connection.execute(delete(t.losses).where(*beyond))
            gone = (t.snapshots.c.run_id == self.run_id, t.snapshots.c.step > step)
            columns = (t.snapshots.c.sha256, t.snapshots.c.preview)
            rows = connection.execute(delete(t.snapshots).where(*gone).returning(*columns))
            self.store.free(connection, [*dropped, *(digest for row in rows for digest in row)])

        self._write(drop)

    def add(
        self,
        step: int,
        history: dict[str, tuple[float, ...]],
        *,
        improvement: float,
        seconds: float,
    ) -> None:
        """Take the losses of the steps up to ``step``, oldest first, one tuple a term."""
        self._terms = tuple(history)
        self._rows += list(zip(*history.values(), strict=True))
        self._step = step
        self._values |= {
            "step": step,
            "improvement": improvement,
            "seconds": seconds,
            "losses": json.dumps(dict(zip(self._terms, self._rows[-1], strict=True))),
        }

    def say(self, text: str) -> None:
        """Take a line for the log."""
        self._lines.append((self._step, text))

    @property
    def is_due(self) -> bool:
        """Whether what gathered should go out."""
        return time.monotonic() - self._written >= min(WRITE_EVERY * self.together, SELDOM)

    def write(self) -> None:
        """Write what gathered."""
        self._write(lambda connection: None)

    def preview(self, data: bytes) -> None:
        """Replace the run's preview."""
        self._replace("preview", data)

    def checkpoint(self, data: bytes) -> None:
        """Replace the run's checkpoint."""
        self._replace("checkpoint", data)

    def _replace(self, column: str, data: bytes) -> None:
        digest = ""

        def replace(connection: Connection) -> None:
            nonlocal digest
            digest = self.store.keep(connection, data)
            self._update(connection, {column: digest, f"{column}_step": self._step})
            self.store.free(connection, [self._files[column]])

        self._write(replace)
        self._files[column] = digest

    def snapshot(
        self, data: bytes, preview: bytes, *, output: int | None, size: tuple[int, int]
    ) -> None:
        """Keep the picture of this step; ``size`` is (height, width) in px."""

        def keep(connection: Connection) -> None:
            run = connection.execute(select(t.runs).where(t.runs.c.id == self.run_id)).one()
            values = {
                "run_id": self.run_id,
                "step": self._step,
                "output": output,
                "sha256": self.store.keep(connection, data),
                "preview": self.store.keep(connection, preview),
                "height": size[0],
                "width": size[1],
                "total": json.loads(run.losses)["total"],
                "improvement": run.improvement,
                "seconds": run.seconds,
            }
            connection.execute(insert(t.snapshots).values(values))

        self._write(keep)

    def metrics(self, metrics: Metrics) -> None:
        """Keep what was measured of the picture of this step."""

        def keep(connection: Connection) -> None:
            mine = (t.snapshots.c.run_id == self.run_id, t.snapshots.c.step == self._step)
            connection.execute(update(t.snapshots).where(*mine).values(metrics=metrics.to_json()))

        self._write(keep)

    def end(self, state: State, message: str) -> None:
        """Write what gathered and end the run."""
        self._write(lambda c: end(self.store, c, self.run_id, self.worker, state, message))

    def _write(self, work: Callable[[Connection], None]) -> None:
        """Write what gathered and do ``work``, all in one transaction.

        The claim is checked first, so that ``work`` leaves no file where it was lost.
        """
        patience = time.monotonic() + PATIENCE
        while True:
            gathered = self._rows, self._lines, self._values
            try:
                with self.store.database.write() as connection:
                    self._flush(connection)
                    work(connection)
                return
            except StoreError:
                self._rows, self._lines, self._values = gathered
                if time.monotonic() > patience:
                    raise
                time.sleep(RETRY_SECONDS)

    def _flush(self, connection: Connection) -> None:
        self._update(connection, self._values)
        if self._rows:
            rows = np.array(self._rows, "<f8")
            values = {
                "run_id": self.run_id,
                "first_step": self._step - len(rows) + 1,
                "last_step": self._step,
                "terms": json.dumps(self._terms),
                "values": rows.tobytes(),
            }
            connection.execute(insert(t.losses).values(values))
        for step, text in self._lines:
            say(connection, self.run_id, text, step=step)
        self._rows, self._lines, self._values = [], [], {}
        self._written = time.monotonic()

    def _update(self, connection: Connection, values: dict[str, Any]) -> None:
        self.cancelling = guarded_update(connection, self.run_id, self.worker, values)
