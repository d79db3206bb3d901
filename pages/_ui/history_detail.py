"""What there is to see of one ticked run."""

from __future__ import annotations

import streamlit as st

from nst_core import (
    METRIC_NOTES,
    Entry,
    Run,
    Store,
    StyleTransferConfig,
    default_config,
    describe_value,
    metric_rows,
)
from pages._ui.errors import plain, sentence
from pages._ui.history_opinions import opinion_widgets
from pages._ui.runs import show_file, show_state
from pages._ui.words import ago, duration, progress_line


def run_detail(store: Store, entry: Entry) -> None:
    """Draw a run's picture, what people think of it, its settings and its measurements."""
    run = entry.run
    if run.preview or entry.picture:
        show_file(store, run.preview or entry.picture or "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(run.title)}**", width="content")
        with st.container(width="content"):
            show_state(run)
    st.caption(plain(_times(run)))
    if run.message:
        st.caption(sentence(run.message))
    opinion_widgets(run)
    explained = "\n\n".join(f"**{item.title}.** {plain(item.text)}" for item in METRIC_NOTES)
    _lines("Measured", _measured(entry), help_text=explained)
    _lines("Settings that are not the default", _changed(run.config))


def _times(run: Run) -> str:
    parts = [ago(run.created_at)]
    if run.is_active:
        parts.append(progress_line(run))
    elif run.seconds:
        parts.append(f"{run.step} steps in {duration(run.seconds)}")
    if run.parent_id is not None:
        parts.append(f"forked from run {run.parent_id}")
    return " · ".join(parts)


def _measured(entry: Entry) -> list[tuple[str, str]]:
    found = []
    if entry.total is not None:
        found.append(("Total loss", f"{entry.total:.4g}"))
    if entry.metrics is not None:
        rows = metric_rows([entry.metrics])
        found += [(row.title, row.values[0]) for row in rows]
        found.append(("Measured by", entry.metrics.network))
    return found


def _changed(config: StyleTransferConfig) -> list[tuple[str, str]]:
    usual = default_config()
    return [
        (name, describe_value(getattr(config, name)))
        for name in StyleTransferConfig.model_fields
        if getattr(config, name) != getattr(usual, name)
    ]


def _lines(title: str, rows: list[tuple[str, str]], *, help_text: str | None = None) -> None:
    if rows:
        st.caption(title, help=help_text)
        st.markdown("  \n".join(f"{plain(name)}: **{plain(value)}**" for name, value in rows))
