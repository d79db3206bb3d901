"""Means and spreads against closed forms, and the Pareto front against brute force and Optuna's."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest

from nst_core.cells import Cell, Finished
from nst_core.outcomes import Summary, is_noise, pareto_front, summaries


def told(beta: float, *ssims: float | None) -> list[Finished]:
    return [Finished(Cell(0, {"beta": beta}, k), {"ssim": x}) for k, x in enumerate(ssims)]


def test_means_and_spreads_are_those_of_the_replicates() -> None:
    one, other = Cell(0, {"beta": 1.0}), Cell(0, {"beta": 2.0})
    finished = [*told(1.0, 1, 2), *told(2.0, 5.0), *told(1.0, 3, 4)]
    assert summaries(finished) == {
        one.point: {"ssim": Summary(2.5, math.sqrt(5 / 3), 4)},
        other.point: {"ssim": Summary(5.0, None, 1)},
    }
    assert list(summaries(finished)) == [one.point, other.point]


def test_what_failed_or_is_not_finite_is_left_out() -> None:
    cell = Cell(0, {"beta": 1.0})
    finished = [*told(1.0, 2.0, math.nan, None, math.inf, 4.0), Finished(cell, {})]
    finished.append(Finished(cell, {"total": 7.0, "sharpness": None}))
    assert summaries(finished) == {
        cell.point: {"ssim": Summary(3.0, math.sqrt(2), 2), "total": Summary(7.0, None, 1)}
    }
    assert summaries([Finished(cell, {})]) == {cell.point: {}}
    assert summaries([]) == {}


@pytest.mark.parametrize(
    ("one", "other", "noise"),
    [
        (Summary(0.0, 1.0, 3), Summary(0.9, 1.0, 3), True),
        (Summary(0.0, 1.0, 3), Summary(1.1, 1.0, 3), False),
        # s^2 = (1 * 0 + 4 * 1) / 5 = 0.8, and s = 0.894
        (Summary(0.0, 0.0, 2), Summary(0.89, 1.0, 5), True),
        (Summary(0.0, 0.0, 2), Summary(0.90, 1.0, 5), False),
        (Summary(-2e9, 1e9, 2), Summary(-1.5e9, 1e9, 200), True),
        (Summary(3.0, 0.0, 2), Summary(3.0, 0.0, 2), True),
        (Summary(3.0, 0.0, 2), Summary(3.1, 0.0, 2), False),
        (Summary(3.0, None, 1), Summary(3.1, 1.0, 9), None),
        (Summary(3.0, None, 1), Summary(3.1, None, 1), None),
    ],
)
def test_noise_is_what_lies_within_the_pooled_deviation(
    one: Summary, other: Summary, noise: bool | None
) -> None:
    assert is_noise(one, other) is noise
    assert is_noise(other, one) is noise


def test_noise_is_how_far_single_runs_lie_apart() -> None:
    """Of two settings that differ by half a deviation, the spread itself says noise."""
    random = np.random.default_rng(0)
    near, far = random.normal(0.5, 1, 50), random.normal(3, 1, 50)
    summary = summaries([*told(1.0, *random.normal(0, 1, 50)), *told(2.0, *near), *told(3.0, *far)])
    first, second, third = (numbers["ssim"] for numbers in summary.values())
    assert is_noise(first, second) is True
    assert is_noise(first, third) is False


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1, 1)], [0]),
        ([(1, 3), (2, 2), (3, 1)], [0, 1, 2]),
        ([(1, 3), (2, 3), (3, 1), (3, 2)], [0, 2]),
        ([(1, 1), (1, 1), (2, 1)], [0, 1]),
        ([(math.nan, 0), (0, math.inf), (2, 2), (3, math.nan)], [2]),
        ([(math.nan, math.nan)], []),
    ],
)
def test_the_front_is_what_nothing_beats(
    points: list[tuple[float, float]], front: list[int]
) -> None:
    assert pareto_front(points) == front


def beaten(point: tuple[float, float], points: list[tuple[float, float]]) -> bool:
    return any(
        x <= point[0] and y <= point[1] and (x < point[0] or y < point[1]) for x, y in points
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_that_of_brute_force_and_of_optuna(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = [(float(x), float(y)) for x, y in random.integers(0, 12, (40, 2))]  # with ties
    front = pareto_front(points)
    assert front == [k for k, point in enumerate(points) if not beaten(point, points)]
    study = optuna.create_study(directions=["minimize", "minimize"])
    study.add_trials([optuna.trial.create_trial(values=point) for point in points])
    assert front == sorted(trial.number for trial in study.best_trials)


@pytest.mark.parametrize("maximise", [(True, False), (False, True), (True, True)])
def test_more_may_be_better(maximise: tuple[bool, bool]) -> None:
    points = [(float(x), float(y)) for x, y in np.random.default_rng(1).random((30, 2))]
    signs = [-1 if more else 1 for more in maximise]
    turned = [(x * signs[0], y * signs[1]) for x, y in points]
    assert pareto_front(points, maximise=maximise) == pareto_front(turned)
    assert pareto_front(points, maximise=maximise) != pareto_front(points)
