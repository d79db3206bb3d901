"""What a person sees and does on the page that gives a picture the style of others."""

from __future__ import annotations

import pytest

from nst_core import LocalExecutor, StyleTransferConfig
from tests.lab import SMALL, Lab, picture_bytes
from tests.pages.bench import (
    EVIL,
    click,
    drop,
    images,
    keys,
    markdown_of,
    open_stylize,
    rerun,
    said,
)
from tests.pages.inputs import LAKE, PHOTO, loaded, names, run_now, style_buttons, with_pictures


def test_first_visit_says_what_to_do(newcomer: Lab) -> None:
    app = open_stylize()
    assert "What comes out appears here" in said(app)
    assert "press **Run**" in said(app)
    assert app.button(key="run").disabled
    reason = "Choose a content image and at least one style image."
    assert reason in said(app, "caption")
    assert app.button(key="run").help == reason
    assert (
        "Network weights: VGG-19 trained on synthetic textures (ships with NST Lab), since"
        in said(app, "caption")
    )
    assert [link.value for link in app.page_link][:2] == ["Home", "Stylize"]
    assert not images(app)
    assert not app.error


def test_what_is_missing_is_said(lab: Lab) -> None:
    app = drop(open_stylize(), "upload_style", LAKE)
    assert app.button(key="run").disabled
    assert "Choose a content image and at least one style image." in said(app)
    click(app, style_buttons(app, "remove_style_")[0])
    drop(app, "upload_content", PHOTO)
    assert app.button(key="run").disabled
    assert "Choose at least one style image." in said(app)
    drop(app, "upload_style", LAKE)
    assert not app.button(key="run").disabled
    assert "Choose" not in said(app, "caption")


def test_run_is_queued_with_its_pictures_and_settings(lab: Lab, woken: list[LocalExecutor]) -> None:
    app = loaded(with_pictures(), steps=5)
    app.text_input(key="set_seed").set_value("7")
    run = lab.run(run_now(rerun(app), lab))
    assert run.state == "queued"
    assert run.config == StyleTransferConfig(**SMALL | {"steps": 5, "seed": 7})
    named = [(item.role, item.name, lab.store.read(item.sha256)) for item in run.inputs]
    assert named == [("content", "mine.png", PHOTO), ("style", "style-0.png", LAKE)]
    assert run.parent_id is None
    assert app.query_params == {"run": str(run.id)}
    assert f"Run {run.id}: mine in style-0" in said(app, "subheader")
    assert woken
    # What was chosen stays, for the next run
    assert names(app) == ["mine.png", "style-0.png"]
    assert run_now(app, lab) == run.id + 1


def test_first_run_takes_the_defaults_that_the_weights_allow(lab: Lab) -> None:
    run = lab.run(run_now(with_pictures(), lab))
    assert dict(run.config.style_layers) == {"conv1_1": 0.2, "conv2_1": 0.2}
    assert run.config.steps == StyleTransferConfig().steps


def test_settings_that_do_not_go_together_are_said_and_nothing_runs(lab: Lab) -> None:
    app = loaded(with_pictures())
    app.slider(key="set_outputs").set_value(8)
    rerun(app)
    assert "8 outputs need at least as many steps, got 6" in said(app, "error")
    assert app.button(key="run").disabled
    app.slider(key="set_outputs").set_value(2)
    assert lab.run(run_now(rerun(app), lab)).config.outputs == 2


def test_layer_that_the_weights_lack_is_said_on_run(lab: Lab) -> None:
    app = loaded(with_pictures(), content_layers={"conv4_2": 1.0})
    assert "Not in the network weights in use: conv4_2" in said(app, "warning")
    click(app, "run")
    assert "conv4_2" in said(app, "error")
    assert lab.store.count() == 0
    assert not app.query_params


def test_weights_that_are_not_here_are_said_once(lab: Lab) -> None:
    app = loaded(with_pictures(), weights="imagenet")
    assert "ImageNet's weights are not on this machine" in said(app, "error")
    assert len(app.error) == 1
    click(app, "run")
    assert "ImageNet's weights are not on this machine" in said(app, "error")
    assert lab.store.count() == 0


