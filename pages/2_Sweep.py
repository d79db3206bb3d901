"""Many runs from one plan: plan a sweep, watch its contact sheet fill, read what came out."""

from __future__ import annotations

import streamlit as st

from nst_core import NSTError, Store
from pages._ui.errors import show_error
from pages._ui.setup import setup_page
from pages._ui.sweep_build import build_sweep
from pages._ui.sweep_view import show_sweep
from pages._ui.sweep_view_list import show_sweeps


def sweep_page(store: Store) -> None:
    """Draw the sweep that the address names, or what plans one and those that there are."""
    wanted = st.query_params.get("sweep")
    if wanted is not None:
        try:
            if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
                raise ValueError(f"{wanted[:60]!r} is no sweep's number; open one from the list")
            show_sweep(store, int(wanted))
            return
        except (NSTError, ValueError) as error:
            show_error(error)
            show_sweeps(store)
            return
    build_sweep(store)
    show_sweeps(store)


sweep_page(setup_page("Sweep"))
