"""Runs as lists and thumbnails, and what can be done with one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import streamlit as st

from nst_core import NSTError, Run, Store, cancel_run, local_executor, resume_run
from pages._ui.errors import plain, show_error
from pages._ui.thumbnails import show_picture
from pages._ui.words import COLORS, ICONS, ago, progress_line

STYLIZE = "pages/1_Stylize.py"
COMPARE = "pages/3_Compare.py"


def open_run(run_id: int) -> None:
    """Go to a run's view."""
    st.switch_page(STYLIZE, query_params={"run": str(run_id)})


def show_state(run: Run) -> None:
    """Show a run's state as a badge."""
    word = "stopping" if run.cancelling else run.state
    st.badge(word, icon=ICONS[run.state], color=COLORS[run.state])  # type: ignore[arg-type]


def show_preview(store: Store, run: Run) -> None:
    """Show a run's latest picture, or its content where there is none yet."""
    digest = run.preview or store.picture(run.content.sha256).thumbnail
    show_file(store, digest)


def show_file(store: Store, digest: str, caption: str | None = None) -> bool:
    """Show a picture of the store across the column; say so where it is gone."""
    try:
        data = store.read(digest)
    except NSTError:
        st.caption("This picture is not there any more.")
        return False
    show_picture(data, caption=caption)
    return True


def gallery(store: Store, runs: Sequence[Run], *, columns: int = 4, key: str) -> None:
    """Show runs as thumbnails that open."""
    for start in range(0, len(runs), columns):
        cells = st.columns(columns)
        for cell, run in zip(cells, runs[start : start + columns], strict=False):
            with cell:
                try:
                    show_preview(store, run)
                except NSTError:
                    st.caption("No picture yet.")
                if st.button(
                    f"Run {run.id}", key=f"{key}_{run.id}", width="stretch", help=plain(run.title)
                ):
                    open_run(run.id)
                st.caption(f":{COLORS[run.state]}[{run.state}] · {ago(run.created_at)}")


def show_queue(store: Store, *, besides: int | None = None) -> None:
    """List what runs and waits, besides the run that is shown already."""
    active = store.runs(50, states=("running", "queued"), newest_first=False)
    others = [run for run in active if run.id != besides]
    if not others:
        return
    st.markdown(f"**{'Also in' if besides else 'In'} the queue**")
    for run in others[:8]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"queue_{run.id}"):
            show_state(run)
            if st.button(plain(run.title), key=f"open_{run.id}", type="tertiary"):
                st.query_params["run"] = str(run.id)
                st.rerun(scope="app")
            st.caption(progress_line(run) if run.state == "running" else "waits")
            cancel_button(store, run, label="")
    if len(others) > 8:
        st.caption(f"and {len(others) - 8} more")


def cancel_button(store: Store, run: Run, label: str = "Cancel") -> None:
    """Offer to stop a run; what there is is kept, and it can be resumed."""
    if st.button(
        label,
        key=f"cancel_{'short_' * (not label)}{run.id}",
        icon=":material/stop_circle:",
        disabled=run.cancelling,
        help="Stops after the step in progress and keeps what there is; Resume goes on from there.",
    ):
        attempt(cancel_run, store, run.id)


def resume_button(store: Store, run: Run) -> None:
    """Offer to go on with a run that stopped early."""
    if st.button(
        "Resume",
        key=f"resume_{run.id}",
        type="primary",
        icon=":material/resume:",
        help=f"Goes on from step {run.checkpoint_step}, with the result as if it had not stopped.",
    ):
        attempt(resume_run, store, run.id)


def attempt(action: Callable[[Store, int], None], store: Store, run_id: int) -> None:
    """Do what a button says and draw the page anew; show what went wrong instead."""
    try:
        action(store, run_id)
        local_executor().wake()
    except NSTError as error:
        show_error(error)
        return
    st.rerun(scope="app")


def confirm_delete(
    store: Store, runs: Sequence[Run], keep: Collection[str], after: Callable[[], None]
) -> None:
    """Ask before runs are gone; those that are active stay, and it is said.

    Args:
        keep: pictures that are chosen for the next run, and stay.
        after: called when they are gone, before the page is drawn anew.
    """
    title = "Delete this run?" if len(runs) == 1 else f"Delete {len(runs)} runs?"
    st.dialog(title)(_confirm_delete)(store, runs, keep, after)


def _confirm_delete(
    store: Store, runs: Sequence[Run], keep: Collection[str], after: Callable[[], None]
) -> None:
    active = [run for run in runs if run.is_active]
    if active:
        st.warning(plain(f"{_list(active)}: still at work, and will stay. Cancel first to delete."))
    ended = [run for run in runs if not run.is_active]
    if not ended:
        return
    if len(ended) == 1:
        words = f"Its pictures, losses and log go with it ({ended[0].title}). "
    else:
        words = f"The pictures, losses and logs of {len(ended)} runs go with them: {_list(ended)}. "
    st.write(plain(words) + " Pictures that other runs use stay. This cannot be undone.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="delete_yes"):
            _delete(store, ended, keep, after)
        if st.button("Keep it" if len(ended) == 1 else "Keep them", key="delete_no"):
            st.rerun()


def _list(runs: Sequence[Run], most: int = 8) -> str:
    named = ", ".join(run.title for run in runs[:most])
    return named if len(runs) <= most else f"{named} and {len(runs) - most} more"


def _delete(
    store: Store, runs: Sequence[Run], keep: Collection[str], after: Callable[[], None]
) -> None:
    errors = []
    for run in runs:
        try:
            store.delete_run(run.id, keep=keep)
        except NSTError as error:  # the others can go all the same
            errors.append(error)
    if errors:
        for refusal in errors[:4]:
            show_error(refusal)
        return
    after()
    st.rerun()
