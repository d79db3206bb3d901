"""Parallel coordinates: a line a trial, across all that was varied and what came of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from nst_core.axes import Value
from nst_core.sweep_layout import direction_of, short_value, summary_text
from nst_core.sweep_results import NUMBERS, SweepResults
from nst_core.sweep_scales import (
    GREY,
    POINT,
    Trial,
    ValueScale,
    axis_scales,
    chart_title,
    number_scale,
    spans_decades,
    specification,
    trials_of,
)

COMPARED = ("total", "style_distance", "content_distance", "ssim")
COLD_TO_WARM = ("#3a7ca5", "#9a7bb0", "#c2512f")  # alike in lightness: seen on white and on black
PATCH = "#5f5f5f"  # below white words
LONGEST = 100  # px, of a word
BLANK: Mapping[str, Any] = {
    "kind": "", "trial": -1, "place": "", "share": math.nan, "text": "",
    "color": math.nan, "runs": "",
}  # fmt: skip


def parallel_coordinates(
    results: SweepResults, *, color: str = "total"
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a line a trial over what is varied and what came of it: a table, and a Vega-Lite.

    Each vertical axis has a scale of its own: a log range by its logarithm, and numbers that
    differ by more than a decade too. Words stand in their order. Numbers are means over
    replicates.

    Args:
        color: of :data:`~nst_core.sweep_results.NUMBERS`, by which lines are coloured.

    Raises:
        ConfigError: there is no such number.
    """
    direction_of(results.sweep.plan, color)  # says what is wrong with it
    trials = trials_of(results)
    names = [name for name in NUMBERS if name in COMPARED or name == color]
    means = {name: [t.numbers[name].mean for t in trials if name in t.numbers] for name in names}
    scales = axis_scales(results.sweep.plan)
    places = scales | {NUMBERS[name]: number_scale(found) for name, found in means.items() if found}
    tips = {place: f"v{k}" for k, place in enumerate(places)}
    blank = {**BLANK, **dict.fromkeys(tips.values(), "")}
    rows = [row for k, t in enumerate(trials) for row in _line(k, t, places, tips, color)]
    rows += [
        {"kind": _kind(scale), "place": _two_lines(place), "share": share, "text": text}
        for place, scale in places.items()
        for share, text in scale.ticks
    ]
    data = pd.DataFrame([{**blank, **row} for row in rows], columns=list(blank))
    chart = _chart(list(places), tips, color, means.get(color, []))
    return data, specification(chart)


def _kind(scale: ValueScale) -> str:
    return "word" if scale.words else "end"


def _two_lines(name: str) -> str:
    """Break the name of a setting or a number so that it stands over a narrow axis."""
    field, dot, layer = name.partition(".")
    lines = [field + dot, layer] if dot else textwrap.wrap(name, 14, break_long_words=False)
    return "\n".join(lines if len(lines) > 1 else ["", name])


def _line(
    k: int, trial: Trial, places: Mapping[str, ValueScale], tips: Mapping[str, str], color: str
) -> list[dict[str, Any]]:
    """Return the points of a trial's line, each with all that its tooltip says."""
    values: dict[str, tuple[Value, str]] = {
        name: (value, short_value(value)) for name, value in trial.values.items()
    }
    for name, summary in trial.numbers.items():
        values[NUMBERS[name]] = (summary.mean, summary_text(summary))
    said = {tips[place]: values[place][1] for place in places if place in values}
    hue = trial.numbers[color].mean if color in trial.numbers else math.nan
    fixed = {"kind": "line", "trial": k, "color": hue, "runs": trial.runs}
    return [
        {**fixed, **said, "place": _two_lines(place), "share": scale.share(values[place][0])}
        for place, scale in places.items()
        if place in values
    ]


def _chart(
    places: Sequence[str], tips: Mapping[str, str], color: str, hues: Sequence[float]
) -> alt.LayerChart:
    hover = alt.selection_point("hover", on="pointerover", fields=["trial"], nearest=True)
    x = alt.X(
        "place:N",
        title=None,
        scale=alt.Scale(type="point", domain=[_two_lines(place) for place in places], padding=0.35),
        axis=alt.Axis(
            orient="top",
            labelAngle=0,
            labelExpr=r"split(datum.label, '\n')",
            labelOverlap=False,
            labelPadding=32,
            grid=True,
            gridOpacity=1,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y("share:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
    tooltip = [alt.Tooltip("runs:N", title="run")]
    tooltip += [alt.Tooltip(f"{field}:N", title=place) for place, field in tips.items()]
    base = alt.Chart().encode(x=x, y=y)
    lines = base.transform_filter("datum.kind == 'line'").encode(
        detail="trial:N", tooltip=tooltip, color=_hue(color, hues)
    )
    drawn = lines.mark_line(strokeWidth=1.8).encode(
        opacity=alt.condition(hover, alt.value(0.9), alt.value(0.12))
    )
    points = lines.mark_point(filled=True, size=26).encode(
        opacity=alt.condition(hover, alt.value(0.9), alt.value(0.12))
    )
    ends = base.transform_filter("datum.kind == 'end'").encode(text="text:N")
    low = ends.transform_filter("datum.share < 1").mark_text(dy=14, color=GREY, tooltip=None)
    high = ends.transform_filter("datum.share == 1").mark_text(dy=-12, color=GREY, tooltip=None)
    words = base.transform_filter("datum.kind == 'word'").encode(text="text:N")
    # Lines cross the words, which so stand on patches of their own
    patch = words.mark_text(
        color=PATCH, stroke=PATCH, strokeWidth=9, strokeJoin="round", limit=LONGEST, tooltip=None
    )
    word = words.mark_text(color="white", limit=LONGEST, tooltip=None)
    layers = [drawn, points.add_params(hover), low, high, patch, word]
    more = [f"{NUMBERS[color]}: low is blue, high is orange"] if hues else []
    return alt.LayerChart(layer=layers).properties(height=320, title=chart_title("Trials", more))


def _hue(color: str, hues: Sequence[float]) -> alt.Color | Any:
    """Colour by a number, from cold to warm; where no trial has it, all alike."""
    if not hues:
        return alt.value(POINT)
    is_log = spans_decades(hues)
    return alt.Color(
        "color:Q",
        scale=alt.Scale(
            type="log" if is_log else "linear", range=list(COLD_TO_WARM), interpolate="rgb"
        ),
        legend=None,  # the number's own axis says what the colours mean
    )
