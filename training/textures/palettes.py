"""Palettes: a few colours in Oklab, flat beside each other or one running into the next.

A texture paints by numbers in [0, 1]. Source of the colour space: Ottosson, "A perceptual color
space for image processing", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, sin, tau

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

MOST = 6  # colours
ENTRIES = 256  # of the table by which numbers become colours
TONES = {"grey": (0.0, 0.02), "muted": (0.03, 0.09), "mixed": (0.02, 0.22), "vivid": (0.12, 0.28)}
_TONES_DRAWN = ("grey", *3 * ("muted",), *3 * ("mixed",), *3 * ("vivid",))  # grey less often
_HUES = (0.06, 0.25, 1.0)  # the part of the circle: one hue, neighbouring ones, any
_TO_RGB = (  # linear sRGB from the cubes of Oklab's l, m, s
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


@dataclass(frozen=True)
class Palette:
    """Two to six colours in Oklab, and the part of [0, 1] that each takes."""

    tone: str
    colors: tuple[tuple[float, float, float], ...]
    shares: tuple[float, ...]
    gradient: bool  # one colour runs into the next
    variation: float  # of a colour from cell to cell, in Oklab

    def describe(self) -> str:
        """Return the palette in words."""
        manner = "running together" if self.gradient else "flat"
        return f"{len(self.colors)} {self.tone} colours, {manner}"


def draw_palette(random: np.random.Generator) -> Palette:
    """Draw a palette with enough contrast of lightness to be seen."""
    count = int(random.integers(2, MOST + 1))
    tone = _TONES_DRAWN[random.integers(len(_TONES_DRAWN))]
    lightness = _draw_lightness(random, count)
    hues = random.uniform() + _HUES[random.integers(3)] * random.uniform(-0.5, 0.5, count)
    if random.uniform() < 0.3:  # an accent in the complementary colour
        hues[int(random.integers(count))] += 0.5
    # Black and white have no chroma.
    room = np.minimum(1, 3 * np.minimum(lightness, 1 - lightness))
    chroma = room * random.uniform(*TONES[tone], count)
    colors = tuple(
        (float(light), float(c * cos(tau * hue)), float(c * sin(tau * hue)))
        for light, c, hue in zip(lightness, chroma, hues, strict=True)
    )
    shares = random.dirichlet(np.full(count, 2.0)) + 0.1
    return Palette(
        tone,
        colors,
        tuple(float(share) for share in shares / shares.sum()),
        gradient=bool(random.uniform() < 0.5),
        variation=float(random.uniform(0, 0.07)) if random.uniform() < 0.6 else 0.0,
    )


def _draw_lightness(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    spread = random.uniform(0.35, 0.8)
    darkest = random.uniform(0.16, 0.97 - spread)
    steps = np.linspace(0, 1, count) + random.uniform(-0.3, 0.3, count) / count
    lightness = darkest + spread * np.clip(steps, 0, 1)
    if random.uniform() < 0.5:
        random.shuffle(lightness)
    elif random.uniform() < 0.5:
        lightness = lightness[::-1].copy()
    return lightness


class Paint:
    """The palettes of T textures, as tables for their N = T * crops crops.

    Args:
        palettes: one for each texture.
        crops: of each texture.
        device: where the tables lie.
    """

    def __init__(self, palettes: Sequence[Palette], crops: int, device: torch.device) -> None:
        table = _tables(palettes)  # (T, ENTRIES, 3)
        # On the CPU, as a CUDA device's running sums differ from time to time.
        integral = F.pad(table.double().cumsum(1) / ENTRIES, (0, 0, 1, 0)).float()
        self._table, self._integral = table.to(device), integral.to(device)
        variation = torch.tensor([palette.variation for palette in palettes], device=device)
        self._variation = variation.repeat_interleave(crops).view(-1, 1, 1)
        texture = torch.arange(len(palettes), device=device).repeat_interleave(crops)
        self._texture = texture.view(-1, 1, 1)

    def color(self, values: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the colours (N, M, 3) of values (N, M) in [0, 1].

        With noise (N, M, 3), standard normal, they vary as the palette says: of one green,
        not all leaves are the same green.
        """
        entry = (values * ENTRIES).long().clamp(0, ENTRIES - 1)
        colors = F.embedding(entry + ENTRIES * self._texture[:, 0], self._table.flatten(0, 1))
        if noise is None:
            return colors
        # Lightness varies more than each channel by itself, as in Oklab.
        vary = noise[..., :1] + 0.5 * (noise - noise.mean(-1, keepdim=True))
        return (colors + self._variation * vary).clamp(0, 1)

    def paint(self, field: Tensor) -> Tensor:
        """Return the colours (N, S, S, 3) of a field in [0, 1], each the mean over its pixel.

        The mean is over the values that the field takes between a pixel and its neighbours, so
        that flat colours meet in smooth edges and what is finer than a pixel becomes its mean.
        """
        reach = F.pad(field.diff(dim=2).abs(), (0, 1), mode="replicate")
        reach = torch.maximum(
            reach, F.pad(field.diff(dim=1).abs()[:, None], (0, 0, 0, 1), mode="replicate")[:, 0]
        )
        half = (0.5 * reach).clamp_min(0.5 / ENTRIES)
        low, high = (field - half).clamp(0, 1 - 1 / ENTRIES), (field + half).clamp(1 / ENTRIES, 1)
        return (self._summed(high) - self._summed(low)) / (high - low).unsqueeze(-1)

    def extreme(self, *, light: bool) -> Tensor:
        """Return the lightest or the darkest colour of each crop's palette, (N, 1, 1, 3)."""
        order = self._table.sum(-1)
        entry = order.argmax(1) if light else order.argmin(1)
        color = self._table[torch.arange(len(self._table), device=entry.device), entry]
        return color[self._texture[:, 0, 0]].view(-1, 1, 1, 3)

    def _summed(self, values: Tensor) -> Tensor:
        """Return the integral of the palette from 0 to values (N, S, S), (N, S, S, 3)."""
        at = values * ENTRIES
        entry = at.long().clamp(0, ENTRIES - 1)
        index = entry + (ENTRIES + 1) * self._texture
        table = self._integral.flatten(0, 1)
        return torch.lerp(
            F.embedding(index, table), F.embedding(index + 1, table), (at - entry).unsqueeze(-1)
        )


