"""What is done to a texture last: outlines, contrast, few levels, blur or sharpening, grain."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.textures.batch import Batch
from training.textures.recipe import sometimes


def draw_finish(random: np.random.Generator) -> dict[str, float]:
    """Draw the strength of each; 0 leaves it out."""
    blur = sometimes(random, 0.3, 0.2, 0.8)
    return {
        "drawn edges": sometimes(random, 0.15, 0.6, 1.6),
        "posterised": float(random.integers(2, 6)) if random.uniform() < 0.12 else 0.0,
        "more contrast": sometimes(random, 0.3, 0.1, 0.5),
        "blurred": blur,
        "sharpened": sometimes(random, 0.35, 0.2, 0.9) if blur == 0 else 0.0,
        "grain": sometimes(random, 0.25, 0.01, 0.05),
    }


def finished(batch: Batch, picture: Tensor) -> Tensor:
    """Finish pictures (N, S, S, 3); returns (N, 3, S, S), channels last, RGB in [0, 1]."""
    picture = picture.permute(0, 3, 1, 2)
    soft = _blurred(picture)
    detail = picture - soft
    light = soft.mean(1, keepdim=True)
    edges = torch.hypot(_step(light, 2), _step(light, 3))
    picture = picture + (_of(batch, "sharpened") - _of(batch, "blurred")) * detail
    picture = picture * (1 - _of(batch, "drawn edges") * 3 * edges).clamp(0, 1)
    picture = 0.5 + (1 + _of(batch, "more contrast")) * (picture - 0.5)
    picture = picture + _of(batch, "grain") * batch.normal(1, batch.size, batch.size)
    picture = picture.clamp(0, 1)
    levels = _of(batch, "posterised")
    stepped = (picture * levels).round() / levels.clamp_min(1)
    picture = torch.where(levels > 0, stepped, picture)
    return picture.contiguous(memory_format=torch.channels_last)


def _of(batch: Batch, name: str) -> Tensor:
    values = torch.tensor([recipe.finish[name] for recipe in batch.recipes], device=batch.device)
    return batch.each_crop(values).view(-1, 1, 1, 1)


def _blurred(picture: Tensor) -> Tensor:
    """Blur (N, 3, S, S) by the binomial weights 1, 2, 1 in both directions."""
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    rows = 0.25 * padded[:, :, :-2] + 0.5 * padded[:, :, 1:-1] + 0.25 * padded[:, :, 2:]
    return 0.25 * rows[..., :-2] + 0.5 * rows[..., 1:-1] + 0.25 * rows[..., 2:]


def _step(light: Tensor, dim: int) -> Tensor:
    return torch.gradient(light, dim=dim)[0]
