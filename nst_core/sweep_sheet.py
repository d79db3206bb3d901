"""The contact sheet of a sweep as one picture, for a paper or a slide."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from PIL import Image

from nst_core import __version__
from nst_core.axes import Axis
from nst_core.cells import Cell
from nst_core.config import StyleTransferConfig
from nst_core.differences import describe_value
from nst_core.errors import ConfigError, ImageError, StoreError
from nst_core.image import Picture, load_image, resize
from nst_core.store import Run, Store
from nst_core.store.previews import PREVIEW_EDGE, on_white, to_samples
from nst_core.sweep_drawing import Plate, Sheet, draw_sheet
from nst_core.sweep_layout import (
    SheetLayout,
    Standing,
    axis_labels,
    explain_signs,
    mean_and_spread,
    sheet_layout,
    standings,
    summary_text,
    telling_number,
    weighing_note,
)
from nst_core.sweep_plan import SAMPLERS, SweepPlan
from nst_core.sweep_results import NUMBERS, SweepResults, SweepRun

SMALLEST_EDGE, LARGEST_EDGE = 32, 4096
LETTERS = 30  # of a line of a cell's title
TITLE_LINES = 3
ALWAYS_SAID = ("alpha", "beta", "gamma", "size", "steps", "optimizer", "init", "seed")
NEVER_SAID = ("device", "outputs")
WAITING = {"queued": "waits", "running": "runs", "done": "done, without a picture"}


def contact_sheet(
    store: Store,
    results: SweepResults,
    *,
    number: str | None = None,
    columns: str | None = None,
    replicate: int = 0,
    edge: int = 256,
) -> Picture:
    """Draw a sweep on white: its pictures where :func:`~nst_core.sheet_layout` has them.

    The axes' values stand at the edges; under each picture a number, as its mean over replicates
    and their standard deviation; below all, what every run had. A cell without a picture is a box
    that says why.

    Args:
        number: of :data:`~nst_core.sweep_results.NUMBERS`; None is
            :func:`~nst_core.sweep_layout.telling_number`.
        columns: the axis of a grid along the top; by default the last.
        replicate: whose pictures are shown, from 0.
        edge: long edge of each picture, 32 to 4096 px; smaller ones are not enlarged.

    Returns:
        The picture. Its provenance has the plan under ``"sweep"``, and no run's settings.

    Raises:
        ConfigError: there is no such number, axis or replicate, or the sheet would have more than
            100 megapixels.
    """
    if not SMALLEST_EDGE <= edge <= LARGEST_EDGE:
        raise ConfigError(f"edge must be {SMALLEST_EDGE} to {LARGEST_EDGE} px, got {edge}")
    number = number or telling_number(results)
    found = standings(results, number)
    layout = sheet_layout(results, columns=columns, replicate=replicate)
    title, details = _heading(results, replicate)
    sheet = Sheet(
        title=title,
        details=details,
        side=layout.row_axes[0] if len(layout.row_axes) == 1 else "",
        top=layout.column_axis or "",
        rows=layout.rows,
        columns=layout.columns,
        plates=_plates(store, results, layout, found, number, edge),
        footer=_footer(results, number, found),
    )
    drawn = draw_sheet(sheet, edge, lambda plate: _load(store, plate))
    pixels = torch.from_numpy(np.array(drawn)).permute(2, 0, 1).unsqueeze(0).float() / 255
    provenance = _provenance(results, number, layout, replicate)
    return Picture(pixels, provenance=provenance)


# Plates


def _plates(
    store: Store,
    results: SweepResults,
    layout: SheetLayout,
    found: Mapping[str, Standing],
    number: str,
    edge: int,
) -> list[list[Plate | None]]:
    """Return the plates; boxes are as large as most of the pictures."""
    plates = [
        [None if cell is None else _plate(store, results, cell, edge) for cell in row]
        for row in layout.cells
    ]
    sizes = Counter(plate.size for row in plates for plate in row if plate and plate.file)
    size = sizes.most_common(1)[0][0] if sizes else (edge * 3 // 4, edge)
    return [
        [
            plate
            and replace(
                plate,
                size=plate.size if plate.file else size,
                titles=_titles(cell) if layout.is_flow and cell else (),
                **_standing(results, cell, found, number),
            )
            for plate, cell in zip(row, cells, strict=True)
        ]
        for row, cells in zip(plates, layout.cells, strict=True)
    ]


def _plate(store: Store, results: SweepResults, cell: Cell, edge: int) -> Plate:
    found = results.by_key.get(cell.key)
    if found is None:
        return Plate((0, 0), None, "not run yet")
    run = found.entry.run
    source = _picture_of(store, run, edge)
    if source is None:
        return Plate((0, 0), None, _state(run))
    file, (height, width) = source
    scale = min(1.0, edge / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return Plate(size, file, "its picture is gone")


def _picture_of(store: Store, run: Run, edge: int) -> tuple[str, tuple[int, int]] | None:
    """Return the file that shows a run best, and its full size; None where there is none."""
    last = next(reversed(store.snapshots(run.id)), None)
    if last is not None and (run.state == "done" or last.step >= (run.preview_step or 0)):
        size = last.height, last.width
        # The preview is enough where a large picture is made small
        return last.preview if max(size) > PREVIEW_EDGE >= edge else last.sha256, size
    if run.preview is None:
        return None
    with suppress(StoreError, ImageError):
        return run.preview, load_image(store.read(run.preview)).size
    return None


def _state(run: Run) -> str:
    if run.state == "failed":
        return f"failed: {run.message}" if run.message else "failed"
    return WAITING.get(run.state, run.state)


def _load(store: Store, plate: Plate) -> Image.Image | None:
    if plate.file is None:
        return None
    try:
        picture = load_image(store.read(plate.file))
    except (StoreError, ImageError):
        return None
    return Image.fromarray(to_samples(resize(on_white(picture), plate.size)))


def _titles(cell: Cell) -> tuple[str, ...]:
    """Break a cell's title between its values, where it can be."""
    lines = [""]
    for part in cell.title.split(", "):
        joined = f"{lines[-1]}, {part}" if lines[-1] else part
        if len(joined) <= LETTERS or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(part)
    kept = lines[:TITLE_LINES]
    if len(lines) > TITLE_LINES:
        kept[-1] += ", …"
    return tuple(kept)


