"""Where cells stand on a sheet, and how points compare in one number."""

from __future__ import annotations

import pytest

from nst_core import (
    Cell,
    ConfigError,
    Goal,
    Standing,
    Summary,
    SweepPlan,
    sheet_layout,
    short_value,
    standings,
    summary_text,
    telling_number,
)
from nst_core.sweep_layout import SheetLayout, weighing_note
from tests.fake_sweeps import fake, plan_of, sampled


def one(cell: Cell) -> dict[str, float]:
    return {"total": 1.0}


def titles(layout: SheetLayout) -> list[list[str | None]]:
    return [[None if cell is None else cell.title for cell in row] for row in layout.cells]


# The layout


def test_two_axes_are_rows_and_columns() -> None:
    layout = sheet_layout(fake(plan_of("beta=1e3:1e5:log:3", "steps=100,300"), one))
    assert (layout.row_axes, layout.column_axis) == (("beta",), "steps")
    assert layout.rows == ("1000", "10000", "1e5")
    assert layout.columns == ("100", "300")
    assert titles(layout)[2] == ["beta 1e5, steps 100", "beta 1e5, steps 300"]
    assert not layout.is_flow


def test_any_axis_can_stand_on_top() -> None:
    layout = sheet_layout(fake(plan_of("beta=1e5,1e6", "steps=1,2,3"), one), columns="beta")
    assert (layout.rows, layout.columns) == (("1", "2", "3"), ("1e5", "1e6"))
    assert titles(layout)[1] == ["beta 1e5, steps 2", "beta 1e6, steps 2"]


def test_several_axes_down_the_side_are_named_in_each_label() -> None:
    plan = plan_of("beta=1e5,1e6", "steps=5,9", "optimizer=adam,lbfgs")
    layout = sheet_layout(fake(plan, one), columns="steps")
    assert layout.row_axes == ("beta", "optimizer")
    assert layout.rows == (
        "beta 1e5, optimizer adam",
        "beta 1e5, optimizer lbfgs",
        "beta 1e6, optimizer adam",
        "beta 1e6, optimizer lbfgs",
    )
    assert titles(layout)[2][1] == "beta 1e6, steps 9, optimizer adam"


def test_switches_and_words_among_numbers_are_values_too() -> None:
    layout = sheet_layout(fake(plan_of("resolution_invariant=yes,no", "levels=auto,1"), one))
    assert (layout.rows, layout.columns) == (("yes", "no"), ("auto", "1"))
    assert all(cell is not None for row in layout.cells for cell in row)


def test_labels_have_four_digits_and_more_where_four_are_alike() -> None:
    assert short_value(3162277.66017) == "3.162e6"
    assert short_value(123456) == "123456"
    assert short_value(True) == "yes"
    layout = sheet_layout(fake(plan_of("beta=123456.7,123456.8", "steps=1,2"), one))
    assert layout.rows == ("1.234567e5", "1.234568e5")


def test_cells_without_a_run_are_there_and_those_with_one_are_its_own() -> None:
    plan = plan_of("beta=1e5,1e6", "steps=1,2")
    made = Cell(17, {"steps": 2, "beta": 1e5})  # of an extended sweep, in another order
    layout = sheet_layout(fake(plan, one, made))
    assert layout.cells[0][1] is made
    assert [cell.index if cell else None for row in layout.cells for cell in row] == [0, 17, 2, 3]


def test_only_the_replicate_that_is_asked_for_is_shown() -> None:
    results = fake(plan_of("beta=1e5,1e6", "steps=1,2", replicates=3), one)
    cells = [cell for row in sheet_layout(results, replicate=1).cells for cell in row]
    assert [cell.replicate for cell in cells if cell] == [1, 1, 1, 1]
    assert len({cell.point for cell in cells if cell}) == 4


