"""The contact sheet of a sweep in the browser; a component of our own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import streamlit as st

Size = Literal["S", "M", "L"]
Mark = Literal["", "best", "noise"]
SENT = "sheet_sent"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Tile:
    """A cell of the sheet as it is drawn; all of it is drawn as plain text.

    Attributes:
        run: the run that a click opens, None where there is none yet.
        state: of the run; ``"none"`` where there is none.
        title: the cell's values, under the picture where tiles flow.
        label: everything about it in one line, for a tooltip and for those who cannot see it.
        words: what stands in the picture's place, or on it.
        number: what stands under it.
        mark: best, or no further from it than noise.
        progress: 0 to 1 while it runs, else None.
        picture: the key of its picture, None without one.
    """

    run: int | None
    state: str
    title: str
    label: str
    words: str = ""
    number: str = ""
    mark: Mark = ""
    progress: float | None = None
    picture: str | None = None


_sheet = st.components.v2.component(
    "nst_sheet",
    html='<div class="sheet"></div>',
    css=(_FOLDER / "sheet.css").read_text("utf-8"),
    js=(_FOLDER / "sheet.js").read_text("utf-8"),
)


def sheet(
    tiles: Sequence[Sequence[Tile | None]],
    pictures: Mapping[str, str],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_axis: str,
    column_axis: str,
    is_flow: bool,
    size: Size,
    aspect: float,
    key: str,
) -> int | None:
    """Draw the sheet; return the run that was clicked.

    Args:
        tiles: row by row; None is an empty place.
        pictures: the pictures that the browser lacks, by their keys, as data: URLs; see
            :func:`lacking`.
        rows, columns: the labels at the edges; not drawn where tiles flow.
        aspect: of the pictures, width over height.
    """
    shown = _sheet(
        key=key,
        data={
            "cells": [[tile and asdict(tile) for tile in row] for row in tiles],
            "pictures": dict(pictures),
            "rows": list(rows),
            "columns": list(columns),
            "rowAxis": row_axis,
            "columnAxis": column_axis,
            "isFlow": is_flow,
            "size": size,
            "aspect": round(aspect, 4),
        },
        on_open_change=lambda: None,
        on_wanted_change=partial(_note_wanted, key),
    )
    note_sent(pictures)
    opened: Any = shown.open
    return opened if isinstance(opened, int) else None


def lacking(keys: Collection[str]) -> list[str]:
    """Return which pictures this tab's browser was not sent yet, in their order.

    What was sent and is not there (a lost message, a browser that let it go) it asks for again.
    """
    sent = st.session_state.get(SENT, set())
    return [key for key in dict.fromkeys(keys) if key not in sent]


def note_sent(keys: Collection[str]) -> None:
    """Remember that the browser has these pictures."""
    st.session_state.setdefault(SENT, set()).update(keys)


def _note_wanted(key: str) -> None:
    wanted: Any = st.session_state[key].get("wanted")
    if isinstance(wanted, list):
        st.session_state.setdefault(SENT, set()).difference_update(map(str, wanted))
