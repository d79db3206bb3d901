"""Two koi circling a gold sun: glass and gold tesserae that follow the drawing.

The tiles are a centroidal Voronoi diagram under an oriented square metric, as in Hausner,
"Simulating decorative mosaics" (SIGGRAPH 2001): squares turn with the nearest contour.
Unlike there, tiles are also cut at contours, as a mosaicist's nippers would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from studio import Array, Sheet, blend, finish, grain, noise, ramp, relief, rgb, smoothstep

NEIGHBOURS = 7  # nearest seeds that may own a pixel; tile sizes differ less than twofold
RELAXATIONS = 7
CENTRE = 448.0
FISH = ((0.35, 218.0), (0.35 + np.pi, 218.0))  # (angle of the nose, radius of the spine)


@dataclass(frozen=True)
class Cartoon:
    """The full-size drawing a mosaic is laid over; every field is (rows, columns, ...)."""

    label: Array  # which part of the motif: tiles never cross a label's edge
    colour: Array
    size: Array  # tile edge in picture units
    angle: Array  # direction of the tile rows, radians
    gold: Array  # 1 where the tile is gold leaf under glass


def paint_mosaic(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Lay the seeds, let them settle on a coarse plan, then cut and light the tiles."""
    plan = sheet.at_scale(0.5)
    drawing = _cartoon(plan, np.random.default_rng(rng.integers(2**31)))
    seeds = _scatter(drawing, rng)
    for _ in range(RELAXATIONS):
        owner, _ = _assign(plan, drawing.label, seeds, drawing)
        seeds = _centroids(plan, owner, seeds)
    fine_label = _motif(*sheet.grid())[0]
    owner, gap = _assign(sheet, fine_label, seeds, drawing)
    return finish(_cement(sheet, owner, gap, seeds, drawing, rng), sheet)


def _polar(x: Array, y: Array, nose: float) -> tuple[Array, Array]:
    """(radius about the centre, arc from the nose back towards the tail in fish lengths)."""
    dx, dy = x - CENTRE, y - CENTRE
    turn = np.mod(nose - np.arctan2(dy, dx) + 0.6, 2 * np.pi) - 0.6
    return np.hypot(dx, dy), turn / 1.92


def _motif(x: Array, y: Array) -> tuple[Array, Array]:
    """(label, part) of every point: label keeps pieces apart, part picks the palette."""
    dx, dy = x - CENTRE, y - CENTRE
    radius, theta = np.hypot(dx, dy), np.arctan2(dy, dx)
    ring = np.floor((radius + 9 * np.sin(6 * theta)) / 33).astype(int)
    part = np.where(ring % 2 == 0, 0, 1)
    label = 100 + ring
    petal = 84 + 26 * np.abs(np.cos(4 * theta)) ** 0.7
    for edge, code in ((petal, 2), (72 + 0 * theta, 3), (47 + 0 * theta, 4), (20 + 0 * theta, 5)):
        label, part = np.where(radius < edge, code, label), np.where(radius < edge, code, part)
    for index, (nose, spine) in enumerate(FISH):
        label, part = _fish(x, y, nose, spine, 10 + 20 * index, label, part)
    border = np.maximum(np.abs(dx), np.abs(dy))
    along = np.where(np.abs(dx) > np.abs(dy), dy, dx)
    wave = 404 + 13 * np.sin(along / 896 * 2 * np.pi * 11)
    for edge, code in ((380, 60), (388, 61), (wave, 62), (432, 63)):
        label, part = np.where(border > edge, code, label), np.where(border > edge, code, part)
    return label, part


