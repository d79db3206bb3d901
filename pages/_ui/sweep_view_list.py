"""The latest sweeps: what they vary, how far they are, and a way to open them."""

from __future__ import annotations

import streamlit as st

from nst_core import ConfigError, History, RunFilter, Store, Sweep, Sweeps, count_runs
from pages._ui.errors import plain, show_error
from pages._ui.live import tick
from pages._ui.sweep_view_words import varied_words
from pages._ui.thumbnails import show_picture, thumbnail
from pages._ui.words import ago

MOST_SWEEPS = 10
MOST_PICTURES = 5
EDGE = 112  # px, of a thumbnail


def show_sweeps(store: Store) -> None:
    """Draw the latest sweeps, live while one is active; nothing where there is none."""
    if not Sweeps(store).latest(1):
        return
    st.subheader("Latest sweeps", anchor=False)
    going = History(store).count(RunFilter(states=("queued", "running"))) > 0
    try:
        st.fragment(_list, run_every=2 * tick() if going else None)(store)
    except ConfigError as error:
        show_error(error)


def _list(store: Store) -> None:
    most = st.session_state.get("sweeps_shown", MOST_SWEEPS)
    found = Sweeps(store).latest(most + 1)
    for sweep in found[:most]:
        _show(store, sweep)
    if len(found) > most and st.button("Show more", key="more_sweeps", type="tertiary"):
        st.session_state["sweeps_shown"] = most + MOST_SWEEPS
        st.rerun(scope="fragment")


def _show(store: Store, sweep: Sweep) -> None:
    with st.container(border=True, key=f"sweep_{sweep.id}"):
        words, pictures, action = st.columns([4, 5, 1], vertical_alignment="center")
        with words:
            st.markdown(f"**{plain(f'Sweep {sweep.id}: {varied_words(sweep)}')}**")
            parts = [sweep.subject, _how_far(store, sweep), ago(sweep.created_at)]
            st.caption(plain(" · ".join(parts)))
        with pictures:
            _pictures(store, sweep)
        with action:
            if st.button("Open", key=f"open_sweep_{sweep.id}", width="stretch"):
                st.query_params["sweep"] = str(sweep.id)
                st.rerun(scope="app")


def _how_far(store: Store, sweep: Sweep) -> str:
    """Say how far it is, from counts alone: a list reads no runs."""
    history = History(store)

    def count(*states: str) -> int:
        return history.count(RunFilter(states=states, sweep=sweep.id))  # type: ignore[arg-type]

    planned, done = count_runs(sweep.plan), count("done")
    if done >= planned:
        return "done: the one run" if planned == 1 else f"done: all {planned} runs"
    words = f"{done} of {planned} done"
    if count("running"):
        return f"running: {words}"
    if count("queued"):
        return f"waits: {words}"
    if failed := count("failed"):
        words += f", {failed} failed"
    return f"cancelled: {words}" if sweep.cancelled_at is not None else words


def _pictures(store: Store, sweep: Sweep) -> None:
    done = RunFilter(states=("done",), sweep=sweep.id)
    entries = History(store).find(done, order="oldest", limit=MOST_PICTURES)
    found = [thumbnail(store, entry.picture, EDGE) for entry in entries if entry.picture]
    if shown := [data for data in found if data]:
        with st.container(horizontal=True, gap="small"):
            for data in shown:
                show_picture(data, width=EDGE // 2)
