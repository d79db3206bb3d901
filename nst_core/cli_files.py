"""What several commands share: where a result goes, and the bar of a download."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from nst_core import download
from nst_core.errors import ConfigError, ImageError
from nst_core.image import read_provenance


def check_output(name: str, kind: str = "PNG") -> Path:
    """Return the path of a result that can be written, before anything long begins.

    Args:
        kind: the ending that it must have.

    Raises:
        ConfigError: it has another, is a folder, or its folder is missing or closed.
    """
    path = Path(name)
    if path.suffix.lower() != f".{kind.lower()}":
        what = "results" if kind == "PNG" else "tables"
        raise ConfigError(
            f"{name}: {what} are written as {kind}; name it {path.stem or 'out'}.{kind.lower()}"
        )
    if path.is_dir():
        raise ConfigError(f"{name}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{name}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{name}: the folder {path.parent} cannot be written; choose another")
    return path


def keep_former(path: Path, data: bytes) -> Path | None:
    """Move a different file of the same name aside, as ``NAME.~1~``; return where it went."""
    if not path.exists() or path.read_bytes() == data:
        return None
    number = 1
    while (former := path.with_name(f"{path.name}.~{number}~")).exists():
        number += 1
    try:
        path.rename(former)
    except OSError as error:
        raise ConfigError(
            f"{path}: is there already and cannot be moved aside ({error.strerror}); choose "
            "another name"
        ) from None
    return former


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect the first Ctrl-C, so that a step is ended and its picture kept; obey a second."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    former = signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, former)


def result_provenance(path: str) -> dict[str, Any]:
    """Return what a PNG of ours carries; nothing for any other picture."""
    try:
        return read_provenance(path)
    except ImageError:
        return {}


def show_download(progress: Iterator[download.Progress], *, quiet: bool) -> None:
    """Run a download, with a bar on standard error."""
    bar = Progress(
        TextColumn("fetching ImageNet's weights"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=None)
        for done, total in progress:
            bar.update(task, completed=done, total=total or None)
