"""Settings on a command line of the training."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from nst_core.errors import CheckpointError
from training.settings import Settings, flag


def add_settings(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    """Add an option for each setting; one that is not given is None."""
    group = parser.add_argument_group("settings")
    for one in fields(kind):
        group.add_argument(
            flag(one.name),
            type=type(one.default),
            metavar="LAYER" if one.name == "layers" else "N",
            help=f"{one.metadata['help']} (default {one.default})".replace("%", "%%"),
        )


def given_settings(options: argparse.Namespace, kind: type[Settings]) -> dict[str, Any]:
    """Return the settings that the command line gives."""
    values = {one.name: getattr(options, one.name) for one in fields(kind)}
    return {name: value for name, value in values.items() if value is not None}


def check_given(
    options: argparse.Namespace, former: Settings, place: Path, *, begun: str, elsewhere: str
) -> None:
    """Raise CheckpointError where the command line gives another setting than ``former`` has.

    Args:
        place: where the former state lies.
        begun: what was done there with the former settings.
        elsewhere: where to start anew.
    """
    for name, value in given_settings(options, type(former)).items():
        known = getattr(former, name)
        if value != known:
            raise CheckpointError(
                f"{place}: was {begun} with {flag(name)} {known}; leave {flag(name)} {value} out "
                f"to go on, or start anew {elsewhere}"
            )
