"""The slots for the pictures of the next run, with their masks and weights."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from nst_core import MOST_STYLES, NSTError, Store, StoredPicture
from pages._ui.chosen import (
    Chosen,
    Style,
    add_style,
    chosen,
    remove_style,
    set_content,
    set_mask,
)
from pages._ui.errors import plain, show_error
from pages._ui.picker import choose_picture
from pages._ui.runs import show_file
from pages._ui.settings_state import STYLE_WEIGHTS
from pages._ui.words import pixels

SLOT = (3, 4)  # widths of a thumbnail and its words


def picture_panel(store: Store) -> Chosen:
    """Draw the slots for content, styles and masks, and return what they hold."""
    now = chosen()
    # Containers keep each uploader in its place: one that moves while it uploads loses its file.
    with st.container(key="content_slot"):
        st.markdown("**Content**")
        _content_slot(store, now)
    with st.container(key="style_slots"):
        _take_blend(now)
        st.markdown("**Style**" + (f" · blend of {len(now.styles)}" if len(now.styles) > 1 else ""))
        for position, style in enumerate(list(now.styles)):
            _style_slot(store, now, position, style)
    with st.container(key="style_uploader"):
        if not now.styles:
            _uploader(store, now, "style", add_style)
        elif len(now.styles) < MOST_STYLES:
            with st.popover("Add a style", type="tertiary", icon=":material/add:", key="add_style"):
                _uploader(store, now, "style", add_style)
        _say_error(now, "style")
    now.blend = st.session_state[STYLE_WEIGHTS] = _blend(now)
    return now


def _take_blend(now: Chosen) -> None:
    """Take the weights that settings brought: a file, a fork, Reset or Undo."""
    wanted = st.session_state.get(STYLE_WEIGHTS, ())
    if wanted == now.blend:
        return
    if wanted and len(wanted) != len(now.styles):
        st.caption(f"The settings blend {len(wanted)} styles; choose as many to use their weights.")
        return
    for style, weight in zip(now.styles, wanted or [1.0] * len(now.styles), strict=True):
        style.weight = weight
        st.session_state.pop(f"blend_{style.slot}", None)


def _blend(now: Chosen) -> tuple[float, ...]:
    """Return the weights of the styles; none where they are equal shares."""
    weights = tuple(style.weight for style in now.styles)
    if len(weights) < 2 or (len(set(weights)) == 1 and weights[0] > 0):
        return ()
    return weights


def _content_slot(store: Store, now: Chosen) -> None:
    if now.content is None:
        _uploader(store, now, "content", set_content)
    else:
        picture, words = st.columns(SLOT, vertical_alignment="center")
        with picture:
            show_file(store, now.content.thumbnail)
        with words, st.container(gap="xsmall"):
            _describe(now.content)
            with st.container(horizontal=True, gap="small"):
                with st.popover("Change", type="tertiary", key="change_content"):
                    _uploader(store, now, "content", set_content)
                _mask_slot(store, now, "content", now.content, now.content_mask)
    _say_error(now, "content")


def _style_slot(store: Store, now: Chosen, position: int, style: Style) -> None:
    with st.container(key=f"style_slot_{position}"):
        picture, words = st.columns(SLOT, vertical_alignment="center")
        with picture:
            show_file(store, style.picture.thumbnail)
        with words, st.container(gap="xsmall"):
            _describe(style.picture)
            if len(now.styles) > 1:
                key = f"blend_{style.slot}"
                # Set in each run, as in settings_state: the browser may not know it yet
                st.session_state[key] = st.session_state.get(key, style.weight)
                style.weight = st.number_input(
                    "Weight in the blend", 0.0, None, step=0.1, key=key, format="%.4g"
                )
            with st.container(horizontal=True, gap="small"):
                _mask_slot(store, now, f"style_{style.slot}", style.picture, style.mask)
                st.button(
                    "Remove",
                    key=f"remove_style_{style.slot}",
                    icon=":material/close:",
                    type="tertiary",
                    on_click=remove_style,
                    args=(now, style.slot),
                )


def _describe(picture: StoredPicture) -> None:
    st.text(picture.name)
    st.caption(pixels(picture.width, picture.height))


def _mask_slot(
    store: Store, now: Chosen, slot: str, picture: StoredPicture, mask: StoredPicture | None
) -> None:
    words = "White where the picture may change." if slot == "content" else (
        "White where this style's statistics are taken."
    )  # fmt: skip
    with st.popover("Mask ✓" if mask else "Mask", type="tertiary", help=words, key=f"{slot}_mask"):
        st.caption(f"{words} {pixels(picture.width, picture.height)}, as its picture.")
        if mask is not None:
            show_file(store, mask.thumbnail, plain(mask.name))
            st.button(
                "Remove mask", key=f"{slot}_unmask", on_click=set_mask, args=(now, slot, None)
            )
        _drop_zone(
            store, now, f"{slot}_mask", lambda found: set_mask(now, slot, found), label="Mask"
        )


def _uploader(
    store: Store, now: Chosen, slot: str, put: Callable[[Chosen, StoredPicture], None]
) -> None:
    _drop_zone(
        store,
        now,
        slot,
        lambda found: put(now, found),
        label="Content image" if slot == "content" else "Style image",
    )
    if st.button(
        "Choose from samples or runs",
        key=f"pick_{slot}",
        icon=":material/photo_library:",
        type="tertiary",
    ):
        choose_picture(store, slot, put)


def _drop_zone(
    store: Store, now: Chosen, slot: str, put: Callable[[StoredPicture], None], *, label: str
) -> None:
    """Take a file into the store at once: uploaded bytes vanish with their widget."""
    key = f"upload_{slot}_{now.uploads[slot]}"
    file = st.file_uploader(label, key=key, label_visibility="collapsed")
    # Not in a callback: one whose page is drawn anew at the same moment may never be called.
    if file is None or file.file_id in now.taken:
        return
    try:
        put(store.add_picture(file.getvalue(), file.name))
        now.error = None
    except NSTError as error:
        now.error = (slot, error)
    now.taken.add(file.file_id)
    now.uploads[slot] += 1
    st.rerun()


def _say_error(now: Chosen, slot: str) -> None:
    """Say what was wrong with the last file for ``slot`` or its mask."""
    if now.error is not None and now.error[0].partition("_")[0] == slot:
        show_error(now.error[1])
