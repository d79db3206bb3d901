"""How a run's steps are shared out over sizes and outputs."""

from __future__ import annotations

import pytest

from nst_core import Run, StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.pyramid import Level, levels_of, output_steps, plan_levels, share_of_work


@pytest.mark.parametrize(
    ("size", "levels"), [(32, 1), (127, 1), (128, 2), (256, 3), (512, 4), (1000, 4), (8192, 6)]
)
def test_auto_adds_a_level_at_each_doubling_from_128(size: int, levels: int) -> None:
    assert len(plan_levels(size, 300)) == levels


@pytest.mark.parametrize(("size", "levels"), [(256, 1), (1023, 1), (1024, 2), (4096, 4)])
def test_patches_begin_no_smaller_than_512_px(size: int, levels: int) -> None:
    config = StyleTransferConfig(size=size, style_statistic="patches")
    assert len(levels_of(config)) == levels
    assert levels_of(config.changed(levels=3)) == plan_levels(size, config.steps, 3)
    assert levels_of(config.changed(style_statistic="gram")) == plan_levels(size, config.steps)


def test_each_level_is_half_the_next_and_the_finest_gets_twice_the_steps() -> None:
    assert plan_levels(1000, 300, 3) == [Level(250, 75), Level(500, 75), Level(1000, 150)]


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
    assert output_steps([Level(64, 300)], 3) == [100, 200, 300]
    assert output_steps([Level(64, 7)], 3) == [2, 5, 7]
    for outputs in range(1, 11):
        steps = output_steps([Level(64, 10)], outputs)
        assert steps[-1] == 10
        assert len(set(steps)) == outputs


def test_outputs_have_the_results_size_where_its_steps_are_enough() -> None:
    levels = [Level(64, 50), Level(128, 50), Level(256, 100)]
    assert output_steps(levels, 2) == [150, 200]
    assert output_steps(levels, 10)[0] == 110
    assert output_steps([Level(64, 6), Level(128, 2)], 4) == [2, 4, 6, 8]


@pytest.mark.parametrize("step", [0, 1, 50, 99, 100])
def test_at_one_level_the_share_of_work_is_that_of_the_steps(step: int) -> None:
    assert share_of_work(plan_levels(512, 100, 1), step) == pytest.approx(step / 100)


def test_a_coarse_level_is_a_small_share_of_the_work() -> None:
    levels = [Level(250, 2), Level(500, 1), Level(1000, 1)]  # costs 1, 1, 4, 16
    shares = [share_of_work(levels, step) for step in range(5)]
    assert shares == pytest.approx([0, 1 / 22, 2 / 22, 6 / 22, 1])


@pytest.mark.parametrize("levels", range(1, 7))
def test_all_work_is_done_at_the_last_step(levels: int) -> None:
    plan = plan_levels(2048, 99, levels)
    shares = [share_of_work(plan, step) for step in range(100)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert share_of_work(plan, 200) == 1


@pytest.mark.parametrize(
    ("levels", "step", "seconds", "left"),
    [
        (1, 25, 10.0, 30.0),
        (1, 100, 10.0, 0.0),
        (2, 33, 33.0, 268.0),  # 33 cheap steps, and 67 of four times the cost
        (1, 0, 0.0, None),
        (1, 3, 0.0, None),
    ],
)
def test_a_run_tells_how_long_it_will_compute_on(
    levels: int, step: int, seconds: float, left: float | None
) -> None:
    config = StyleTransferConfig(size=1024, steps=100, levels=levels)
    unused = dict.fromkeys(Run.__dataclass_fields__)
    run = Run(**{**unused, "config": config, "step": step, "seconds": seconds})  # type: ignore[arg-type]
    assert run.seconds_left == (None if left is None else pytest.approx(left))
