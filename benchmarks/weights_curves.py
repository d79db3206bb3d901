"""Curves of style left over content distance, and how two sources of weights compare on them.

A point is ``(content, style_left)``, both shares from 0: the distance to the content picture, 1
being the style picture's own, and the style distance, 1 being the content picture's. A curve joins
the points that no other beats: content rises and style left falls along it. Between two of them
the logarithm of style left is linear in content, and beyond its ends a curve says nothing.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nst_core import pareto_front

Point = tuple[float, float]
Range = tuple[float, float]


def lower_envelope(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other beats in both numbers, by rising content.

    Points with a number that is not finite are left out.
    """
    found = list(dict.fromkeys(points))
    return sorted(found[index] for index in pareto_front(found))


def shared_range(curves: Iterable[Sequence[Point]]) -> Range | None:
    """Return the contents that every curve reaches, or None where there is no such range."""
    low, high = _common_ends(curves)
    return (low, high) if low < high else None


def _common_ends(curves: Iterable[Sequence[Point]]) -> Range:
    """Return the last of the starts and the first of the ends."""
    contents = [[content for content, _ in curve] for curve in curves]
    return max(map(min, contents)), min(map(max, contents))


def target_content(curves: Iterable[Sequence[Point]]) -> float:
    """Return the content at which pictures are compared by eye.

    It is the middle of the shared range; where there is none, the middle of the gap.
    """
    return sum(_common_ends(curves)) / 2


def nearest(contents: Sequence[float], target: float) -> int:
    """Return the position of the content nearest to ``target``; of two, the first."""
    return min(range(len(contents)), key=lambda index: abs(contents[index] - target))


def style_left_at(curve: Sequence[Point], content: float) -> float:
    """Return a curve's style left at ``content``, which must lie between its ends."""
    for (start, above), (end, below) in itertools.pairwise(curve):
        if start <= content <= end:
            share = (content - start) / (end - start)
            return math.exp((1 - share) * math.log(above) + share * math.log(below))
    raise ValueError(
        f"the curve goes from {curve[0][0]:.4g} to {curve[-1][0]:.4g}, and was asked at "
        f"{content:.4g}"
    )


@dataclass(frozen=True)
class Means:
    """What a curve leaves of the style over a range of contents.

    Attributes:
        linear: the mean of style left.
        geometric: the exponential of the mean of its logarithm.
    """

    linear: float
    geometric: float


def mean_style_left(curve: Sequence[Point], over: Range) -> Means:
    """Return the exact means of a curve over a range within it.

    Over a piece that falls from ``a`` to ``b`` as an exponential, style left has the logarithmic
    mean ``(a - b) / ln(a / b)``, and its logarithm ``(ln a + ln b) / 2``.
    """
    low, high = over
    inside = [content for content, _ in curve if low < content < high]
    contents = [low, *inside, high]
    values = [style_left_at(curve, content) for content in contents]
    linear = logarithm = 0.0
    pieces = zip(itertools.pairwise(contents), itertools.pairwise(values), strict=True)
    for (start, end), (above, below) in pieces:
        share = (end - start) / (high - low)
        linear += share * _logarithmic_mean(above, below)
        logarithm += share * (math.log(above) + math.log(below)) / 2
    return Means(linear, math.exp(logarithm))


def _logarithmic_mean(a: float, b: float) -> float:
    if math.isclose(a, b, rel_tol=1e-6):  # the quotient would lose its digits
        return (a + b) / 2
    return (a - b) / math.log(a / b)


@dataclass(frozen=True)
class Closed:
    """How much of the distance between untrained and reference weights a source closes.

    0 is as the untrained, 1 as the reference, under 0 worse than untrained.

    Attributes:
        linear: ``(U - S) / (U - R)``, of the means of style left over the shared range.
        log: ``ln(U / S) / ln(U / R)``, of the geometric means.
    """

    linear: float
    log: float


def closed_share(untrained: Means, source: Means, reference: Means) -> Closed | None:
    """Return the share that ``source`` closes; None where the reference is no better."""
    distance = untrained.linear - reference.linear
    ratio = math.log(untrained.geometric / reference.geometric)
    if distance <= 0 or ratio <= 0:
        return None
    return Closed(
        (untrained.linear - source.linear) / distance,
        math.log(untrained.geometric / source.geometric) / ratio,
    )


@dataclass(frozen=True)
class Comparison:
    """The sources' curves of one pair, compared at equal content.

    Attributes:
        over: the contents that all curves share; None where they share none, and then ``means``
            and ``closed`` are empty.
        covered: which part of the contents reached by any source ``over`` is, 0 to 1.
        means: each source's style left over the range.
        closed: for each source, the share it closes; None where the reference is no better.
        lowest: the least style left that each source reached, wherever.
    """

    over: Range | None
    covered: float
    means: Mapping[str, Means]
    closed: Mapping[str, Closed | None]
    lowest: Mapping[str, float]


def compare(points: Mapping[str, Sequence[Point]], *, untrained: str, reference: str) -> Comparison:
    """Compare the sources of one pair, each with its points, over the range that all share."""
    curves = {name: lower_envelope(found) for name, found in points.items()}
    over = shared_range(curves.values())
    lowest = {name: curve[-1][1] for name, curve in curves.items()}
    if over is None:
        return Comparison(None, 0.0, {}, {}, lowest)
    ends = [curve[end][0] for curve in curves.values() for end in (0, -1)]
    means = {name: mean_style_left(curve, over) for name, curve in curves.items()}
    closed = {
        name: closed_share(means[untrained], mean, means[reference]) for name, mean in means.items()
    }
    covered = (over[1] - over[0]) / (max(ends) - min(ends))
    return Comparison(over, covered, means, closed, lowest)


@dataclass(frozen=True)
class Total:
    """What a source comes to over the pairs that have a shared range.

    Attributes:
        style_left: the geometric mean over pairs of the mean style left, None without a pair.
        lowest: the geometric mean over all pairs of the least style left.
        closed: median, least and most of the share closed (linear), None without a pair.
        closed_log: the same of the logarithmic share.
        pairs: how many pairs have a share.
    """

    style_left: float | None
    lowest: float
    closed: tuple[float, float, float] | None
    closed_log: tuple[float, float, float] | None
    pairs: int


def total(source: str, comparisons: Sequence[Comparison]) -> Total:
    """Sum a source up over pairs."""
    lefts = [found.means[source].linear for found in comparisons if found.over]
    shares = [share for found in comparisons if (share := found.closed.get(source))]
    return Total(
        statistics.geometric_mean(lefts) if lefts else None,
        statistics.geometric_mean([found.lowest[source] for found in comparisons]),
        _spread([share.linear for share in shares]),
        _spread([share.log for share in shares]),
        len(shares),
    )


def _spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    return (statistics.median(values), min(values), max(values)) if values else None
