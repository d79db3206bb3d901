"""A measurement of weights in pictures: a contact sheet, and a chart of the curves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from PIL import Image

from benchmarks.weights_record import Record
from benchmarks.weights_report import Measured
from nst_core import Picture, short_value
from nst_core.charts import COLORS
from nst_core.image import fit_size, resize
from nst_core.montage import Caption, montage
from nst_core.store.previews import to_samples

MOST_BYTES = 1_500_000  # of a contact sheet
QUALITIES = (88, 80, 72, 64)
LEAST_EDGE, MOST_EDGE = 192, 256  # px, of a picture on the sheet: captions need room
PANELS = 3  # charts in a row


def contact_sheet(measured: Sequence[Measured], record: Record, beta: float | None = None) -> bytes:
    """Return a JPEG, a row a pair: content, style, and each source.

    Args:
        beta: that of all results; None shows each source where it has about the same content.
    """
    pictures, captions = [], []
    for each in measured:
        pictures += [each.pair.small, each.pair.style]
        captions.append(Caption("content", each.pair.content.name))
        captions.append(Caption("style", each.pair.style.name))
        for name, cell in (each.at_target() if beta is None else each.at(beta)).items():
            pictures.append(record.picture(cell.key))
            captions.append(
                Caption(
                    f"{name}, beta {short_value(cell.beta)}",
                    f"style {cell.style_left:.3f}, content {cell.content_share:.3f}",
                )
            )
    edge = min(max(LEAST_EDGE, *measured[0].pair.small.size), MOST_EDGE)
    fitted = [Picture(resize(p.pixels, fit_size(p.size, edge))) for p in pictures]
    return encode_sheet(montage(fitted, captions, columns=2 + len(measured[0].cells)))


def encode_sheet(sheet: Picture) -> bytes:
    """Return a JPEG of the best quality that fits into ``MOST_BYTES``, else of the least."""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(to_samples(sheet.pixels)).save(buffer, format="JPEG", quality=quality)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


def chart_svg(measured: Sequence[Measured]) -> str:
    """Draw each pair's points, curves and shared range, as SVG."""
    return vl_convert.vegalite_to_svg(_chart(measured).to_dict())


def _chart(measured: Sequence[Measured]) -> alt.FacetChart:
    names = list(measured[0].cells)
    x = alt.X("content:Q", title="content distance", axis=alt.Axis(grid=False, tickCount=5))
    y = alt.Y("style:Q", title="style left", scale=alt.Scale(type="log"))
    color = alt.Color(
        "source:N",
        scale=alt.Scale(domain=names, range=list(COLORS[: len(names)])),
        legend=alt.Legend(title=None, orient="top"),
    )
    base = alt.Chart(pd.DataFrame(_chart_rows(measured)))
    shared = base.transform_filter("datum.kind == 'shared'").mark_rect(color="#888", opacity=0.15)
    curves = base.transform_filter("datum.kind == 'curve'").mark_line(strokeWidth=1.6)
    points = base.transform_filter("datum.kind == 'point'").mark_point(filled=True, size=36)
    layers = alt.layer(
        shared.encode(x=x, x2="end:Q"),
        curves.encode(x=x, y=y, color=color),
        points.encode(x=x, y=y, color=color),
    )
    header = alt.Header(title=None, labelFontSize=12)
    order = [each.pair.name for each in measured]
    return layers.properties(width=270, height=210).facet(
        alt.Facet("pair:N", header=header, sort=order), columns=PANELS
    )


def _chart_rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for each in measured:
        over = each.comparison.over
        if over:
            rows.append(
                {"pair": each.pair.name, "kind": "shared", "content": over[0], "end": over[1]}
            )
        for kind, found in (("point", each.points), ("curve", each.curves)):
            rows += [
                {
                    "pair": each.pair.name,
                    "kind": kind,
                    "source": name,
                    "content": content,
                    "style": style,
                }
                for name, points in found.items()
                for content, style in points
            ]
    return rows
