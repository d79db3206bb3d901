"""What crops of one texture may differ in and still be of that texture.

Nothing is turned or mirrored: the direction of strokes is style. The textures themselves are drawn
at all angles.
"""

from __future__ import annotations

from math import log

import torch
import torch.nn.functional as F
from torch import Tensor

RECOLORED_TEXTURES = 0.5
"""Share of textures of which some crops are recoloured: these are told by structure alone."""


def augment(crops: Tensor, size: int, random: torch.Generator, *, jitter: float) -> Tensor:
    """Scale, recolour, lighten or darken crops, and add noise.

    Args:
        crops: (T, C, 3, S, S), RGB in [0, 1], where S is `size` times `jitter` or more.
        size: height and width of what is returned, px.
        random: on the crops' device.
        jitter: largest factor of scaling up and down.

    Returns:
        (T, C, 3, size, size), RGB in [0, 1].
    """
    textures, count = crops.shape[:2]
    flat = windows(crops.flatten(0, 1), size, random, jitter=jitter)
    chosen = _uniform(random, textures, 1) < RECOLORED_TEXTURES
    some = chosen & (_uniform(random, textures, count) < 0.5)
    flat = torch.where(some.view(-1, 1, 1, 1), recolored(flat, random), flat)
    flat = noisy(toned(flat, random), random).clamp(0, 1)
    flat = flat.contiguous(memory_format=torch.channels_last)
    return flat.view(textures, count, *flat.shape[1:])


def windows(pictures: Tensor, size: int, random: torch.Generator, *, jitter: float) -> Tensor:
    """Cut a window of `size / jitter` to `size * jitter` px from each picture, scaled to `size`."""
    count, _, side, _ = pictures.shape
    widths = size * torch.exp((2 * _uniform(random, count) - 1) * log(jitter))
    share = (widths / side).view(-1, 1).clamp(max=1)  # of the picture's width
    centre = (2 * _uniform(random, count, 2) - 1) * (1 - share)
    scale = torch.diag_embed(share.expand(-1, 2))
    grid = F.affine_grid(
        torch.cat((scale, centre.unsqueeze(-1)), -1), [count, 3, size, size], align_corners=False
    )
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def recolored(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Turn each picture's colours about a random axis of RGB and move their mean."""
    count = len(pictures)
    drawn = torch.randn((count, 4), generator=random, device=random.device)
    w, x, y, z = F.normalize(drawn).unbind(1)  # a unit quaternion is a rotation, evenly drawn
    rotation = torch.stack(
        (
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ),
        1,
    ).view(count, 3, 3)  # fmt: skip
    mean = pictures.mean((2, 3), keepdim=True)
    target = 0.3 + 0.4 * _uniform(random, count, 3, 1, 1)
    turned = (rotation @ (pictures - mean).flatten(2)).view_as(pictures)
    return (turned + target).clamp(0, 1)


def toned(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Change each picture's contrast by a factor of 0.75 to 1.25 and its brightness by 0.1."""
    gain, offset = _uniform(random, 2, len(pictures), 1, 1, 1).unbind()
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return (pictures - mean) * (0.75 + 0.5 * gain) + mean + 0.2 * (offset - 0.5)


def noisy(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Add normal noise, of a standard deviation of up to 0.04, to about half of the pictures."""
    deviation = 0.04 * (2 * _uniform(random, len(pictures), 1, 1, 1) - 1).clamp_min(0)
    noise = torch.randn(pictures.shape, generator=random, device=random.device)
    return pictures + deviation * noise


def _uniform(random: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=random, device=random.device)