def test_what_a_run_takes_of_memory_is_said_before_it_begins(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = with_pictures()
    app.number_input(key="set_size").set_value(256)
    assert "A run of this size takes about 1.0 GB of memory." in said(rerun(app), "caption")
    monkeypatch.setenv("NST_MEMORY", "0.01")
    (warning,) = (found.value for found in rerun(app).warning)
    assert "strip by strip, where 0.9 GB may be taken: lower the size" in warning
    monkeypatch.setenv("NST_MEMORY", "much")
    assert "A run of this size" not in said(rerun(app))


def test_picture_that_would_be_too_thin_is_said_on_run(lab: Lab) -> None:
    app = drop(loaded(with_pictures()), "upload_content", picture_bytes(1, 20, 200), "thin.png")
    click(app, "run")
    assert "A picture of 200 x 20 px would be 32 x 3 px at size 32" in said(app, "error")
    assert lab.store.count() == 0
    app.number_input(key="set_size").set_value(200)
    assert run_now(rerun(app), lab)


@pytest.mark.parametrize(
    ("limit", "words"), [("1", "1 of 1 places are taken"), ("many", "NST_QUEUE_LIMIT must be")]
)
def test_full_queue_is_said_on_run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    lab.submit()
    monkeypatch.setenv("NST_QUEUE_LIMIT", limit)
    app = click(loaded(with_pictures()), "run")
    assert words in said(app, "error")
    assert lab.store.count() == 1
    monkeypatch.delenv("NST_QUEUE_LIMIT")
    run_now(app, lab)


def test_picture_that_went_with_another_run_is_said_on_run(lab: Lab) -> None:
    run_id = lab.submit()
    app = open_stylize(run=str(run_id))
    lab.queue.cancel(run_id)
    lab.store.delete_run(run_id)  # in another tab, and its pictures with it
    click(app, "run")
    assert "is not in the store any more; choose it again" in said(app, "error")
    assert "not there any more" in said(app, "caption")


# Addresses


@pytest.mark.parametrize("number", ["999", "0", "abc", "-1", "", "1.5", "²", "9" * 30, EVIL])
def test_address_of_no_run_is_said_over_the_overview(lab: Lab, number: str) -> None:
    run_id = lab.submit()
    app = open_stylize(run=number)
    (error,) = app.error
    assert "run" in error.value
    assert not markdown_of(app, EVIL)
    assert f"latest_{run_id}" in keys(app)
    assert app.button(key="run").disabled
    # and from there to what there is
    click(app, f"latest_{run_id}")
    assert app.query_params == {"run": str(run_id)}
    assert not app.error


def test_overview_lists_the_latest_runs_and_what_waits(lab: Lab) -> None:
    ids = [lab.submit() for _ in range(13)]
    lab.change(ids[0], state="done")
    app = open_stylize()
    assert [key for key in keys(app) if key.startswith("latest_")] == [
        f"latest_{run_id}" for run_id in reversed(ids[1:])
    ]
    assert [key for key in keys(app) if key.startswith("open_")] == [
        f"open_{run_id}" for run_id in ids[1:9]
    ]
    assert "and 4 more" in said(app, "caption")


def test_reload_brings_back_pictures_and_settings(lab: Lab) -> None:
    run_id = lab.submit(steps=11, seed=3, beta=3.7e7)
    app = open_stylize(run=str(run_id))
    assert names(app) == ["photo.png", "style.png"]
    assert app.number_input(key="set_steps").value == 11
    assert app.text_input(key="set_beta").value == "3.7e7"
    again = lab.run(run_now(app, lab))
    assert (again.config, again.inputs) == (lab.run(run_id).config, lab.run(run_id).inputs)


def test_run_that_is_opened_leaves_what_was_chosen(lab: Lab) -> None:
    run_id = lab.submit(steps=11)
    app = loaded(with_pictures(), steps=5)
    click(app, f"latest_{run_id}")
    assert names(app) == ["mine.png", "style-0.png"]
    assert app.number_input(key="set_steps").value == 5


def test_all_runs_leads_back_to_the_overview(lab: Lab) -> None:
    run_id = lab.submit()
    app = click(open_stylize(run=str(run_id)), "all_runs")
    assert not app.query_params
    assert f"latest_{run_id}" in keys(app)
    assert names(app) == ["photo.png", "style.png"]
