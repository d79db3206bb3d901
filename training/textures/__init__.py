"""Textures from numbers: what the network that ships with the project learns to tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import torch
from torch import Tensor

from training.textures import families
from training.textures.families import FAMILIES, recipe
from training.textures.recipe import Recipe

__all__ = ["FAMILIES", "LEAST_SIZE", "Recipe", "draw_textures", "recipe"]

LEAST_SIZE = 16  # px


def draw_textures(
    ids: Sequence[int] | Tensor,
    crops: int,
    size: int,
    *,
    seed: int,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Draw crops of textures.

    A number names a texture: `recipe(number)` is its family and parameters, whatever else is
    drawn with it. Each crop is another place of the texture. The same arguments on the same kind
    of device give the same pictures, bit for bit; other numbers beside a texture give other
    places of it.

    Args:
        ids: numbers of T textures, 0 to 2^62; a number may stand there more than once.
        crops: of each texture, 1 or more.
        size: height and width of a crop in px, LEAST_SIZE or more. Textures have details from 2
            to 32 px whatever the size: below 64 px a crop may hold little of a coarse one.
        seed: of what differs from crop to crop.
        device: where the crops are drawn and lie.

    Returns:
        (T, crops, 3, size, size), float32, RGB in [0, 1]; the crops, `flatten(0, 1)`, lie in
        memory with their channels last, as convolutions like them.

    Raises:
        ValueError: there is no texture or no crop to draw, a crop is too small, or a number
            names no texture.
        TypeError: an id is no whole number.
    """
    numbers = [index(one) for one in (ids.tolist() if isinstance(ids, Tensor) else ids)]
    if not numbers:
        raise ValueError("ids is empty; give the number of at least one texture")
    if crops < 1:
        raise ValueError(f"crops is {crops}; draw at least 1 of each texture")
    if size < LEAST_SIZE:
        raise ValueError(f"size is {size} px; crops need at least {LEAST_SIZE} px")
    random = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        drawn = families.draw([recipe(number) for number in numbers], crops, size, random)
    return drawn.reshape(len(numbers), crops, 3, size, size)
