"""A dialog to choose a picture from the samples, the library, or what runs made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from nst_core import NSTError, Store, StoredPicture
from pages._ui.chosen import Chosen, add_result, chosen
from pages._ui.errors import plain, show_error
from pages._ui.samples import add_sample, samples
from pages._ui.thumbnails import show_picture
from pages._ui.words import ago


@st.dialog("Choose a picture", width="large")
def choose_picture(store: Store, slot: str, put: Callable[[Chosen, StoredPicture], None]) -> None:
    """Let a person choose for ``slot``; ``put`` takes the picture."""
    source = st.segmented_control(
        "From",
        ["Samples", "Earlier pictures", "Results of runs"],
        default="Samples",
        required=True,
        key="pick_from",
        label_visibility="collapsed",
    )
    if source == "Samples":
        found = [(item.stem.replace("_", " "), item) for item in samples(slot)]
        index = _grid([(name, path.read_bytes()) for name, path in found])
        if index is not None:
            _use(store, put, partial(add_sample, store, found[index][1]))
    elif source == "Earlier pictures":
        pictures = store.pictures(40)
        index = _grid([(item.name, _read(store, item.thumbnail)) for item in pictures])
        if index is not None:  # kept anew, so that it counts as chosen
            _use(store, put, partial(_again, store, pictures[index]))
    else:
        runs = [run for run in store.runs(60) if run.state != "queued" and run.preview]
        ended = [(run, snaps[-1]) for run in runs[:24] if (snaps := store.snapshots(run.id))]
        cells = [(f"{run.title} · {ago(run.created_at)}", _read(store, snap.preview))
                 for run, snap in ended]  # fmt: skip
        index = _grid(cells)
        if index is not None:
            _use(store, put, partial(add_result, store, *ended[index]))


def _again(store: Store, picture: StoredPicture) -> StoredPicture:
    return store.add_picture(store.read(picture.sha256), picture.name)


def _use(
    store: Store,
    put: Callable[[Chosen, StoredPicture], None],
    make: Callable[[], StoredPicture],
) -> None:
    try:
        put(chosen(), make())
    except NSTError as error:
        show_error(error)
        return
    chosen().error = None
    st.rerun()


def _read(store: Store, digest: str) -> bytes | None:
    try:
        return store.read(digest)
    except NSTError:
        return None


def _grid(cells: Sequence[tuple[str, bytes | None]], columns: int = 4) -> int | None:
    """Show pictures with a button each; return the index of the one that was taken."""
    if not cells:
        st.info("Nothing here yet. Pictures that you upload, and results of runs, appear here.")
    taken = None
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        for offset, (cell, (name, data)) in enumerate(zip(st.columns(columns), row, strict=False)):
            with cell:
                if data is None:
                    st.caption("Its file is not there any more.")
                else:
                    show_picture(data)
                key = f"take_{start + offset}"
                if st.button(plain(name), key=key, width="stretch", disabled=data is None):
                    taken = start + offset
    return taken
