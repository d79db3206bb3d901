"""What came of a sweep so far: its runs by cell, their numbers, and what is still to do."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from nst_core.axes import Value
from nst_core.cells import Cell, Finished, cells_of, missing_cells
from nst_core.config import StyleTransferConfig
from nst_core.store import Entry, Run, Store, Sweep, Sweeps
from nst_core.store.records import State
from nst_core.sweep import count_runs, estimate_seconds

TERMS = ("total", "content", "style", "tv")
METRICS = (
    "style_distance",
    "content_distance",
    "color_difference",
    "ssim",
    "sharpness",
    "colorfulness",
)
NUMBERS: Mapping[str, str] = {
    "total": "Total loss",
    "content": "Content loss, weighted",
    "style": "Style loss, weighted",
    "tv": "Total variation loss, weighted",
    "style_distance": "Style distance",
    "content_distance": "Content distance",
    "color_difference": "Colour difference",
    "ssim": "SSIM to the content",
    "sharpness": "Sharpness",
    "colorfulness": "Colourfulness",
    "improvement": "Improvement, %",
    "seconds": "Time, s",
}
"""What a run of a sweep comes to, and what people call it."""


@dataclass(frozen=True)
class SweepRun:
    """A run of a sweep.

    Attributes:
        cell: its place in the sweep.
        entry: the run with its latest picture and its metrics.
    """

    cell: Cell
    entry: Entry

    @cached_property
    def numbers(self) -> dict[str, float]:
        """What it came to, by the names of :data:`NUMBERS`; nothing unless it is done."""
        run, metrics = self.entry.run, self.entry.metrics
        if run.state != "done":
            return {}
        found: dict[str, float | None] = {name: run.losses.get(name) for name in TERMS}
        if metrics is not None:
            measured = asdict(metrics)
            found |= {name: measured.get(name) for name in METRICS}
        found |= {"improvement": run.improvement, "seconds": run.seconds}
        return {name: float(value) for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class SweepResults:
    """A sweep and its runs, as the store has them now, in the order of their cells."""

    sweep: Sweep
    runs: tuple[SweepRun, ...]

    @cached_property
    def by_key(self) -> dict[str, SweepRun]:
        """Its runs by their cells' keys."""
        return {run.cell.key: run for run in self.runs}

    @cached_property
    def states(self) -> Counter[State]:
        """How many of its runs are in which state."""
        return Counter(run.entry.run.state for run in self.runs)

    @property
    def planned(self) -> int:
        """How many runs the plan has."""
        return count_runs(self.sweep.plan)

    @property
    def is_active(self) -> bool:
        """Whether a run of it waits or runs."""
        return any(run.entry.run.is_active for run in self.runs)

    @property
    def is_complete(self) -> bool:
        """Whether all planned runs are done."""
        return self.states["done"] >= self.planned

    @cached_property
    def missing(self) -> list[Cell]:
        """The cells of a grid or a random search that have no run, in order; else none."""
        return missing_cells(self.sweep.plan, self.by_key) if self.sweep.plan.is_fixed else []

    @property
    def finished(self) -> list[Finished]:
        """The cells whose runs ended done, failed, or cancelled, in the order of their end."""
        ended = [run for run in self.runs if run.entry.run.state in ("done", "failed", "cancelled")]
        ended.sort(key=lambda run: (run.entry.run.ended_at or 0.0, run.entry.run.id))
        return [Finished(run.cell, run.numbers) for run in ended]

    @property
    def pending(self) -> list[Cell]:
        """The cells whose runs wait, run, or were interrupted."""
        pending = ("queued", "running", "interrupted")
        return [run.cell for run in self.runs if run.entry.run.state in pending]

    @property
    def numbers(self) -> list[str]:
        """The names of :data:`NUMBERS` that a run has, in that order."""
        found = {name for run in self.runs for name in run.numbers}
        return [name for name in NUMBERS if name in found]

    def seconds_left(self, devices: int = 1) -> float | None:
        """Return about how long the planned runs will compute on; None without one to judge by.

        They are judged by those of this sweep that are done, else by one that runs. Runs that
        failed or stopped early are left out, since they only go on when someone asks.
        """
        runs = [run.entry.run for run in self.runs]
        past = [(run.config, wall_seconds(run)) for run in runs if run.state == "done"]
        running = [run for run in runs if run.state == "running" and run.seconds_left is not None]
        past = past or [(run.config, run.seconds + (run.seconds_left or 0.0)) for run in running]
        ended = [run.cell.key for run in self.runs if not run.entry.run.is_active]
        rest = estimate_seconds(self.sweep.plan, past, devices, done=ended)
        if rest is None:
            return None
        return max(0.0, rest - sum(run.seconds for run in running) / devices)


def wall_seconds(run: Run) -> float:
    """Return how long a run that is done took, with loading and measuring.

    Where it stood still in between, or may have shared its time with others (in a sweep, on a
    GPU), its computing alone.
    """
    took = (run.ended_at or 0.0) - (run.started_at or 0.0)
    is_processor = " threads in use" in (run.device or "")  # see describe_device
    is_shared = run.sweep_id is not None and not is_processor
    return run.seconds if is_shared or took > 2 * run.seconds + 10 else took


def past_runs(store: Store, most: int = 30) -> list[tuple[StyleTransferConfig, float]]:
    """Return the settings of the latest runs that are done, and how many seconds each took.

    Only those that were computed where the last one was: another device has another speed.
    """
    runs = store.runs(most, states=("done",))
    return [(run.config, wall_seconds(run)) for run in runs if run.device == runs[0].device]


def load_results(store: Store, sweep_id: int) -> SweepResults:
    """Return what came of a sweep so far.

    Raises:
        RunError: there is no such sweep.
    """
    sweeps = Sweeps(store)
    sweep = sweeps.get(sweep_id)
    found = [
        SweepRun(entry.run.cell, entry)
        for entry in sweeps.entries(sweep_id)
        if entry.run.cell is not None
    ]
    order = _positions(sweep)
    found.sort(key=lambda run: order.get(run.cell.key, run.cell.index))
    return SweepResults(sweep, tuple(found))


def _positions(sweep: Sweep) -> dict[str, int]:
    """Return each cell's place in the plan as it is now: an extended grid has new ones between."""
    if not sweep.plan.is_fixed:
        return {}
    return {cell.key: place for place, cell in enumerate(cells_of(sweep.plan))}


def results_csv(results: SweepResults) -> str:
    """Write a row a run: its cell's values, its state and its numbers, all digits kept.

    Columns: sweep, run, state, a column an axis, replicate (from 1), seed, steps, size, those of
    :data:`NUMBERS`, and message. A number that is missing is empty.
    """
    axes = [axis.name for axis in results.sweep.plan.axes]
    extra = [name for name in ("seed", "steps", "size") if name not in axes]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["sweep", "run", "state", *axes, "replicate", *extra, *NUMBERS, "message"])
    for run in results.runs:
        table.writerow(_row(results.sweep.id, run, axes, extra))
    return text.getvalue()


def _row(
    sweep_id: int, run: SweepRun, axes: Sequence[str], extra: Sequence[str]
) -> Iterator[object]:
    made = run.entry.run
    values: Mapping[str, Value] = run.cell.values
    yield from (sweep_id, made.id, made.state)
    yield from (values.get(name, "") for name in axes)
    yield run.cell.replicate + 1
    yield from (getattr(made.config, name) for name in extra)
    yield from (run.numbers.get(name, "") for name in NUMBERS)
    yield made.message
