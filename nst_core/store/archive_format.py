"""The format of an archive of runs: its manifest, its names, its limits (see docs/archive.md)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import humanize
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nst_core.errors import ArchiveError
from nst_core.metrics import Metrics
from nst_core.store.records import MOST_STARS, Role

FORMAT = "nst-lab-runs"
VERSION = 2  # a field more or less is another version; the first had no sweeps
MANIFEST = "manifest.json"
AGAIN = "fetch or export it again"  # what helps against nearly everything

MOST_BYTES = 2 * 2**30  # of all files together, unpacked
MOST_FILE_BYTES = 2**30
MOST_MANIFEST_BYTES = 16 * 2**20
LAST_TIME = 7_258_118_400.0  # the year 2200: beyond, some systems cannot show a date

Count = Annotated[int, Field(ge=0, lt=2**31)]  # as the database's integers
Positive = Annotated[int, Field(ge=1, lt=2**31)]
Time = Annotated[float, Field(ge=0, le=LAST_TIME)]  # seconds since 1970 (UTC)
Seconds = Annotated[float, Field(ge=0)]
Ended = Literal["done", "failed", "cancelled", "interrupted"]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class FileEntry(_Entry):
    """A file of the archive."""

    path: str
    bytes: Count
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class InputEntry(_Entry):
    """A picture or mask of a run, as :class:`~nst_core.store.RunInput`; ``file`` is a path."""

    role: Role
    position: Count
    name: str
    file: str


class SnapshotEntry(_Entry):
    """As :class:`~nst_core.store.Snapshot`; ``file`` and ``preview`` are paths."""

    step: Positive
    output: Positive | None
    file: str
    preview: str
    width: Positive
    height: Positive
    total: float
    improvement: float
    seconds: Seconds
    metrics: Metrics | None


class LogEntry(_Entry):
    """As :class:`~nst_core.store.LogLine`."""

    at: Time
    step: Count
    text: str


class CellEntry(_Entry):
    """As :class:`~nst_core.Cell`."""

    index: Count
    values: dict[str, bool | int | float | str]
    replicate: Count


class SweepInputEntry(_Entry):
    """A picture or mask of a sweep; that of a value is called as the axis has it."""

    role: Role | Literal["content value", "style value"]
    position: Count
    name: str
    file: str


class SweepEntry(_Entry):
    """As :class:`~nst_core.store.Sweep`; ``plan`` is a path."""

    id: Positive
    plan: str
    at_once: Positive
    created_at: Time
    cancelled_at: Time | None
    inputs: tuple[SweepInputEntry, ...] = Field(fail_fast=True)

    def kept_files(self) -> list[str]:
        """Return the paths of what the store keeps as files."""
        return [item.file for item in self.inputs]

    def files(self) -> list[str]:
        """Return the paths of all its files."""
        return [self.plan, *self.kept_files()]


class RunEntry(_Entry):
    """As :class:`~nst_core.store.Run`; ``settings``, ``losses`` and what is a file are paths."""

    id: Positive
    parent_id: Positive | None
    state: Ended
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    message: str
    step: Count
    steps: Positive
    seconds: Seconds
    improvement: float | None
    latest_losses: dict[str, float]
    device: str | None
    weights: str | None
    rating: int | None = Field(ge=1, le=MOST_STARS)
    notes: str
    settings: str
    losses: str
    preview: str | None
    preview_step: Count | None
    checkpoint: str | None
    checkpoint_step: Count
    inputs: tuple[InputEntry, ...] = Field(fail_fast=True)
    snapshots: tuple[SnapshotEntry, ...] = Field(fail_fast=True)
    log: tuple[LogEntry, ...] = Field(fail_fast=True)
    sweep: Positive | None = None
    cell: CellEntry | None = None

    def kept_files(self) -> list[str]:
        """Return the paths of what the store keeps as files."""
        paths = [item.file for item in self.inputs]
        for snapshot in self.snapshots:
            paths += [snapshot.file, snapshot.preview]
        return paths + [path for path in (self.preview, self.checkpoint) if path is not None]

    def files(self) -> list[str]:
        """Return the paths of all its files."""
        return [self.settings, self.losses, *self.kept_files()]


class Manifest(_Entry):
    """What stands in ``manifest.json``."""

    format: Literal["nst-lab-runs"]
    version: Literal[1, 2]
    nst_lab: str
    runs: tuple[RunEntry, ...] = Field(min_length=1, fail_fast=True)
    sweeps: tuple[SweepEntry, ...] = Field(default=(), fail_fast=True)
    files: tuple[FileEntry, ...] = Field(fail_fast=True)


class _Head(BaseModel):
    model_config = ConfigDict(strict=True)

    format: Literal["nst-lab-runs"]
    version: Positive


def read_manifest(data: bytes) -> Manifest:
    """Read and check a manifest, each value by itself.

    Raises:
        ArchiveError: it is no JSON, not ours, of a newer version, or a value is out of range.
    """
    try:
        head = _Head.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise ArchiveError(f"{MANIFEST} is broken ({first['msg']}); {AGAIN}") from None
        raise ArchiveError(
            f"{MANIFEST} is not NST Lab's; choose an archive that NST Lab exported"
        ) from None
    if head.version > VERSION:
        raise ArchiveError(
            f"it is of format version {head.version}, and this version of NST Lab reads up to "
            f"{VERSION}; update NST Lab"
        )
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise ArchiveError(f"{MANIFEST}: {first_problem(error)}; {AGAIN}") from None


def first_problem(error: ValidationError) -> str:
    """Say pydantic's first error in one line: ``"runs.0.step: must be ..., got -1"``."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    what = first["msg"].replace("Input should be", "must be")
    got = "" if first["type"] == "missing" else f", got {shown(first['input'])}"
    return f"{where}: {what}{got}"


def check_name(path: str) -> None:
    r"""Raise ArchiveError if ``path`` is absolute, has ``..``, a drive, or a backslash.

    Nothing is ever unpacked by name, but who made such a name meant no good.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\\:\x00-\x1f\x7f]", path):
        raise ArchiveError(
            f"it names a file {shown(path)}, which could lie outside of it; do not use it, ask "
            "for another export"
        )


def shown(value: object) -> str:
    """Return ``value`` as messages show it, in one short line."""
    return shortened(repr(value), 80)


def shortened(text: str, most: int) -> str:
    """Return ``text`` in one line of at most ``most`` characters, its middle left out."""
    text = " ".join(text.split())
    tail = most // 4
    return text if len(text) <= most else f"{text[: most - tail - 1]}…{text[-tail:]}"


def size_words(count: int) -> str:
    """Return bytes as people read them: ``"2.0 GiB"``."""
    return str(humanize.naturalsize(count, binary=True))
