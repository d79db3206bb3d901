"""The history: find runs again, rate them, compare, take away, delete."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from nst_core import ConfigError, Entry, History, Run, Store
from pages._ui.errors import show_error
from pages._ui.history_actions import action_row, import_runs_button, say_import
from pages._ui.history_detail import run_detail
from pages._ui.history_filters import filter_row
from pages._ui.history_opinions import save_opinions
from pages._ui.history_pager import choose_page
from pages._ui.history_table import run_table, take_ticks, ticked
from pages._ui.runs import STYLIZE
from pages._ui.setup import setup_page

ROWS = 50  # a page

# Table and details stand beside each other where there is room for both.
STYLE = """<style>
.st-key-detail img { max-height: 20rem; object-fit: contain; object-position: left; }
@media (max-width: 1000px) {
  .st-key-history [data-testid=stHorizontalBlock]:has(> [data-testid=stColumn]) {
    flex-wrap: wrap; }
  .st-key-history [data-testid=stColumn] { min-width: 100%; }
}
</style>"""


def history_page(store: Store) -> None:
    """Draw the filters, the runs that they leave, and what can be done with those ticked."""
    history = History(store)
    save_opinions(history)
    if store.count() == 0:
        _nothing_yet(store)
        return
    view = filter_row(history)
    count = history.count(view.filter())
    actions = st.container()
    page = choose_page(view, count, ROWS)
    entries = history.find(view.filter(), order=view.order, limit=ROWS, offset=ROWS * (page - 1))
    take_ticks([entry.run.id for entry in entries])
    states = ticked(history)
    with actions:
        action_row(store, states, [entry.run.id for entry in entries])
    with st.container(key="history"):
        _table_and_detail(store, list(states), entries)
    _watch(store, entries)


def _nothing_yet(store: Store) -> None:
    st.markdown("##### No runs yet")
    st.write("Every run that is started here is kept, with its settings, losses and pictures.")
    st.page_link(STYLIZE, label="Make the first one on Stylize", icon=":material/arrow_forward:")
    import_runs_button(store)
    say_import()


def _table_and_detail(store: Store, ids: Sequence[int], entries: Sequence[Entry]) -> None:
    left, right = st.columns([5, 2], gap="medium")
    with left:
        if entries:
            run_table(store, entries)
        else:
            st.info("No run is like this. Loosen a filter, or clear them all above.")
    with right, st.container(border=True, key="detail"):
        chosen = [entry for entry in entries if entry.run.id in ids]
        if len(ids) == 1 and (chosen := chosen or History(store).entries(ids)):
            run_detail(store, chosen[0])
        else:
            st.caption(
                "Tick one run, at the left of its row, to see it here, rate it and take notes; "
                "tick several to compare, export or delete them."
            )


def _watch(store: Store, entries: Sequence[Entry]) -> None:
    """Draw the page anew when an active run that it shows comes to another state."""
    active = [entry.run for entry in entries if entry.run.is_active]
    if not active:
        return
    from pages._ui.live import tick  # with the charts, which this page does without

    try:
        st.fragment(_look, run_every=2 * tick())(store, _states(active))
    except ConfigError as error:
        show_error(error)


def _look(store: Store, drawn: dict[int, tuple[str, bool]]) -> None:
    if _states([entry.run for entry in History(store).entries(list(drawn))]) != drawn:
        st.rerun(scope="app")


def _states(runs: Sequence[Run]) -> dict[int, tuple[str, bool]]:
    return {run.id: (run.state, run.cancelling) for run in runs}


store = setup_page("Runs")
st.html(STYLE)
history_page(store)
