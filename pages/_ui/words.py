"""Times, sizes and states as a person says them."""

from __future__ import annotations

import time
from datetime import timedelta

import humanize

from nst_core import Run

COLORS = {
    "queued": "gray",
    "running": "blue",
    "done": "green",
    "failed": "red",
    "cancelled": "orange",
    "interrupted": "orange",
}
ICONS = {
    "queued": ":material/schedule:",
    "running": ":material/play_arrow:",
    "done": ":material/check:",
    "failed": ":material/error:",
    "cancelled": ":material/block:",
    "interrupted": ":material/pause:",
}


def duration(seconds: float) -> str:
    """Say how long: ``"3.2 seconds"``, ``"2 minutes and 5 seconds"``."""
    if seconds < 10:
        return f"{seconds:.1f} seconds"
    unit = "seconds" if seconds < 3600 else "minutes"
    return humanize.precisedelta(timedelta(seconds=round(seconds)), unit, format="%d")


def about(seconds: float) -> str:
    """Say roughly how long: ``"about 2 minutes"``."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"about {round(seconds)} seconds"
    return f"about {humanize.naturaldelta(timedelta(seconds=seconds))}"


def ago(when: float) -> str:
    """Say when it was: ``"5 minutes ago"``."""
    return humanize.naturaltime(timedelta(seconds=max(0.0, time.time() - when)))


def pixels(width: int, height: int) -> str:
    """Say a picture's size."""
    return f"{width} x {height} px"


def speed(steps_per_second: float) -> str:
    """Say how fast: steps per second, or seconds per step where they are slow."""
    if steps_per_second >= 1:
        return f"{steps_per_second:.1f} steps per second"
    return f"{1 / steps_per_second:.1f} seconds per step"


def progress_line(run: Run) -> str:
    """Say how far a run is."""
    parts = [f"Step {run.step} of {run.steps}"]
    if run.step and run.seconds:
        parts.append(speed(run.step / run.seconds))
    left = run.seconds_left
    if left is not None and run.state == "running":
        parts.append(f"{about(left)} left")
    return " · ".join(parts)
