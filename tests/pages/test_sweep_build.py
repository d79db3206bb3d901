"""What a person sees and does to plan a sweep."""

from __future__ import annotations

from typing import Any

import pytest

from nst_core import (
    GOALS,
    LAYERS,
    LocalExecutor,
    Store,
    StyleTransferConfig,
    SweepPlan,
    Sweeps,
    check_plan,
    load_results,
)
from pages._ui.sweep_axes_fields import axis_fields, first_values
from pages._ui.sweep_axes_state import PICTURES
from tests.lab import Lab, picture_bytes
from tests.pages.bench import EVIL, click, markdown_of, rerun, said
from tests.pages.sweep_build_app import (
    add,
    enter,
    open_build,
    start,
    summary,
    type_axis,
    widget,
    wrong,
)


def values(store: Store, sweep_id: int) -> list[dict[str, object]]:
    return [dict(run.cell.values) for run in load_results(store, sweep_id).runs]


def test_grid_of_two_axes_is_queued_with_each_combination(
    lab: Lab, woken: list[LocalExecutor]
) -> None:
    app = open_build(lab, seed=7)
    enter(add(app, "beta"), low="1e3", high="1e5", count=2)
    add(app, "steps")
    widget(app, "form", 2).set_value("List")
    rerun(app)
    widget(app, "listed", 2).set_value("3, 5")
    rerun(app)
    assert "**4 runs** · 2 x 2 values" in summary(app)
    sweep = start(app, lab)
    assert woken
    runs = load_results(lab.store, sweep.id).runs
    found = [(run.entry.run.config.beta, run.entry.run.config.steps) for run in runs]
    assert found == [(1e3, 3), (1e3, 5), (1e5, 3), (1e5, 5)]
    for run in runs:
        made = run.entry.run
        assert made.config.seed == 7
        assert made.state == "queued"
        assert [item.sha256 for item in made.inputs] == [lab.content.sha256, lab.style.sha256]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("beta", "10000, 1e5, 1e6"),
        ("gamma", "1, 10, 100"),
        ("steps", "3, 6, 12"),
        ("size", "32, 64"),
        ("seed", "0, 1, 2"),
        ("learning_rate", "0.25, 1, 4"),  # of L-BFGS
        ("levels", "1 (1 value)"),  # as many as 32 px allow
        ("averaging", "0, 0.9, 0.99"),
        ("style_scale", "0.5, 1, 2"),
        ("style_layers.conv1_1", "0.5, 1, 2"),  # the only one, which 0 would leave without
        ("style_layers.conv2_1", "0, 0.5, 1"),
        ("content_layers.conv1_2", "0, 0.5, 1"),
        ("weights", "imagenet, textures"),
    ],
)
def test_axis_begins_with_values_around_the_base_setting(lab: Lab, name: str, line: str) -> None:
    app = add(open_build(lab), name)
    assert line in said(app, "caption").splitlines()
    assert not wrong(app)


@pytest.mark.parametrize(
    "base",
    [
        {},
        {"beta": 0, "gamma": 1e-9},
        {"size": 32, "steps": 2, "style_scale": 0.25, "alpha": 1e12},
        {"size": 8192, "steps": 100_000, "style_scale": 4, "stop_window": 10},
        {"seed": 2**63 - 1, "optimizer": "lbfgs", "content_layers": {"conv1_1": 1}},
        {"style_statistic": "patches"},
    ],
)
def test_every_axis_begins_with_values_that_the_config_takes(base: dict[str, Any]) -> None:
    config = StyleTransferConfig(**base)
    for name in axis_fields(LAYERS):
        if name not in PICTURES:
            axis = first_values(name, config).read(is_grid=True)
            assert axis.name == name
            assert check_plan(SweepPlan(config, (axis,))) == len(axis.grid)


def test_axes_are_those_of_the_weights_in_use_and_each_once(lab: Lab) -> None:
    app = open_build(lab)
    offered = app.selectbox(key="sweep_add").options
    assert "Style layer conv2_2" in offered
    assert "Style layer conv3_1" not in offered
    assert "Long edge (px) · size" in offered  # found by either
    assert "Style weight (beta)" in offered
    add(app, "beta")
    assert "Style weight (beta)" not in app.selectbox(key="sweep_add").options


