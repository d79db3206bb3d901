"""What textures are drawn with: colours, noise, and families that draw what a recipe says."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import pytest
import torch
from torch import Tensor

from training.textures import Recipe, families, noise, recipe
from training.textures.batch import Batch, Cells
from training.textures.palettes import Paint, Palette, oklab_to_rgb

pytestmark = pytest.mark.usefixtures("one_thread")

BLACK_AND_WHITE = Palette("grey", ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), (0.5, 0.5), False, 0.0)
CPU = torch.device("cpu")


def plain(family: str, kind: str, **parameters: float) -> Recipe:
    """Return the first recipe of a kind, in black and white, unfinished but for some changes."""
    found = next(
        one for one in map(recipe, range(5000)) if (one.family, one.kind) == (family, kind)
    )
    unfinished = dict.fromkeys(found.finish, 0.0)
    changed = {**found.parameters, **parameters}
    return replace(found, palette=BLACK_AND_WHITE, parameters=changed, finish=unfinished)


def grey(one: Recipe, crops: int = 4, size: int = 64) -> Tensor:
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return families.draw([one], crops, size, random).mean(1)


def batch(count: int = 1, size: int = 64) -> Batch:
    one = plain("warped waves", "grating")
    return Batch([one], count, size, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ((1.0, 0.0, 0.0), (1, 1, 1)),
        ((0.0, 0.0, 0.0), (0, 0, 0)),
        ((0.627955, 0.224863, 0.125846), (1, 0, 0)),
        ((0.866440, -0.233888, 0.179498), (0, 1, 0)),
        ((0.452014, -0.032457, -0.311528), (0, 0, 1)),
    ],
)
def test_oklab_of_the_corners_of_srgb(
    lab: tuple[float, float, float], rgb: tuple[int, int, int]
) -> None:
    found = oklab_to_rgb(torch.tensor(lab))
    torch.testing.assert_close(found, torch.tensor(rgb).float(), atol=2e-3, rtol=0)


def test_flat_colors_take_their_shares() -> None:
    palette = replace(BLACK_AND_WHITE, shares=(0.25, 0.75))
    paint = Paint([palette], 1, CPU)
    colors = paint.color(torch.tensor([[0.0, 0.24, 0.26, 1.0]]))
    torch.testing.assert_close(colors[0, :, 0], torch.tensor([0.0, 0, 1, 1]))


def test_a_gradient_runs_from_color_to_color() -> None:
    paint = Paint([replace(BLACK_AND_WHITE, gradient=True)], 1, CPU)
    ramp = paint.color(torch.linspace(0, 1, 50)[None])[0, :, 0]
    torch.testing.assert_close(ramp[[0, -1]], torch.tensor([0.0, 1.0]))
    assert (ramp.diff() >= 0).all()
    assert ramp.diff().max() < 0.1


def test_paint_is_the_mean_over_what_a_pixel_covers() -> None:
    paint = Paint([BLACK_AND_WHITE], 1, CPU)
    slope = torch.arange(0.06, 1, 0.1).expand(1, 4, 10)  # the fifth pixel is from 0.41 to 0.51
    found = paint.paint(slope)[0, 0, :, 0]
    expected = torch.tensor([0.0] * 4 + [0.1] + [1.0] * 5)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    flat = paint.paint(torch.full((1, 4, 4), 0.9))
    torch.testing.assert_close(flat, torch.ones(1, 4, 4, 3), atol=1e-4, rtol=0)


def test_fields_are_standard_and_independent() -> None:
    crops = batch(64)
    first, second = noise.fields(crops, noise.smooth(crops, torch.full((1, 1, 1), 12.0)))
    for field in (first, second):
        assert abs(float(field.mean())) < 0.05
        assert 0.9 < float(field.var()) < 1.1
    assert abs(float((first * second).mean())) < 0.05
    even = noise.evened(first)
    for quantile in (0.1, 0.5, 0.9):
        assert float(even.quantile(quantile)) == pytest.approx(quantile, abs=0.05)


def test_smooth_noise_has_the_slope_of_its_scale() -> None:
    crops, scale = batch(64), 16.0
    field, _ = noise.fields(crops, noise.smooth(crops, torch.full((1, 1, 1), scale)))
    # The power exp(-2 f^2 scale^2) has E[f_x^2] = 1 / (4 scale^2); a slope is 2 pi f times that.
    slope = field.diff(dim=2).square().mean().sqrt()
    assert float(slope) == pytest.approx(pi / scale, rel=0.1)


def test_cells_repeat_after_the_side_of_their_table() -> None:
    crops = batch(2)
    cells = Cells(crops, lambda count: crops.uniform(count, 1))
    column, row = torch.arange(5.0).view(1, 1, -1), torch.arange(4.0).view(1, -1, 1)
    (here,) = cells.at(cells.index(column, row))
    (there,) = cells.at(cells.index(column - cells.side, row + 3 * cells.side))
    assert here.shape == (2, 4, 5)
    assert torch.equal(here, there)
    assert len(set(here.flatten().tolist())) == 40


@pytest.mark.parametrize("angle", [0.0, pi / 6, pi / 2, 2.5])
@pytest.mark.parametrize("period", [5.0, 11.0])
def test_a_grating_has_the_period_and_the_angle_of_its_recipe(angle: float, period: float) -> None:
    one = plain("warped waves", "grating", angle=angle, scale=period, warp=0.0)
    picture = grey(one, size=128)[0]
    window = torch.hann_window(128)
    spectrum = torch.fft.fft2((picture - picture.mean()) * window * window[:, None]).abs()
    row, column = divmod(int(spectrum.argmax()), 128)
    down, across = (float(torch.fft.fftfreq(128)[index]) for index in (row, column))
    assert (across**2 + down**2) ** 0.5 == pytest.approx(1 / period, abs=0.006)
    direction = torch.atan2(torch.tensor(down), torch.tensor(across))
    assert abs(float(torch.sin(direction - angle))) < 0.12


def main_direction(pictures: Tensor) -> float:
    """Return the direction in which pictures change least, rad, by the structure tensor."""
    down, across = torch.gradient(pictures, dim=(1, 2))
    energy = across.square().mean() - down.square().mean()
    steepest = 0.5 * torch.atan2(2 * (across * down).mean(), energy)
    return float(steepest) + pi / 2


@pytest.mark.parametrize("angle", [0.3, 1.2, 2.4])
@pytest.mark.parametrize(
    ("family", "kind"),
    [("brush strokes", "long"), ("dead leaves", "strokes"), ("marks", "hatching")],
)
def test_strokes_run_along_the_angle(family: str, kind: str, angle: float) -> None:
    straight = {"swirl": 0.0, "warp": 0.0, "spread": 0.1, "relief": 0.0, "stretch": 5.0}
    one = plain(family, kind, angle=angle, scale=8.0, length=50.0, tone=0.2, **straight)
    assert abs(torch.sin(torch.tensor(main_direction(grey(one, 8)) - angle))) < 0.15


def test_longer_strokes_change_less_along_them() -> None:
    def ratio(length: float) -> float:
        one = plain("brush strokes", "short", angle=0.0, swirl=0.0, scale=6.0, length=length)
        down, across = torch.gradient(grey(one, 8), dim=(1, 2))
        return float(down.abs().mean() / across.abs().mean())

    assert ratio(50.0) > 1.5 * ratio(10.0)


def test_checks_are_half_dark_half_light_and_as_large_as_said() -> None:
    one = plain("tiles", "checks", angle=0.0, scale=8.0, stretch=1.0, warp=0.0, mortar=0.0)
    flat = {**one.parameters, "shade": 0.0, "two": 1.0}
    pictures = grey(replace(one, parameters=flat))
    assert float(pictures.mean()) == pytest.approx(0.5, abs=0.03)
    moved = torch.roll(pictures, 16, dims=2)[:, :, 16:]
    torch.testing.assert_close(pictures[:, :, 16:], moved, atol=0.05, rtol=0)
    for dim in (1, 2):
        kept = torch.arange(8, 64)
        opposite = 1 - torch.roll(pictures, 8, dims=dim).index_select(dim, kept)
        torch.testing.assert_close(pictures.index_select(dim, kept), opposite, atol=0.05, rtol=0)


def test_grout_is_as_wide_as_said() -> None:
    still = {"angle": 0.0, "stretch": 1.0, "warp": 0.0, "weight": 0.0, "dome": 0.0}
    one = plain("Voronoi mosaics", "cells", scale=16.0, jitter=0.0, grout=4.0, dark=1.0, **still)
    white = replace(BLACK_AND_WHITE, shares=(0.002, 0.998))
    pictures = grey(replace(one, palette=white), 8)
    # Without jitter cells are squares: of 16 px, 12 are not grout in either direction.
    assert float(pictures.mean()) == pytest.approx((12 / 16) ** 2, abs=0.03)


def test_leaves_hide_what_lies_below() -> None:
    flat = {"shade": 0.0, "stripes": 0.0, "outline": 0.0, "warp": 0.0}
    pictures = grey(plain("dead leaves", "rectangles", scale=14.0, **flat), 8)
    pure = (pictures < 0.02) | (pictures > 0.98)  # the rest are edges
    assert float(pure.float().mean()) > 0.75


def test_a_mixture_has_both_its_textures() -> None:
    one = plain("mixtures", "patches", scale=16.0, share=0.5, line=0.0)
    flat = {**plain("tiles", "checks", scale=8.0, warp=0.0).parameters, "two": 0.0, "mortar": 0.0}
    flat["shade"] = 0.0
    colors = ((0.3, 0.0, 0.0), (0.9, 0.0, 0.0))
    parts = tuple(
        replace(
            plain("tiles", "checks"),
            parameters=flat,
            palette=Palette("grey", (color, color), (0.5, 0.5), False, 0.0),
        )
        for color in colors
    )
    pictures = grey(replace(one, parts=parts), 16)
    dark, light = (float(oklab_to_rgb(torch.tensor(color))[0]) for color in colors)
    above = float(((pictures - light).abs() < 0.01).float().mean())
    below = float(((pictures - dark).abs() < 0.01).float().mean())
    assert above == pytest.approx(0.5, abs=0.12)
    assert below == pytest.approx(0.5, abs=0.12)
