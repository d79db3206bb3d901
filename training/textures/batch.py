"""Textures of one family and kind that are drawn together: their numbers as tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import tau

import torch
import torch.nn.functional as F
from torch import Tensor

from training.textures import palettes
from training.textures.recipe import Recipe


class Batch:
    """T textures of one family and kind, each in as many crops: N = T * crops pictures.

    Args:
        recipes: the textures; all of one family and kind.
        crops: of each texture; they follow one another in the batch.
        size: height and width of a crop, px.
        random: draws what differs from crop to crop; its device is the batch's.
    """

    def __init__(
        self, recipes: Sequence[Recipe], crops: int, size: int, random: torch.Generator
    ) -> None:
        self.recipes = recipes
        self.crops = crops
        self.size = size
        self.random = random
        self.device = random.device
        self.count = len(recipes) * crops
        self._parameters: dict[str, Tensor] = {}

    @property
    def kind(self) -> str:
        """The kind that all textures are of."""
        return self.recipes[0].kind

    @cached_property
    def palette(self) -> palettes.Paint:
        """The palettes of the textures, one for each crop."""
        return palettes.Paint([recipe.palette for recipe in self.recipes], self.crops, self.device)

    def of_texture(self, name: str) -> Tensor:
        """Return a parameter of each texture, (T, 1, 1)."""
        if name not in self._parameters:  # each goes to the device once
            values = [recipe.parameters[name] for recipe in self.recipes]
            self._parameters[name] = torch.tensor(values, device=self.device).view(-1, 1, 1)
        return self._parameters[name]

    def of(self, name: str) -> Tensor:
        """Return a parameter of each crop's texture, (N, 1, 1)."""
        return self.each_crop(self.of_texture(name))

    def each_crop(self, values: Tensor) -> Tensor:
        """Repeat what is of textures (T, ...) for their crops: (N, ...)."""
        return values.repeat_interleave(self.crops, dim=0, output_size=self.count)

    def uniform(self, *shape: int) -> Tensor:
        """Return (N, *shape) numbers, uniform in [0, 1)."""
        return torch.rand((self.count, *shape), generator=self.random, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """Return (N, *shape) numbers of the standard normal distribution."""
        return torch.randn((self.count, *shape), generator=self.random, device=self.device)

    def pixels(self, finer: int = 1) -> tuple[Tensor, Tensor]:
        """Return x (1, 1, S) and y (1, S, 1) of the pixels' centres in px, 0 in the middle."""
        steps = torch.arange(self.size * finer, device=self.device)
        at = (steps + 0.5) / finer - self.size / 2
        return at.view(1, 1, -1), at.view(1, -1, 1)


class Cells:
    """A table of random cells for each crop, which repeats itself after `side` cells.

    Args:
        batch: the crops.
        make: returns what a cell holds, (N, side * side, K).
    """

    def __init__(self, batch: Batch, make: Callable[[int], Tensor]) -> None:
        # Cells are at least 2 px: the table is as wide as the crop, or nearly.
        self.side = 1 << max(3, (batch.size // 2 - 1).bit_length())
        self.table = make(self.side * self.side).flatten(0, 1).contiguous()
        crops = torch.arange(batch.count, device=batch.device)
        self._start = (crops * self.side * self.side).view(-1, 1, 1)

    def index(self, column: Tensor, row: Tensor) -> Tensor:
        """Return the rows of the table for cells (N, S, S), given by whole numbers."""
        wrap = self.side - 1
        return self._start + (row.long() & wrap) * self.side + (column.long() & wrap)

    def at(self, index: Tensor) -> tuple[Tensor, ...]:
        """Return what the cells hold, K tensors (N, S, S)."""
        return F.embedding(index, self.table).unbind(-1)


def turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return coordinates along and across a direction, given in rad."""
    cosine, sine = angle.cos(), angle.sin()
    return x * cosine + y * sine, y * cosine - x * sine


def wave(phase: Tensor) -> Tensor:
    """Return a sine in [0, 1] whose period is 1."""
    return 0.5 + 0.5 * torch.sin(tau * phase)


def covered(distance: Tensor) -> Tensor:
    """Return how much of a pixel lies inside, from the signed distance in px (inside below 0)."""
    return (0.5 - distance).clamp(0, 1)


def shaded(colors: Tensor, shade: Tensor) -> Tensor:
    """Darken colours (N, S, S, 3) towards black (shade -1) or lighten them towards white (1)."""
    shade = shade.clamp(-0.95, 0.95).unsqueeze(-1)
    return colors * (1 - shade.abs()) + shade.clamp_min(0)


def choice(batch: Batch, name: str, yes: Tensor, no: Tensor) -> Tensor:
    """Return colours (N, 1, 1, 3): `yes` for textures whose parameter is 1, `no` where it is 0."""
    return torch.where(batch.of(name).unsqueeze(-1) > 0.5, yes, no)


def line_color(batch: Batch) -> Tensor:
    """Return what lines between patches are drawn with, (N, 1, 1, 3): "dark", or light."""
    darkest, lightest = batch.palette.extreme(light=False), batch.palette.extreme(light=True)
    return choice(batch, "dark", darkest, lightest)