def test_words_and_switches_are_picked(lab: Lab) -> None:
    app = add(add(open_build(lab), "pooling"), "normalize_activations")
    assert widget(app, "picked").value == ["max", "average"]
    widget(app, "picked").set_value(["average"])
    rerun(app)
    assert "1 x 2 values" in summary(app)
    assert values(lab.store, start(app, lab).id) == [
        {"pooling": "average", "normalize_activations": True},
        {"pooling": "average", "normalize_activations": False},
    ]


def test_style_pictures_are_varied_in_place_of_the_chosen_ones(lab: Lab) -> None:
    app = add(open_build(lab, styles=2, style_weights=(1, 3)), "style")
    chosen = widget(app, "pictures")
    assert chosen.value == [lab.style.sha256, lab.content.sha256]  # those of the base
    assert "koi mosaic (sample)" in chosen.options
    sweep = start(app, lab)
    assert values(lab.store, sweep.id) == [{"style": "style.png"}, {"style": "photo.png"}]
    for run in load_results(lab.store, sweep.id).runs:
        assert run.entry.run.config.style_weights == ()
        assert len(run.entry.run.styles) == 1


def test_picture_axis_needs_two_and_names_them_apart(lab: Lab) -> None:
    other = lab.store.add_picture(picture_bytes(9), "photo.png")
    app = add(open_build(lab, content=False), "content")
    assert wrong(app) == ["Choose two pictures or more"]
    assert "Correct what is wrong above: Content image" in summary(app)
    widget(app, "pictures").set_value([lab.content.sha256, other.sha256])
    sweep = start(rerun(app), lab)
    assert values(lab.store, sweep.id) == [{"content": "photo.png"}, {"content": "photo.png (2)"}]
    digests = [run.entry.run.content.sha256 for run in load_results(lab.store, sweep.id).runs]
    assert digests == [lab.content.sha256, other.sha256]


def test_sample_comes_into_the_library_when_it_is_chosen(lab: Lab) -> None:
    type_axis(app := open_build(lab), "style=style.png,koi_mosaic.jpg")
    assert not wrong(app)
    assert "koi_mosaic.jpg" in [picture.name for picture in lab.store.pictures()]
    assert values(lab.store, start(app, lab).id)[1] == {"style": "koi_mosaic.jpg"}


def test_evil_name_of_a_picture_draws_nothing(lab: Lab) -> None:
    lab.store.add_picture(picture_bytes(9), EVIL)
    app = add(open_build(lab), "style")
    widget(app, "pictures").set_value([item.sha256 for item in lab.store.pictures()])
    rerun(app)
    assert not wrong(app)
    assert not markdown_of(app, EVIL)


@pytest.mark.parametrize(
    ("name", "entries", "line"),
    [
        ("beta", {"low": "1e6", "high": "1e3"}, "The range runs from 1e6 down to 1000"),
        ("beta", {"low": "0"}, "A log range begins above 0, got 0"),
        ("beta", {"low": "many"}, "'many' is no number"),
        ("beta", {"low": ""}, "'' is no number"),
        ("beta", {"high": "1e13"}, "less than or equal to 1000000000000"),
        ("beta", {"low": "1e5", "high": "1e5"}, "Both ends are 1e5"),
        ("style_layers.conv2_1", {"listed": ""}, "There are no values: type some"),
        ("style_layers.conv2_1", {"listed": "0, lots"}, "'lots' is no number"),
        ("style_layers.conv2_1", {"listed": "1, 1"}, "1 stands twice"),
        ("levels", {"listed": "1, 9"}, "less than or equal to 6"),
        ("levels", {"listed": "1, two"}, "'two' is no number, nor auto"),
        ("pooling", {"picked": []}, "Choose at least one"),
    ],
)
def test_bad_entry_is_said_in_one_line_under_its_axis(
    lab: Lab, name: str, entries: dict[str, str], line: str
) -> None:
    app = enter(add(open_build(lab), name), **entries)
    (found,) = wrong(app)
    assert line in found
    assert "\n" not in found
    assert app.button(key="sweep_start").disabled
    assert "Correct what is wrong above" in summary(app)


def test_too_many_runs_are_counted_and_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_SWEEP_LIMIT", raising=False)
    app = type_axis(open_build(lab), "beta=1e3:1e6:log:100", "gamma=0:1:linear:100")
    assert "**10,000 runs** · 100 x 100 values" in summary(app)
    (found,) = wrong(app)
    assert "10,000 runs, and 200 are allowed" in found
    assert app.button(key="sweep_start").disabled
    assert "… 1e6 (100 values)" in said(app, "caption")


