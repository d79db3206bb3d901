"""The loss chart."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from nst_core import Losses

MOST_POINTS = 200  # a line; a chart shows no more, and each tick sends it anew
TERMS = ("total", "content", "style", "tv")
TITLES = {
    "total": "total",
    "content": "alpha · content",
    "style": "beta · style",
    "tv": "gamma · TV",
}
COLORS = {"total": "#c2512f", "content": "#3a7ca5", "style": "#7a9e3f", "tv": "#9a7bb0"}


def thinned(losses: Losses, terms: tuple[str, ...]) -> pd.DataFrame:
    """Return at most ``MOST_POINTS`` rows of ``losses``, first and last kept, evenly between.

    Zeros have no place on a log scale: they become gaps.
    """
    count = len(losses)
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))
    columns = [losses.terms.index(term) for term in terms]
    values = losses.values[rows][:, columns]
    table = pd.DataFrame(np.where(values > 0, values, np.nan), columns=list(terms), dtype="float32")
    table.insert(0, "step", losses.steps[rows].astype("int32"))
    return table


def loss_chart(losses: Losses, *, by_layer: bool = False) -> alt.LayerChart:
    """Return the chart of weighted losses over steps, on a log scale.

    Args:
        by_layer: show each layer's share instead of the three terms and their total.
    """
    if by_layer:
        terms = tuple(term for term in losses.terms if "/" in term)
        titles = {term: term.replace("/", " ") for term in terms}
        colors = alt.Scale(scheme="tableau10")
    else:
        terms = tuple(term for term in TERMS if term in losses.terms)
        titles = TITLES
        colors = alt.Scale(
            domain=[titles[term] for term in terms], range=[COLORS[term] for term in terms]
        )
    table = thinned(losses, terms).rename(columns=titles)
    names = [titles[term] for term in terms]
    nearest = alt.selection_point(on="pointerover", nearest=True, fields=["step"], empty=False)
    base = alt.Chart(table).transform_fold(list(names), as_=["term", "loss"])
    lines = base.mark_line(strokeWidth=1.6, interpolate="monotone").encode(
        x=alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y(
            "loss:Q",
            title="weighted loss",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(format=".0e", tickCount=4, gridOpacity=0.5),
        ),
        color=alt.Color(
            "term:N",
            scale=colors,
            sort=names,
            legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=200),
        ),
    )
    rule = (
        alt.Chart(table)
        .mark_rule(opacity=0.4)
        .encode(
            x="step:Q",
            opacity=alt.condition(nearest, alt.value(0.5), alt.value(0)),
            tooltip=[
                alt.Tooltip("step:Q", title="step", format="d"),
                *(alt.Tooltip(f"{name}:Q", title=name, format=".4~g") for name in names),
            ],
        )
        .add_params(nearest)
    )
    return alt.LayerChart(layer=[lines, rule], height=330)