def _fish(
    x: Array, y: Array, nose: float, spine: float, base: int, label: Array, part: Array
) -> tuple[Array, Array]:
    """Add one koi, its body bent along a circle: fins, tail, body, saddles, gill and eye."""
    radius, s = _polar(x, y, nose)
    bend = spine + 16 * np.sin(s * 5.2 + 0.4)
    body = 80 * np.clip(s, 0, 1) ** 0.5 * np.clip(1.12 - s, 0, 2) ** 0.75 + 3
    q = (radius - bend) / body
    flare = 20 + 235 * np.clip(s - 0.93, 0, 1) ** 1.15
    lobe = np.abs(radius - bend) / flare
    tail = (s > 0.93) & (lobe < 1) & (s < 1.20 + 0.15 * lobe**2 + 0.03 * np.cos(lobe * 14))
    fin_out = (
        (s > 0.27)
        & (s < 0.46 + 0.02 * q)
        & (np.abs(q) < 0.75 + 4.4 * (s - 0.25))
        & (np.abs(q) > 0.7)
    )
    fin_low = (s > 0.63) & (s < 0.74) & (np.abs(q) < 0.7 + 5.5 * (s - 0.6)) & (np.abs(q) > 0.6)
    inside = (s > 0) & (s < 1.02) & (np.abs(q) < 1)
    saddle = inside & (np.sin(s * 17 + 1.2 * np.sin(q * 2 + base)) > 0.15) & (q > -0.75)
    head = inside & (s < 0.17 + 0.05 * q * q)
    rows = np.floor(s * 22 + np.abs(q) * 1.6).astype(int) % 2
    for where, code, kind in (
        (tail, base, 20), (fin_out, base + 1, 20), (fin_low, base + 2, 20),
        (inside, base + 3, 21), (inside & (rows == 1), base + 3, 22),
        (saddle, base + 5, 23), (saddle & (rows == 1), base + 5, 24), (head, base + 7, 25),
        (inside & (np.abs(s - 0.175 - 0.05 * q * q) < 0.010), base + 8, 26),
        (np.hypot((s - 0.10) * 418, (np.abs(q) - 0.52) * 27) < 10.5, base + 9, 27),
        (np.hypot((s - 0.10) * 418, (np.abs(q) - 0.52) * 27) < 5.5, base + 10, 28),
    ):  # fmt: skip
        label = np.where(where, code, label)
        part = np.where(where, kind + (100 if base > 20 else 0), part)
    return label, part


PALETTE = {
    0: "#12606f", 1: "#1f8f95", 2: "#f3e3b0", 3: "#d5532f", 4: "#e2b03c", 5: "#f7edc9",
    60: "#f1e2b8", 61: "#0d2f45", 62: "#d9a638", 63: "#0d2f45",
    20: "#f0b25e", 21: "#f6ecd6", 22: "#ead9b8", 23: "#d9452b", 24: "#b9301f", 25: "#f3d9b5",
    26: "#8c2418", 27: "#f4c64a", 28: "#101418",
    120: "#e9d9a6", 121: "#f0b93a", 122: "#d99a25", 123: "#1c2733", 124: "#2d3d4c", 125: "#eecb74",
    126: "#5b2d12", 127: "#f7f0da", 128: "#101418",
}  # fmt: skip
GOLD = (4, 62, 121, 122)


def _cartoon(plan: Sheet, rng: np.random.Generator) -> Cartoon:
    """Draw the motif and derive from it where tiles turn and how small they get."""
    x, y = plan.grid()
    label, part = _motif(x, y)
    colour = np.zeros((*plan.shape, 3), dtype=np.float32)
    gold = np.zeros(plan.shape, dtype=np.float32)
    for code, shade in PALETTE.items():
        colour[part == code] = rgb(shade)
        gold[part == code] = code in GOLD
    dx, dy = x - CENTRE, y - CENTRE
    far = smoothstep(110, 400, np.hypot(dx, dy))
    water = (part == 0) | (part == 1)
    deep = ramp(
        [(0, "#38b3a6"), (0.45, "#1b7f8d"), (1, "#123f63")], far + 0.16 * noise(plan, rng, 90, 3)
    )
    pale = ramp(
        [(0, "#a5dfc6"), (0.45, "#4db7b0"), (1, "#1d6a8c")], far + 0.16 * noise(plan, rng, 90, 3)
    )
    colour[water] = np.where((part == 0)[..., None], deep, pale)[water]
    fish = (label >= 10) & (label < 60)
    size = np.where(fish, 9.5, 13.0)
    size = np.where(np.isin(part % 100, (5, 26)), 6.5, size)
    size = np.where(np.isin(part % 100, (27, 28)), 5.0, size)
    size = np.where((label == 60) | (label == 61), 8.0, size)
    return Cartoon(label, colour, size.astype(np.float32), _rows(label), gold)


def _rows(label: Array) -> Array:
    """Direction of the nearest contour; squares have four-fold symmetry, so average 4 * angle."""
    edge = np.zeros(label.shape, dtype=bool)
    edge[:-1] |= label[:-1] != label[1:]
    edge[:, :-1] |= label[:, :-1] != label[:, 1:]
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(~edge), 2.0)
    gy, gx = np.gradient(distance)
    power = np.hypot(gx, gy)
    turned = np.exp(4j * np.arctan2(gy, gx)) * power
    smooth = ndimage.gaussian_filter(turned.real, 4) + 1j * ndimage.gaussian_filter(turned.imag, 4)
    return np.asarray(np.angle(smooth) / 4, dtype=np.float32)


def _scatter(drawing: Cartoon, rng: np.random.Generator) -> Array:
    """Seeds (n, 2), as many per area as the tile size asks for."""
    odds = 1.0 / drawing.size.ravel().astype(np.float64) ** 2
    count = int(odds.sum())
    picks = rng.choice(odds.size, count, replace=False, p=odds / odds.sum())
    row, column = np.divmod(picks, drawing.size.shape[1])
    return np.stack([column, row], axis=1) + rng.uniform(0, 1, (count, 2))


