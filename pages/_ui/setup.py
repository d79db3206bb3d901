"""The call that every page begins with."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from nst_core import NSTError, Store, local_executor, open_store
from pages._ui.errors import show_error

ROOT = Path(__file__).resolve().parents[2]

# Streamlit leaves room for a toolbar and more above a page; the bench needs it for pictures.
STYLE = """<style>
[data-testid=stMainBlockContainer] { padding-top: 3.9rem; padding-bottom: 3rem; }
.st-key-bar { border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent);
  padding-bottom: 0.4rem; margin-bottom: 0.4rem; }
.st-key-former { display: none; }
</style>"""


def setup_page(title: str) -> Store:
    """Set the browser's title and the layout, draw the bar of pages, and return the store.

    ``set_page_config`` does not carry over pages. Where runs wait or run, the engine is woken: a
    server that was started anew goes on with what it finds.
    """
    st.set_page_config(page_title=f"{title} · NST Lab", page_icon="🖼️", layout="wide")
    st.html(STYLE)
    _bar()
    try:
        store = open_store()
        if store.count("queued", "running"):
            local_executor().wake()
    except NSTError as error:
        st.title("NST Lab")
        show_error(error)
        st.stop()
    return store


def _bar() -> None:
    """Link the pages in a bar on top: a side bar would take a quarter of a small screen."""
    with st.container(horizontal=True, vertical_alignment="center", key="bar"):
        st.page_link("Home.py", label="Home", icon=":material/home:")
        for path in sorted((ROOT / "pages").glob("[0-9]*.py")):
            label = path.stem.partition("_")[2].replace("_", " ")
            st.page_link(f"pages/{path.name}", label=label)
