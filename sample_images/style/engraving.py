"""An alpine lake, engraved: lines that follow the form and swell in the dark.

The lines are evenly spaced streamlines, simplified from Jobard and Lefer, "Creating
evenly-spaced streamlines of arbitrary density" (1997); tone is the width of a line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from studio import Array, Sheet, blend, finish, grain, mask, noise, ramp, relief, rgb, smoothstep
from terrain import View, look

SHORE = 520.0
SUN = (318.0, 196.0)
PINES = (  # (x, y of the tip, half width), far to near
    (772, 520, 30), (838, 420, 48), (1010, 392, 62), (975, 300, 74), (905, 205, 88),
    (176, 560, 26), (118, 478, 44), (52, 330, 70),
)  # fmt: skip
LEAP = 1.0  # a step of ``part`` that no line crosses
STEP = 2.0  # units walked per point of a line


@dataclass(frozen=True)
class Plate:
    """What the burin follows: darkness 0..1, two line directions, and where forms end."""

    tone: Array
    angle: Array
    cross: Array
    part: Array


def paint_engraving(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Cut the plate in two or three passes of lines, ink it and press it on warm paper."""
    plate = _plate(sheet.at_scale(0.5), rng)
    image = Image.new("L", sheet.size, 0)
    pen = ImageDraw.Draw(image)
    for spacing, low, angle in ((3.9, 0.05, plate.angle), (4.2, 0.46, plate.cross)):
        tone = np.clip((plate.tone - low) / (1 - low), 0, 1)
        for line in _lines(angle, tone, plate.part, spacing, rng):
            _cut(pen, line, tone, spacing, sheet.k, rng)
    _outline(pen, plate.part, sheet.k)
    for tree in PINES:
        _pine(pen, tree, sheet.k, rng)
    return finish(_press(sheet, mask(image), rng), sheet)


def _plate(plan: Sheet, rng: np.random.Generator) -> Plate:
    """Sky, the range, and the lake that mirrors it."""
    x, y = plan.grid()
    rough = noise(plan, rng, 120, 3)
    cloud = noise(plan, rng, 150, 4, stretch=(3.2, 0.55))
    dx, dy = x - SUN[0], y - SUN[1]
    radius = np.hypot(dx, dy)
    rays = 0.5 + 0.5 * np.cos(np.arctan2(dy, dx) * 26)
    tone = 0.08 + 0.34 * smoothstep(40, 560, radius) + 0.12 * rays * smoothstep(60, 130, radius)
    tone = (tone - 0.13 * cloud) * smoothstep(38, 40, radius)
    angle, part = np.arctan2(dx, -dy), np.full(plan.shape, -50.0)
    view = look(plan, rng, SHORE)
    here = (view.depth > 0) & (y <= SHORE)
    rock = _rock(view, y, rough)
    tone, angle = np.where(here, rock, tone), np.where(here, view.fall, angle)
    part = np.where(here, 12 * np.log(np.maximum(view.depth, 1)), part)
    tone, angle, part = _lake(x, y, tone, angle, part, rough)
    ground = _ground(x) + 5 * rough
    bank = y > ground
    tone = np.where(bank, 0.55 + 0.14 * rough, tone)
    angle = np.where(bank, -0.12 * np.sign(x - 480) + 0.3 * rough, angle)
    part = np.where(bank, -200.0, part)
    cross = np.where(part == -50, angle + 0.5, np.where(part == -100, angle + 0.16, angle + 0.95))
    return Plate(np.clip(tone, 0, 1), angle, cross, part)


def _rock(view: View, y: Array, rough: Array) -> Array:
    """Darkness of the range: lit and shadowed faces, snow above, haze with distance."""
    dark = 0.66 - 0.85 * view.shade
    high = view.height - 0.14 * view.depth + 0.08 * rough
    snow = smoothstep(-0.34, -0.12, high) * smoothstep(2.4, 1.2, view.steep)
    dark = dark * (1 - 0.55 * snow) + 0.20 * (1 - snow)
    dark = dark + 0.34 * smoothstep(0.34, 0.10, view.height + 0.05 * rough) * smoothstep(
        6, 3, view.depth
    )
    clear = np.exp(-(view.depth - 2.0) / 7.5)
    mist = np.exp(-np.clip(SHORE - y, 0, None) / 26) * smoothstep(2.1, 4.0, view.depth)
    far = ndimage.maximum_filter(np.where(view.depth > 0, view.depth, 12), 3)
    rim = np.exp(-ndimage.distance_transform_edt(far < 1.06 * view.depth) / 1.0)
    return np.asarray(
        np.clip(dark * (0.35 + 0.65 * clear) + 0.6 * rim * clear, 0.03, 0.95) * (1 - 0.6 * mist)
    )