def _tables(palettes: Sequence[Palette]) -> Tensor:
    """Return the colours of ENTRIES numbers for each palette, RGB in [0, 1]."""
    colors = torch.zeros(len(palettes), MOST, 3)
    ends = torch.ones(len(palettes), MOST)
    for row, palette in enumerate(palettes):
        count = len(palette.colors)
        colors[row, :count] = torch.tensor(palette.colors)
        colors[row, count:] = torch.tensor(palette.colors[-1])
        ends[row, : count - 1] = torch.tensor(palette.shares).cumsum(0)[:-1]
    gradient = torch.tensor([palette.gradient for palette in palettes])
    at = ((torch.arange(ENTRIES) + 0.5) / ENTRIES).repeat(len(palettes), 1)
    number = torch.searchsorted(ends, at).clamp(max=MOST - 1)
    starts = F.pad(ends[:, :-1], (1, 0))
    first, last = starts.gather(1, number), ends.gather(1, number)
    # Where colours run together, each is pure in the middle of its share.
    place = (at - first) / (last - first).clamp_min(1e-6) - 0.5
    other = (number + place.sign().long()).clamp(0, MOST - 1)
    weight = torch.where(gradient[:, None], place.abs(), 0)
    table = torch.lerp(_rows(colors, number), _rows(colors, other), weight[..., None])
    return oklab_to_rgb(table)


def _rows(colors: Tensor, number: Tensor) -> Tensor:
    return colors.gather(1, number[..., None].expand(-1, -1, 3))


def oklab_to_rgb(colors: Tensor) -> Tensor:
    """Return Oklab colours (..., 3) as sRGB, clipped to [0, 1]."""
    light, a, b = colors.unbind(-1)
    cubes = torch.stack(
        (
            (light + 0.3963377774 * a + 0.2158037573 * b) ** 3,
            (light - 0.1055613458 * a - 0.0638541728 * b) ** 3,
            (light - 0.0894841775 * a - 1.2914855480 * b) ** 3,
        ),
        -1,
    )
    linear = (cubes @ torch.tensor(_TO_RGB, device=colors.device).T).clamp(0, 1)
    return torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055
    )
