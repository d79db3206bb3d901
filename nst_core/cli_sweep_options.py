"""The options of ``python -m nst_core sweep``, light to import: ``--help`` answers at once."""

from __future__ import annotations

import argparse
from typing import Any


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add all but the settings."""
    parser.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="*",
        help="CONTENT, then one or more STYLE, blended; without what an axis varies",
    )
    _add_plan(parser.add_argument_group("what is run"))
    _add_results(parser.add_argument_group("what comes out"))


def _add_plan(group: Any) -> None:
    group.add_argument(
        "--axis",
        metavar="AXIS",
        action="append",
        default=[],
        help="what is varied: beta=1e3:1e6:log:5, steps=100,300, style=a.jpg,b.jpg, "
        "style_layers.conv1_1=0:1:linear:3; give it once for each",
    )
    group.add_argument(
        "--sampler",
        metavar="NAME",
        help="who chooses values: grid (all), random, tpe, nsga2 or gp (default grid)",
    )
    group.add_argument(
        "--goal",
        metavar="GOAL",
        action="append",
        help="what tpe, nsga2 and gp aim at: style_distance, sharpness:maximise; twice for two",
    )
    group.add_argument("--trials", metavar="N", type=int, help="how many a sampler makes")
    group.add_argument(
        "--replicates", metavar="K", type=int, help="runs of each, with further seeds (default 1)"
    )
    group.add_argument(
        "--sampler-seed", metavar="N", type=int, help="seed of what a sampler draws (default 0)"
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="settings from JSON or from a PNG of ours; options go first",
    )
    group.add_argument("--content-mask", metavar="FILE", help="white where the picture may change")
    group.add_argument(
        "--style-mask",
        metavar="FILE",
        action="append",
        help="white where a style counts; once for each STYLE, in order, or '-' for all of it",
    )
    group.add_argument(
        "--resume",
        metavar="ID",
        type=int,
        help="go on with this sweep of the store, without pictures and settings; --axis, --trials "
        "and --replicates give it more",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="say how many runs and how long, and run nothing"
    )


def _add_results(group: Any) -> None:
    group.add_argument("-o", "--output", metavar="OUT", help="the contact sheet, a PNG")
    group.add_argument("--csv", metavar="FILE", help="settings and numbers, a row a run")
    group.add_argument(
        "--number",
        metavar="NAME",
        help="what stands under each picture: total, content, style, tv, style_distance, "
        "content_distance, color_difference, ssim, sharpness, colorfulness, improvement or seconds "
        "(default the first goal, else total, else style_distance where an axis weighs the total)",
    )
    group.add_argument(
        "--columns", metavar="AXIS", help="the axis along the top of the sheet (default the last)"
    )
    group.add_argument("--quiet", action="store_true", help="print nothing but errors")
    group.add_argument(
        "--json", action="store_true", help="print one JSON object a line, for programs"
    )
