"""What the store hands out: plain records, never rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nst_core.config import StyleTransferConfig
from nst_core.metrics import Metrics
from nst_core.pyramid import plan_levels, share_of_work

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
Role = Literal["content", "style", "content mask", "style mask"]
ACTIVE: tuple[State, ...] = ("queued", "running")


class StoredPicture(NamedTuple):
    """A picture of the library: its file, how it is called, its size, and a small copy's file."""

    sha256: str
    name: str
    width: int
    height: int
    thumbnail: str


class RunInput(NamedTuple):
    """A picture or mask of a run; ``position`` counts the styles (and their masks) from 0."""

    role: Role
    position: int
    sha256: str
    name: str


@dataclass(frozen=True)
class Run:
    """A run as the store has it now.

    Attributes:
        id: its number, for the address ``?run=ID``.
        state: queued, running, or how it ended: done, failed, cancelled, interrupted.
        config: its settings.
        parent_id: the run it was forked from.
        created_at, started_at, ended_at: seconds since 1970.
        message: why it failed or stopped, in words.
        step, steps: steps done, and in all.
        seconds: time spent computing.
        improvement: by how many percent the total loss fell, None before the first step.
        losses: the latest, weighted.
        preview, preview_step: file of the latest preview, and its step.
        checkpoint_step: where it would go on from, 0 is the start.
        device, weights: what computes, in words.
        rating, notes: what people think of it; 1 to 5 stars, or None.
        cancelling: a cancel was asked for.
        inputs: its pictures and masks.
    """

    id: int
    state: State
    config: StyleTransferConfig
    parent_id: int | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    message: str
    step: int
    steps: int
    seconds: float
    improvement: float | None
    losses: Mapping[str, float]
    preview: str | None
    preview_step: int | None
    checkpoint: str | None
    checkpoint_step: int
    device: str | None
    weights: str | None
    rating: int | None = None
    notes: str = ""
    cancelling: bool = False
    inputs: tuple[RunInput, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE

    @property
    def content(self) -> RunInput:
        """Its content picture."""
        return next(item for item in self.inputs if item.role == "content")

    @property
    def styles(self) -> tuple[RunInput, ...]:
        """Its style pictures, in order."""
        return tuple(item for item in self.inputs if item.role == "style")

    @property
    def seconds_left(self) -> float | None:
        """About how long it will compute on; None before there is anything to judge by."""
        plan = plan_levels(self.config.size, self.config.steps, self.config.levels)
        done = share_of_work(plan, self.step)
        return self.seconds * (1 - done) / done if self.seconds and done else None

    @property
    def title(self) -> str:
        """What people call it: ``"Run 12: cat in night_lake"``."""
        names = [item.name.rpartition(".")[0] or item.name for item in (self.content, *self.styles)]
        return f"Run {self.id}: {names[0]} in {' + '.join(names[1:])}"


@dataclass(frozen=True)
class Snapshot:
    """A picture that a run kept.

    Attributes:
        output: 1, 2, ... of the run's outputs; None where it was kept on cancelling.
        sha256, preview: files of the PNG and of a smaller JPEG for the screen.
        total, improvement, seconds: as the run stood at ``step``.
        metrics: what was measured of it, None until it was.
    """

    step: int
    output: int | None
    sha256: str
    preview: str
    width: int
    height: int
    total: float
    improvement: float
    seconds: float
    metrics: Metrics | None = None


class LogLine(NamedTuple):
    """A line of a run's log: when (seconds since 1970), at which step, and what."""

    at: float
    step: int
    text: str


@dataclass(frozen=True)
class Losses:
    """A run's losses: ``values[k]`` are those of ``steps[k]``, one column a term.

    ``terms`` are the weighted contributions as :class:`~nst_core.step.Step` names them.
    """

    steps: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    terms: tuple[str, ...] = ()
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self.steps)

    def followed_by(self, others: Losses) -> Losses:
        """Return these and ``others``, which come after them."""
        if not len(self):
            return others
        return Losses(
            np.concatenate([self.steps, others.steps]),
            self.terms,
            np.concatenate([self.values, others.values]),
        )


def read_config(text: str) -> StyleTransferConfig:
    """Read a run's settings as the store keeps them."""
    return StyleTransferConfig(**json.loads(text))


def read_run(row: Mapping[str, Any], inputs: tuple[RunInput, ...]) -> Run:
    """Make a record of a row of ``runs``."""
    values = {name: row[name] for name in Run.__dataclass_fields__ if name in row}
    return Run(
        **values
        | {
            "config": read_config(row["config"]),
            "losses": json.loads(row["losses"] or "{}"),
            "cancelling": row.get("cancel_at") is not None,
            "inputs": inputs,
        }
    )


def read_snapshot(row: Mapping[str, Any]) -> Snapshot:
    """Make a record of a row of ``snapshots``."""
    values = {name: row[name] for name in Snapshot.__dataclass_fields__}
    metrics = Metrics.from_json(row["metrics"]) if row["metrics"] else None
    return Snapshot(**values | {"metrics": metrics})
