"""What can be done with a sweep: cancel, resume, extend, begin another from it, delete."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from nst_core import (
    Axis,
    NSTError,
    Store,
    Sweep,
    SweepPlan,
    SweepResults,
    cancel_sweep,
    check_plan,
    delete_sweep,
    estimate_seconds,
    extend_plan,
    extend_sweep,
    local_executor,
    parse_axis,
    past_runs,
    resume_sweep,
)
from pages._ui.chosen import put_pictures
from pages._ui.errors import plain, sentence, show_error
from pages._ui.settings import put_settings
from pages._ui.sweep_axes_state import draft, draft_of, planned_pictures
from pages._ui.sweep_build_start import devices_for
from pages._ui.sweep_view_words import is_going, resumable
from pages._ui.words import about


def sweep_actions(store: Store, results: SweepResults) -> None:
    """Draw the buttons."""
    sweep_id, going = results.sweep.id, is_going(results)
    with st.container(horizontal=True, vertical_alignment="center", key="sweep_actions"):
        if going:
            _cancel_button(store, results)
        if not (going and results.sweep.cancelled_at is not None):
            _resume_button(store, results)
        with st.popover("Extend", icon=":material/add:", key="extend_sweep"):
            st.fragment(_extend)(store, results)
        st.button(
            "New from this one",
            key="new_from_sweep",
            icon=":material/fork_right:",
            help="Puts its pictures, settings and axes into the next sweep, to change and start.",
            on_click=_begin_another,
            args=(store, results),
        )
        if st.button(
            "Delete",
            key="delete_sweep",
            icon=":material/delete:",
            disabled=going,
            help="Cancel it first." if going else None,
        ):
            st.dialog(f"Delete sweep {sweep_id}?")(_confirm_delete)(store, results)
        if st.button("All sweeps", key="all_sweeps", icon=":material/arrow_back:", type="tertiary"):
            st.query_params.clear()
            st.rerun()


def _cancel_button(store: Store, results: SweepResults) -> None:
    stops = results.sweep.cancelled_at is not None
    if st.button(
        "Stopping…" if stops else "Cancel all",
        key="cancel_sweep",
        icon=":material/stop_circle:",
        disabled=stops,
        help="Stops the runs at work after the step in progress, and those that wait at once. "
        "What there is stays; Resume goes on from there.",
    ):
        _attempt(lambda: cancel_sweep(store, results.sweep.id))


def _resume_button(store: Store, results: SweepResults) -> None:
    count = resumable(results)
    if not count:
        return
    failed = results.states["failed"]
    kind = "failed" if failed == count else "stopped" if is_going(results) else "missing"
    words = f"{count} {kind} run{'s' * (count != 1)}"
    if 0 < failed < count:
        words += f", {failed} failed"
    if st.button(
        f"Resume {words}",
        key="resume_sweep",
        type="primary",
        icon=":material/resume:",
        help="Runs what is missing and nothing else; runs that stopped go on from where they were.",
    ):
        _attempt(lambda: resume_sweep(store, results.sweep.id))


def _attempt(action: Callable[[], int]) -> None:
    """Do what a button says and draw the page anew; show what went wrong instead."""
    try:
        try:
            action()
        finally:
            local_executor().wake()  # for what was queued before something went wrong
    except NSTError as error:
        show_error(error)
        return
    st.rerun(scope="app")


def _extend(store: Store, results: SweepResults) -> None:
    sweep, plan = results.sweep, results.sweep.plan
    st.caption("Runs that are there stay as they are; only what is new is computed.")
    texts = _more_values(plan)
    trials, replicates = _more_runs(plan, sweep.id)
    try:
        axes = [_axis(name, text) for name, text in texts.items()]
        larger = extend_plan(plan, axes, trials=trials, replicates=replicates)
        added = check_plan(larger) - results.planned
        words = _what_it_adds(store, results, larger, added) if larger != plan else ""
    except NSTError as error:
        show_error(error)
        words = ""
    st.caption(words or "Give a value that the sweep does not have yet, or ask for more runs.")
    if st.button("Extend", key="extend_go", type="primary", disabled=not words):
        _attempt(lambda: extend_sweep(store, sweep.id, axes, trials=trials, replicates=replicates))


def _more_values(plan: SweepPlan) -> dict[str, str]:
    """Ask for more values of each axis; return what was typed by the axis's name."""
    if plan.sampler == "random" and plan.axes:
        st.caption("A random search takes more trials; other values need a new sweep.")
        return {}
    typed = {}
    for axis in plan.axes:
        if axis.name in ("content", "style"):
            st.caption(f"More pictures of {axis.name} need a new sweep: New from this one.")
            continue
        text = st.text_input(
            f"More of {plain(axis.name)}",
            key=f"extend_{axis.name}",
            placeholder=_example(axis),
            help=plain(f"So far {str(axis).partition('=')[2]}."),
        )
        if text.strip():
            typed[axis.name] = text
    return typed


