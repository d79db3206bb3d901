"""The colour lab: every colour method on one picture, without running again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import streamlit as st

from nst_core import (
    COLOR_METHODS,
    COLOR_TITLES,
    NSTError,
    Side,
    Store,
    find_side,
)
from pages._ui import compare_state
from pages._ui.compare_pictures import small_of
from pages._ui.compare_state import Choice
from pages._ui.errors import plain, show_error
from pages._ui.thumbnails import show_picture

COLUMNS = 4
MASKS = "lab_masks"  # in the session: the masks that were dropped in, by their SHA-256
TAKEN = "lab_masks_taken"


class Dropped(NamedTuple):
    """A mask that was dropped in: its file's name, and for which run."""

    name: str
    run_id: int


def color_lab(store: Store, choice: Choice) -> None:
    """Draw every method on A's or B's picture, each to be taken as A or B."""
    st.subheader("Colour lab", anchor=False)
    which, strength, masking = st.columns([2, 3, 3], gap="medium", vertical_alignment="bottom")
    with which:
        letter = st.segmented_control(
            "One optimisation", ["A", "B"], default="A", required=True, key="lab_of"
        )
    side = choice.a if letter == "A" else choice.b
    with strength:
        percent = st.slider("Strength", 0, 100, 100, format="%d %%", key="lab_percent")
    with masking:
        mask = _pick_mask(store, side)
    found = find_side(store, replace(side, method="none", percent=100, mask=""))
    st.caption(
        plain(f"{found.label.rpartition(' · ')[0]}, in the colours of {found.run.content.name}")
    )
    refusals, said = st.container(), set[str]()  # one mask may fail in every cell: say it once
    for start in range(0, len(COLOR_METHODS), COLUMNS):
        cells = st.columns(COLUMNS)
        for cell, method in zip(cells, COLOR_METHODS[start : start + COLUMNS], strict=False):
            with cell:
                error = _cell(store, choice, found.side.treated(method, percent, mask))
            if error is not None and str(error) not in said:
                said.add(str(error))
                with refusals:
                    show_error(error)


def _cell(store: Store, choice: Choice, side: Side) -> NSTError | None:
    """Draw a treatment to be taken, and return why it cannot be drawn."""
    try:
        data = small_of(store, find_side(store, side))
    except NSTError as error:
        st.caption(f"{COLOR_TITLES[side.method]}: cannot be shown")
        return error
    show_picture(data)
    st.caption(COLOR_TITLES[side.method])
    with st.container(horizontal=True, gap="small"):
        for letter, change in (("A", partial(replace, a=side)), ("B", partial(replace, b=side))):
            is_it = side == (choice.a if letter == "A" else choice.b)
            st.button(
                f"as {letter}",
                key=f"lab_{side.method}_{letter}",
                type="primary" if is_it else "secondary",
                on_click=compare_state.ask,
                args=(change,),
            )
    return None


def _pick_mask(store: Store, side: Side) -> str:
    """Offer to treat only a part, and return the mask as a side names it."""
    run = store.run(side.run_id)
    choices = {"": "Everywhere"}
    if any(item.role == "content mask" for item in run.inputs):
        choices["run"] = "In the run's content mask"
    dropped: dict[str, Dropped] = st.session_state.setdefault(MASKS, {})
    choices |= {digest: f"In {mask.name}" for digest, mask in dropped.items()}
    if side.mask not in choices:
        choices[side.mask] = "In the mask of the address"
    own = [digest for digest, mask in dropped.items() if mask.run_id == run.id]
    taken: set[str] = st.session_state.setdefault(TAKEN, set())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mask = st.selectbox(
            "Where",
            list(choices),
            index=list(choices).index(own[-1] if own else side.mask),
            format_func=choices.__getitem__,
            key=f"lab_where_{len(taken)}_{side.run_id}",
        )
        with st.popover("Mask", icon=":material/upload:", key="lab_mask"):
            st.caption("White where colours are treated; of the picture's shape.")
            _take_mask(store, run.id, dropped, taken)
    return mask


def _take_mask(store: Store, run_id: int, dropped: dict[str, Dropped], taken: set[str]) -> None:
    file = st.file_uploader("Mask", key=f"upload_lab_{len(taken)}", label_visibility="collapsed")
    if file is None or file.file_id in taken:
        return
    try:
        picture = store.add_picture(file.getvalue(), file.name)
    except NSTError as error:
        show_error(error)
        return
    taken.add(file.file_id)
    dropped.pop(picture.sha256, None)  # the newest is the last
    dropped[picture.sha256] = Dropped(picture.name, run_id)
    st.rerun()
