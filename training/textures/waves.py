"""Warped waves: gratings, stripes, plaids, marble, wood and ripples, the plane bent by noise.

Source of the warping: Perlin, "An image synthesizer", 1985 (marble as a sine of a position to
which turbulence is added).
"""

from __future__ import annotations

from math import pi, tau

import numpy as np
import torch
from torch import Tensor

from training.textures.batch import Batch, Cells, shaded, turned, wave
from training.textures.noise import elliptic, fields, frame
from training.textures.recipe import log_uniform, sometimes

KINDS = ("grating", "stripes", "plaid", "marble", "wood", "ripples")


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    scale = log_uniform(random, 4, {"stripes": 9, "plaid": 28}.get(kind, 20))
    return {
        "scale": scale,  # a period
        "angle": float(random.uniform(0, pi)),
        "stretch": log_uniform(random, 2, 6),
        "warp": 0.8 if kind == "ripples" else sometimes(random, 0.7, 0.1, 0.9),
        "bend": max(log_uniform(random, 14, 48), 1.5 * scale),
        "sharpness": log_uniform(random, 0.3, 6),
        "second": float(random.uniform(pi / 5, pi / 2)),  # the other wave's angle to the first
        "ratio": (0.5, 1.0, 1.0, 1.5, 2.0)[random.integers(5)],
        "turbulence": float(random.uniform(0.4, 1.5)),
        "shade": sometimes(random, 0.6, 0.05, 0.3),
    }


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3)."""
    along, across = (axis / batch.of("scale") for axis in frame(batch))
    kind = batch.kind
    if kind == "stripes":
        return _stripes(batch, along, across)
    if kind == "plaid":
        return _plaid(batch, along, across)
    if kind in ("marble", "wood"):
        return _turbulent(batch, along, across)
    values = wave(along)
    if kind == "ripples":
        other = turned(along, across, batch.of("second"))[0]
        values = 0.5 * (values + wave(other * batch.of("ratio")))
    return batch.palette.paint(_sharpened(values, batch.of("sharpness")))


def _sharpened(values: Tensor, sharpness: Tensor) -> Tensor:
    """Push values in [0, 1] to the ends: a sine becomes a square wave."""
    return 0.5 + 0.5 * torch.tanh(sharpness * (2 * values - 1)) / torch.tanh(sharpness)


def _stripes(batch: Batch, along: Tensor, across: Tensor) -> Tensor:
    """Draw stripes, each of a colour and a width of its own."""
    wide = 0.25 * torch.sin(tau * along / 3) + 0.12 * torch.sin(tau * along / 5)
    at = along + wide
    cells = Cells(
        batch, lambda count: batch.palette.color(batch.uniform(count), batch.normal(count, 3))
    )
    left = (at - 0.5).floor()
    zero = torch.zeros_like(left)
    # Neighbours meet in an edge one pixel wide.
    share = ((at - 0.5 - left - 0.5) * batch.of("scale") + 0.5).clamp(0, 1)
    first, second = (torch.stack(cells.at(cells.index(left + n, zero)), -1) for n in (0, 1))
    picture = torch.lerp(first, second, share.unsqueeze(-1))
    return shaded(picture, batch.of("shade") * torch.sin(tau * across / batch.of("ratio")))


def _plaid(batch: Batch, along: Tensor, across: Tensor) -> Tensor:
    """Lay stripes in two directions over each other, half of each."""
    other = turned(along, across, batch.of("second"))[0] * batch.of("ratio")
    sharpness = batch.of("sharpness")
    layers = [_sharpened(wave(at), sharpness) for at in (along, other)]
    fine = 0.15 * (wave(4 * along) + wave(4 * other) - 1)
    return batch.palette.paint((0.62 * layers[0] + 0.38 * layers[1] + fine).clamp(0, 1))


def _turbulent(batch: Batch, along: Tensor, across: Tensor) -> Tensor:
    """Draw the veins of marble, or the rings of wood: levels of noise, about a period apart."""
    marble = batch.kind == "marble"
    blobs = batch.of_texture("bend") / batch.of_texture("scale")
    radius = elliptic(batch) * blobs
    power = -1.3 if marble else -2.0
    rough, fine = fields(batch, (radius.square() + 0.3) ** power)
    strength = batch.of("turbulence") * batch.each_crop(blobs) / 4
    if marble:
        values = wave(along + strength * rough).sqrt()
    else:
        rings = 0.5 * across + strength * rough
        values = 0.4 * wave(rings) + 0.6 * (rings - rings.floor())
    return shaded(batch.palette.paint(values), 0.5 * batch.of("shade") * fine)
