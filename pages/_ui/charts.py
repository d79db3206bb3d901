"""The loss chart."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import altair as alt
import streamlit as st

from nst_core import Losses, thin_losses

TITLES = {
    "total": "total",
    "content": "content",
    "style": "style",
    "tv": "TV",
}
COLORS = {"total": "#c2512f", "content": "#3a7ca5", "style": "#7a9e3f", "tv": "#9a7bb0"}


def shown_terms(losses: Losses, *, by_layer: bool) -> dict[str, str]:
    """Return the terms that a chart shows, each with its title.

    Args:
        by_layer: each layer's share instead of the three terms and their total.
    """
    if by_layer:
        return {term: term.replace("/", " ") for term in losses.terms if "/" in term}
    return {term: title for term, title in TITLES.items() if term in losses.terms}


def draw_losses(losses: Losses, *, by_layer: bool = False) -> None:
    """Draw the weighted losses over steps, on a log scale; ``by_layer`` as in `shown_terms`."""
    terms = shown_terms(losses, by_layer=by_layer)
    table = thin_losses(losses, tuple(terms)).rename(columns=terms)
    st.vega_lite_chart(table, loss_spec(tuple(terms.items())), width="stretch")


@lru_cache(maxsize=32)
def loss_spec(terms: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Return the chart's Vega-Lite for (term, title) pairs; its data is a column a title.

    Kept, since each tick draws the chart and Altair takes 30 ms to check a specification.
    """
    titles = [title for _, title in terms]
    if all(term in COLORS for term, _ in terms):
        colors = alt.Scale(domain=titles, range=[COLORS[term] for term, _ in terms])
        legend = alt.Legend(title=None, orient="bottom", columns=2)
    else:  # long names, which a narrow page would cut
        colors = alt.Scale(scheme="tableau10")
        legend = alt.Legend(title=None, orient="bottom", columns=1)
    nearest = alt.selection_point(
        "nearest", on="pointerover", nearest=True, fields=["step"], empty=False
    )
    lines = (
        alt.Chart()
        .transform_fold(list(titles), as_=["term", "loss"])
        .mark_line(strokeWidth=1.6, interpolate="monotone")
        .encode(
            x=alt.X(
                "step:Q", title="step", axis=alt.Axis(tickMinStep=1, grid=False, labelBound=True)
            ),
            y=alt.Y(
                "loss:Q",
                title="weighted loss",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format=".0e", tickCount=4, gridOpacity=0.5),
            ),
            color=alt.Color(
                "term:N",
                scale=colors,
                sort=titles,
                legend=legend,
            ),
        )
    )
    tips = [alt.Tooltip(f"{title}:Q", title=title, format=".4~g") for title in titles]
    rule = (
        alt.Chart()
        .mark_rule()
        .encode(
            x="step:Q",
            opacity=alt.condition(nearest, alt.value(0.5), alt.value(0)),
            tooltip=[alt.Tooltip("step:Q", title="step", format="d"), *tips],
        )
        .add_params(nearest)
    )
    return dict(alt.LayerChart(layer=[lines, rule], height=330).to_dict())
