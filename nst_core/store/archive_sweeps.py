"""The sweeps of an archive: whether their plans, their pictures and their runs go together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from nst_core.axis_names import PICTURES
from nst_core.cells import Cell
from nst_core.errors import ArchiveError, NSTError
from nst_core.store import archive_format as f
from nst_core.store.archive_pictures import Pictures
from nst_core.store.archive_runs import CheckedRun
from nst_core.store.records import VALUE
from nst_core.sweep import MOST_ESTIMATED, count_runs
from nst_core.sweep_plan import SweepPlan

Place = tuple[str, int, str]  # role, position and SHA-256 of a run's input


class CheckedSweep(NamedTuple):
    """A sweep of an archive, with its plan read."""

    entry: f.SweepEntry
    plan: SweepPlan


def checked_sweeps(
    entries: Sequence[f.SweepEntry],
    runs: Sequence[CheckedRun],
    files: Mapping[str, bytes],
    digests: Mapping[str, str],
    pictures: Pictures,
) -> tuple[CheckedSweep, ...]:
    """Read the plans of sweeps, and check each with its pictures and its runs.

    Args:
        files, digests: bytes and SHA-256 by path.

    Raises:
        ArchiveError: what one says cannot be.
    """
    if len({entry.id for entry in entries}) < len(entries):
        raise ArchiveError(f"it holds two sweeps of one number; {f.AGAIN}")
    found = []
    for entry in entries:
        try:
            plan = SweepPlan.from_json(files[entry.plan].decode("utf-8", "replace"))
            _check_size(entry, plan, runs)
            _check_pictures(entry, plan, pictures)
            _check_runs(entry, plan, runs, digests)
        except NSTError as error:
            words = f.shortened(str(error), 500)
            raise ArchiveError(f"sweep {entry.id}: {words}") from None
        found.append(CheckedSweep(entry, plan))
    _check_all_are_there(runs, {entry.id for entry in entries})
    return tuple(found)


def _check_all_are_there(runs: Sequence[CheckedRun], sweeps: Collection[int]) -> None:
    for run in runs:
        if (run.entry.sweep is None) != (run.entry.cell is None):
            raise ArchiveError(f"run {run.entry.id} has a sweep or a cell alone; {f.AGAIN}")
        if run.entry.sweep is not None and run.entry.sweep not in sweeps:
            raise ArchiveError(
                f"run {run.entry.id} is of sweep {run.entry.sweep}, which is not in it; {f.AGAIN}"
            )


def _check_size(entry: f.SweepEntry, plan: SweepPlan, runs: Sequence[CheckedRun]) -> None:
    planned = count_runs(plan)
    if planned > MOST_ESTIMATED or entry.at_once > MOST_ESTIMATED:
        raise ArchiveError(
            f"it plans {planned:,} runs, {entry.at_once:,} trials at a time, and a sweep of an "
            f"archive at most {MOST_ESTIMATED:,}; do not use it"
        )
    if all(run.entry.sweep != entry.id for run in runs):
        raise ArchiveError(f"none of its runs is in the archive; {f.AGAIN}")


def _check_pictures(entry: f.SweepEntry, plan: SweepPlan, pictures: Pictures) -> None:
    if len({(item.role, item.position) for item in entry.inputs}) < len(entry.inputs):
        raise ArchiveError(f"it has two pictures of one role and position; {f.AGAIN}")
    styles = sorted(item.position for item in entry.inputs if item.role == "style")
    if styles != list(range(len(styles))):
        raise ArchiveError(f"its styles are not in order; {f.AGAIN}")
    pictures.check_inputs(entry.inputs)
    for axis in plan.axes:
        if axis.name in PICTURES:
            names = [item.name for item in entry.inputs if item.role == axis.name + VALUE]
            if sorted(names) != sorted(map(str, axis.values)):
                raise ArchiveError(f"its pictures are not those of its axis {axis.name}; {f.AGAIN}")


def _check_runs(
    entry: f.SweepEntry,
    plan: SweepPlan,
    runs: Sequence[CheckedRun],
    digests: Mapping[str, str],
) -> None:
    mine = [run for run in runs if run.entry.sweep == entry.id and run.entry.cell is not None]
    cells = [cell_of(run.entry) for run in mine]
    if len({cell.key for cell in cells}) < len(cells):
        raise ArchiveError(f"two of its runs are one cell; {f.AGAIN}")
    axes = {axis.name for axis in plan.axes}
    for run, cell in zip(mine, cells, strict=True):
        told = {(item.role, item.position, digests[item.file]) for item in run.entry.inputs}
        if (
            set(cell.values) != axes
            or cell.config(plan.base) != run.config
            or told != _inputs_of(entry, cell, digests)
        ):
            raise ArchiveError(
                f"run {run.entry.id} is not the cell that it says ({cell.title}); {f.AGAIN}"
            )


def _inputs_of(entry: f.SweepEntry, cell: Cell, digests: Mapping[str, str]) -> set[Place]:
    found: set[Place] = set()
    for item in entry.inputs:
        if not item.role.endswith(VALUE):
            found.add((item.role, item.position, digests[item.file]))
        elif cell.pictures.get(role := item.role.removesuffix(VALUE)) == item.name:
            found.add((role, 0, digests[item.file]))
    return found


def cell_of(entry: f.RunEntry) -> Cell:
    """Return the cell that a run of a sweep is."""
    assert entry.cell is not None
    return Cell(entry.cell.index, entry.cell.values, entry.cell.replicate)
