"""A comparison to take away: one PNG, and one HTML file that opens without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from nst_core import __version__
from nst_core.charts import chart_svg, losses_together
from nst_core.comparison import (
    LETTERS,
    Difference,
    Exhibit,
    FoundSide,
    Side,
    difference,
    letters_of,
    load_side,
)
from nst_core.differences import describe_value, settings_of
from nst_core.image import Picture, encode_png, have_one_shape, load_image
from nst_core.judge import measure_picture, measured_snapshot
from nst_core.metric_notes import METRIC_NOTES
from nst_core.metrics import Metrics
from nst_core.montage import Caption, montage
from nst_core.store import Losses, Run, Store, encode_preview

THUMBNAIL_EDGE = 240  # px
NOTHING = "-"
CURVES = ("total", "content", "style", "tv")


class MetricRow(NamedTuple):
    """A metric of several pictures: its title, one value each as text, and what it says."""

    title: str
    values: tuple[str, ...]
    text: str


def measure_side(store: Store, found: FoundSide) -> Metrics:
    """Return the metrics of a side; those of a raw snapshot are kept in the store.

    Raises:
        NSTError: see :func:`~nst_core.judge.measure_picture`.
    """
    if found.snapshot is not None and found.side.is_raw:
        return measured_snapshot(store, found.run, found.snapshot)
    return measure_picture(store, found.run, load_side(store, found.side).picture)


def metric_rows(metrics: Sequence[Metrics | None]) -> list[MetricRow]:
    """Return a table of metrics, one column a picture; what was not measured is NOTHING."""
    rows = []
    for info in METRIC_NOTES:
        values = [None if one is None else getattr(one, info.name) for one in metrics]
        texts = tuple(_written(value, info.digits) for value in values)
        rows.append(
            MetricRow(f"{info.title} ({info.unit})" if info.unit else info.title, texts, info.text)
        )
    return rows


def _written(value: float | None, digits: str) -> str:
    if value is None:
        return NOTHING
    return f"{value:{digits}}" if value else "0"


def comparison_png(store: Store, sides: Sequence[Side]) -> bytes:
    """Return all sides beside each other in one PNG, each with a caption.

    What stands in it is in its provenance too, under ``"comparison"``.

    Raises:
        NSTError: see :func:`~nst_core.comparison.load_side`.
    """
    exhibits = [load_side(store, side) for side in sides]
    captions = [
        Caption(f"{letter}: {exhibit.found.label}", _details(exhibit.found.run))
        for letter, exhibit in zip(LETTERS, exhibits, strict=False)
    ]
    sheet = montage([exhibit.picture for exhibit in exhibits], captions)
    parts = [
        {"side": str(exhibit.found.side), **exhibit.picture.provenance} for exhibit in exhibits
    ]
    provenance = {"comparison": parts, "version": __version__}
    return encode_png(Picture(sheet.pixels, provenance=provenance))


def _details(run: Run) -> str:
    names = f"{run.content.name} in {' + '.join(item.name for item in run.styles)}"
    config = run.config
    weights = ", ".join(
        f"{name} {describe_value(getattr(config, name))}" for name in ("alpha", "beta", "gamma")
    )
    return f"{names}; {weights}; {run.step} steps"


def comparison_html(store: Store, sides: Sequence[Side], metrics: Sequence[Metrics | None]) -> str:
    """Return a report of all sides: pictures, metrics, settings, losses, inputs.

    One file without any reference to another: pictures are inside as PNG, with their settings, and
    curves as SVG.

    Args:
        metrics: one a side, as :func:`measure_side` returns them; None where it was not measured.

    Raises:
        NSTError: see :func:`~nst_core.comparison.load_side`.
    """
    exhibits = [load_side(store, side) for side in sides]
    found = [exhibit.found for exhibit in exhibits]
    runs = list({item.run.id: item.run for item in found}.values())
    letters = letters_of(found)
    values: dict[str, Any] = {
        "title": " and ".join(f"run {run.id}" for run in runs),
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "figures": [_figure(*pair) for pair in zip(LETTERS, exhibits, strict=False)],
        "letters": list(LETTERS[: len(exhibits)]),
        "metrics": metric_rows(metrics),
        "networks": _networks(metrics),
        "between": _between(exhibits),
        "times": [_time(item) for item in found],
        "runs": [{"name": f"{letters[run.id]}: run {run.id}", "run": run} for run in runs],
        "settings": settings_of(runs),
        "curves": _curves(store, runs, letters),
        "inputs": _inputs(store, runs),
    }
    return _template().render(values)


def _figure(letter: str, exhibit: Exhibit) -> dict[str, Any]:
    picture, found = exhibit.picture, exhibit.found
    return {
        "letter": letter,
        "label": found.label,
        "source": _data_url(encode_png(picture), "image/png"),
        "width": picture.width,
        "height": picture.height,
    }


def _networks(metrics: Sequence[Metrics | None]) -> list[str]:
    """Return what measured; networks of one name and other weights are two."""
    found = {one.network_sha256: one.network for one in metrics if one is not None}
    return sorted(f"{name} (SHA-256 {digest[:8]})" for digest, name in found.items())


def _between(exhibits: Sequence[Exhibit]) -> Difference | None:
    """Return how the two of a pair differ; None for more, or for other shapes."""
    if len(exhibits) != 2:
        return None
    a, b = (exhibit.picture for exhibit in exhibits)
    return difference(a, b) if have_one_shape(a.size, b.size) else None


def _time(found: FoundSide) -> dict[str, str]:
    snapshot = found.snapshot
    if snapshot is None:
        return {"steps": NOTHING, "seconds": NOTHING}
    return {"steps": str(snapshot.step), "seconds": f"{snapshot.seconds:.1f} s"}


def _curves(store: Store, runs: Sequence[Run], letters: Mapping[int, str]) -> list[dict[str, str]]:
    losses: dict[str, Losses] = {
        f"{letters[run.id]}: run {run.id}": store.losses(run.id) for run in runs
    }
    together = {term: losses_together(losses, term) for term in CURVES}
    return [
        {"term": term, "source": _data_url(chart_svg(data, chart).encode(), "image/svg+xml")}
        for term, (data, chart) in together.items()
        if data["loss"].notna().any()  # a term whose weight is 0 has no curve
    ]


def _inputs(store: Store, runs: Sequence[Run]) -> list[dict[str, str]]:
    """Return every picture and mask that went in, once a role, with its hash."""
    items = {(item.role, item.sha256): item for run in runs for item in run.inputs}
    return [
        {
            "role": item.role,
            "name": item.name,
            "sha256": item.sha256,
            "source": _data_url(
                encode_preview(load_image(store.read(item.sha256), name=item.name), THUMBNAIL_EDGE),
                "image/jpeg",
            ),
        }
        for item in items.values()
    ]


def _data_url(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["settings"] = lambda run: json.dumps(
        run.config.model_dump(mode="json"), indent=2
    )
    return environment.from_string(
        (Path(__file__).parent / "templates" / "report.html").read_text("utf-8")
    )
