"""Tiles: bricks, checks, triangles, shingles, basket weave and cloth, by hand or by rule.

Each tile has a colour of its own from the palette, or one of two in turn; between tiles there
may be mortar, and tiles may be lit from one side. Drawn at twice the size and halved.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, pi
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.textures.batch import Batch, Cells, covered, line_color, shaded
from training.textures.noise import frame
from training.textures.recipe import log_uniform, sometimes

KINDS = ("bricks", "checks", "triangles", "shingles", "basket weave", "cloth")
FINER = 2


class Tile(NamedTuple):
    """For each pixel (N, F, F) its tile, the distance from its border in px, and where in it.

    `x` and `y` are from -1 to 1 over the tile; `parity` is 0 or 1, for two colours in turn.
    """

    column: Tensor
    row: Tensor
    border: Tensor
    x: Tensor
    y: Tensor
    parity: Tensor


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    scale = log_uniform(random, 4 if kind in ("checks", "cloth") else 6, 24)
    mortar = {"checks": 0.2, "triangles": 0.4, "cloth": 0.7}.get(kind, 0.75)
    return {
        "scale": scale,
        "angle": float(random.uniform(0, pi) if random.uniform() < 0.7 else 0),
        "stretch": log_uniform(random, 1.4, 3.5)
        if kind == "bricks"
        else log_uniform(random, 0.7, 1.5),
        "offset": (0.0, 0.25, 0.33, 0.5, 0.5)[random.integers(5)],
        "warp": sometimes(random, 0.5, 0.1, 0.6),
        "bend": log_uniform(random, 16, 40),
        "mortar": sometimes(random, mortar, 1.0, max(1.6, 0.22 * scale)),
        "dark": float(random.uniform() < 0.6),
        "two": float(random.uniform() < 0.5),  # two colours in turn
        "shade": sometimes(random, 0.5, 0.15, 0.5),
        "round": float(random.uniform() < 0.5),  # the shade is a bulge, not a slope
    }


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3)."""
    scale, stretch = batch.of("scale"), batch.of("stretch").sqrt()
    along, across = frame(batch, finer=FINER)
    long, short = scale * stretch, scale / stretch
    tile = _KINDS[batch.kind](batch, along / long, across / short, long, short)
    cells = Cells(batch, lambda count: _colors(batch, count))
    # For two colours in turn, even rows of the table hold the one and odd rows the other.
    row = torch.where(batch.of("two") > 0.5, 2 * tile.row + tile.parity, tile.row)
    picture = torch.stack(cells.at(cells.index(tile.column, row)), -1)
    bulge = 1 - tile.x.square() - tile.y.square()
    slope = 0.5 * (tile.x + tile.y)
    shade = torch.where(batch.of("round") > 0.5, bulge, slope)
    picture = shaded(picture, batch.of("shade") * shade)
    mortar = batch.of("mortar")
    share = torch.where(mortar > 0, covered(FINER * (tile.border - mortar / 2)), 0)
    picture = torch.lerp(picture, line_color(batch), share.unsqueeze(-1))
    return F.avg_pool2d(picture.permute(0, 3, 1, 2), FINER).permute(0, 2, 3, 1)


def _colors(batch: Batch, count: int) -> Tensor:
    """Return the colours of the tiles in the table, (N, count, 3)."""
    row = torch.arange(count, device=batch.device) // isqrt(count)
    in_turn = 0.08 + 0.84 * (row % 2)
    values = torch.where(batch.of("two")[:, 0] > 0.5, in_turn, batch.uniform(count))
    return batch.palette.color(values, batch.normal(count, 3))


def _bricks(batch: Batch, u: Tensor, v: Tensor, long: Tensor, short: Tensor) -> Tile:
    row = v.floor()
    u = u + batch.of("offset") * row
    column = u.floor()
    x, y = 2 * (u - column) - 1, 2 * (v - row) - 1
    border = 0.5 * torch.minimum((1 - x.abs()) * long, (1 - y.abs()) * short)
    return Tile(column, row, border, x, y, (column + row) % 2)


def _checks(batch: Batch, u: Tensor, v: Tensor, long: Tensor, short: Tensor) -> Tile:
    column, row = u.floor(), v.floor()
    x, y = 2 * (u - column) - 1, 2 * (v - row) - 1
    border = 0.5 * torch.minimum((1 - x.abs()) * long, (1 - y.abs()) * short)
    return Tile(column, row, border, x, y, (column + row) % 2)


def _triangles(batch: Batch, u: Tensor, v: Tensor, long: Tensor, short: Tensor) -> Tile:
    column, row = u.floor(), v.floor()
    x, y = u - column, v - row
    upper = x + y > 1
    x, y = torch.where(upper, 1 - x, x), torch.where(upper, 1 - y, y)
    border = torch.minimum(torch.minimum(x * long, y * short), 0.7 * (1 - x - y) * short)
    return Tile(2 * column + upper, row, border, 3 * x - 1, 3 * y - 1, upper.float())


def _shingles(batch: Batch, u: Tensor, v: Tensor, long: Tensor, short: Tensor) -> Tile:
    """Hang half discs in rows, each row over the next, which is moved by half a disc."""
    row = (2 * v).floor()
    below = v - row / 2
    x = u + row / 2 - (u + row / 2).floor() - 0.5
    edge = 0.5 - torch.hypot(x, below)
    hanging = edge > 0
    row = torch.where(hanging, row, row + 1)
    column = (u + row / 2).floor()
    x = 2 * (u + row / 2 - column) - 1
    y = 2 * torch.where(hanging, below, below - 0.5)
    return Tile(column, row, edge.abs() * short, x, y, row % 2)


def _basket(batch: Batch, u: Tensor, v: Tensor, long: Tensor, short: Tensor) -> Tile:
    """Lay three planks in each square, along and across in turn."""
    column, row = u.floor(), v.floor()
    x, y = u - column, v - row
    turned = (column + row) % 2
    x, y = torch.where(turned > 0, y, x), torch.where(turned > 0, x, y)
    plank = (3 * y).floor()
    x, y = 2 * x - 1, 2 * (3 * y - plank) - 1
    border = 0.5 * torch.minimum((1 - x.abs()) * short, (1 - y.abs()) * short / 3)
    return Tile(column, 3 * row + plank, border, x, y, turned)


def _cloth(batch: Batch, u: Tensor, v: Tensor, long: Tensor, short: Tensor) -> Tile:
    """Weave threads, over two and under two where tiles would be offset, else over one."""
    column, row = u.floor(), v.floor()
    x, y = 2 * (u - column) - 1, 2 * (v - row) - 1
    twill = ((column + row) % 4 >= 2).float()
    upright = torch.where(batch.of("offset") > 0, twill, (column + row) % 2)
    across = torch.where(upright > 0, x, y)
    border = 0.5 * (1 - across.abs()) * torch.where(upright > 0, long, short)
    thread = torch.where(upright > 0, column, row)
    return Tile(thread, upright, border, across, 0 * across, upright)


_KINDS: dict[str, Callable[[Batch, Tensor, Tensor, Tensor, Tensor], Tile]] = {
    "bricks": _bricks,
    "checks": _checks,
    "triangles": _triangles,
    "shingles": _shingles,
    "basket weave": _basket,
    "cloth": _cloth,
}