def _ground(x: Array) -> Array:
    """Where the near bank begins."""
    return np.asarray(772 - 92 * smoothstep(600, 1024, x) - 62 * smoothstep(300, 0, x))


def _lake(
    x: Array, y: Array, tone: Array, angle: Array, part: Array, rough: Array
) -> tuple[Array, Array, Array]:
    """Still water: the tones above, upside down, in level lines."""
    wet = y > SHORE
    row = np.clip((2 * SHORE - y - 0.25 * (y - SHORE)).astype(int), 0, y.shape[0] - 1)
    column = np.clip((x + 5 * np.sin(y / 4.5) + 2 * rough).astype(int), 0, x.shape[1] - 1)
    mirrored = ndimage.gaussian_filter(tone, (4, 7))[row, column]
    path = np.exp(-(((x - SUN[0]) / (16 + 0.32 * (y - SHORE))) ** 2)) * (
        0.5 + 0.5 * np.sin(y / 2.9 + 3 * rough)
    )
    value = 0.16 + 0.60 * mirrored - 0.5 * path + 0.05 * np.sin(y / 7 + rough)
    ripple = 0.05 * np.sin(x / 33 + y / 6)
    return np.where(wet, value, tone), np.where(wet, ripple, angle), np.where(wet, -100.0, part)


def _outline(pen: ImageDraw.ImageDraw, part: Array, k: float) -> None:
    """The skyline, one thin cut: what keeps lit snow from melting into a light sky."""
    ridge = np.argmax(part > 0, axis=0).astype(np.float64)
    ridge = ndimage.gaussian_filter1d(ridge, 0.8)
    width = 1.0 + 0.7 * np.clip(np.gradient(ndimage.gaussian_filter1d(ridge, 2)), -1, 1)
    for start in range(0, len(ridge) - 30, 24):
        run = np.arange(start, start + 30)
        _ink(pen, np.stack([run + 0.5, ridge[run]], axis=1), width[run], k)


def _pine(
    pen: ImageDraw.ImageDraw, tree: tuple[float, float, float], k: float, rng: np.random.Generator
) -> None:
    """Clear the plate in the tree's outline, then cut bough by bough, heavier on the lee side."""
    cx, top, half = tree
    foot = float(_ground(np.array(cx))) + 22
    levels = np.arange(top + 5, foot - 16, 2.9)
    t = (levels - top) / (foot - top)
    reach = (
        half
        * t**0.8
        * (0.52 + 0.48 * np.mod(t * (8 + half / 12), 1.0))
        * rng.uniform(0.75, 1.15, (2, len(t)))
    )
    droop = 0.42 + 0.10 * t
    left = np.stack([cx - reach[0], levels + droop * reach[0]], axis=1)
    right = np.stack([cx + reach[1], levels + droop * reach[1]], axis=1)
    outline = np.concatenate([[[cx, top - 8]], right, left[::-1]]) * k
    pen.polygon(outline.ravel().tolist(), fill=0)
    trunk = np.array([[cx - 1, top - 6], [cx - 4, foot], [cx + 4, foot], [cx + 1, top - 6]]) * k
    pen.polygon(trunk.ravel().tolist(), fill=255)
    for tips, weight in ((left, 1.75), (right, 2.75)):
        for tip, level in zip(tips, levels, strict=True):
            u = np.linspace(0, 1, 8)[:, None]
            root = np.array([cx, level])
            line = (
                root
                + (tip - root) * u
                + np.array([0.0, -0.10 * abs(tip[0] - cx)]) * np.sin(np.pi * u)
            )
            width = weight * rng.uniform(0.75, 1.15) * np.sin(np.linspace(0.9, np.pi - 0.15, 8))
            _ink(pen, line, width, k)


