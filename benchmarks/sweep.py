"""``python -m benchmarks.sweep``: a sweep against the same runs by themselves, start to end.

A 3x3 grid of beta and gamma goes through store and worker, and so do nine single runs with the same
settings: pictures, losses, metrics and all. Both ways are timed in turns in one process, from the
end of a short run that loads the network to that of the last; each round begins with the other way.
The pictures of a sweep's cells are compared with those of the single runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.record import write_record
from nst_core import (
    Axis,
    Picture,
    Run,
    Store,
    StoredPicture,
    StyleTransferConfig,
    SweepPlan,
    cells_of,
    encode_png,
    load_image,
    load_results,
    submit_run,
    submit_sweep,
)
from nst_core.device import resolve_device
from nst_core.worker import Worker, worker_id


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--betas", type=int, default=3, help="values of beta (default 3)")
    parser.add_argument("--gammas", type=int, default=3, help="values of gamma (default 3)")
    parser.add_argument("--size", type=int, default=128, help="px (default 128)")
    parser.add_argument("--steps", type=int, default=40, help="steps of each run (default 40)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default="untrained")
    parser.add_argument("--pictures", nargs=2, metavar="FILE", help="a content and a style")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(NST_HOME=folder, NST_OFFLINE="1")
        results = measure(options, Store(f"sqlite:///{folder}/nst-lab.db", f"{folder}/files"))
    print(json.dumps(results, indent=2))
    write_record("sweep", results, options.output)


def measure(options: argparse.Namespace, store: Store) -> dict[str, Any]:
    """Time both ways in turns."""
    content, style = pictures(options, store)
    plan = plan_of(options)
    device = str(resolve_device(options.device))

    def sweep() -> list[int]:
        sweep_id = submit_sweep(store, plan, content, [style])
        return [run.entry.run.id for run in load_results(store, sweep_id).runs]

    def singles() -> list[int]:
        return [submit_run(store, config, content, [style]) for config in configs_of(plan)]

    ways: list[tuple[str, Callable[[], list[int]]]] = [("singles", singles), ("sweep", sweep)]
    seconds: dict[str, list[float]] = {"singles": [], "sweep": []}
    worst: list[dict[str, float]] = []
    for number in range(options.rounds):
        made = {}
        for name, way in ways if number % 2 == 0 else ways[::-1]:
            first = submit_run(store, plan.base.changed(steps=2), content, [style])
            ids = way()
            Worker(store, worker_id(device, is_best=True), device).work(until_empty=True)
            made[name] = [store.run(run_id) for run_id in ids]
            ends = [run.ended_at or 0.0 for run in (store.run(first), *made[name])]
            seconds[name].append(max(ends) - ends[0])
        worst.append(differences(store, made["singles"], made["sweep"]))
    ratios = [a / b for a, b in zip(seconds["sweep"], seconds["singles"], strict=True)]
    return {
        "runs": len(configs_of(plan)),
        "size": options.size,
        "steps": options.steps,
        "threads": torch.get_num_threads(),
        "device": device,
        "seconds": seconds,
        "median_seconds": {name: statistics.median(each) for name, each in seconds.items()},
        "sweep_over_singles": {"median": statistics.median(ratios), "rounds": ratios},
        "largest_difference": {name: max(each[name] for each in worst) for name in worst[0]},
    }


def plan_of(options: argparse.Namespace) -> SweepPlan:
    """Return a grid whose runs may go together."""
    base = StyleTransferConfig(
        size=options.size,
        steps=options.steps,
        device=options.device,
        weights=options.weights,
    )
    beta = Axis("beta", low=1e4, high=1e6, scale="log", count=options.betas)
    gamma = Axis("gamma", low=1e-3, high=1e-1, scale="log", count=options.gammas)
    return SweepPlan(base, (beta, gamma))


def configs_of(plan: SweepPlan) -> list[StyleTransferConfig]:
    """Return the settings of each cell."""
    return [cell.config(plan.base) for cell in cells_of(plan)]


def pictures(options: argparse.Namespace, store: Store) -> tuple[StoredPicture, StoredPicture]:
    """Return the two that were named, or two of noise in several sizes."""
    if options.pictures:
        first, second = (store.add_picture(Path(p).read_bytes(), p) for p in options.pictures)
        return first, second
    return store.add_picture(noise(1), "content.png"), store.add_picture(noise(2), "style.png")


def noise(seed: int, size: int = 512) -> bytes:
    """Return a PNG of noise, coarse and fine."""
    random = torch.Generator().manual_seed(seed)
    layers = [
        torch.nn.functional.interpolate(
            torch.rand((1, 3, edge, edge), generator=random), (size, size), mode="bilinear"
        )
        for edge in (4, 32, 256)
    ]
    return encode_png(Picture(torch.stack(layers).mean(0)))


def differences(store: Store, singles: Sequence[Run], cells: Sequence[Run]) -> dict[str, float]:
    """Return the largest relative difference of losses, and of pixels in 8-bit steps."""
    losses, pixels = [0.0], [0.0]
    for one, other in zip(singles, cells, strict=True):
        assert one.state == other.state == "done", (one.message, other.message)
        assert one.config == other.config
        a, b = store.losses(one.id).values, store.losses(other.id).values
        losses.append(float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1e-3))))
        images = [
            load_image(store.read(store.snapshots(run.id)[-1].sha256)) for run in (one, other)
        ]
        pixels.append(float((images[0].pixels - images[1].pixels).abs().max()) * 255)
    return {"losses_relative": max(losses), "pixels_of_255": max(pixels)}


if __name__ == "__main__":
    main()
