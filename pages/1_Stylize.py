"""Give a picture the style of others: inputs on the left, what comes of them on the right."""

from __future__ import annotations

import streamlit as st

from nst_core import (
    ConfigError,
    NSTError,
    Run,
    Store,
    StoredPicture,
    StyleTransferConfig,
    local_executor,
    memory_need,
    submit_run,
)
from pages._ui.chosen import Chosen, chosen, put_pictures, undo_fork
from pages._ui.errors import plain, sentence, show_error
from pages._ui.forks import fork
from pages._ui.live import watch
from pages._ui.pictures import picture_panel
from pages._ui.results import show_result
from pages._ui.runs import (
    cancel_button,
    confirm_delete,
    gallery,
    resume_button,
    show_queue,
    show_state,
)
from pages._ui.settings import put_settings, settings_panel
from pages._ui.settings_state import chosen_weights
from pages._ui.setup import setup_page
from pages._ui.sweep_axes_state import planned_pictures
from pages._ui.weights import chosen_layers, in_short, weights_caption

SWEEP = "pages/2_Sweep.py"


def inputs(store: Store) -> None:
    """Draw pictures, settings and the Run button."""
    with st.container(border=True, key="pictures"):
        now = picture_panel(store)
    config = None
    with st.container(border=True, key="settings"):
        try:
            config = settings_panel(chosen_layers())
        except NSTError as error:
            show_error(error)
    missing = _missing(now)
    if st.button(
        "Run",
        key="run",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=config is None or bool(missing),
        help=missing or "Queues the run; several may wait.",
    ):
        try:
            assert config is not None
            assert now.content is not None
            run_id = submit_run(
                store,
                config,
                now.content,
                [style.picture for style in now.styles],
                content_mask=now.content_mask,
                style_masks=[style.mask for style in now.styles],
                parent_id=now.parent_id,
            )
            local_executor().wake()
        except NSTError as error:
            show_error(error)
            return
        now.parent_id, now.former, now.error = None, None, None
        st.query_params["run"] = str(run_id)
        st.rerun()
    if missing:
        st.caption(missing)
    elif now.parent_id is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="forked"):
            st.caption(f"Forked from run {now.parent_id}", width="content")
            st.button("Undo the fork", key="undo_fork", type="tertiary", on_click=_undo_fork)
    weights_caption(chosen_weights())
    if config is not None and now.content is not None:
        _say_memory(config, now.content)


def _say_memory(config: StyleTransferConfig, content: StoredPicture) -> None:
    try:
        need = memory_need(config, (content.height, content.width))
    except NSTError:  # said when the run is begun
        return
    words = f"A run of this size {need.words()}."
    if need.fits:
        st.caption(words)
    else:
        st.warning(words, icon=":material/warning:")


def _missing(now: Chosen) -> str:
    if now.content is None:
        return "Choose a content image and at least one style image."
    return "" if now.styles else "Choose at least one style image."


def outputs(store: Store) -> None:
    """Draw the run that the address names, or what there is."""
    wanted = st.query_params.get("run")
    if wanted is None:
        _overview(store)
        return
    try:
        if not wanted.isdecimal():
            raise ValueError(f"{wanted!r} is no run's number; open one from the list")
        run = store.run(int(wanted))
    except (NSTError, ValueError) as error:
        show_error(error)
        _overview(store)
        return
    snapshots = store.snapshots(run.id)
    _header(store, run, has_picture=bool(snapshots))
    shows_result = bool(snapshots) and not run.is_active
    if shows_result:
        show_result(store, run, snapshots)
    try:
        watch(store, run, with_picture=not shows_result)
    except ConfigError as error:
        show_error(error)
    if not run.is_active:
        show_queue(store, besides=run.id)


def _header(store: Store, run: Run, *, has_picture: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.title), width="content", anchor=False)
        with st.container(width="content", key="state"):
            show_state(run)
    with st.container(horizontal=True, key="actions"):
        if run.is_active:
            cancel_button(store, run)
        elif run.state != "done":
            resume_button(store, run)
        _fork_buttons(store, run, has_picture=has_picture)
        if not run.is_active and st.button("Delete", key="delete", icon=":material/delete:"):
            confirm_delete(store, [run], planned_pictures(), after=st.query_params.clear)
        if st.button("All runs", key="all_runs", icon=":material/arrow_back:", type="tertiary"):
            st.query_params.clear()
            st.rerun()
    if run.message and not run.is_active:
        show = st.error if run.state == "failed" else st.info
        show(sentence(run.message))
    if run.cell is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="of_sweep"):
            words = f"Run {run.id} is a cell of sweep {run.sweep_id}: {run.cell.title}"
            st.caption(plain(words), width="content")
            st.page_link(SWEEP, label="Open it", query_params={"sweep": str(run.sweep_id)})
    if run.weights:
        st.caption(plain(f"{run.device} · weights: {in_short(run.weights)}"))


def _fork_buttons(store: Store, run: Run, *, has_picture: bool) -> None:
    with st.popover("Fork", icon=":material/fork_right:", key="fork"):
        st.caption("Puts the run's pictures and settings on the left, to change and run anew.")
        st.button(
            "Its settings and pictures", key="fork_settings", on_click=_fork, args=(store, run)
        )
        st.button(
            "Start from its result",
            key="fork_image",
            disabled=not has_picture,
            help="The result becomes the content." if has_picture else "There is no picture yet.",
            on_click=_fork,
            args=(store, run, True),
        )


def _fork(store: Store, run: Run, from_result: bool = False) -> None:
    try:
        fork(store, run, from_result=from_result)
    except NSTError as error:
        chosen().error = ("content", error)


def _undo_fork() -> None:
    config = undo_fork()
    if config is not None:
        put_settings(config)


def _overview(store: Store) -> None:
    if store.count() == 0:
        st.markdown("##### What comes out appears here")
        st.write(
            "Drop in a photograph and a style on the left, or choose both from the samples, and "
            "press **Run**. You can watch the loss fall and the picture change, stop at any "
            "moment, and go on later."
        )
        return
    show_queue(store)
    st.markdown("**Latest runs**")
    gallery(store, store.runs(12), key="latest")


def _restore(store: Store) -> None:
    """After a reload, put back what made the run that the address names."""
    wanted = st.query_params.get("run", "")
    if not chosen().is_empty or not wanted.isdecimal() or st.session_state.get("restored"):
        return
    st.session_state["restored"] = True
    try:
        run = store.run(int(wanted))
        put_pictures(store, run)
        put_settings(run.config)
    except NSTError:
        return  # said on the right


store = setup_page("Stylize")
_restore(store)
left, right = st.columns([4, 7], gap="medium")
with left:
    inputs(store)
with right:
    outputs(store)
