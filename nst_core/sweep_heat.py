"""The heat map of a grid: a number in every cell, on its colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from nst_core.sweep_layout import SheetLayout, Standing, summary_text
from nst_core.sweep_scales import (
    Trial,
    number_scale,
    number_tips,
    short_number,
    specification,
)

SHADES = ("#f6ecd9", "#ecb878", "#d0693c", "#8f3043", "#3f1a3c")  # from low to high, ever darker
INKS = ("#000000", "#ffffff")  # on light and on dark shades
OUTLINE = "#1f8fd0"  # of the best cell, beside any shade
MOST_ROWS, MOST_ACROSS = 40, 24  # more cannot be read
LEADING = 4  # px between lines
LETTERS_ACROSS = 70  # of labels on top; more stand aslant


def fits_heat_map(layout: SheetLayout) -> bool:
    """Whether a sheet has rows and columns, and no more than can be read."""
    return (
        bool(layout.row_axes)
        and len(layout.rows) <= MOST_ROWS
        and len(layout.columns) <= MOST_ACROSS
    )


def grid_heat_map(
    layout: SheetLayout,
    found: Mapping[str, Standing],
    trials: Sequence[Trial],
    number: str,
    title: alt.TitleParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a heat map of ``number``; cells that lack it are left empty.

    Args:
        found, trials: what the points of the sheet came to.
    """
    count = len(layout.columns)
    digits, size = (3, 13) if count <= 8 else (3, 10) if count <= 14 else (2, 9)
    scale = number_scale(standing.summary.mean for standing in found.values())
    runs = {trial.point: trial.runs for trial in trials}
    rows = [
        {
            "column": column,
            "row": label,
            "value": found[cell.point].summary.mean,
            "is_best": found[cell.point].is_best,
            "text": _cell_text(found[cell.point], digits),
            "cell": cell.title,
            "number": summary_text(found[cell.point].summary),
            "runs": runs[cell.point],
        }
        | _colors(scale.share(found[cell.point].summary.mean))
        for label, cells in zip(layout.rows, layout.cells, strict=True)
        for column, cell in zip(layout.columns, cells, strict=True)
        if cell is not None and cell.point in found
    ]
    names = ["column", "row", "value", "is_best", "text", "cell", "number", "runs", "shade", "ink"]
    lines = max((str(row["text"]).count("\n") + 1 for row in rows), default=1)
    chart = _layers(layout, number, size, lines).properties(
        height=len(layout.rows) * (lines * (size + LEADING) + 18),
        title=title,
    )
    return pd.DataFrame(rows, columns=names), specification(chart)


def _layers(layout: SheetLayout, number: str, size: int, lines: int) -> alt.LayerChart:
    letters = max(map(len, layout.columns)) * len(layout.columns)
    x = alt.X(
        "column:O",
        title=layout.column_axis,
        scale=_band(layout.columns),
        axis=alt.Axis(
            orient="top",
            labelAngle=0 if letters <= LETTERS_ACROSS else -40,
            labelLimit=150,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y(
        "row:O",
        # Labels of several axes name them, and are as long as would run into a title
        title=layout.row_axes[0] if len(layout.row_axes) == 1 else None,
        scale=_band(layout.rows),
        axis=alt.Axis(labelLimit=260, ticks=False, domain=False),
    )
    base = alt.Chart().encode(x=x, y=y, tooltip=number_tips(number))
    cells = base.mark_rect(cornerRadius=2).encode(color=alt.Color("shade:N", scale=None))
    best = base.mark_rect(filled=False, stroke=OUTLINE, strokeWidth=3, cornerRadius=2)
    text = base.mark_text(
        fontSize=size,
        lineBreak="\n",
        lineHeight=size + LEADING,
        dy=-(lines - 1) * (size + LEADING) / 2,
    ).encode(text="text:N", color=alt.Color("ink:N", scale=None))
    return alt.LayerChart(layer=[cells, best.transform_filter("datum.is_best"), text])


def _band(labels: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(labels), paddingInner=0.03, paddingOuter=0.015)


def _colors(share: float) -> dict[str, str]:
    """Return the colour at a share from 0 to 1 of SHADES, and what can be read on it."""
    place = share * (len(SHADES) - 1)
    first = min(int(place), len(SHADES) - 2)
    low, high = (bytes.fromhex(color[1:]) for color in SHADES[first : first + 2])
    mixed = [round(a + (b - a) * (place - first)) for a, b in zip(low, high, strict=True)]
    red, green, blue = ((sample / 255) ** 2.2 for sample in mixed)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # At 0.18 black and white stand out alike (WCAG 2.2, contrast ratio)
    return {"shade": f"#{bytes(mixed).hex()}", "ink": INKS[luminance < 0.18]}


def _cell_text(standing: Standing, digits: int) -> str:
    """Write what stands in a cell: ``★ 1.23e5``, below it ``± 4e3``, and ``≈ best``."""
    summary = standing.summary
    lines = [("★ " if standing.is_best else "") + short_number(summary.mean, digits)]
    if summary.deviation is not None:
        lines.append(f"± {short_number(summary.deviation, 1)}")
    if standing.is_noise:
        lines.append("≈ best")
    return "\n".join(lines)
