"""What the viewer shows, made once and kept: pictures are known by the hashes behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from nst_core import (
    FoundSide,
    Picture,
    Side,
    Store,
    difference,
    encode_preview,
    encode_view,
    heat_map,
    load_side,
)
from pages._ui.compare_state import SCALES
from pages._ui.viewer import View

CELL_EDGE = 512  # px; a cell is some 300 px wide, and screens have two pixels for one


def view_of(store: Store, found: FoundSide) -> View:
    """Return a side as the viewer shows it.

    Raises:
        NSTError: see :func:`~nst_core.load_side`.
    """
    data, width, height = _encoded(store.place, found.stamp, str(found.side), _store=store)
    return View(data, "image/png", width, height, found.label)


@st.cache_data(max_entries=48, show_spinner="Preparing the picture")
def _encoded(place: str, stamp: str, side: str, *, _store: Store) -> tuple[bytes, int, int]:
    picture = load_side(_store, Side.parse(side)).picture
    return encode_view(picture), picture.width, picture.height


def small_of(store: Store, found: FoundSide) -> bytes:
    """Return a side as a JPEG for a cell of a grid.

    Raises:
        NSTError: see :func:`~nst_core.load_side`.
    """
    return _small(store.place, found.stamp, str(found.side), _store=store)


@st.cache_data(max_entries=128, show_spinner="Treating colours")
def _small(place: str, stamp: str, side: str, *, _store: Store) -> bytes:
    return encode_preview(load_side(_store, Side.parse(side)).picture, CELL_EDGE)


@dataclass(frozen=True)
class Heat:
    """The difference of two pictures.

    Attributes:
        view: the heat map.
        mean: mean CIEDE2000, as in the metrics.
        ssim: of their luminance.
        low, high: the 5th and 95th percentile.
        most: what is drawn in white.
    """

    view: View
    mean: float
    ssim: float
    low: float
    high: float
    most: float


def heat_of(store: Store, a: FoundSide, b: FoundSide, most: float | None) -> Heat:
    """Return the difference of two sides.

    Args:
        most: the CIEDE2000 that is drawn in white; None takes a round number above nearly all.

    Raises:
        NSTError: see :func:`~nst_core.load_side` and :func:`~nst_core.difference`.
    """
    return _heat(store.place, a.stamp, b.stamp, str(a.side), str(b.side), most, _store=store)


@st.cache_data(max_entries=12, show_spinner="Comparing pixel by pixel")
def _heat(
    place: str, stamp_a: str, stamp_b: str, a: str, b: str, most: float | None, *, _store: Store
) -> Heat:
    found = difference(*(load_side(_store, Side.parse(side)).picture for side in (a, b)))
    low, high, nearly_all = map(float, np.quantile(found.map.numpy(), (0.05, 0.95, 0.995)))
    white = most or next((step for step in SCALES if step >= nearly_all), SCALES[-1])
    drawn = Picture(heat_map(found.map, white))
    words = f"CIEDE2000 between A and B, 0 to {white:g}"
    view = View(encode_view(drawn), "image/png", drawn.width, drawn.height, words)
    return Heat(view, found.mean, found.ssim, low, high, white)