def _at(field: Array, points: Array) -> Array:
    """``field`` of the one-cell-per-unit plan at ``points`` (n, 2)."""
    rows, columns = field.shape[:2]
    column = np.clip(points[:, 0].astype(int), 0, columns - 1)
    return np.asarray(field[np.clip(points[:, 1].astype(int), 0, rows - 1), column])


def _assign(sheet: Sheet, label: Array, seeds: Array, drawing: Cartoon) -> tuple[Array, Array]:
    """Owner seed of each pixel, and its distance in units to the tile's edge."""
    tree = cKDTree(seeds)
    theta, size, own = (_at(f, seeds) for f in (drawing.angle, drawing.size, drawing.label))
    cos, sin = np.cos(theta), np.sin(theta)
    x, y = sheet.grid()
    owner = np.zeros(sheet.shape, dtype=np.int32)
    gap = np.zeros(sheet.shape, dtype=np.float32)
    for top in range(0, sheet.shape[0], 128):
        part = slice(top, top + 128)
        points = np.stack([x[part], y[part]], axis=-1)
        _, near = tree.query(points, k=NEIGHBOURS)
        dx, dy = (points[..., None, c] - seeds[near][..., c] for c in (0, 1))
        along = np.abs(dx * cos[near] + dy * sin[near])
        across = np.abs(dy * cos[near] - dx * sin[near])
        far = np.maximum(along, across) + 0.15 * np.hypot(along, across)
        far = far / size[near] + 3.0 * (own[near] != label[part][..., None])
        ranked = np.argpartition(far, 1, axis=-1)
        first, second = (
            np.take_along_axis(far, ranked[..., i : i + 1], -1)[..., 0] for i in (0, 1)
        )
        owner[part] = np.take_along_axis(near, ranked[..., :1], -1)[..., 0]
        gap[part] = np.minimum(second - first, 2.0) * size[owner[part]] / 2
    return owner, gap


def _centroids(plan: Sheet, owner: Array, seeds: Array) -> Array:
    """Move each seed to the middle of what it owns; an ousted seed stays."""
    x, y = plan.grid()
    weight = np.bincount(owner.ravel(), minlength=len(seeds))
    sums = [np.bincount(owner.ravel(), f.ravel(), len(seeds)) for f in (x, y)]
    middle = np.stack(sums, axis=1) / np.maximum(weight, 1)[:, None]
    return np.where(weight[:, None] > 0, middle, seeds)


def _cement(
    sheet: Sheet, owner: Array, gap: Array, seeds: Array, drawing: Cartoon, rng: np.random.Generator
) -> Array:
    """Colour each tile, tilt it a little, bed it in grout and light it."""
    n = len(seeds)
    gold = _at(drawing.gold, seeds)
    colour = (
        _at(drawing.colour, seeds) + rng.normal(0, 0.045, (n, 1)) + rng.normal(0, 0.022, (n, 3))
    )
    leaf = ramp(
        [(0, "#7d4f14"), (0.4, "#cf9a2e"), (0.75, "#f3cf62"), (1, "#fff3bd")],
        rng.uniform(0.12, 1, n),
    )
    colour = blend(colour, leaf, 0.72 * gold)
    cut = np.zeros(sheet.shape, dtype=bool)
    cut[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    cut[1:] |= owner[1:] != owner[:-1]
    inset = np.minimum(gap, ndimage.distance_transform_edt(~cut) / sheet.k)
    inset = inset + 0.22 * noise(sheet, rng, 5, 2)
    tile = smoothstep(0.55, 1.25, inset)
    x, y = sheet.grid()
    tilt = rng.normal(0, 0.085, (n, 2))[owner]
    tilted = tilt[..., 0] * (x - seeds[owner, 0]) + tilt[..., 1] * (y - seeds[owner, 1])
    height = 1.5 * np.clip(inset, 0, 2.2) ** 0.7 + tile * tilted + 0.05 * grain(sheet, rng, 1.6)
    light = relief(height, sheet.k, depth=0.62, shine=0.0)
    glass = colour[owner] * (1 + 0.05 * noise(sheet, rng, 7, 2))[..., None]
    grout = rgb("#4a4238") * (1 + 0.12 * grain(sheet, rng, 1.5))[..., None]
    shine = (
        np.clip(light - 1.12, 0, 1)[..., None]
        * (0.35 + 0.9 * gold[owner])[..., None]
        * tile[..., None]
    )
    lit = blend(grout, glass, tile) * np.clip(light, 0.45, 1.35)[..., None]
    return np.asarray(lit + shine * rgb("#fff2cf"))
