"""What the store hands out: plain records, never rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from nst_core.cells import Cell
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.metrics import Metrics
from nst_core.pyramid import levels_of, seconds_left
from nst_core.sweep_plan import SweepPlan

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
Role = Literal["content", "style", "content mask", "style mask"]
ACTIVE: tuple[State, ...] = ("queued", "running")
MOST_STARS = 5
VALUE = " value"  # ends the role of a sweep's picture that an axis lists


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
        deaths: of workers that computed it, since a person last asked it to go on.
        sweep_id, cell: which cell of which sweep it is; None where it is a run by itself.
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
    deaths: int = 0
    sweep_id: int | None = None
    cell: Cell | None = None
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
        return seconds_left(levels_of(self.config), self.step, self.seconds)

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


@dataclass(frozen=True)
class Entry:
    """A run in the history.

    Attributes:
        picture: file of a picture that shows it: its preview, or its content's thumbnail; None
            where there is neither.
        total: the total loss of its last snapshot; None where it has none.
        metrics: what was measured of its last snapshot; None until it was.
    """

    run: Run
    picture: str | None = None
    total: float | None = None
    metrics: Metrics | None = None


def _is_number(annotation: Any) -> bool:
    """Whether a field holds a number, perhaps beside a word such as auto."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(_is_number(member) for member in get_args(annotation))
    return annotation in (int, float)


NUMBER_SETTINGS: tuple[str, ...] = tuple(
    name for name, field in StyleTransferConfig.model_fields.items() if _is_number(field.annotation)
)
"""The settings that are numbers, in the config's order; runs can be found by their ranges."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; what is left out does not matter.

    Attributes:
        states: one of these.
        since, until: created at or after, and before; seconds since 1970.
        content, style: the name of the content, and of one of the styles, exactly.
        text: a part of the notes or of a picture's name, in capitals or not.
        setting: one of :data:`NUMBER_SETTINGS`; runs that left it at ``auto`` are not found.
        low, high: the setting's least and greatest value, themselves included.
        stars: at least as many, 1 to 5.
        sweep: runs of the sweep of this number.

    Raises:
        ConfigError: a state or setting that does not exist, or a number that is none.
    """

    states: tuple[State, ...] = ()
    since: float | None = None
    until: float | None = None
    content: str | None = None
    style: str | None = None
    text: str = ""
    setting: str | None = None
    low: float | None = None
    high: float | None = None
    stars: int | None = None
    sweep: int | None = None

    def __post_init__(self) -> None:
        """Check what databases would stumble over."""
        for state in self.states:
            if state not in get_args(State):
                raise ConfigError(
                    f"there is no state {state!r}; it is one of {', '.join(get_args(State))}"
                )
        if self.setting is not None and self.setting not in NUMBER_SETTINGS:
            raise ConfigError(
                f"{self.setting!r} is no setting with a number; choose one of "
                f"{', '.join(NUMBER_SETTINGS)}"
            )
        for name in ("since", "until", "low", "high"):
            if not _is_usable(getattr(self, name)):
                raise ConfigError(
                    f"{name} must be a finite number of at most 1e300, got "
                    f"{str(getattr(self, name))[:40]}; leave it out for no limit"
                )
        if self.stars is not None and not 1 <= self.stars <= MOST_STARS:
            raise ConfigError(f"stars must be 1 to {MOST_STARS}, got {self.stars}")


def _is_usable(number: float | None) -> bool:
    return number is None or abs(number) <= 1e300  # false for nan and inf


@dataclass(frozen=True)
class Sweep:
    """A sweep as it was planned; what came of it stands in its runs.

    Attributes:
        id: its number, for the address ``?sweep=ID``.
        at_once: trials that a sampler which chooses as it goes has under way at a time.
        created_at, cancelled_at: seconds since 1970; a cancel is taken back by going on.
        inputs: its pictures and masks; those that an axis varies are left out.
        pictures: for ``content`` and ``style``, where an axis varies them, each value's picture.
    """

    id: int
    plan: SweepPlan
    at_once: int
    created_at: float
    cancelled_at: float | None = None
    inputs: tuple[RunInput, ...] = ()
    pictures: Mapping[str, Mapping[str, RunInput]] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What it shows: ``"cat in night_lake"``; ``"cat in 3 styles"`` where these are varied."""
        words = {}
        for role in ("content", "style"):
            names = [item.name for item in self.inputs if item.role == role]
            if varied := self.pictures.get(role):
                names = list(varied) if len(varied) == 1 else [f"{len(varied)} {role}s"]
            words[role] = " + ".join(name.rpartition(".")[0] or name for name in names)
        return f"{words['content']} in {words['style']}"

    def inputs_of(self, cell: Cell) -> list[RunInput]:
        """Return the pictures and masks of a cell's run.

        Raises:
            ConfigError: it names a picture that the sweep does not have.
        """
        found = list(self.inputs)
        for name, value in cell.pictures.items():
            known = self.pictures.get(name, {})
            if value not in known:
                raise ConfigError(f"{name} {value[:60]!r}: the sweep has no such picture")
            found.append(known[value])
        return found


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


def wanted_device(name: str) -> str:
    """Return what a run with the setting ``device`` waits for: ``cuda`` is the first GPU."""
    return "cuda:0" if name == "cuda" else name


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
            "cell": Cell.from_json(row["cell"]) if row.get("cell") else None,
            "inputs": inputs,
        }
    )


def read_snapshot(row: Mapping[str, Any]) -> Snapshot:
    """Make a record of a row of ``snapshots``."""
    values = {name: row[name] for name in Snapshot.__dataclass_fields__}
    return Snapshot(**values | {"metrics": read_metrics(row["metrics"])})


def read_metrics(text: str | None) -> Metrics | None:
    """Read metrics as the store keeps them; what is damaged counts as not measured."""
    try:
        return Metrics.from_json(text) if text else None
    except ValueError:
        return None


def read_entry(row: Mapping[str, Any], inputs: tuple[RunInput, ...]) -> Entry:
    """Make a record of a row of ``runs`` with ``picture``, ``total`` and ``metrics`` beside."""
    metrics = read_metrics(row["metrics"])
    return Entry(read_run(row, inputs), row["picture"], row["total"], metrics)
