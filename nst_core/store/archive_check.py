"""An archive from anywhere, read and checked to the last file; nothing here writes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from nst_core.errors import ArchiveError
from nst_core.store import archive_format as f
from nst_core.store.archive_pictures import Pictures, Thumbnail
from nst_core.store.archive_runs import CheckedRun, checked_run
from nst_core.store.archive_sweeps import CheckedSweep, checked_sweeps
from nst_core.store.archive_zip import ZipFiles


@dataclass(frozen=True)
class Archive:
    """What an archive holds, checked.

    Attributes:
        runs, sweeps: in the archive's order.
        files: bytes by path.
        digests: SHA-256 by path.
        thumbnails: of the runs' inputs, by the input's SHA-256.
    """

    runs: tuple[CheckedRun, ...]
    sweeps: tuple[CheckedSweep, ...]
    files: Mapping[str, bytes]
    digests: Mapping[str, str]
    thumbnails: Mapping[str, Thumbnail]


def read_archive(data: bytes) -> Archive:
    """Read an archive and check it: first its ZIP, then its manifest, its files, their contents.

    Raises:
        ArchiveError: it cannot be trusted to be what an export wrote, and why.
    """
    zipped = ZipFiles(data)
    if zipped.size(f.MANIFEST) is None:
        raise ArchiveError(
            f"it has no {f.MANIFEST} and so is no archive of runs; choose a ZIP that NST Lab "
            "exported as one"
        )
    manifest = f.read_manifest(zipped.read(f.MANIFEST))
    _check_numbers(manifest.runs)
    _check_files(manifest, zipped)
    files = {entry.path: _read_file(entry, zipped) for entry in manifest.files}
    digests = {entry.path: entry.sha256 for entry in manifest.files}
    pictures = Pictures(files, digests)
    runs = tuple(checked_run(entry, files, pictures) for entry in manifest.runs)
    sweeps = checked_sweeps(manifest.sweeps, runs, files, digests, pictures)
    return Archive(runs, sweeps, files, digests, pictures.thumbnails)


def _check_numbers(runs: tuple[f.RunEntry, ...]) -> None:
    numbers = [run.id for run in runs]
    if len(set(numbers)) < len(numbers):
        raise ArchiveError(f"it holds two runs of one number; {f.AGAIN}")
    for run in runs:
        if run.parent_id is not None and not (run.parent_id < run.id and run.parent_id in numbers):
            raise ArchiveError(
                f"run {run.id} was forked from run {run.parent_id}, which is not in it or is "
                f"younger; {f.AGAIN}"
            )


def _check_files(manifest: f.Manifest, zipped: ZipFiles) -> None:
    """Check the list of files against the ZIP and the runs, before anything more is unpacked."""
    listed = {entry.path for entry in manifest.files}
    if len(listed) < len(manifest.files):
        raise ArchiveError(f"its {f.MANIFEST} lists a file twice; {f.AGAIN}")
    for entry in manifest.files:
        f.check_name(entry.path)
        size = zipped.size(entry.path)
        if size is None:
            raise ArchiveError(f"the file {f.shown(entry.path)} is missing in it; {f.AGAIN}")
        if size != entry.bytes:
            raise ArchiveError(
                f"{entry.path} in it has {size} bytes and should have {entry.bytes}; {f.AGAIN}"
            )
    needed = [(f"run {run.id}", run.files()) for run in manifest.runs]
    needed += [(f"sweep {sweep.id}", sweep.files()) for sweep in manifest.sweeps]
    for who, paths in needed:
        for path in paths:
            f.check_name(path)
            if path not in listed:
                raise ArchiveError(
                    f"{who} needs the file {f.shown(path)}, which its {f.MANIFEST} does not list; "
                    f"{f.AGAIN}"
                )


def _read_file(entry: f.FileEntry, zipped: ZipFiles) -> bytes:
    data = zipped.read(entry.path)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ArchiveError(f"{entry.path} in it was changed: its SHA-256 is another; {f.AGAIN}")
    return data
