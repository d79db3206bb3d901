"""The command line: ``python -m nst_core``.

Exit codes are those of :mod:`nst_core.cli_parser`. What takes long to import is imported by the
command that needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst_core import __version__
from nst_core.cli_parser import Parser, run_command
from nst_core.cli_settings import add_settings, read_settings
from nst_core.cli_sweep_options import add_sweep_options
from nst_core.errors import ConfigError, WeightsError

DESCRIPTION = "NST Lab: neural style transfer experiments."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: without the program's name; None takes ``sys.argv``.
    """
    return run_command(build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = Parser(prog="python -m nst_core", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"NST Lab {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    _add_stylize(commands)
    _add_sweep(commands)
    _add_recolor(commands)
    _add_weights(commands)
    _add_worker(commands)
    _add_info(commands)
    return parser


# stylize


def _add_stylize(commands: Any) -> None:
    parser = commands.add_parser(
        "stylize",
        help="paint a picture in the style of others",
        description="Paint CONTENT in the style of one or more STYLE pictures.",
        allow_abbrev=False,
    )
    parser.add_argument("content", metavar="CONTENT", help="the photograph")
    parser.add_argument("styles", metavar="STYLE", nargs="+", help="style pictures, blended")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="the result, a PNG; earlier pictures of --outputs get _1, _2, ... before the ending",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings from JSON or from a PNG of ours; options go first",
    )
    parser.add_argument("--content-mask", metavar="FILE", help="white where the picture may change")
    parser.add_argument(
        "--style-mask",
        metavar="FILE",
        action="append",
        help="white where a style counts; once for each STYLE, in order, or '-' for all of it",
    )
    parser.add_argument(
        "--resume", metavar="FILE", help="go on from the checkpoint that Ctrl-C left"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line, for programs"
    )
    add_settings(parser)
    parser.set_defaults(run=_stylize)


def _stylize(options: argparse.Namespace) -> int:
    config = read_settings(options)
    from nst_core.cli_stylize import run_stylize

    return run_stylize(options, config)


# sweep


def _add_sweep(commands: Any) -> None:
    parser = commands.add_parser(
        "sweep",
        usage="python -m nst_core sweep [CONTENT] [STYLE ...] --axis AXIS [--axis AXIS ...] ...",
        help="run many variations of one run, as a contact sheet",
        description="Run every combination of the values of each AXIS, or let a sampler choose. "
        "The runs go into the store of NST_HOME, and the page Sweep shows them too.",
        allow_abbrev=False,
    )
    add_sweep_options(parser)
    add_settings(parser)
    parser.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    config = read_settings(options)
    from nst_core.cli_sweep import run_sweep

    return run_sweep(options, config)


# recolor


def _add_recolor(commands: Any) -> None:
    parser = commands.add_parser(
        "recolor",
        help="give a result the colours of its content",
        description="Give RESULT the colours of CONTENT.",
        allow_abbrev=False,
    )
    parser.add_argument("content", metavar="CONTENT", help="the picture whose colours are wanted")
    parser.add_argument("result", metavar="RESULT", help="the picture to recolour")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="the new PNG")
    parser.add_argument(
        "--method",
        required=True,
        help="luminance_yiq, luminance_lab, histogram, cholesky, pca or symmetric",
    )
    parser.add_argument(
        "--strength", default="1", help="share of the recoloured picture, 0 to 1 (default 1)"
    )
    parser.add_argument("--mask", metavar="FILE", help="white where RESULT may change")
    parser.set_defaults(run=_recolor)


