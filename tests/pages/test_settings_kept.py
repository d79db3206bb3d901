"""Nothing is lost between the widgets, files, undo and the config."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from nst_core import LAYERS, StyleTransferConfig, load_image, save_image
from pages._ui import settings_state
from pages._ui.settings_state import DELIVERED_AFTER, DRAWN_AT
from tests.pages import settings_app
from tests.pages.settings_app import USUAL, open_panel, put, rerun, said, upload

FIELDS = StyleTransferConfig.model_fields


def odd_configs() -> list[StyleTransferConfig]:
    odd: list[dict[str, Any]] = [
        {},
        {"alpha": 0.37, "beta": 3.7e7, "gamma": 0},
        {"alpha": 0, "beta": 1e12, "gamma": 1e-9},
        {"beta": 0, "style_layers": {}},
        {"alpha": 0, "content_layers": {}},
        {"content_layers": {"conv3_3": 1 / 3, "conv4_2": 2.5, "conv5_1": 0}},
        {"style_layers": {"conv1_1": 1 / 3, "conv1_2": 5.5, "conv2_1": 0, "conv5_4": 1e-5}},
        {"style_layers": {"conv1_1": 1e12}},
        {"learning_rate": 0.013, "levels": 3, "seed": 2**62},
        {"learning_rate": 1e-9, "levels": 6, "seed": 2**63 - 1},
        {"init": "content", "init_mix": 0.123456789},
        {"init": "mix", "init_mix": 0.123456789},
        {"style_weights": (1, 0.25, 0)},
        {"steps": 100_000, "size": 8191, "outputs": 10, "stop_below": 1 / 3},
        {"weights": "/some where/*weights*.pth", "device": "cuda:1"},
    ]
    choices = [
        {name: choice}
        for name, field in FIELDS.items()
        for choice in get_args(field.annotation)
        if isinstance(choice, str)
    ]
    return [StyleTransferConfig(**settings) for settings in [*odd, *choices]]


def random_config(seed: int) -> StyleTransferConfig:
    draw = random.Random(seed)
    settings: dict[str, Any] = {
        name: draw.choice(choices)
        for name, field in FIELDS.items()
        if (choices := [word for word in get_args(field.annotation) if isinstance(word, str)])
    }
    for name in ("alpha", "beta", "gamma"):
        settings[name] = draw.choice([0, draw.uniform(0, 2), 10 ** draw.uniform(-6, 12)])
    for name in ("style_layers", "content_layers"):
        layers = draw.sample(LAYERS, draw.randint(1, 6))
        settings[name] = {layer: draw.choice([0.0, 1.0, 7 * draw.random()]) for layer in layers}
        settings[name][layers[0]] = draw.uniform(0.1, 3)
    settings |= {
        "gamma": settings["gamma"] or 1.0,
        "learning_rate": draw.choice(["auto", draw.uniform(0.001, 10)]),
        "levels": draw.choice(["auto", draw.randint(1, 6)]),
        "steps": draw.randint(10, 100_000),
        "size": draw.randint(32, 8192),
        "seed": draw.getrandbits(63),
        "averaging": draw.random(),
        "style_scale": draw.uniform(0.25, 4),
        "resolution_invariant": draw.random() < 0.5,
    }
    if settings["style_statistic"] == "patches":
        settings["optimizer"] = "adam"
    return StyleTransferConfig(**settings)


def test_put_settings_loses_nothing() -> None:
    app = open_panel()
    for config in [*odd_configs(), *map(random_config, range(30))]:
        assert said(put(app, config)) == config
        assert app.session_state["set_style_weights"] == config.style_weights
        # As in a browser, the widgets now send back what they hold.
        assert said(rerun(app)) == config


def test_settings_put_before_the_first_drawing_are_shown() -> None:
    config = StyleTransferConfig(beta=3.7e7, init="mix", init_mix=0.25)
    app = open_panel(put=config)
    assert said(app) == config
    assert app.text_input(key="set_beta").value == "3.7e7"
    assert [button.label for button in app.button] == ["Reset"]


def test_reset_can_be_undone_and_done_again() -> None:
    app = open_panel()
    app.number_input(key="set_steps").set_value(41)
    app.slider(key="set_style_layers_conv1_2").set_value(0.7)
    app.text_input(key="set_alpha").set_value("2.5")
    before = said(rerun(app))
    app.button(key="set_reset").click()
    assert said(rerun(app)) == USUAL
    assert app.number_input(key="set_steps").value == 200
    assert app.button(key="set_undo").label == "Undo"
    app.button(key="set_undo").click()
    assert said(rerun(app)) == before
    assert app.text_input(key="set_alpha").value == "2.5"
    assert app.button(key="set_undo").label == "Redo"
    app.button(key="set_undo").click()
    assert said(rerun(app)) == USUAL


def test_undo_brings_back_what_could_not_be_used() -> None:
    app = open_panel()
    app.text_input(key="set_beta").set_value("many")
    rerun(app)
    app.button(key="set_reset").click()
    assert said(rerun(app)) == USUAL
    app.button(key="set_undo").click()
    assert rerun(app).text_input(key="set_beta").value == "many"


def test_saved_json_restores_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []
    button = st.download_button

    def watch(label: str, data: str, **options: Any) -> bool:
        saved.append(data)
        return button(label, data, **options)

    monkeypatch.setattr(st, "download_button", watch)
    config = random_config(7)
    open_panel(put=config)
    data = saved[-1].encode()
    assert json.loads(data)["steps"] == config.steps
    app = open_panel()
    upload(app, "nst-settings.json", data)
    assert said(app) == config
    assert app.button(key="set_undo").label == "Undo"
    # Applied once: what is changed afterwards stays, though the file lies there still.
    app.number_input(key="set_steps").set_value(55)
    assert said(rerun(app)) == config.changed(steps=55)
    assert said(rerun(app)) == config.changed(steps=55)


def test_png_of_this_bench_restores_the_settings(tmp_path: Path) -> None:
    config = random_config(8)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "in.png")
    save_image(load_image(tmp_path / "in.png"), tmp_path / "out.png", config=config)
    app = upload(open_panel(), "result.png", (tmp_path / "out.png").read_bytes())
    assert said(app) == config
    assert not app.error

    upload(app, "in.png", (tmp_path / "in.png").read_bytes())
    assert "carries no settings" in app.error[0].value
    assert said(app) == config

    upload(app, "plain.json", b'{"steps": 12}')
    assert not app.error
    assert said(app) == StyleTransferConfig(steps=12)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello", "neither JSON nor a PNG"),
        (b"[1]", "holds no settings"),
        (b'{"steps": -5}', "steps\\: must be greater"),
        (b'{"step": 5}', "there is no setting 'step'"),
        (b'{"style_layers": {"conv9_9": 1}}', "no layer 'conv9\\_9'"),
        (b"\x89PNG\r\n\x1a\n", "damaged or cut short"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"", "neither JSON nor a PNG"),
    ],
)
def test_bad_file_is_refused_in_words_and_changes_nothing(data: bytes, reason: str) -> None:
    app = open_panel()
    app.number_input(key="set_steps").set_value(41)
    rerun(app)
    upload(app, "![x](http://evil.example/a.png).json", data)
    (error,) = app.error
    assert reason in error.value
    assert "\\!\\[x\\]\\(http\\:\u2060//evil.example/a.png\\)" in error.value
    assert "/tmp" not in error.value
    assert said(app) == USUAL.changed(steps=41)
    assert [button.label for button in app.button] == ["Reset"]


def test_settings_outlast_a_change_of_page(tmp_path: Path) -> None:
    source = Path(settings_app.__file__).read_text(encoding="utf-8")
    body = source[source.index("def panel()") : source.index("def open_panel")]
    (tmp_path / "pages").mkdir()
    (tmp_path / "first.py").write_text(body + "\npanel()\n", encoding="utf-8")
    other = "import streamlit as st\nst.title('Other')\n"
    (tmp_path / "pages" / "other.py").write_text(other, encoding="utf-8")
    app = rerun(AppTest.from_file(str(tmp_path / "first.py"), default_timeout=60))
    app.number_input(key="set_steps").set_value(41)
    app.text_input(key="set_beta").set_value("3.7e7")
    app.slider(key="set_style_layers_conv1_2").set_value(0.7)
    before = said(rerun(app))
    assert rerun(app.switch_page("pages/other.py")).title[0].value == "Other"
    rerun(app.switch_page("first.py"))
    assert said(app) == before
    assert app.number_input(key="set_steps").value == 41
    assert said(rerun(app)) == before


def is_told(app: AppTest) -> bool:
    """Say whether the page told the browser what its widgets hold."""
    told = {app.text_input(key="set_beta").proto.set_value}
    told |= {app.select_slider(key="set_beta_log").proto.set_value}
    told |= {app.number_input(key="set_steps").proto.set_value}
    (answer,) = told
    return bool(answer)


def test_widgets_are_told_their_values_until_the_browser_must_have_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(settings_state, "monotonic", lambda: now)
    app = put(open_panel(), StyleTransferConfig(beta=3.7e7, steps=41))
    now += DELIVERED_AFTER / 2
    assert is_told(rerun(app)), "the page before may not have been sent"
    now += DELIVERED_AFTER + 0.1
    assert not is_told(rerun(app)), "a hand may be moving them"
    now += DELIVERED_AFTER + 0.1
    del app.session_state[DRAWN_AT]  # the page before was not drawn to its end
    assert is_told(rerun(app))
    assert said(app) == StyleTransferConfig(beta=3.7e7, steps=41)
