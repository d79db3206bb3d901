"""What every picture shares: the sheet, noise, colour ramps, relief light and the final shrink.

A picture is laid out in *picture units*: one unit is one pixel of the finished file at scale 1.
The sheet knows how many working pixels a unit has, so a composition is written once and comes
out the same, only coarser, when a test paints it small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array: TypeAlias = NDArray[Any]

SUPERSAMPLE = 2.0  # working pixels per finished pixel; the shrink at the end is the antialiasing


@dataclass(frozen=True)
class Sheet:
    """The paper: its size in picture units and the scale it is painted at."""

    width: int
    height: int
    scale: float = 1.0

    @property
    def k(self) -> float:
        """Working pixels per picture unit."""
        return self.scale * SUPERSAMPLE

    @property
    def shape(self) -> tuple[int, int]:
        """Working size as (rows, columns)."""
        return round(self.height * self.k), round(self.width * self.k)

    @property
    def size(self) -> tuple[int, int]:
        """Working size as Pillow wants it, (columns, rows)."""
        rows, columns = self.shape
        return columns, rows

    def grid(self) -> tuple[Array, Array]:
        """Pixel centres (x, y) in picture units, each (rows, columns) float32."""
        rows, columns = self.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) / self.k
        y = (np.arange(rows, dtype=np.float32) + 0.5) / self.k
        xs, ys = np.meshgrid(x, y)
        return xs, ys

    def at_scale(self, scale: float) -> Sheet:
        """The same sheet at another scale, for plans that need no fine grid."""
        return Sheet(self.width, self.height, scale)


def rgb(code: str) -> Array:
    """``"#rrggbb"`` as three floats in 0..1."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32) / 255


def ramp(stops: Sequence[tuple[float, str]], t: Array) -> Array:
    """Colours (*t.shape, 3) read off a gradient of ``(position, "#rrggbb")`` stops."""
    at = [position for position, _ in stops]
    table = np.stack([rgb(code) for _, code in stops])
    channels = [np.interp(t, at, table[:, c]).astype(np.float32) for c in range(3)]
    return np.stack(channels, axis=-1)


def smoothstep(low: float, high: float, t: Array) -> Array:
    """0 below ``low``, 1 above ``high``, a soft S between; ``low > high`` turns it round."""
    u = np.clip((t - low) / (high - low), 0, 1)
    return np.asarray(u * u * (3 - 2 * u))


def blend(under: Array, over: Array, alpha: Array) -> Array:
    """Lay ``over`` on ``under`` (..., 3) where ``alpha`` (...) is 1."""
    a = alpha[..., None]
    return np.asarray(under * (1 - a) + over * a)


def noise(
    sheet: Sheet,
    rng: np.random.Generator,
    size: float,
    octaves: int = 4,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """Smooth noise with features of ``size`` units, mean about 0 and spread about 1.

    The random lattice does not depend on the scale, so neither does the composition.
    ``stretch`` lengthens the features along x and y.
    """
    total = np.zeros(sheet.shape, dtype=np.float32)
    power = 0.0
    for octave in range(octaves):
        cell_x, cell_y = (size * s / 2**octave for s in stretch)
        across, down = sheet.width / cell_x, sheet.height / cell_y
        lattice = rng.standard_normal((int(down) + 5, int(across) + 5)).astype(np.float32)
        layer = Image.fromarray(lattice).resize(
            sheet.size, Image.Resampling.BICUBIC, box=(1.5, 1.5, 1.5 + across, 1.5 + down)
        )
        weight = 0.5**octave
        total += weight * np.asarray(layer)
        power += weight**2
    return total / np.float32(0.72 * np.sqrt(power))


def grain(sheet: Sheet, rng: np.random.Generator, size: float = 1.0) -> Array:
    """Fine single-octave noise: paper tooth, pigment, print grain."""
    return noise(sheet, rng, size, octaves=1)


def relief(height: Array, k: float, depth: float = 1.0, shine: float = 0.0) -> Array:
    """Light factor about 1 for a surface lit from the upper left.

    ``height`` is in picture units; ``depth`` exaggerates it; ``shine`` adds a wet highlight.
    """
    dy, dx = np.gradient(height.astype(np.float32))
    dx, dy = dx * k * depth, dy * k * depth
    length = np.sqrt(dx * dx + dy * dy + 1)
    diffuse = (0.45 * dx + 0.6 * dy + 0.66) / length
    glint = np.clip((0.25 * dx + 0.34 * dy + 0.9) / length, 0, 1) ** 40
    return np.asarray(diffuse / 0.66 + shine * glint, dtype=np.float32)


def wobble(colour: Array, rng: np.random.Generator, value: float, hue: float) -> Array:
    """Jitter colours (..., 3): ``value`` lightens or darkens, ``hue`` moves channels apart."""
    light = rng.normal(0, value, (*colour.shape[:-1], 1))
    tint = rng.normal(0, hue, colour.shape)
    return np.clip(colour + light + tint, 0, 1)


def ink(colour: Array) -> tuple[int, int, int]:
    """A float colour as the integer triple Pillow draws with."""
    r, g, b = (int(v) for v in np.clip(colour * 255 + 0.5, 0, 255))
    return r, g, b


def mask(image: Image.Image) -> Array:
    """A drawn ``"L"`` image as float32 alpha in 0..1."""
    return np.asarray(image, dtype=np.float32) / 255


def finish(picture: Array, sheet: Sheet) -> Image.Image:
    """Shrink the working picture (rows, columns, 3), 0..1, to its finished size."""
    whole = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    size = (round(sheet.width * sheet.scale), round(sheet.height * sheet.scale))
    return whole.resize(size, Image.Resampling.LANCZOS)
