"""The first page: what the bench is, a way in, and the latest runs."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from nst_core import (
    NSTError,
    Store,
    __version__,
    describe_device,
    local_executor,
    resolve_device,
    submit_run,
    weights_in_use,
)
from pages._ui.errors import plain, show_error
from pages._ui.runs import STYLIZE, gallery, open_run
from pages._ui.samples import TRY_CONTENT, TRY_STYLE, add_sample
from pages._ui.setup import setup_page
from pages._ui.thumbnails import show_picture
from pages._ui.weights import in_short, weights_offer

EXAMPLE = Path(__file__).parent / "docs" / "images" / "home.jpg"


def welcome(store: Store) -> None:
    """Say what the bench is, and offer two ways in."""
    words, picture = st.columns([5, 6], gap="large", vertical_alignment="center")
    with words:
        st.title("NST Lab", anchor=False)
        st.markdown(
            "A bench for neural style transfer experiments. A photograph keeps its content and "
            "takes the style of one or more pictures. Every number behind it can be set, seen "
            "and repeated."
        )
        with st.container(horizontal=True):
            if st.button(
                "Try it",
                key="try",
                type="primary",
                icon=":material/play_arrow:",
                help="A bundled photograph and style with the default settings, at once.",
            ):
                try_it(store)
            if st.button("New experiment", key="new", icon=":material/add:"):
                st.switch_page(STYLIZE)
        weights_offer(first_visit=store.count() == 0)
    with picture:
        show_picture(EXAMPLE.read_bytes())


def try_it(store: Store) -> None:
    """Start a run of bundled pictures and go to its live view."""
    try:
        config = weights_in_use("auto").defaults()
        content, style = add_sample(store, TRY_CONTENT), add_sample(store, TRY_STYLE)
        run_id = submit_run(store, config, content, [style])
        local_executor().wake()
    except NSTError as error:
        show_error(error)
        return
    open_run(run_id)


def status(store: Store) -> None:
    """Say in one line what computes, with which weights, and where data is kept."""
    try:
        weights = in_short(weights_in_use("auto").origin)
    except NSTError as error:
        weights = str(error)
    machine = describe_device(resolve_device())
    parts = (machine, f"weights: {weights}", f"data in {store.place}", f"version {__version__}")
    st.caption(plain(" · ".join(parts)))


def latest(store: Store) -> None:
    """Show the last eight runs."""
    runs = store.runs(8)
    st.subheader("Latest runs", anchor=False)
    if not runs:
        st.caption("None yet. **Try it** starts the first one.")
        return
    gallery(store, runs, key="home")


store = setup_page("Home")
welcome(store)
st.divider()
latest(store)
status(store)
