"""A number of a sweep over what was varied, and two of them against each other, as Vega-Lite.

Each chart is one view in layers over one table: that fills the width of a page, and can be drawn
without a browser alike. Text stands on axes, which take the colours of the page's theme.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import pandas as pd

from nst_core.outcomes import pareto_front
from nst_core.sweep_heat import fits_heat_map, grid_heat_map
from nst_core.sweep_layout import (
    Standing,
    direction_of,
    explain_signs,
    sheet_layout,
    sign_of,
    standings,
    summary_text,
    weighing_note,
)
from nst_core.sweep_plan import SweepPlan
from nst_core.sweep_results import NUMBERS, SweepResults
from nst_core.sweep_scales import (
    BEST,
    GREY,
    POINT,
    Trial,
    ValueScale,
    axis_scales,
    chart_title,
    number_axis,
    number_tips,
    spans_decades,
    specification,
    trials_of,
)

Chart = tuple[pd.DataFrame, dict[str, Any]]

MOST_TICKS = 10  # one a value; with more, where they are round
PANEL = 0.8  # of a small chart's share of the width; the rest is a gap
_BEST_APART = alt.condition("datum.sign == '★'", alt.value(BEST), alt.value(POINT))


def sweep_heat_map(results: SweepResults, number: str, *, columns: str | None = None) -> Chart:
    """Return a number over what a sweep varies: a table, and a Vega-Lite of it.

    A grid of two axes or more is a heat map, laid out as :func:`~nst_core.sheet_layout` has it; a
    single axis is a curve; all else is a small chart of points an axis. Means over replicates,
    with their standard deviation.

    Args:
        number: of :data:`~nst_core.sweep_results.NUMBERS`.
        columns: the axis along the top of a heat map; by default the last.

    Raises:
        ConfigError: there is no such number or axis.
    """
    found = standings(results, number)
    layout = sheet_layout(results, columns=columns)
    trials = [trial for trial in trials_of(results) if number in trial.numbers]
    shown = [found[trial.point] for trial in trials if trial.point in found]
    notes = [*explain_signs(shown), weighing_note(results.sweep.plan, number)]
    title = chart_title(NUMBERS[number], [note for note in notes if note])
    if fits_heat_map(layout):
        return grid_heat_map(layout, found, trials, number, title)
    scales = axis_scales(results.sweep.plan)
    if len(scales) == 1:
        ((name, scale),) = scales.items()
        return _curve(trials, name, scale, found, number, title)
    return _panels(trials, scales, found, number, title)


def _point(trial: Trial, found: Mapping[str, Standing], number: str) -> dict[str, Any]:
    """Return what a trial's mark shows and says, besides where it stands."""
    summary = trial.numbers[number]
    return {
        "mean": summary.mean,
        "low": summary.mean - (summary.deviation or 0),
        "high": summary.mean + (summary.deviation or 0),
        "sign": sign_of(found[trial.point]) if trial.point in found else "",
        "cell": trial.title,
        "number": summary_text(summary),
        "runs": trial.runs,
    }


_POINT_COLUMNS = ["mean", "low", "high", "sign", "cell", "number", "runs"]


def _curve(
    trials: Sequence[Trial],
    name: str,
    scale: ValueScale,
    found: Mapping[str, Standing],
    number: str,
    title: alt.TitleParams,
) -> Chart:
    rows = [
        {"value": scale.label(trial.values[name]), **_point(trial, found, number)}
        for trial in trials
    ]
    data = pd.DataFrame(rows, columns=["value", *_POINT_COLUMNS])
    is_log = spans_decades(data["mean"].tolist())
    if is_log:  # which has no place for 0 and below
        data["low"] = data["low"].clip(lower=data["mean"].min() / 2)
    base = alt.Chart().encode(x=_value_axis(name, scale, data), tooltip=number_tips(number))
    y = number_axis(alt.Y, data["mean"], NUMBERS[number], is_log=is_log)
    low = number_axis(alt.Y, data["low"], NUMBERS[number], is_log=is_log)
    line = base.mark_line(color=POINT, strokeWidth=1.6, tooltip=None).encode(y=y)
    layers = [
        base.mark_rule(color=GREY, strokeWidth=1.6).encode(y=low, y2="high:Q"),
        *([] if scale.words else [line]),
        base.mark_point(filled=True, size=80, opacity=1).encode(y=y, color=_BEST_APART),
        _signs(base.encode(y=y)),
    ]
    chart = alt.LayerChart(layer=layers).properties(height=300, title=title)
    return data, specification(chart)


def _signs(base: alt.Chart) -> alt.Chart:
    """Write a point's sign beside it."""
    marks = base.mark_text(dx=12, dy=-8, fontSize=13, tooltip=None)
    signs: alt.Chart = marks.encode(text="sign:N", color=_BEST_APART)
    return signs


def _value_axis(name: str, scale: ValueScale, data: pd.DataFrame) -> alt.X:
    if scale.words:
        labels = [label for _, label in scale.words]
        return alt.X(
            "value:O",
            title=name,
            scale=alt.Scale(domain=labels),
            axis=alt.Axis(labelAngle=0, labelLimit=140, grid=False),
        )
    values = sorted(set(data["value"]))
    return number_axis(
        alt.X,
        data["value"],
        name,
        is_log=scale.is_log,
        ticks=values if len(values) <= MOST_TICKS else (),
    )


