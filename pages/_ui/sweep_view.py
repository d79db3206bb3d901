"""A sweep: how far it is, its contact sheet, live while it runs, and what came out."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from nst_core import (
    NUMBERS,
    ConfigError,
    NSTError,
    Store,
    SweepResults,
    load_results,
    local_executor,
    telling_number,
)
from pages._ui.errors import plain, sentence, show_error
from pages._ui.live import tick
from pages._ui.sheet import Size
from pages._ui.sweep_sheet import Shown, draw_sheet
from pages._ui.sweep_view_actions import sweep_actions
from pages._ui.sweep_view_export import export_row
from pages._ui.sweep_view_facts import show_facts
from pages._ui.sweep_view_words import (
    failures,
    is_going,
    resumable,
    share_done,
    state_line,
    sweep_title,
)


def show_sweep(store: Store, sweep_id: int) -> None:
    """Draw a sweep of the store.

    Raises:
        RunError: there is none of this number.
    """
    results = load_results(store, sweep_id)
    st.subheader(plain(sweep_title(results.sweep)), anchor=False)
    sweep_actions(store, results)
    if not is_going(results):
        _say_failures(results)
    shown = _choose(results)
    try:
        every = tick() if is_going(results) else None
    except ConfigError as error:
        show_error(error)
        every = None
    st.fragment(_live, run_every=every)(store, sweep_id, _drawn(results), shown)
    export_row(store, results, shown)
    slower = 5 * every if every else None  # charts are read, not watched
    st.fragment(show_facts, run_every=slower)(store, sweep_id, shown)


def _drawn(results: SweepResults) -> tuple[Any, ...]:
    """Return what the page says of a sweep outside of its live part."""
    sweep = results.sweep
    numbers = tuple(results.numbers)
    return is_going(results), sweep.cancelled_at, sweep.plan, resumable(results), numbers


def _live(store: Store, sweep_id: int, drawn: tuple[Any, ...], shown: Shown) -> None:
    try:
        results = load_results(store, sweep_id)
    except NSTError:  # deleted in another tab: the page says so
        st.rerun(scope="app")
    if _drawn(results) != drawn:
        st.rerun(scope="app")
    st.progress(share_done(results), plain(state_line(store, results)))
    if results.is_active and not results.states["running"]:
        for device in local_executor().status():
            if device.problem:
                st.warning(sentence(device.problem))
    try:
        draw_sheet(store, results, shown)
    except NSTError as error:
        show_error(error)


def _say_failures(results: SweepResults) -> None:
    lines = failures(results)
    if lines:
        show = st.error if results.states["failed"] == len(results.runs) else st.warning
        show("\n\n".join(sentence(line) for line in lines), icon=":material/error:")


def _choose(results: SweepResults) -> Shown:
    """Draw what of the sweep is shown, and return it."""
    sweep, plan = results.sweep, results.sweep.plan
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep_choose"):
        numbers = results.numbers or list(NUMBERS)
        number = st.selectbox(
            "Number",
            numbers,
            index=numbers.index(telling_number(results)),
            key=f"sweep_number_{sweep.id}",
            format_func=lambda name: NUMBERS[name],
            width=230,
        )
        names = [axis.name for axis in plan.axes]
        columns = None
        if plan.sampler == "grid" and len(names) > 1:
            columns = st.selectbox(
                "On top",
                names,
                index=len(names) - 1,
                key=f"sweep_columns_{sweep.id}",
                width=200,
            )
        replicate = 0
        if plan.replicates > 1 and plan.axes:
            replicate = st.selectbox(
                "Pictures of replicate",
                range(plan.replicates),
                key=f"sweep_replicate_{sweep.id}",
                format_func=lambda k: f"{k + 1} of {plan.replicates}",
                width=170,
            )
        size = st.segmented_control(
            "Size of the pictures",
            get_args(Size),
            default="M",
            required=True,
            key="sweep_size",
            persist_state="session",
        )
    return Shown(number, columns, replicate, size)
