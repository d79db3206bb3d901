"""The command line of the training: ``python -m training``.

Exit codes are those of :mod:`nst_core.cli_parser`. What takes long to import is imported by the
command that needs it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst_core.cli_parser import Parser, run_command
from nst_core.errors import ConfigError
from training.cli_settings import add_settings
from training.settings import ClusterConfig, TrainingConfig

DESCRIPTION = "Train VGG-19's convolutions on textures that are generated, and ship the result."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: without the program's name; None takes ``sys.argv``.
    """
    return run_command(build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = Parser(prog="python -m training", description=DESCRIPTION, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for add in (_add_sheet, _add_cluster, _add_train, _add_score, _add_export):
        add(commands)
    return parser


# sheet


def _add_sheet(commands: Any) -> None:
    parser = commands.add_parser(
        "sheet", help="draw textures side by side, to look at", allow_abbrev=False
    )
    parser.add_argument("output", metavar="OUT.png", help="the picture")
    parser.add_argument(
        "--ids", default="0:64", help="textures: FIRST:END, or numbers with commas (default 0:64)"
    )
    parser.add_argument("--size", type=int, default=96, help="of a crop, px (default 96)")
    parser.add_argument("--crops", type=int, default=3, help="of each texture (default 3)")
    parser.add_argument("--columns", type=int, default=4, help="textures in a row (default 4)")
    parser.add_argument("--captions", action="store_true", help="write under each what it is")
    parser.add_argument("--seed", type=int, default=0, help="of the crops (default 0)")
    parser.set_defaults(run=_sheet)


def _sheet(options: argparse.Namespace) -> int:
    from nst_core.cli_files import check_output
    from training.textures.sheet import sheet

    output = check_output(options.output)
    try:
        picture = sheet(
            read_ids(options.ids),
            options.size,
            crops=options.crops,
            columns=options.columns,
            captions=options.captions,
            seed=options.seed,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    picture.save(output)
    print(f"saved {output}, {picture.width} x {picture.height} px")
    return 0


def read_ids(text: str) -> Sequence[int]:
    """Return the numbers that ``"0:64"`` or ``"3,9,12"`` names.

    Raises:
        ConfigError: it is neither.
    """
    try:
        if ":" in text:
            first, end = text.split(":")
            return range(int(first), int(end))
        return [int(one) for one in text.split(",")]
    except ValueError:
        raise ConfigError(f"--ids: {text!r} names no textures; write 0:64 or 3,9,12") from None


# cluster


def _add_cluster(commands: Any) -> None:
    parser = commands.add_parser(
        "cluster",
        help="learn filters by clustering: minutes on a CPU",
        description="Learn filters layer by layer, without a gradient, and write the weights as "
        "float16 with a description beside them. They may also start a training.",
        allow_abbrev=False,
    )
    _add_target(parser)
    parser.add_argument("--resume", action="store_true", help="go on from FILE.part")
    add_settings(parser, ClusterConfig)
    parser.set_defaults(run=_cluster)


def _cluster(options: argparse.Namespace) -> int:
    from training.cli_cluster import run_cluster

    return run_cluster(options, _say)


# train


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train on textures, from nothing or from weights",
        description="Train, with a checkpoint every few minutes. Ctrl-C ends the step in progress "
        "and leaves a checkpoint. The defaults are meant for one GPU of a data centre.",
        allow_abbrev=False,
    )
    parser.add_argument("--out", metavar="FOLDER", required=True, help="where checkpoints go")
    parser.add_argument("--resume", action="store_true", help="go on from FOLDER's checkpoint")
    parser.add_argument(
        "--start", metavar="FILE", help="weights to start from (torchvision's names, any depth)"
    )
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument(
        "--record-every", type=int, metavar="N", help="steps (default 1 on a CPU, 20 on a GPU)"
    )
    parser.add_argument(
        "--save-every", type=float, metavar="N", default=5.0, help="minutes (default 5)"
    )
    add_settings(parser, TrainingConfig)
    parser.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from training.cli_train import run_train

    return run_train(options, _say)


def _say(line: str) -> None:
    print(line, flush=True)


# score


def _add_score(commands: Any) -> None:
    parser = commands.add_parser(
        "score",
        help="how well weights tell textures apart that none was trained on",
        description="Score weights files by the share of held-out textures whose nearest crop, by "
        "the style loss, is their own: as drawn, in grey of one contrast, and augmented.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="weights, or 'untrained' or 'imagenet'"
    )
    _add_scoring(parser)
    parser.set_defaults(run=_score)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", metavar="FILE.pth", required=True, help="the file; FILE.json is written too"
    )


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--textures", type=int, default=128, help="held out (default 128)")
    parser.add_argument("--size", type=int, default=64, help="of their crops, px (default 64)")
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda")


def _scoring(options: argparse.Namespace) -> dict[str, Any]:
    from nst_core.device import resolve_device

    for name, least in (("textures", 2), ("size", 32)):
        if getattr(options, name) < least:
            raise ConfigError(f"--{name} is {getattr(options, name)}; give at least {least}")
    device = resolve_device(options.device)
    return {"textures": options.textures, "size": options.size, "device": device}


def _score(options: argparse.Namespace) -> int:
    from training.evaluate import score_file

    scoring = _scoring(options)
    for file in options.files:
        found = score_file(file, **scoring)
        layers = "  ".join(f"{layer} {share:.1%}" for layer, share in found["layers"].items())
        print(f"{Path(file).name}: {_words(found)}; {layers}", flush=True)
    return 0


def _words(found: dict[str, Any]) -> str:
    return (
        "{accuracy:.1%} of {textures} found, {structure:.1%} in grey, {augmented:.1%} augmented"
    ).format(**found)


# export


def _add_export(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="write a training's weights as float16, with a description beside them",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", help="what train --out wrote")
    _add_target(parser)
    _add_scoring(parser)
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from nst_core.cli_files import check_output
    from training.checkpoint import load_checkpoint
    from training.export import export

    path = check_output(options.to, "pth")
    found = export(load_checkpoint(Path(options.folder)), path, **_scoring(options))
    print(f"saved {path}, {found['bytes'] / 1e6:.1f} MB, and {path.with_suffix('.json').name}")
    print(f"sha256   {found['sha256']}")
    print(f"held out {_words(found['held_out']['gram'])}, by the style loss")
    print(f"         {_words(found['held_out']['embedding'])}, by the trained heads")
    return 0
