"""The contact sheet of a sweep: its cells with their latest pictures and one number each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from nst_core import (
    NUMBERS,
    Cell,
    NSTError,
    Run,
    SheetLayout,
    Standing,
    Store,
    SweepResults,
    SweepRun,
    direction_of,
    sheet_layout,
    standings,
    summary_text,
    weighing_note,
)
from pages._ui.errors import plain
from pages._ui.runs import STYLIZE
from pages._ui.sheet import Mark, Size, Tile, lacking, sheet
from pages._ui.thumbnails import thumbnail_url

EDGES: Mapping[Size, int] = {"S": 184, "M": 300, "L": 512}
"""Long edge of a thumbnail in px: what a tile has on a screen of two pixels a point."""
MOST_AT_ONCE = 32  # thumbnails in one drawing; the browser asks for the others


class Shown(NamedTuple):
    """What of a sweep the sheet shows.

    Attributes:
        number: of NUMBERS, under each picture.
        columns: the axis along the top; None where there is no choice.
        replicate: whose pictures, from 0.
        size: of the pictures.
    """

    number: str
    columns: str | None = None
    replicate: int = 0
    size: Size = "M"


def draw_sheet(store: Store, results: SweepResults, shown: Shown) -> None:
    """Draw the sheet and what its marks mean; a click on a cell opens its run."""
    layout = sheet_layout(results, columns=shown.columns, replicate=shown.replicate)
    if not any(cell for row in layout.cells for cell in row):
        st.caption("The first trial is being chosen.")
        return
    stands = standings(results, shown.number)

    def tile(cell: Cell | None) -> Tile | None:
        return None if cell is None else _tile(results, cell, shown, stands)

    tiles = [[tile(cell) for cell in row] for row in layout.cells]
    if layout.is_flow:
        tiles = [[found for row in tiles for found in row if found]]
    pictures = [found.picture for row in tiles for found in row if found and found.picture]
    opened = sheet(
        tiles,
        _thumbnails(store, pictures),
        rows=layout.rows,
        columns=layout.columns,
        row_axis=", ".join(layout.row_axes),
        column_axis=layout.column_axis or "",
        is_flow=layout.is_flow,
        size=shown.size,
        aspect=_aspect(store, results),
        key=f"sheet_{results.sweep.id}",
    )
    st.caption(plain(_legend(results, layout, shown.number, stands)))
    if opened is not None:
        open_cell(opened, results.sweep.id)


def open_cell(run_id: int, sweep_id: int) -> None:
    """Go to a run's view, so that the browser's way back leads to the sweep.

    Streamlit 1.67 notes this page with the other one's query first, and goes to that page then.
    """
    st.switch_page(STYLIZE, query_params={"run": str(run_id), "sweep": str(sweep_id)})


def _tile(results: SweepResults, cell: Cell, shown: Shown, stands: Mapping[str, Standing]) -> Tile:
    found = results.by_key.get(cell.key)
    if found is None:
        words = "waits to be queued" if results.is_active else "missing"
        return Tile(None, "none", cell.title, f"{cell.title}: {words}", words)
    run = found.entry.run
    number = _number(found, shown.number, stands)
    mark = _mark(cell, stands) if results.sweep.plan.axes else ""
    words = state_words(run)
    marked = "no further from the best than noise" if mark == "noise" else mark
    said = [words or f"{NUMBERS[shown.number]} {number}", marked]
    return Tile(
        run.id,
        run.state,
        cell.title,
        f"{cell.title}: {', '.join(filter(None, said))} (run {run.id})",
        words,
        number,
        mark,
        run.step / run.steps if run.state == "running" else None,
        f"{run.preview}.{EDGES[shown.size]}" if run.preview else None,
    )  # fmt: skip


def state_words(run: Run) -> str:
    """Say what a run that is not done does, or how it ended; nothing of one that is done."""
    if run.state == "queued":
        return "waits"
    if run.state == "running":
        if run.cancelling:
            return "stopping"
        if run.step == run.steps:
            return "measuring"
        return f"step {run.step} of {run.steps}" if run.step else "begins"
    if run.state == "failed":
        return f"failed: {run.message}"
    return "" if run.state == "done" else f"{run.state} at step {run.step}"


def _number(found: SweepRun, number: str, stands: Mapping[str, Standing]) -> str:
    """Return a cell's number, over its replicates; its own where nothing else is varied."""
    if found.cell.values and found.cell.point in stands:
        return summary_text(stands[found.cell.point].summary)
    if found.entry.run.state != "done":
        return ""
    return f"{found.numbers[number]:.4g}" if number in found.numbers else "not measured"


def _mark(cell: Cell, stands: Mapping[str, Standing]) -> Mark:
    standing = stands.get(cell.point)
    if standing is None or len(stands) < 2:
        return ""
    return "best" if standing.is_best else "noise" if standing.is_noise else ""


def _legend(
    results: SweepResults, layout: SheetLayout, number: str, stands: Mapping[str, Standing]
) -> str:
    """Say what stands under the pictures, and what the marks mean."""
    plan = results.sweep.plan
    title = NUMBERS[number]
    parts = [f"Under each picture: {title}"]
    if plan.replicates > 1 and plan.axes:
        parts[0] += f", mean ± standard deviation over up to {plan.replicates} replicates"
    if not plan.axes and stands:
        parts.append(f"all replicates together {summary_text(next(iter(stands.values())).summary)}")
    better = direction_of(plan, number)
    if note := weighing_note(plan, number):
        parts.append(f"{note}, so nothing is marked as best")
    elif plan.axes and better and len(stands) > 1:
        parts.append(f"★ best, the {'lowest' if better == 'minimise' else 'highest'}")
    elif plan.axes and better is None:
        parts.append("neither high nor low is better by itself, so nothing is marked as best")
    if any(standing.is_noise for standing in stands.values()):
        parts.append(
            "≈ no further from the best than runs of one cell with other seeds are from each "
            "other: take these as equal until there are more replicates"
        )
    return "; ".join(parts) + "."


def _aspect(store: Store, results: SweepResults) -> float:
    """Return width over height of the first content, which nearly always is that of all."""
    if not results.runs:
        return 1.0
    try:
        content = store.picture(results.runs[0].entry.run.content.sha256)
    except NSTError:
        return 1.0
    return min(max(content.width / content.height, 0.5), 2.0)


def _thumbnails(store: Store, keys: Sequence[str]) -> dict[str, str]:
    """Return those that the browser lacks, a few dozen at a time; ``""`` for what is gone."""
    found = {}
    for key in lacking(keys)[:MOST_AT_ONCE]:
        digest, _, edge = key.rpartition(".")
        found[key] = thumbnail_url(store, digest, int(edge)) or ""
    return found
