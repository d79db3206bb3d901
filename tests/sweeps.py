"""Small sweeps of a lab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nst_core import (
    Goal,
    StyleTransferConfig,
    SweepPlan,
    SweepResults,
    load_results,
    parse_axis,
    submit_sweep,
)
from nst_core.errors import DivergenceError
from nst_core.run import Execution
from nst_core.step import Step
from nst_core.store import tables as t
from tests.lab import SMALL, Lab


def plan_of(*axes: str, base: dict[str, Any] | None = None, **more: Any) -> SweepPlan:
    """Return a small plan; axes as people type them."""
    config = StyleTransferConfig(**{**SMALL, **(base or {})})
    return SweepPlan(config, tuple(map(parse_axis, axes)), **more)


def tpe(trials: int = 4, **more: Any) -> SweepPlan:
    """Return a plan whose sampler chooses as it goes."""
    goals = (Goal("style_distance"),)
    return plan_of("beta=1e3:1e6:log", sampler="tpe", goals=goals, trials=trials, **more)


def start(lab: Lab, plan: SweepPlan, **more: Any) -> int:
    """Submit a plan with the lab's pictures."""
    return submit_sweep(lab.store, plan, lab.content, [lab.style], **more)


def results(lab: Lab, sweep_id: int) -> SweepResults:
    return load_results(lab.store, sweep_id)


def states(lab: Lab, sweep_id: int) -> dict[str, int]:
    return {str(state): count for state, count in results(lab, sweep_id).states.items()}


def run_ids(lab: Lab, sweep_id: int) -> dict[str, int]:
    """Return the sweep's runs by what their cells are called."""
    return {run.cell.title: run.entry.run.id for run in results(lab, sweep_id).runs}


def failing(
    monkeypatch: pytest.MonkeyPatch, condition: Callable[[StyleTransferConfig], bool]
) -> None:
    """Let runs whose settings are so fail at their first step."""
    original = Execution.after

    def after(self: Execution, step: Step) -> bool:
        if condition(self.run.config):
            raise DivergenceError("the loss is nan at step 1: lower learning_rate")
        return original(self, step)

    monkeypatch.setattr(Execution, "after", after)


def sweep_rows(lab: Lab) -> int:
    """Return how many sweeps there are, in the table itself."""
    with lab.store.database.read() as connection:
        return len(connection.execute(t.sweeps.select()).all())
