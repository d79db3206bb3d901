"""What a person sees of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from pydantic import Field

from nst_core import LAYERS, StyleTransferConfig, config, defaults, exact_number
from pages._ui import settings_fields, settings_state
from pages._ui.settings_fields import LABELS, WORDS, catalogue
from pages._ui.settings_layers import PRESETS, preset
from tests.conftest import random_state_dict
from tests.pages.settings_app import USUAL, keys, open_panel, put, rerun, said

FIELDS = StyleTransferConfig.model_fields
SHORT = LAYERS[: LAYERS.index("conv3_4") + 1]


def test_panel_shows_the_defaults_of_the_config() -> None:
    app = open_panel()
    assert said(app) == USUAL
    assert USUAL.changed(content_layers="conv4_2", style_statistic="gram") == StyleTransferConfig()
    assert [tab.label for tab in app.tabs] == ["Balance", "Layers", "Run", "Advanced"]
    assert app.text_input(key="set_beta").value == "1e8"
    assert app.select_slider(key="set_beta_log").value == 1e8
    assert app.number_input(key="set_steps").value == FIELDS["steps"].default
    assert app.number_input(key="set_learning_rate").value is None
    assert app.number_input(key="set_learning_rate").placeholder == "auto"
    assert app.slider(key="set_style_layers_conv1_1").value == 0.2
    assert app.multiselect(key="set_content_layers").value == ["conv3_1"]
    caption, other = app.tabs[1].caption
    assert "have no part in the style statistic “Patches of pixels”, which these" in other.value
    assert "kept better by conv3_1, which is the default here in place of conv4_2" in caption.value
    assert app.button_group(key="set_preset").value == "paper"
    assert app.button(key="set_reset").disabled
    assert [button.label for button in app.button] == ["Reset"]


def test_every_setting_has_a_widget_with_its_help_and_limits() -> None:
    app = open_panel()
    found = keys(app)
    shown = set(FIELDS) - {"style_weights", "style_layers", "init_mix"}
    assert {f"set_{name}" for name in shown} <= found
    assert {f"set_style_layers_{layer}" for layer in LAYERS} <= found
    assert "set_init_mix" not in found
    steps = app.number_input(key="set_steps")
    assert (steps.min, steps.max) == (1, 100_000)
    assert "Optimiser steps" in steps.help
    assert app.slider(key="set_outputs").max == 10
    assert "Luminance only (YIQ)" in app.selectbox(key="set_color_before").options

    app.selectbox(key="set_init").set_value("mix")
    assert "set_init_mix" in keys(rerun(app))


def test_new_setting_appears_under_advanced_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wider(StyleTransferConfig):
        sharpen: bool = False
        clip_limit: float = Field(0.5, ge=0, le=2)
        tile: int | Literal["auto"] = "auto"
        mood: Literal["calm", "wild"] = "calm"
        gammas: tuple[float, ...] = (1.0,)

    for module in (config, defaults, settings_fields, settings_state):
        monkeypatch.setattr(module, "StyleTransferConfig", Wider)
    app = open_panel()
    advanced = app.tabs[3]
    assert "Sharpen" in [toggle.label for toggle in advanced.toggle]
    assert "Clip limit" in [box.label for box in advanced.number_input]
    assert "Mood" in [box.label for box in advanced.selectbox]
    assert {"Tile", "Gammas"} <= {box.label for box in advanced.text_input}
    wanted = Wider(sharpen=True, clip_limit=1 / 3, tile=7, mood="wild", gammas=(1, 2.5))
    assert said(put(app, wanted)) == wanted
    assert said(rerun(app)) == wanted
    app.text_input(key="set_gammas").set_value("[3, 4]")
    assert said(rerun(app)).model_dump()["gammas"] == (3, 4)
    app.text_input(key="set_gammas").set_value("[3, ")
    assert "Gammas" in rerun(app).error[0].value


def test_labels_and_words_name_what_the_config_has() -> None:
    choices = {choice for setting in catalogue().values() for choice in setting.choices}
    assert set(LABELS) <= set(FIELDS)
    assert set(WORDS) <= choices
    assert {setting.shape for setting in catalogue().values() if setting.choices} == {"choice"}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (10, "10"),
        (0.013, "0.013"),
        (1e8, "1e8"),
        (3.7e7, "3.7e7"),
        (123456789.5, "1.234567895e8"),
        (-2.5e-7, "-2.5e-7"),
        (1e12, "1e12"),
        (2**62, "4611686018427387904"),
    ],
)
def test_exact_number_reads_back_the_same(number: float, text: str) -> None:
    assert exact_number(number) == text
    assert float(text) == number


def test_slider_and_exact_number_stay_in_step() -> None:
    app = open_panel()
    app.text_input(key="set_beta").set_value("37 000 000")
    rerun(app)
    assert said(app).beta == 3.7e7
    assert app.text_input(key="set_beta").value == "3.7e7"
    assert app.select_slider(key="set_beta_log").value == 4e7
    assert said(rerun(app)).beta == 3.7e7
    app.select_slider(key="set_beta_log").set_value(2e5)
    rerun(app)
    assert said(app).beta == 2e5
    assert app.text_input(key="set_beta").value == "2e5"
    app.select_slider(key="set_beta_log").set_value(0.0)
    assert said(rerun(app)).beta == 0


@pytest.mark.parametrize("entry", ["many", "1e400", "nan", "-1", ""])
def test_entry_that_is_no_weight_is_named_and_kept(entry: str) -> None:
    app = open_panel()
    app.text_input(key="set_beta").set_value(entry)
    rerun(app)
    assert app.session_state["config"] is None
    assert app.error[0].value.startswith("Beta\\: must be")
    assert app.text_input(key="set_beta").value == entry
    assert app.download_button[0].proto.disabled
    app.text_input(key="set_beta").set_value("5")
    assert said(rerun(app)).beta == 5


def test_bad_combination_is_raised_with_all_widgets_drawn() -> None:
    app = open_panel()
    drawn = keys(app)
    app.slider(key="set_outputs").set_value(8)
    app.number_input(key="set_steps").set_value(4)
    rerun(app)
    assert "8 outputs need at least as many steps, got 4" in app.error[0].value
    assert keys(app) == drawn


def test_emptied_number_means_auto_or_what_it_was() -> None:
    app = open_panel(put=StyleTransferConfig(learning_rate=0.013, steps=77))
    app.number_input(key="set_learning_rate").set_value(None)
    app.number_input(key="set_steps").set_value(None)
    rerun(app)
    assert said(app) == StyleTransferConfig(steps=77)
    assert app.number_input(key="set_steps").value == 77


@pytest.mark.parametrize("layers", [LAYERS, SHORT])
@pytest.mark.parametrize("name", PRESETS)
def test_preset_sets_the_sliders(name: str, layers: tuple[str, ...]) -> None:
    app = open_panel(layers=layers)
    app.slider(key="set_style_layers_conv1_2").set_value(0.6)
    rerun(app)
    assert app.button_group(key="set_preset").value is None
    app.button_group(key="set_preset").set_value(name)
    rerun(app)
    shares = preset(name, layers)
    assert said(app).style_layers == tuple(shares.items())
    assert app.button_group(key="set_preset").value == name
    for layer in layers:
        assert app.slider(key=f"set_style_layers_{layer}").value == shares.get(layer, 0)
    assert dict(said(app).style_layers).keys() <= set(layers)


def test_presets_are_what_they_are_called() -> None:
    assert preset("paper", LAYERS) == dict(StyleTransferConfig().style_layers)
    assert preset("shallow", LAYERS) == {"conv1_1": 0.5, "conv2_1": 0.5}
    assert preset("deep", LAYERS) == {"conv4_1": 0.5, "conv5_1": 0.5}
    assert preset("equal", LAYERS) == dict.fromkeys(LAYERS, 1 / 16)
    assert preset("deep", SHORT) == {"conv2_1": 0.5, "conv3_1": 0.5}


def test_layer_weights_follow_their_sliders() -> None:
    app = open_panel()
    app.slider(key="set_style_layers_conv1_1").set_value(0.0)
    app.slider(key="set_style_layers_conv5_4").set_value(0.75)
    app.multiselect(key="set_content_layers").set_value(["conv2_2", "conv4_2"])
    rerun(app)
    assert "conv1_1" not in dict(said(app).style_layers)
    assert dict(said(app).style_layers)["conv5_4"] == 0.75
    app.slider(key="set_content_layers_conv2_2").set_value(0.3)
    assert said(rerun(app)).content_layers == (("conv2_2", 0.3), ("conv4_2", 1.0))
    app.multiselect(key="set_content_layers").set_value(["conv1_1", "conv2_2"])
    assert said(rerun(app)).content_layers == (("conv1_1", 1.0), ("conv2_2", 0.3))
    app.multiselect(key="set_content_layers").set_value([])
    assert "layers has no layer with a weight above 0" in rerun(app).error[0].value


def test_slider_of_a_weight_above_one_reaches_it_and_comes_down() -> None:
    app = open_panel(put=StyleTransferConfig(style_layers={"conv1_1": 5.5, "conv2_1": 0.2}))
    slider = app.slider(key="set_style_layers_conv1_1")
    assert (slider.value, slider.max) == (5.5, 5.5)
    slider.set_value(0.4)
    rerun(app)
    assert said(app).style_layers == (("conv1_1", 0.4), ("conv2_1", 0.2))
    assert app.slider(key="set_style_layers_conv1_1").max == 5.5
    # A reset changes the sliders' range, and not the value of those that stay at 0.2.
    app.button(key="set_reset").click()
    rerun(app)
    assert app.slider(key="set_style_layers_conv2_1").max == 1
    assert app.slider(key="set_style_layers_conv2_1").value == 0.2
    assert said(rerun(app)) == USUAL


def test_usual_settings_follow_the_weights_that_came_and_can_be_had_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_panel()
    app.number_input(key="set_steps").set_value(9)
    assert said(rerun(app)) == USUAL.changed(steps=9)
    torch.save(random_state_dict(), tmp_path / "full.pth")
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path / "full.pth"))
    assert said(rerun(app)) == StyleTransferConfig(steps=9)
    assert not app.tabs[1].caption
    (undo,) = [button for button in app.button if button.label == "Undo"]
    undo.click()
    assert said(rerun(app)) == USUAL.changed(steps=9)
    assert "have no part in" in app.tabs[1].caption[0].value
    assert said(rerun(app)) == USUAL.changed(steps=9)


def test_what_was_chosen_stays_when_other_weights_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = USUAL.changed(content_layers="conv2_2", style_statistic="covariance")
    app = open_panel(put=chosen)
    torch.save(random_state_dict(), tmp_path / "full.pth")
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path / "full.pth"))
    assert said(rerun(app)) == chosen


def test_layers_that_end_early_limit_the_offer_and_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(random_state_dict(SHORT), tmp_path / "short.pth")
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path / "short.pth"))
    app = open_panel(layers=SHORT)
    assert said(app).style_layers == (("conv1_1", 0.2), ("conv2_1", 0.2), ("conv3_1", 0.2))
    assert said(app).content_layers == (("conv3_4", 1.0),)
    assert "set_style_layers_conv4_1" not in keys(app)
    assert app.multiselect(key="set_content_layers").options == list(SHORT)
    caption = app.tabs[1].caption[0]
    assert "end at conv3_4" in caption.value
    assert app.button(key="set_reset").disabled
    app.number_input(key="set_steps").set_value(9)
    rerun(app)
    app.button(key="set_reset").click()
    assert said(rerun(app)).content_layers == (("conv3_4", 1.0),)
    assert not open_panel().tabs[1].caption  # the network's layers are all on offer


def test_loaded_layers_that_are_not_on_offer_are_shown_and_marked() -> None:
    config = StyleTransferConfig(style_layers={"conv1_1": 1, "conv5_1": 0.4})
    app = open_panel(layers=SHORT, put=config)
    assert said(app) == config
    assert "conv4_2, conv5_1" in app.warning[0].value
    slider = app.slider(key="set_style_layers_conv5_1")
    assert "warning" in slider.label
    slider.set_value(0.0)
    app.multiselect(key="set_content_layers").set_value(["conv3_1"])
    rerun(app)
    assert not app.warning
    assert "set_style_layers_conv5_1" not in keys(app)
    assert said(app).content_layers == (("conv3_1", 1.0),)
