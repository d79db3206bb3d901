"""A desk with pictures, where ``python -m nst_core sweep`` runs without worker processes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from nst_core import (
    DeviceStatus,
    Store,
    StoreError,
    SweepResults,
    load_results,
    open_store,
)
from nst_core.cli import main
from nst_core.worker import Worker, worker_id
from tests.lab import Lab, one_thread, picture_bytes

SMALL = (
    "--size 32 --steps 4 --content-layers conv2_1 --style-layers conv1_1 --beta 1e5 "
    "--no-normalize-activations"
)
GRID = f"photo.png style.png --axis beta=1e3,1e5 --axis steps=2,3 {SMALL}"


class InProcess:
    """Computes what waits within this process, in place of an executor's workers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.devices = ["cpu"]

    def wake(self) -> None:
        with one_thread():
            Worker(self.store, worker_id("cpu", is_best=True), "cpu").work(until_empty=True)

    def status(self) -> list[DeviceStatus]:
        return []

    def stop(self) -> None:
        pass


def take_place(monkeypatch: pytest.MonkeyPatch, executor: type[InProcess]) -> None:
    """Let ``executor`` compute, and nobody wait for it."""
    monkeypatch.setattr("nst_core.cli_sweep.LocalExecutor", executor)
    monkeypatch.setattr("nst_core.cli_sweep.LOOK_EVERY", 0)


@contextmanager
def at_desk(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Go to a folder of the lab with photo.png, style.png and other.png."""
    folder = lab.folder / "desk"
    folder.mkdir()
    (folder / "photo.png").write_bytes(picture_bytes(1))
    (folder / "style.png").write_bytes(picture_bytes(2, 40, 32))
    (folder / "other.png").write_bytes(picture_bytes(3, 40, 32))
    monkeypatch.chdir(folder)
    yield lab
    with suppress(StoreError):
        open_store().close()


def sweep(arguments: str) -> int:
    """Run the command and return its exit code."""
    try:
        return main(["sweep", *shlex.split(arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


def results(lab: Lab, sweep_id: int = 1) -> SweepResults:
    return load_results(lab.store, sweep_id)


def ids(lab: Lab) -> dict[str, int]:
    """Return the runs of the first sweep by their cells."""
    return {run.cell.key: run.entry.run.id for run in results(lab).runs}


def titles(lab: Lab) -> list[str]:
    return [run.cell.title for run in results(lab).runs]


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def write(name: str, seed: int) -> None:
    """Write a picture, with its folder."""
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(picture_bytes(seed, 40, 32))
