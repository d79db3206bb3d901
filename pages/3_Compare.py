"""Pictures of runs beside each other: looked at, measured, and their settings and losses."""

from __future__ import annotations

import streamlit as st

from nst_core import FoundSide, NSTError, Store, find_side
from pages._ui import compare_state
from pages._ui.compare_export import show_export
from pages._ui.compare_facts import show_losses, show_metrics, show_settings
from pages._ui.compare_lab import color_lab
from pages._ui.compare_pick import pick_pair, pick_runs, pick_view, swap_button
from pages._ui.compare_show import show_grid, show_pair
from pages._ui.compare_state import Choice
from pages._ui.errors import show_error
from pages._ui.runs import STYLIZE
from pages._ui.setup import setup_page


def compare(store: Store) -> None:
    """Draw the comparison that the address names, or the newest run raw and corrected."""
    try:
        begun = compare_state.begin(store)
    except NSTError as error:
        show_error(error)
        st.button("Start over", key="start_over", on_click=compare_state.forget)
        return
    if begun is None:
        welcome()
        return
    choice = choose(store, *begun)
    found = [find_side(store, side) for side in choice.sides]
    view(store, choice, begun[1], found)
    if not found:
        return
    takeaway = st.container()
    measured = st.container()  # filled last: measuring may take a while
    facts(store, found)
    if choice.view != "grid":
        color_lab(store, choice)
    with measured:
        metrics = show_metrics(store, found)
    with takeaway:
        show_export(store, found, metrics)


def choose(store: Store, choice: Choice, generation: int) -> Choice:
    """Draw what is chosen, write it into the address, and return it."""
    with st.container(horizontal=True, vertical_alignment="center", key="views"):
        choice = pick_view(choice, generation)
        if choice.view != "grid":
            swap_button()
    if choice.view == "grid":
        choice = pick_runs(store, choice, generation)
    else:
        choice = pick_pair(store, choice, generation)
    compare_state.settle(choice)
    return choice


def view(store: Store, choice: Choice, generation: int, found: list[FoundSide]) -> None:
    """Draw the pictures."""
    try:
        if choice.view == "grid":
            show_grid(store, found)
        else:
            show_pair(store, choice, generation, *found)
    except NSTError as error:
        show_error(error)


def facts(store: Store, found: list[FoundSide]) -> None:
    """Draw settings and losses beside each other, or one above the other where there is much."""
    if len({item.run.id for item in found}) > 2:
        show_settings(found)
        show_losses(store, found)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        show_settings(found)
    with right:
        show_losses(store, found)


def welcome() -> None:
    """Say what there will be."""
    st.markdown("##### Nothing to compare yet")
    st.write(
        "Once a run has made a picture, it stands here raw and colour-corrected side by side; "
        "any two pictures can be compared, and up to eight runs."
    )
    st.page_link(STYLIZE, label="Start a run", icon=":material/arrow_forward:")


compare(setup_page("Compare"))