def _lines(
    angle: Array, tone: Array, part: Array, spacing: float, rng: np.random.Generator
) -> list[Array]:
    """Streamlines at least half a ``spacing`` apart that keep to one part and skip the light."""
    rows, columns = angle.shape
    cos, sin = np.cos(angle), np.sin(angle)
    free = np.ones(angle.shape, dtype=bool)
    reach = int(np.ceil(spacing))
    oy, ox = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = np.hypot(ox, oy) < spacing * 0.86
    oy, ox = oy[near], ox[near]
    found: list[Array] = []

    def walk(px: float, py: float, sign: float, home: float) -> list[tuple[float, float]]:
        trail = []
        hx, hy = 0.0, 0.0
        for _ in range(170):
            i, j = int(py), int(px)
            if not (0 <= i < rows and 0 <= j < columns and free[i, j]) or tone[i, j] < 0.02:
                break
            if abs(part[i, j] - home) > LEAP:
                break
            home = part[i, j]
            trail.append((px, py))
            dx, dy = cos[i, j] * sign, sin[i, j] * sign
            if hx * dx + hy * dy < 0:
                dx, dy = -dx, -dy
            hx, hy = dx, dy
            px, py = px + STEP * dx, py + STEP * dy
        return trail

    seeds = rng.permutation(rows * columns)[: rows * columns // 3]
    for row, column in zip(*np.divmod(seeds, columns), strict=True):
        if not free[row, column] or tone[row, column] < 0.02:
            continue
        home = float(part[row, column])
        back = walk(column + 0.5, row + 0.5, -1.0, home)
        line = np.array(back[::-1] + walk(column + 0.5, row + 0.5, 1.0, home)[1:])
        if len(line) < 4:
            continue
        found.append(line)
        cells = line.astype(int)
        i = np.clip((cells[:, 1, None] + oy).ravel(), 0, rows - 1)
        j = np.clip((cells[:, 0, None] + ox).ravel(), 0, columns - 1)
        free[i, j] = False
    return found


def _cut(
    pen: ImageDraw.ImageDraw,
    line: Array,
    tone: Array,
    spacing: float,
    k: float,
    rng: np.random.Generator,
) -> None:
    """One burin stroke: it enters thin, swells with the tone, and leaves thin."""
    cells = line.astype(int)
    dark = ndimage.gaussian_filter1d(tone[cells[:, 1], cells[:, 0]], 1.5)
    ends = np.minimum(np.arange(len(line)), np.arange(len(line))[::-1])
    width = spacing * (0.10 + 0.72 * dark) * np.clip(0.25 + ends / 5, 0, 1) * rng.uniform(0.9, 1.1)
    _ink(pen, line, width, k)


def _ink(pen: ImageDraw.ImageDraw, line: Array, width: Array, k: float) -> None:
    """Fill a line (n, 2) of varying ``width`` (n,)."""
    direction = np.gradient(line, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
    side = np.stack([-direction[:, 1], direction[:, 0]], axis=1) * width[:, None] / 2
    outline = np.concatenate([line + side, (line - side)[::-1]]) * k
    pen.polygon(outline.ravel().tolist(), fill=255)


def _press(sheet: Sheet, cut: Array, rng: np.random.Generator) -> Array:
    """Sepia ink with a plate tone and plate mark on toned, fibrous paper."""
    x, y = sheet.grid()
    stain = noise(sheet, rng, 240, 4)
    paper = ramp([(0, "#e2d0a8"), (0.5, "#f1e5c8"), (1, "#f8f0da")], 0.55 + 0.10 * stain)
    fibre = noise(sheet, rng, 4, 3) + 0.5 * noise(sheet, rng, 3, 2, stretch=(6, 0.6))
    paper = paper * (1 + 0.012 * fibre)[..., None]
    worn = np.clip(0.93 + 0.06 * noise(sheet, rng, 60, 3) + 0.05 * grain(sheet, rng, 1.4), 0, 1)
    rim = np.minimum(np.minimum(x, sheet.width - x), np.minimum(y, sheet.height - y))
    printed = smoothstep(25.5, 26.5, rim)
    tinted = blend(paper, paper * rgb("#e9d3a4"), 0.35 * printed * smoothstep(-1.5, 2, stain + 0.5))
    colour = blend(
        tinted, ramp([(0, "#241a1c"), (1, "#3d2a22")], 0.5 + 0.2 * stain), cut * worn * printed
    )
    border = smoothstep(1.6, 1.0, np.abs(rim - 22.0)) * 0.85
    colour = blend(colour, np.broadcast_to(rgb("#2c2020"), colour.shape), border * worn)
    raised = relief(
        0.35 * ndimage.gaussian_filter(cut, 0.5 * sheet.k) + 0.05 * fibre, sheet.k, 0.35
    )
    return np.asarray(colour * raised[..., None])
