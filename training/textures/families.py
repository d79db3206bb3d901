"""The families of textures: recipes drawn from numbers, and pictures drawn from recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from training.textures import (
    gaussian,
    leaves,
    marks,
    mixtures,
    strokes,
    tiles,
    voronoi,
    waves,
)
from training.textures.batch import Batch
from training.textures.finish import draw_finish, finished
from training.textures.palettes import draw_palette
from training.textures.recipe import Recipe

MOST_ID = 2**62


class Family(Protocol):
    """A module that draws a family's textures."""

    @property
    def KINDS(self) -> tuple[str, ...]:  # noqa: N802  (the modules' constant)
        """The kinds of its textures."""

    def draw_parameters(self, kind: str, random: np.random.Generator) -> dict[str, float]:
        """Draw a texture's parameters."""

    def draw(self, batch: Batch) -> Tensor:
        """Draw the crops of textures of one kind, (N, S, S, 3)."""


_SINGLE: Mapping[str, Family] = {
    "brush strokes": strokes,
    "dead leaves": leaves,
    "Gaussian fields": gaussian,
    "marks": marks,
    "tiles": tiles,
    "Voronoi mosaics": voronoi,
    "warped waves": waves,
}
MIXTURES = "mixtures"
FAMILIES = tuple(sorted((*_SINGLE, MIXTURES)))


@lru_cache(maxsize=1 << 14)
def recipe(number: int) -> Recipe:
    """Return what the texture of a number is: always the same.

    Raises:
        ValueError: the number is negative or above 2^62.
    """
    if not 0 <= number <= MOST_ID:
        raise ValueError(f"{number} names no texture; numbers go from 0 to 2^62")
    random = np.random.default_rng(number)
    one = _draw_recipe(number, FAMILIES[random.integers(len(FAMILIES))], random)
    return replace(one, finish=MappingProxyType(draw_finish(random)))


def _draw_recipe(number: int, family: str, random: np.random.Generator) -> Recipe:
    """Draw a texture without a finish, as those are in which a mixture is mixed."""
    module = mixtures if family == MIXTURES else _SINGLE[family]
    kind = module.KINDS[random.integers(len(module.KINDS))]
    parts: tuple[Recipe, ...] = ()
    if family == MIXTURES:
        families = tuple(_SINGLE)
        names = [families[place] for place in random.integers(len(families), size=2)]
        parts = tuple(_draw_recipe(number, name, random) for name in names)
    parameters = MappingProxyType(module.draw_parameters(kind, random))
    return Recipe(number, family, kind, parameters, draw_palette(random), parts=parts)


def draw(recipes: Sequence[Recipe], crops: int, size: int, random: torch.Generator) -> Tensor:
    """Return fresh crops of textures, (len(recipes) * crops, 3, size, size) in [0, 1]."""
    unfinished = _draw_kinds(recipes, crops, size, random)
    return finished(Batch(recipes, crops, size, random), unfinished)


def _draw_kinds(
    recipes: Sequence[Recipe], crops: int, size: int, random: torch.Generator
) -> Tensor:
    """Draw all textures of a kind at once, and put the crops (N, S, S, 3) in order."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(recipes):
        kinds.setdefault((one.family, one.kind), []).append(number)
    pictures = []
    for (family, _), numbers in sorted(kinds.items()):
        batch = Batch([recipes[number] for number in numbers], crops, size, random)
        if family == MIXTURES:
            under, over = (
                _draw_kinds([one.parts[layer] for one in batch.recipes], crops, size, random)
                for layer in (0, 1)
            )
            pictures.append(mixtures.draw(batch, under, over))
        else:
            pictures.append(_SINGLE[family].draw(batch))
    order = [number for _, numbers in sorted(kinds.items()) for number in numbers]
    back = torch.tensor(np.argsort(order), device=random.device)
    return torch.cat(pictures).view(len(recipes), crops, size, size, 3)[back].flatten(0, 1)
