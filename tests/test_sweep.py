"""Sweeps: how many runs a plan has, which cells, what is missing, and what is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, get_args

import pytest

from nst_core.axes import Axis, Value
from nst_core.axis_text import parse_axis
from nst_core.cells import Cell, cells_of, missing_cells
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.metrics import Metrics
from nst_core.pyramid import plan_levels
from nst_core.sweep import check_plan, count_runs, estimate_seconds, plan_notes, sweep_limit
from nst_core.sweep_plan import (
    GOALS,
    SAMPLERS,
    Goal,
    Sampler,
    SweepPlan,
    extend_plan,
    parse_goal,
)

BASE = StyleTransferConfig(size=64, steps=20, seed=7)


def plan_of(*axes: str, base: StyleTransferConfig = BASE, **parts: Any) -> SweepPlan:
    parts["goals"] = tuple(parse_goal(text) for text in parts.get("goals", ()))
    return SweepPlan(base, tuple(parse_axis(text) for text in axes), **parts)


def keys(plan: SweepPlan) -> list[str]:
    return [cell.key for cell in cells_of(plan)]


def rows(cells: Sequence[Cell]) -> list[tuple[Any, ...]]:
    return [(*cell.values.values(), cell.replicate) for cell in cells]


# Plans


@pytest.mark.parametrize(
    "plan",
    [
        plan_of("beta=1e3:1e6:log:5", "steps=100,300"),
        plan_of("style=a.jpg,b.jpg", "normalize_activations=yes,no", replicates=3),
        plan_of(replicates=4),
        plan_of("beta=1e3:1e6:log", sampler="random", trials=20, sampler_seed=2**32 - 1),
        plan_of("beta=1:2", "seed=1:9", sampler="tpe", trials=8, goals=("ssim",)),
        plan_of("levels=auto,2", sampler="nsga2", trials=2, goals=("total", "sharpness:minimise")),
    ],
)
def test_a_plan_survives_json(plan: SweepPlan) -> None:
    text = plan.to_json()
    assert SweepPlan.from_json(text) == plan
    assert json.loads(text)["base"]["style_layers"]["conv1_1"] == 0.2
    assert SweepPlan.from_json(SweepPlan.from_json(text).to_json()).to_json() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "written by a newer NST Lab (version 2, and 1 is known here); update"),
        ({"sampler": "cma"}, "this is no sweep (sampler: "),
        ({"axes": [{"name": "betta", "values": [1]}]}, "there is no setting 'betta'"),
        ({"axes": [{"name": "steps", "values": [0]}]}, "steps: must be greater than or equal to 1"),
        ({"axes": 3}, "this is no sweep (axes: "),
        ({"goals": [{"name": "beauty"}]}, "there is no goal 'beauty'"),
        ({"replicates": 0}, "replicates must be a whole number from 1"),
        ({"replicas": 2}, "this is no sweep (replicas: "),
    ],
)
def test_json_of_another_plan_is_refused(change: dict[str, Any], message: str) -> None:
    record = json.loads(plan_of("beta=1,2").to_json()) | change
    with pytest.raises(ConfigError) as caught:
        SweepPlan.from_json(json.dumps(record))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_with_settings_that_do_not_exist_is_refused() -> None:
    record = json.loads(plan_of("beta=1,2").to_json())
    for base, message in (({"speed": 1}, "no setting 'speed'"), ({"steps": 0}, "steps: must be")):
        with pytest.raises(ConfigError, match=message):
            SweepPlan.from_json(json.dumps(record | {"base": record["base"] | base}))


@pytest.mark.parametrize("text", ["", "[]", "3", '"plan"', "{}", "null"])
def test_json_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^this is no sweep"):
        SweepPlan.from_json(text)


@pytest.mark.parametrize(
    ("axes", "parts", "message"),
    [
        (["beta=1,2", "beta=3,4"], {}, "beta is varied twice; write one axis with all its values"),
        ([], {}, "nothing is varied: add an axis, or ask for replicates"),
        ([], {"sampler": "random", "trials": 3, "replicates": 2}, "random has nothing to choose"),
        (["seed=1,2"], {"replicates": 2}, "replicates vary the seed already"),
        (["beta=1,2"], {"replicates": 0}, "replicates must be a whole number from 1"),
        (["beta=1,2"], {"replicates": 1.5}, "replicates must be a whole number"),
        (["beta=1,2"], {"sampler_seed": -1}, "sampler_seed must be a whole number from 0"),
        (["beta=1,2"], {"sampler": "annealing"}, "there is no sampler 'annealing'; choose of grid"),
        (["beta=1,2"], {"trials": 5}, "a grid runs every combination; leave trials out"),
        (["beta=1:2"], {}, "beta: say how many values a grid takes"),
        (["beta=1:2"], {"sampler": "random"}, "random needs the number of trials"),
        (["beta=1:2"], {"sampler": "random", "trials": 0}, "trials must be a whole number from 1"),
        (["beta=1:2"], {"sampler": "tpe", "trials": 5}, "tpe takes one goal or two, got none"),
        (
            ["beta=1:2"],
            {"sampler": "nsga2", "trials": 5, "goals": ("ssim",)},
            "nsga2 takes two goals, got ssim; choose of total, style_distance",
        ),
        (
            ["beta=1:2"],
            {"sampler": "gp", "trials": 5, "goals": ("ssim", "total", "style_distance")},
            "gp takes one goal or two, got ssim, total, style_distance",
        ),
        (["beta=1:2"], {"goals": ("ssim", "ssim:minimise")}, "ssim is a goal twice"),
        (
            ["optimizer=adam,lbfgs", "steps=1:3"],
            {"sampler": "random", "trials": 7},
            "the axes have only 6 combinations: lower trials from 7 to 6",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_said_in_one_line(
    axes: list[str], parts: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(*axes, **parts)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_goals_are_the_numbers_that_are_measured_and_the_total() -> None:
    numbers = {field.name for field in fields(Metrics) if "float" in str(field.type)}
    assert set(GOALS) == numbers | {"total"}
    assert set(SAMPLERS) == set(get_args(Sampler))


@pytest.mark.parametrize("text", ["ssim:maximise", "ssim:minimise", "colorfulness:maximise"])
def test_a_goal_is_read_and_written_back(text: str) -> None:
    assert str(parse_goal(text)) == text


def test_a_goal_knows_which_way_is_closer() -> None:
    assert parse_goal("ssim") == Goal("ssim", "maximise")
    assert parse_goal(" style_distance ") == Goal("style_distance", "minimise")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beauty", "there is no goal 'beauty'; choose of total"),
        ("", "there is no goal ''"),
        ("network", "there is no goal 'network'"),
        ("sharpness", "sharpness: say minimise or maximise, as in sharpness:maximise"),
        ("ssim:up", "ssim: say minimise or maximise, as in ssim:maximise, got 'up'"),
    ],
)
def test_a_bad_goal_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_goal(text)
    assert message in str(caught.value)


# Grids


def test_a_grid_is_walked_row_by_row_replicates_together() -> None:
    plan = plan_of("beta=1,2", "optimizer=adam,lbfgs", replicates=2)
    cells = list(cells_of(plan))
    assert rows(cells) == list(itertools.product((1.0, 2.0), ("adam", "lbfgs"), (0, 1)))
    assert [cell.index for cell in cells] == list(range(8)) == list(range(count_runs(plan)))
    assert len({cell.key for cell in cells}) == 8
    assert len({cell.point for cell in cells}) == 4


def test_replicates_have_the_next_seeds() -> None:
    cells = list(cells_of(plan_of(replicates=3)))
    assert [cell.config(BASE) for cell in cells] == [BASE.changed(seed=s) for s in (7, 8, 9)]
    assert [cell.title for cell in cells] == ["replicate 1", "replicate 2", "replicate 3"]


def test_a_cell_changes_what_it_varies_and_nothing_else() -> None:
    values: dict[str, Value] = {
        "style_layers.conv1_1": 0.0,
        "style_layers.conv3_2": 0.7,
        "content_layers.conv4_2": 2.0,
        "optimizer": "lbfgs",
        "style": "b.jpg",
    }
    cell = Cell(0, values)
    assert cell.config(BASE) == BASE.changed(
        optimizer="lbfgs",
        style_layers={**dict(BASE.style_layers), "conv1_1": 0.0, "conv3_2": 0.7},
        content_layers={"conv4_2": 2.0},
    )
    assert cell.pictures == {"style": "b.jpg"}
    assert Cell(0, {"beta": 1.0}).pictures == {}


def test_the_key_tells_cells_apart_whatever_their_position() -> None:
    cell = Cell(0, {"beta": 1e5, "steps": 100})
    assert cell.key == Cell(9, {"steps": 100, "beta": 1e5}).key
    assert cell.key != Cell(0, {"beta": 1e5, "steps": 100}, 1).key
    assert cell.point == Cell(0, {"steps": 100, "beta": 1e5}, 1).point
    assert cell.key != Cell(0, {"beta": 1e5, "steps": 101}).key
    assert cell.title == "beta 1e5, steps 100"
    assert (
        Cell(0, {"beta": 31622.7766, "init": "mix"}, 1).title == "beta 31620, init mix, replicate 2"
    )
    assert Cell.from_json(cell.to_json()) == cell
    assert json.loads(cell.to_json()) == asdict(cell)


def test_a_combination_that_the_config_refuses_is_named() -> None:
    plan = plan_of("outputs=1,5", "steps=3,20")
    with pytest.raises(ConfigError) as caught:
        check_plan(plan)
    assert str(caught.value).startswith("outputs 5, steps 3: 5 outputs need at least as many steps")
    with pytest.raises(ConfigError, match=r"^levels 3: 3 levels at size 64 would begin at 16 px"):
        check_plan(plan_of("levels=1,3"))
    largest = BASE.changed(seed=2**63 - 1)
    with pytest.raises(ConfigError, match=r"^replicate 2: seed: must be less than"):
        check_plan(plan_of(base=largest, replicates=2))


# How many


@pytest.mark.parametrize(
    ("plan", "runs"),
    [
        (plan_of("beta=1e3:1e6:log:5", "steps=100,300"), 10),
        (plan_of("beta=1,2", "alpha=1,2,3", "gamma=1,2", replicates=5), 60),
        (plan_of("steps=1:4:log:9"), 4),
        (plan_of(replicates=3), 3),
        (plan_of("beta=1:2", sampler="random", trials=20, replicates=3), 60),
        (plan_of("beta=1:2", sampler="tpe", trials=9, goals=("ssim",)), 9),
    ],
)
def test_the_number_of_runs(plan: SweepPlan, runs: int) -> None:
    assert count_runs(plan) == check_plan(plan) == runs


def test_a_vast_grid_is_counted_and_refused_at_once() -> None:
    names = ("alpha", "beta", "gamma", "style_layers.conv1_1", "style_layers.conv2_1")
    plan = plan_of(*(f"{name}=1:9:linear:10000" for name in names))
    assert count_runs(plan) == 10**20
    with pytest.raises(ConfigError, match="this sweep has 100,000,000,000,000,000,000 runs"):
        check_plan(plan)
    assert estimate_seconds(plan, [(BASE, 1.0)]) is None
    assert next(cells_of(plan)).index == 0


def test_ten_thousand_cells_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("alpha=1:9:linear:100", "beta=1:9:linear:100")
    monkeypatch.delenv("NST_SWEEP_LIMIT", raising=False)
    with pytest.raises(ConfigError) as caught:
        check_plan(plan)
    assert str(caught.value) == (
        "this sweep has 10,000 runs, and 200 are allowed: ask for fewer values or replicates, or "
        "raise NST_SWEEP_LIMIT"
    )
    with pytest.raises(ConfigError, match="and 9,999 are allowed"):
        check_plan(plan, most=9_999)


def test_the_limit_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("beta=1,2,3")
    monkeypatch.setenv("NST_SWEEP_LIMIT", "2")
    with pytest.raises(ConfigError, match="this sweep has 3 runs, and 2 are allowed"):
        check_plan(plan)
    monkeypatch.setenv("NST_SWEEP_LIMIT", "3")
    assert check_plan(plan) == 3
    monkeypatch.setenv("NST_SWEEP_LIMIT", "")
    assert sweep_limit() == 200


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "\u0663", "9" * 5000])
def test_a_limit_that_is_none_is_said(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_SWEEP_LIMIT", text)
    with pytest.raises(ConfigError, match=r"^NST_SWEEP_LIMIT must be a whole number"):
        check_plan(plan_of("beta=1,2"))


def test_a_sampler_without_any_usable_values_is_refused() -> None:
    bad = plan_of("outputs=5:9", "steps=1:4", sampler="tpe", trials=3, goals=("ssim",))
    with pytest.raises(ConfigError, match=r"^outputs \d, steps \d: \d outputs need at least"):
        check_plan(bad)
    some = plan_of("outputs=1:9", "steps=1:4", sampler="tpe", trials=3, goals=("ssim",))
    assert check_plan(some) == 3


def test_gp_without_scipy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("beta=1:2", sampler="gp", trials=3, goals=("ssim",))
    assert check_plan(plan) == 3
    monkeypatch.setattr("nst_core.sweep.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="gp needs SciPy, which is not installed: install it, or"):
        check_plan(plan)


# Random search


def test_random_trials_are_the_seeds_and_lie_within() -> None:
    axes = ("beta=1e3:1e6:log", "steps=10:99", "optimizer=adam,lbfgs")
    plan = plan_of(*axes, sampler="random", trials=50)
    cells = list(cells_of(plan))
    assert cells == list(cells_of(plan))
    assert len({cell.point for cell in cells}) == 50
    assert all(axis.holds(cell.values[axis.name]) for cell in cells for axis in plan.axes)
    other = plan_of(*axes, sampler="random", trials=50, sampler_seed=1)
    assert not set(keys(plan)) & set(keys(other))
    below = sum(float(cell.values["beta"]) < 10**4.5 for cell in cells)
    assert 10 < below < 40  # of a fair coin, 50 throws


def test_a_random_search_of_everything_is_everything() -> None:
    plan = plan_of("optimizer=adam,lbfgs", "steps=1:8", sampler="random", trials=16)
    points = {(cell.values["optimizer"], cell.values["steps"]) for cell in cells_of(plan)}
    assert points == set(itertools.product(("adam", "lbfgs"), range(1, 9)))


# Extending and going on


EXTENSIONS: list[tuple[SweepPlan, list[str], dict[str, int]]] = [
    (plan_of("beta=1e3:1e6:log:4", "steps=5,9"), ["beta=1e7,1e8"], {}),
    (plan_of("beta=1e3:1e6:log:4", "steps=5,9"), ["steps=7"], {"replicates": 2}),
    (plan_of("beta=1,2", "steps=5,9"), ["beta=2:4:linear:3", "steps=1"], {}),
    (plan_of("optimizer=adam", replicates=2), ["optimizer=lbfgs"], {"replicates": 3}),
    (plan_of("beta=1:2", sampler="random", trials=6), [], {"trials": 20}),
    (plan_of("steps=1:9", "beta=1,2", sampler="random", trials=6), [], {"trials": 18}),
    (plan_of("beta=1:2", sampler="random", trials=6), [], {"replicates": 4}),
    (plan_of(replicates=2), [], {"replicates": 5}),
]


@pytest.mark.parametrize(("plan", "axes", "more"), EXTENSIONS)
def test_extending_keeps_every_former_cell(
    plan: SweepPlan, axes: list[str], more: dict[str, int]
) -> None:
    longer = extend_plan(plan, [parse_axis(text) for text in axes], **more)
    before, after = {c.key: c for c in cells_of(plan)}, {c.key: c for c in cells_of(longer)}
    assert before.keys() < after.keys()
    assert all(after[key].config(BASE) == cell.config(BASE) for key, cell in before.items())
    left = missing_cells(longer, before.keys())
    assert {cell.key for cell in left} == after.keys() - before.keys()
    assert count_runs(longer) == len(before) + len(left)
    assert SweepPlan.from_json(longer.to_json()) == longer


def test_more_random_trials_leave_the_first_where_they_are() -> None:
    plan = plan_of("steps=1:9", "beta=1:2", sampler="random", trials=5)
    assert keys(extend_plan(plan, trials=40))[:5] == keys(plan)


def test_values_that_are_there_already_change_nothing() -> None:
    plan = plan_of("beta=1e3:1e6:log:4", "steps=5,9")
    assert extend_plan(plan, [parse_axis("beta=1e4,1e5"), parse_axis("steps=9")]) == plan


def test_a_learning_sampler_reaches_further() -> None:
    plan = plan_of("beta=10:20", "init=noise,mix", sampler="tpe", trials=3, goals=("ssim",))
    longer = extend_plan(plan, [parse_axis("beta=1:15"), parse_axis("init=grey")], trials=9)
    assert longer.axes == (parse_axis("beta=1:20"), parse_axis("init=noise,mix,grey"))
    assert longer.trials == 9


@pytest.mark.parametrize(
    ("plan", "axes", "more", "message"),
    [
        (plan_of("beta=1,2"), ["alpha=1"], {}, "alpha is no axis of this sweep; it varies beta"),
        (
            plan_of(replicates=2),
            ["alpha=1"],
            {},
            "alpha is no axis of this sweep; it varies nothin",
        ),
        (plan_of(replicates=3), [], {"replicates": 2}, "has 3 replicates and cannot go down to 2"),
        (
            plan_of("beta=1:2", sampler="random", trials=6),
            [],
            {"trials": 5},
            "has 6 trials and cannot go down to 5",
        ),
        (
            plan_of("beta=1:2", sampler="random", trials=6),
            ["beta=3"],
            {},
            "other values would change every draw of a random search",
        ),
        (
            plan_of("beta=1:2", sampler="tpe", trials=6, goals=("ssim",)),
            ["beta=3"],
            {},
            "beta: a list and a range cannot be joined; it was beta=1:2:linear",
        ),
        (plan_of("beta=1,2"), [], {"trials": 5}, "a grid runs every combination"),
    ],
)
def test_what_cannot_be_extended_is_said(
    plan: SweepPlan, axes: list[str], more: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        extend_plan(plan, [parse_axis(text) for text in axes], **more)
    assert message in str(caught.value)


def test_only_what_is_missing_is_left() -> None:
    plan = plan_of("beta=1,2", "steps=5,9", replicates=2)
    cells = list(cells_of(plan))
    done = [cells[0].key, cells[5].key, "a cell of another plan"]
    assert missing_cells(plan, done) == [cells[k] for k in (1, 2, 3, 4, 6, 7)]
    assert missing_cells(plan, keys(plan)) == []


def test_a_learning_sampler_has_no_list_of_cells() -> None:
    plan = plan_of("beta=1:2", sampler="tpe", trials=6, goals=("ssim",))
    for walk in (keys, lambda plan: missing_cells(plan, [])):
        with pytest.raises(ConfigError, match=r"tpe chooses as it goes; ask nst_core\.suggest"):
            walk(plan)


# What is rarely meant, and how long it takes


@pytest.mark.parametrize(
    ("plan", "note"),
    [
        (plan_of(replicates=2), "nothing is random where init is content"),
        (
            plan_of("seed=1,2", base=BASE.changed(init="grey")),
            "nothing is random where init is gre",
        ),
        (plan_of("init=content,noise", replicates=2), None),
        (plan_of("beta=1,2", replicates=2, base=BASE.changed(init="mix")), None),
        (plan_of("beta=1,2", goals=("total",)), "The total is weighted by beta itself"),
        (plan_of("style_layers.conv1_1=0,1", goals=("total",)), "by style_layers.conv1_1 itself"),
        (plan_of("optimizer=adam,lbfgs", goals=("total",)), None),
        (plan_of("beta=1,2", goals=("ssim",)), None),
    ],
)
def test_notes_on_what_is_rarely_meant(plan: SweepPlan, note: str | None) -> None:
    notes = plan_notes(plan)
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_time_grows_with_pixels_and_steps() -> None:
    plan = plan_of("steps=10,30", "size=64,128", "alpha=1,2", base=BASE.changed(levels=1))
    past = [(BASE.changed(steps=10, size=64), 2.0)]
    each = [2.0, 8.0, 6.0, 24.0]
    assert estimate_seconds(plan, past) == pytest.approx(2 * sum(each))
    # in order 2 2 8 8 6 6 24 24: of two devices, each gets one of every pair
    assert estimate_seconds(plan, past, devices=2) == pytest.approx(sum(each))
    assert estimate_seconds(plan, past, devices=100) == pytest.approx(24.0)


def test_time_counts_every_level() -> None:
    plan = plan_of("levels=2", base=BASE.changed(steps=30))
    coarse, fine = plan_levels(64, 30, 2)
    work = coarse.steps * 32**2 + fine.steps * 64**2
    past = [(BASE.changed(steps=30, levels=1), 30 * 64**2 / 1000)]
    assert estimate_seconds(plan, past) == pytest.approx(work / 1000)


def test_time_is_judged_by_runs_of_the_same_optimiser() -> None:
    """Whatever it is called: BASE leaves the choice, and its runs are L-BFGS's."""
    plan = plan_of("optimizer=adam,lbfgs")
    adam = BASE.changed(optimizer="adam")
    past = [(adam, 1.0), (adam, 3.0), (adam, 2.0), (BASE, 10.0)]
    assert estimate_seconds(plan, past) == pytest.approx(2.0 + 10.0)
    assert estimate_seconds(plan, past[3:]) == pytest.approx(20.0)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_time_of_a_sampler_is_that_of_random_choices(sampler: Sampler) -> None:
    goals = ("ssim",) if sampler == "tpe" else ()
    plan = plan_of(
        "beta=1:2", "steps=20,40", sampler=sampler, trials=100, replicates=2, goals=goals
    )
    seconds = estimate_seconds(plan, [(BASE, 1.0)])
    assert seconds == pytest.approx(200 * 1.5, rel=0.1)


@pytest.mark.parametrize(
    "past",
    [
        [],
        [(BASE, 0.0), (BASE, -1.0), (BASE, float("nan")), (BASE, float("inf"))],
        [(BASE.changed(levels=6), 1.0)],  # which no run of 64 px can have
    ],
)
def test_time_is_unknown_without_anything_to_judge_by(past: list[Any]) -> None:
    assert estimate_seconds(plan_of("beta=1,2"), past) is None


def test_a_plan_is_made_of_axes_too() -> None:
    assert SweepPlan(BASE, [Axis("beta", (1, 2))]) == plan_of("beta=1,2")  # type: ignore[arg-type]
