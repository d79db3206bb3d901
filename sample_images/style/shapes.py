"""A counterpoint of circles, bars and arcs: transparent colour on a grained, warm ground."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from studio import Array, Sheet, blend, finish, grain, mask, noise, relief, rgb, smoothstep

Pen = Callable[[ImageDraw.ImageDraw, float], None]


class Panel:
    """A gessoed panel that takes shapes one over another, each brushed on by hand."""

    def __init__(self, sheet: Sheet, rng: np.random.Generator) -> None:
        self.sheet, self.rng = sheet, rng
        warm = noise(sheet, rng, 300, 4)
        ground = rgb("#efe4cc") + 0.020 * warm[..., None] * rgb("#ffd7a0")
        self.colour = np.asarray(ground, dtype=np.float32)
        self.tooth = noise(sheet, rng, 2.6, 3)
        self.height = np.zeros(sheet.shape, dtype=np.float32)
        self._drag = {
            angle: noise(sheet, rng, 5, 3, stretch=(9, 0.55) if angle == 0 else (0.55, 9))
            for angle in (0, 90)
        }

    def lay(
        self, pen: Pen, code: str, strength: float = 0.9, glaze: bool = False, brush: int = 0
    ) -> None:
        """Fill what ``pen`` draws; a ``glaze`` darkens what is under it, paint covers it."""
        image = Image.new("L", self.sheet.size, 0)
        pen(ImageDraw.Draw(image), self.sheet.k)
        shape = ndimage.gaussian_filter(mask(image), 0.35 * self.sheet.k)
        drag = self._drag[brush]
        ragged = smoothstep(0.42, 0.58, shape + 0.05 * self.tooth)
        pigment = strength * (1 + 0.10 * drag + 0.05 * self.tooth)
        inner = ndimage.gaussian_filter(shape, 4 * self.sheet.k)
        rim = np.clip(ragged - inner, 0, 1)  # paint gathers at the edge of a shape
        paint = rgb(code) * (1 + 0.055 * drag - 0.22 * rim)[..., None]
        over = self.colour * paint * 1.04 if glaze else paint
        self.colour = blend(self.colour, over, np.clip(ragged * pigment, 0, 1))
        self.height += ragged * (0.5 + 0.16 * drag)

    def lit(self) -> Array:
        """The panel under raking light."""
        light = relief(self.height + 0.11 * self.tooth, self.sheet.k, 0.34)
        speck = 1 + 0.018 * grain(self.sheet, self.rng, 1.1)
        return np.asarray(self.colour * (light * speck)[..., None])


def disc(x: float, y: float, r: float, hole: float = 0.0) -> Pen:
    """A disc, or a ring when ``hole`` (inner radius) is given."""

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        pen.ellipse([(x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k], fill=255)
        if hole:
            pen.ellipse([(x - hole) * k, (y - hole) * k, (x + hole) * k, (y + hole) * k], fill=0)

    return draw


def poly(*points: tuple[float, float]) -> Pen:
    """A filled polygon."""

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        pen.polygon([(x * k, y * k) for x, y in points], fill=255)

    return draw


def bar(x0: float, y0: float, x1: float, y1: float, w0: float, w1: float) -> Pen:
    """A bar that tapers from width ``w0`` to ``w1``."""
    nx, ny = -(y1 - y0), x1 - x0
    size = float(np.hypot(nx, ny))
    nx, ny = nx / size / 2, ny / size / 2
    return poly((x0 + nx * w0, y0 + ny * w0), (x1 + nx * w1, y1 + ny * w1),
                (x1 - nx * w1, y1 - ny * w1), (x0 - nx * w0, y0 - ny * w0))  # fmt: skip


def sector(x: float, y: float, r: float, start: float, end: float, width: float = 0.0) -> Pen:
    """A pie slice in degrees, or an arc of ``width``."""

    def draw(pen: ImageDraw.ImageDraw, k: float) -> None:
        box = [(x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k]
        if width:
            pen.arc(box, start, end, fill=255, width=max(1, round(width * k)))
        else:
            pen.pieslice(box, start, end, fill=255)

    return draw


def ribbon(
    x0: float, y0: float, length: float, swing: float, waves: float, width: float, tilt: float
) -> Pen:
    """A wavy line that swells in the middle."""
    t = np.linspace(0, 1, 160)
    u, v = t * length, swing * np.sin(2 * np.pi * waves * t)
    half = width * (0.25 + 0.75 * np.sin(np.pi * t)) / 2
    c, s = np.cos(tilt), np.sin(tilt)
    edges = [(u, v - half), (u[::-1], (v + half)[::-1])]
    points = [
        (x0 + p * c - q * s, y0 + p * s + q * c)
        for us, vs in edges
        for p, q in zip(us, vs, strict=True)
    ]
    return poly(*[(float(px), float(py)) for px, py in points])


def paint_shapes(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Large quiet fields, then the theme, then the small quick voices."""
    panel = Panel(sheet, rng)
    _fields(panel)
    _theme(panel)
    _voices(panel)
    return finish(panel.lit(), sheet)


