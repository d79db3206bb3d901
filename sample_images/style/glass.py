"""A poppy window: leaded, streaky glass lit from behind."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage
from studio import Array, Sheet, blend, finish, noise, ramp, relief, rgb, smoothstep

SUN = (430.0, 300.0)
FLOWERS = ((250.0, 640.0, 122.0, 0.2), (545.0, 560.0, 140.0, 0.9), (420.0, 800.0, 104.0, 1.7),
           (655.0, 785.0, 92.0, 0.5), (120.0, 830.0, 84.0, 2.2))  # fmt: skip
FRAME = 46.0
LEAD = 3.6  # half width of the came


def paint_glass(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Cut the pieces, glaze each from its own sheet of glass, then lead them up."""
    x, y = sheet.grid()
    warp = noise(sheet, rng, 260, 2)
    piece, kind = _cut(x, y, warp)
    lead = _distance_to_cut(piece, sheet.k)
    colour = _glaze(sheet, x, y, piece, kind, rng)
    colour *= (0.70 + 0.30 * smoothstep(LEAD - 1, LEAD + 15, lead))[..., None]
    bar = LEAD * np.where(kind == 9, 0.8, 1.0) * (1 + 0.10 * noise(sheet, rng, 30, 2))
    came = smoothstep(0.5, -0.5, lead - bar)
    round_top = np.sqrt(np.clip(1 - (lead / bar) ** 2, 0, 1)) * LEAD
    metal = rgb("#24262b") * relief(round_top, sheet.k, 0.8, 1.0)[..., None]
    metal = metal * (1 + 0.12 * noise(sheet, rng, 3, 2))[..., None]
    glow = ndimage.gaussian_filter(colour * (1 - came)[..., None], (14 * sheet.k, 14 * sheet.k, 0))
    lit = blend(colour, metal, came) + 0.30 * glow * glow
    return finish(lit, sheet)


def _join(
    piece: Array, kind: Array, where: Array, code: Array | int, what: int
) -> tuple[Array, Array]:
    """Replace what lies under ``where`` by pieces ``code`` of glass ``what``."""
    return np.where(where, code, piece), np.where(where, what, kind)


def _cut(x: Array, y: Array, warp: Array) -> tuple[Array, Array]:
    """(piece number, kind of glass) of every point, from the sky forward."""
    dx, dy = x - SUN[0], y - SUN[1]
    radius, theta = np.hypot(dx, dy), np.arctan2(dy, dx) + np.pi
    ring = np.digitize(radius + 10 * warp, [62, 104, 168, 250, 350, 470, 620, 800])
    rays = np.array([1, 16, 16, 24, 24, 32, 32, 32, 32])[ring]
    slot = np.floor((theta / (2 * np.pi) + 0.5 * (ring % 2) / rays) * rays + 0.04 * warp)
    piece, kind = (1000 + ring * 64 + slot % rays).astype(int), np.zeros(x.shape, dtype=int)
    piece, kind = _join(piece, kind, ring == 0, 1, 1)
    hills = (
        (455 + 42 * np.sin(x / 150 + 0.5), 118, 2), (505 + 36 * np.sin(x / 120 + 2.6), 97, 3),
    )  # fmt: skip
    for i, (ridge, width, what) in enumerate(hills):
        slab = np.floor((x + 0.5 * (y - ridge) + 14 * warp) / width)
        piece, kind = _join(piece, kind, y > ridge, (3000 + 100 * i + slab).astype(int), what)
    shore = 560 + 5 * np.sin(x / 60)
    band = np.digitize(y - shore + 7 * np.sin(x / 44 + 2 * warp), [0, 20, 46, 80])
    slab = np.floor((x + 61 * band + 12 * warp) / (96 + 14 * band))
    piece, kind = _join(piece, kind, y > shore, (4000 + 100 * band + slab).astype(int), 4)
    meadow = 668 + 24 * np.sin(x / 130 + 1.4)
    row = np.floor((y - meadow + 16 * np.sin(x / 50)) / 78)
    slab = np.floor((x + 55 * row + 0.35 * y + 16 * warp) / 88)
    piece, kind = _join(piece, kind, y > meadow, (5000 + 100 * row + slab).astype(int), 5)
    for i, (cx, cy, size, _) in enumerate(FLOWERS):
        sway = cx + 26 * np.sin((y - cy) / 120) + (400 - cx) * 0.1 * (y - cy) / 300
        piece, kind = _join(piece, kind, (y > cy) & (np.abs(x - sway) < 8.5), 6000 + i, 6)
        for side in (-1, 1):
            rise = (y - cy - size * 1.1) / 150
            reach = (x - sway) * side / 105
            blade = np.abs(rise - 0.62 + 0.5 * reach) < 0.30 * np.clip(
                reach, 0, 1
            ) ** 0.6 * np.clip(1 - reach, 0, 1)
            half = (rise - 0.62 + 0.5 * reach > 0).astype(int)
            piece, kind = _join(piece, kind, blade, 6100 + 10 * i + 2 * (side > 0) + half, 6)
    for i, flower in enumerate(FLOWERS):
        piece, kind = _poppy(x, y, i, flower, piece, kind)
    rim = np.minimum(np.minimum(x, 800 - x), np.minimum(y, 1024 - y))
    slab = np.floor(np.where(np.minimum(x, 800 - x) < np.minimum(y, 1024 - y), y / 64, x / 66.7))
    side = np.argmin(np.stack([x, 800 - x, y, 1024 - y]), axis=0)
    return _join(piece, kind, rim < FRAME, (9000 + 100 * side + slab).astype(int), 9)