def _recolor(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from nst_core.cli_files import check_output, keep_former, result_provenance
    from nst_core.export import recolor_picture
    from nst_core.image import encode_png, load_image, load_mask, save_image

    output = check_output(options.output)
    strength = _number("--strength", options.strength)
    content, result = load_image(options.content), load_image(options.result)
    mask = load_mask(options.mask, size=result.size) if options.mask else None
    result = replace(result, provenance=result_provenance(options.result))
    picture = recolor_picture(result, content, options.method, strength=strength, mask=mask)
    former = keep_former(output, encode_png(picture))
    save_image(picture, output)
    print(f"saved {output}" + (f" (the former one is now {former})" if former else ""))
    return 0


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{flag}: must be a number, got {text!r}") from None


# weights


def _add_weights(commands: Any) -> None:
    parser = commands.add_parser(
        "weights", help="list, fetch or verify the network's weights", allow_abbrev=False
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    listed = actions.add_parser("list", help="what there is on this machine, in order of use")
    listed.set_defaults(run=_weights_list)
    fetched = actions.add_parser("fetch", help="fetch ImageNet's weights (548 MB), resumable")
    fetched.add_argument("--quiet", action="store_true", help="print nothing but errors")
    fetched.set_defaults(run=_weights_fetch)
    verified = actions.add_parser(
        "verify", help="check a weights file: its hash, shapes and layers"
    )
    verified.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="the file, or imagenet or textures; by default the weights in use",
    )
    verified.set_defaults(run=_weights_verify)


def _weights_list(options: argparse.Namespace) -> int:
    from nst_core.shipped import shipped_path
    from nst_core.weights import IMAGENET_MEGABYTES, imagenet_path

    given = os.environ.get("NST_WEIGHTS")
    path = imagenet_path()
    absent = f"not here ({IMAGENET_MEGABYTES} MB): 'python -m nst_core weights fetch' gets them"
    rows = [
        ("NST_WEIGHTS", [given or "not set"]),
        ("imagenet", [str(path) if path else absent]),
        ("textures", _shipped_lines()),
        ("untrained", ["always there: random filters, fixed seed"]),
    ]
    used = 0 if given else 1 if path else 2 if shipped_path() else 3
    for index, (name, lines) in enumerate(rows):
        print(f"{'*' if index == used else ' '} {name:<12} {lines[0]}")
        for line in lines[1:]:
            print(f"{'':<14} {line}")
    print("* is what weights=auto takes without a download")
    return 0


def _shipped_lines() -> list[str]:
    """Return what there is to say of the weights that ship, or what is wrong with them."""
    from nst_core.shipped import SHIPPED_ORIGIN
    from nst_core.weights import find_weights

    try:
        weights, _ = find_weights("textures")
    except WeightsError as error:
        return [str(error)]
    return [str(weights.path), SHIPPED_ORIGIN, _reach(weights.layers), f"sha256 {weights.sha256}"]


def _reach(layers: Sequence[str]) -> str:
    return f"{layers[0]} to {layers[-1]} ({len(layers)})"


def _weights_fetch(options: argparse.Namespace) -> int:
    from nst_core.cli_files import show_download
    from nst_core.weights import fetch_imagenet, imagenet_path

    show_download(fetch_imagenet(), quiet=options.quiet)
    if not options.quiet:
        print(f"ImageNet's weights are at {imagenet_path()}")
    return 0


def _weights_verify(options: argparse.Namespace) -> int:
    from nst_core.weights import find_weights

    weights, _ = find_weights(options.file or "auto", download=False)
    print(f"{weights.name}: good; {weights.origin}")
    print(f"sha256   {weights.sha256}")
    print(f"layers   {_reach(weights.layers)}")
    return 0


# worker


def _add_worker(commands: Any) -> None:
    parser = commands.add_parser(
        "worker",
        help="compute the runs that wait in the store, one after the other",
        description="Compute runs that wait in the store of NST_HOME (or NST_DATABASE_URL). "
        "Ctrl-C ends the step in progress and leaves its run to be resumed.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--device", default="auto", help="auto (a GPU if there is one), cpu, cuda:1 or mps"
    )
    parser.add_argument("--until-empty", action="store_true", help="end when no run waits any more")
    parser.set_defaults(run=_worker)


def _worker(options: argparse.Namespace) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch; see nst_core.engine
    from nst_core.device import available_devices, resolve_device
    from nst_core.store import open_store
    from nst_core.worker import Worker, stop_on_signals, takes_auto, worker_id

    device = str(resolve_device(options.device))
    store = open_store()
    is_best = takes_auto(device, available_devices())
    identity = worker_id(device, is_best=is_best)
    worker = Worker(store, identity, device, _say, fastest=True)
    stop_on_signals(worker)
    _say(f"computing on {device} what waits in {store.place}; Ctrl-C stops")
    worker.work(until_empty=options.until_empty)
    return 130 if worker.stopping.is_set() else 0


def _say(line: str) -> None:
    print(line, flush=True)


# info


def _add_info(commands: Any) -> None:
    parser = commands.add_parser(
        "info",
        help="this machine and its folders; or what made a result",
        description="Without FILE: device, threads, versions and folders. With a PNG of ours: "
        "the settings, inputs and weights that made it.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="a PNG that NST Lab wrote")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    import json

    if options.file:
        from nst_core.image import read_provenance

        print(json.dumps(read_provenance(options.file), indent=2))
        return 0
    facts = _machine()
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        for name, value in facts.items():
            print(f"{name:<14} {value}")
    return 0


def _machine() -> dict[str, str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from nst_core.device import available_devices, describe_device, resolve_device
    from nst_core.paths import home, weights_folder

    facts = {
        "NST Lab": __version__,
        "device": describe_device(resolve_device()),
        "devices": ", ".join(available_devices()),
        "threads": str(torch.get_num_threads()),
        "Python": platform.python_version(),
        "system": platform.platform(),
    }
    facts["torch"] = str(torch.__version__)  # with its build, as +cu130 or +cpu
    for package in ("torchvision", "numpy", "pillow", "scikit-image", "pydantic"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["data folder"] = str(home())
    facts["weights"] = str(weights_folder())
    facts["project"] = str(Path(__file__).resolve().parents[1])
    return facts
