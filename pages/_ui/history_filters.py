"""The filters over the history of runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from nst_core import MOST_STARS, NUMBER_SETTINGS, RUN_ORDERS, History, exact_number
from pages._ui.errors import sentence
from pages._ui.history_view import (
    COMPLAINT,
    FIRST_DAY,
    LAST_DAY,
    STATES,
    View,
    begin_view,
    keep_view,
    key,
    number,
)
from pages._ui.settings_fields import catalogue

TEXT = "runs_text"


def filter_row(history: History) -> View:
    """Draw the filters and return what they say; the address and the session keep it."""
    former = begin_view(here=TEXT)
    view = former
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters", gap="small"):
        view = _common(history, view)
        with st.popover("More", icon=":material/tune:", key="more_filters"):
            view = _rarer(view)
    if replace(view, page=1) != replace(former, page=1):
        view = replace(view, page=1)
        st.session_state.pop(COMPLAINT, None)
    keep_view(view)
    _say_complaint()
    return view


def _common(history: History, view: View) -> View:
    # Values are told with each drawing and never put into the session: see history_view.key
    text = st.text_input(
        "Search", view.text, key=key(TEXT), placeholder="Notes or file names", width=200
    )
    states = st.multiselect(
        "State", STATES, view.states, key=key("runs_state"), format_func=str.capitalize,
        placeholder="Any", width=200,
    )  # fmt: skip
    content = _name("Content", history.names("content"), view.content)
    style = _name("Style", history.names("style"), view.style)
    orders = list(RUN_ORDERS)
    order = st.selectbox(
        "Sort by", orders, orders.index(view.order), key=key("runs_order"), width=190,
        format_func=lambda order: RUN_ORDERS[order],
        help="Sorts all runs. A click on the head of a column sorts the rows of this page.",
    )  # fmt: skip
    return replace(
        view, text=text.strip(), states=tuple(s for s in STATES if s in states), content=content,
        style=style, order=order,
    )  # fmt: skip


def _name(label: str, names: list[str], value: str | None) -> str | None:
    options = ["", *names]  # None would be drawn as a choice that can be cleared
    wanted = value or ""
    if wanted not in options:  # of a run that is gone, or of an address
        options.append(wanted)
    chosen = st.selectbox(
        label,
        options,
        options.index(wanted),
        key=key(f"runs_{label}"),
        width=170,
        format_func=lambda name: name or "Any",
    )
    return chosen or None


def _rarer(view: View) -> View:
    limits: dict[str, Any] = {"min_value": FIRST_DAY, "max_value": LAST_DAY, "format": "YYYY-MM-DD"}
    left, right = st.columns(2)
    first = left.date_input("Created from", view.first, key=key("runs_first"), **limits)
    last = right.date_input("to", view.last, key=key("runs_last"), **limits)
    stars = st.selectbox(
        "Rating", range(MOST_STARS + 1), view.stars or 0, key=key("runs_stars"),
        format_func=lambda stars: f"at least {'★' * stars}" if stars else "Any",
    )  # fmt: skip
    settings = ["", *NUMBER_SETTINGS]
    setting = st.selectbox(
        "Setting", settings, settings.index(view.setting or ""), key=key("runs_setting"),
        format_func=lambda name: catalogue()[name].label if name else "Any",
    )  # fmt: skip
    left, right = st.columns(2)
    with left:
        low = _bound("At least", "runs_low", view.low, setting)
    with right:
        high = _bound("At most", "runs_high", view.high, setting)
    view = replace(view, first=first, last=last, stars=stars or None, setting=setting or None)
    return replace(view, low=low if setting else None, high=high if setting else None)


def _bound(label: str, name: str, value: float | None, setting: str) -> float | None:
    text = st.text_input(
        label, "" if value is None else exact_number(value), key=key(name),
        disabled=not setting, placeholder="any number",
    )  # fmt: skip
    try:
        return number(text)
    except ValueError as error:
        st.caption(f":red[{sentence(str(error))}]")
        return None


def _say_complaint() -> None:
    complaint = st.session_state.get(COMPLAINT)
    if complaint:
        st.warning(
            sentence(f"The address asks for what there is not, and that was left out: {complaint}")
        )
