"""Several styles: their weights, and what a run brings back."""

from __future__ import annotations

import json

from nst_core import RunInput, StoredPicture, StyleTransferConfig, submit_run
from tests.lab import SMALL, Lab, picture_bytes
from tests.pages.bench import click, download, drop, drop_key, keys, open_stylize, rerun, said
from tests.pages.inputs import (
    LAKE,
    MASK,
    PHOTO,
    WAVES,
    blends,
    loaded,
    names,
    run_now,
    style_buttons,
    with_pictures,
)


def test_blend_weights_come_with_a_second_style_and_reach_the_run(lab: Lab) -> None:
    app = loaded(with_pictures())
    assert not blends(app)
    drop(app, "upload_style", WAVES, "waves.png")
    first, second = blends(app)
    assert lab.run(run_now(app, lab)).config.style_weights == ()  # equal shares
    app.number_input(key=second).set_value(0.25)
    run = lab.run(run_now(rerun(app), lab))
    assert run.config.style_weights == (1, 0.25)
    assert [style.name for style in run.styles] == ["style-0.png", "waves.png"]
    click(app, style_buttons(app, "remove_style_")[0])
    assert not blends(app)
    run = lab.run(run_now(app, lab))
    assert (run.config.style_weights, [s.name for s in run.styles]) == ((), ["waves.png"])
    assert first != second


def test_blend_of_nothing_is_refused(lab: Lab) -> None:
    app = loaded(with_pictures(LAKE, WAVES))
    for key in blends(app):
        app.number_input(key=key).set_value(0.0)
    rerun(app)
    assert "raise one" in said(app, "error")
    assert app.button(key="run").disabled


def test_loaded_settings_bring_their_blend(lab: Lab) -> None:
    app = loaded(with_pictures(LAKE, WAVES), style_weights=[1, 3])
    assert [app.number_input(key=key).value for key in blends(app)] == [1, 3]
    assert lab.run(run_now(app, lab)).config.style_weights == (1, 3)


def test_four_styles_are_the_most(lab: Lab) -> None:
    app = with_pictures(LAKE, WAVES, MASK, PHOTO)
    assert len(blends(app)) == 4
    assert "pick_style" not in keys(app)
    click(app, style_buttons(app, "remove_style_")[1])
    assert names(app) == ["mine.png", "style-0.png", "style-2.png", "style-3.png"]
    assert "pick_style" in keys(app)


def blended(lab: Lab, *weights: float) -> int:
    """Queue a run of as many styles, with a mask for the last."""
    styles = [
        lab.store.add_picture(picture_bytes(20 + k), f"s{k}.png") for k in range(len(weights))
    ]
    masks: list[StoredPicture | None] = [None] * len(styles)
    masks[-1] = lab.store.add_picture(MASK, "mask.png")
    config = StyleTransferConfig(**SMALL, style_weights=weights)
    return submit_run(lab.store, config, lab.content, styles, style_masks=masks)


def test_reload_brings_back_styles_weights_and_masks(lab: Lab) -> None:
    run_id = blended(lab, 2, 0.5)
    app = open_stylize(run=str(run_id))
    assert names(app) == ["photo.png", "s0.png", "s1.png"]
    assert [app.number_input(key=key).value for key in blends(app)] == [2, 0.5]
    again = lab.run(run_now(app, lab))
    assert again.inputs == lab.run(run_id).inputs
    assert again.config == lab.run(run_id).config
    assert RunInput("style mask", 1, again.inputs[-1].sha256, "mask.png") in again.inputs


def test_style_from_the_samples_joins_those_of_a_run(lab: Lab) -> None:
    app = open_stylize(run=str(blended(lab, 2, 0.5)))
    click(app, "pick_style")
    click(app, "pick_style", "take_0")
    assert names(app) == ["photo.png", "s0.png", "s1.png", "alpine_engraving.jpg"]
    assert [app.number_input(key=key).value for key in blends(app)] == [2, 0.5, 1]


def test_fork_brings_the_weights_of_its_run(lab: Lab) -> None:
    first, second = blended(lab, 1, 3), blended(lab, 5, 1)
    app = open_stylize(run=str(first))
    app.query_params["run"] = str(second)
    click(rerun(app), "fork_settings")
    assert [app.number_input(key=key).value for key in blends(app)] == [5, 1]
    assert lab.run(run_now(app, lab)).config.style_weights == (5, 1)


def test_settings_are_saved_with_the_blend(lab: Lab) -> None:
    app = open_stylize(run=str(blended(lab, 2, 0.5)))
    assert json.loads(download(app, "set_save").data)["style_weights"] == [2, 0.5]
    assert drop_key(app, "upload_content").startswith("upload_content_")
