"""A measurement of weights summed up, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.weights_cells import Cell
from benchmarks.weights_curves import (
    Comparison,
    Point,
    Total,
    compare,
    lower_envelope,
    nearest,
    target_content,
    total,
)
from benchmarks.weights_inputs import REFERENCE, UNTRAINED, Pair


@dataclass(frozen=True)
class Measured:
    """A pair with its cells by source, in the order of beta, and what they come to."""

    pair: Pair
    cells: Mapping[str, Sequence[Cell]]

    @property
    def points(self) -> dict[str, list[Point]]:
        """Return each source's points."""
        return {
            name: [(cell.content_share, cell.style_left) for cell in cells]
            for name, cells in self.cells.items()
        }

    @property
    def curves(self) -> dict[str, list[Point]]:
        """Return each source's curve."""
        return {name: lower_envelope(points) for name, points in self.points.items()}

    @property
    def comparison(self) -> Comparison:
        """Compare the curves."""
        return compare(self.points, untrained=UNTRAINED, reference=REFERENCE)

    def at(self, beta: float) -> dict[str, Cell]:
        """Return of each source the cell with ``beta``."""
        return {
            name: next(cell for cell in cells if cell.beta == beta)
            for name, cells in self.cells.items()
        }

    def at_target(self) -> dict[str, Cell]:
        """Return of each source the cell nearest to one content that suits all."""
        target = target_content(self.curves.values())
        return {
            name: cells[nearest([cell.content_share for cell in cells], target)]
            for name, cells in self.cells.items()
        }


def totals(measured: Sequence[Measured]) -> dict[str, Total]:
    """Sum each source up over pairs."""
    found = [each.comparison for each in measured]
    return {name: total(name, found) for name in measured[0].cells}


def summary(measured: Sequence[Measured]) -> dict[str, Any]:
    """Return all that was compared, for JSON."""
    return {
        "pairs": {each.pair.name: _pair_summary(each) for each in measured},
        "sources": {name: asdict(found) for name, found in totals(measured).items()},
        "pairs_without_shared_range": _apart(measured),
    }


def _pair_summary(each: Measured) -> dict[str, Any]:
    points = {
        name: [
            {"beta": cell.beta, "content": cell.content_share, "style_left": cell.style_left}
            for cell in cells
        ]
        for name, cells in each.cells.items()
    }
    return {
        **asdict(each.comparison),
        "points": points,
        "target_content": target_content(each.curves.values()),
    }


def _apart(measured: Sequence[Measured]) -> list[str]:
    return [each.pair.name for each in measured if each.comparison.over is None]


# In words


def lines(measured: Sequence[Measured]) -> Iterator[str]:
    """Say what came out, pair by pair and then over all."""
    for each in measured:
        yield from _pair_lines(each)
    apart = _apart(measured)
    yield (
        f"over {len(measured) - len(apart)} of {len(measured)} pairs: geometric means (the lowest "
        "over all), and shares as their median (least to most)"
    )
    for name, found in totals(measured).items():
        left = "no mean" if found.style_left is None else f"{found.style_left:.4f}"
        yield f"  {name:<12} style left {left}, lowest {found.lowest:.4f}{_closes(name, found)}"
    if apart:
        yield f"left out, since their curves share no content: {', '.join(apart)}"


def _closes(name: str, found: Total) -> str:
    if name in (UNTRAINED, REFERENCE):  # which close 0 and 100 % by definition
        return ""
    if found.closed is None or found.closed_log is None:
        return "; closes an unknown share: no pair tells"
    linear, log = (
        f"{middle:.0%} ({least:.0%} to {most:.0%})"
        for middle, least, most in (found.closed, found.closed_log)
    )
    return f"; closes {linear}, log {log}, of {found.pairs} pairs"


def _pair_lines(each: Measured) -> Iterator[str]:
    found = each.comparison
    if found.over is None:
        yield f"{each.pair.name}: the curves share no content; raise or lower some of the betas"
    else:
        low, high = found.over
        yield (
            f"{each.pair.name}: content {low:.3f} to {high:.3f} is shared, "
            f"{found.covered:.0%} of what was reached"
        )
    for name, curve in each.curves.items():
        reached = f"content {curve[0][0]:.3f} to {curve[-1][0]:.3f}, lowest {curve[-1][1]:.4f}"
        yield f"  {name:<12} {_compared(name, found)}{reached}"


def _compared(name: str, found: Comparison) -> str:
    """Say what a source came to in the shared range, if there is one."""
    if found.over is None:
        return ""
    left = f"style left {found.means[name].linear:.4f}; "
    if name in (UNTRAINED, REFERENCE):
        return left
    closed = found.closed[name]
    if closed is None:
        return f"{left}{REFERENCE} is no better than {UNTRAINED}; "
    return f"{left}closes {closed.linear:.0%} (log {closed.log:.0%}); "
