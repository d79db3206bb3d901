"""Coarse to fine: at which sizes a run computes, and how many steps each gets.

Structure larger than the network sees at once is settled at a small size first (Gatys et al.
2017, CVPR, "Controlling Perceptual Factors", section 6).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from nst_core.errors import ConfigError

SINGLE_LEVEL_EDGE = 512  # px: up to here VGG-19's deepest layers see most of the picture
SMALLEST_EDGE = 32  # px


class Level(NamedTuple):
    """One size of a run: its long edge in px, and its optimiser steps."""

    long_edge: int
    steps: int


def plan_levels(size: int, steps: int, levels: int | Literal["auto"] = "auto") -> list[Level]:
    """Plan a run's levels, coarsest first; each has half the long edge of the next.

    The coarsest gets twice the steps of each other, since it settles the structure and costs
    least. ``"auto"`` is one level below 1024 px and one more at each doubling, as far as there
    are steps for them.

    Args:
        size: long edge of the result in px.
        steps: optimiser steps in all, at least one a level.

    Raises:
        ConfigError: so many levels would begin under 32 px.
    """
    if levels == "auto":
        count = max(1, min((size // SINGLE_LEVEL_EDGE).bit_length(), 6, steps))
    else:
        count = levels
    edges = [round(size / 2**halvings) for halvings in reversed(range(count))]
    if edges[0] < SMALLEST_EDGE:
        most = (size // SMALLEST_EDGE).bit_length()
        raise ConfigError(
            f"{count} levels at size {size} would begin at {edges[0]} px, and {SMALLEST_EDGE} px "
            f"is the least: lower levels to {most} or raise size"
        )
    shares = [2, *[1] * (count - 1)]
    ends = [steps * sum(shares[: n + 1]) // sum(shares) for n in range(count)]
    counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    while 0 in counts:  # fewer steps than shares: the richest level gives one
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(0)] += 1
    return [Level(edge, share) for edge, share in zip(edges, counts, strict=True)]


def output_steps(steps: int, outputs: int) -> list[int]:
    """Return the steps at which pictures are kept: evenly spaced, the last on the last step."""
    return [round(steps * k / outputs) for k in range(1, outputs + 1)]


def share_of_work(levels: list[Level], step: int) -> float:
    """Return which share of a run's computing is done after ``step`` steps, 0 to 1.

    A step's cost grows with its pixels, and so with the square of its level's long edge.
    """
    done = total = 0
    for level in levels:
        cost = level.long_edge**2
        done += cost * min(step, level.steps)
        total += cost * level.steps
        step = max(0, step - level.steps)
    return done / total
