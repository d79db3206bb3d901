"""Marbled paper with tulips, by mathematical marbling.

Every tool is a map of the plane that can be undone (the stylus to first order), after Lu,
Jaffer, Jin, Zhao and Mao, "Mathematical marbling" (IEEE CG&A 32(6), 2012): a point of the paper
is pulled back through the tools, last first, until it falls into the drop it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree
from studio import Array, Sheet, finish, grain, noise, relief, rgb

INKS = (
    "#16304f",
    "#2f6f78",
    "#efe3cb",
    "#d8a540",
    "#16304f",
    "#8fb3a4",
    "#c8452f",
    "#2f6f78",
    "#efe3cb",
)
LEAF = ((37, "#efe3cb"), (33, "#1f4a3a"), (25, "#3a7a48"), (15, "#6fa455"), (5, "#cfd98a"))


@dataclass(frozen=True)
class Drop:
    """A drop of ``colour`` let fall at (x, y); it pushes what floats there outwards."""

    x: float
    y: float
    radius: float
    colour: str


@dataclass(frozen=True)
class Comb:
    """Teeth ``spacing`` apart drawn along (dx, dy); on a to-and-fro comb every second goes back."""

    dx: float
    dy: float
    spacing: float
    pull: float
    decay: float  # how far across a tooth is felt
    alternate: bool = True
    sway: float = 0.0


@dataclass(frozen=True)
class Needle:
    """One short push of a stylus at (x, y) by (dx, dy), felt within ``reach``."""

    x: float
    y: float
    dx: float
    dy: float
    reach: float


@dataclass(frozen=True)
class Blade:
    """Paint laid with the needle: within ``width`` (n,) of ``path`` (n, 2). It pushes nothing."""

    path: Array
    width: Array
    colour: str


Tool: TypeAlias = Drop | Comb | Needle | Blade


def paint_marbling(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Drop a stone ground, comb it, set the flowers on it and print the sheet."""
    tools: list[Tool] = [*_ground(rng, sheet), *_combs(), *_flowers()]
    colour = _pull_back(sheet, tools, rgb("#efe3cb"))
    return finish(_print(sheet, colour, rng), sheet)


def _ground(rng: np.random.Generator, sheet: Sheet) -> list[Tool]:
    """Big drops in bands of the palette, then a sprinkle of small ones."""
    drops: list[Tool] = []
    for i in range(210):
        x, y = rng.uniform(-60, sheet.width + 60), rng.uniform(-60, sheet.height + 60)
        drops.append(Drop(x, y, rng.uniform(22, 52), INKS[i % len(INKS)]))
    for i in range(170):
        x, y = rng.uniform(0, sheet.width), rng.uniform(0, sheet.height)
        drops.append(
            Drop(x, y, rng.uniform(6, 15), ("#f4ead4", "#c8452f", "#16304f", "#d8a540")[i % 4])
        )
    return drops


def _combs() -> list[Tool]:
    """The 'gel-git' (to and fro), then a fine comb across it and a last waved pass."""
    return [
        Comb(0.0, 1.0, 100.0, 150.0, decay=30.0),
        Comb(1.0, 0.0, 84.0, 110.0, decay=22.0),
        Comb(0.0, 1.0, 25.0, 46.0, decay=6.5, alternate=False, sway=10.0),
    ]


def _push(path: Array, reach: float, strength: float = 0.55) -> list[Tool]:
    """A stylus drawn along ``path`` (n, 2) as many small pushes."""
    steps = np.diff(path, axis=0) * strength
    return [
        Needle(float(x), float(y), float(dx), float(dy), reach)
        for (x, y), (dx, dy) in zip(path[:-1], steps, strict=True)
    ]


def _line(x0: float, y0: float, x1: float, y1: float, n: int = 9, bow: float = 0.0) -> Array:
    """Points from one end to the other, bowed sideways by ``bow``."""
    t = np.linspace(0, 1, n)[:, None]
    a, b = np.array([[x0, y0]]), np.array([[x1, y1]])
    side = np.array([[-(y1 - y0), x1 - x0]]) / np.hypot(x1 - x0, y1 - y0)
    return np.asarray(a + (b - a) * t + side * bow * np.sin(np.pi * t))


def _flowers() -> list[Tool]:
    """Three tulips, stems first, as they are made on the bath."""
    blooms = ((405.0, 330.0, 1.22, 0.0), (196.0, 520.0, 0.95, -0.30), (612.0, 548.0, 0.98, 0.30))
    tools: list[Tool] = []
    foot = (404.0, 985.0)
    for x, y, scale, lean in blooms:
        top = x - 30 * lean, y + 50 * scale
        stem = _line(foot[0] + 40 * lean, foot[1] + 60, *top, 160, 60 * lean)
        even = np.ones(len(stem))
        tools += [Blade(stem, 8.0 * even, "#efe3cb"), Blade(stem, 5.5 * even, "#2c5a36")]
    for side in (-1.0, 1.0):
        for height, reach in ((800.0, 150.0), (890.0, 190.0)):
            leaf = _line(404, height + 60, 404 + side * reach, height - 150, 120, side * 52)
            belly = np.sin(np.pi * np.linspace(0.03, 1, 120)) ** 0.8
            for width, colour in LEAF:
                tools.append(Blade(leaf, width * belly + 0.4, colour))
            for at in range(14, 108, 10):
                (px, py), (qx, qy) = leaf[at], leaf[at + 8]
                for turn in (1, -1):
                    vx, vy = qx - px - turn * (qy - py), qy - py + turn * (qx - px)
                    tools += _push(_line(px, py, px + 2.1 * vx, py + 2.1 * vy, 6), 7, 0.7)
    for x, y, scale, lean in blooms:
        tools += _tulip(x, y, scale, lean)
    return tools


