"""What the charts of a sweep share: its trials, scales of values and of numbers, and a look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import altair as alt
import pandas as pd

from nst_core.axes import Axis, Value
from nst_core.cells import Cell
from nst_core.outcomes import Summary
from nst_core.sweep_layout import axis_labels, point_summaries, short_value
from nst_core.sweep_plan import SweepPlan
from nst_core.sweep_results import NUMBERS, SweepResults

DECADE = 10  # positive numbers that differ by more stand on a log scale
BEST, POINT, GREY = "#c2512f", "#3a7ca5", "#808080"  # all seen on white and on black
Channel = TypeVar("Channel", alt.X, alt.Y)
REPLICATE = "replicate"  # stands for an axis where a sweep has none


class Trial(NamedTuple):
    """A choice of values that has numbers.

    Attributes:
        values: by the axes' names; the replicate, from 1, where the sweep has no axes.
        numbers: over the replicates that are done.
        runs: the numbers of those runs, as ``12`` or ``12, 13, 14``.
    """

    values: Mapping[str, Value]
    numbers: Mapping[str, Summary]
    runs: str

    @property
    def title(self) -> str:
        """What its values are, with four digits of each number."""
        return ", ".join(f"{name} {short_value(value)}" for name, value in self.values.items())

    @property
    def point(self) -> str:
        """Its values as stable text: :attr:`~nst_core.cells.Cell.point`."""
        return Cell(0, self.values).point


def trials_of(results: SweepResults) -> list[Trial]:
    """Return the trials of which at least one run is done, in the order of their cells."""
    if not results.sweep.plan.axes:
        return [
            Trial({REPLICATE: run.cell.replicate + 1}, _alone(run.numbers), str(run.entry.run.id))
            for run in results.runs
            if run.numbers
        ]
    runs: dict[str, list[int]] = {}
    values: dict[str, Mapping[str, Value]] = {}
    for run in results.runs:
        if run.numbers:
            runs.setdefault(run.cell.point, []).append(run.entry.run.id)
            values[run.cell.point] = run.cell.values
    found = point_summaries(results)
    return [
        Trial(values[point], found[point], ", ".join(map(str, runs[point]))) for point in values
    ]


def _alone(numbers: Mapping[str, float]) -> dict[str, Summary]:
    return {
        name: Summary(value, None, 1) for name, value in numbers.items() if math.isfinite(value)
    }


@dataclass(frozen=True)
class ValueScale:
    """A scale from 0 to 1, of numbers or of words.

    Attributes:
        low, high: the numbers at its ends.
        is_log: whether numbers stand on it by their logarithm.
        words: where it holds words, each with its label, in order; else empty.
    """

    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    words: tuple[tuple[Value, str], ...] = ()

    def share(self, value: Value) -> float:
        """Return where a value stands, from 0 to 1; what has no extent stands in the middle."""
        if self.words:
            places = [type(value) is type(word) and value == word for word, _ in self.words]
            return (places.index(True) + 0.5) / len(places)
        low, high, number = self.low, self.high, float(value)
        if self.is_log:
            low, high, number = math.log(low), math.log(high), math.log(number)
        return (number - low) / (high - low) if high > low else 0.5

    def label(self, value: Value) -> Value:
        """Return what names a value on an axis: its word, or the number itself."""
        if not self.words:
            return float(value)
        return next(
            label for word, label in self.words if type(word) is type(value) and word == value
        )

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """What is written on it, and where: both ends of numbers, every word."""
        if self.words:
            return [(self.share(word), label) for word, label in self.words]
        if self.low == self.high:
            return [(0.5, short_number(self.low))]
        return [(0.0, short_number(self.low)), (1.0, short_number(self.high))]


def axis_scales(plan: SweepPlan) -> dict[str, ValueScale]:
    """Return the scale of each axis, over all that it may take, by its name."""
    if plan.axes:
        return {axis.name: _axis_scale(axis) for axis in plan.axes}
    return {REPLICATE: words_scale(range(1, plan.replicates + 1))}


def _axis_scale(axis: Axis) -> ValueScale:
    if axis.low is not None and axis.high is not None:
        return ValueScale(float(axis.low), float(axis.high), axis.scale == "log")
    numbers = [value for value in axis.values if is_number(value)]
    if len(numbers) < len(axis.values):
        return words_scale(axis.values)
    return number_scale(float(number) for number in numbers)


def words_scale(values: Iterable[Value]) -> ValueScale:
    """Return a scale of listed values, in their order."""
    values = tuple(values)
    return ValueScale(words=tuple(zip(values, axis_labels(values), strict=True)))


def number_scale(numbers: Iterable[float]) -> ValueScale:
    """Return the scale from the lowest to the highest of finite ``numbers``; of none, 0 to 0."""
    numbers = list(numbers)
    if not numbers:
        return ValueScale()
    return ValueScale(min(numbers), max(numbers), spans_decades(numbers))


def spans_decades(numbers: Sequence[float]) -> bool:
    """Whether numbers are all above 0 and differ by more than a decade."""
    return bool(numbers) and min(numbers) > 0 and max(numbers) > DECADE * min(numbers)


def is_number(value: Value) -> bool:
    """Whether a value is a number, and no switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def short_number(number: float, digits: int = 3) -> str:
    """Write a number as people type it, with as many significant digits: ``1.23e5``."""
    return short_value(float(f"{number:.{digits}g}"))


# The look that the charts share


def chart_title(text: str, more: Sequence[str] = ()) -> alt.TitleParams:
    """Return a chart's title, with paler lines below it that explain its signs."""
    return alt.TitleParams(
        text,
        subtitle=list(more) or alt.Undefined,
        anchor="start",
        fontSize=14,
        subtitleColor=GREY,
        subtitlePadding=4,
        offset=10,
    )


def number_tips(number: str) -> list[alt.Tooltip]:
    """Return tooltips of the columns ``cell``, ``number`` and ``runs``."""
    return [
        alt.Tooltip("cell:N", title="cell"),
        alt.Tooltip("number:N", title=NUMBERS[number]),
        alt.Tooltip("runs:N", title="run"),
    ]


def number_axis(
    channel: type[Channel],
    column: pd.Series[float],
    title: str,
    *,
    is_log: bool,
    ticks: Sequence[float] = (),
) -> Channel:
    """Return an axis of a column's numbers that leaves room around them.

    Args:
        ticks: what is labelled; by default about five round numbers.
    """
    scale = alt.Scale(type="log" if is_log else "linear", zero=False, nice=False, padding=16)
    return channel(
        f"{column.name}:Q",
        title=title,
        # No numbers would have no extent
        scale=alt.Scale(domain=[0, 1]) if column.empty else scale,
        axis=alt.Axis(
            format=".4~g", tickCount=5, gridOpacity=0.5, values=list(ticks) or alt.Undefined
        ),
    )


def specification(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """Return a chart as Vega-Lite that leaves its data to whoever draws it.

    Altair gives each layer without data an empty table, which would hide the one of all layers.
    """
    spec: dict[str, Any] = dict(chart.to_dict())
    spec.pop("datasets", None)
    # A page would fit the height too, and squeeze what stands above and below the plot into it
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    for layer in (spec, *spec.get("layer", ())):
        layer.pop("data", None)
    return spec
