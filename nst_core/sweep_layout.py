"""Where each cell of a sweep stands on a sheet, and how its cells compare in one number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nst_core.axes import Axis, Value, value_text
from nst_core.cells import Cell, Finished, cells_of
from nst_core.errors import ConfigError
from nst_core.outcomes import Summary, is_noise, summaries
from nst_core.sweep_plan import GOALS, Direction, SweepPlan
from nst_core.sweep_results import NUMBERS, SweepResults

MOST_COLUMNS = 6  # of pictures beside each other, where a sheet has no edges

WEIGHED: Mapping[str, tuple[str, ...]] = {
    "alpha": ("total", "content"),
    "beta": ("total", "style"),
    "gamma": ("total", "tv"),
    "content_layers": ("total", "content"),
    "style_layers": ("total", "style"),
}
"""Which losses a setting is a factor of."""
MEASURES: Mapping[str, tuple[str, ...]] = {
    "content": ("total", "content"),
    "style": ("total", "style"),
    "style_statistic": ("total", "style"),
    **dict.fromkeys(
        ("weights", "pooling", "padding", "normalize_activations", "resolution_invariant"),
        ("total", "content", "style", "tv"),
    ),
}
"""Which losses a setting or a picture gives another measure to."""


@dataclass(frozen=True)
class SheetLayout:
    """A sweep as rows and columns, for one replicate.

    Attributes:
        row_axes: names of the axes down the side; may be empty.
        column_axis: name of the axis along the top; None where cells flow in order.
        rows, columns: labels, one a row and one a column; ``""`` where there are none.
        cells: row by row; None is an empty place.
        is_flow: whether it has no edges, and each cell carries its own title.
    """

    row_axes: tuple[str, ...]
    column_axis: str | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    is_flow: bool


def sheet_layout(
    results: SweepResults,
    *,
    columns: str | None = None,
    replicate: int = 0,
    most_columns: int = MOST_COLUMNS,
) -> SheetLayout:
    """Lay out the cells of a sweep, those of a grid without a run included.

    A grid of two axes or more has one along the top, and every combination of the others down the
    side. One axis is a single row, if that is not too long. All else flows in the order of the
    cells: what a sampler chose, and the replicates where nothing else is varied.

    Args:
        columns: the axis of a grid along the top; by default the last.
        replicate: whose cells are shown, from 0; a sweep of replicates alone shows all.
        most_columns: how many stand beside each other, where there is no axis along the top.

    Raises:
        ConfigError: there is no such axis or replicate.
    """
    plan = results.sweep.plan
    names = [axis.name for axis in plan.axes]
    if columns is not None and columns not in names:
        raise ConfigError(
            f"{columns[:60]!r} is no axis of this sweep; it varies {', '.join(names) or 'nothing'}"
        )
    if not 0 <= replicate < plan.replicates:
        raise ConfigError(
            f"replicate {replicate + 1} is not there; this sweep has 1 to {plan.replicates}"
        )
    if plan.sampler == "grid" and (
        len(names) > 1 or (names and len(plan.axes[0].grid) <= most_columns)
    ):
        return _grid(results, columns or names[-1], replicate)
    return _flow(_ordered(results, replicate), most_columns)


def _grid(results: SweepResults, columns: str, replicate: int) -> SheetLayout:
    plan = results.sweep.plan
    top = next(axis for axis in plan.axes if axis.name == columns)
    side = [axis for axis in plan.axes if axis.name != columns]
    places: dict[str, dict[Value, Cell]] = {}  # a row's values, then the column's
    for cell in _planned(results, replicate):
        row = Cell(0, {axis.name: cell.values[axis.name] for axis in side}).point
        places.setdefault(row, {})[cell.values[columns]] = cell
    firsts = [next(iter(row.values())) for row in places.values()]
    return SheetLayout(
        row_axes=tuple(axis.name for axis in side),
        column_axis=columns,
        rows=_row_labels(side, firsts),
        columns=axis_labels(top.grid),
        cells=tuple(tuple(row.get(value) for value in top.grid) for row in places.values()),
        is_flow=False,
    )


def _row_labels(side: Sequence[Axis], firsts: Sequence[Cell]) -> tuple[str, ...]:
    words = {axis.name: dict(zip(axis.grid, axis_labels(axis.grid), strict=True)) for axis in side}
    labels = []
    for cell in firsts:
        parts = {name: words[name][cell.values[name]] for name in words}
        several = [f"{name} {text}" for name, text in parts.items()]
        labels.append(", ".join(several if len(parts) > 1 else parts.values()))
    return tuple(labels)


def axis_labels(values: Iterable[Value]) -> tuple[str, ...]:
    """Write values with four digits of each number, or all digits where four make two alike."""
    values = tuple(values)
    short = tuple(short_value(value) for value in values)
    return short if len(set(short)) == len(short) else tuple(map(value_text, values))


def short_value(value: Value) -> str:
    """Write a value as people type it, with four significant digits of a number."""
    return value_text(float(f"{value:.4g}") if isinstance(value, float) else value)


def _planned(results: SweepResults, replicate: int) -> list[Cell]:
    """Return a replicate's cells of the plan, in order; those that have a run as the run has."""
    planned = (cell for cell in cells_of(results.sweep.plan) if cell.replicate == replicate)
    known = results.by_key
    return [known[cell.key].cell if cell.key in known else cell for cell in planned]


