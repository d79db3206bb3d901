"""Small copies of stored pictures, kept between drawings."""

from __future__ import annotations

import base64
import io

import streamlit as st
from PIL import Image

from nst_core import NSTError, Store


def thumbnail(store: Store, digest: str | None, edge: int) -> bytes | None:
    """Return a stored picture as a JPEG with a long edge of ``edge`` px; None where it is gone."""
    if digest is None:
        return None
    try:
        return _thumbnail(store.place, digest, edge, _store=store)
    except (NSTError, OSError, ValueError, Image.DecompressionBombError):
        return None


def thumbnail_url(store: Store, digest: str | None, edge: int) -> str | None:
    """Return :func:`thumbnail` as a data: URL."""
    data = thumbnail(store, digest, edge)
    if data is None:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


@st.cache_data(max_entries=5000, show_spinner=False)
def _thumbnail(place: str, digest: str, edge: int, *, _store: Store) -> bytes:
    with Image.open(io.BytesIO(_store.read(digest))) as picture:
        picture.draft("RGB", (edge, edge))  # a JPEG is decoded at this size or double
        picture.thumbnail((edge, edge))
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
