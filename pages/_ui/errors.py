"""How pages say that something went wrong: in words, as plain text."""

from __future__ import annotations

import re

import streamlit as st


def plain(text: str) -> str:
    """Escape ``text`` for Markdown, so that a file's name cannot draw, link or load anything.

    Addresses are links in Markdown whatever is escaped; an invisible word joiner makes them text.
    """
    text = re.sub(r"(?i)(https?:|www|@)(?=//|\.|\w)", "\\1\u2060", text)
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:-])", r"\\\1", " ".join(text.split()))


def sentence(text: str) -> str:
    """Return ``text`` as `plain` does, with a capital unless it begins with a file's name."""
    if text.partition(" ")[0].rstrip(":").isalpha():
        text = text[:1].upper() + text[1:]
    return plain(text)


def show_error(error: Exception) -> None:
    """Show an error's message as a sentence."""
    st.error(sentence(str(error) or type(error).__name__), icon=":material/error:")
