"""How a run's steps are shared out over sizes and outputs."""

from __future__ import annotations

import pytest

from nst_core.errors import ConfigError
from nst_core.pyramid import Level, output_steps, plan_levels


@pytest.mark.parametrize(
    ("size", "levels"), [(32, 1), (512, 1), (1000, 1), (1024, 2), (2048, 3), (4096, 4), (8192, 5)]
)
def test_auto_adds_a_level_at_each_doubling_from_1024(size: int, levels: int) -> None:
    assert len(plan_levels(size, 300)) == levels


def test_each_level_is_half_the_next_and_the_coarsest_gets_twice_the_steps() -> None:
    assert plan_levels(1000, 300, 3) == [Level(250, 150), Level(500, 75), Level(1000, 75)]


@pytest.mark.parametrize("levels", range(1, 7))
@pytest.mark.parametrize("steps", [6, 7, 10, 99, 300])
def test_every_step_is_given_and_every_level_has_one(levels: int, steps: int) -> None:
    plan = plan_levels(2048, steps, levels)
    assert sum(level.steps for level in plan) == steps
    assert min(level.steps for level in plan) >= 1
    assert plan[-1].long_edge == 2048


def test_auto_makes_no_more_levels_than_steps() -> None:
    assert len(plan_levels(8192, 2)) == 2


def test_too_many_levels_are_refused_with_the_most_there_can_be() -> None:
    with pytest.raises(ConfigError, match=r"begin at 8 px.* lower levels to 4"):
        plan_levels(256, 300, 6)
    assert plan_levels(256, 300, 4)[0].long_edge == 32


def test_outputs_are_even_and_the_last_is_the_last_step() -> None:
    assert output_steps(300, 3) == [100, 200, 300]
    assert output_steps(7, 3) == [2, 5, 7]
    for outputs in range(1, 11):
        steps = output_steps(10, outputs)
        assert steps[-1] == 10
        assert len(set(steps)) == outputs
