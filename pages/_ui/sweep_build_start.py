"""How many runs a sweep has, how long they will take, and the button that starts them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from nst_core import (
    NSTError,
    Store,
    StoredPicture,
    StyleTransferConfig,
    SweepPlan,
    check_plan,
    count_runs,
    estimate_seconds,
    local_executor,
    past_runs,
    plan_notes,
    submit_sweep,
)
from pages._ui.chosen import Chosen
from pages._ui.errors import plain, show_error
from pages._ui.words import about


def start_panel(
    store: Store,
    plan: SweepPlan | NSTError | None,
    now: Chosen,
    pictures: Mapping[str, Mapping[str, StoredPicture]],
    missing: str,
) -> None:
    """Draw the number of runs, the time, notes, and Start.

    Args:
        plan: the sweep, what is wrong with it, or None where ``missing`` says what it lacks.
        now: the pictures that no axis varies.
        pictures: those of the axes; see ``submit_sweep``.
        missing: why it cannot start yet, or nothing.
    """
    if isinstance(plan, SweepPlan):
        plan = _draw_plan(store, plan)
    if isinstance(plan, NSTError):
        show_error(plan)
        missing = "See above what stands in the way."
    runs = count_runs(plan) if isinstance(plan, SweepPlan) else 0
    if st.button(
        f"Start {_runs(runs)}" if runs else "Start",
        key="sweep_start",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=bool(missing) or not runs,
        help=missing or "Queues the runs; they go on when you leave the page.",
    ):
        assert isinstance(plan, SweepPlan)
        _start(store, plan, now, pictures)
    if missing:
        st.caption(missing)


def _draw_plan(store: Store, plan: SweepPlan) -> SweepPlan | NSTError:
    """Say what a sweep comes to; return it, or why it may not start."""
    st.markdown(f"**{_runs(count_runs(plan))}** · {plain(counted(plan))}")
    try:
        check_plan(plan)
        st.caption(plain(timed(store, plan)))
    except NSTError as error:
        return error
    for note in plan_notes(plan):
        st.info(plain(note), icon=":material/info:")
    return plan


def counted(plan: SweepPlan) -> str:
    """Say what makes up the number of runs: ``3 x 3 values, 2 replicates each``."""
    parts = []
    if plan.trials is not None:
        parts.append(_counted(plan.trials, "trial"))
    elif plan.axes:
        sizes = [len(axis.grid) for axis in plan.axes]
        noun = "value" if max(sizes) == 1 else "values"
        parts.append(f"{' x '.join(f'{size:,}' for size in sizes)} {noun}")
    if plan.replicates > 1:
        parts.append(f"{plan.replicates:,} replicates" + (" each" if parts else ""))
    return ", ".join(parts)


def timed(store: Store, plan: SweepPlan) -> str:
    """Say about how long a sweep will take, and by what that is judged."""
    past, devices = past_runs(store), devices_for(plan.base)
    seconds = estimate_seconds(plan, past, devices)
    if seconds is None:
        return (
            "No run has been computed here yet, so the time is unknown; the first run of the sweep "
            "will tell."
        )
    by = f"last {len(past)} runs" if len(past) > 1 else "last run"
    many = f", {devices} runs at a time" if devices > 1 else ""
    line = f"{about(seconds)} on this machine{many}, judged by your {by}."
    return line[0].upper() + line[1:]


def devices_for(config: StyleTransferConfig) -> int:
    """Return how many runs compute at a time: CPUs take part only where there is no GPU."""
    if config.device != "auto":
        return 1
    return len([name for name in local_executor().devices if name != "cpu"]) or 1


def _runs(count: int) -> str:
    return _counted(count, "run")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _start(
    store: Store,
    plan: SweepPlan,
    now: Chosen,
    pictures: Mapping[str, Mapping[str, StoredPicture]],
) -> None:
    try:
        with st.spinner(f"Queueing {_runs(count_runs(plan))} …"):
            sweep_id = submit_sweep(
                store,
                plan,
                now.content,
                [style.picture for style in now.styles],
                content_mask=None if "content" in pictures else now.content_mask,
                style_masks=[style.mask for style in now.styles],
                pictures=pictures,
                at_once=devices_for(plan.base),
            )
        local_executor().wake()
    except NSTError as error:
        show_error(error)
        return
    st.query_params["sweep"] = str(sweep_id)
    st.rerun()