def test_axis_as_text_replaces_the_one_of_its_name(lab: Lab) -> None:
    app = type_axis(open_build(lab), "beta=1e3,1e4", "steps=3,5", "beta=1e3:1e6:log:4")
    assert widget(app, "form", 3).value == "Range"
    assert app.text_input(key="sweep_typed").value == ""
    assert "4 x 2 values" in summary(app)  # in its former place
    type_axis(app, "betta=1,2")
    assert wrong(app) == ["There is no setting 'betta' to vary; did you mean beta?"]
    assert app.text_input(key="sweep_typed").value == "betta=1,2"  # to be corrected
    type_axis(app, "style=nowhere.jpg,style.png")
    (found,) = wrong(app)
    assert "called 'nowhere.jpg'" in found
    type_axis(app, "")
    assert not wrong(app)


def test_list_begins_with_the_values_of_the_range(lab: Lab) -> None:
    app = add(open_build(lab), "beta")
    widget(app, "form").set_value("List")
    rerun(app)
    assert widget(app, "listed").value == "10000, 1e5, 1e6"


def test_axis_is_removed_and_brought_back_where_it_was(lab: Lab) -> None:
    app = type_axis(open_build(lab), "beta=1e3,1e4,2e4", "steps=3,5")
    click(app, "sweep_axis_1_remove")
    assert "2 values" in summary(app)
    click(app, "sweep_undo")
    assert "3 x 2 values" in summary(app)
    assert widget(app, "listed").value == "1000, 10000, 20000"
    assert not any(button.key == "sweep_undo" for button in app.button)


def test_plan_outlasts_another_page(lab: Lab) -> None:
    app = enter(add(open_build(lab), "beta"), low="wrong")
    app.selectbox(key="sweep_sampler").set_value("random")
    rerun(app)
    app.number_input(key="sweep_trials").set_value(9)
    app.session_state["elsewhere"] = True
    assert "another page" in said(rerun(app), "markdown")
    app.session_state["elsewhere"] = False
    rerun(app)
    assert widget(app, "low").value == "wrong"
    assert app.selectbox(key="sweep_sampler").value == "random"
    assert app.number_input(key="sweep_trials").value == 9
    assert "'wrong' is no number" in wrong(app)[0]


def test_replicates_are_counted_and_explained(lab: Lab) -> None:
    app = type_axis(open_build(lab), "beta=1e3,1e4,1e5", "gamma=0,1,2")
    app.number_input(key="sweep_replicates").set_value(2)
    rerun(app)
    assert "**18 runs** · 3 x 3 values, 2 replicates each" in summary(app)
    (note,) = app.info
    assert "Every seed gives the same picture" in note.value
    sweep = start(app, lab)
    assert sweep.plan.replicates == 2
    assert lab.store.count("queued") == 18


def test_base_alone_is_replicated(lab: Lab) -> None:
    app = open_build(lab, init="noise")
    assert "Nothing is varied yet" in summary(app)
    app.number_input(key="sweep_replicates").set_value(3)
    rerun(app)
    assert "**3 runs** · 3 replicates" in summary(app)
    start(app, lab)
    assert sorted(run.config.seed for run in lab.store.runs()) == [0, 1, 2]


def test_seed_and_replicates_do_not_go_together(lab: Lab) -> None:
    app = add(open_build(lab), "seed")
    app.number_input(key="sweep_replicates").set_value(2)
    rerun(app)
    assert wrong(app) == ["Replicates vary the seed already; take the axis seed away"]
    assert app.button(key="sweep_start").disabled


