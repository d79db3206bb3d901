"""The history of runs: what people think of them, and how they are found again."""

from __future__ import annotations

from sqlalchemy import update

from nst_core.errors import RunError
from nst_core.metrics import Metrics
from nst_core.store import tables as t
from nst_core.store.store import Store

MOST_STARS = 5


class History:
    """Stars, notes and metrics of the runs in ``store``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.database = store.database

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
            RunError: there is no such picture (any more).
        """
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
