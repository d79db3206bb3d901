"""What came out of a sweep, in tabs: charts, a table, and the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from nst_core import (
    NUMBERS,
    SAMPLERS,
    NSTError,
    Store,
    StyleTransferConfig,
    SweepResults,
    chart_svg,
    describe_value,
    load_results,
    parallel_coordinates,
    pareto_chart,
    plan_notes,
    sweep_heat_map,
)
from pages._ui.errors import plain, show_error
from pages._ui.history_view import zone
from pages._ui.sweep_sheet import Shown
from pages._ui.sweep_view_table import result_table

Chart = tuple[pd.DataFrame, Mapping[str, Any]]


def show_facts(store: Store, sweep_id: int, shown: Shown) -> None:
    """Draw the tabs; only the open one is computed."""
    try:
        results = load_results(store, sweep_id)
    except NSTError:  # deleted in another tab: the live part says so
        return
    draws: dict[str, Callable[[], None]] = {
        "Heat map": lambda: _heat_map(results, shown),
        "Parallel coordinates": lambda: _parallel(results, shown),
        "Pareto front": lambda: _pareto(results),
        "Table": lambda: result_table(store, results),
        "Plan": lambda: _plan(results),
    }
    tabs = st.tabs(list(draws), key=f"sweep_tabs_{sweep_id}", on_change="rerun")
    for tab, draw in zip(tabs, draws.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    draw()
                except NSTError as error:
                    show_error(error)


def _heat_map(results: SweepResults, shown: Shown) -> None:
    if _has_numbers(results):
        chart = sweep_heat_map(results, shown.number, columns=shown.columns)
        _draw(chart, f"sweep-{results.sweep.id}_heat-map")


def _parallel(results: SweepResults, shown: Shown) -> None:
    if not results.sweep.plan.axes:
        st.caption("Nothing but the seed is varied, so there is no axis to draw.")
    elif _has_numbers(results):
        chart = parallel_coordinates(results, color=shown.number)
        _draw(chart, f"sweep-{results.sweep.id}_parallel-coordinates")


def _pareto(results: SweepResults) -> None:
    if not _has_numbers(results):
        return
    numbers = results.numbers
    goals = [goal.name for goal in results.sweep.plan.goals]
    wanted = [*goals[:2], "content_distance", "style_distance", "content", "style", *numbers]
    first, second = [name for name in dict.fromkeys(wanted) if name in numbers][:2]
    with st.container(horizontal=True, key="sweep_pareto"):
        x = _number("Across", numbers, first, f"sweep_x_{results.sweep.id}")
        y = _number("Upwards", numbers, second, f"sweep_y_{results.sweep.id}")
    if x == y:
        st.caption("Choose two different numbers.")
        return
    _draw(pareto_chart(results, x, y), f"sweep-{results.sweep.id}_pareto_{x}_{y}")


def _number(label: str, numbers: list[str], first: str, key: str) -> str:
    return st.selectbox(
        label,
        numbers,
        index=numbers.index(first),
        key=key,
        format_func=lambda name: NUMBERS[name],
        width=230,
    )


def _has_numbers(results: SweepResults) -> bool:
    if not results.numbers:
        st.caption("The chart begins with the first run that is done.")
    return bool(results.numbers)


def _draw(chart: Chart, name: str) -> None:
    data, spec = chart
    # By name: Streamlit 1.67 draws a chart of one layer empty when its data comes beside it
    named = {**spec, "data": {"name": "sweep"}, "datasets": {"sweep": data}}
    st.vega_lite_chart(named, width="stretch")
    st.download_button(
        "SVG",
        lambda: chart_svg(data, spec),
        f"{name}.svg",
        "image/svg+xml",
        key=f"download_{name}",
        icon=":material/download:",
        on_click="ignore",
        help="The chart as a drawing that scales.",
    )


def _plan(results: SweepResults) -> None:
    for note in plan_notes(results.sweep.plan):
        st.info(plain(note))
    rows = {plain(name): plain(text) for name, text in plan_rows(results).items()}
    st.table(pd.DataFrame({"": list(rows.values())}, index=list(rows)), border="horizontal")


def plan_rows(results: SweepResults) -> dict[str, str]:
    """Return the plan in words, by name."""
    sweep, plan = results.sweep, results.sweep.plan
    rows: dict[str, str] = {}
    for item in sweep.inputs:
        if item.role != "style":
            rows[item.role] = item.name
    if styles := [item.name for item in sweep.inputs if item.role == "style"]:
        rows["style"] = " + ".join(styles)
    for axis in plan.axes:
        rows[f"varied: {axis.name}"] = str(axis).partition("=")[2]
    rows["chosen by"] = SAMPLERS[plan.sampler]
    if plan.goals:
        rows["goals"] = ", ".join(f"{goal.direction} {NUMBERS[goal.name]}" for goal in plan.goals)
    if plan.trials is not None:
        rows["trials"] = str(plan.trials)
        rows["seed of the sampler"] = str(plan.sampler_seed)
    if not plan.is_fixed:
        rows["trials at a time"] = str(sweep.at_once)
    rows["replicates"] = str(plan.replicates)
    default = StyleTransferConfig()
    for name in StyleTransferConfig.model_fields:
        value = getattr(plan.base, name)
        if value != getattr(default, name):
            rows[name] = describe_value(value)
    rows["all other settings"] = "as they are by default"
    created = datetime.fromtimestamp(sweep.created_at, UTC).astimezone(zone())
    rows["created"] = f"{created:%Y-%m-%d %H:%M}"
    return rows
