"""Measurements in processes of their own, so that peaks and warm caches do not mix."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def measured_each(
    kind: str, options: Namespace, passed: Sequence[str], line: Callable[[dict[str, Any]], str]
) -> list[dict[str, Any]]:
    """Measure each of ``options.sizes`` in a process of its own, and print its line.

    Args:
        kind: a module of ``benchmarks`` that measures one size with ``--one``.
        passed: the options that go with it.
    """
    common = [f"--{name}={getattr(options, name)}" for name in passed]
    results = []
    for size in options.sizes:
        results.append(_measured_apart(f"benchmarks.{kind}", [*common, "--one", str(size)]))
        print(line(results[-1]), flush=True)
    return results


def _measured_apart(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run ``python -m module arguments`` and return the JSON object of its last line."""
    command = [sys.executable, "-m", module, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def wall_seconds(command: Sequence[str], rounds: int) -> list[float]:
    """Return the seconds of each run of ``command``, after one that is not counted."""
    found = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        found.append(time.perf_counter() - began)
    return found[1:]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median, the least and the most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    if sys.platform == "linux":  # where ru_maxrss begins with that of the process that started it
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
