"""Pictures on a page, and small copies of stored ones that are kept between drawings."""

from __future__ import annotations

import base64
import io
from typing import Literal

import streamlit as st
from PIL import Image

from nst_core import NSTError, Store


def show_picture(
    data: bytes, *, caption: str | None = None, width: int | Literal["stretch"] = "stretch"
) -> None:
    """Show an encoded picture, whose bytes go along with the page.

    Streamlit's own way, an address that the browser asks for, can fail: a picture is forgotten
    at the end of each drawing that does not reach it, and a drawing is cut short by ``st.rerun``
    and by the next click. A browser that is still fetching then shows a broken picture for good.
    Only the live view keeps to that way, and to its last few pictures.
    """
    st.image(picture_url(data), caption=caption, width=width)


def picture_url(data: bytes) -> str:
    """Return an encoded picture (PNG, JPEG, ...) as a data: URL."""
    with Image.open(io.BytesIO(data)) as picture:
        kind = picture.get_format_mimetype()
    return f"data:{kind};base64," + base64.b64encode(data).decode("ascii")


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
    return None if data is None else picture_url(data)


@st.cache_data(max_entries=5000, show_spinner=False)
def _thumbnail(place: str, digest: str, edge: int, *, _store: Store) -> bytes:
    with Image.open(io.BytesIO(_store.read(digest))) as picture:
        picture.draft("RGB", (edge, edge))  # a JPEG is decoded at this size or double
        picture.thumbnail((edge, edge))
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()
