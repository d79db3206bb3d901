"""``python -m benchmarks.weights``: network weights compared by what they paint.

Each pair of pictures is stylised with each source of weights (untrained, those given by --weights,
and ImageNet's first layers, which are the judge's too) at several values of beta. The judge
measures each result: how much of the style distance is left, of that of the content picture, and
how far the content is gone, of the way to the style picture (scaled until it covers the content,
and cropped). Sources are compared where they leave the same content: see
``benchmarks/weights_curves.py``. One number is the share of the distance between untrained and
ImageNet's weights that a source closes.

Each finished cell is written to the JSON at once; --resume goes on with what is missing. A contact
sheet (.jpg) and the curves (.svg) are written beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.record import RESULTS, machine
from benchmarks.weights_cells import Job, job_of, judged, paint
from benchmarks.weights_inputs import (
    PAIRS,
    Pair,
    Source,
    listed_pairs,
    load_judge,
    load_pair,
    load_sources,
)
from benchmarks.weights_record import Record
from benchmarks.weights_report import Measured, lines, summary
from benchmarks.weights_sheet import chart_svg, contact_sheet
from nst_core import ConfigError, NSTError, encode_png, short_value
from nst_core.metrics import measuring_config
from nst_core.paths import write_atomically
from nst_core.vgg import VGG19Encoder, Weights

BETAS = (1e5, 1e6, 1e7, 1e8, 1e9)  # at 1e10 nothing moves on
SPEED_WINDOW = 1800.0  # seconds over which the time left is judged: sources differ in speed


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as asked; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.sheet_beta not in (None, *options.betas):
        parser.error(f"--sheet-beta {options.sheet_beta:g} is not among the betas")
    try:
        record = Record(options.json, resume=options.resume)
        measured = measure_all(options, record)
    except NSTError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("stopped; the same command goes on with --resume", file=sys.stderr)
        return 130
    print("\n".join(lines(measured)))
    sheet = options.sheet or options.json.with_suffix(".jpg")
    chart = options.chart or options.json.with_suffix(".svg")
    for path, data in (
        (sheet, contact_sheet(measured, record, options.sheet_beta)),
        (chart, chart_svg(measured).encode()),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    print(options.json, sheet, chart, sep="\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weights", description=__doc__)
    add = parser.add_argument
    add("--judge", type=Path, required=True, help="a file of ImageNet's (first) layers")
    add("--paintings", type=Path, help="a folder with the pictures that are not our samples")
    add(
        "--weights", action="append", default=[], metavar="NAME=SETTING",
        help="a further source: the path of a file, or what the setting weights takes; a style "
        "statistic other than the usual one may follow, as in @gram; repeat it",
    )  # fmt: skip
    add("--size", type=int, default=192, help="long edge in px (default 192)")
    add("--steps", type=int, default=150, help="steps of each run (default 150)")
    add("--betas", type=float, nargs="+", default=BETAS, help="default 1e5 to 1e9, five")
    add("--pairs", type=int, default=len(PAIRS), help=f"the first so many (of {len(PAIRS)})")
    add(
        "--pair", type=Path, nargs=2, action="append", metavar=("CONTENT", "STYLE"),
        help="a pair of files, in place of the list; repeat it",
    )  # fmt: skip
    add("--style-layers", help="for all sources, as conv1_1,conv2_1 (default: each its own)")
    add("--content-layer", help="for all sources (default: each its own)")
    add("--seed", type=int, default=0)
    add("--device", default="auto")
    add("--json", type=Path, default=RESULTS / "weights.json")
    add("--sheet", type=Path, help="the contact sheet (default: beside the JSON, .jpg)")
    add(
        "--sheet-beta", type=float, metavar="BETA",
        help="show all results with this beta (default: each source at about the same content)",
    )  # fmt: skip
    add("--chart", type=Path, help="the curves (default: beside the JSON, .svg)")
    add("--resume", action="store_true", help="go on with what the JSON has")
    return parser


def measure_all(options: argparse.Namespace, record: Record) -> list[Measured]:
    """Compute what ``record`` has not, and compare.

    Raises:
        NSTError: a picture, weights or a setting cannot be used.
    """
    judge = load_judge(options.judge, options.device)
    assert judge.source is not None
    sources = load_sources(options.judge, options.weights, _settings(options))
    files = options.pair or listed_pairs(options.paintings, options.pairs)
    pairs = [load_pair(content, style, options.size, judge) for content, style in files]
    if len({pair.name for pair in pairs}) < len(pairs):
        raise ConfigError(f"each pair needs names of its own, got {[p.name for p in pairs]}")
    record.head = _head(options, judge.source, sources, pairs)
    jobs = [
        job_of(pair, source, beta, judge.source)
        for pair in pairs
        for source in sources
        for beta in sorted(set(options.betas))
    ]
    _compute([job for job in jobs if not record.has(job.key)], judge, record)
    measured = []
    for pair in pairs:
        cells = {
            source.name: [
                record.cells[job.key] for job in jobs if job.pair is pair and job.source is source
            ]
            for source in sources
        }
        measured.append(Measured(pair, cells))
    record.summary = summary(measured)
    record.write()
    return measured


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that are the same for all sources."""
    settings = {name: getattr(options, name) for name in ("size", "steps", "seed", "device")}
    if options.style_layers:
        settings["style_layers"] = options.style_layers
    if options.content_layer:
        settings["content_layers"] = options.content_layer
    return settings


def _head(
    options: argparse.Namespace, judge: Weights, sources: Sequence[Source], pairs: Sequence[Pair]
) -> dict[str, Any]:
    """Return what all cells have in common, for JSON."""
    measured = measuring_config(judge.layers)
    return {
        "machine": machine(),
        "judge": {
            "weights": judge.name,
            "sha256": judge.sha256,
            "style_layers": dict(measured.style_layers),
            "content_layers": dict(measured.content_layers),
        },
        "size": options.size,
        "steps": options.steps,
        "betas": sorted(set(options.betas)),
        "seed": options.seed,
        "sources": {
            source.name: {
                "weights": source.weights.name,
                "sha256": source.weights.sha256,
                "style_layers": dict(source.config.style_layers),
                "content_layers": dict(source.config.content_layers),
                "style_statistic": source.config.style_statistic,
            }
            for source in sources
        },
        "pairs": {
            pair.name: {
                "content_sha256": pair.content.sha256,
                "style_sha256": pair.style.sha256,
                "style_distance": pair.style_distance,
                "content_distance": pair.content_distance,
            }
            for pair in pairs
        },
    }


def _compute(jobs: Sequence[Job], judge: VGG19Encoder, record: Record) -> None:
    """Paint and judge, with a bar and a line for each."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[cells]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=SPEED_WINDOW,
    )
    done = 0
    with bar:
        task = bar.add_task("", total=sum(job.config.steps for job in jobs), cells="")
        for number, job in enumerate(jobs):
            title = f"{job.pair.name}, {job.source.name}, beta {short_value(job.config.beta)}"
            bar.update(task, description=title, cells=f"{number} of {len(jobs)}")
            for step in paint(job):
                bar.update(task, completed=done + step.index)
            done += job.config.steps
            png = encode_png(step.image())
            cell = judged(job, png, step.seconds, judge)
            record.add(cell, png)
            bar.update(task, cells=f"{number + 1} of {len(jobs)}")
            bar.console.print(
                f"{title}: style left {cell.style_left:.4f}, content {cell.content_share:.4f}, "
                f"{cell.seconds:.1f} s",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


if __name__ == "__main__":
    sys.exit(main())