def _poppy(
    x: Array,
    y: Array,
    index: int,
    flower: tuple[float, float, float, float],
    piece: Array,
    kind: Array,
) -> tuple[Array, Array]:
    """Five overlapping petals, each of two pieces, around a seed head."""
    cx, cy, size, turn = flower
    dx, dy = x - cx, (y - cy) * 1.12
    base = 7000 + 100 * index
    for petal in (0, 2, 4, 1, 3):
        angle = turn + petal * 2 * np.pi / 5
        u = (dx * np.cos(angle) + dy * np.sin(angle)) / size
        v = (-dx * np.sin(angle) + dy * np.cos(angle)) / size
        ruffle = 0.04 * np.sin(9 * np.arctan2(v, u - 0.5))
        inside = np.hypot((u - 0.52) / 0.50, v / 0.56) < 1 + ruffle
        half = (v + 0.10 * np.sin(u * 5) > 0).astype(int)
        inner = (np.hypot(u, v) < 0.42).astype(int)
        piece, kind = _join(
            piece, kind, inside, base + 4 * petal + np.where(inner == 1, 2, half), 7
        )
    core = np.hypot(dx, dy)
    piece, kind = _join(piece, kind, core < 0.25 * size, base + 40, 8)
    return _join(piece, kind, core < 0.12 * size, base + 41, 10)


def _distance_to_cut(piece: Array, k: float) -> Array:
    """Distance in units to the nearest edge between two pieces."""
    edge = np.zeros(piece.shape, dtype=bool)
    edge[:-1] |= piece[:-1] != piece[1:]
    edge[:, :-1] |= piece[:, :-1] != piece[:, 1:]
    return np.asarray(ndimage.distance_transform_edt(~edge) / k, dtype=np.float32)


GLASS: dict[int, list[tuple[float, str]]] = {
    0: [
        (0, "#ffe57c"),
        (0.16, "#ffc93c"),
        (0.34, "#f79a3c"),
        (0.52, "#d95f6a"),
        (0.75, "#7b4fa6"),
        (1.0, "#2c3f96"),
    ],
    1: [(0, "#fffbe0"), (1, "#ffe27a")],
    2: [(0, "#7f5fb0"), (1, "#3d3f8f")],
    3: [(0, "#4c6fb8"), (1, "#1f3f84")],
    4: [(0, "#9fe0dc"), (0.5, "#2f9fb8"), (1, "#135a8c")],
    5: [(0, "#a8cf4a"), (0.5, "#3f9a4a"), (1, "#0f5a44")],
    6: [(0, "#7fc04a"), (1, "#1c6a3a")],
    7: [(0, "#ff9a4a"), (0.35, "#f0442c"), (0.75, "#c41a2c"), (1, "#86102c")],
    8: [(0, "#3a1638"), (1, "#5a2350")],
    9: [(0, "#e8a83a"), (0.5, "#b5481f"), (1, "#5a1c2a")],
    10: [(0, "#c8e06a"), (1, "#6f9a2f")],
}


def _glaze(
    sheet: Sheet, x: Array, y: Array, piece: Array, kind: Array, rng: np.random.Generator
) -> Array:
    """Colour of the light through each piece: its tint, its streaks, seeds and hammering."""
    _, number = np.unique(piece, return_inverse=True)
    number = number.reshape(piece.shape)
    count = int(number.max()) + 1
    tone = rng.normal(0, 0.13, count)[number]
    spin = rng.uniform(-0.5, 0.5, count)[number]
    streak = noise(sheet, rng, 34, 4, stretch=(0.45, 3.2))
    cross = noise(sheet, rng, 34, 4, stretch=(3.2, 0.45))
    streak = streak * np.cos(spin) + cross * np.sin(spin)
    far = np.hypot(x - SUN[0], y - SUN[1])
    place = np.select(
        [kind == 0, kind == 4, kind == 5, kind == 9],
        [far / 560, (y - 560) / 130, (y - 650) / 380, 0.5 + 0 * x],
        0.5,
    )
    for cx, cy, size, _ in FLOWERS:
        reach = np.hypot(x - cx, (y - cy) * 1.12) / size
        place = np.where((kind == 7) & (reach < 1.15), 1.02 - 0.85 * reach, place)
    t = place + tone + 0.085 * streak
    colour = np.zeros((*sheet.shape, 3), dtype=np.float32)
    for what, stops in GLASS.items():
        here = kind == what
        colour[here] = ramp(stops, t[here])
    hammer = relief(0.9 * noise(sheet, rng, 9, 2), sheet.k, 0.35, 0.06)
    shine = 0.84 + 0.30 * np.exp(-((far / 330) ** 2)) + 0.06 * streak
    seeds = smoothstep(2.5, 3.1, noise(sheet, rng, 5, 1))
    colour = colour * (hammer * shine)[..., None]
    return blend(colour, np.minimum(colour * 1.35 + 0.08, 1), seeds)
