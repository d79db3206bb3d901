"""Gaussian random fields: noise with a power spectrum of its own, painted by the palette.

Clouds have a spectrum that falls with the frequency, blobs a band of frequencies, veins show
where a field changes its sign, grain is fine noise in one direction. A second field lightens and
darkens. Source: Galerne, Gousseau and Morel, "Random phase textures", 2011, for the class.
"""

from __future__ import annotations

from math import pi

import numpy as np
import torch
from torch import Tensor

from training.textures.batch import Batch, shaded
from training.textures.noise import elliptic, evened, fields
from training.textures.recipe import log_uniform, sometimes

KINDS = ("clouds", "blobs", "veins", "grain")


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    fine = kind == "grain"
    return {
        "scale": log_uniform(random, 2.5, 5) if fine else log_uniform(random, 5, 32),
        "angle": float(random.uniform(0, pi)),
        "stretch": log_uniform(random, 3, 10) if fine else 1 + sometimes(random, 0.6, 0.5, 5),
        "slope": float(random.uniform(1.3, 2.6)),
        "band": float(random.uniform(0.15, 0.45)),
        "shade": sometimes(random, 0.6, 0.05, 0.3),
    }


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3)."""
    radius = elliptic(batch)
    kind = batch.kind
    if kind in ("clouds", "veins"):
        amplitude = (radius.square() + 0.3) ** (-batch.of_texture("slope") / 2)
        if kind == "veins":
            amplitude = amplitude * torch.exp(-((0.25 * radius) ** 2))
    else:
        octaves = radius.clamp_min(1e-6).log() / batch.of_texture("band")
        amplitude = torch.exp(-octaves.square() / 2)
    first, second = fields(batch, amplitude)
    values = evened(first)
    if kind == "veins":
        values = (2 * values - 1).abs()
    return shaded(batch.palette.paint(values), batch.of("shade") * second)
