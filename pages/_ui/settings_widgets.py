"""The widgets of single settings; what they hold is kept by ``settings_state``."""

from __future__ import annotations

from functools import lru_cache
from math import log10
from typing import Any

import streamlit as st

from nst_core import exact_number
from pages._ui.settings_fields import Setting, catalogue, meant, shown, words_for
from pages._ui.settings_state import bind, settle, values

ENTRY_WIDTH = 96
STRIDES = {
    "steps": 50,
    "size": 64,
    "stop_window": 10,
    "stop_below": 0.1,
    "style_scale": 0.05,
    "averaging": 0.05,
    "init_mix": 0.05,
}
"""How far the plus and minus of a number box go, where 1 or 0.01 would be slow."""
LOWEST_DECADE = -3
"""Where a log slider begins; below it lies only 0. The exact entry takes any number."""


def draw(name: str) -> None:
    """Draw the widget that fits a setting's type."""
    setting = catalogue()[name]
    key = bind(f"set_{name}", shown(setting, values()[name]))
    common: dict[str, Any] = {
        "label": setting.label,
        "key": key,
        "help": setting.help,
        "on_change": _take,
        "args": (name, key),
    }
    if setting.shape == "choice":
        st.selectbox(options=setting.choices, format_func=words_for, **common)
    elif setting.shape == "switch":
        st.toggle(**common)
    elif setting.shape in {"integer", "number"}:
        _draw_number(setting, common)
    else:
        st.text_input(**common)


def _draw_number(setting: Setting, common: dict[str, Any]) -> None:
    whole = setting.shape == "integer"
    low, high = setting.low, setting.high
    if whole and high - low <= 20 and setting.word is None:
        st.slider(min_value=int(low), max_value=int(high), step=1, **common)
        return
    kind = int if whole else float
    # Without value=None an emptied box would mean the least number; so it means the word, if
    # the setting has one, and else the number that was there.
    st.number_input(
        min_value=kind(low),
        max_value=kind(high),
        value=None,
        step=kind(STRIDES.get(setting.name, 1 if whole else 0.01)),
        format="%d" if whole else "%g",
        placeholder=setting.word,
        **common,
    )


def draw_log(name: str) -> None:
    """Draw a slider over the decades and an exact entry; the entry is the truth."""
    setting = catalogue()[name]
    value = values()[name]
    marks = _marks(setting.high)
    slider, entry = f"set_{name}_log", f"set_{name}"
    # An entry that is no number leaves the slider where it was.
    near = st.session_state.get(slider, 0.0) if isinstance(value, str) else nearest(value, marks)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.select_slider(
            setting.label,
            marks,
            format_func=exact_number,
            key=bind(slider, near),
            help=setting.help,
            on_change=_take_mark,
            args=(name, slider),
        )
        st.text_input(
            f"{setting.label}, exactly",
            key=bind(entry, shown(setting, value)),
            on_change=_take,
            args=(name, entry),
            label_visibility="collapsed",
            width=ENTRY_WIDTH,
        )


@lru_cache(maxsize=16)
def _marks(high: float) -> tuple[float, ...]:
    """Return 0 and nine marks a decade up to ``high``: 1, 2, ... 9, 10, 20 ..."""
    decades = range(LOWEST_DECADE, int(log10(high)) + 1)
    marks = [float(f"{figure}e{decade}") for decade in decades for figure in range(1, 10)]
    return (0.0, *(mark for mark in marks if mark <= high))


def nearest(value: float, marks: tuple[float, ...]) -> float:
    """Return the mark nearest to ``value`` by ratio; only 0 is at 0."""
    if value <= 0:
        return 0.0
    return min(marks[1:], key=lambda mark: abs(log10(mark / value)))


def _take(name: str, key: str) -> None:
    setting, entry = catalogue()[name], st.session_state[key]
    if entry is not None or setting.word is not None:
        settle(name, meant(setting, entry))


def _take_mark(name: str, key: str) -> None:
    settle(name, float(st.session_state[key]))
