"""What Optuna's samplers ask for: deterministic, new, within the axes, and better than chance."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest

from nst_core.axis_text import parse_axis
from nst_core.cells import Cell, Finished, draw
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.samplers import suggest
from nst_core.sweep_plan import SweepPlan, extend_plan, parse_goal

BASE = StyleTransferConfig(size=64, steps=20)
MIXED = ("beta=1e3:1e8:log", "steps=10:1000:log", "optimizer=adam,lbfgs", "style=a.jpg,b.jpg")
Numbers = Callable[[Cell], dict[str, float | None]]


def plan_of(*axes: str, sampler: str = "tpe", trials: int = 24, **parts: Any) -> SweepPlan:
    goals = parts.pop("goals", ("style_distance",))
    return SweepPlan(
        BASE,
        tuple(parse_axis(text) for text in axes),
        sampler,  # type: ignore[arg-type]
        tuple(parse_goal(text) for text in goals),
        trials,
        **parts,
    )


def distance(cell: Cell) -> dict[str, float | None]:
    """Least at beta = 1e5 and 100 steps of L-BFGS; two goals that pull apart."""
    beta, steps = float(cell.values["beta"]), float(cell.values.get("steps", 100))
    away = abs(math.log10(beta) - 5) + abs(math.log10(steps) - 2)
    adam = cell.values.get("optimizer") == "adam"
    return {
        "style_distance": away + adam,
        "content_distance": math.log10(beta) - adam,
        "ssim": -away - adam,
    }


def run(
    plan: SweepPlan,
    numbers: Numbers = distance,
    *,
    waiting: int = 0,
    finished: tuple[Finished, ...] = (),
    most: int = 10**6,
) -> list[Finished]:
    """Walk a sweep to its end, with up to ``waiting`` runs always pending."""
    told, pending = list(finished), list[Cell]()
    while len(told) < most:
        asked = suggest(plan, told, pending)
        pending += asked
        if not pending:
            break
        if len(pending) > waiting or not asked:
            cell = pending.pop(0)
            told.append(Finished(cell, numbers(cell)))
    return told


SAMPLED = [
    ("tpe", ("style_distance",), 24),
    ("tpe", ("style_distance", "content_distance"), 24),
    ("nsga2", ("style_distance", "content_distance"), 32),
    ("gp", ("style_distance",), 7),
    ("gp", ("style_distance", "ssim"), 6),
]


@pytest.mark.parametrize("waiting", [0, 3])
@pytest.mark.parametrize(("sampler", "goals", "trials"), SAMPLED)
def test_trials_are_new_within_the_axes_and_always_the_same(
    sampler: str, goals: tuple[str, ...], trials: int, waiting: int
) -> None:
    plan = plan_of(*MIXED, sampler=sampler, goals=goals, trials=trials)
    told = run(plan, waiting=waiting)
    assert len({finished.cell.key for finished in told}) == len(told) == trials
    assert sorted(finished.cell.index for finished in told) == list(range(trials))
    for axis in plan.axes:
        assert all(axis.holds(finished.cell.values[axis.name]) for finished in told)
    # again from the middle, as after a restart, and from JSON
    half = trials // 2
    again = SweepPlan.from_json(plan.to_json())
    before = tuple(Finished(Cell.from_json(cell.to_json()), n) for cell, n in told[:half])
    if not waiting:
        assert run(again, finished=before, most=half + 2) == told[: half + 2]


def test_another_seed_tries_something_else() -> None:
    one, other = plan_of("beta=1:2"), plan_of("beta=1:2", sampler_seed=1)
    assert suggest(one) == suggest(one) != suggest(other)


def random_best(plan: SweepPlan, seeds: int) -> float:
    """Return the mean over seeds of the best style distance that chance alone finds."""
    best = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        cells = [Cell(0, draw(plan.axes, random)) for _ in range(plan.trials or 0)]
        best.append(min(distance(cell)["style_distance"] or 0 for cell in cells))
    return sum(best) / seeds


@pytest.mark.parametrize(
    ("sampler", "trials", "seeds"), [("tpe", 40, 5), ("nsga2", 100, 5), ("gp", 14, 2)]
)
def test_what_it_learns_is_better_than_chance(sampler: str, trials: int, seeds: int) -> None:
    goals = ("style_distance", "ssim") if sampler == "nsga2" else ("style_distance",)
    axes, best = MIXED[:3], []
    for seed in range(seeds):
        plan = plan_of(*axes, sampler=sampler, trials=trials, goals=goals, sampler_seed=seed)
        best.append(min(numbers["style_distance"] or 0 for _, numbers in run(plan)))
    assert sum(best) / seeds < 0.7 * random_best(plan, 200)


def test_a_goal_that_grows_is_climbed() -> None:
    def beta(cell: Cell) -> dict[str, float | None]:
        return {"sharpness": float(cell.values["beta"])}

    for goal, sign in (("sharpness:maximise", 1), ("sharpness:minimise", -1)):
        told = run(plan_of("beta=0:1:linear", goals=(goal,), trials=40), beta)
        late = [float(finished.cell.values["beta"]) for finished in told[20:]]
        assert sign * (sum(late) / 20 - 0.5) > 0.2


# Small and odd spaces


def test_a_small_space_is_tried_to_its_end() -> None:
    axes = ("optimizer=adam,lbfgs", "steps=1:3:linear", "normalize_activations=yes,no")
    for sampler in ("tpe", "nsga2"):
        goals = ("total", "ssim") if sampler == "nsga2" else ("total",)
        plan = plan_of(*axes, sampler=sampler, trials=12, goals=goals)
        told = run(plan, lambda cell: {"total": float(cell.values["steps"]), "ssim": 0.5})
        assert len({finished.cell.point for finished in told}) == 12
        assert suggest(plan, told) == []


def test_what_the_config_refuses_is_never_asked_for() -> None:
    plan = plan_of("outputs=1:6:linear", "steps=1:6:linear", trials=36, goals=("total",))
    told = run(plan, lambda cell: {"total": float(cell.values["steps"])})
    asked = {(cell.values["outputs"], cell.values["steps"]) for cell, _ in told}
    assert asked == {(o, s) for o in range(1, 7) for s in range(1, 7) if o <= s}


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_the_widest_range_of_seeds_works(sampler: str) -> None:
    plan = plan_of("seed=0:9223372036854775807", sampler=sampler, trials=6, goals=("total",))
    told = run(plan, lambda cell: {"total": -float(cell.values["seed"])})
    assert len(told) == 6
    assert all(type(cell.values["seed"]) is int for cell, _ in told)


@pytest.mark.parametrize("numbers", [{}, {"style_distance": math.nan}, {"style_distance": None}])
def test_failed_trials_are_not_asked_for_again(numbers: dict[str, float | None]) -> None:
    told = run(plan_of("beta=1:2:log", "optimizer=adam,lbfgs"), lambda cell: numbers)
    assert len({finished.cell.key for finished in told}) == len(told) == 24


def test_failed_trials_teach_nothing() -> None:
    """Twenty failures at one end draw nobody there, as twenty wins would."""
    plan = plan_of("beta=1e3:1e8:log", trials=90)
    told = run(plan, most=20)
    bad = [Finished(Cell(0, {"beta": 9e7 + k}), {}) for k in range(20)]
    (cell,) = suggest(plan, [*told, *bad])
    assert abs(math.log10(float(cell.values["beta"])) - 5) < 1.5  # where the others point
    good = [Finished(bad_cell, {"style_distance": -9.0}) for bad_cell, _ in bad]
    (cell,) = suggest(plan, [*told, *good])
    assert float(cell.values["beta"]) > 1e7


# Several devices, replicates, going on


def test_pending_trials_are_new_each() -> None:
    plan = plan_of("beta=1e3:1e8:log", trials=60)
    told = run(plan, most=30)
    assert suggest(plan, told) == suggest(plan, told)
    pending: list[Cell] = []
    for _ in range(8):
        pending += suggest(plan, told, pending)
    assert len({cell.key for cell in pending}) == 8


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_pending_trials_are_kept_away_from(sampler: str) -> None:
    """Where many runs are on their way it looks elsewhere; where they failed it does not."""
    away: dict[str, float] = {"pending": 0.0, "failed": 0.0}
    for seed in range(5 if sampler == "tpe" else 1):
        plan = plan_of("beta=1e3:1e8:log", trials=90, sampler_seed=seed)
        told = run(plan, most=20)
        plan = replace(plan, sampler=sampler)  # type: ignore[arg-type]
        best = float(suggest(plan, told)[0].values["beta"])
        crowd = [Cell(0, {"beta": best * (1 + k / 1000)}) for k in range(-10, 11)]
        failed = [*told, *(Finished(cell, {}) for cell in crowd)]
        for name, asked in (
            ("pending", suggest(plan, told, crowd)),
            ("failed", suggest(plan, failed)),
        ):
            away[name] += abs(math.log10(float(asked[0].values["beta"]) / best))
    assert away["pending"] > 2 * away["failed"]


def test_a_trial_is_run_once_for_each_replicate() -> None:
    plan = plan_of("beta=1e3:1e8:log", trials=5, replicates=3)
    first = suggest(plan)
    assert [cell.replicate for cell in first] == [0, 1, 2]
    assert [cell.index for cell in first] == [0, 1, 2]
    assert len({cell.point for cell in first}) == 1
    told = run(plan)
    assert len(told) == 15
    assert len({finished.cell.key for finished in told}) == 15
    assert len({finished.cell.point for finished in told}) == 5


def test_replicates_that_are_missing_come_first() -> None:
    plan = plan_of("beta=1e3:1e8:log", trials=5, replicates=3)
    one, two, three = suggest(plan)
    assert suggest(plan, [Finished(one, distance(one))], [three]) == [two]
    assert suggest(plan, [Finished(two, {})], []) == [one, three]


def test_a_trial_is_worth_the_mean_over_its_replicates() -> None:
    """Which replicate did how well does not matter; what they came to together does."""
    plan = plan_of("beta=1e3:1e8:log", trials=30, replicates=2)

    def spread(by: float) -> Numbers:
        def numbers(cell: Cell) -> dict[str, float | None]:
            sign = (-1) ** (cell.replicate + int(float(cell.values["beta"])))
            return {"style_distance": (distance(cell)["style_distance"] or 0) + sign * by}

        return numbers

    told = run(plan, spread(0.0))
    assert [f.cell for f in run(plan, spread(8.0))] == [f.cell for f in told]
    assert [f.cell for f in run(plan, lambda c: {"style_distance": 1.0})] != [f.cell for f in told]


def test_a_longer_sweep_goes_on_from_what_there_is() -> None:
    plan = plan_of("beta=1e4:1e6:log", "init=noise,mix", trials=8)
    told = run(plan)
    assert suggest(plan, told) == []
    wider = [parse_axis("beta=1e3:1e8:log"), parse_axis("init=grey")]
    longer = run(extend_plan(plan, wider, trials=30), finished=tuple(told))
    assert longer[:8] == told
    assert len({finished.cell.key for finished in longer}) == 30
    assert "grey" in {finished.cell.values["init"] for finished in longer}
    more = extend_plan(plan, replicates=2)
    asked = run(more, finished=tuple(told))[8:]
    assert [f.cell.point for f in asked] == [f.cell.point for f in told]
    assert {f.cell.replicate for f in asked} == {1}


def test_generations_of_nsga2_are_small_where_trials_are_few() -> None:
    """With Optuna's population of 50, 24 trials would all be random."""
    plan = plan_of(*MIXED[:2], sampler="nsga2", goals=("style_distance", "ssim"), trials=24)
    told = run(plan)
    values = {f.cell.values["beta"] for f in told} | {f.cell.values["steps"] for f in told}
    assert len(values) < 2 * 24  # children inherit values; chance never repeats one
    assert len({f.cell.values["beta"] for f in told[:6]}) == 6  # the first generation is chance's


