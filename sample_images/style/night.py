"""Night over a lake: swirling impasto strokes, ultramarine against ochre."""

from __future__ import annotations

import numpy as np
from brush import Canvas, smear, streamlines
from PIL import Image
from studio import Array, Sheet, blend, finish, noise, ramp, rgb, smoothstep, wobble

SKY = [(0.0, "#0a1030"), (0.3, "#142a66"), (0.5, "#1f4a9c"), (0.68, "#3f7fc0"),
       (0.85, "#8fbcd0"), (1.0, "#dfe3c0")]  # fmt: skip
MOON = (800.0, 150.0)
STARS = [(95, 90, 17), (255, 60, 13), (392, 130, 21), (560, 62, 15), (655, 215, 13),
         (930, 300, 14), (215, 232, 18), (505, 300, 11), (965, 75, 12), (330, 330, 10)]  # fmt: skip
EDDIES = [(470, 215, 120, 2.6), (640, 300, 82, -2.2), (150, 160, 95, -1.6), (300, 350, 70, 1.4)]
SHORE = 545.0  # y of the water line
SKY_ID, HILL_ID, LAKE_ID, TREE_ID = 0, 1, 4, 5


def paint_night(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Paint from an underpainting: big strokes first, small ones where the form turns."""
    plan = sheet.at_scale(0.5)  # one cell per picture unit, whatever the scale
    x, y = plan.grid()
    label = _regions(x, y, noise(plan, rng, 160, 3))
    angle = _flow(x, y, label, noise(plan, rng, 150, 2))
    streak = smear(noise(plan, rng, 11, 2), angle, steps=22)
    colour = _underpainting(x, y, label, streak)
    canvas = Canvas(sheet, rgb("#1a2140"))
    for width, reach, count, value in (
        (27, 9, 1500, 0.03),
        (14, 7, 4200, 0.04),
        (7.5, 6, 11500, 0.05),
    ):
        starts = rng.uniform((-10, -10), (sheet.width + 10, sheet.height + 10), (count, 2))
        _cover(canvas, starts, width, reach, value, (label, angle, colour), rng)
    _lights(canvas, rng)
    return finish(canvas.lit(depth=0.55, shine=0.10), sheet)


def _regions(x: Array, y: Array, rough: Array) -> Array:
    """Label sky, three ranges of hills, lake and the poplars on the near bank."""
    label = np.full(x.shape, SKY_ID)
    ridges = (
        470 - 60 * np.sin(x / 210 + 0.6) - 16 * np.sin(x / 61) + 5 * rough,
        500 - 46 * np.sin(x / 170 + 2.9) - 10 * np.sin(x / 43) + 5 * rough,
        532 - 20 * np.sin(x / 120 + 4.4) + 4 * rough,
    )
    for depth, ridge in enumerate(ridges):
        label[y > ridge] = HILL_ID + depth
    label[y > SHORE] = LAKE_ID
    label[y > 712 + 34 * np.cos(x / 190 + 2.4) - 40 * smoothstep(420, 0, x) + 4 * rough] = (
        HILL_ID + 2
    )
    for centre, top, base, girth in ((118, 132, 740, 50), (205, 300, 735, 36), (52, 345, 745, 34)):
        t = (y - top) / (base - top)
        lean = centre + 10 * np.sin(y / 55 + centre) + 6 * rough
        half = girth * np.clip(t, 0, 1) ** 0.6 * np.clip(1.06 - t, 0, 1) ** 0.25
        label[
            (t > 0) & (t < 1) & (np.abs(x - lean) < half * (1 + 0.16 * np.sin(y / 17 + x / 23)))
        ] = TREE_ID
    return label


def _flow(x: Array, y: Array, label: Array, rough: Array) -> Array:
    """Stroke direction in radians: wind and eddies above, ripples below, trees upward."""
    vx = np.ones_like(x)
    vy = 0.42 * np.sin(x / 150 + y / 240) + 0.10 * rough
    spins = [*EDDIES, (*MOON, 120, 2.4), *((sx, sy, 2.6 * r, 2.4) for sx, sy, r in STARS)]
    for cx, cy, radius, strength in spins:
        dx, dy = x - cx, y - cy
        distance = np.hypot(dx, dy) + 1e-3
        pull = strength * np.exp(-((distance / radius) ** 2) * 0.9)
        vx += pull * (-dy - 0.12 * dx) / distance
        vy += pull * (dx - 0.12 * dy) / distance
    angle = np.arctan2(vy, vx)
    hills = (label >= HILL_ID) & (label < LAKE_ID)
    angle = np.where(hills, 0.55 * np.sin(x / 62 + label * 2.0) + 0.2 * rough, angle)
    angle = np.where(label == LAKE_ID, 0.10 * np.sin(x / 40 + y / 13) + 0.05 * rough, angle)
    return np.where(label == TREE_ID, -np.pi / 2 + 0.5 * np.sin(y / 38 + x / 30), angle)


def _glow(x: Array, y: Array) -> Array:
    """How much lamp and moon light a point of the sky has, 0..1."""
    glow = np.zeros_like(x)
    for cx, cy, radius in [(*MOON, 56), *STARS]:
        distance = np.hypot(x - cx, y - cy) / radius
        rings = 0.74 + 0.26 * np.cos(distance * 4.2)
        rings = rings * (
            1 - 0.4 * np.exp(-((distance / 0.6) ** 2)) * (radius > 50)
        )  # dark of the moon
        glow = np.maximum(glow, np.exp(-((distance / 1.75) ** 2)) * rings)
    return glow


def _underpainting(x: Array, y: Array, label: Array, streak: Array) -> Array:
    """The colours (height, width, 3) the strokes pick up."""
    tone = 0.30 + 0.34 * (y / 470) ** 1.6 + 0.135 * streak
    colour = ramp(SKY, tone)
    warm = ramp(
        [(0.1, "#2f66b0"), (0.28, "#79aaa6"), (0.45, "#d9b650"), (0.75, "#f6d873"), (1, "#fff6cf")],
        _glow(x, y) + 0.06 * streak,
    )
    colour = blend(colour, warm, smoothstep(0.06, 0.34, _glow(x, y) + 0.05 * streak))
    for depth, code in enumerate(("#2b4a86", "#1d3466", "#16233f")):
        hill = ramp([(0, "#0c1530"), (0.5, code), (1, "#5f83a0")], 0.46 + 0.15 * streak)
        colour = blend(colour, hill, (label == HILL_ID + depth).astype(np.float32))
    lake = ramp(SKY, 0.36 + 0.16 * streak - 0.0006 * (y - SHORE))
    for column, reach, strength in ((MOON[0], 62, 1.0), (640, 16, 0.8), (545, 14, 0.8),
                                    (455, 14, 0.7),
                                    (705, 13, 0.6), (392, 12, 0.5), (905, 12, 0.5)):  # fmt: skip
        spread = reach * (0.55 + 0.9 * (y - SHORE) / 220)
        path = strength * np.exp(-(((x - column - 7 * np.sin(y / 9)) / spread) ** 2))
        broken = smoothstep(0.16, 0.55, path * (0.72 + 0.30 * streak) * (1.05 - (y - SHORE) / 420))
        lake = blend(lake, ramp([(0, "#d29a34"), (1, "#ffe9a0")], path), broken)
    colour = blend(colour, lake, (label == LAKE_ID).astype(np.float32))
    tree = ramp(
        [(0, "#070b12"), (0.45, "#10231f"), (0.8, "#2c4a34"), (1, "#7a7a3a")], 0.36 + 0.17 * streak
    )
    return blend(colour, tree, (label == TREE_ID).astype(np.float32))


def _cover(
    canvas: Canvas, starts: Array, width: float, reach: int, value: float,
    plan: tuple[Array, Array, Array], rng: np.random.Generator,
) -> None:  # fmt: skip
    """Lay one size of stroke over the whole canvas; a stroke stops where its region ends."""
    label, angle, colour = plan
    rows, columns = label.shape
    paths = streamlines(angle, starts, reach, width * 0.30)
    column = np.clip(paths[..., 0].astype(int), 0, columns - 1)
    row = np.clip(paths[..., 1].astype(int), 0, rows - 1)
    regions, middle = label[row, column], reach
    paints = wobble(colour[row[:, middle], column[:, middle]], rng, value, 0.022)
    for path, region, paint in zip(paths, regions, paints, strict=True):
        same = region == region[middle]
        first = middle - int(np.argmin(np.append(same[middle::-1], False))) + 1
        last = middle + int(np.argmin(np.append(same[middle:], False)))
        if last - first >= 3:
            canvas.stroke(path[first:last], width, paint, rng, body=0.5 + width / 30)


def _lights(canvas: Canvas, rng: np.random.Generator) -> None:
    """Star hearts, the town along the far shore and a boat: the last, fattest paint."""
    for _ in range(46):
        reach = rng.uniform(0, 1)
        arc = np.linspace(0.45, 3.0, 12) + rng.uniform(-0.25, 0.25)
        ring = 45 - 25 * reach * np.sin(np.linspace(0, np.pi, 12))
        path = np.stack(
            [MOON[0] + ring * np.cos(arc + 0.35), MOON[1] + ring * np.sin(arc + 0.35)], axis=1
        )
        canvas.stroke(path, 7, wobble(rgb("#fff6cc"), rng, 0.03, 0.015), rng, body=1.8)
    for cx, cy, radius in STARS:
        for _ in range(7):
            turn = rng.uniform(0, 2 * np.pi)
            arc = turn + np.linspace(0, 1.6, 6)
            ring = np.full(6, rng.uniform(0.1, 0.55) * radius)
            path = np.stack([cx + ring * np.cos(arc), cy + ring * np.sin(arc)], axis=1)
            canvas.stroke(path, 6, wobble(rgb("#fff3c0"), rng, 0.03, 0.02), rng, body=1.6)
    for _ in range(58):
        at = rng.normal(600, 130), SHORE - rng.uniform(4, 26)
        wall = np.array([[at[0], at[1] + 9], [at[0] + 1, at[1] - 4]])
        canvas.stroke(wall, 11, wobble(rgb("#22345c"), rng, 0.04, 0.02), rng)
        if rng.random() < 0.62:
            lamp = np.array([[at[0] - 2, at[1] + 2], [at[0] + 3, at[1] + 2]])
            canvas.stroke(lamp, 4.5, wobble(rgb("#f7c64e"), rng, 0.05, 0.03), rng, body=1.5)
    spire = np.array([[598.0, SHORE - 4], [600, SHORE - 40], [601, SHORE - 76]])
    canvas.stroke(spire, 9, rgb("#1b2a50"), rng)
    hull = np.stack([np.linspace(700, 762, 9), 648 + 7 * np.sin(np.linspace(0, np.pi, 9))], axis=1)
    canvas.stroke(hull, 11, rgb("#14182a"), rng, body=1.3)
    canvas.stroke(np.array([[731.0, 646], [732, 610], [733, 575]]), 3.5, rgb("#20222e"), rng)
    for step in range(7):
        edge = np.array([[735.0, 582 + 8 * step], [738 + 3.5 * step, 586 + 8 * step]])
        canvas.stroke(edge, 8, wobble(rgb("#c9a24e"), rng, 0.04, 0.02), rng)
