"""A page with nothing but the settings, and what a person does to it."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from nst_core import LAYERS, StyleTransferConfig, default_config

USUAL = default_config(LAYERS, "textures")
"""The defaults with the weights that ship, which are in use here."""


def panel() -> None:
    import streamlit as st

    from nst_core import LAYERS, ConfigError
    from pages._ui.errors import show_error
    from pages._ui.settings import put_settings, settings_panel

    if "put" in st.session_state:
        put_settings(st.session_state.pop("put"))
    st.session_state["config"] = None
    try:
        st.session_state["config"] = settings_panel(st.session_state.get("layers", LAYERS))
    except ConfigError as error:
        show_error(error)


def open_panel(**state: Any) -> AppTest:
    app = AppTest.from_function(panel, default_timeout=60)
    for key, value in state.items():
        app.session_state[key] = value
    return rerun(app)


def rerun(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> StyleTransferConfig:
    config = app.session_state["config"]
    assert isinstance(config, StyleTransferConfig), [error.value for error in app.error]
    return config


def keys(app: AppTest) -> set[str]:
    kinds = ("text_input", "number_input", "slider", "select_slider", "selectbox", "toggle")
    widgets = [widget for kind in kinds for widget in getattr(app, kind)]
    return {widget.key for widget in [*widgets, *app.multiselect, *app.button_group]}


def put(app: AppTest, config: StyleTransferConfig) -> AppTest:
    app.session_state["put"] = config
    return rerun(app)


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    app.file_uploader(key="set_file").upload(name, data)
    return rerun(app)
