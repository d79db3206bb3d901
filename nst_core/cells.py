"""The runs of a sweep, each known by its values, and what came out of those that ended."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from pydantic import ConfigDict

from nst_core.axes import Axis, Value, read_record, value_text
from nst_core.axis_names import PICTURES
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.pyramid import levels_of
from nst_core.sweep_plan import SweepPlan

TRIES = 1000  # draws after which a setting that the config takes is given up


@dataclass(frozen=True)
class Cell:
    """One run of a sweep, known by its values and not by its position.

    Attributes:
        index: its position in the sweep as it was planned, from 0.
        values: the axes' values by name.
        replicate: which of the seeds, from 0.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    index: int
    values: Mapping[str, Value] = field(default_factory=dict, hash=False)
    replicate: int = 0

    @property
    def point(self) -> str:
        """Its values as stable text: the same for all its replicates, in whatever order of axes."""
        return json.dumps(dict(self.values), sort_keys=True)

    @property
    def key(self) -> str:
        """Its values and its replicate as stable text: no two runs of a sweep have the same."""
        return json.dumps({**self.values, "replicate": self.replicate}, sort_keys=True)

    @property
    def title(self) -> str:
        """What people call it, with four digits of each number: ``beta 1e5, steps 100``."""
        parts = [f"{name} {value_text(_short(value))}" for name, value in self.values.items()]
        if self.replicate or not parts:
            parts.append(f"replicate {self.replicate + 1}")
        return ", ".join(parts)

    @property
    def pictures(self) -> dict[str, str]:
        """The pictures among its values: ``content``, ``style``, or none."""
        return {name: str(self.values[name]) for name in PICTURES if name in self.values}

    def config(self, base: StyleTransferConfig) -> StyleTransferConfig:
        """Return ``base`` with the cell's values; a layer's weight leaves the other layers.

        Raises:
            ConfigError: the values do not go with each other or with ``base``; the cell is named.
        """
        changes: dict[str, Any] = {}
        for name, value in self.values.items():
            setting, _, layer = name.partition(".")
            if layer:
                weights = changes.get(setting) or dict(getattr(base, setting))
                changes[setting] = {**weights, layer: value}
            elif name not in PICTURES:
                changes[name] = value
        if self.replicate:
            changes["seed"] = base.seed + self.replicate
        try:
            config = base.changed(**changes)
            levels_of(config)
            return config
        except ConfigError as error:
            raise type(error)(f"{self.title}: {error}") from None

    def to_json(self) -> str:
        """Write as JSON, all digits kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Cell:
        """Read what :meth:`to_json` wrote.

        Raises:
            ConfigError: the text is none of ours.
        """
        return read_record(cls, text, "cell")


def _short(value: Value) -> Value:
    return float(f"{value:.4g}") if isinstance(value, float) else value


class Finished(NamedTuple):
    """A cell that ended.

    Attributes:
        cell: which.
        numbers: what came out, by the names of :data:`~nst_core.sweep_plan.GOALS` and others; None
            for what was not measured, and nothing at all where the run failed.
    """

    cell: Cell
    numbers: Mapping[str, float | None]


def cells_of(plan: SweepPlan) -> Iterator[Cell]:
    """Walk through the cells of a grid or a random search, the replicates of each together.

    A random trial depends on the seed, the axes and the trials before it, so that more trials
    leave the first ones as they are.

    Raises:
        ConfigError: the sampler chooses as it goes.
    """
    if plan.sampler == "grid":
        names = [axis.name for axis in plan.axes]
        grid = itertools.product(*(axis.grid for axis in plan.axes))
        points: Iterator[dict[str, Value]] = (dict(zip(names, row, strict=True)) for row in grid)
    elif plan.sampler == "random":
        points = _random_points(plan)
    else:
        raise ConfigError(f"{plan.sampler} chooses as it goes; ask nst_core.suggest for a cell")
    for trial, values in enumerate(points):
        yield from replicates_of(plan, trial, values)


def replicates_of(plan: SweepPlan, trial: int, values: Mapping[str, Value]) -> list[Cell]:
    """Return the cells of the ``trial``-th choice of values, from 0."""
    first = trial * plan.replicates
    return [Cell(first + k, values, k) for k in range(plan.replicates)]


def _random_points(plan: SweepPlan) -> Iterator[dict[str, Value]]:
    seen: set[str] = set()
    for trial in range(plan.trials or 0):
        random = np.random.default_rng([plan.sampler_seed, trial])
        while (point := Cell(0, draw(plan.axes, random))).point in seen:
            pass  # ends, since a plan has no more trials than combinations
        seen.add(point.point)
        yield dict(point.values)


def draw(axes: Collection[Axis], random: np.random.Generator) -> dict[str, Value]:
    """Draw a value of each axis, independently, on its scale."""
    return {axis.name: axis.at(float(random.random())) for axis in axes}


def find_free(
    plan: SweepPlan, random: np.random.Generator, known: Collection[str]
) -> dict[str, Value] | None:
    """Draw values that the config takes and whose point is not ``known``; None if none is found."""
    for _ in range(TRIES):
        values = draw(plan.axes, random)
        if is_free(plan, values, known):
            return values
    return None


def is_free(plan: SweepPlan, values: Mapping[str, Value], known: Collection[str]) -> bool:
    """Whether the config takes these values and their point is not ``known``."""
    cell = Cell(0, values)
    if cell.point in known:
        return False
    try:
        cell.config(plan.base)
    except ConfigError:
        return False
    return True


def missing_cells(plan: SweepPlan, done: Collection[str]) -> list[Cell]:
    """Return the cells whose key is not ``done``, in order: all that a resumed sweep runs.

    Raises:
        ConfigError: the sampler chooses as it goes.
    """
    done = set(done)
    return [cell for cell in cells_of(plan) if cell.key not in done]