def test_one_axis_is_a_row_as_long_as_it_fits() -> None:
    results = fake(plan_of("steps=1,2,3"), one)
    layout = sheet_layout(results, most_columns=3)
    assert (layout.rows, layout.columns, layout.column_axis) == (("",), ("1", "2", "3"), "steps")
    flow = sheet_layout(results, most_columns=2)
    assert (flow.is_flow, flow.column_axis, flow.columns) == (True, None, ("", ""))
    assert titles(flow) == [["steps 1", "steps 2"], ["steps 3", None]]


def test_a_sampler_flows_in_the_order_of_its_trials() -> None:
    plan = plan_of("beta=1:9", sampler="random", trials=5, replicates=2)
    cells = sampled(plan, {"beta": 2.0}, {"beta": 8.0}, {"beta": 1.5})
    layout = sheet_layout(fake(plan, one, *reversed(cells)), replicate=1, most_columns=2)
    assert layout.is_flow
    assert titles(layout) == [
        ["beta 2, replicate 2", "beta 8, replicate 2"],
        ["beta 1.5, replicate 2", None],
    ]


def test_replicates_alone_are_all_shown() -> None:
    layout = sheet_layout(fake(plan_of(replicates=3), one))
    assert titles(layout) == [["replicate 1", "replicate 2", "replicate 3"]]


def test_before_the_first_trial_there_is_nothing() -> None:
    plan = plan_of("beta=1:9", sampler="tpe", goals=(Goal("ssim"),), trials=5)
    results = fake(plan, one, Cell(0, {"beta": 1.0}))
    empty = sheet_layout(type(results)(results.sweep, ()))
    assert (empty.rows, empty.columns, empty.cells) == ((), (), ())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"columns": "gamma"}, "'gamma' is no axis of this sweep; it varies beta, steps"),
        ({"replicate": 2}, "replicate 3 is not there; this sweep has 1 to 2"),
        ({"replicate": -1}, "replicate 0 is not there"),
    ],
)
def test_what_is_not_there_is_said(asked: dict[str, object], message: str) -> None:
    results = fake(plan_of("beta=1,2", "steps=1,2", replicates=2), one)
    with pytest.raises(ConfigError, match=message):
        sheet_layout(results, **asked)  # type: ignore[arg-type]


# Standings


def by_title(plan: SweepPlan, values: dict[int, list[float]], number: str) -> dict[str, Standing]:
    """Return standings by steps, of which each replicate came to its value."""

    def numbers(cell: Cell) -> dict[str, float] | None:
        told = values[int(cell.values["steps"])]
        return {number: told[cell.replicate]} if cell.replicate < len(told) else None

    found = standings(fake(plan, numbers), number)
    return {point.removeprefix('{"steps": ').rstrip("}"): one for point, one in found.items()}


STEPS = "steps=1,2,3"


@pytest.mark.parametrize(
    ("number", "goals", "best"),
    [
        ("total", (), ["1"]),
        ("tv", (), ["1"]),
        ("seconds", (), ["1"]),
        ("improvement", (), ["3"]),
        ("style_distance", (), ["1"]),
        ("ssim", (), ["3"]),
        ("sharpness", (), []),
        ("colorfulness", (), []),
    ],
)
def test_which_way_is_better(number: str, goals: tuple[Goal, ...], best: list[str]) -> None:
    found = by_title(plan_of(STEPS), {1: [0.1], 2: [0.2], 3: [0.4]}, number)
    assert [steps for steps, standing in found.items() if standing.is_best] == best
    assert {standing.is_noise for standing in found.values()} == {None}


def test_a_goal_says_which_way_is_better() -> None:
    goals = (Goal("sharpness", "maximise"), Goal("ssim", "minimise"))
    plan = plan_of(STEPS, sampler="nsga2", goals=goals, trials=3)
    cells = sampled(plan, {"steps": 1}, {"steps": 2})
    results = fake(plan, lambda cell: {"sharpness": cell.values["steps"], "ssim": 0.5}, *cells)  # type: ignore[dict-item]
    assert [standing.is_best for standing in standings(results, "sharpness").values()] == [0, 1]
    lower = fake(plan, lambda cell: {"ssim": 1 / int(cell.values["steps"])}, *cells)
    assert [standing.is_best for standing in standings(lower, "ssim").values()] == [0, 1]


