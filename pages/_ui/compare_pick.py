"""The widgets that choose what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from nst_core import (
    COLOR_METHODS,
    COLOR_TITLES,
    MOST_SIDES,
    Run,
    Side,
    Snapshot,
    Store,
    describe_picture,
    pictures_of,
)
from pages._ui import compare_state
from pages._ui.compare_state import VIEWS, Choice

MOST_RUNS = 1000  # on offer; older ones are opened from the page Runs


def pick_view(choice: Choice, generation: int) -> Choice:
    """Draw the control for the view."""
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default=choice.view,
        required=True,
        format_func=VIEWS.__getitem__,
        key=f"view_{generation}",
        label_visibility="collapsed",
    )
    return replace(choice, view=view)


def pick_pair(store: Store, choice: Choice, generation: int) -> Choice:
    """Draw the choice of A and B beside each other."""
    titles = run_titles(store, [choice.a.run_id, choice.b.run_id])
    left, right = st.columns(2, gap="medium")
    with left:
        a = _pick_side(store, choice.a, "A", titles, generation)
    with right:
        b = _pick_side(store, choice.b, "B", titles, generation)
    return replace(choice, a=a, b=b)


def _pick_side(
    store: Store, side: Side, letter: str, titles: dict[int, str], generation: int
) -> Side:
    with st.container(border=True, key=f"side_{letter}"):
        first, second = st.columns([5, 4], gap="small")
        run_id = first.selectbox(
            f"{letter}: run",
            list(titles),
            index=list(titles).index(side.run_id),
            format_func=titles.__getitem__,
            key=f"{letter}_run_{generation}",
        )
        run, snapshots = store.run(run_id), store.snapshots(run_id)
        with second:
            picture = _pick_picture(side, run, snapshots, f"{letter}_picture_{run_id}_{generation}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            colors = _pick_colors(side, letter, generation)
    return replace(colors, run_id=run_id, picture=picture)


def _pick_picture(side: Side, run: Run, snapshots: Sequence[Snapshot], key: str) -> str:
    """Draw the choice of a picture of ``run``; at first the same as before, where it has that."""
    offered, what = pictures_of(run, snapshots), side.picture
    if snapshots and what == f"step-{snapshots[-1].step}":
        if run.state == "done":
            what = "result"
        else:  # a run that goes on will have another result
            offered.insert(1, what)
    what = what if what in offered else offered[0]

    def title(picture: str) -> str:
        if picture == "result":
            return f"result, step {snapshots[-1].step}"
        return describe_picture(run, picture)

    return st.selectbox("Picture", offered, index=offered.index(what), format_func=title, key=key)


def _pick_colors(side: Side, letter: str, generation: int) -> Side:
    """Draw method, strength and mask, and return ``side`` with what they say."""
    method = st.selectbox(
        "Colours",
        COLOR_METHODS,
        index=COLOR_METHODS.index(side.method),
        format_func=COLOR_TITLES.__getitem__,
        key=f"{letter}_method_{generation}",
        help="Gives the picture its content's colours, after the run and without running again.",
    )
    if method == "none":
        return side.treated(method)
    key = f"{letter}_percent_{generation}"
    percent = st.slider("Strength", 0, 100, side.percent, format="%d %%", key=key)
    mask = compare_state.mask_of(letter, side)
    if percent and mask:
        key = f"{letter}_mask_{generation}"
        mask = mask if st.checkbox("Only in the mask", bool(side.mask), key=key) else ""
    return side.treated(method, percent, mask)


def swap_button() -> None:
    """Offer to make A of B, and B of A."""
    st.button(
        "Swap",
        key="swap",
        icon=":material/swap_horiz:",
        help="Makes A of B, and B of A.",
        on_click=compare_state.ask,
        args=(lambda choice: replace(choice, a=choice.b, b=choice.a),),
    )


def pick_runs(store: Store, choice: Choice, generation: int) -> Choice:
    """Draw the choice of the grid's runs and of their colours."""
    titles = run_titles(store, choice.runs)
    runs, slot = st.columns([3, 2], gap="medium")
    with runs:
        chosen = st.multiselect(
            f"Runs, up to {MOST_SIDES}",
            list(titles),
            default=list(choice.runs),
            max_selections=MOST_SIDES,
            format_func=titles.__getitem__,
            key=f"runs_{generation}",
            placeholder="Choose runs",
        )
    with slot, st.container(horizontal=True, vertical_alignment="bottom"):
        colors = _pick_colors(choice.grid_colors, "grid", generation)
    return replace(choice, runs=tuple(chosen), grid_colors=colors)


def run_titles(store: Store, wanted: Sequence[int]) -> dict[int, str]:
    """Return what runs are called, the newest first, those in ``wanted`` among them."""
    titles = {run.id: plain_title(run) for run in store.runs(MOST_RUNS)}
    for run_id in wanted:
        if run_id not in titles:
            titles[run_id] = plain_title(store.run(run_id))
    return titles


def plain_title(run: Run) -> str:
    """Return a run's title for a list, with its state unless it is done."""
    return run.title if run.state == "done" else f"{run.title} ({run.state})"
