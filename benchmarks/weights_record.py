"""What a measurement of weights has so far: a JSON file, and its results' pictures beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from benchmarks.weights_cells import Cell
from nst_core import ConfigError, Picture, load_image
from nst_core.paths import write_atomically


class Record:
    """The cells that are done, written anew with each that is added.

    Args:
        path: the JSON file; pictures lie beside it, in a folder whose name ends in ``-pictures``.
        resume: whether to go on with what the file has.

    Raises:
        ConfigError: the file is there and ``resume`` is not set, or it is none of ours.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self.pictures = path.with_name(f"{path.stem}-pictures")
        self.head: dict[str, Any] = {}
        self.summary: Mapping[str, Any] | None = None
        self.cells: dict[str, Cell] = {}
        if path.exists():
            if not resume:
                raise ConfigError(
                    f"{path} is there already; go on with it by --resume, or name another by --json"
                )
            self.cells = _read(path)
        self.pictures.mkdir(parents=True, exist_ok=True)

    def has(self, key: str) -> bool:
        """Whether a cell and its picture are there."""
        return key in self.cells and self._file(key).is_file()

    def add(self, cell: Cell, png: bytes) -> None:
        """Keep a cell and its picture at once."""
        write_atomically(self._file(cell.key), png)
        self.cells[cell.key] = cell
        self.write()

    def picture(self, key: str) -> Picture:
        """Return a cell's picture."""
        return load_image(self._file(key))

    def write(self) -> None:
        """Write all there is, whole or not at all."""
        cells = [asdict(cell) for cell in self.cells.values()]
        found = {**self.head, "summary": self.summary, "cells": cells}
        write_atomically(self.path, (json.dumps(found, indent=1) + "\n").encode())

    def _file(self, key: str) -> Path:
        return self.pictures / f"{key}.png"


def _read(path: Path) -> dict[str, Cell]:
    try:
        rows = json.loads(path.read_bytes())["cells"]
        names = {field.name for field in fields(Cell)}
        cells = [Cell(**{name: row[name] for name in names}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a record of this benchmark ({error}); name another by --json"
        ) from None
    return {cell.key: cell for cell in cells}
