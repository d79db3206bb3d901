"""An autumn river in dots: pure colours that mix in the eye, after Seurat and Signac."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from skimage import color
from studio import Array, Sheet, blend, finish, ink, noise, ramp, relief, rgb, smoothstep

HORIZON = 318.0
SUN = (690.0, 232.0)
LAYERS = ((7.0, 11000, 0.75), (4.6, 26000, 1.0), (2.8, 54000, 1.1))  # (radius, dabs, boldness)


def paint_autumn(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Compose the river as a colour plan, then break the plan into dabs."""
    plan = sheet.at_scale(0.5)
    colour, angle, stretch = _compose(plan, rng)
    canvas = Image.new("RGB", sheet.size, ink(rgb("#e9dcc0")))
    body = Image.new("F", sheet.size, 0.0)
    pens = ImageDraw.Draw(canvas), ImageDraw.Draw(body)
    for radius, count, boldness in LAYERS:
        points = rng.uniform((0, 0), (sheet.width, sheet.height), (count, 2))
        column, row = points[:, 0].astype(int), points[:, 1].astype(int)
        paints = _divide(colour[row, column], boldness, rng)
        shapes = _dabs(points, radius, angle[row, column], stretch[row, column], rng) * sheet.k
        for shape, paint in zip(shapes, paints, strict=True):
            outline = shape.ravel().tolist()
            pens[0].polygon(outline, fill=ink(paint))
            pens[1].polygon(outline, fill=float(rng.uniform(0.3, 1.0)))
    height = np.asarray(body) + 0.10 * noise(sheet, rng, 2.5, 2)
    light = relief(height, sheet.k, depth=0.16)
    return finish(np.asarray(canvas, dtype=np.float32) / 255 * light[..., None], sheet)


def _divide(colour: Array, boldness: float, rng: np.random.Generator) -> Array:
    """Split mixed colours (n, 3) into neighbours round the hue circle, some complementary."""
    lab = color.rgb2lab(colour)
    n = len(lab)
    swing = rng.normal(0, 0.36 * boldness, n)
    swing = np.where(rng.random(n) < 0.025 * boldness, np.pi + swing, swing)
    a, b = lab[:, 1].copy(), lab[:, 2].copy()
    chroma = 1.12 + 0.25 * rng.random(n)
    lab[:, 1] = chroma * (a * np.cos(swing) - b * np.sin(swing)) + rng.normal(0, 4 * boldness, n)
    lab[:, 2] = chroma * (a * np.sin(swing) + b * np.cos(swing)) + rng.normal(0, 4 * boldness, n)
    lab[:, 0] += rng.normal(0, 5.5 * boldness, n)
    lab[:, 0] = np.clip(lab[:, 0], 4, 99)
    lab[:, 2] = np.minimum(
        lab[:, 2], 200 * (lab[:, 0] + 16) / 116 - 0.01
    )  # deeper yellows do not exist
    return np.asarray(np.clip(color.lab2rgb(lab), 0, 1))


def _dabs(
    points: Array, radius: float, angle: Array, stretch: Array, rng: np.random.Generator
) -> Array:
    """Outlines (n, 12, 2) of little ellipses laid along ``angle``."""
    n = len(points)
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    size = radius * rng.uniform(0.75, 1.2, (n, 1))
    u = size * stretch[:, None] * np.cos(turn)
    v = size / stretch[:, None] * np.sin(turn)
    theta = (angle + rng.normal(0, 0.35, n))[:, None]
    outline = np.stack(
        [u * np.cos(theta) - v * np.sin(theta), u * np.sin(theta) + v * np.cos(theta)], axis=-1
    )
    return np.asarray(points[:, None, :] + outline)


