"""A sweep as it was planned: what is varied around which settings, and who chooses the values.

Plans are plain records that a database can keep as JSON. Nothing here runs anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from pydantic import ConfigDict

from nst_core.axes import Axis, read_record
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError

Sampler = Literal["grid", "random", "tpe", "nsga2", "gp"]
Direction = Literal["minimise", "maximise"]

SAMPLERS: Mapping[Sampler, str] = {
    "grid": "Grid: every combination",
    "random": "Random search",
    "tpe": "TPE: towards one goal or two",
    "nsga2": "NSGA-II: between two goals",
    "gp": "Gaussian process: fewest runs, slow to choose",
}
"""Who chooses the values, and what people call it."""

GOALS: Mapping[str, Direction | None] = {
    "total": "minimise",
    "style_distance": "minimise",
    "content_distance": "minimise",
    "color_difference": "minimise",
    "ssim": "maximise",
    "sharpness": None,
    "colorfulness": None,
}
"""What a sampler can aim at: the final total loss and the metrics, and which way is closer."""

SWEEP_VERSION = 1
MOST_COUNT = 10**9  # of trials and of replicates: so that every number fits every database
MOST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Goal:
    """What a sampler aims at, as ``ssim`` or ``sharpness:maximise``.

    Attributes:
        name: of :data:`GOALS`.
        direction: minimise or maximise; without, as the metric itself says.

    Raises:
        ConfigError: there is no such goal or direction, or the metric says none.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    direction: Direction | None = None

    def __post_init__(self) -> None:
        """Check the name, and fill in the direction."""
        if self.name not in GOALS:
            raise ConfigError(f"there is no goal {self.name[:60]!r}; choose of {', '.join(GOALS)}")
        direction = self.direction or GOALS[self.name]
        if direction is None or direction not in get_args(Direction):
            got = f", got {str(direction)[:60]!r}" if direction else ""
            raise ConfigError(
                f"{self.name}: say minimise or maximise, as in {self.name}:maximise{got}"
            )
        object.__setattr__(self, "direction", direction)

    def __str__(self) -> str:
        """Write it as :func:`parse_goal` reads it."""
        return f"{self.name}:{self.direction}"


