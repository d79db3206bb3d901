"""Runs in: from a ZIP that an export wrote, all of them or none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from nst_core.errors import ArchiveError, StoreError
from nst_core.store import archive_format as f
from nst_core.store import tables as t
from nst_core.store.archive_check import Archive, read_archive
from nst_core.store.archive_runs import CheckedRun
from nst_core.store.archive_sweeps import CheckedSweep, cell_of
from nst_core.store.queue import say
from nst_core.store.records import wanted_device
from nst_core.store.store import Store

_AT_ONCE = 500  # files a statement, which names each several times
_SAME = {  # of a run's row, as the manifest has it
    *("state", "created_at", "started_at", "ended_at", "message", "step", "steps", "seconds"),
    *("improvement", "preview_step", "checkpoint_step", "device", "weights", "rating", "notes"),
}


def import_runs(store: Store, data: bytes, *, name: str = "the archive") -> list[int]:
    """Add the runs of an archive to ``store`` and return their numbers, in the archive's order.

    Everything is checked before anything is written; then all of it is written, or nothing.

    Args:
        data: what :func:`~nst_core.export_runs` returned.
        name: what messages and the runs' logs call it.

    Raises:
        ArchiveError: it is none of ours, damaged, changed, too large, or of a newer version.
        StoreError: the store cannot be written.
    """
    label = " ".join(name.split())[:200] or "the archive"
    try:
        archive = read_archive(data)
    except ArchiveError as error:
        raise ArchiveError(f"{label}: {error}") from None
    files = _files_to_keep(archive)
    try:
        # Each at once with its row: so no worker waits long for its turn to write, and what a
        # death leaves behind goes when the store is tidied
        for file in files.values():
            with store.database.write() as connection:
                store.keep(connection, file)
        with store.database.write() as connection:
            return _write(store, connection, archive, files, label)
    finally:
        with contextlib.suppress(StoreError):
            _free_unused(store, files)


def _files_to_keep(archive: Archive) -> dict[str, bytes]:
    """Return the files of runs and sweeps, and the thumbnails of their inputs, by SHA-256."""
    paths = [path for run in archive.runs for path in run.entry.kept_files()]
    paths += [path for sweep in archive.sweeps for path in sweep.entry.kept_files()]
    files = {archive.digests[path]: archive.files[path] for path in paths}
    return files | {small.sha256: small.data for small in archive.thumbnails.values()}


def _free_unused(store: Store, files: Iterable[str]) -> None:
    """Free what no row holds: all that is new after a failure, else thumbnails known already."""
    digests = list(files)
    for begin in range(0, len(digests), _AT_ONCE):
        with store.database.write() as connection:
            store.free(connection, digests[begin : begin + _AT_ONCE])


def _write(
    store: Store, connection: Connection, archive: Archive, files: Mapping[str, bytes], label: str
) -> list[int]:
    """Write all rows; the files are there, but for what another process freed meanwhile."""
    for digest, file in files.items():
        if connection.scalar(select(t.files.c.sha256).where(t.files.c.sha256 == digest)) is None:
            store.keep(connection, file)
    sweeps = {sweep.entry.id: _write_sweep(connection, sweep, archive) for sweep in archive.sweeps}
    numbers: dict[int, int] = {}
    for run in sorted(archive.runs, key=lambda run: run.entry.id):  # parents before their forks
        number = numbers[run.entry.id] = _write_run(connection, run, archive, numbers, sweeps)
        _write_inputs(connection, run.entry, archive, number)
        _write_snapshots(connection, run.entry, archive, number)
        _write_losses(connection, run, number)
        _write_log(connection, run.entry, number)
        line = f"imported from {label}; it was run {run.entry.id} there"
        say(connection, number, line, step=run.entry.step)
    return [numbers[run.entry.id] for run in archive.runs]


def _write_sweep(connection: Connection, sweep: CheckedSweep, archive: Archive) -> int:
    entry, plan = sweep
    values = entry.model_dump(include={"at_once", "created_at", "cancelled_at"})
    values["plan"] = plan.to_json()
    added = connection.execute(insert(t.sweeps).values(values).returning(t.sweeps.c.id))
    number = int(added.scalar_one())
    for item in entry.inputs:
        row = item.model_dump(exclude={"file"}) | {"sha256": archive.digests[item.file]}
        connection.execute(insert(t.sweep_inputs).values(sweep_id=number, **row))
        _write_picture(connection, item.name, row["sha256"], archive, entry.created_at)
    return number


def _write_run(
    connection: Connection,
    run: CheckedRun,
    archive: Archive,
    numbers: Mapping[int, int],
    sweeps: Mapping[int, int],
) -> int:
    entry, config, _ = run
    values = entry.model_dump(include=_SAME) | {
        "config": config.model_dump_json(),
        "parent_id": entry.parent_id and numbers[entry.parent_id],
        "losses": json.dumps(entry.latest_losses) if entry.latest_losses else None,
        "preview": entry.preview and archive.digests[entry.preview],
        "checkpoint": entry.checkpoint and archive.digests[entry.checkpoint],
        "wants": wanted_device(config.device),
        "sweep_id": entry.sweep and sweeps[entry.sweep],
        "cell": cell_of(entry).to_json() if entry.cell else None,
    }
    added = connection.execute(insert(t.runs).values(values).returning(t.runs.c.id))
    return int(added.scalar_one())


def _write_inputs(connection: Connection, entry: f.RunEntry, archive: Archive, number: int) -> None:
    """Write a run's inputs, and into the library those that it does not have."""
    for item in entry.inputs:
        row = item.model_dump(exclude={"file"}) | {"sha256": archive.digests[item.file]}
        connection.execute(insert(t.inputs).values(run_id=number, **row))
        _write_picture(connection, item.name, row["sha256"], archive, entry.created_at)


