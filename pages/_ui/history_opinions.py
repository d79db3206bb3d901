"""Stars and notes, kept as soon as they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from nst_core import History, NSTError, Run
from pages._ui.errors import show_error

DRAWN = "runs_opinions"
COUNTER = "runs_opinion_count"
OVERWRITTEN = "runs_overwritten"


@dataclass
class Drawn:
    """A widget for an opinion: of which run, and the value that it and the store agreed on."""

    run_id: int
    key: str
    known: Any


def save_opinions(history: History) -> None:
    """Keep what a person changed in the widgets that were drawn last.

    Call it first on the page: the table shows what was changed, and a run that is no longer the
    ticked one keeps its notes all the same.
    """
    for name, drawn in list(_drawn().items()):
        given = st.session_state.get(drawn.key, drawn.known)
        if given == drawn.known:
            continue
        former, drawn.known = drawn.known, given
        try:
            if name == "rating":
                history.rate(drawn.run_id, None if given is None else given + 1)
                st.toast(f"Rating of run {drawn.run_id} saved")
            else:
                _write_notes(history, drawn.run_id, former, given)
        except NSTError as error:
            show_error(error)


def _write_notes(history: History, run_id: int, former: str, given: str) -> None:
    stored = history.store.run(run_id).notes
    if stored not in (former, given):  # two people at once: neither's words are lost
        st.session_state[OVERWRITTEN] = (run_id, stored)
    history.write_notes(run_id, given)
    st.toast(f"Notes of run {run_id} saved")


def opinion_widgets(run: Run) -> None:
    """Draw stars and notes as the store has them."""
    stars = None if run.rating is None else run.rating - 1
    st.feedback("stars", default=stars, key=_key("rating", run, stars))
    st.text_area(
        "Notes", run.notes, key=_key("notes", run, run.notes), height=100,
        placeholder="What you saw. Kept when you leave the field.",
    )  # fmt: skip
    run_id, words = st.session_state.get(OVERWRITTEN, (None, ""))
    if run_id == run.id:
        st.caption("Meanwhile another window had written:")
        st.text(words)
        if st.button("Dismiss", key="dismiss_overwritten", type="tertiary"):
            del st.session_state[OVERWRITTEN]
            st.rerun()


def _drawn() -> dict[str, Drawn]:
    found: dict[str, Drawn] = st.session_state.setdefault(DRAWN, {})
    return found


def _key(name: str, run: Run, stored: Any) -> str:
    """Return the widget's key: another one when the value was changed elsewhere.

    The value is told with each drawing and never put into the session, so that a browser which
    missed one drawing cannot answer with an empty widget.
    """
    drawn = _drawn().get(name)
    if drawn is None or (drawn.run_id, drawn.known) != (run.id, stored):
        count = st.session_state[COUNTER] = st.session_state.get(COUNTER, 0) + 1
        drawn = _drawn()[name] = Drawn(run.id, f"runs_{name}_{count}", stored)
    return drawn.key