def _fields(panel: Panel) -> None:
    """The big planes that give the picture its diagonal."""
    panel.lay(poly((-20, 640), (470, 330), (560, 820), (-20, 820)), "#e9c46a", 0.75, brush=90)
    panel.lay(poly((520, -20), (980, -20), (980, 330), (700, 420)), "#9fc3c9", 0.8)
    panel.lay(poly((980, 330), (980, 820), (620, 820)), "#dba58a", 0.7, brush=90)
    panel.lay(disc(300, 270, 232), "#f0cfa8", 0.55)
    panel.lay(disc(300, 270, 196), "#5b4a86", 0.92)
    panel.lay(disc(300, 270, 158), "#2b2d5c", 0.92, brush=90)
    panel.lay(disc(300, 270, 112), "#d8342c", 0.96)
    panel.lay(disc(300, 270, 54), "#f2b134", 0.96, brush=90)
    panel.lay(disc(316, 262, 22), "#15161d", 0.98)


def _theme(panel: Panel) -> None:
    """Bars that cross the circle and the great triangle that answers it."""
    panel.lay(poly((585, 165), (905, 705), (430, 640)), "#e8a628", 0.62, glaze=True)
    panel.lay(poly((660, 95), (760, 760), (540, 700)), "#3f8fa3", 0.7, glaze=True, brush=90)
    panel.lay(disc(705, 505, 128), "#d9473a", 0.74, glaze=True)
    panel.lay(disc(790, 430, 86), "#3a6fb0", 0.72, glaze=True)
    panel.lay(sector(640, 640, 210, 190, 300), "#7fa86a", 0.72, glaze=True)
    panel.lay(bar(20, 690, 930, 90, 15, 5), "#15161d", 0.97)
    panel.lay(bar(60, 110, 620, 770, 4, 11), "#15161d", 0.95)
    panel.lay(bar(120, 740, 560, 40, 30, 8), "#b8272c", 0.88, brush=90)
    panel.lay(bar(380, 780, 960, 560, 8, 22), "#23365f", 0.92)
    panel.lay(sector(470, 470, 330, 196, 268, 9), "#15161d", 0.95)
    panel.lay(sector(470, 470, 300, 200, 262, 16), "#e5763a", 0.92)
    panel.lay(sector(690, 300, 220, 280, 20, 6), "#15161d", 0.95)
    panel.lay(sector(690, 300, 198, 285, 15, 12), "#c93a4a", 0.92)


def _voices(panel: Panel) -> None:
    """Chequers, ladders, dots and ribbons."""
    inks = ("#15161d", "#f6ecd6", "#d8342c", "#f2b134", "#3a6fb0", "#f6ecd6")
    c, s = np.cos(0.42), np.sin(0.42)
    for row in range(5):
        for column in range(6):
            corner = [(column + a, row + b) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
            points = [(100 + 24 * (u * c - v * s), 520 + 24 * (u * s + v * c)) for u, v in corner]
            panel.lay(poly(*points), inks[(row * 5 + column * 7) % 6], 0.95, brush=90 * (row % 2))
    for i in range(9):
        panel.lay(bar(800 + 13 * i, 640 - 6 * i, 830 + 13 * i, 740 - 6 * i, 5, 5), "#15161d", 0.95)
    for i in range(4):
        panel.lay(
            sector(860, 190, 92 - 20 * i, 150, 330, 8),
            ("#15161d", "#d8342c", "#f6ecd6", "#23365f")[i],
            0.95,
        )
    for i, code in enumerate(("#23365f", "#d8342c", "#15161d")):
        panel.lay(ribbon(470, 690 + 24 * i, 300, 15, 3, 10, -0.10), code, 0.95)
    for x, y, r, code in (
        (560, 120, 34, "#f2b134"), (560, 120, 17, "#15161d"), (470, 70, 15, "#d8342c"),
        (90, 90, 26, "#3f8fa3"),
        (90, 90, 11, "#f6ecd6"), (885, 380, 24, "#15161d"), (885, 380, 12, "#f2b134"),
        (930, 640, 17, "#f6ecd6"),
        (60, 420, 20, "#d8342c"), (400, 600, 30, "#f6ecd6"), (400, 600, 20, "#23365f"),
        (400, 600, 8, "#f2b134"),
        (610, 250, 13, "#15161d"), (640, 230, 8, "#d8342c"), (300, 700, 14, "#3f8fa3"),
        (900, 80, 12, "#d8342c"),
    ):  # fmt: skip
        panel.lay(disc(x, y, r), code, 0.96)
    for r in (60, 46):
        panel.lay(disc(190, 640, r, r - 3.5), "#15161d", 0.95)
