"""Before a sweep starts: how many runs it has, whether it may start, and how long it will take."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from nst_core.cells import Cell, cells_of, draw, find_free, missing_cells
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.pyramid import levels_of
from nst_core.sweep_plan import MOST_COUNT, SweepPlan

MOST_RUNS = 200  # of one sweep; NST_SWEEP_LIMIT takes its place
MOST_ESTIMATED = 10_000  # runs; a longer sweep is walked through by nobody


def count_runs(plan: SweepPlan) -> int:
    """Return how many runs a sweep has, replicates included."""
    if plan.sampler == "grid":
        return math.prod(len(axis.grid) for axis in plan.axes) * plan.replicates
    return (plan.trials or 0) * plan.replicates


def sweep_limit() -> int:
    """Return how many runs a sweep may have: ``NST_SWEEP_LIMIT``, or 200.

    Raises:
        ConfigError: the variable holds no whole number above 0.
    """
    text = os.environ.get("NST_SWEEP_LIMIT") or str(MOST_RUNS)
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:20]) <= MOST_COUNT):
        raise ConfigError(
            f"NST_SWEEP_LIMIT must be a whole number from 1 to {MOST_COUNT}, got {text[:60]!r}"
        )
    return int(text)


def check_plan(plan: SweepPlan, most: int | None = None) -> int:
    """Check a sweep as far as can be without its pictures; return its number of runs.

    Args:
        most: how many runs it may have; by default :func:`sweep_limit`.

    Raises:
        ConfigError: it has too many runs, or a combination of values cannot be used.
    """
    runs, most = count_runs(plan), sweep_limit() if most is None else most
    if runs > most:
        parts = "values" if plan.sampler == "grid" else "trials"
        raise ConfigError(
            f"this sweep has {runs:,} runs, and {most:,} are allowed: ask for fewer {parts} or "
            "replicates, or raise NST_SWEEP_LIMIT"
        )
    if plan.sampler == "gp" and find_spec("scipy") is None:
        raise ConfigError("gp needs SciPy, which is not installed: install it, or choose tpe")
    if plan.is_fixed:
        for cell in cells_of(plan):
            cell.config(plan.base)
    elif find_free(plan, np.random.default_rng(plan.sampler_seed), ()) is None:
        values = draw(plan.axes, np.random.default_rng(plan.sampler_seed))
        Cell(0, values).config(plan.base)  # says why, for one of those that were tried
    return runs


def plan_notes(plan: SweepPlan) -> list[str]:
    """Say what is allowed and yet rarely meant, a line each."""
    names, notes = {axis.name for axis in plan.axes}, []
    weights = [name for name in names if name in ("alpha", "beta", "gamma") or "." in name]
    if "total" in (goal.name for goal in plan.goals) and weights:
        notes.append(
            f"The total is weighted by {sorted(weights)[0]} itself, so the lowest weight wins "
            "whatever the picture; aim at style_distance or content_distance."
        )
    settled = plan.base.init in ("content", "grey") and "init" not in names
    if settled and (plan.replicates > 1 or "seed" in names):
        notes.append(
            f"Every seed gives the same picture, since nothing is random where init is "
            f"{plan.base.init}; set init to noise, style_colors or mix."
        )
    return notes


def estimate_seconds(
    plan: SweepPlan,
    past: Sequence[tuple[StyleTransferConfig, float]],
    devices: int = 1,
    *,
    done: Collection[str] = (),
) -> float | None:
    """Return about how long a sweep will take, from how long former runs took.

    A run's work is its pixels times its steps, level by level. Runs with the same optimiser are
    judged by, if there are any, else all; the median counts. What it leaves out: pictures of
    another shape, deeper layers, runs that stop early, and the start of each run. For a sampler
    that chooses as it goes, random choices stand in.

    Args:
        past: settings of former runs, and the seconds that each computed.
        devices: how many runs compute at a time; the next run goes to the first that is free.
        done: keys of the cells that need not be computed any more.

    Returns:
        Seconds, or None where there is nothing to judge by, or more than 10,000 runs.
    """
    rates = [
        (config.optimizer_in_use, seconds / work)
        for config, seconds in past
        if math.isfinite(seconds) and seconds > 0 and (work := _work(config))
    ]
    if not rates or devices < 1 or count_runs(plan) > MOST_ESTIMATED:
        return None
    cells: Iterable[Cell]
    if plan.is_fixed:
        cells = missing_cells(plan, done)
    else:
        drawn = cells_of(replace(plan, sampler="random", goals=()))
        cells = itertools.islice(drawn, max(0, count_runs(plan) - len(done)))
    free = [0.0] * devices
    for cell in cells:
        try:
            config = cell.config(plan.base)
        except ConfigError:  # a combination that a sampler will not take
            continue
        same = [rate for optimizer, rate in rates if optimizer == config.optimizer_in_use]
        rate = statistics.median(same or [rate for _, rate in rates])
        heapq.heappush(free, heapq.heappop(free) + rate * _work(config))
    return max(free) or None


def _work(config: StyleTransferConfig) -> float:
    """Pixels (of a square picture) times steps, over the levels; 0 where there are no levels."""
    try:
        levels = levels_of(config)
    except ConfigError:
        return 0.0
    return float(sum(level.steps * level.long_edge**2 for level in levels))
