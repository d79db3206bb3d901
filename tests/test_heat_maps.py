"""How two pictures differ, pixel by pixel, and how that is drawn."""

from __future__ import annotations

import pytest
import torch

from nst_core import (
    ConfigError,
    Picture,
    color_difference,
    cubehelix,
    difference,
    heat_map,
    load_image,
    ssim,
)
from nst_core.image import encode_png, resize


def noise(seed: int, height: int = 24, width: int = 32) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    return Picture(torch.rand(1, 3, height, width, generator=generator))


def test_a_difference_is_that_of_the_metrics() -> None:
    a, b = noise(1), noise(2)
    found = difference(a, b)
    assert found.map.shape == (24, 32)
    assert found.mean == color_difference(a.pixels, b.pixels) > 1
    assert found.ssim == ssim(a.pixels, b.pixels) < 0.9
    same = difference(a, a)
    assert (same.mean, same.map.max().item()) == (0, 0)
    assert same.ssim == pytest.approx(1)


@pytest.mark.parametrize(
    ("size", "other"),
    [((24, 32), (24, 32)), ((24, 32), (48, 64)), ((24, 32), (23, 31)), ((20, 21), (21, 20))],
)
def test_a_difference_is_symmetric_and_at_the_smaller_size(
    size: tuple[int, int], other: tuple[int, int]
) -> None:
    a, b = noise(1, *size), noise(2, *other)
    there, back = difference(a, b), difference(b, a)
    assert there.map.shape == back.map.shape == min(size, other)
    torch.testing.assert_close(there.map, back.map, atol=1e-4, rtol=0)
    assert there.mean == pytest.approx(back.mean)
    assert there.ssim == pytest.approx(back.ssim)
    small, large = sorted((a, b), key=lambda picture: picture.size)
    assert there.mean == pytest.approx(
        color_difference(small.pixels, resize(large.pixels, small.size))
    )


@pytest.mark.parametrize("other", [(32, 24), (24, 40), (48, 70)])
def test_pictures_of_two_shapes_have_no_difference(other: tuple[int, int]) -> None:
    height, width = other
    reason = f"pictures of 32 x 24 and {width} x {height} px have different shapes"
    with pytest.raises(ConfigError, match=reason):
        difference(noise(1), noise(2, *other))


def test_cubehelix_is_black_at_0_white_at_1_and_gets_lighter_evenly() -> None:
    values = torch.linspace(0, 1, 1001, dtype=torch.float64)
    colors = cubehelix(values)
    assert colors.shape == (3, 1001)
    assert 0 <= colors.min() <= colors.max() <= 1
    assert colors[:, 0].tolist() == [0, 0, 0]
    torch.testing.assert_close(colors[:, -1], torch.ones(3, dtype=torch.float64))
    weights = torch.tensor([0.30, 0.59, 0.11], dtype=torch.float64)  # Green's perceived intensity
    torch.testing.assert_close(weights @ colors, values, atol=1e-6, rtol=0)
    luminance = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64) @ colors
    assert luminance.diff().min() > 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # By hand. The angle is 2 pi (0.1 - value / 2), the amplitude 0.6 value (1 - value):
        # 0.2: angle 0, so cosine 1 and sine 0; amplitude 0.096
        (0.2, (0.2 - 0.096 * 0.14861, 0.2 - 0.096 * 0.29227, 0.2 + 0.096 * 1.97294)),
        # 0.7: angle -pi/2, so cosine 0 and sine -1; amplitude 0.126
        (0.7, (0.7 - 0.126 * 1.78277, 0.7 + 0.126 * 0.90649, 0.7)),
    ],
)
def test_cubehelix_is_greens_formula(value: float, expected: tuple[float, ...]) -> None:
    found = cubehelix(torch.tensor(value, dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_a_heat_map_is_white_from_the_most_on() -> None:
    drawn = heat_map(torch.tensor([[0.0, 2.0, 10.0], [20.0, 10.1, 1e6]]), 10)
    assert drawn.shape == (1, 3, 2, 3)
    assert drawn.dtype == torch.float32
    white = torch.tensor([[False, False, True], [True, True, True]])
    assert drawn[0][:, white].allclose(torch.ones(3, 4))
    assert drawn[0, :, 0, 0].tolist() == [0, 0, 0]
    assert drawn[0, :, 0, 1].allclose(cubehelix(torch.tensor(0.2)))
    assert load_image(encode_png(heat_map(torch.rand(16, 16), 0.5))).size == (16, 16)