def _standing(
    results: SweepResults, cell: Cell | None, found: Mapping[str, Standing], number: str
) -> dict[str, Any]:
    """Return the number that stands below a cell, and whether it is the best."""
    run = None if cell is None else results.by_key.get(cell.key)
    plan = results.sweep.plan
    if not plan.axes:  # every picture is a replicate, with a number of its own
        own = run.numbers.get(number) if run else None
        return {"number": "" if own is None else f"{own:.4g}"}
    standing = found.get(cell.point) if cell else None
    if standing is None:
        return {"number": _progress(run)}
    text = "≈ " * bool(standing.is_noise) + mean_and_spread(standing.summary)
    count = standing.summary.count
    if count < plan.replicates:
        text += f" ({count} of {plan.replicates} runs)"
    return {"number": text, "is_best": standing.is_best}


def _progress(found: SweepRun | None) -> str:
    """Say how far the run of a picture without a number is; a box says its state itself."""
    if found is None or not found.entry.run.step:
        return ""
    run = found.entry.run
    if run.state == "done":
        return "not measured"
    return f"{WAITING.get(run.state, run.state)}, step {run.step} of {run.steps}"


# Words


def _heading(results: SweepResults, replicate: int) -> tuple[str, str]:
    """Return the sweep's title, and what is varied by whom."""
    sweep, plan = results.sweep, results.sweep.plan
    parts = [_varied(axis) for axis in plan.axes]
    varied = f"Varied: {'; '.join(parts)}. " if parts else ""
    who = SAMPLERS[plan.sampler].partition(":")[0]
    goals = " and ".join(f"{goal.direction} {_lowered(NUMBERS[goal.name])}" for goal in plan.goals)
    chosen = f"{who} of {plan.trials} trials" if plan.trials else who
    details = f"{varied}{chosen}{f' to {goals}' if goals else ''}."
    if plan.replicates > 1:
        shown = f", pictures of replicate {replicate + 1}" if plan.axes else ""
        details += f" {plan.replicates} replicates{shown}."
    return f"Sweep {sweep.id}: {sweep.subject}", details


def _lowered(title: str) -> str:
    """Write a number's title within a sentence: ``total loss``, but ``SSIM to the content``."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _varied(axis: Axis) -> str:
    if axis.low is not None and axis.high is not None:
        low, high = axis_labels((axis.low, axis.high))
        return f"{axis.name} {low} to {high}{' (log)' if axis.scale == 'log' else ''}"
    labels = axis_labels(axis.values)
    return f"{axis.name} {', '.join(labels)}"


def _footer(results: SweepResults, number: str, found: Mapping[str, Standing]) -> list[str]:
    plan = results.sweep.plan
    below = f"Below each picture: {_lowered(NUMBERS[number])}"
    if plan.axes:
        lines = ["; ".join([below, *explain_signs(found.values(), best="framed: the best")]) + "."]
    else:
        all_of_them = "".join(f"; all: {summary_text(one.summary)}" for one in found.values())
        lines = [f"{below}{all_of_them}."]
    if note := weighing_note(plan, number):
        lines.append(f"{note}.")
    lines.append(f"All runs: {_common(plan)}.")
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    done = f"{results.states['done']} of {results.planned} runs done"
    return [*lines, f"{done}. NST Lab {__version__}, {when}."]


def _common(plan: SweepPlan) -> str:
    """Say what all runs have: what is always of interest, and what is no default."""
    varied = {axis.name for axis in plan.axes}
    defaults, parts = StyleTransferConfig(), []
    for name in StyleTransferConfig.model_fields:
        value = getattr(plan.base, name)
        if name in varied or name in NEVER_SAID:
            continue
        if name == "seed" and plan.replicates > 1:
            parts.append(f"seeds {value} to {value + plan.replicates - 1}")
        elif name in ("content_layers", "style_layers"):
            kept = tuple(pair for pair in value if f"{name}.{pair.layer}" not in varied)
            if kept and kept != getattr(defaults, name):
                parts.append(f"{name} ({describe_value(kept)})")
        elif name in ALWAYS_SAID or value != getattr(defaults, name):
            parts.append(f"{name} {describe_value(value)}")
    return ", ".join(parts)


def _provenance(
    results: SweepResults, number: str, layout: SheetLayout, replicate: int
) -> dict[str, object]:
    """Return what the sheet shows: a sweep's plan, never one run's settings under ``config``."""
    sweep = results.sweep
    cells = [cell for row in layout.cells for cell in row if cell is not None]
    runs = [
        {"run": found.entry.run.id, "cell": json.loads(cell.to_json())}
        for cell in cells
        if (found := results.by_key.get(cell.key))
    ]
    return {
        "sweep": {
            "id": sweep.id,
            "plan": json.loads(sweep.plan.to_json()),
            "inputs": [item._asdict() for item in sweep.inputs],
            "pictures": {
                name: {value: item.sha256 for value, item in values.items()}
                for name, values in sweep.pictures.items()
            },
            "number": number,
            "columns": layout.column_axis,
            "replicate": replicate,
            "runs": runs,
        },
        "version": __version__,
    }
