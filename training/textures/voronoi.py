"""Voronoi mosaics: each point has the colour of the nearest of many scattered sites.

Sites are the middles of a grid's cells, moved at random; a site may count as nearer than it is,
which makes cells of irregular size. There may be grout along the borders, and cells may be domed
or tilted. Source: Worley, "A cellular texture basis function", 1996.
"""

from __future__ import annotations

from itertools import product
from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.textures.batch import Batch, Cells, choice, covered, line_color, shaded
from training.textures.noise import frame
from training.textures.recipe import log_uniform, sometimes

KINDS = ("cells", "stones", "cracks", "facets")


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    scale = log_uniform(random, 4 if kind == "cells" else 6, 30)
    return {
        "scale": scale,
        "angle": float(random.uniform(0, pi)),
        "stretch": 1 + sometimes(random, 0.4, 0.3, 2),
        "warp": sometimes(random, 0.3, 0.2, 0.7),
        "bend": log_uniform(random, 12, 40),
        "jitter": float(random.uniform(0.4, 0.9)),
        "weight": sometimes(random, 0.5, 0.1, 0.35),
        "grout": 0.0 if kind == "facets" else _draw_grout(kind, scale, random),
        "dark": float(random.uniform() < 0.6),
        "dome": float(random.uniform(-0.5, 0.6)) if kind != "cells" else 0.0,
    }


def _draw_grout(kind: str, scale: float, random: np.random.Generator) -> float:
    if kind == "cells" and random.uniform() < 0.5:
        return 0.0
    return float(np.clip(scale * random.uniform(0.08, 0.25), 1, 5))


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3)."""
    cells = Cells(batch, lambda count: _sites(batch, count))
    first, second, border, shades = _nearest(batch, cells)
    colors = batch.palette.color(batch.uniform(cells.side**2), batch.normal(cells.side**2, 3))
    if batch.kind == "cracks":  # one ground, whose shade differs from cell to cell
        ground = choice(batch, "dark", *(batch.palette.extreme(light=at) for at in (True, False)))
        colors = 0.65 * ground[:, 0] + 0.35 * colors
    table = colors.flatten(0, 1)
    inside = covered(-border).unsqueeze(-1)
    here, there = (
        shaded(F.embedding(number, table), batch.of("dome") * shade)
        for number, shade in zip((first, second), shades, strict=True)
    )
    picture = torch.lerp(there, here, inside)
    grout = batch.of("grout")
    share = torch.where(grout > 0, covered(border - grout / 2), 0)
    return torch.lerp(picture, line_color(batch), share.unsqueeze(-1))


def _sites(batch: Batch, count: int) -> Tensor:
    """Return where in its cell each site lies, and how much nearer it counts: (N, count, 3)."""
    place = 0.5 + batch.of("jitter") * (batch.uniform(count, 2) - 0.5)
    return torch.cat((place, batch.of("weight") * batch.uniform(count, 1)), -1)


def _nearest(batch: Batch, cells: Cells) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Return the two nearest sites' numbers, the distance to their border in px, and shades.

    Both sites' shades are those of a tilted plane for facets, else of a dome: 1 over the site.
    """
    scale, stretch = batch.of("scale"), batch.of("stretch").sqrt()
    along, across = frame(batch)
    along, across = along / (scale * stretch), across / (scale / stretch)
    column, row = along.floor(), across.floor()
    near = torch.full_like(along, 1e9)
    far = near.clone()
    number = torch.zeros_like(along, dtype=torch.long)
    other = number.clone()
    near_x, near_y, far_x, far_y = (torch.zeros_like(along) for _ in range(4))
    for step in product((-1, 0, 1), repeat=2):
        index = cells.index(column + step[0], row + step[1])
        x, y, weight = cells.at(index)
        x, y = x + column + step[0] - along, y + row + step[1] - across
        distance = x.square() + y.square() - weight
        nearest, nearer = distance < near, distance < far
        far_x = torch.where(nearest, near_x, torch.where(nearer, x, far_x))
        far_y = torch.where(nearest, near_y, torch.where(nearer, y, far_y))
        other = torch.where(nearest, number, torch.where(nearer, index, other))
        far = torch.minimum(far, torch.maximum(distance, near))
        near_x, near_y = torch.where(nearest, x, near_x), torch.where(nearest, y, near_y)
        number = torch.where(nearest, index, number)
        near = torch.minimum(near, distance)
    apart = torch.hypot((far_x - near_x) / stretch, (far_y - near_y) * stretch)
    # The gradient of (far - near) is twice the vector between the sites, in px / scale.
    border = scale * (far - near) / (2 * apart.clamp_min(0.15))
    shade = _tilted if batch.kind == "facets" else _domed
    return number, other, border, (shade(near_x, near_y), shade(far_x, far_y))


def _tilted(x: Tensor, y: Tensor) -> Tensor:
    return 1.5 * (x + y)


def _domed(x: Tensor, y: Tensor) -> Tensor:
    return (1 - 2 * (x.square() + y.square())).clamp(-1, 1)
