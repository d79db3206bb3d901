"""A recipe: what a texture is, in plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import degrees, log

import numpy as np

from training.textures.palettes import Palette


@dataclass(frozen=True)
class Recipe:
    """One texture: all that its crops have in common.

    `parameters` are the family's own; every family has "scale" (px: the width of what it draws)
    and "angle" (rad). `finish` is what is done to the picture last, empty in a part. `parts` are
    the two textures of a mixture, else empty.
    """

    id: int
    family: str
    kind: str
    parameters: Mapping[str, float]
    palette: Palette
    finish: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Recipe, ...] = ()

    def describe(self) -> str:
        """Return the texture in one line of words."""
        scale, angle = self.parameters["scale"], degrees(self.parameters["angle"]) % 180
        words = [f"{self.family}: {self.kind}, {scale:.0f} px, turned by {angle:.0f}°"]
        words += [f"[{part.describe()}]" for part in self.parts] or [self.palette.describe()]
        words += [name for name, value in self.finish.items() if value > 0]
        return ", ".join(words)


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(random.uniform(log(low), log(high))))


def sometimes(random: np.random.Generator, share: float, low: float, high: float) -> float:
    """Draw a number from low to high in a share of all cases, else 0."""
    value = random.uniform(low, high)
    return float(value) if random.uniform() < share else 0.0