def parse_goal(text: str) -> Goal:
    """Read a goal: ``style_distance``, ``sharpness:maximise``.

    Raises:
        ConfigError: there is no such goal or direction.
    """
    name, _, direction = (part.strip() for part in text.partition(":"))
    return Goal(name, direction or None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SweepPlan:
    """A sweep before it runs: what is varied around which settings.

    A trial is one choice of values. Each is run once, or once a replicate: with the seed of
    ``base``, with the next seed, and so on.

    Attributes:
        base: the settings that the axes do not vary.
        axes: what is varied; none, to replicate ``base`` alone.
        sampler: who chooses the values: a grid takes all, in the order of the axes, the last
            changing fastest; random draws them independently; tpe, nsga2 and gp learn from what
            ended (:func:`~nst_core.samplers.suggest`).
        goals: what tpe (one or two), nsga2 (two) and gp (one or two) aim at. A goal that the
            axes themselves weigh is a bad one: see :func:`plan_notes`.
        trials: how many a sampler makes; None for a grid.
        replicates: how often each trial is run.
        sampler_seed: seed of what the sampler draws.
        version: of this record.

    Raises:
        ConfigError: the parts do not go with each other.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    base: StyleTransferConfig
    axes: tuple[Axis, ...] = ()
    sampler: Sampler = "grid"
    goals: tuple[Goal, ...] = ()
    trials: int | None = None
    replicates: int = 1
    sampler_seed: int = 0
    version: int = SWEEP_VERSION

    def __post_init__(self) -> None:
        """Check how the parts go together."""
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "goals", tuple(self.goals))
        if self.sampler not in SAMPLERS:
            raise ConfigError(
                f"there is no sampler {str(self.sampler)[:60]!r}; choose of {', '.join(SAMPLERS)}"
            )
        _check_count("replicates", self.replicates, 1, MOST_COUNT)
        _check_count("sampler_seed", self.sampler_seed, 0, MOST_SEED)
        self._check_axes()
        self._check_goals()
        self._check_trials()

    def _check_axes(self) -> None:
        names = [axis.name for axis in self.axes]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{name} is varied twice; write one axis with all its values")
        if not names and self.replicates == 1:
            raise ConfigError("nothing is varied: add an axis, or ask for replicates")
        if "seed" in names and self.replicates > 1:
            raise ConfigError("replicates vary the seed already; take the axis seed away")

    def _check_goals(self) -> None:
        names = [goal.name for goal in self.goals]
        if len(set(names)) < len(names):
            raise ConfigError(f"{names[0]} is a goal twice; name each once")
        fewest = {"tpe": 1, "gp": 1, "nsga2": 2}.get(self.sampler, 0)
        if not fewest <= len(names) <= 2:
            wanted = "two goals" if fewest == 2 else "one goal or two"
            raise ConfigError(
                f"{self.sampler} takes {wanted}, got {', '.join(names) or 'none'}; choose of "
                f"{', '.join(GOALS)}"
            )

    def _check_trials(self) -> None:
        if self.sampler == "grid":
            if self.trials is not None:
                raise ConfigError("a grid runs every combination; leave trials out")
            for axis in self.axes:
                _ = axis.grid  # says what it lacks
            return
        if not self.axes:
            raise ConfigError(f"{self.sampler} has nothing to choose: add an axis")
        if self.trials is None:
            raise ConfigError(f"{self.sampler} needs the number of trials")
        _check_count("trials", self.trials, 1, MOST_COUNT)
        size = space_size(self.axes)
        if size is not None and self.trials > size:
            raise ConfigError(
                f"the axes have only {size} combinations: lower trials from {self.trials} to "
                f"{size}, or add values"
            )

    @property
    def is_fixed(self) -> bool:
        """Whether its cells are known from the start: a sampler may choose as it goes instead."""
        return self.sampler in ("grid", "random")

    def to_json(self) -> str:
        """Write as JSON, all digits kept."""
        return json.dumps({**asdict(self), "base": self.base.model_dump(mode="json")})

    @classmethod
    def from_json(cls, text: str) -> SweepPlan:
        """Read what :meth:`to_json` wrote.

        Raises:
            ConfigError: the text is none of ours, of a newer version, or cannot be used.
        """
        plan = read_record(dict[str, Any], text, "sweep")
        version = plan.get("version")
        if isinstance(version, int) and version > SWEEP_VERSION:
            raise ConfigError(
                f"this sweep was written by a newer NST Lab (version {version}, and "
                f"{SWEEP_VERSION} is known here); update NST Lab"
            )
        return read_record(cls, plan, "sweep")


def _check_count(name: str, number: int, low: int, high: int) -> None:
    if type(number) is not int or not low <= number <= high:
        raise ConfigError(
            f"{name} must be a whole number from {low} to {high}, got {str(number)[:60]}"
        )


def space_size(axes: Collection[Axis]) -> int | None:
    """Return how many combinations a sampler can choose from; None where they are endless."""
    sizes = [axis.size for axis in axes]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def extend_plan(
    plan: SweepPlan,
    axes: Collection[Axis] = (),
    *,
    trials: int | None = None,
    replicates: int | None = None,
) -> SweepPlan:
    """Return a plan with more; its former cells keep their keys, and so need not run again.

    Args:
        axes: more values for axes of the plan. A grid takes former and new values as a list;
            tpe, nsga2 and gp take more listed values, or a range that reaches further.
        trials, replicates: how many there are now to be, at least as many as before.

    Raises:
        ConfigError: there would be less than before, or the sampler cannot go on so.
    """
    for name, before, now in (
        ("trials", plan.trials, trials),
        ("replicates", plan.replicates, replicates),
    ):
        if now is not None and before is not None and now < before:
            raise ConfigError(f"the sweep has {before} {name} and cannot go down to {now}")
    more = {axis.name: axis for axis in axes}
    for name in more.keys() - {axis.name for axis in plan.axes}:
        names = ", ".join(axis.name for axis in plan.axes) or "nothing"
        raise ConfigError(f"{name} is no axis of this sweep; it varies {names}")
    if more and plan.sampler == "random":
        raise ConfigError(
            "other values would change every draw of a random search; ask for more trials, or "
            "plan a new sweep"
        )
    merged = tuple(
        _merged(plan, axis, more[axis.name]) if axis.name in more else axis for axis in plan.axes
    )
    return replace(
        plan,
        axes=merged,
        trials=plan.trials if trials is None else trials,
        replicates=plan.replicates if replicates is None else replicates,
    )


def _merged(plan: SweepPlan, old: Axis, new: Axis) -> Axis:
    if plan.sampler == "grid" or (old.values and new.values):
        values = tuple(dict.fromkeys([*old.grid, *new.grid]))
        return old if values == old.grid else Axis(old.name, values)
    if old.low is None or old.high is None or new.low is None or new.high is None:
        raise ConfigError(f"{old.name}: a list and a range cannot be joined; it was {old}")
    return replace(old, low=min(old.low, new.low), high=max(old.high, new.high))