def _axis(name: str, text: str) -> Axis:
    return parse_axis(text if text.strip().startswith(f"{name}=") else f"{name}={text}")


def _example(axis: Axis) -> str:
    if axis.values:
        return "values with commas between" if len(axis.values) > 1 else "another value"
    ends = f"{axis.low:g}:{axis.high:g}:{axis.scale}"
    return f"values, or a range as {ends}:{axis.count or 3}"


def _more_runs(plan: SweepPlan, sweep_id: int) -> tuple[int | None, int | None]:
    trials = None
    if plan.trials is not None:
        trials = st.number_input(
            "Trials in all", plan.trials, None, plan.trials, key=f"extend_trials_{sweep_id}"
        )
    varies_seed = any(axis.name == "seed" for axis in plan.axes)
    if varies_seed:
        return trials, None
    return trials, st.number_input(
        "Replicates of each",
        plan.replicates,
        None,
        plan.replicates,
        key=f"extend_replicates_{sweep_id}",
        help="How often each choice of values is run, each time with the next seed.",
    )


def _what_it_adds(store: Store, results: SweepResults, plan: SweepPlan, added: int) -> str:
    known = [run.cell.key for run in results.runs]
    own = [(run.entry.run.config, run.numbers["seconds"]) for run in results.runs if run.numbers]
    seconds = estimate_seconds(plan, own or past_runs(store), devices_for(plan.base), done=known)
    words = f"Adds {added} run{'s' * (added != 1)}"
    if missing := resumable(results):
        words += f", and goes on with {missing} that {'is' if missing == 1 else 'are'} missing"
    return f"{words}; {about(seconds)} to compute." if seconds else f"{words}."


def _begin_another(store: Store, results: SweepResults) -> None:
    """Called before the page is drawn, as settings must be put."""
    try:
        if results.runs:
            put_pictures(store, results.runs[0].entry.run)
        _plan_anew(store, results.sweep)
        put_settings(results.sweep.plan.base)
    except NSTError as error:
        st.toast(sentence(str(error)))
        return
    st.query_params.clear()
    st.toast(f"Planned as sweep {results.sweep.id} was: change what you like, and Start.")


def _plan_anew(store: Store, sweep: Sweep) -> None:
    """Put what a sweep varies, and who chose the values, into the next one's plan."""
    now, plan = draft(), sweep.plan
    now.axes.clear()
    for axis in plan.axes:
        known = sweep.pictures.get(axis.name, {})
        now.put(draft_of(axis, [store.recall(known[str(name)]) for name in known]))
    now.sampler, now.trials = plan.sampler, plan.trials or now.trials
    now.replicates, now.sampler_seed = plan.replicates, plan.sampler_seed
    if plan.goals:
        now.goals = [goal.name for goal in plan.goals]
        now.directions = {goal.name: goal.direction for goal in plan.goals}


def _confirm_delete(store: Store, results: SweepResults) -> None:
    count = len(results.runs)
    runs = "Its one run goes" if count == 1 else f"Its {count} runs go"
    st.write(
        f"{runs} with it: pictures, losses and logs. Pictures that other runs use stay. This "
        "cannot be undone."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="delete_sweep_yes"):
            try:
                delete_sweep(store, results.sweep.id, keep=planned_pictures())
            except NSTError as error:
                show_error(error)
                return
            st.query_params.clear()
            st.rerun()
        if st.button("Keep it", key="delete_sweep_no"):
            st.rerun()
