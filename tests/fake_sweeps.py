"""Results of sweeps that nobody computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nst_core import (
    Cell,
    Entry,
    Metrics,
    Run,
    StyleTransferConfig,
    Sweep,
    SweepPlan,
    SweepResults,
    SweepRun,
    parse_axis,
)
from nst_core.cells import cells_of, replicates_of
from nst_core.store import RunInput

LOSSES = ("total", "content", "style", "tv")
Numbers = Mapping[str, float] | None


def plan_of(*axes: str, **more: Any) -> SweepPlan:
    """Return a plan; axes as people type them."""
    return SweepPlan(StyleTransferConfig(), tuple(map(parse_axis, axes)), **more)


def fake(plan: SweepPlan, numbers: Callable[[Cell], Numbers], *cells: Cell) -> SweepResults:
    """Return results in which each of ``cells``, by default all, came to its ``numbers``.

    A cell without numbers has a run that failed; runs are numbered from 1.
    """
    runs = [
        SweepRun(cell, Entry(_run(number, plan, cell, told), metrics=_metrics(told or {})))
        for number, cell in enumerate(cells or tuple(cells_of(plan)), start=1)
        for told in [numbers(cell)]
    ]
    inputs = RunInput("content", 0, "c", "cat.png"), RunInput("style", 0, "s", "waves.png")
    return SweepResults(Sweep(7, plan, 1, 0.0, inputs=inputs), tuple(runs))


def sampled(plan: SweepPlan, *points: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Return the cells of what a sampler chose, replicates included."""
    return tuple(cell for k, point in enumerate(points) for cell in replicates_of(plan, k, point))


def _run(number: int, plan: SweepPlan, cell: Cell, numbers: Numbers) -> Run:
    return Run(
        id=number,
        state="failed" if numbers is None else "done",
        config=plan.base,
        parent_id=None,
        created_at=0.0,
        started_at=0.0,
        ended_at=float(number),
        message="",
        step=10,
        steps=10,
        seconds=(numbers or {}).get("seconds", 1.0),
        improvement=(numbers or {}).get("improvement"),
        losses={name: value for name, value in (numbers or {}).items() if name in LOSSES},
        preview=None,
        preview_step=None,
        checkpoint=None,
        checkpoint_step=0,
        device="cpu",
        weights="few",
        cell=cell,
    )


def _metrics(numbers: Mapping[str, float]) -> Metrics | None:
    fields = {name: numbers[name] for name in numbers if name in Metrics.__dataclass_fields__}
    if not fields:
        return None
    blank = {"style_distance": 0.5, "sharpness": 0.5, "colorfulness": 20.0}
    absent = {"ssim": None, "color_difference": None, "content_distance": None}
    made: dict[str, Any] = {**blank, **absent, **fields}
    return Metrics(
        **made, network="few", network_sha256="0" * 64, style_layers=(), content_layers=()
    )
