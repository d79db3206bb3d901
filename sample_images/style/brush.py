"""An oil brush: strokes of many bristles that leave colour and a height to light.

Strokes follow a direction field, so the brush work itself describes the form.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from studio import Array, Sheet, ink, relief


def streamlines(angle: Array, starts: Array, steps: int, step: float) -> Array:
    """Walk all ``starts`` (n, 2) along ``angle`` (height, width; one cell per unit) both ways.

    Returns (n, 2 * steps + 1, 2) points in picture units, the start in the middle.
    """
    rows, columns = angle.shape

    def walk(sign: float) -> list[Array]:
        points = starts.astype(np.float64)
        trail = []
        for _ in range(steps):
            column = np.clip(points[:, 0].astype(int), 0, columns - 1)
            row = np.clip(points[:, 1].astype(int), 0, rows - 1)
            theta = angle[row, column]
            points = points + sign * step * np.stack([np.cos(theta), np.sin(theta)], axis=1)
            trail.append(points)
        return trail

    return np.stack([*walk(-1)[::-1], starts.astype(np.float64), *walk(1)], axis=1)


def smear(field: Array, angle: Array, steps: int, step: float = 2.0) -> Array:
    """Line integral convolution: average ``field`` along ``angle`` into streaks, spread 1."""
    rows, columns = angle.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    total = field.copy()
    for sign in (-1.0, 1.0):
        px, py = x.copy(), y.copy()
        for _ in range(steps):
            theta = angle[
                np.clip(py, 0, rows - 1).astype(int), np.clip(px, 0, columns - 1).astype(int)
            ]
            px += sign * step * np.cos(theta)
            py += sign * step * np.sin(theta)
            total += ndimage.map_coordinates(field, [py, px], order=0, mode="nearest")
    total -= total.mean()
    return np.asarray(total / total.std(), dtype=np.float32)


class Canvas:
    """A primed canvas: a colour layer and the height of the paint on it."""

    def __init__(self, sheet: Sheet, ground: Array) -> None:
        self.sheet = sheet
        self._colour = Image.new("RGB", sheet.size, ink(ground))
        self._height = Image.new("F", sheet.size, 0.0)
        self._pen = ImageDraw.Draw(self._colour)
        self._knife = ImageDraw.Draw(self._height)

    def stroke(
        self, path: Array, width: float, colour: Array, rng: np.random.Generator, body: float = 1.0
    ) -> None:
        """Pull one brush of ``width`` units along ``path`` (n, 2), n >= 2."""
        k = self.sheet.k
        count = max(3, round(width / 2.1))
        direction = np.gradient(path, axis=0)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
        normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
        taper = np.sin(np.linspace(0.35, np.pi - 0.25, len(path)))[:, None] ** 0.5
        thickness = max(1, round(width * k / count * 1.5))
        tones = rng.normal(0, 0.035, count)
        heights = rng.uniform(0.45, 1.0, count) * body
        order = rng.permutation(count)
        trims = rng.integers(0, max(1, len(path) // 5) + 1, (count, 2))
        for j in order:
            offset = (2 * (j + 0.5) / count - 1) * width / 2
            line = (path + normal * taper * offset)[trims[j, 0] : len(path) - trims[j, 1]] * k
            if len(line) < 2:
                continue
            points = line.ravel().tolist()
            self._pen.line(points, fill=ink(colour + tones[j]), width=thickness)
            edge = 0.35 * abs(offset) / width * 2
            self._knife.line(points, fill=float(heights[j] + edge), width=thickness)

    def lit(self, depth: float, shine: float) -> Array:
        """The canvas (rows, columns, 3) under raking light."""
        height = ndimage.gaussian_filter(np.asarray(self._height), 0.55 * self.sheet.k)
        weave = self._weave()
        light = relief(height + weave, self.sheet.k, depth, shine)
        colour = np.asarray(self._colour, dtype=np.float32) / 255
        return np.asarray(colour * light[..., None])

    def _weave(self) -> Array:
        """Linen threads that show through thin paint."""
        x, y = self.sheet.grid()
        return np.asarray(0.05 * np.sin(x * 2.1) * np.sin(y * 2.1), dtype=np.float32)