def _ordered(results: SweepResults, replicate: int) -> list[Cell]:
    plan = results.sweep.plan
    if not plan.axes:
        return [cell for k in range(plan.replicates) for cell in _planned(results, k)]
    if plan.sampler == "grid":
        return _planned(results, replicate)
    cells = [run.cell for run in results.runs if run.cell.replicate == replicate]
    return sorted(cells, key=lambda cell: cell.index)


def _flow(cells: Sequence[Cell], most_columns: int) -> SheetLayout:
    count = min(most_columns, len(cells))
    starts = range(0, len(cells), most_columns)
    rows = [tuple(cells[start : start + most_columns]) for start in starts]
    return SheetLayout(
        row_axes=(),
        column_axis=None,
        rows=("",) * len(rows),
        columns=("",) * count,
        cells=tuple((*row, *(None,) * (count - len(row))) for row in rows),
        is_flow=True,
    )


@dataclass(frozen=True)
class Standing:
    """How the choice of values at one point stands in one number.

    Attributes:
        summary: the number over its replicates.
        is_best: whether no other point is better; never where neither way is, or where an axis
            weighs the number itself.
        is_noise: whether it is no further from the best than replicates of one cell are from each
            other (:func:`~nst_core.outcomes.is_noise`); None where that is not known, since one of
            them has a single replicate or nothing is best. The best itself is no noise.
    """

    summary: Summary
    is_best: bool
    is_noise: bool | None


def standings(results: SweepResults, number: str) -> dict[str, Standing]:
    """Return how each point (:attr:`~nst_core.cells.Cell.point`) that has a number stands in it.

    Raises:
        ConfigError: there is no such number.
    """
    found = {
        point: numbers[number]
        for point, numbers in point_summaries(results).items()
        if number in numbers
    }
    plan = results.sweep.plan
    better = direction_of(plan, number)
    if not found or better is None or weighing_axis(plan, number):
        return {point: Standing(summary, False, None) for point, summary in found.items()}
    pick = min if better == "minimise" else max
    best = pick(found.values(), key=lambda summary: summary.mean)
    return {point: _standing(summary, best) for point, summary in found.items()}


def point_summaries(results: SweepResults) -> dict[str, dict[str, Summary]]:
    """Return what the replicates of each point came to, in the order of the cells."""
    return summaries(Finished(run.cell, run.numbers) for run in results.runs)


