"""Charts of several runs, as Vega-Lite for a page and as SVG for a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from nst_core.store import Losses

MOST_POINTS = 200  # a line; a chart shows no more
COLORS = (
    "#c2512f", "#3a7ca5", "#7a9e3f", "#9a7bb0", "#d49a1f", "#4f9d93", "#b3577f", "#7d7468",
)  # fmt: skip


def thin_losses(losses: Losses, terms: tuple[str, ...], most: int = MOST_POINTS) -> pd.DataFrame:
    """Return at most ``most`` rows of ``losses``, first and last kept, evenly between.

    Zeros have no place on a log scale: they become gaps.
    """
    count = len(losses)
    rows = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    columns = [losses.terms.index(term) for term in terms]
    values = losses.values[rows][:, columns]
    table = pd.DataFrame(np.where(values > 0, values, np.nan), columns=list(terms), dtype="float32")
    table.insert(0, "step", losses.steps[rows].astype("int32"))
    return table


def losses_together(runs: Mapping[str, Losses], term: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return one loss of several runs: columns run, step and loss, and a Vega-Lite of them.

    Args:
        runs: losses by what to call their run; those without ``term`` are left out. The legend
            names those with a line, and each run has its colour whichever others have one.
    """
    tables = []
    for name, losses in runs.items():
        if term in losses.terms:
            table = thin_losses(losses, (term,)).rename(columns={term: "loss"})
            tables.append(table.assign(run=name))
    data = (
        pd.concat(tables, ignore_index=True)
        if tables
        else pd.DataFrame({"step": [], "loss": [], "run": []})
    )
    shown = data.loc[data["loss"].notna(), "run"].unique()
    return data, _together(list(runs), list(shown), term)


def _together(names: list[str], shown: list[str], term: str) -> dict[str, Any]:
    lines = (
        alt.Chart()
        .mark_line(strokeWidth=1.6, interpolate="monotone")
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(tickMinStep=1, grid=False)),
            y=alt.Y(
                "loss:Q",
                title=f"weighted loss, {term}",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format=".0e", tickCount=4, gridOpacity=0.5),
            ),
            color=alt.Color(
                "run:N",
                scale=alt.Scale(domain=names, range=list(COLORS[: len(names)])),
                sort=names,
                legend=alt.Legend(
                    title=None, orient="top", columns=4, labelLimit=320, values=shown
                ),
            ),
            tooltip=[
                alt.Tooltip("run:N", title="run"),
                alt.Tooltip("step:Q", title="step", format="d"),
                alt.Tooltip("loss:Q", title=term, format=".4~g"),
            ],
        )
    )
    return dict(lines.properties(height=300).to_dict())


def chart_svg(data: pd.DataFrame, chart: Mapping[str, Any], *, width: int = 640) -> str:
    """Draw a Vega-Lite chart of ``data`` as SVG, without a browser and without a network."""
    import vl_convert

    rows = data.astype(object).where(data.notna(), None).to_dict("records")
    return vl_convert.vegalite_to_svg({**chart, "data": {"values": rows}, "width": width})