def _panels(
    trials: Sequence[Trial],
    scales: Mapping[str, ValueScale],
    found: Mapping[str, Standing],
    number: str,
    title: alt.TitleParams,
) -> Chart:
    """Draw a small chart of points an axis beside each other, over one vertical axis."""
    rows = [
        {"place": _across(k, scale.share(trial.values[name])), **_point(trial, found, number)}
        for trial in trials
        for k, (name, scale) in enumerate(scales.items())
    ]
    data = pd.DataFrame(rows, columns=["place", *_POINT_COLUMNS])
    is_log = spans_decades(data["mean"].tolist())
    y = number_axis(alt.Y, data["mean"], NUMBERS[number], is_log=is_log)
    x = alt.X("place:Q", title=None, scale=alt.Scale(domain=[0, len(scales)]), axis=_names(scales))
    base = alt.Chart().encode(x=x, y=y, tooltip=number_tips(number))
    points = base.mark_point(filled=True, opacity=0.85, size=50).encode(color=_BEST_APART)
    chart = alt.LayerChart(layer=[points, _signs(base)]).properties(height=320, title=title)
    return data, specification(chart)


def _across(k: int, share: float) -> float:
    """Return where a share of the ``k``-th panel stands, in panels from the left."""
    return round(k + (1 - PANEL) / 2 + PANEL * share, 6)


def _names(scales: Mapping[str, ValueScale]) -> alt.Axis:
    """Label each panel with its ends or words, and below with its name; part it from the next."""
    name_line = 2 if any(scale.words for scale in scales.values()) else 1
    lines: dict[float, list[str]] = {}
    for k, (name, scale) in enumerate(scales.items()):
        for turn, (share, text) in enumerate(scale.ticks):
            below = bool(scale.words) and turn % 2  # words take turns, since they are long
            lines[_across(k, share)] = ["", text] if below else [text]
        middle = lines.setdefault(_across(k, 0.5), [])
        middle += [""] * (name_line - len(middle)) + [name]
    lines |= {float(k): [""] for k in range(1, len(scales))}
    return alt.Axis(
        values=sorted(lines),
        labelExpr=f"{json.dumps(list(lines.values()))}"
        f"[indexof({json.dumps(list(lines))}, datum.value)]",
        labelAngle=0,
        labelOverlap=False,
        labelLimit=160,
        gridOpacity=alt.condition("datum.value == floor(datum.value)", alt.value(1), alt.value(0)),
        ticks=False,
    )


# Two numbers


def pareto_chart(
    results: SweepResults, x: str = "content_distance", y: str = "style_distance"
) -> Chart:
    """Return the trials by two numbers, with the front that none beats: a table, and a Vega-Lite.

    Numbers are means over replicates. Which way each is better, the plan's goals say, or the number
    itself; where neither does, there is no front.

    Args:
        x, y: of :data:`~nst_core.sweep_results.NUMBERS`.

    Raises:
        ConfigError: there is no such number.
    """
    plan = results.sweep.plan
    ways = direction_of(plan, x), direction_of(plan, y)
    trials = [trial for trial in trials_of(results) if {x, y} <= trial.numbers.keys()]
    pairs = [(trial.numbers[x].mean, trial.numbers[y].mean) for trial in trials]
    maximise = ways[0] == "maximise", ways[1] == "maximise"
    front = set() if None in ways else set(pareto_front(pairs, maximise=maximise))
    rows = [
        {
            "x": trial.numbers[x].mean,
            "y": trial.numbers[y].mean,
            "is_front": k in front,
            "cell": trial.title,
            "x_text": summary_text(trial.numbers[x]),
            "y_text": summary_text(trial.numbers[y]),
            "runs": trial.runs,
        }
        for k, trial in enumerate(trials)
    ]
    data = pd.DataFrame(rows, columns=["x", "y", "is_front", "cell", "x_text", "y_text", "runs"])
    chart = _front_chart(plan, x, y, data)
    return data, specification(chart)


def _front_chart(plan: SweepPlan, x: str, y: str, data: pd.DataFrame) -> alt.LayerChart:
    is_log = {field: spans_decades(data[field].tolist()) for field in ("x", "y")}
    base = alt.Chart().encode(
        x=number_axis(alt.X, data["x"], _with_way(plan, x), is_log=is_log["x"]),
        y=number_axis(alt.Y, data["y"], _with_way(plan, y), is_log=is_log["y"]),
    )
    # Between two points of the front, what is reached is what the worse of the two reaches
    step: Literal["step-before", "step-after"] = (
        "step-before" if direction_of(plan, x) == "maximise" else "step-after"
    )
    front = base.transform_filter("datum.is_front").mark_line(
        color=BEST, strokeWidth=1.6, interpolate=step
    )
    points = base.mark_point(filled=True, opacity=0.9).encode(
        color=alt.condition("datum.is_front", alt.value(BEST), alt.value(GREY)),
        size=alt.condition("datum.is_front", alt.value(90), alt.value(40)),
        tooltip=[
            alt.Tooltip("cell:N", title="cell"),
            alt.Tooltip("x_text:N", title=NUMBERS[x]),
            alt.Tooltip("y_text:N", title=NUMBERS[y]),
            alt.Tooltip("runs:N", title="run"),
        ],
    )
    more = ["the front: no other trial is better in one and as good in the other"]
    if not data["is_front"].any():
        more = ["no front: not of both it is known which way is better"] if len(data) else []
    return alt.LayerChart(layer=[front, points]).properties(
        height=340, title=chart_title("Trials", more)
    )


def _with_way(plan: SweepPlan, number: str) -> str:
    way = direction_of(plan, number)
    better = {"minimise": ", lower is better", "maximise": ", higher is better"}
    return NUMBERS[number] + (better[way] if way else "")
