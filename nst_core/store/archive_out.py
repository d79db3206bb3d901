"""Runs out: as one ZIP, from which another store gets all that this one knows of them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from nst_core import __version__
from nst_core.errors import ArchiveError, RunError
from nst_core.store import archive_format as f
from nst_core.store.archive_zip import Item, write_zip
from nst_core.store.records import VALUE, Run, RunInput, Snapshot, Sweep
from nst_core.store.store import Store
from nst_core.store.sweeps import Sweeps

_SUFFIXES = ("png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp")
_LONGEST_NAME = 60  # characters; with its folders far under every system's limit
_ALL = 2**31 - 1  # log lines


def export_runs(store: Store, run_ids: Sequence[int]) -> bytes:
    """Return runs as one ZIP, with all that the store has of them.

    The same runs give the same bytes. :func:`~nst_core.import_runs` reads them back, and
    ``docs/archive.md`` tells the format.

    Raises:
        RunError: none was chosen, one is not there, is active, or changed meanwhile.
        StoreError: a file cannot be read.
        ArchiveError: they are too large for one archive.
    """
    chosen = list(dict.fromkeys(run_ids))
    if not chosen:
        raise RunError("there is no run to export; choose at least one")
    runs = [_ended(store.run(run_id)) for run_id in chosen]
    parcel = _Parcel(store)
    try:
        entries = tuple(parcel.add_run(run, parents=chosen) for run in runs)
        sweep_ids = dict.fromkeys(run.sweep_id for run in runs if run.sweep_id is not None)
        sweeps = tuple(parcel.add_sweep(Sweeps(store).get(sweep_id)) for sweep_id in sweep_ids)
        manifest = parcel.manifest(entries, sweeps)
    except ValidationError as error:
        raise ArchiveError(
            f"these runs cannot be exported ({f.first_problem(error)}); leave out the one with it"
        ) from None
    for run in runs:
        if store.run(run.id) != run:
            raise RunError(f"run {run.id} changed while it was read; export it again")
    return write_zip([manifest, *parcel.items])


def _ended(run: Run) -> Run:
    if run.is_active:
        raise RunError(f"run {run.id} is {run.state}; cancel it first, or wait until it has ended")
    return run


class _Parcel:
    """Gathers files and tells where it put them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.items: list[Item] = []
        self._total = 0

    def add_run(self, run: Run, *, parents: Sequence[int]) -> f.RunEntry:
        """Add a run's files and return what the manifest says of it."""
        from nst_core.export import losses_csv  # it stands above the store

        folder = f"run-{run.id}"
        settings = run.config.model_dump_json(indent=2)
        losses = losses_csv(self.store.losses(run.id))
        latest = self._kept(f"{folder}/previews/latest.jpg", run.preview)
        return f.RunEntry(
            id=run.id,
            parent_id=run.parent_id if run.parent_id in parents else None,
            state=run.state,  # type: ignore[arg-type]  # _ended() has seen to it
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            message=run.message,
            step=run.step,
            steps=run.steps,
            seconds=run.seconds,
            improvement=run.improvement,
            latest_losses=dict(run.losses),
            device=run.device,
            weights=run.weights,
            rating=run.rating,
            notes=run.notes,
            settings=self._add(f"{folder}/settings.json", settings.encode()),
            losses=self._add(f"{folder}/losses.csv", losses.encode()),
            preview=latest,
            preview_step=run.preview_step,
            checkpoint=self._kept(f"{folder}/checkpoint.pt", run.checkpoint),
            checkpoint_step=run.checkpoint_step,
            inputs=tuple(f.InputEntry(**self._input(folder, item)) for item in run.inputs),
            snapshots=tuple(self._snapshot(folder, run, s) for s in self.store.snapshots(run.id)),
            log=tuple(f.LogEntry(**e._asdict()) for e in self.store.log(run.id, limit=_ALL)),
            sweep=run.sweep_id,
            cell=f.CellEntry(**asdict(run.cell)) if run.cell else None,
        )

    def add_sweep(self, sweep: Sweep) -> f.SweepEntry:
        """Add a sweep's files and return what the manifest says of it."""
        folder = f"sweep-{sweep.id}"
        plan = json.dumps(json.loads(sweep.plan.to_json()), indent=2)
        items = list(sweep.inputs)
        for name, values in sweep.pictures.items():
            for position, item in enumerate(values.values()):
                role: Any = name + VALUE
                items.append(item._replace(role=role, position=position))
        return f.SweepEntry(
            id=sweep.id,
            plan=self._add(f"{folder}/plan.json", plan.encode()),
            at_once=sweep.at_once,
            created_at=sweep.created_at,
            cancelled_at=sweep.cancelled_at,
            inputs=tuple(f.SweepInputEntry(**self._input(folder, item)) for item in items),
        )

    def manifest(self, entries: tuple[f.RunEntry, ...], sweeps: tuple[f.SweepEntry, ...]) -> Item:
        """Return the manifest of all that was added."""
        files = tuple(
            f.FileEntry(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in self.items
        )
        manifest = f.Manifest(
            format="nst-lab-runs",
            version=2,
            nst_lab=__version__,
            runs=entries,
            sweeps=sweeps,
            files=files,
        )
        text = manifest.model_dump_json(indent=2).encode()
        if len(text) > f.MOST_MANIFEST_BYTES:
            raise _too_large("records", f.MOST_MANIFEST_BYTES)
        return Item(f.MANIFEST, text)

    def _input(self, folder: str, item: RunInput) -> dict[str, Any]:
        """Add an input's file and return the fields of its entry."""
        path = f"{folder}/inputs/{input_name(item)}"
        file = self._add(path, self.store.read(item.sha256))
        return {"role": item.role, "position": item.position, "name": item.name, "file": file}

    def _snapshot(self, folder: str, run: Run, item: Snapshot) -> f.SnapshotEntry:
        name = f"step-{item.step:0{max(4, len(str(run.steps)))}}"
        return f.SnapshotEntry(
            step=item.step,
            output=item.output,
            file=self._add(f"{folder}/snapshots/{name}.png", self.store.read(item.sha256)),
            preview=self._add(f"{folder}/previews/{name}.jpg", self.store.read(item.preview)),
            width=item.width,
            height=item.height,
            total=item.total,
            improvement=item.improvement,
            seconds=item.seconds,
            metrics=item.metrics,
        )

    def _kept(self, path: str, digest: str | None) -> str | None:
        return None if digest is None else self._add(path, self.store.read(digest))

    def _add(self, path: str, data: bytes) -> str:
        self._total += len(data)
        if len(data) > f.MOST_FILE_BYTES:
            raise ArchiveError(
                f"{path} has {f.size_words(len(data))}, and a file of an archive at most "
                f"{f.size_words(f.MOST_FILE_BYTES)}; export without this run"
            )
        if self._total > f.MOST_BYTES - f.MOST_MANIFEST_BYTES:
            raise _too_large("files", f.MOST_BYTES)
        self.items.append(Item(path, data))
        return path


def _too_large(what: str, most: int) -> ArchiveError:
    return ArchiveError(
        f"the {what} of these runs do not fit into one archive, which takes {f.size_words(most)} "
        "of them; export fewer runs at a time"
    )


def input_name(item: RunInput) -> str:
    """Return a file's name that every system takes: ``style-1_night_lake.jpg``.

    ASCII alone, no separators, short; the role that stands in front makes it unique and keeps it
    from being a name that a system reserves. The true name stands in the manifest.
    """
    plain = unicodedata.normalize("NFKD", item.name).encode("ascii", "ignore").decode()
    stem, _, suffix = plain.rpartition(".")
    if suffix.lower() not in _SUFFIXES:
        stem, suffix = plain, ""
    stem = re.sub(r"[^A-Za-z0-9-]+", "_", stem)[:_LONGEST_NAME].strip("_")
    role = item.role.replace(" ", "-")
    if item.role.startswith("style") or item.role.endswith(VALUE):
        role += f"-{item.position + 1}"
    return "_".join(filter(None, (role, stem))) + (f".{suffix.lower()}" if suffix else "")
