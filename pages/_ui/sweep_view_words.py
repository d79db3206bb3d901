"""What a sweep is called, and how far it is, in words."""

from __future__ import annotations

import time

from nst_core import SAMPLERS, Store, Sweep, SweepResults
from pages._ui.sweep_build_start import devices_for
from pages._ui.words import about

GRACE = 20.0  # seconds in which a sampler chooses its next trial


def sweep_title(sweep: Sweep) -> str:
    """Return what people call a sweep: ``"Sweep 3: cat in night_lake — beta x steps"``."""
    return f"Sweep {sweep.id}: {sweep.subject} — {varied_words(sweep)}"


def varied_words(sweep: Sweep) -> str:
    """Say what is varied: ``"beta x steps, 12 trials (TPE), 3 replicates"``."""
    plan = sweep.plan
    parts = [" x ".join(axis.name for axis in plan.axes)] if plan.axes else []
    if plan.trials is not None:
        parts.append(f"{plan.trials} trials ({SAMPLERS[plan.sampler].partition(':')[0]})")
    if plan.replicates > 1:
        parts.append(f"{plan.replicates} replicates")
    return ", ".join(parts)


def is_going(results: SweepResults) -> bool:
    """Whether runs wait or run, or a sampler is about to choose the next."""
    if results.is_active:
        return True
    plan = results.sweep.plan
    if plan.is_fixed or results.sweep.cancelled_at is not None:
        return False
    ended = max((run.entry.run.ended_at or 0.0 for run in results.runs), default=0.0)
    return not_begun(results) > 0 and time.time() - ended < GRACE


def not_begun(results: SweepResults) -> int:
    """Return how many planned runs are not there yet."""
    return max(0, results.planned - len(results.runs))


def resumable(results: SweepResults) -> int:
    """Return how many runs Resume would bring: those that stopped or failed, and the missing."""
    states = results.states
    stopped = states["failed"] + states["cancelled"] + states["interrupted"]
    return stopped + (0 if is_going(results) and not results.missing else not_begun(results))


def share_done(results: SweepResults) -> float:
    """Return how much of a sweep is done, 0 to 1, with what runs now in part."""
    runs = [run.entry.run for run in results.runs if run.entry.run.state == "running"]
    done = results.states["done"] + sum(run.step / run.steps for run in runs)
    return min(1.0, done / max(1, results.planned))


def state_line(store: Store, results: SweepResults) -> str:
    """Say how far a sweep is, or how it ended."""
    states, planned = results.states, results.planned
    done = f"{states['done']} of {planned} done"
    if is_going(results):
        if results.sweep.cancelled_at is not None:
            return f"Stopping… · {done} · {states['running']} still at work"
        return " · ".join([f"{_doing(store, results)}: {done}", *_beside(results)])
    if results.is_complete:
        return f"Done: {'the one run' if planned == 1 else f'all {planned} runs'}"
    if states["failed"] and states["failed"] == len(results.runs):
        return "Failed: the one run" if planned == 1 else f"Failed: all {states['failed']} runs"
    missing = planned - states["done"]
    failed = f", {states['failed']} of them failed" if states["failed"] else ""
    word = "Cancelled" if results.sweep.cancelled_at is not None else "Stopped"
    are = "is" if missing == 1 else "are"
    return f"{word}: {done}, {missing} {are} missing{failed}"


def _doing(store: Store, results: SweepResults) -> str:
    if results.states["running"]:
        return "Running"
    if not results.states["queued"]:
        return "Choosing the next trial"
    first = next(run.entry.run for run in results.runs if run.entry.run.state == "queued")
    before = store.count_before(first.id)
    return f"Waiting for {before} other run{'s' * (before != 1)}" if before else "Starting"


def _beside(results: SweepResults) -> list[str]:
    parts = []
    left = results.seconds_left(devices_for(results.sweep.plan.base))
    if left:
        parts.append(f"{about(left)} left")
    for state in ("failed", "cancelled", "interrupted"):
        if results.states[state]:
            parts.append(f"{results.states[state]} {state}")
    return parts


def failures(results: SweepResults, most: int = 3) -> list[str]:
    """Say which runs failed and why, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for run in results.runs:
        if run.entry.run.state == "failed":
            reasons.setdefault(run.entry.run.message, []).append(run.cell.title)
    lines = [f"{_few(cells)}: {message}" for message, cells in reasons.items()]
    more = len(lines) - most
    return [*lines[:most], *([f"and {more} other reasons"] if more > 0 else [])]


def _few(cells: list[str], most: int = 3) -> str:
    named = "; ".join(cells[:most])
    return named if len(cells) <= most else f"{named} and {len(cells) - most} more"
