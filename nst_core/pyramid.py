"""Coarse to fine: at which sizes a run computes, and how many steps each gets.

Structure larger than the network sees at once is settled at a small size first (Gatys et al.
2017, CVPR, "Controlling Perceptual Factors", section 6), where a step costs little.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError

COARSEST_EDGE = 64  # px: the least that "auto" begins at
COARSEST_OF_PATCHES = 512
"""The same for patches, which look at four scales at once: from 64 px a cat's face was lost."""
SMALLEST_EDGE = 32  # px


class Level(NamedTuple):
    """One size of a run: its long edge in px, and its optimiser steps."""

    long_edge: int
    steps: int


def levels_of(config: StyleTransferConfig) -> list[Level]:
    """Plan a run's levels by its settings; see :func:`plan_levels`."""
    is_patches = config.style_statistic == "patches"
    coarsest = COARSEST_OF_PATCHES if is_patches else COARSEST_EDGE
    return plan_levels(config.size, config.steps, config.levels, coarsest)


def plan_levels(
    size: int,
    steps: int,
    levels: int | Literal["auto"] = "auto",
    coarsest: int = COARSEST_EDGE,
) -> list[Level]:
    """Plan a run's levels, coarsest first; each has half the long edge of the next.

    The finest gets twice the steps of each other, since fine grain is there alone. ``"auto"`` is
    one level below twice ``coarsest`` and one more at each doubling, as far as there are steps for
    them.

    Args:
        size: long edge of the result in px.
        steps: optimiser steps in all, at least one a level.
        coarsest: long edge in px that ``"auto"`` does not go below.

    Raises:
        ConfigError: so many levels would begin under 32 px.
    """
    most = max(1, min((size // coarsest).bit_length(), 6, steps))
    count = most if levels == "auto" else levels
    edges = [round(size / 2**halvings) for halvings in reversed(range(count))]
    if edges[0] < SMALLEST_EDGE:
        most = (size // SMALLEST_EDGE).bit_length()
        raise ConfigError(
            f"{count} levels at size {size} would begin at {edges[0]} px, and {SMALLEST_EDGE} px "
            f"is the least: lower levels to {most} or raise size"
        )
    shares = [*[1] * (count - 1), 2]
    ends = [steps * sum(shares[: n + 1]) // sum(shares) for n in range(count)]
    counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    while 0 in counts:  # fewer steps than shares: the richest level gives one
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(0)] += 1
    return [Level(edge, share) for edge, share in zip(edges, counts, strict=True)]


def output_steps(levels: list[Level], outputs: int) -> list[int]:
    """Return the steps at which pictures are kept: evenly spaced, the last on the last step.

    They are those of the finest level, so that all have the result's size; where it has fewer than
    ``outputs``, of all.
    """
    total, steps = sum(level.steps for level in levels), levels[-1].steps
    if steps < outputs:
        steps = total
    return [total - steps + round(steps * k / outputs) for k in range(1, outputs + 1)]


def seconds_left(levels: list[Level], step: int, seconds: float) -> float | None:
    """Return about how long a run will compute on that did ``step`` steps in ``seconds``.

    None before there is anything to judge by.
    """
    done = share_of_work(levels, step)
    return seconds * (1 - done) / done if seconds and done else None


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
