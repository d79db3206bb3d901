"""The settings of a run as widgets: what the config says, in four tabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from nst_core import ConfigError, StyleTransferConfig
from pages._ui.settings_actions import draw_actions
from pages._ui.settings_fields import catalogue
from pages._ui.settings_layers import draw_layers
from pages._ui.settings_state import LAYER_FIELDS, begin, end, put_settings, read, values
from pages._ui.settings_widgets import draw, draw_log

__all__ = ["put_settings", "settings_panel"]

BALANCE = ("alpha", "beta", "gamma")
RUN = (
    "steps",
    "size",
    "outputs",
    "seed",
    "optimizer",
    "learning_rate",
    "lr_schedule",
    "init",
    "init_mix",
    "color_before",
)
ELSEWHERE = {*BALANCE, *RUN, *LAYER_FIELDS, "style_weights"}
"""What Advanced leaves out; a new setting of the config is there by itself."""


def settings_panel(layers: Sequence[str]) -> StyleTransferConfig:
    """Draw the settings and return what they say.

    Args:
        layers: the names that the network weights in use have; no other layer is offered. Layers
            that a loaded file weighs all the same are shown with a mark.

    Raises:
        ConfigError: the settings do not go together; all widgets are drawn before that.
    """
    begin(layers)
    outcome: StyleTransferConfig | ConfigError
    try:
        outcome = read()
    except ConfigError as error:
        outcome = error
    draw_actions(layers, outcome if isinstance(outcome, StyleTransferConfig) else None)
    balance, network, run, advanced = st.tabs(["Balance", "Layers", "Run", "Advanced"])
    with balance:
        for name in BALANCE:
            draw_log(name)
    with network:
        draw_layers(layers)
    with run:
        _draw_run()
    with advanced:
        _draw_rest()
    end()
    if isinstance(outcome, ConfigError):
        raise outcome
    return outcome


def _draw_run() -> None:
    *short, wide = RUN
    _draw_grid(name for name in short if name != "init_mix" or values()["init"] == "mix")
    draw(wide)


def _draw_rest() -> None:
    rest = [setting for setting in catalogue().values() if setting.name not in ELSEWHERE]
    _draw_grid(setting.name for setting in rest if setting.shape != "switch")
    with st.container(horizontal=True):
        for setting in rest:
            if setting.shape == "switch":
                draw(setting.name)


def _draw_grid(names: Iterable[str]) -> None:
    """Draw settings two in a row: three would clip the numbers in a narrow column."""
    left = list(names)
    while left:
        pair, left = left[:2], left[2:]
        for column, name in zip(st.columns(2, vertical_alignment="bottom"), pair, strict=False):
            with column:
                draw(name)