def test_noise_is_no_further_from_the_best_than_replicates_are() -> None:
    # Deviations of sqrt(2) each, so a pooled one of sqrt(2): 1 is within, 3 is beyond
    values = {1: [1.0, 3.0], 2: [2.0, 4.0], 3: [4.0, 6.0]}
    found = by_title(plan_of(STEPS, replicates=2), values, "total")
    assert [standing.is_best for standing in found.values()] == [True, False, False]
    assert [standing.is_noise for standing in found.values()] == [False, True, False]
    summary = found["2"].summary
    assert (summary.mean, summary.count) == (3, 2)
    assert summary.deviation == pytest.approx(2**0.5)


def test_noise_is_unknown_with_a_single_replicate_and_failed_ones_do_not_count() -> None:
    values = {1: [1.0, 3.0], 2: [2.0], 3: []}
    found = by_title(plan_of(STEPS, replicates=2), values, "total")
    assert found.keys() == {"1", "2"}
    assert found["2"].is_noise is None


def test_a_number_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no number 'beauty'; choose of total, content"):
        standings(fake(plan_of(STEPS), one), "beauty")


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (Summary(123_400.0, None, 1), "1.234e+05"),
        (Summary(0.41234, None, 1), "0.4123"),
        (Summary(123_400.0, 4100.0, 3), "1.23e+05 ± 4e+03 (3 runs)"),
        (Summary(412.3, 31.0, 2), "412 ± 30 (2 runs)"),
        (Summary(0.41234, 0.0003, 4), "0.4123 ± 0.0003 (4 runs)"),
        (Summary(0.5, 0.0, 2), "0.5 ± 0 (2 runs)"),
        (Summary(-0.25, 0.01, 2), "-0.25 ± 0.01 (2 runs)"),
        (Summary(0.0, 0.01, 2), "0 ± 0.01 (2 runs)"),
    ],
)
def test_a_summary_has_as_many_digits_as_its_spread_lets_stand(summary: Summary, text: str) -> None:
    assert summary_text(summary) == text


@pytest.mark.parametrize(
    ("axis", "number", "is_said"),
    [
        ("beta=1,2", "total", True),
        ("beta=1,2", "style", True),
        ("beta=1,2", "content", False),
        ("beta=1,2", "style_distance", False),
        ("style_layers.conv1_1=0.1,0.2", "total", True),
        ("style_scale=1,2", "total", False),
        ("pooling=max,average", "total", True),
        ("pooling=max,average", "style_distance", False),
        ("style=a.jpg,b.jpg", "style", True),
        ("style=a.jpg,b.jpg", "content", False),
    ],
)
def test_a_loss_that_an_axis_weighs_is_no_aim(axis: str, number: str, is_said: bool) -> None:
    note = weighing_note(plan_of(axis), number)
    assert bool(note) == is_said
    assert not note or axis.partition("=")[0] in note
    found = fake(plan_of(axis), lambda cell: {number: float(cell.index)})
    assert any(standing.is_best for standing in standings(found, number).values()) != is_said


@pytest.mark.parametrize(
    ("plan", "number"),
    [
        (plan_of("steps=1,2"), "total"),
        (plan_of("beta=1,2"), "style_distance"),
        (plan_of("beta=1,2", sampler="tpe", trials=2, goals=(Goal("ssim"),)), "ssim"),
        (plan_of("beta=1,2", sampler="tpe", trials=2, goals=(Goal("total"),)), "style_distance"),
    ],
)
def test_a_sweep_is_read_by_its_goal_or_by_what_no_axis_weighs(
    plan: SweepPlan, number: str
) -> None:
    assert telling_number(fake(plan, lambda cell: None, Cell(0, {}))) == number
