"""Marks on a ground, by pen, chalk or brush: hatching, dots, dashes, rings and stipple.

A smooth tone makes marks thicker here and thinner there, as an engraver does. Ink and ground are
the darkest and the lightest colour of the palette, or the other way round.
"""

from __future__ import annotations

from math import pi

import numpy as np
import torch
from torch import Tensor

from training.textures.batch import Batch, Cells, choice, covered, line_color, turned
from training.textures.noise import evened, fields, frame, smooth
from training.textures.recipe import log_uniform, sometimes

KINDS = ("hatching", "crosshatching", "dots", "dashes", "rings", "stipple")
_LAYERS = {"hatching": 1, "crosshatching": 3, "dots": 2, "dashes": 4, "rings": 3, "stipple": 5}


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    low, high = {"dots": (4, 22), "rings": (8, 30), "stipple": (2.5, 6), "dashes": (5, 16)}.get(
        kind, (3.5, 14)
    )
    scale = log_uniform(random, low, high)
    return {
        "scale": scale,  # from mark to mark
        "angle": float(random.uniform(0, pi)),
        "warp": sometimes(random, 0.7, 0.1, 0.6),
        "bend": log_uniform(random, 20, 48),
        "thick": float(random.uniform(0.3, 0.75)),  # of the room between marks
        "tone": sometimes(random, 0.7, 0.3, 0.9),  # how much the thickness varies
        "patch": log_uniform(random, 16, 40),  # the tone's scale, px
        "length": log_uniform(random, 3, 8),  # of a dash or a line, in scales
        "crossing": float(random.uniform(pi / 6, pi / 2)),
        "spread": float(random.uniform(0, 0.5)),
        "colored": float(random.uniform() < 0.35),  # each mark has a colour of its own
        "dark": float(random.uniform() < 0.7),
        "wash": sometimes(random, 0.5, 0.1, 0.5),
    }


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3)."""
    at = frame(batch)
    patches, washes = fields(batch, smooth(batch, batch.of_texture("patch")))
    thick = batch.of("thick") * (1 - batch.of("tone") * evened(patches))
    darkest, lightest = batch.palette.extreme(light=False), batch.palette.extreme(light=True)
    ground, ink = choice(batch, "dark", lightest, darkest), line_color(batch)
    wash = batch.palette.paint(evened(washes))
    picture = torch.lerp(ground.expand_as(wash), wash, batch.of("wash").unsqueeze(-1))
    cells = Cells(batch, lambda count: _marks(batch, count))
    kind = batch.kind
    lines = kind in ("hatching", "crosshatching")
    colored = batch.of("colored").unsqueeze(-1)
    for layer in range(_LAYERS[kind]):
        distance, *colors = (_line if lines else _spot)(batch, cells, at, thick, layer)
        color = torch.lerp(ink, torch.stack(colors, -1), colored)
        picture = torch.lerp(picture, color, covered(distance).unsqueeze(-1))
    return picture


def _marks(batch: Batch, count: int) -> Tensor:
    """Return for each cell three random numbers and a colour, (N, count, 6)."""
    colors = batch.palette.color(batch.uniform(count), batch.normal(count, 3))
    return torch.cat((batch.uniform(count, 3), colors), -1)


def _line(
    batch: Batch, cells: Cells, at: tuple[Tensor, Tensor], thick: Tensor, layer: int
) -> tuple[Tensor, ...]:
    """Return the distance from the lines of a hatching, px, and the lines' colours.

    A line goes on for "length" scales and stops for a moment; where further layers cross it,
    they do so only in the darker places.
    """
    scale, length = batch.of("scale"), batch.of("length")
    along, across = turned(*at, layer * batch.of("crossing"))
    along, across = along / (scale * length), across / scale
    row = across.floor()
    start, high, *_ = cells.at(cells.index(torch.zeros_like(row), row))
    column = (along + start).floor()
    _, _, wide, *colors = cells.at(cells.index(column, row))
    middle = 0.5 + batch.of("spread") * (high - 0.5)
    half = 0.5 * (thick - 0.15 * layer) * (0.8 + 0.2 * wide) * scale
    within = (along + start - column - 0.5).abs() * length - 0.5 * length + 0.25
    distance = torch.maximum((across - row - middle).abs() * scale - half, within * scale)
    # Thinner than a pixel a line grows paler, and at last ends.
    return torch.where(half < 0.1, 1, distance), *colors


def _spot(
    batch: Batch, cells: Cells, at: tuple[Tensor, Tensor], thick: Tensor, layer: int
) -> tuple[Tensor, ...]:
    """Return the distance from the spots of a layer, px, and the spots' colours."""
    kind = batch.kind
    long = batch.of("length") if kind == "dashes" else torch.ones_like(thick[:, :1, :1])
    scale = batch.of("scale")
    moved = batch.uniform(3, 1, 1)
    turn = batch.of("spread") * (moved[:, 0] - 0.5) + (layer * pi / 5) * (kind != "dashes")
    along, across = turned(*at, turn)
    along = along / (scale * long) + cells.side * moved[:, 1]
    across = across / scale + cells.side * moved[:, 2]
    column, row = along.floor(), across.floor()
    x, y, size, *colors = cells.at(cells.index(column, row))
    half = 0.5 * (thick * (0.6 + 0.4 * size)).clamp(max=0.95)
    room = 1 - 2 * half
    x = (along - column - 0.5 - (x - 0.5) * (room / long + (1 - 1 / long) * 0.2)) * scale * long
    y = (across - row - 0.5 - (y - 0.5) * room) * scale
    reach = (0.4 * scale * long - half * scale).clamp_min(0) if kind == "dashes" else 0 * long
    distance = torch.hypot((x.abs() - reach).clamp_min(0), y)
    half = half * scale
    if kind == "rings":
        ring = (0.25 * half).clamp_min(0.8)
        return (distance - half + ring).abs() - ring, *colors
    return distance - half, *colors
