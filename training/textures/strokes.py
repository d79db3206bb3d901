"""Brush strokes: noise smeared along a smooth field of directions, as wet paint by bristles.

Source: Cabral and Leedom, "Imaging vector fields using line integral convolution", 1993. Here
the smearing goes by passes, each with three times the reach of the one before, so that a stroke
of 27 px takes three passes rather than 27 steps.
"""

from __future__ import annotations

from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.textures.batch import Batch, covered, shaded
from training.textures.noise import evened, fields, frequencies, middle, smooth, width
from training.textures.recipe import log_uniform, sometimes

KINDS = ("long", "short", "crossed")
PASSES = 3


def draw_parameters(kind: str, random: np.random.Generator) -> dict[str, float]:
    """Draw a texture's parameters."""
    scale = log_uniform(random, 3, 12)
    longer = random.uniform(2, 4) if kind == "short" else random.uniform(4, 9)
    return {
        "scale": scale,  # a stroke's width
        "angle": float(random.uniform(0, pi)),
        "length": float(np.clip(scale * longer, 10, 54)),
        "swirl": sometimes(random, 0.8, 0.2, 1.2),
        "bend": log_uniform(random, 28, 60),
        "relief": sometimes(random, 0.8, 0.1, 0.4),
        "bristles": sometimes(random, 0.7, 0.05, 0.25),
        "crossing": float(random.uniform(pi / 5, pi / 2)),
        "cover": float(random.uniform(-0.3, 0.6)),
    }


def draw(batch: Batch) -> Tensor:
    """Draw the crops, (N, S, S, 3)."""
    bent, _ = fields(batch, smooth(batch, batch.of_texture("bend")), whole=True)
    angle = batch.of("angle") + batch.of("swirl") * bent
    picture, second = _pass(batch, angle)
    if batch.kind != "crossed":
        return picture
    over, _ = _pass(batch, angle + batch.of("crossing"))
    # Paint of the second pass where its own strokes are thick.
    share = covered(4 * (batch.of("cover") - second)).unsqueeze(-1)
    return torch.lerp(picture, over, share)


def _pass(batch: Batch, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Paint strokes along directions (N, W, W); also return strokes (N, S, S) not yet used."""
    scale = batch.of_texture("scale")
    color, cover = fields(batch, _dabs(batch, scale), whole=True)
    bristles, _ = fields(batch, _dabs(batch, 0 * scale + 2.5), whole=True)
    maps = _smeared(batch, torch.stack((color, cover, bristles), 1), angle)
    color, cover, bristles = _standard(middle(batch, maps.permute(0, 2, 3, 1))).unbind(-1)
    # Light from one side of the strokes shows the thickness of the paint.
    slope = F.pad(color.diff(dim=2), (0, 1)) - F.pad(color.diff(dim=1), (0, 0, 0, 1))
    relief = batch.of("relief") * slope * batch.of("scale") / 3
    picture = batch.palette.paint(evened(color))
    return shaded(picture, relief + batch.of("bristles") * bristles), cover


def _dabs(batch: Batch, scale: Tensor) -> Tensor:
    """Return the amplitude of noise in a band about 1 / (2 * scale): dabs `scale` wide."""
    across, down = frequencies(batch)
    radius = torch.hypot(across, down) * 2 * scale
    return radius * torch.exp(-radius.square())


def _standard(maps: Tensor) -> Tensor:
    """Give maps (N, S, S, K) mean 0 and variance 1 in each crop."""
    mean = maps.mean((1, 2), keepdim=True)
    return (maps - mean) / maps.std((1, 2), keepdim=True).clamp_min(1e-3)


def _smeared(batch: Batch, maps: Tensor, angle: Tensor) -> Tensor:
    """Smear maps (N, K, W, W) along directions (N, W, W), by "length" px."""
    side = width(batch.size)
    steps = (2 * torch.arange(side, device=batch.device) + 1) / side - 1
    here = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
    along = torch.stack((angle.cos(), angle.sin()), -1) * (2 / side)
    for number in range(PASSES):
        # Three boxes, one beside the other, each as long as the reach of the last pass.
        move = along * (batch.of("length") / 3 ** (PASSES - number)).unsqueeze(-1)
        maps = (maps + _moved(maps, here + move) + _moved(maps, here - move)) / 3
    return maps


def _moved(maps: Tensor, to: Tensor) -> Tensor:
    return F.grid_sample(maps, to, mode="bilinear", padding_mode="reflection", align_corners=False)
