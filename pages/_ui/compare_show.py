"""The pictures of a comparison: side by side, wiped, blinking, their difference, or a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from nst_core import FoundSide, NSTError, Store, cubehelix
from pages._ui import compare_state
from pages._ui.compare_pictures import Heat, heat_of, small_of, view_of
from pages._ui.compare_state import SCALES, Choice
from pages._ui.errors import plain, show_error
from pages._ui.runs import open_run
from pages._ui.thumbnails import show_picture
from pages._ui.viewer import viewer
from pages._ui.words import pixels

COLUMNS = 4


def show_pair(store: Store, choice: Choice, generation: int, a: FoundSide, b: FoundSide) -> None:
    """Show A and B.

    Raises:
        NSTError: one of them cannot be shown, or they cannot be compared in this view.
    """
    if choice.view == "difference":
        _show_difference(store, choice, generation, a, b)
        return
    first, second = view_of(store, a), view_of(store, b)
    viewer(choice.view, first, second, key="pair")  # type: ignore[arg-type]
    own, other = (pixels(item.width, item.height) for item in (first, second))
    st.caption(
        f"Both are {own}." if own == other else f"A is {own}; B is {other}, and drawn as large."
    )


def _show_difference(
    store: Store, choice: Choice, generation: int, a: FoundSide, b: FoundSide
) -> None:
    scale_slot, mean, words = st.columns([3, 2, 5], gap="medium", vertical_alignment="center")
    with scale_slot:
        scale = st.selectbox(
            "White is a CIEDE2000 of",
            [None, *SCALES],
            index=[None, *SCALES].index(choice.white),
            format_func=lambda most: "nearly the largest" if most is None else f"{most:g}",
            key=f"white_{generation}",
        )
    compare_state.settle(replace(choice, white=scale))
    heat = heat_of(store, a, b, scale)
    mean.metric("Mean CIEDE2000", f"{heat.mean:.2f}", help=CIEDE2000)
    words.caption(
        plain(
            f"Nine pixels in ten lie between {heat.low:.1f} and {heat.high:.1f}. SSIM between A "
            f"and B is {heat.ssim:.3f}."
        )
    )
    viewer("single", heat.view, key="pair")  # the same, so that the zoom stays
    st.html(_legend(heat))


CIEDE2000 = (
    "How far two colours look apart (Sharma, Wu and Dalal 2005): about 1 is just noticeable, "
    "10 is seen at a glance, 100 is black against white."
)


def _legend(heat: Heat) -> str:
    """Return the colour scale under the heat map, as HTML without any text of people."""
    import torch

    colors = cubehelix(torch.linspace(0, 1, 17)).mul(255).round().int().T.tolist()
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in colors)
    marks = "".join(f"<span>{heat.most * k / 4:g}</span>" for k in range(5))
    return (
        f'<div style="max-width:32rem;margin:auto"><div style="height:0.7rem;border-radius:3px;'
        f'background:linear-gradient(90deg, {stops})"></div><div style="display:flex;'
        f'justify-content:space-between;font-size:0.75rem;opacity:0.8">{marks}</div></div>'
    )


def show_grid(store: Store, found: Sequence[FoundSide]) -> None:
    """Show up to eight results beside each other."""
    if not found:
        st.info("Choose runs above, or tick them on the page Runs.")
        return
    for start in range(0, len(found), COLUMNS):
        cells = st.columns(COLUMNS)
        for offset, (cell, item) in enumerate(
            zip(cells, found[start : start + COLUMNS], strict=False)
        ):
            with cell:
                _show_cell(store, item, "ABCDEFGH"[start + offset])


def _show_cell(store: Store, found: FoundSide, letter: str) -> None:
    try:
        show_picture(small_of(store, found))
    except NSTError as error:
        show_error(error)
    if st.button(plain(f"{letter} · {found.run.title}"), key=f"grid_{letter}", width="stretch"):
        open_run(found.run.id)
    st.caption(plain(f"{found.name} · {found.side.treatment}"))
