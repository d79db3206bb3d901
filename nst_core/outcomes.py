"""What came out of a sweep: means and spreads over replicates, and the front between two goals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nst_core.cells import Finished


@dataclass(frozen=True)
class Summary:
    """A number over the replicates of one choice of values.

    Attributes:
        mean: over the replicates that have the number.
        deviation: their standard deviation, divided by ``count - 1``; None for a single one.
        count: how many there are.
    """

    mean: float
    deviation: float | None
    count: int


def summaries(finished: Iterable[Finished]) -> dict[str, dict[str, Summary]]:
    """Return for each point (:attr:`~nst_core.cells.Cell.point`) what its replicates came to.

    Points and numbers are in the order in which they were first told of. Failed runs and numbers
    that are not finite are left out; a point without any number has an empty summary.
    """
    told: dict[str, list[Mapping[str, float | None]]] = {}
    for cell, numbers in finished:
        told.setdefault(cell.point, []).append(numbers)
    return {point: _summarised(numbers) for point, numbers in told.items()}


def _summarised(each: Sequence[Mapping[str, float | None]]) -> dict[str, Summary]:
    names = dict.fromkeys(name for numbers in each for name in numbers)
    found = {name: finite_numbers(each, name) for name in names}
    return {name: _summary(numbers) for name, numbers in found.items() if numbers}


def _summary(numbers: Sequence[float]) -> Summary:
    spread = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Summary(statistics.fmean(numbers), spread, len(numbers))


def finite_numbers(each: Iterable[Mapping[str, float | None]], name: str) -> list[float]:
    """Return the numbers of this name, without those that are missing or not finite."""
    found = (numbers.get(name) for numbers in each)
    return [number for number in found if number is not None and math.isfinite(number)]


def is_noise(one: Summary, other: Summary) -> bool | None:
    """Whether two means lie no further apart than single runs of one cell do.

    That is ``|mean_1 - mean_2| <= s``, where ``s`` is the pooled standard deviation,
    ``s^2 = ((n_1 - 1) s_1^2 + (n_2 - 1) s_2^2) / (n_1 + n_2 - 2)``. It is an effect of less than
    one deviation (Cohen's d up to 1), and says what to expect of one more run. It is no test of
    significance: it does not ask how well the means are known, and becomes no sharper with more
    replicates.

    Returns:
        None where one of them has a single replicate, and so no spread.
    """
    if one.deviation is None or other.deviation is None:
        return None
    squares = (one.count - 1) * one.deviation**2 + (other.count - 1) * other.deviation**2
    pooled = math.sqrt(squares / (one.count + other.count - 2))
    return abs(one.mean - other.mean) <= pooled


def pareto_front(
    points: Sequence[tuple[float, float]], *, maximise: tuple[bool, bool] = (False, False)
) -> list[int]:
    """Return the positions of the points that no other point beats, in their order.

    One point beats another if it is at least as good in both numbers and better in one: equal
    points do not beat each other. Points with a number that is not finite are left out.

    Args:
        maximise: for each number, whether more is better.
    """
    costs = np.array(points, dtype=float).reshape(-1, 2) * np.where(maximise, -1, 1)
    usable = np.isfinite(costs).all(axis=1)
    front = []
    for position in np.flatnonzero(usable).tolist():
        own, others = costs[position], costs[usable]
        beats = (others <= own).all(axis=1) & (others < own).any(axis=1)
        if not beats.any():
            front.append(position)
    return front
