"""The viewer: two pictures with one zoom, a wipe, a blink; a component of our own."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Literal, NamedTuple

import streamlit as st

Mode = Literal["side", "wipe", "blink", "single"]
_FOLDER = Path(__file__).parent


class View(NamedTuple):
    """A picture as the viewer shows it.

    Attributes:
        data: its bytes, in a format that browsers read.
        mime: the format, such as ``"image/png"``.
        width, height: of the picture itself in px, which ``data`` may be smaller than.
        label: what stands on it.
    """

    data: bytes
    mime: str
    width: int
    height: int
    label: str


_viewer = st.components.v2.component(
    "nst_viewer",
    html='<div class="viewer"></div>',
    css=(_FOLDER / "viewer.css").read_text("utf-8"),
    js=(_FOLDER / "viewer.js").read_text("utf-8"),
)


def viewer(mode: Mode, a: View, b: View | None = None, *, key: str) -> None:
    """Show ``a`` beside ``b``, under a wipe, blinking; or ``a`` alone."""
    _viewer(key=key, data={"mode": mode, "a": _side(a), "b": _side(b) if b else None})


def _side(view: View) -> dict[str, str | int]:
    source = f"data:{view.mime};base64,{base64.b64encode(view.data).decode('ascii')}"
    return {"src": source, "label": view.label, "width": view.width, "height": view.height}