def _standing(summary: Summary, best: Summary) -> Standing:
    noise = is_noise(summary, best)
    is_best = summary.mean == best.mean
    return Standing(summary, is_best, noise and not is_best)


def direction_of(plan: SweepPlan, number: str) -> Direction | None:
    """Return which way a number of :data:`~nst_core.sweep_results.NUMBERS` is better.

    The plan's goal of this name says it, else the number itself; None where neither does.

    Raises:
        ConfigError: there is no such number.
    """
    if number not in NUMBERS:
        raise ConfigError(f"there is no number {number[:60]!r}; choose of {', '.join(NUMBERS)}")
    for goal in plan.goals:
        if goal.name == number:
            return goal.direction
    if number in GOALS:
        return GOALS[number]
    return "maximise" if number == "improvement" else "minimise"


def sign_of(standing: Standing) -> str:
    """Return ``★`` for the best, ``≈`` for noise, else nothing."""
    return "★" if standing.is_best else "≈" if standing.is_noise else ""


def explain_signs(found: Collection[Standing], best: str = "★ best") -> list[str]:
    """Explain the signs of those standings that a chart or a sheet shows, a line or two."""
    parts = [best] if any(standing.is_best for standing in found) else []
    if any(standing.summary.deviation is not None for standing in found):
        parts.append("± one standard deviation over replicates")
    lines = ["; ".join(parts)] if parts else []
    if any(standing.is_noise for standing in found):
        lines.append("≈ no further from the best than replicates of one cell are from each other")
    return lines


def weighing_axis(plan: SweepPlan, number: str) -> str:
    """Return the axis that changes what a loss measures, so that its lowest is no aim; or none."""
    for axis in plan.axes:
        field = axis.name.partition(".")[0]
        if number in (*WEIGHED.get(field, ()), *MEASURES.get(field, ())):
            return axis.name
    return ""


def weighing_note(plan: SweepPlan, number: str) -> str:
    """Say why no cell is the best in a loss that an axis weighs; else ``""``."""
    axis = weighing_axis(plan, number)
    title = NUMBERS[number].partition(",")[0]
    how = "depends on" if axis in MEASURES else "is weighted by"
    return f"{title} {how} {axis} itself: the lowest is no better picture" if axis else ""


def telling_number(results: SweepResults) -> str:
    """Return the number that a sweep is read by at first, of those that its runs have, if any.

    That is its goal, else the total loss, else (where an axis weighs that) the style distance.
    """
    plan = results.sweep.plan
    wanted = [goal.name for goal in plan.goals] or ["total"]
    wanted = [name for name in wanted if not weighing_axis(plan, name)] + ["style_distance"]
    found = results.numbers or list(NUMBERS)
    return next((name for name in wanted if name in found), found[0])


def summary_text(summary: Summary) -> str:
    """Write a summary: ``1.234e+05``, or ``1.23e+05 ± 4e+03 (3 runs)``.

    The spread has one digit, and the mean as many as the spread lets stand, three to six.
    """
    if summary.deviation is None:
        return f"{summary.mean:.4g}"
    return f"{mean_and_spread(summary)} ({summary.count} runs)"


def mean_and_spread(summary: Summary) -> str:
    """Write a mean and its spread, if any, without the number of runs."""
    if not summary.deviation or not summary.mean:
        spread = "" if summary.deviation is None else f" ± {summary.deviation:.1g}"
        return f"{summary.mean:.4g}{spread}"
    digits = min(max(_decade(summary.mean) - _decade(summary.deviation) + 1, 3), 6)
    spread = f"{float(f'{summary.deviation:.1g}'):.3g}"  # 30, where .1g alone says 3e+01
    return f"{summary.mean:.{digits}g} ± {spread}"


def _decade(number: float) -> int:
    """Return the power of ten of a number's first digit, as it is written with one digit."""
    return int(f"{number:.0e}".partition("e")[2])