def _tulip(x: float, y: float, scale: float, lean: float) -> list[Tool]:
    """Nested drops, then a stylus draws three petals out of them."""
    tools: list[Tool] = []
    cos, sin = np.cos(lean), np.sin(lean)

    def at(u: float, v: float) -> tuple[float, float]:
        return x + scale * (u * cos - v * sin), y + scale * (u * sin + v * cos)

    for radius, colour in (
        (78, "#7c1622"),
        (70, "#b8232b"),
        (58, "#d9402f"),
        (42, "#ee7a3c"),
        (24, "#f7c65a"),
    ):
        px, py = at(0, 26)
        tools.append(Drop(px, py, radius * scale, colour))
    for (u0, v0), (u1, v1), reach, power in (
        ((0, 95), (0, 40), 30, 0.6),
        ((-52, 20), (-84, -128), 26, 0.75), ((52, 20), (84, -128), 26, 0.75),
        ((0, 20), (0, -150), 24, 0.72),
        ((-34, -110), (-30, 6), 15, 0.75), ((34, -110), (30, 6), 15, 0.75),
        ((0, 60), (0, 118), 16, 0.5),
    ):  # fmt: skip
        tools += _push(_line(*at(u0, v0), *at(u1, v1), 12), reach * scale, power)
    return tools


def _pull_back(sheet: Sheet, tools: list[Tool], paper: Array) -> Array:
    """Colour (rows, columns, 3) of every point, found by undoing the tools last first."""
    xs, ys = sheet.grid()
    x: Array = xs.ravel()
    y: Array = ys.ravel()
    left: Array = np.arange(x.size)  # pixels whose drop is not found yet
    colour = np.broadcast_to(paper, (x.size, 3)).copy()
    for tool in reversed(tools):
        if isinstance(tool, Drop):
            dx, dy = x - tool.x, y - tool.y
            distance = dx * dx + dy * dy
            shrink = 1 - np.float32(tool.radius**2) / np.maximum(distance, 1e-6)
            hit = shrink <= 0
            if hit.any():
                colour[left[hit]] = rgb(tool.colour)
                keep = ~hit
                x, y, left, dx, dy, shrink = (a[keep] for a in (x, y, left, dx, dy, shrink))
            root = np.sqrt(shrink)
            x, y = tool.x + dx * root, tool.y + dy * root
        elif isinstance(tool, Blade):
            hit = _touched(x, y, tool)
            colour[left[hit]] = rgb(tool.colour)
            x, y, left = x[~hit], y[~hit], left[~hit]
        elif isinstance(tool, Comb):
            x, y = _uncomb(x, y, tool)
        else:
            x, y = _unpush(x, y, tool)
    return colour.reshape(*sheet.shape, 3)


def _touched(x: Array, y: Array, blade: Blade) -> Array:
    """Which points the needle painted."""
    reach = float(blade.width.max())
    (x0, y0), (x1, y1) = blade.path.min(axis=0) - reach, blade.path.max(axis=0) + reach
    hit: Array = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    distance, nearest = cKDTree(blade.path).query(np.stack([x[hit], y[hit]], axis=-1))
    hit[hit] = distance < blade.width[nearest]
    return hit


def _uncomb(x: Array, y: Array, comb: Comb) -> tuple[Array, Array]:
    """Undo a comb: slide back along it by an amount that depends on the distance across only."""
    across = x * comb.dy - y * comb.dx
    along = x * comb.dx + y * comb.dy
    across = across + comb.sway * np.sin(along / 95)
    tooth = np.round(across / comb.spacing)
    slide = comb.pull * np.exp(-np.abs(across - tooth * comb.spacing) / comb.decay)
    if comb.alternate:
        slide = slide * (1 - 2 * np.mod(tooth, 2))
    return x - slide * comb.dx, y - slide * comb.dy


def _unpush(x: Array, y: Array, needle: Needle) -> tuple[Array, Array]:
    """Undo one stylus push, to first order: the push is short beside its reach."""
    cx, cy = needle.x + needle.dx, needle.y + needle.dy
    square = ((x - cx) ** 2 + (y - cy) ** 2) / np.float32(needle.reach**2)
    near = square < 7
    fade = np.exp(-square[near])
    x, y = x.copy(), y.copy()
    x[near] -= needle.dx * fade
    y[near] -= needle.dy * fade
    return x, y


def _print(sheet: Sheet, colour: Array, rng: np.random.Generator) -> Array:
    """Take the print: pigment pools and thins, and the laid paper shows through."""
    _, y = sheet.grid()
    pool = 1 + 0.050 * noise(sheet, rng, 60, 4) + 0.028 * grain(sheet, rng, 2.2)
    fibre = noise(sheet, rng, 3, 2, stretch=(5, 0.7)) + noise(sheet, rng, 3, 2, stretch=(0.7, 5))
    tooth = relief(0.10 * fibre + 0.12 * np.sin(y * 1.3), sheet.k, 0.2)
    return np.asarray(colour * pool[..., None] * tooth[..., None])
