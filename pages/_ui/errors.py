"""How pages say that something went wrong: in words, as plain text."""

from __future__ import annotations

import re

import streamlit as st


def plain(text: str) -> str:
    """Escape ``text`` for Markdown, so that a file's name cannot draw, link or load anything."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:-])", r"\\\1", " ".join(text.split()))


def show_error(error: Exception) -> None:
    """Show an error's message as a sentence; its text stays text, and a file's name its name."""
    text = str(error) or type(error).__name__
    if text.partition(" ")[0].rstrip(":").isalpha():
        text = text[:1].upper() + text[1:]
    st.error(plain(text), icon=":material/error:")
