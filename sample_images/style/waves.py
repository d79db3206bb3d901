"""A breaking wave as a colour woodcut: indigo blocks, carved lines, paper left bare for foam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from studio import Array, Sheet, blend, finish, grain, ink, noise, ramp, relief, rgb, smoothstep

PAPER, PALE, MID, DEEP, LINE = "#f0e4c8", "#a9c4c4", "#4f86a6", "#234a7d", "#14264d"
SUN = (742.0, 214.0, 84.0)
# The great wave: its back rises from the lower left to the lip, its face falls back below it.
BACK = [
    (-60, 640),
    (30, 520),
    (110, 360),
    (200, 215),
    (320, 120),
    (440, 96),
    (545, 128),
    (612, 200),
    (628, 262),
]
FACE = [
    (330, 830),
    (330, 690),
    (300, 560),
    (292, 440),
    (330, 335),
    (405, 275),
    (490, 252),
    (565, 268),
    (606, 300),
]
SWELLS = (  # (level, height, length, phase, steepness) of the seas, far to near
    (452, 22, 250, 0.3, 0.45), (500, 34, 330, 2.2, 0.55), (566, 46, 430, 4.3, 0.62),
    (648, 58, 560, 1.0, 0.66),
)  # fmt: skip


class Block:
    """The sheet on the press: shapes are printed one over another in flat, slightly starved ink."""

    def __init__(self, sheet: Sheet, rng: np.random.Generator) -> None:
        self.sheet, self.rng = sheet, rng
        self.image = Image.new("RGB", sheet.size, ink(rgb(PAPER)))
        self.pen = ImageDraw.Draw(self.image)

    def area(self, points: Array, code: str) -> None:
        """Print a flat area with outline ``points`` (n, 2) in picture units."""
        self.pen.polygon((points * self.sheet.k).ravel().tolist(), fill=ink(rgb(code)))

    def groove(self, path: Array, width: Array, code: str) -> None:
        """A line along ``path`` (n, 2) whose ``width`` (n,) swells and dies like a gouge cut."""
        direction = np.gradient(path, axis=0)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
        side = np.stack([-direction[:, 1], direction[:, 0]], axis=1) * width[:, None] / 2
        self.area(np.concatenate([path + side, (path - side)[::-1]]), code)

    def ball(
        self, x: float, y: float, r: float, code: str, edge: str = "", width: float = 2.2
    ) -> None:
        """A disc of foam, with a key-block outline when ``edge`` is given."""
        k = self.sheet.k
        if edge:
            reach = r + width / 2
            box = [(x - reach) * k, (y - reach) * k, (x + reach) * k, (y + reach) * k]
            self.pen.ellipse(box, fill=ink(rgb(edge)))
            r -= width / 2
        self.pen.ellipse([(x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k], fill=ink(rgb(code)))


def paint_waves(sheet: Sheet, rng: np.random.Generator) -> Image.Image:
    """Print sky, mountain and seas back to front, the great wave last but for the near swell."""
    block = Block(sheet, rng)
    _sky(block)
    for i, swell in enumerate(SWELLS[:3]):
        _sea(block, swell, i)
    _great_wave(block)
    _sea(block, SWELLS[3], 3)
    return finish(_pull(sheet, np.asarray(block.image, dtype=np.float32) / 255, rng), sheet)


def _curve(points: Sequence[tuple[float, float]], n: int) -> Array:
    """A smooth curve (n, 2) through ``points``, evenly stepped."""
    knots = np.array(points, dtype=np.float64)
    t = np.linspace(0, len(knots) - 1, 40 * len(knots))
    fine = np.stack([np.interp(t, np.arange(len(knots)), knots[:, c]) for c in (0, 1)], axis=1)
    fine = ndimage.gaussian_filter1d(fine, 17, axis=0, mode="nearest")
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    even = np.linspace(0, length[-1], n)
    return np.stack([np.interp(even, length, fine[:, c]) for c in (0, 1)], axis=1)


def _sky(block: Block) -> None:
    """The sun, bands of cloud and a far snow peak."""
    x, y, r = SUN
    block.ball(x, y, r, "#d2553a")
    t = np.linspace(0, 1, 200)
    for level, start, span, thick in ((250, 560, 520, 17), (278, 640, 420, 12),
                                      (196, 700, 380, 10), (92, 30, 260, 13),
                                      (120, -60, 260, 10), (68, 760, 330, 10)):  # fmt: skip
        path = np.stack([start + span * t, level + 7 * np.sin(t * 9 + level)], axis=1)
        block.groove(path, thick * np.sin(np.pi * t) ** 0.35 + 0.1, "#e4d3ae")
    peak = np.array([(690, 460), (770, 418), (826, 372), (872, 330), (892, 326), (912, 330),
                     (962, 378), (1040, 428),
                     (1090, 460)], dtype=float)  # fmt: skip
    block.area(peak, "#5d7f9c")
    snow = np.array([(826, 372), (872, 330), (892, 326), (912, 330), (962, 378), (938, 371),
                     (926, 392), (908, 366),
                     (893, 398), (878, 368), (860, 390), (850, 368)], dtype=float)  # fmt: skip
    block.area(snow, PAPER)
    block.groove(peak, np.full(len(peak), 2.6), LINE)
    for i in range(3, 16):
        foot = np.array([(700 + 25 * i, 462), (730 + 21 * i, 432), (770 + 15.5 * i, 404)])
        block.groove(foot, np.array([3.0, 1.6, 0.1]), "#3d5f84")


def _profile(swell: tuple[float, ...], n: int = 700) -> Array:
    """Crest line (n, 2) of a sea: a trochoid, sharp above and round below."""
    level, height, length, phase, steep = swell
    a = np.linspace(-200, 1224, n)
    theta = 2 * np.pi * a / length + phase
    ripple = 0.12 * height * np.sin(5.3 * theta + 1.0)
    return np.stack(
        [a + steep * height * 1.7 * np.sin(theta), level - height * np.cos(theta) + ripple], axis=1
    )


def _sea(block: Block, swell: tuple[float, ...], index: int) -> None:
    """One swell: a dark body, paler bands that follow the crest, carved lines, a lace of foam."""
    crest = _profile(swell)
    fills = ((PALE, MID), (MID, DEEP), (MID, DEEP), (DEEP, LINE))[index]
    foot = np.array([(1224, 800), (-200, 800)])
    block.area(np.concatenate([crest, foot]), fills[1])
    rng, height = block.rng, swell[1]
    theta = 2 * np.pi * np.linspace(-200, 1224, len(crest)) / swell[2] + swell[3]
    rise = 0.5 + 0.5 * np.cos(theta)
    for row in range(15):
        drop = (row + 0.6) * (6 + 2.4 * index) + 3 * row * (1 - rise) * 0.4
        shift = 0.55 * row * (4 + index)
        path = crest + np.stack([shift + 0 * rise, drop], axis=1)
        beat = 0.5 + 0.5 * np.sin(theta * 2.5 + row * 0.9 + rng.uniform(0, 1.2))
        width = (1.2 + 0.35 * index + 4.8 * (row % 3 == 0)) * smoothstep(
            0.12, 0.75, beat * (0.35 + 0.65 * rise)
        ) + 0.05
        block.groove(path, width, (PAPER, fills[0], PALE)[row % 3])
    block.groove(crest, 2.6 + 5.5 * rise**3, LINE)
    block.groove(crest + np.array([0, 4.5]), 0.2 + 9.5 * rise**2.2, PAPER)
    for at in rng.permutation(len(crest))[: 260 + 60 * index]:
        if rng.random() < rise[at] ** 2.5:
            x, y = crest[at] + (rng.normal(0, 5), 5 + rng.uniform(-0.12, 0.30) * height)
            block.ball(x, y, rng.uniform(2, 4.2 + 1.4 * index), PAPER, LINE, 1.6)
    for at in rng.permutation(len(crest))[:60]:
        if rise[at] > 0.85:
            x, y = crest[at] - (rng.normal(0, 16), rng.uniform(4, 34))
            block.ball(x, y, rng.uniform(1, 2.6), PAPER, LINE, 1.2)


def _great_wave(block: Block) -> None:
    """The body in stripes that run up the face and over, then the claws of foam."""
    n = 300
    back, face = _curve(BACK, n), _curve(FACE, n)
    block.area(np.concatenate([back, face[::-1]]), DEEP)
    u = np.linspace(0, 1, n)
    stripes = 17
    for j in range(stripes):
        v = (j + 0.5) / stripes
        path = back + (face - back) * v
        gap = np.linalg.norm(face - back, axis=1) / stripes
        kind = (PALE, MID, DEEP, PAPER, MID)[j % 5]
        start = 0.05 + 0.10 * ((j * 7) % 5)
        swell = smoothstep(start - 0.12, start + 0.15, u) * smoothstep(1.02, 0.86, u)
        share = {PALE: 0.85, MID: 1.0, DEEP: 0.2, PAPER: 0.42}[kind]
        block.groove(path, gap * share * swell + 0.05, kind)
        block.groove(path + (face - back) * 0.5 / stripes, 1.5 * smoothstep(0, 0.2, u) + 0.4, LINE)
    block.groove(back, 2.5 + 3.5 * u, LINE)
    block.groove(face, 2.5 + 2.5 * u, LINE)
    _foam(block, back, face)


def _foam(block: Block, back: Array, face: Array) -> None:
    """Scalloped foam along the lip, hooked claws under it, and spray blown off the back."""
    rng, n = block.rng, len(back)
    lip = np.concatenate([back[int(0.40 * n) :], face[: int(0.74 * n) : -1]])
    inward = np.gradient(lip, axis=0)[:, ::-1] * (-1, 1)
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    grow = np.clip(np.linspace(0.05, 1.5, len(lip)), 0, 1)
    foam = []
    for low, high, inset in ((9, 17, 0), (7, 14, 11), (5, 10, 20), (3, 7, 28)):
        for at in rng.permutation(len(lip))[: int(len(lip) * 0.55)]:
            x, y = lip[at] + inward[at] * (inset * grow[at] + rng.normal(0, 3))
            foam.append((x, y, rng.uniform(low, high) * (0.35 + 0.65 * grow[at])))
    claws = []
    for at in range(10, len(lip), 7):  # fingers that run down the stripes
        root = lip[at] + inward[at] * 20 * grow[at]
        claws.append(_claw(root, inward[at], (12 + 16 * rng.random()) * grow[at] + 2, rng))
    for at in range(int(0.50 * len(lip)), len(lip) - 4, 6):  # claws that hang from the lip
        claws.append(_claw(lip[at], -inward[at], 13 + 20 * rng.random(), rng))
    for grown, code in ((1.9, LINE), (0.0, PAPER)):  # outlines first, so the foam is one mass
        for path, width in claws:
            block.groove(path, width + 2 * grown, code)
        for x, y, r in foam:
            block.ball(x, y, r + grown, code)
    for x, y, r in foam[::3]:
        turn = np.linspace(0.2, 2.6, 14) + rng.uniform(0, 0.8)
        curl = np.stack([x + 0.8 * r * np.cos(turn), y + 0.8 * r * np.sin(turn)], axis=1)
        block.groove(curl, 0.3 + 1.7 * np.sin(np.linspace(0, np.pi, 14)), (MID, LINE)[int(x) % 2])
    for _ in range(120):
        at = int(rng.integers(len(lip)))
        x, y = (
            lip[at] - inward[at] * rng.exponential(26) + (abs(rng.normal(0, 22)), rng.normal(0, 8))
        )
        block.ball(x, y, rng.uniform(1.2, 3.6), PAPER, LINE, 1.3)


def _claw(root: Array, inward: Array, size: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """A hook of foam: the path and width of a short curve that thins to a fingertip."""
    t = np.linspace(0, 1, 14)[:, None]
    ahead = np.array([-inward[1], inward[0]])
    ahead = ahead if ahead[0] > 0 else -ahead
    bend = rng.uniform(0.2, 0.9)
    path = root + size * (inward * (t * 1.5 - 0.35 * t * t) + ahead * (0.1 * t + bend * t**2))
    width = size * (0.55 * (1 - t[:, 0]) ** 0.8 + 0.07)
    return path, width


def _pull(sheet: Sheet, printed: Array, rng: np.random.Generator) -> Array:
    """Ink on paper: bokashi bands, the block's wood grain, baren mottle and a soft deboss."""
    x, y = sheet.grid()
    bare = np.abs(printed - rgb(PAPER)).sum(axis=-1)
    inked = smoothstep(0.05, 0.35, bare)
    open_sky = (1 - inked) * (y < 470)
    band = smoothstep(230, 0, y + 14 * np.sin(x / 140)) * open_sky
    wood = noise(sheet, rng, 60, 3, stretch=(9, 0.35))
    rings = 0.5 + 0.5 * np.sin(y / 2.6 + 5 * wood + 0.012 * x)
    colour = blend(
        printed,
        printed * ramp([(0, "#8fb0bd"), (1, "#5f88a8")], band),
        0.75 * band * (0.90 + 0.2 * rings),
    )
    glow = smoothstep(330, 470, y) * open_sky * (y < 470)
    colour = blend(colour, colour * rgb("#f3cfa0"), 0.65 * glow)
    mottle = (
        0.055 * noise(sheet, rng, 5, 3) + 0.05 * noise(sheet, rng, 70, 3) + 0.075 * (rings - 0.5)
    )
    colour = blend(colour, np.clip(colour + mottle[..., None], 0, 1), 0.25 + 0.75 * inked)
    speck = smoothstep(2.2, 2.7, grain(sheet, rng, 1.7) + 0.35 * wood) * inked
    colour = blend(colour, np.broadcast_to(rgb(PAPER), colour.shape), 0.55 * speck)
    fibre = noise(sheet, rng, 3, 2) + noise(sheet, rng, 4, 2, stretch=(5, 0.5))
    press = relief(
        -0.35 * ndimage.gaussian_filter(inked, 0.7 * sheet.k) + 0.06 * fibre, sheet.k, 0.35
    )
    return np.asarray(colour * press[..., None])
