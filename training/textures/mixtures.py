"""Mixtures: one texture beside another, over it, or in its light and dark.

Patches lie where noise is high, bands alternate; edges are hard, soft or drawn. A modulated
texture takes light and dark from the other one. Both textures are of any other family.
"""

from __future__ import annotations

from math import pi

import numpy as np
import torch
from torch import Tensor

from training.textures.batch import Batch, shaded, wave
from training.textures.noise import evened, fields, frame, smooth
from training.textures.recipe import log_uniform, sometimes

KINDS = ("patches", "soft patches", "bands", "modulated")


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a mixture's parameters, without those of its textures."""
    return {
        "scale": log_uniform(random, 10, 26),
        "angle": float(random.uniform(0, pi)),
        "warp": sometimes(random, 0.7, 0.2, 0.9),
        "bend": log_uniform(random, 20, 40),
        "share": float(random.uniform(0.35, 0.65)),  # of the texture that lies above
        "line": sometimes(random, 0.4, 0.5, 1),  # between patches
        "strength": float(random.uniform(0.7, 1.4)),
    }


def draw(batch: Batch, under: Tensor, over: Tensor) -> Tensor:
    """Mix two textures' crops, both (N, S, S, 3); the palette gives only the outline."""
    kind = batch.kind
    if kind == "modulated":
        light = over.mean(-1) - over.mean((1, 2, 3))[:, None, None]
        return shaded(under, batch.of("strength") * light)
    if kind == "bands":
        along, _ = frame(batch)
        values = wave(along / (2 * batch.of("scale")))
    else:
        values = evened(fields(batch, smooth(batch, batch.of_texture("scale")))[0])
    height = values - 1 + batch.of("share")
    steepness = 3.0 if kind == "soft patches" else 1 / _slope(height)
    mixed = torch.lerp(under, over, (0.5 + height * steepness).clamp(0, 1).unsqueeze(-1))
    if kind == "soft patches":
        return mixed
    line = batch.of("line") * (1.5 - (height * steepness).abs()).clamp(0, 1)
    return torch.lerp(mixed, batch.palette.extreme(light=False), line.unsqueeze(-1))


def _slope(height: Tensor) -> Tensor:
    """Return the length of a map's gradient (N, S, S), per px."""
    down, across = torch.gradient(height, dim=(1, 2))
    return torch.hypot(down, across).clamp_min(1e-3)