def _compose(plan: Sheet, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """(colour, dab direction, dab stretch) of every picture unit."""
    x, y = plan.grid()
    rough, fine = noise(plan, rng, 90, 4), noise(plan, rng, 22, 3)
    colour = _sky(x, y, noise(plan, rng, 120, 3, stretch=(2.5, 0.6)))
    scene = _land(x, y, colour, rough, fine)
    scene = _trees(x, y, scene, fine, rng)
    water = _water(x, y, rough)
    reach = np.clip(HORIZON + 12 - 0.62 * (y - HORIZON), 0, HORIZON + 12).astype(int)
    column = np.clip((x + 5 * np.sin(y / 6.5)).astype(int), 0, x.shape[1] - 1)
    reflection = scene[reach, column]
    ripple = noise(plan, rng, 26, 3, stretch=(5, 0.45))
    depth = (y - HORIZON) / 450 + 0.10 * ripple
    deep = ramp([(0, "#a9b4e0"), (0.35, "#4f82cf"), (1, "#173c8c")], depth)
    share = 0.48 + 0.22 * smoothstep(HORIZON, 768, y) + 0.20 * ripple
    river = blend(reflection, deep, np.clip(share, 0.1, 0.95))
    glitter = np.exp(
        -(((x - SUN[0] + 14 * np.sin(y / 11)) / (26 + 0.16 * np.clip(y - HORIZON, 0, None))) ** 2)
    )
    river = blend(
        river,
        np.broadcast_to(rgb("#ffe7a0"), river.shape),
        0.75 * glitter * smoothstep(-0.6, 0.8, fine),
    )
    scene = blend(scene, river, water)
    scene = _foreground(x, y, scene, fine, rough)
    wet = water > 0.5
    angle = np.where(wet, 0.0, np.where(y > HORIZON, -1.2 + 0.5 * rough, 0.8 * rough))
    stretch = np.where(wet, 1.45, np.where(y > HORIZON + 60, 1.25, 1.1))
    return scene.astype(np.float32), angle, stretch


def _sky(x: Array, y: Array, cloud: Array) -> Array:
    """Evening sky: lemon at the sun, rose, then lavender blue."""
    distance = np.hypot((x - SUN[0]) * 0.75, y - SUN[1]) / 470
    sky = ramp([(0, "#fff6c4"), (0.10, "#ffe08a"), (0.30, "#f9b98a"), (0.55, "#d79fbb"),
                (0.85, "#8f9bd0"),
                (1.1, "#6580c4")], distance + 0.05 * cloud)  # fmt: skip
    sky = blend(sky, np.broadcast_to(rgb("#ffd9b0"), sky.shape), 0.6 * smoothstep(0.6, 1.6, cloud))
    disc = smoothstep(36, 32, np.hypot(x - SUN[0], y - SUN[1]))
    return blend(sky, np.broadcast_to(rgb("#fffbe2"), sky.shape), disc)


def _land(x: Array, y: Array, scene: Array, rough: Array, fine: Array) -> Array:
    """Two ranges of violet hills and the meadows."""
    for base, swell, phase, pale, dark in (
        (246, 34, 0.4, "#b7a3cf", "#8d8fc4"), (284, 24, 2.6, "#8f7fb6", "#5d6aa6"),
    ):  # fmt: skip
        ridge = (
            base
            - swell * np.sin(x / 190 + phase)
            - 0.4 * swell * np.sin(x / 67 + phase)
            + 4 * rough
        )
        hill = ramp([(0, pale), (1, dark)], (y - ridge) / 70 + 0.15 * fine)
        scene = blend(scene, hill, smoothstep(-1, 1, y - ridge))
    meadow = ramp([(0, "#c9a24e"), (0.3, "#d9b44a"), (0.6, "#a8a046"), (1.0, "#5f7a3c")],
                  (y - HORIZON) / 450 + 0.16 * rough + 0.10 * fine)  # fmt: skip
    swathe = np.sin(np.clip(y - HORIZON, 0, None) ** 0.62 * 2.1 + 0.9 * rough + x / 260)
    shadow = smoothstep(0.15, 0.95, swathe + 0.35 * fine)
    meadow = blend(meadow, np.broadcast_to(rgb("#6f6aa0"), meadow.shape), 0.42 * shadow)
    meadow = blend(
        meadow, np.broadcast_to(rgb("#f6d05c"), meadow.shape), 0.30 * smoothstep(-0.3, -1, swathe)
    )
    scene = blend(scene, meadow, smoothstep(HORIZON - 2, HORIZON + 2, y))
    for cx, foot, size in ((300, 452, 46), (432, 404, 30), (236, 384, 22), (520, 376, 16)):
        scene = _haystack(x, y, scene, (cx, foot, size), fine)
    return scene


def _haystack(
    x: Array, y: Array, scene: Array, stack: tuple[float, float, float], fine: Array
) -> Array:
    """A rick of hay: gold on the sun's side, violet on ours, its shadow cast from the sun."""
    cx, foot, size = stack
    cast = np.hypot((x - cx + 1.5 * size) / (1.9 * size), (y - foot + 0.05 * size) / (0.22 * size))
    scene = blend(
        scene, np.broadcast_to(rgb("#5a4f96"), scene.shape), 0.75 * smoothstep(1.1, 0.8, cast)
    )
    t = (foot - y) / (1.45 * size)
    half = size * np.where(t < 0.45, 0.86 + 0.3 * t, 1.0 * np.clip(1 - t, 0, 1) / 0.55) + 1.2 * fine
    inside = smoothstep(1.5, -1.5, np.abs(x - cx) - half) * (t > 0) * (t < 1)
    straw = ramp(
        [(0, "#4a2f6a"), (0.5, "#b8632e"), (1, "#ffe07a")],
        0.5 + 0.5 * (x - cx) / size + 0.12 * fine,
    )
    return blend(scene, straw, inside)


def _water(x: Array, y: Array, rough: Array) -> Array:
    """1 on the river: it winds from the horizon and widens towards us."""
    t = np.clip((y - HORIZON - 6) / (768 - HORIZON), 0, 1)
    middle = 600 + 90 * np.sin(t * 5.0 + 0.6) * (1 - 0.2 * t) + 40 * t
    half = 30 + 420 * t**1.15 + 5 * rough
    return np.asarray(smoothstep(1.5, -1.5, np.abs(x - middle) - half) * (y > HORIZON + 6))


def _crown(
    x: Array,
    y: Array,
    scene: Array,
    box: tuple[float, float, float, float],
    codes: tuple[str, str, str],
    fine: Array,
) -> Array:
    """One tree crown: lit on the sun's side, ragged at the edge."""
    cx, cy, rx, ry = box
    inside = 1 - np.hypot((x - cx) / rx, (y - cy) / ry) + 0.16 * fine
    side = np.sign(SUN[0] - cx)
    lightness = 0.5 + 0.42 * side * (x - cx) / rx - 0.35 * (y - cy) / ry + 0.22 * fine
    leaf = ramp([(0.1, codes[0]), (0.5, codes[1]), (0.95, codes[2])], lightness)
    return blend(scene, leaf, smoothstep(-0.03, 0.06, inside))


def _trees(x: Array, y: Array, scene: Array, fine: Array, rng: np.random.Generator) -> Array:
    """A hedge along the far bank and a receding row of poplars."""
    for _ in range(26):
        cx = rng.uniform(-20, 1044)
        codes = (("#6b3a5c", "#c8602f", "#f2a541"), ("#3d4f5e", "#7f8a3e", "#cdb84e"),
                 ("#5b3157", "#a93a34", "#e3703a"))[int(rng.integers(3))]  # fmt: skip
        scene = _crown(
            x, y, scene, (cx, 316, rng.uniform(18, 44), rng.uniform(12, 30)), codes, fine
        )
    for cx, near in ((735, 0.24), (762, 0.32), (800, 0.43), (854, 0.60), (935, 0.80)):
        foot = HORIZON + 6 + 70 * near
        stem = smoothstep(2, -2, np.abs(x - cx) - 9 * near) * (y < foot) * (y > foot - 120 * near)
        scene = blend(scene, np.broadcast_to(rgb("#4a2f52"), scene.shape), stem)
        box = cx, foot - 232 * near, 46 * near, 205 * near
        scene = _crown(x, y, scene, box, ("#8a3440", "#e08326", "#ffdf66"), fine * 0.9)
    return scene


def _foreground(x: Array, y: Array, scene: Array, fine: Array, rough: Array) -> Array:
    """The near bank, the maple that frames the left, and a walker with a red parasol."""
    bank = 640 - 0.0 * x + 95 * smoothstep(120, 560, x) + 10 * rough + 300 * smoothstep(480, 760, x)
    grass = ramp([(0, "#e0b13f"), (0.35, "#a89a3c"), (1, "#3c4a4c")], (y - bank) / 150 + 0.2 * fine)
    scene = blend(scene, grass, smoothstep(-3, 3, y - bank))
    trunk = 128 + 16 * np.sin(y / 110) + 2 * fine
    girth = 15 + 20 * smoothstep(560, 720, y) - 0.008 * (700 - y)
    bark = ramp(
        [(0, "#3a2a4e"), (0.6, "#6a4458"), (1, "#d08a5a")], 0.5 + (x - trunk) / 40 + 0.2 * fine
    )
    scene = blend(
        scene,
        bark,
        smoothstep(2, -2, np.abs(x - trunk) - girth) * smoothstep(722, 712, y) * (y > 180),
    )
    for fork, reach in ((330.0, 150.0), (270.0, -110.0)):
        rise = np.clip((fork - y) / 190, 0, 1)
        limb = trunk + reach * rise**1.2
        scene = blend(
            scene,
            bark,
            smoothstep(2, -2, np.abs(x - limb) - 9 * (1.1 - rise)) * (rise > 0) * (rise < 1),
        )
    for box in ((60, 150, 130, 110), (210, 110, 150, 120), (320, 190, 105, 78), (110, 260, 120, 74),
                (20, 330, 70, 60), (245, 265, 80, 48)):  # fmt: skip
        scene = _crown(x, y, scene, box, ("#6e1f46", "#c8322c", "#ff9a3a"), fine * 1.7)
    return _walker(x, y, scene)


def _walker(x: Array, y: Array, scene: Array) -> Array:
    """A small figure on the bank, the one spot of pure red against green and blue."""
    cx, foot = 322.0, 700.0
    skirt = (
        smoothstep(1.5, -1.5, np.abs(x - cx) - (7 + 0.20 * (y - foot + 90)))
        * (y > foot - 82)
        * (y < foot)
    )
    bodice = smoothstep(1.5, -1.5, np.hypot((x - cx) / 11, (y - foot + 92) / 22) * 12 - 12)
    head = smoothstep(10, 8.5, np.hypot(x - cx - 1, y - foot + 122))
    shade = (y < foot - 132) * smoothstep(
        1.02, 0.98, np.hypot((x - cx - 8) / 52, (y - foot + 132) / 36)
    )
    stick = smoothstep(2.2, 1.2, np.abs(x - cx - 8)) * (y > foot - 135) * (y < foot - 84)
    for alpha, code in ((skirt, "#27356f"), (bodice, "#34478c"), (head, "#e8b48c"),
                        (stick, "#4a2b2b"),
                        (shade, "#e0262c")):  # fmt: skip
        scene = blend(scene, np.broadcast_to(rgb(code), scene.shape), alpha.astype(np.float32))
    return scene