def test_sampler_begins_with_one_trial_a_device(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = property(lambda self: ["cuda:0", "cuda:1", "cpu"])
    monkeypatch.setattr(LocalExecutor, "devices", devices)
    app = add(open_build(lab), "beta")
    app.selectbox(key="sweep_sampler").set_value("tpe")
    rerun(app)
    assert "any value from 10000 to 1e6, log" in said(app, "caption")
    app.number_input(key="sweep_trials").set_value(5)
    app.multiselect(key="sweep_goals").set_value(["ssim", "sharpness"])
    rerun(app)
    assert wrong(app) == ["Sharpness: choose whether it is to be low or high"]
    app.button_group(key="sweep_direction_sharpness").set_value("maximise")
    rerun(app)
    assert "**5 runs** · 5 trials" in summary(app)
    sweep = start(app, lab)
    assert [str(goal) for goal in sweep.plan.goals] == ["ssim:maximise", "sharpness:maximise"]
    assert (sweep.plan.sampler, sweep.plan.trials, sweep.at_once) == ("tpe", 5, 2)
    assert sweep.plan.axes[0].count is None
    assert lab.store.count("queued") == 2


def test_sampler_between_two_goals_begins_with_two(lab: Lab) -> None:
    app = add(open_build(lab), "beta")
    app.selectbox(key="sweep_sampler").set_value("nsga2")
    rerun(app)
    assert app.multiselect(key="sweep_goals").value == ["style_distance", "content_distance"]
    assert not wrong(app)
    app.multiselect(key="sweep_goals").set_value([])
    rerun(app)
    assert wrong(app) == ["Choose two goals for the sampler to aim at"]
    assert app.button(key="sweep_start").disabled


@pytest.mark.parametrize("goal", list(GOALS))
def test_each_goal_is_explained(lab: Lab, goal: str) -> None:
    app = add(open_build(lab), "beta")
    app.selectbox(key="sweep_sampler").set_value("gp")
    rerun(app)
    app.multiselect(key="sweep_goals").set_value([goal])
    rerun(app)
    notes = [line for line in said(app, "caption").splitlines() if line.startswith("**")]
    assert len(notes) == 1
    assert len(notes[0]) > 60
    expected = GOALS[goal]
    assert app.button_group(key=f"sweep_direction_{goal}").value == expected
    if goal == "total":
        assert "the lowest weight wins" in app.info[0].value


def test_more_trials_than_combinations_are_refused(lab: Lab) -> None:
    app = type_axis(open_build(lab), "pooling=max,average")
    app.selectbox(key="sweep_sampler").set_value("random")
    rerun(app)
    assert wrong(app) == [
        "The axes have only 2 combinations: lower trials from 20 to 2, or add values"
    ]


def test_time_is_unknown_until_a_run_was_computed_here(lab: Lab) -> None:
    app = type_axis(open_build(lab), "steps=600,1200")
    assert "No run has been computed here yet, so the time is unknown" in summary(app)
    lab.submit(steps=6)
    lab.in_process()
    now = lab.store.runs(1)[0]
    lab.change(now.id, seconds=3.0, started_at=1000.0, ended_at=1003.0)
    assert "About 15 minutes on this machine, judged by your last run." in summary(rerun(app))


@pytest.mark.parametrize(
    ("content", "styles", "reason"),
    [
        (False, 1, "Choose a content image, or vary it."),
        (True, 0, "Choose a style image, or vary it."),
        (False, 0, "Choose a content image and a style image, or vary them."),
    ],
)
def test_start_says_which_picture_is_missing(
    lab: Lab, content: bool, styles: int, reason: str
) -> None:
    app = add(open_build(lab, content=content, styles=styles), "beta")
    assert reason in summary(app)
    assert app.button(key="sweep_start").disabled
    assert "**3 runs**" in summary(app)  # known all the same


def test_base_is_summed_up_and_made_small(lab: Lab) -> None:
    app = add(open_build(lab, size=512), "beta")
    line = said(app, "caption")
    assert "size 512 px, steps 6, beta 1e5, " in line
    assert "normalize_activations no; all else default" in line
    click(app, "sweep_small")
    assert "size 256 px, steps 6" in said(app, "caption")
    assert app.number_input(key="set_size").value == 256
    assert not any(button.key == "sweep_small" for button in app.button)


def test_base_that_cannot_be_keeps_the_sweep_from_starting(lab: Lab) -> None:
    app = add(open_build(lab), "beta")
    app.text_input(key="set_alpha").set_value("much")
    rerun(app)
    assert "alpha" in wrong(app)[0].lower()
    assert "The base settings do not go together" in summary(app)
    assert app.button(key="sweep_start").disabled


def test_layer_beyond_the_weights_is_refused_when_it_starts(lab: Lab) -> None:
    app = type_axis(open_build(lab), "style_layers.conv5_1=0.5,1")
    click(app, "sweep_start")
    assert "conv5_1" in wrong(app)[0]
    assert not Sweeps(lab.store).latest(1)