def test_each_generation_of_nsga2_inherits_from_the_one_before() -> None:
    """What mutation brought in after the first generation is found again in a later one."""
    plan = plan_of(*MIXED[:2], sampler="nsga2", goals=("style_distance", "ssim"), trials=48)
    betas = [finished.cell.values["beta"] for finished in run(plan)]
    inherited = {betas.index(beta) // 12 for beta in betas[36:]}  # generations of 12
    assert inherited & {1, 2}


# What is refused, and what it leaves alone


@pytest.mark.parametrize(
    ("plan", "cell", "message"),
    [
        (plan_of("beta=1:2"), Cell(0, {"beta": 3.0}), "beta 3: beta=1:2:linear does not hold it"),
        (plan_of("beta=1:2"), Cell(0, {"alpha": 1.0}), "alpha 1: the sweep varies beta"),
        (plan_of("beta=1:2"), Cell(0, {}), "replicate 1: the sweep varies beta"),
    ],
)
def test_a_run_of_another_sweep_is_refused(plan: SweepPlan, cell: Cell, message: str) -> None:
    for finished, pending in (([Finished(cell, {"style_distance": 1.0})], []), ([], [cell])):
        with pytest.raises(ConfigError) as caught:
            suggest(plan, finished, pending)
        assert message in str(caught.value)


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_a_grid_and_a_random_search_need_no_suggestions(sampler: str) -> None:
    trials = 3 if sampler == "random" else None
    plan = plan_of("beta=1:2:linear:5", sampler=sampler, trials=trials, goals=())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=rf"the cells of a {sampler} sweep do not depend"):
        suggest(plan)


def test_optuna_is_silent_and_left_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    logger, before = logging.getLogger("optuna"), optuna.logging.get_verbosity()
    assert before == optuna.logging.INFO
    logger.addHandler(caplog.handler)
    try:
        run(plan_of(*MIXED, trials=14))
        assert caplog.messages == []
        assert optuna.logging.get_verbosity() == before
        optuna.create_study()  # so that silence above means something
        assert len(caplog.messages) == 1
    finally:
        logger.removeHandler(caplog.handler)


def test_plans_and_cells_need_no_optuna() -> None:
    code = (
        "import sys; from nst_core import SweepPlan, cells_of, check_plan, parse_axis, summaries;"
        "print('optuna' in sys.modules, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["False", "False"], result.stderr
