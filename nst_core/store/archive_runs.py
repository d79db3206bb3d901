"""A run of an archive: whether its files and what the manifest says of it go together."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from nst_core.checkpoint import Checkpoint
from nst_core.config import StyleTransferConfig
from nst_core.errors import ArchiveError, ConfigError, NSTError
from nst_core.pyramid import levels_of
from nst_core.store import archive_format as f
from nst_core.store.archive_pictures import Pictures
from nst_core.store.records import Losses


class CheckedRun(NamedTuple):
    """A run of an archive, with its settings and losses read."""

    entry: f.RunEntry
    config: StyleTransferConfig
    losses: Losses


def checked_run(entry: f.RunEntry, files: Mapping[str, bytes], pictures: Pictures) -> CheckedRun:
    """Read a run's settings and losses, and check all of it; ``files`` are bytes by path.

    Raises:
        ArchiveError: what it says cannot be, or a file of it cannot be used.
    """
    with _of_run(entry):
        config = _read_settings(files[entry.settings])
        losses = read_losses(files[entry.losses])
        _check_progress(entry, config, losses)
        _check_snapshots(entry, config)
        _check_inputs(entry, config)
        pictures.check(entry)
        if entry.checkpoint is not None:
            _check_checkpoint(files[entry.checkpoint], entry, config)
    return CheckedRun(entry, config, losses)


@contextmanager
def _of_run(entry: f.RunEntry) -> Iterator[None]:
    """Say of which run an error is, in one line."""
    try:
        yield
    except NSTError as error:
        raise ArchiveError(f"run {entry.id}: {f.shortened(str(error), 500)}") from None


def _read_settings(data: bytes) -> StyleTransferConfig:
    try:
        settings = json.loads(data)
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise ArchiveError(f"its settings are no JSON object; {f.AGAIN}")
    try:
        config = StyleTransferConfig(**settings)
        levels_of(config)
    except ConfigError as error:  # a value may be of any length
        raise ArchiveError(
            f"its settings cannot be used ({f.shortened(str(error), 300)}); update NST Lab, or "
            f"{f.AGAIN}"
        ) from None
    return config


def read_losses(data: bytes) -> Losses:
    """Read what :func:`~nst_core.losses_csv` wrote, bit for bit.

    Raises:
        ArchiveError: it is no such table, or a loss is not finite.
    """
    try:
        head, _, body = data.decode().partition("\n")
        first, *terms = head.split(",")
        rows = np.empty((0, 1 + len(terms)))
        if body:
            rows = np.loadtxt(io.StringIO(body), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        raise ArchiveError(f"its losses are no table of numbers; {f.AGAIN}") from None
    if first != "step" or rows.shape[1] != 1 + len(terms) or len(set(terms)) < len(terms):
        raise ArchiveError(f"the columns of its losses do not agree; {f.AGAIN}")
    if not np.isfinite(rows).all():
        raise ArchiveError(f"some of its losses are not finite; {f.AGAIN}")
    if not np.array_equal(rows[:, 0], np.arange(1, len(rows) + 1)):
        raise ArchiveError(f"its losses are not of the steps 1, 2, ... in order; {f.AGAIN}")
    return Losses(rows[:, 0].astype(np.int64), tuple(terms), rows[:, 1:])


def _check_progress(entry: f.RunEntry, config: StyleTransferConfig, losses: Losses) -> None:
    if entry.steps != config.steps:
        raise ArchiveError(
            f"it says {entry.steps} steps and its settings {config.steps}; {f.AGAIN}"
        )
    furthest = max(entry.step, entry.checkpoint_step, entry.preview_step or 0)
    if furthest > entry.steps or entry.checkpoint_step > entry.step:
        raise ArchiveError(
            f"it is at step {entry.step} of {entry.steps}, its checkpoint at "
            f"{entry.checkpoint_step} and its preview at {entry.preview_step}, which cannot be; "
            f"{f.AGAIN}"
        )
    if len(losses) != entry.step:
        raise ArchiveError(f"it has losses of {len(losses)} steps and did {entry.step}; {f.AGAIN}")
    if set(entry.latest_losses) != set(losses.terms) or ("total" in losses.terms) != bool(losses):
        raise ArchiveError(f"its latest losses and its losses have other terms; {f.AGAIN}")
    if (entry.preview is None) != (entry.preview_step is None):
        raise ArchiveError(f"it has a preview without its step, or a step without it; {f.AGAIN}")
    if entry.state == "done" and entry.checkpoint is not None:
        raise ArchiveError(f"it is done and yet has a checkpoint to go on from; {f.AGAIN}")


def _check_snapshots(entry: f.RunEntry, config: StyleTransferConfig) -> None:
    steps = [snapshot.step for snapshot in entry.snapshots]
    outputs = [snapshot.output for snapshot in entry.snapshots if snapshot.output is not None]
    if len(set(steps)) < len(steps) or len(set(outputs)) < len(outputs):
        raise ArchiveError(f"it has two pictures of one step or output; {f.AGAIN}")
    if max(steps, default=0) > entry.step or max(outputs, default=0) > config.outputs:
        raise ArchiveError(
            f"it has a picture beyond its step {entry.step} or its {config.outputs} outputs; "
            f"{f.AGAIN}"
        )


def _check_inputs(entry: f.RunEntry, config: StyleTransferConfig) -> None:
    from nst_core.inputs import check_counts  # so that opening a store loads no scikit-image

    places = [(item.role, item.position) for item in entry.inputs]
    if len(set(places)) < len(places):
        raise ArchiveError(f"it has two inputs of one role and position; {f.AGAIN}")
    styles = sorted(position for role, position in places if role == "style")
    contents = [position for role, position in places if role == "content"]
    if contents != [0] or not styles or styles != list(range(len(styles))):
        raise ArchiveError(f"it needs one content and one or more styles, in order; {f.AGAIN}")
    for role, position in places:
        if role.endswith(" mask") and (role.removesuffix(" mask"), position) not in places:
            raise ArchiveError(f"it has a {role} without its picture; {f.AGAIN}")
    check_counts(config, styles=len(styles), masks=len(styles))


def _check_checkpoint(data: bytes, entry: f.RunEntry, config: StyleTransferConfig) -> None:
    """Check that a checkpoint is this run's; reading it executes nothing of what it holds."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as tensors:  # torch's files are ZIPs, unpacked ones
            unpacked = sum(item.file_size for item in tensors.infolist())
        if unpacked > len(data):
            raise ValueError("packed")
        checkpoint = Checkpoint.from_bytes(data)
        checkpoint.check(config, checkpoint.inputs)
        is_here = checkpoint.index == entry.checkpoint_step and not checkpoint.finished
    except Exception:  # ours, or what a value of a wrong type leads to
        is_here = False
    if not is_here:
        raise ArchiveError(f"its checkpoint is damaged or another run's; {f.AGAIN}")
