"""The runs of a sweep as a table that sorts, whose rows can be ticked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from nst_core import (
    MOST_SIDES,
    NUMBERS,
    Store,
    SweepResults,
    SweepRun,
    axis_setting,
    describe_value,
)
from pages._ui.history_table import THUMBNAIL
from pages._ui.sweep_sheet import open_cell
from pages._ui.sweep_view_export import open_compare
from pages._ui.thumbnails import thumbnail_url

ROW_HEIGHT = 56
HEAD_HEIGHT = 36
MOST_ROWS_SEEN = 9


def result_table(store: Store, results: SweepResults) -> None:
    """Draw a row a run, with what can be done with those ticked."""
    if not results.runs:
        st.caption("There are no runs yet.")
        return
    ids = [run.entry.run.id for run in results.runs]
    actions = st.container(horizontal=True, vertical_alignment="center", key="sweep_ticked")
    drawn = st.dataframe(
        result_frame(store, results),
        key=f"sweep_table_{results.sweep.id}_{_stamp(ids)}",
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=HEAD_HEIGHT + ROW_HEIGHT * min(len(ids), MOST_ROWS_SEEN),
        column_config=_columns(results),
        placeholder="",
        alt="Runs of the sweep",
    )
    ticked = [ids[row] for row in drawn.selection.rows if row < len(ids)]
    with actions:
        _ticked_actions(ticked, results.sweep.id)


def _ticked_actions(ticked: Sequence[int], sweep_id: int) -> None:
    words = f"**{len(ticked)} ticked**" if ticked else "Tick rows to open or compare them"
    st.markdown(words, width="content")
    if st.button(
        "Open",
        key="sweep_open",
        icon=":material/open_in_new:",
        disabled=len(ticked) != 1,
        help=None if len(ticked) == 1 else "Tick one row first.",
    ):
        open_cell(ticked[0], sweep_id)
    few = 1 <= len(ticked) <= MOST_SIDES
    if st.button(
        "Compare",
        key="sweep_compare",
        icon=":material/compare:",
        disabled=not few,
        help=None if few else f"Tick one to {MOST_SIDES} rows first.",
    ):
        open_compare(ticked)


def _stamp(ids: Sequence[int]) -> str:
    """Return what tells rows from others: ticks are told by position."""
    return hashlib.sha256(repr(list(ids)).encode()).hexdigest()[:16]


def result_frame(store: Store, results: SweepResults) -> pd.DataFrame:
    """Return a row a run: picture, number, state, the axes' values, and all numbers."""
    names = [axis.name for axis in results.sweep.plan.axes]
    frame = pd.DataFrame([_row(store, run, names) for run in results.runs])
    if results.sweep.plan.replicates == 1:
        frame = frame.drop(columns="replicate")
    return frame.astype(dict.fromkeys(NUMBERS, "float64")).drop(
        columns=[name for name in NUMBERS if name not in results.numbers]
    )


def _row(store: Store, run: SweepRun, names: Sequence[str]) -> dict[str, Any]:
    made = run.entry.run
    return {
        "picture": thumbnail_url(store, made.preview, THUMBNAIL),
        "run": made.id,
        "state": "stopping" if made.cancelling else made.state,
        **{_column(name): _value(run, name) for name in names},
        "replicate": run.cell.replicate + 1,
        **{name: run.numbers.get(name) for name in NUMBERS},
        "message": " ".join(made.message.split())[:300],
    }


def _column(name: str) -> str:
    """Return an axis's column: numbers such as steps are none of NUMBERS, and so never meet one."""
    return f"{name} varied"


def _value(run: SweepRun, name: str) -> Any:
    """Return a value as it sorts: numbers by size, where no word such as auto is among them."""
    value = run.cell.values.get(name)
    setting = axis_setting(name)
    if setting.is_number and not setting.words:
        return value
    return None if value is None else describe_value(value)


def _columns(results: SweepResults) -> dict[str, Any]:
    config = st.column_config
    found: dict[str, Any] = {
        "picture": config.ImageColumn("", width=84, pinned=True),
        "run": config.NumberColumn("Run", width=52, format="%d", pinned=True),
        "state": config.TextColumn("State", width=88),
        "replicate": config.NumberColumn("Replicate", width=80, format="%d"),
        "message": config.TextColumn("Message", width=260),
    }
    for axis in results.sweep.plan.axes:
        setting = axis_setting(axis.name)
        is_number = setting.is_number and not setting.words
        column = config.NumberColumn if is_number else config.TextColumn
        options: dict[str, Any] = {"format": "%.5g"} if is_number else {}
        found[_column(axis.name)] = column(axis.name, width=110, **options)
    for name, title in NUMBERS.items():
        found[name] = config.NumberColumn(title, width=150, format="%.4g")
    return found
