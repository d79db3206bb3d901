"""Which network weights are in use and why, and the offer to fetch ImageNet's."""

from __future__ import annotations

import streamlit as st

from nst_core import LAYERS, NSTError, imagenet_fetch, weights_in_use
from pages._ui.errors import plain, show_error
from pages._ui.settings_state import chosen_weights

MEGABYTE = 1e6
INSTEAD = {
    "textures": (
        "NST Lab's own, trained on synthetic textures without any photograph, are here: you can "
        "start with them at once."
    ),
    "untrained": (
        "NST Lab's own are missing from this copy. An untrained network carries colour and coarse "
        "texture, and you can start with it at once."
    ),
}
"""What is in use where ImageNet's weights are missing, as the first visit hears of it."""


def chosen_layers() -> tuple[str, ...]:
    """Return the layers of those weights, or all where they cannot be used, which is said."""
    try:
        return weights_in_use(chosen_weights()).layers
    except NSTError:  # under the settings, and again when a run is begun
        return tuple(LAYERS)


def in_short(origin: str) -> str:
    """Return where weights come from without the remedy that follows it."""
    return origin.partition(";")[0]


def weights_caption(setting: str = "auto") -> None:
    """Say in one line which weights a run would take, and why."""
    try:
        used = weights_in_use(setting)
    except NSTError as error:
        show_error(error)
        return
    st.caption(plain(f"Network weights: {in_short(used.origin)}."))


def weights_offer(*, first_visit: bool) -> None:
    """Offer to fetch ImageNet's weights where others stand in; show the download's progress."""
    try:
        instead = INSTEAD.get(weights_in_use("auto").name)
    except NSTError as error:
        show_error(error)
        return
    st.fragment(_offer, run_every=1.0 if imagenet_fetch.is_running else None)(instead, first_visit)


def _offer(instead: str | None, first_visit: bool) -> None:
    fetch = imagenet_fetch
    if fetch.is_running:
        done, total = fetch.progress
        share = min(1.0, done / total) if total else 0.0
        text = f"{done / MEGABYTE:.0f} of {total / MEGABYTE:.0f} MB" if total else "connecting"
        st.progress(share, f"Fetching ImageNet's weights: {text}")
        st.session_state["fetching"] = True
        return
    if st.session_state.pop("fetching", False):
        st.rerun(scope="app")
    if fetch.error is not None:
        show_error(fetch.error)
    if instead is None or (first_visit and st.session_state.get("weights_later")):
        return
    with st.container(border=first_visit, key="weights_offer"):
        if first_visit:
            st.markdown(
                "**Which network?** ImageNet's weights (548 MB, fetched once) carry strokes and "
                f"shapes best. {instead}"
            )
        with st.container(horizontal=True):
            if st.button(
                "Fetch ImageNet's weights (548 MB)", key="fetch", icon=":material/download:"
            ):
                fetch.start()
                st.session_state["fetching"] = True
                st.rerun(scope="app")
            if first_visit and st.button("Start at once", key="later"):
                st.session_state["weights_later"] = True
                fetch.error = None
                st.rerun(scope="app")