def _write_picture(
    connection: Connection, name: str, digest: str, archive: Archive, when: float
) -> None:
    """Write a picture into the library, unless it is there."""
    known = select(t.pictures.c.sha256).where(t.pictures.c.sha256 == digest)
    if connection.scalar(known) is not None:
        return
    small = archive.thumbnails[digest]
    picture = {
        "sha256": digest,
        "name": name,
        "width": small.width,
        "height": small.height,
        "thumbnail": small.sha256,
        "chosen_at": when,  # by no person here: it goes with the run
    }
    connection.execute(insert(t.pictures).values(picture))


def _write_snapshots(
    connection: Connection, entry: f.RunEntry, archive: Archive, number: int
) -> None:
    for snapshot in entry.snapshots:
        values: dict[str, Any] = snapshot.model_dump(exclude={"file", "preview", "metrics"})
        values |= {
            "run_id": number,
            "sha256": archive.digests[snapshot.file],
            "preview": archive.digests[snapshot.preview],
            "metrics": snapshot.metrics.to_json() if snapshot.metrics else None,
        }
        connection.execute(insert(t.snapshots).values(values))


def _write_losses(connection: Connection, run: CheckedRun, number: int) -> None:
    """Write losses up to the checkpoint and beyond it: a run that goes on drops those beyond."""
    middle = run.entry.checkpoint_step
    for part in (slice(0, middle), slice(middle, None)):
        steps, values = run.losses.steps[part], run.losses.values[part]
        if len(steps):
            row = {
                "run_id": number,
                "first_step": int(steps[0]),
                "last_step": int(steps[-1]),
                "terms": json.dumps(run.losses.terms),
                "values": np.ascontiguousarray(values, "<f8").tobytes(),
            }
            connection.execute(insert(t.losses).values(row))


def _write_log(connection: Connection, entry: f.RunEntry, number: int) -> None:
    if entry.log:
        lines = [line.model_dump() | {"run_id": number} for line in entry.log]
        connection.execute(insert(t.log), lines)
