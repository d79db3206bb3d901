"""What can be done with the ticked runs, and how runs come in from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from nst_core import History, NSTError, Store, export_runs, import_runs
from pages._ui.errors import show_error
from pages._ui.forks import fork
from pages._ui.history_table import untick
from pages._ui.runs import STYLIZE, confirm_delete, open_run
from pages._ui.setup import ROOT
from pages._ui.sweep_axes_state import planned_pictures

COMPARE = "pages/3_Compare.py"
MOST_COMPARED = 8
MOST_MEGABYTES = 2048  # of an archive, which no import takes more of
ACTIVE = ("queued", "running")
TAKEN = "runs_import_taken"
CAME = "runs_import_came"


def action_row(store: Store, ticked: Mapping[int, str], shown: Sequence[int]) -> None:
    """Draw how many runs are ticked, and what can be done with them.

    Args:
        ticked: their states by their numbers.
        shown: the runs that the table shows.
    """
    ids = list(ticked)
    with st.container(horizontal=True, vertical_alignment="center", key="run_actions"):
        st.markdown(_how_many(ids, shown), width="content")
        if ids:
            st.button("Untick all", key="untick", type="tertiary", on_click=untick)
        if _button("Open", "open_in_new", "open", len(ids) == 1, "Tick one run"):
            open_run(ids[0])
        few = 1 <= len(ids) <= MOST_COMPARED
        if (ROOT / COMPARE).exists() and _button(
            "Compare", "compare", "compare", few, f"Tick one to {MOST_COMPARED} runs"
        ):
            st.switch_page(COMPARE, query_params={"runs": ",".join(map(str, ids))})
        if _button("Fork", "fork_right", "fork_run", len(ids) == 1, "Tick one run"):
            _fork(store, ids[0])
        if _button("Delete", "delete", "delete_runs", bool(ids), "Tick runs"):
            runs = [entry.run for entry in History(store).entries(ids)]
            confirm_delete(store, runs, planned_pictures(), after=lambda: None)
        _export_button(store, ids, [k for k in ids if ticked[k] in ACTIVE])
        import_runs_button(store)
    say_import()


def _how_many(ids: Sequence[int], shown: Sequence[int]) -> str:
    if not ids:
        return "Nothing ticked"
    elsewhere = sum(run_id not in shown for run_id in ids)
    return f"**{len(ids)} ticked**" + (f", {elsewhere} not on this page" if elsewhere else "")


def _button(label: str, icon: str, key: str, is_possible: bool, what_to_do: str) -> bool:
    return st.button(
        label, key=key, icon=f":material/{icon}:", disabled=not is_possible,
        help=None if is_possible else f"{what_to_do} first.",
    )  # fmt: skip


def _fork(store: Store, run_id: int) -> None:
    try:
        fork(store, store.run(run_id))
    except NSTError as error:
        show_error(error)
        return
    st.switch_page(STYLIZE, query_params={"run": str(run_id)})


def _export_button(store: Store, ids: Sequence[int], active: Sequence[int]) -> None:
    words = "The ticked runs as one ZIP, which Import takes, here or elsewhere."
    if active:
        words = f"Run {active[0]} is still at work: wait, or untick it."
    elif not ids:
        words = "Tick runs first."
    st.download_button(
        "Export",
        lambda: export_runs(store, list(ids)),
        f"run-{ids[0]}.zip" if len(ids) == 1 else f"{len(ids)}-runs.zip",
        "application/zip",
        key="export_runs",
        icon=":material/download:",
        disabled=bool(active) or not ids,
        on_click="ignore",
        help=words,
    )


def import_runs_button(store: Store) -> None:
    """Offer to take in runs that were exported."""
    with st.popover("Import", icon=":material/upload:", key="import_runs"):
        _import(store)


def _import(store: Store) -> None:
    """Take a file as soon as it is there, in the script and once: see decision 5."""
    st.caption("Runs that were exported here or elsewhere, as one ZIP.")
    taken: set[str] = st.session_state.setdefault(TAKEN, set())
    file = st.file_uploader(
        "Runs as ZIP",
        "zip",
        key=f"runs_file_{len(taken)}",
        label_visibility="collapsed",
        max_upload_size=MOST_MEGABYTES,
    )
    if file is None or file.file_id in taken:
        return
    taken.add(file.file_id)
    try:
        with st.spinner("Importing"):
            st.session_state[CAME] = import_runs(store, file.getvalue(), name=file.name)
    except NSTError as error:
        st.session_state[CAME] = error
    st.rerun()


def say_import() -> None:
    """Say what came of the last file, until it is dismissed."""
    came = st.session_state.get(CAME)
    if came is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="imported"):
        if isinstance(came, NSTError):
            show_error(came)
        else:
            st.success(f"Imported {len(came)} {'run' if len(came) == 1 else 'runs'}")
            for run_id in came[:MOST_COMPARED]:
                st.page_link(STYLIZE, label=f"Run {run_id}", query_params={"run": str(run_id)})
        if st.button("Dismiss", key="dismiss_import", type="tertiary"):
            del st.session_state[CAME]
            st.rerun()
