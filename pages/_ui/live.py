"""A run as it goes: progress, picture, chart, snapshots and log, drawn anew every second."""

from __future__ import annotations

import math
import os

import streamlit as st

from nst_core import ConfigError, Losses, NSTError, Run, Store, local_executor
from pages._ui.charts import draw_losses
from pages._ui.errors import sentence
from pages._ui.runs import show_file, show_queue
from pages._ui.words import duration, progress_line

LOG_LINES = 12
FORMER_PREVIEWS = 4


def tick() -> float:
    """Return the seconds between two drawings: ``NST_TICK`` (a slow line may want more), or 1.

    Raises:
        ConfigError: the variable holds no number above 0.
    """
    text = os.environ.get("NST_TICK") or "1"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise ConfigError(f"NST_TICK must be a number of seconds above 0, got {text!r}")
    return seconds


def watch(store: Store, run: Run, *, with_picture: bool) -> None:
    """Show a run, live while it is active; the whole page is drawn anew when its state changes.

    Raises:
        ConfigError: see :func:`tick`.
    """
    every = tick() if run.is_active else None
    st.fragment(_view, run_every=every)(store, run.id, _state(run), with_picture)


def _state(run: Run) -> tuple[str, bool]:
    """Return what the page says of a run outside of its live part."""
    return run.state, run.cancelling


def _view(store: Store, run_id: int, drawn: tuple[str, bool], with_picture: bool) -> None:
    try:
        run = store.run(run_id)
    except NSTError:  # deleted in another tab: the page says so
        st.rerun(scope="app")
    if _state(run) != drawn:
        st.rerun(scope="app")
    _show_progress(store, run)
    if with_picture:
        left, right = st.columns(2, gap="medium")
        with left:
            _show_picture(store, run)
        with right:
            _show_chart(store, run)
    else:
        _show_chart(store, run)
    _show_snapshots(store, run)
    _show_log(store, run)
    if run.is_active:
        show_queue(store, besides=run.id)


def _show_progress(store: Store, run: Run) -> None:
    if run.state == "queued":
        count = store.count_before(run.id)
        text = f"waits for {count} other run{'s' * (count != 1)}" if count else "starts in a moment"
        st.progress(run.step / run.steps, f"Queued: {text}")
        for device in local_executor().status():
            if device.problem:
                st.warning(sentence(device.problem))
    elif run.state == "running":
        text = progress_line(run) if run.step else "Loading the network"
        if run.step == run.steps:
            text = "Measuring the result"
        if run.cancelling:
            text = f"Stopping after step {run.step + 1}"
        st.progress(run.step / run.steps, text)


def _show_picture(store: Store, run: Run) -> None:
    if run.preview is None:
        _show_content(store, run)
        return
    caption = f"Step {run.preview_step}" if run.is_active else None
    try:
        data = store.read(run.preview)
    except NSTError:  # replaced this moment
        _show_content(store, run)
        return
    # It is another at each tick: fetched apart from the page it does not hold up the next tick
    st.image(data, caption=caption, width="stretch")
    _keep_former(run.preview, data)


def _keep_former(preview: str, data: bytes) -> None:
    """Keep the last previews on the page, out of sight.

    Streamlit forgets a picture that is not drawn any more, and a browser behind a slow line may
    still be fetching it.
    """
    kept: list[tuple[str, bytes]] = st.session_state.setdefault("former_previews", [])
    if preview not in [digest for digest, _ in kept]:
        kept.append((preview, data))
        del kept[:-FORMER_PREVIEWS]
    with st.container(key="former"):
        for digest, former in kept:
            if digest != preview:
                st.image(former)


def _show_content(store: Store, run: Run) -> None:
    try:
        thumbnail = store.picture(run.content.sha256).thumbnail
    except NSTError:
        st.caption("The first picture comes with the first step.")
        return
    show_file(store, thumbnail, "The content; the first picture comes with the first step")


def _show_chart(store: Store, run: Run) -> None:
    losses = _losses(store, run)
    if not len(losses):
        st.caption("The loss chart begins with the first step.")
        return
    view = st.segmented_control(
        "Losses",
        ["Terms", "Layers"],
        default="Terms",
        required=True,
        key="loss_view",
        label_visibility="collapsed",
    )
    draw_losses(losses, by_layer=view == "Layers")
    parts = [f"total {run.losses['total']:.4g}"] if run.losses else []
    if run.improvement is not None:
        parts.append(f"improved {run.improvement:.1f} %")
    st.caption(" · ".join([*parts, f"computed for {duration(run.seconds)}"]))


def _losses(store: Store, run: Run) -> Losses:
    """Return the run's losses, reading from the store only what is new."""
    kept: tuple[int, Losses] = st.session_state.get("losses", (0, Losses()))
    known = kept[1] if kept[0] == run.id else Losses()
    last = int(known.steps[-1]) if len(known) else 0
    if last > run.step:  # it went back to its checkpoint
        known, last = Losses(), 0
    fresh = store.losses(run.id, after=last)
    if len(fresh):
        known = known.followed_by(fresh)
    st.session_state["losses"] = (run.id, known)
    return known


def _show_snapshots(store: Store, run: Run) -> None:
    snapshots = store.snapshots(run.id)
    if not snapshots or (run.state == "done" and len(snapshots) == 1):
        return
    st.markdown("**Snapshots**")
    columns = 5 if len(snapshots) > 4 else 4
    for start in range(0, len(snapshots), columns):
        cells = st.columns(columns)
        for cell, item in zip(cells, snapshots[start : start + columns], strict=False):
            with cell:
                show_file(store, item.preview, f"step {item.step} · total {item.total:.3g}")


def _show_log(store: Store, run: Run) -> None:
    lines = store.log(run.id, LOG_LINES if run.is_active else 1000)
    if not lines:
        return
    with (
        st.expander("Log", expanded=run.is_active),
        st.container(height=230, border=False, autoscroll=run.is_active),
    ):
        st.code("\n".join(line.text for line in lines), language=None, wrap_lines=True)
