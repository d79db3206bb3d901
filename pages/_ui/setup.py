"""The call that every page begins with."""

from __future__ import annotations

import streamlit as st


def setup_page(title: str) -> None:
    """Set the browser's title and the layout; ``set_page_config`` does not carry over pages."""
    st.set_page_config(page_title=f"{title} · NST Lab", page_icon="🖼️", layout="wide")
