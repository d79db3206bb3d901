"""A mountain range seen from a lake: a height map projected column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from studio import Array, Sheet, noise, smoothstep

NEAR, FAR = 2.0, 9.0  # depth of the far shore and of the last ridge, in world units
RISE = 1.45  # how tall the range is
FOCUS = 900.0  # picture units per unit of x / z
SUNLIGHT = np.array([-0.86, 0.36, -0.16])  # towards the light: left, up, towards us


@dataclass(frozen=True)
class View:
    """What is seen in each picture unit (rows, columns); ``depth`` is 0 where there is sky."""

    depth: Array
    height: Array
    shade: Array  # cosine to the light, -1..1
    fall: Array  # direction of steepest descent on the picture, radians
    steep: Array  # slope, 0 level


def _range(rng: np.random.Generator) -> Array:
    """Heights (depth, across) of a ridged range that closes a valley."""
    tile = Sheet(640, 640, 0.5)
    x, z = tile.grid()
    warp = 26 * noise(tile, rng, 170, 3)
    total, weight = np.zeros(tile.shape, dtype=np.float32), np.ones(tile.shape, dtype=np.float32)
    for octave in range(6):
        fold = (1 - np.abs(np.tanh(0.9 * noise(tile, rng, 128 / 2**octave, 1)))) ** 1.5
        total += weight * fold * 0.56**octave
        weight = np.clip(fold * 1.7, 0.25, 1)
    total = ndimage.map_coordinates(total, [z + 0.6 * warp, x + warp], order=1, mode="reflect")
    valley = np.abs(x - 292 - 0.10 * z) / 320
    wall = smoothstep(0.0, 0.32, z / 640 - 0.02 + 0.32 * valley - 0.10)
    massif = 0.42 + 0.75 * smoothstep(0.10, 0.85, z / 640) + 0.55 * valley**1.5
    peak = 0.75 * np.exp(-np.hypot((x - 372) / 60, (z - 430) / 90) * 1.2)
    return np.asarray((total * massif + peak) * wall * RISE)


def look(plan: Sheet, rng: np.random.Generator, shore: float) -> View:
    """Project the range; the water line of the far shore stands at row ``shore``."""
    land = _range(rng)
    dz, dx = np.gradient(ndimage.gaussian_filter(land, 0.8))
    rows, columns = plan.shape
    steps = 900
    z = NEAR * (FAR / NEAR) ** np.linspace(0, 1, steps)
    across = (np.arange(columns) + 0.5 - columns / 2) / FOCUS
    world_x = z[:, None] * across
    i = (z[:, None] - NEAR) / (FAR - NEAR) * 639 + 0 * world_x
    j = 320 + world_x / (FAR - NEAR) * 420
    sample = [ndimage.map_coordinates(f, [i, j], order=1, mode="nearest") for f in (land, dx, dz)]
    height, slope_x, slope_z = sample
    scale = (
        639 / (FAR - NEAR) * 0.55
    )  # map cells per world unit, eased so that slopes stay rock-like
    slope_x, slope_z = slope_x * scale, slope_z * scale
    screen = shore + FOCUS * (0.02 / z - 0.02 / NEAR)[:, None] - FOCUS * 0.62 * height / z[:, None]
    reach = np.minimum.accumulate(screen, axis=0)
    first = np.stack(
        [
            np.searchsorted(-reach[:, c], -np.arange(rows, dtype=float) - 0.5)
            for c in range(columns)
        ],
        axis=1,
    )
    seen = first < steps
    first = np.minimum(first, steps - 1)
    at = first, np.broadcast_to(np.arange(columns), first.shape)
    gx, gz, depth = slope_x[at], slope_z[at], z[first]
    normal = np.stack([-gx, np.ones_like(gx), -gz], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    shade = normal @ (SUNLIGHT / np.linalg.norm(SUNLIGHT))
    down = gx**2 + gz**2
    run_x = (-gx * depth + world_x[at] * gz) / depth**2
    run_y = (down * depth + 0.3 * gz) / depth**2
    turned = np.exp(2j * np.arctan2(run_y, run_x)) * np.sqrt(down)
    turned = ndimage.gaussian_filter(turned.real, 3) + 1j * ndimage.gaussian_filter(turned.imag, 3)
    return View(np.where(seen, depth, 0.0), height[at], shade, np.angle(turned) / 2, np.sqrt(down))
