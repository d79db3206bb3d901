"""Dead leaves: shapes of power-law sizes that fall on one another and hide what lies below.

Leaves are ellipses, rectangles, polygons or strokes, flat, shaded or striped, some outlined.
Source: Lee, Mumford and Huang, "Occlusion models for natural images", 2001. Here the leaves of
one layer do not overlap: each lies in a cell of a grid of its own, turned and moved at random,
and layers hide one another. In a layer leaves are of one size but for a factor; as a layer of
small cells holds many leaves, sizes of layers drawn uniformly in the logarithm give the paper's
scale-invariant density r^-3.
"""

from __future__ import annotations

from math import pi, tau

import numpy as np
import torch
from torch import Tensor

from training.textures.batch import Batch, Cells, covered, line_color, shaded, turned
from training.textures.noise import frame
from training.textures.recipe import log_uniform, sometimes

KINDS = ("ellipses", "rectangles", "polygons", "strokes", "mixed shapes")
LAYERS = 14
GOLDEN = 0.618034
_SHAPES = KINDS[:-1]


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    scale = log_uniform(random, 5, 20)
    strokes = kind == "strokes"
    return {
        "scale": scale,  # the middle of the sizes
        "range": log_uniform(random, 1.3, 3.5),  # sizes are from scale / range to scale * range
        "power": float(random.uniform(2.2, 3.8)),
        "first": float(random.uniform()),  # where in the range the uppermost layer's size is
        "angle": float(random.uniform(0, pi)),
        "stretch": log_uniform(random, 3, 6) if strokes else log_uniform(random, 1, 2.5),
        "spread": float(random.uniform(0.05, 0.5 if random.uniform() < 0.7 else pi)),
        "corners": float(random.integers(3, 7)),
        "warp": sometimes(random, 0.7 if strokes else 0.3, 0.2, 0.7),
        "bend": log_uniform(random, 24, 48),
        "shade": sometimes(random, 0.5, 0.1, 0.6),
        "stripes": sometimes(random, 0.6 if strokes else 0.3, 0.1, 0.4),
        "outline": sometimes(random, 0.35, 0.8, 1.8),
        "dark": float(random.uniform() < 0.75),
    }


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3), the uppermost layer first."""
    along, across = frame(batch)
    cells = Cells(batch, lambda count: _leaves(batch, count))
    kind = batch.kind
    outline = line_color(batch)
    picture = torch.zeros((*along.shape, 3), device=batch.device)
    seen = torch.ones_like(along)
    for layer in range(LAYERS):
        shape = _SHAPES[layer % len(_SHAPES)] if kind == "mixed shapes" else kind
        colors, share = _layer(
            batch, cells, shape, (along, across), outline, _cell_size(batch, layer)
        )
        picture += (seen * share).unsqueeze(-1) * colors
        seen = seen * (1 - share)
    ground = batch.palette.color(batch.uniform(1)).unsqueeze(1)
    return picture + seen.unsqueeze(-1) * ground


def _leaves(batch: Batch, count: int) -> Tensor:
    """Return the leaves (N, count, 8): size, place, cosine and sine of the turn, colour."""
    turn = batch.of("spread") * (batch.uniform(count) - 0.5)[..., None]
    size = 0.65 + 0.35 * batch.uniform(count, 1)
    place = batch.uniform(count, 2) - 0.5
    colors = batch.palette.color(batch.uniform(count), batch.normal(count, 3))
    return torch.cat((size, place, turn.cos(), turn.sin(), colors), -1)


def _layer(
    batch: Batch,
    cells: Cells,
    shape: str,
    at: tuple[Tensor, Tensor],
    outline: Tensor,
    cell: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the colours (N, S, S, 3) of one layer of leaves and where they lie, (N, S, S).

    `cell` (N, 1, 1) is the size of the layer's cells in px.
    """
    stretch = batch.of("stretch").sqrt()
    turn, moved = batch.uniform(3, 1, 1), cells.side
    angle = batch.of("spread") * (turn[:, 0] - 0.5)
    along, across = turned(*at, angle)
    along = along / (cell * stretch) + moved * turn[:, 1]
    across = across / (cell / stretch) + moved * turn[:, 2]
    column, row = along.floor(), across.floor()
    size, x, y, cosine, sine, *colors = cells.at(cells.index(column, row))
    # In the cell's middle a leaf of full size just fits; a smaller one has room to move.
    half = 0.5 * size
    long, short = half * cell * stretch, half * cell / stretch
    x = (along - column - 0.5 - x * (1 - size)) * cell * stretch
    y = (across - row - 0.5 - y * (1 - size)) * cell / stretch
    x, y = x * cosine + y * sine, y * cosine - x * sine
    distance = _DISTANCES[shape](batch, x, y, long, short)
    share = covered(distance)
    picture = torch.stack(colors, -1)
    ramp = (x / long + y / short) * batch.of("shade")
    stripes = torch.sin(tau * y / (0.22 * short + 1.8)) * batch.of("stripes")
    picture = shaded(picture, (0.7 * ramp + stripes) * (short > 2))
    width = batch.of("outline")
    line = torch.where((width > 0) & (short > 2), 1 - covered(distance + width), 0)
    return torch.lerp(picture, outline, line.unsqueeze(-1)), share


def _cell_size(batch: Batch, layer: int) -> Tensor:
    """Return the size (N, 1, 1) of a layer's cells, px.

    There are as many cells per area as 1 / size^2: for leaves of density size^-power, layers have
    size^(2 - power) in size, or size^(3 - power) in its logarithm. Sizes follow one another by
    the golden ratio, so that few layers fill the range; as they belong to the texture and not to
    the crop, two crops have the same sizes on top.
    """
    scale, spread = batch.of("scale"), batch.of("range")
    slope = 3 - batch.of("power")
    slope = torch.where(slope.abs() < 0.05, 0.05, slope)
    low, high = (scale / spread).clamp_min(3) ** slope, (scale * spread).clamp(4, 44) ** slope
    quantile = (batch.of("first") + layer * GOLDEN) % 1
    return torch.lerp(low, high, quantile) ** (1 / slope)


def _ellipse(batch: Batch, x: Tensor, y: Tensor, long: Tensor, short: Tensor) -> Tensor:
    radius = torch.hypot(x / long, y / short)
    slope = torch.hypot(x / long.square(), y / short.square()).clamp_min(1e-6)
    return radius * (radius - 1) / slope


def _rectangle(batch: Batch, x: Tensor, y: Tensor, long: Tensor, short: Tensor) -> Tensor:
    return torch.maximum(x.abs() - 0.85 * long, y.abs() - 0.85 * short)


def _polygon(batch: Batch, x: Tensor, y: Tensor, long: Tensor, short: Tensor) -> Tensor:
    """Return the distance from a regular polygon, stretched."""
    sector = tau / batch.of("corners")
    x, y = x / long, y / short
    angle = torch.atan2(y, x)
    from_middle = angle - sector * (angle / sector).round()
    return (torch.hypot(x, y) * from_middle.cos() - torch.cos(sector / 2)) * short


def _stroke(batch: Batch, x: Tensor, y: Tensor, long: Tensor, short: Tensor) -> Tensor:
    thick = 0.8 * short
    return torch.hypot((x.abs() - 0.95 * long + thick).clamp_min(0), y) - thick


_DISTANCES = {
    "ellipses": _ellipse,
    "rectangles": _rectangle,
    "polygons": _polygon,
    "strokes": _stroke,
}
