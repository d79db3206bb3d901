"""Which part of the runs is shown, of how many, and the pages before and after."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import streamlit as st

from pages._ui.errors import plain
from pages._ui.history_view import View, clear_filters, keep_view, key


def choose_page(view: View, count: int, rows: int) -> int:
    """Draw what is shown of ``count`` runs, and the pager; return the page, from 1."""
    pages = max(1, -(-count // rows))
    with st.container(horizontal=True, vertical_alignment="center", key="pager"):
        words = st.container(width="content")
        if view.is_filtered:
            st.button(
                "Clear filters",
                key="clear",
                icon=":material/filter_alt_off:",
                type="tertiary",
                on_click=clear_filters,
            )
        page = min(view.page, pages)
        if pages > 1:
            # By its content's width it hides pages that there is room for
            page = st.pagination(pages, default=page, key=_key(view), width=400)
        words.caption(plain(", only ".join([_part(page, count, rows), *view.rarer])))
    keep_view(replace(view, page=page))
    return page


def _key(view: View) -> str:
    """Return the pager's key: a pager of its own for each view, which begins at the first page."""
    others = repr(replace(view, page=1)).encode()
    return key(f"runs_page_{hashlib.sha256(others).hexdigest()[:16]}")


def _part(page: int, count: int, rows: int) -> str:
    if not count:
        return "No runs"
    return f"{rows * (page - 1) + 1:,} to {min(rows * page, count):,} of {count:,} runs"
