"""The colour lab: every colour method on one picture, without running again."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from nst_core import (
    COLOR_METHODS,
    COLOR_TITLES,
    ImageError,
    NSTError,
    Side,
    Store,
    find_side,
)
from pages._ui import compare_state
from pages._ui.compare_pictures import small_of
from pages._ui.compare_state import Choice
from pages._ui.errors import plain, show_error

COLUMNS = 4
MASK = "lab_mask"  # in the session: SHA-256 and name of the mask that was dropped in
TAKEN = "lab_masks_taken"


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
    for start in range(0, len(COLOR_METHODS), COLUMNS):
        cells = st.columns(COLUMNS)
        for cell, method in zip(cells, COLOR_METHODS[start : start + COLUMNS], strict=False):
            with cell:
                treated = found.side.treated(method, percent, mask)
                _cell(store, choice, treated)


def _cell(store: Store, choice: Choice, side: Side) -> None:
    try:
        data = small_of(store, find_side(store, side))
    except NSTError as error:
        show_error(error)
        return
    st.image(data, width="stretch")
    st.caption(COLOR_TITLES[side.method])
    with st.container(horizontal=True, gap="small"):
        for letter, changed in (("A", replace(choice, a=side)), ("B", replace(choice, b=side))):
            is_it = str(choice.a if letter == "A" else choice.b) == str(side)
            st.button(
                f"as {letter}",
                key=f"lab_{side.method}_{letter}",
                type="primary" if is_it else "secondary",
                on_click=compare_state.put,
                args=(changed,),
            )


def _pick_mask(store: Store, side: Side) -> str:
    """Offer to treat only a part, and return the mask as a side names it."""
    run = store.run(side.run_id)
    choices = {"": "Everywhere"}
    if any(item.role == "content mask" for item in run.inputs):
        choices["run"] = "In the run's content mask"
    dropped: dict[str, str] = st.session_state.setdefault(MASK, {})
    choices |= {digest: f"In {name}" for digest, name in dropped.items()}
    if side.mask not in choices:
        choices[side.mask] = "In the mask of the address"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mask = st.selectbox(
            "Where",
            list(choices),
            index=list(choices).index(side.mask),
            format_func=choices.__getitem__,
            key=f"lab_where_{len(dropped)}_{side.run_id}",
        )
        with st.popover("Mask", icon=":material/upload:", key="lab_mask"):
            st.caption("White where colours are treated; of the picture's shape.")
            _take_mask(store, dropped)
    return mask


def _take_mask(store: Store, dropped: dict[str, str]) -> None:
    taken: set[str] = st.session_state.setdefault(TAKEN, set())
    file = st.file_uploader("Mask", key=f"upload_lab_{len(taken)}", label_visibility="collapsed")
    if file is None or file.file_id in taken:
        return
    try:
        picture = store.add_picture(file.getvalue(), file.name)
    except ImageError as error:
        show_error(error)
        return
    taken.add(file.file_id)
    dropped[picture.sha256] = picture.name
    st.rerun()
