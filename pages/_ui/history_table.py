"""The history of runs as a table whose rows can be ticked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from nst_core import Entry, History, Store
from pages._ui.history_view import zone
from pages._ui.thumbnails import thumbnail_url

TICKED = "runs_ticked"
SALT = "runs_salt"
THUMBNAIL = 96  # px, for a row of ROW_HEIGHT on a screen of two pixels a point
ROW_HEIGHT = 56
HEAD_HEIGHT = 36
MOST_ROWS_SEEN = 9


def ticked(history: History) -> dict[int, str]:
    """Return the ticked runs and their states in the order of their ticks; none is deleted."""
    found: dict[int, str] = {}
    if st.session_state.get(TICKED):
        found.update(history.states(st.session_state[TICKED]))
        st.session_state[TICKED] = list(found)
    return found


def untick(ids: Sequence[int] | None = None) -> None:
    """Untick some runs, or all; the table is drawn as a new one that knows it."""
    kept = st.session_state.get(TICKED, [])
    st.session_state[TICKED] = [] if ids is None else [k for k in kept if k not in ids]
    st.session_state[SALT] = st.session_state.get(SALT, 0) + 1


def take_ticks(ids: Sequence[int]) -> None:
    """Keep what was ticked in the table of the runs ``ids``; ticks in other tables stay."""
    drawn = st.session_state.get(table_key(ids))
    if drawn is not None:
        rows = drawn["selection"]["rows"]
        st.session_state[TICKED] = merged(st.session_state.get(TICKED, []), ids, rows)


def merged(kept: Sequence[int], shown: Sequence[int], rows: Sequence[int]) -> list[int]:
    """Return what is ticked after a table of ``shown`` has said its rows."""
    here = {shown[row] for row in rows if row < len(shown)}
    stay = [run_id for run_id in kept if run_id in here or run_id not in shown]
    return stay + [run_id for run_id in shown if run_id in here and run_id not in stay]


def table_key(ids: Sequence[int]) -> str:
    """Return the table's key: of other rows, another one, since ticks are told by position."""
    rows = hashlib.sha256(repr(list(ids)).encode()).hexdigest()[:16]
    return f"runs_table_{rows}_{st.session_state.get(SALT, 0)}"


def run_table(store: Store, entries: Sequence[Entry]) -> None:
    """Draw the table; ticks that are kept are ticked in it."""
    ids = [entry.run.id for entry in entries]
    kept = st.session_state.get(TICKED, [])
    rows = [row for row, run_id in enumerate(ids) if run_id in kept]
    st.dataframe(
        _frame(store, entries),
        key=table_key(ids),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        hide_index=True,
        row_height=ROW_HEIGHT,
        height=HEAD_HEIGHT + ROW_HEIGHT * min(len(ids), MOST_ROWS_SEEN),
        column_config=_columns(),
        placeholder="",
        alt="Runs",
    )


def _columns() -> dict[str, Any]:
    config = st.column_config
    zone_name = zone().key
    figures: dict[str, Any] = {"format": "%.4g", "width": 90}
    return {
        "picture": config.ImageColumn("", width=84, pinned=True, help="The latest picture, or "
                                      "the content where there is none yet"),
        "run": config.NumberColumn("Run", width=52, format="%d", pinned=True),
        "state": config.TextColumn("State", width=88),
        "content": config.TextColumn("Content", width=120),
        "style": config.TextColumn("Style", width=140, help="All styles of a blend"),
        "created": config.DatetimeColumn("Created", width=130, format="YYYY-MM-DD HH:mm",
                                         timezone=zone_name),
        "rating": config.TextColumn("Rating", width=78),
        "notes": config.TextColumn("Notes", width=170),
        "steps": config.NumberColumn("Steps", width=60, format="%d"),
        "size": config.NumberColumn("Size", width=60, format="%d", help="Long edge in px"),
        "alpha": config.NumberColumn("alpha", help="Content weight", **figures),
        "beta": config.NumberColumn("beta", help="Style weight", width=80, format="scientific"),
        "gamma": config.NumberColumn("gamma", help="Smoothness", **figures),
        "style_distance": config.NumberColumn("Style distance", width=110, format="scientific",
                                              help="To the styles; lower is nearer"),
        "content_distance": config.NumberColumn("Content distance", width=120, format="%.4g",
                                                help="To the content; lower is nearer"),
        "ssim": config.NumberColumn("SSIM", width=70, format="%.3f", help="Structural similarity "
                                    "to the content; 1 is the same"),
        "seconds": config.NumberColumn("Time", width=80, format="%.1f s",
                                       help="Spent computing"),
    }  # fmt: skip


def _frame(store: Store, entries: Sequence[Entry]) -> pd.DataFrame:
    frame = pd.DataFrame([_row(store, entry) for entry in entries])
    figures = ["alpha", "beta", "gamma", "style_distance", "content_distance", "ssim", "seconds"]
    return frame.astype(dict.fromkeys(figures, "float64"))


def _row(store: Store, entry: Entry) -> dict[str, Any]:
    run, metrics = entry.run, entry.metrics
    return {
        "picture": thumbnail_url(store, entry.picture, THUMBNAIL),
        "run": run.id,
        "state": "stopping" if run.cancelling else run.state,
        "content": run.content.name,
        "style": " + ".join(item.name for item in run.styles),
        "created": datetime.fromtimestamp(run.created_at, UTC),
        "rating": "★" * (run.rating or 0),
        "notes": " ".join(run.notes.split())[:200],
        "steps": run.steps,
        "size": run.config.size,
        "alpha": run.config.alpha,
        "beta": run.config.beta,
        "gamma": run.config.gamma,
        "style_distance": metrics and metrics.style_distance,
        "content_distance": metrics and metrics.content_distance,
        "ssim": metrics and metrics.ssim,
        "seconds": run.seconds or None,
    }
