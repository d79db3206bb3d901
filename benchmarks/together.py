"""``python -m benchmarks.together``: runs of one sweep, one by one and as one batch.

A grid of beta and gamma over the default settings, on square pictures. Both ways are timed in
turns in one process, after a step of each to warm up, so that other load weighs on both. On a CPU
the process's own time is taken as well, which other load hardly touches.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.record import write_record
from nst_core import StyleTransferConfig, stylize, stylize_together
from nst_core.loop import encoder_for
from nst_core.vgg import VGG19Encoder


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.together", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="runs in the batch (default 9)")
    parser.add_argument("--size", type=int, default=128, help="px (default 128)")
    parser.add_argument("--steps", type=int, default=40, help="steps of each run (default 40)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default="untrained")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args()
    results = measure(options)
    print(json.dumps(results, indent=2))
    write_record("together", results, options.output)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time both ways in turns."""
    random = torch.Generator().manual_seed(0)
    shape = (1, 3, options.size, options.size)
    content, style = (torch.rand(shape, generator=random) for _ in range(2))
    configs = grid(options)
    encoder = encoder_for(configs[0])
    ways: dict[str, Callable[[list[StyleTransferConfig]], None]] = {
        "alone": lambda some: alone(content, style, some, encoder),
        "together": lambda some: together(content, style, some, encoder),
    }
    for way in ways.values():
        way([config.changed(steps=1) for config in configs])
    rounds = [
        {name: timed(way, configs) for name, way in ways.items()} for _ in range(options.rounds)
    ]
    return {
        "runs": len(configs),
        "size": options.size,
        "steps": options.steps,
        "threads": torch.get_num_threads(),
        **{clock: summary(rounds, clock) for clock in CLOCKS},
    }


CLOCKS = {"seconds": time.perf_counter, "cpu_seconds": time.process_time}


def timed(
    way: Callable[[list[StyleTransferConfig]], None], configs: list[StyleTransferConfig]
) -> dict[str, float]:
    """Return the time that it took, by each clock."""
    began = {name: clock() for name, clock in CLOCKS.items()}
    way(configs)
    return {name: clock() - began[name] for name, clock in CLOCKS.items()}


def summary(rounds: list[dict[str, dict[str, float]]], clock: str) -> dict[str, Any]:
    """Return medians of both ways, and of the ratio in each round."""
    each = {name: [found[name][clock] for found in rounds] for name in rounds[0]}
    ratios = [a / b for a, b in zip(each["alone"], each["together"], strict=True)]
    return {
        "median": {name: statistics.median(values) for name, values in each.items()},
        "rounds": each,
        "alone_over_together": {"median": statistics.median(ratios), "rounds": ratios},
    }


def grid(options: argparse.Namespace) -> list[StyleTransferConfig]:
    """Return settings that differ in beta and gamma."""
    base = StyleTransferConfig(
        size=options.size, steps=options.steps, levels=1, device=options.device,
        weights=options.weights,
    )  # fmt: skip
    return [
        base.changed(beta=10.0 ** (6 + k // 3), gamma=10.0 ** (k % 3)) for k in range(options.runs)
    ]


def alone(
    content: Tensor, style: Tensor, configs: list[StyleTransferConfig], encoder: VGG19Encoder
) -> None:
    """Compute one run after the other; records read the losses back, and so synchronise."""
    for config in configs:
        for _ in stylize(content, [style], config, encoder=encoder):
            pass


def together(
    content: Tensor, style: Tensor, configs: list[StyleTransferConfig], encoder: VGG19Encoder
) -> None:
    """Compute all runs as one batch, whatever the memory."""
    for _ in stylize_together(content, [style], configs, encoder=encoder, most=len(configs)):
        pass


if __name__ == "__main__":
    main()
