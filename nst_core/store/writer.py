"""What a worker writes of the run it has: batched, guarded by its claim, in whole transactions."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, insert, select

from nst_core.store import tables as t
from nst_core.store.queue import WorkerId, end, guarded_update, say
from nst_core.store.records import Run, State
from nst_core.store.store import Store

WRITE_EVERY = 0.4  # seconds; at most a few writes a second


class RunWriter:
    """Writes the progress of ``run``, which ``worker`` has claimed.

    Losses and log lines gather in memory and go out together; a checkpoint takes them along, so
    that after a death the losses end where the checkpoint does. Every method raises
    :class:`~nst_core.store.queue.ClaimLostError` where the run is not this worker's any more.
    """

    def __init__(self, store: Store, run: Run, worker: WorkerId) -> None:
        self.store = store
        self.run_id = run.id
        self.worker = worker
        self.cancelling = False
        self._preview = run.preview
        self._checkpoint = run.checkpoint
        self._step = run.checkpoint_step
        self._terms: tuple[str, ...] = ()
        self._rows: list[tuple[float, ...]] = []
        self._lines: list[tuple[int, str]] = []
        self._values: dict[str, Any] = {}
        self._written = time.monotonic()

    def begin(self, step: int, device: str, weights: str) -> None:
        """Start from ``step``: what was written beyond it by a worker that died goes."""
        self._step = step
        with self.store.database.write() as connection:
            values: dict[str, Any] = {"step": step, "device": device, "weights": weights}
            dropped: list[str | None] = []
            if step == 0:
                dropped, self._checkpoint = [self._checkpoint], None
                values |= {"checkpoint": None, "checkpoint_step": 0, "seconds": 0.0}
            self._update(connection, values)
            beyond = (t.losses.c.run_id == self.run_id, t.losses.c.first_step > step)
            connection.execute(delete(t.losses).where(*beyond))
            gone = (t.snapshots.c.run_id == self.run_id, t.snapshots.c.step > step)
            columns = (t.snapshots.c.sha256, t.snapshots.c.preview)
            rows = connection.execute(delete(t.snapshots).where(*gone).returning(*columns))
            dropped += [digest for row in rows for digest in row]
            self.store.free(connection, dropped)

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
        return time.monotonic() - self._written >= WRITE_EVERY

    def write(self) -> None:
        """Write what gathered."""
        with self.store.database.write() as connection:
            self._flush(connection)

    def preview(self, data: bytes) -> None:
        """Replace the run's preview."""
        with self.store.database.write() as connection:
            digest, former = self.store.keep(connection, data), self._preview
            self._values |= {"preview": digest, "preview_step": self._step}
            self._flush(connection)
            self.store.free(connection, [former])
        self._preview = digest

    def checkpoint(self, data: bytes) -> None:
        """Replace the run's checkpoint."""
        with self.store.database.write() as connection:
            digest, former = self.store.keep(connection, data), self._checkpoint
            self._values |= {"checkpoint": digest, "checkpoint_step": self._step}
            self._flush(connection)
            self.store.free(connection, [former])
        self._checkpoint = digest

    def snapshot(
        self, data: bytes, preview: bytes, *, output: int | None, size: tuple[int, int]
    ) -> None:
        """Keep the picture of this step; ``size`` is (height, width) in px."""
        with self.store.database.write() as connection:
            self._flush(connection)
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

    def end(self, state: State, message: str) -> None:
        """Write what gathered and end the run."""
        with self.store.database.write() as connection:
            self._flush(connection)
            end(self.store, connection, self.run_id, self.worker, state, message)

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
