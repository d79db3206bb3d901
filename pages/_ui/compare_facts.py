"""What stands under the pictures: metrics, settings that differ, losses together."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import pandas as pd
import streamlit as st

from nst_core import (
    LETTERS,
    FoundSide,
    Losses,
    Metrics,
    NSTError,
    Side,
    Store,
    find_side,
    letters_of,
    losses_together,
    measure_side,
    metric_rows,
    settings_of,
    weights_in_use,
)
from pages._ui.errors import plain, sentence
from pages._ui.weights import in_short
from pages._ui.words import about, duration

PATIENCE = 0.5  # seconds, after which measuring says how far it is
MOST_BESIDE_NOTES = 3  # pictures; a table of more leaves no room for what the metrics say
NOTES = {
    "Steps": "Optimiser steps up to this picture.",
    "Time": "Time spent computing up to this picture.",
}


def show_settings(found: Sequence[FoundSide]) -> None:
    """Draw the settings in which runs differ, or all."""
    st.subheader("Settings that differ", anchor=False)
    runs = list({item.run.id: item.run for item in found}.values())
    shows_all = st.toggle("All settings", key="all_settings")
    rows = [row for row in settings_of(runs) if shows_all or row.differs]
    if not rows:
        one = len(runs) == 1
        st.caption("One run, so one set of settings." if one else "None: all settings are equal.")
        return
    letters = letters_of(found)
    names = [f"{letters[run.id]} · Run {run.id}" for run in runs]
    cells = [[plain(value) for value in row.values] for row in rows]
    table = pd.DataFrame(cells, columns=names, index=[plain(row.name) for row in rows])
    st.table(table, border="horizontal")


def show_losses(store: Store, found: Sequence[FoundSide]) -> None:
    """Draw one loss of all runs in one chart."""
    st.subheader("Losses", anchor=False)
    letters = letters_of(found)
    names = {run_id: f"{letters[run_id]} · Run {run_id}" for run_id in letters}
    losses: dict[str, Losses] = {name: store.losses(run_id) for run_id, name in names.items()}
    terms = list(dict.fromkeys(term for one in losses.values() for term in one.terms))
    if not terms:
        st.caption("No losses were computed yet.")
        return
    term = st.selectbox(
        "Loss",
        terms,
        format_func=lambda term: term.replace("/", " "),
        key="loss_term",
        label_visibility="collapsed",
    )
    data, chart = losses_together(losses, term)
    # By name: Streamlit 1.67 draws a chart of one layer empty when its data comes beside it
    named = {**chart, "data": {"name": "losses"}, "datasets": {"losses": data}}
    st.vega_lite_chart(named, width="stretch")


def show_metrics(store: Store, found: Sequence[FoundSide]) -> list[Metrics | None]:
    """Draw the metrics of all sides, each explained, and return them."""
    st.subheader("Metrics", anchor=False)
    metrics = _measure(store, found)
    rows = metric_rows(metrics)
    cells = [list(map(plain, row.values)) for row in rows]
    cells += [list(map(_steps, found)), list(map(_time, found))]
    notes = {plain(row.title): plain(row.text) for row in rows} | NOTES
    table = pd.DataFrame(cells, columns=list(LETTERS[: len(found)]), index=list(notes))
    if len(found) <= MOST_BESIDE_NOTES:
        table[""] = [f":gray[{note}]" for note in notes.values()]
    st.table(table, border="horizontal")
    if len(found) > MOST_BESIDE_NOTES:
        with st.expander("What the metrics say"):
            st.markdown("\n".join(f"- **{name}:** {note}" for name, note in notes.items()))
    _name_networks(metrics)
    return metrics


def _measure(store: Store, found: Sequence[FoundSide]) -> list[Metrics | None]:
    """Measure all sides; of what takes long, say how far it is."""
    metrics: list[Metrics | None] = []
    bar, began = st.empty(), monotonic()
    for index, item in enumerate(found):
        spent = monotonic() - began
        if spent > PATIENCE:
            left = about(spent / index * (len(found) - index))
            bar.progress(index / len(found), f"Measuring {index + 1} of {len(found)}, {left} left")
        try:
            metrics.append(metrics_of(store, item))
        except NSTError as error:
            metrics.append(None)
            st.warning(sentence(f"{item.label}: {error}"))
    bar.empty()
    return metrics


def _name_networks(metrics: Sequence[Metrics | None]) -> None:
    networks = {one.network_sha256: one for one in metrics if one is not None}
    if not networks:
        return
    one = next(iter(networks.values()))
    words = (
        f"Distances by {in_short(one.network)}: style at {', '.join(one.style_layers)}, content "
        f"at {', '.join(one.content_layers)}."
    )
    st.caption(plain(words))


def metrics_of(store: Store, found: FoundSide) -> Metrics:
    """Return the metrics of a side; what was measured once is kept.

    Raises:
        NSTError: see :func:`~nst_core.measure_side`.
    """
    judge = weights_in_use("auto").stamp
    return _measured(store.place, found.stamp, str(judge), str(found.side), _store=store)


@st.cache_data(max_entries=256, show_spinner="Measuring")
def _measured(place: str, stamp: str, judge: str, side: str, *, _store: Store) -> Metrics:
    return measure_side(_store, find_side(_store, Side.parse(side)))


def _steps(found: FoundSide) -> str:
    return plain("-") if found.snapshot is None else str(found.snapshot.step)


def _time(found: FoundSide) -> str:
    return plain("-") if found.snapshot is None else duration(found.snapshot.seconds)
