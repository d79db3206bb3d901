"""``python -m benchmarks.colors``: what it costs to recolour a result, as JSON.

Each method gives every bundled style the colours of every bundled content, both scaled to a long
edge of 512 px beforehand. One round of all methods warms up and is not counted. Of a few repeats
the least counts, since what else the machine does only adds; the longest of all is told apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.record import write_record
from nst_core import COLOR_METHODS, Picture, load_image, recolor_picture
from nst_core.color import ColorMethod
from nst_core.image import fit_size, resize

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"


def main() -> None:
    """Recolour every pair of samples with each method."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.colors", description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="long edge in px (default 512)")
    parser.add_argument("--repeats", type=int, default=5, help="of each pair (default 5)")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args()
    styles, contents = samples("style", options.size), samples("content", options.size)
    methods = [method for method in COLOR_METHODS if method != "none"]
    timed = measure(styles, contents, methods, options.repeats)
    results = {
        "size": options.size,
        "threads": torch.get_num_threads(),
        "repeats": options.repeats,
        "methods": {method: summary(timed[method]) for method in methods},
    }
    print(json.dumps(results, indent=2))
    write_record(
        "colors", {"omp_num_threads": os.environ.get("OMP_NUM_THREADS"), **results}, options.output
    )


def samples(kind: str, size: int) -> list[Picture]:
    """Return the bundled pictures of a kind, ``size`` px long."""
    paths = sorted((SAMPLES / kind).glob("*.[jp][pn]g"))
    pictures = [load_image(path) for path in paths]
    return [
        Picture(resize(picture.pixels, fit_size(picture.size, size)), name=picture.name)
        for picture in pictures
    ]


def measure(
    styles: Sequence[Picture],
    contents: Sequence[Picture],
    methods: Sequence[ColorMethod],
    repeats: int,
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of each method and pair, one a repeat.

    A pair's repeats are rounds apart, so that a busy moment of the machine meets one of them.
    """
    timed: dict[str, dict[str, list[float]]] = {method: {} for method in methods}
    for method in methods:
        seconds(styles[0], contents[0], method)
    for _ in range(repeats):
        for style, content, method in itertools.product(styles, contents, methods):
            pair = timed[method].setdefault(f"{style.name} by {content.name}", [])
            pair.append(seconds(style, content, method))
    return timed


def summary(timed: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Sum up a method's repeats by pair."""
    least = {pair: min(repeats) for pair, repeats in timed.items()}
    worst = max(least, key=least.__getitem__)
    return {
        "median_seconds": statistics.median(least.values()),
        "min_seconds": min(least.values()),
        "max_seconds": least[worst],
        "worst_pair": worst,
        "longest_repeat_seconds": max(map(max, timed.values())),
        "pairs": len(timed),
    }


def seconds(style: Picture, content: Picture, method: ColorMethod) -> float:
    """Return how long one recolouring takes."""
    began = time.perf_counter()
    recolor_picture(style, content, method)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
