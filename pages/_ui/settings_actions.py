"""Reset, undo, save and load: the row above the settings."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from nst_core import ConfigError, StyleTransferConfig, load_config
from pages._ui.errors import plain, show_error
from pages._ui.settings_state import (
    former_word,
    is_default,
    put_settings,
    swap_former,
    usual_settings,
)

LOADED = "set_loaded"
REFUSED = "set_refused"


def draw_actions(layers: Sequence[str], config: StyleTransferConfig | None) -> None:
    """Draw the row; ``config`` is what Save writes, None where the settings cannot be used."""
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            "Reset",
            key="set_reset",
            help="Back to the defaults; can be undone.",
            disabled=is_default(layers),
            on_click=_reset,
            args=(tuple(layers),),
        )
        st.download_button(
            "Save",
            config.model_dump_json(indent=2) if config else "",
            file_name="nst-settings.json",
            mime="application/json",
            key="set_save",
            help="These settings as a JSON file.",
            disabled=config is None,
            on_click="ignore",
        )
        with st.popover("Load"):
            _draw_uploader()
        # Last, so that its coming does not move the popover, which would close and lose its file.
        if word := former_word():
            st.button(word, key="set_undo", on_click=swap_former)


def _draw_uploader() -> None:
    st.file_uploader(
        "Settings as JSON, or a PNG that this bench wrote",
        type=["json", "png"],
        key="set_file",
        on_change=_load,
    )
    if error := st.session_state.get(REFUSED):
        show_error(error)
    elif name := st.session_state.get(LOADED):
        st.caption(f"Loaded {plain(name)}.")


def _reset(layers: Sequence[str]) -> None:
    put_settings(usual_settings(layers))
    _forget_file()


def _forget_file() -> None:
    for key in (LOADED, REFUSED):
        st.session_state.pop(key, None)


def _load() -> None:
    """Apply an uploaded file, once: a callback runs when the file changes, not at each rerun."""
    _forget_file()
    file = st.session_state["set_file"]
    if file is None:
        return
    try:
        put_settings(_read_file(file.name, file.getvalue()))
    except ConfigError as error:
        st.session_state[REFUSED] = error
    else:
        st.session_state[LOADED] = file.name


def _read_file(name: str, data: bytes) -> StyleTransferConfig:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings"
        path.write_bytes(data)
        try:
            return load_config(path)
        except ConfigError as error:
            # The person knows the file by the name it was uploaded with.
            raise type(error)(str(error).replace(str(path), name)) from None
        except RecursionError:
            raise ConfigError(f"{name}: nested too deeply to be settings") from None
