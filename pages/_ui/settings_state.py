"""The settings of this session, kept apart from the widgets that show them.

Widgets round, clamp and vanish; what a file or a run said must not. So the values live under one
key of the session, each widget is set from them before it is drawn, and writes into them only
when a person moves it. That outlasts a change of page without the widgets' help.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

import streamlit as st

from nst_core import NSTError, StyleTransferConfig, default_config, weights_in_use

VALUES = "set_values"
STYLE_WEIGHTS = "set_style_weights"
FORMER = "set_former"
SHAPES = "set_shapes"
DRAWN_AT = "set_drawn_at"
KNOWN = "set_known"
IN_USE = "set_in_use"
DELIVERED_AFTER = 2.0
"""Seconds after which the browser has what was drawn, unless the script was begun anew before."""
LAYER_FIELDS = ("content_layers", "style_layers")


def values() -> dict[str, Any]:
    """Return the session's settings by name, ``style_weights`` aside; layers as dictionaries."""
    found: dict[str, Any] = st.session_state[VALUES]
    return found


def settle(name: str, value: Any) -> None:
    """Keep ``value`` as the setting ``name``."""
    values()[name] = value


def chosen_weights() -> str:
    """Return the weights that the settings name; before they are drawn first, the default."""
    return str(st.session_state.get(VALUES, {}).get("weights", "auto"))


def usual_settings(layers: Sequence[str]) -> StyleTransferConfig:
    """Return the defaults with the weights that the session names, kept to ``layers``."""
    return default_config(layers, _name_in_use())


def _name_in_use() -> str:
    try:
        return weights_in_use(chosen_weights()).name
    except NSTError:  # said elsewhere
        return ""


def begin(layers: Sequence[str]) -> None:
    """Give a new session its defaults; a session that has settings keeps them.

    What was drawn a moment ago, or not to the end, may never have reached the browser: Streamlit
    drops what waits to be sent when a script begins anew. The browser would show a widget that it
    does not know at its lowest value, and send that back with the next click.
    """
    drawn_at = st.session_state.pop(DRAWN_AT, None)
    known = drawn_at is not None and monotonic() - drawn_at > DELIVERED_AFTER
    st.session_state[KNOWN] = known
    if VALUES not in st.session_state:
        config = usual_settings(layers)
        st.session_state[VALUES] = _values_of(config)
        st.session_state.setdefault(STYLE_WEIGHTS, config.style_weights)
    _follow_weights(layers)


def _follow_weights(layers: Sequence[str]) -> None:
    """Go over to the usual settings of weights that came since, as by a download.

    What differs from the former weights' usual settings was chosen, and stays; all can be had back
    with Undo.
    """
    chosen, name = chosen_weights(), _name_in_use()
    before = st.session_state.get(IN_USE)
    st.session_state[IN_USE] = (chosen, name)
    if before is None or before[0] != chosen or before[1] == name:
        return
    former, usual = (_values_of(default_config(layers, each)) for each in (before[1], name))
    moved = {
        field: usual[field]
        for field in usual
        if former[field] != usual[field] and values()[field] == former[field]
    }
    if moved:
        weights = st.session_state.get(STYLE_WEIGHTS, ())
        _exchange({VALUES: values() | moved, STYLE_WEIGHTS: weights}, "Undo")


def end() -> None:
    """Note that all widgets were drawn."""
    st.session_state[DRAWN_AT] = monotonic()


def read() -> StyleTransferConfig:
    """Return the session's settings as a config.

    Raises:
        ConfigError: they do not go together, or one of them cannot be read.
    """
    return StyleTransferConfig(**values(), style_weights=st.session_state.get(STYLE_WEIGHTS, ()))


def put_settings(config: StyleTransferConfig) -> None:
    """Make ``config`` the session's settings; what they were can be had back with Undo.

    Call it from a callback, or in a script before the panel is drawn.
    """
    _exchange({VALUES: _values_of(config), STYLE_WEIGHTS: config.style_weights}, "Undo")


def swap_former() -> None:
    """Go back to the settings before the last exchange; a second call returns."""
    word, former = st.session_state[FORMER]
    _exchange(former, "Redo" if word == "Undo" else "Undo")


def former_word() -> str | None:
    """Return what a button for :func:`swap_former` should say, or None if nothing is kept."""
    kept = st.session_state.get(FORMER)
    return kept[0] if kept else None


def _exchange(new: dict[str, Any], word: str) -> None:
    state = st.session_state
    old = {VALUES: state.get(VALUES, {}), STYLE_WEIGHTS: state.get(STYLE_WEIGHTS, ())}
    if old[VALUES] and old != new:
        state[FORMER] = (word, old)
    for key, value in new.items():
        state[key] = value
    for field in LAYER_FIELDS:
        state.pop(f"set_{field}_top", None)


def is_default(layers: Sequence[str]) -> bool:
    """Say whether a reset would change nothing."""
    config = usual_settings(layers)
    weights = tuple(st.session_state.get(STYLE_WEIGHTS, ()))
    return values() == _values_of(config) and weights == config.style_weights


def bind(key: str, value: Any, shape: Any = None) -> str:
    """Set the widget ``key`` to ``value`` where it differs, and return the key.

    Only where it differs, once the browser knows it: a widget that is set in every run would jump
    back under a hand that moves it meanwhile. ``shape`` is what else Streamlit tells widgets apart
    by (limits, options): when it changes, the widget is a new one and forgets.
    """
    state = st.session_state
    shapes: dict[str, Any] = state.setdefault(SHAPES, {})
    is_same = key in state and state[key] == value and shapes.get(key) == shape
    if not (is_same and state.get(KNOWN)):
        state[key] = value
    shapes[key] = shape
    return key


def _values_of(config: StyleTransferConfig) -> dict[str, Any]:
    named = {name: getattr(config, name) for name in type(config).model_fields}
    named.pop("style_weights")
    return named | {field: dict(named[field]) for field in LAYER_FIELDS}
