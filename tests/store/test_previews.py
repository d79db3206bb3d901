"""Pictures for the screen: small JPEGs, and PNGs that lose nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core import Picture, encode_preview, encode_view, load_image
from nst_core.image import encode_png, resize
from nst_core.store.previews import PREVIEW_EDGE, VIEW_EDGE

SIZES = [(16, 16), (21, 32), (64, 40)]


def noise(height: int, width: int, *, has_alpha: bool = False) -> Picture:
    random = torch.Generator().manual_seed(height + width)
    alpha = torch.rand(1, 1, height, width, generator=random) if has_alpha else None
    return Picture(torch.rand(1, 3, height, width, generator=random), alpha)


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_view_of_a_small_picture_has_every_pixel(size: tuple[int, int], has_alpha: bool) -> None:
    picture = noise(*size, has_alpha=has_alpha)
    seen, kept = load_image(encode_view(picture)), load_image(encode_png(picture))
    assert seen.pixels.equal(kept.pixels)
    assert (seen.alpha is None) is not has_alpha
    if seen.alpha is not None and kept.alpha is not None:
        assert seen.alpha.equal(kept.alpha)


@pytest.mark.parametrize("has_alpha", [False, True])
def test_a_view_is_a_plain_png(has_alpha: bool) -> None:
    picture = Picture(
        noise(20, 30).pixels, noise(20, 30, has_alpha=has_alpha).alpha, provenance={"config": {}}
    )
    with Image.open(io.BytesIO(encode_view(picture))) as file:
        file.load()
        assert (file.format, file.mode) == ("PNG", "RGBA" if has_alpha else "RGB")
        assert file.info == {}


@pytest.mark.parametrize(
    ("size", "edge", "expected"),
    [
        ((40, 60), 60, (40, 60)),
        ((40, 60), 1000, (40, 60)),
        ((40, 60), 59, (39, 59)),
        ((40, 60), 30, (20, 30)),
        ((60, 40), 30, (30, 20)),
        ((341, 512), 256, (170, 256)),
        ((16, 3000), 100, (1, 100)),
    ],
)
def test_the_long_edge_is_capped(
    size: tuple[int, int], edge: int, expected: tuple[int, int]
) -> None:
    for data in (
        encode_view(noise(*size), edge),
        encode_view(noise(*size, has_alpha=True), edge),
        encode_preview(noise(*size), edge),
    ):
        with Image.open(io.BytesIO(data)) as file:
            assert (file.height, file.width) == expected


def test_by_default_a_view_is_larger_than_a_preview() -> None:
    picture = noise(20, 2000)
    for data, edge in (
        (encode_view(picture), VIEW_EDGE),
        (encode_preview(picture), PREVIEW_EDGE),
    ):
        with Image.open(io.BytesIO(data)) as file:
            assert file.width == edge


def test_a_larger_view_is_scaled_as_every_picture_is() -> None:
    picture = noise(80, 120, has_alpha=True)
    seen = load_image(encode_view(picture, 60))
    assert seen.alpha is not None
    assert picture.alpha is not None
    half = resize(picture.pixels, (40, 60)), resize(picture.alpha, (40, 60))
    torch.testing.assert_close(seen.pixels, half[0], atol=0.51 / 255, rtol=0)
    torch.testing.assert_close(seen.alpha, half[1], atol=0.51 / 255, rtol=0)


def test_a_preview_is_a_jpeg_close_to_the_picture_on_white() -> None:
    ramp = torch.linspace(0, 1, 96).view(1, 1, 1, 96).expand(1, 3, 64, 96)
    alpha = (ramp[:, :1] < 0.5).float()
    data = encode_preview(Picture(ramp, alpha))
    with Image.open(io.BytesIO(data)) as file:
        assert (file.format, file.mode, file.size) == ("JPEG", "RGB", (96, 64))
        shown = np.asarray(file, dtype=np.float32) / 255
    assert np.abs(shown[:, :40] - ramp[0].permute(1, 2, 0).numpy()[:, :40]).max() < 0.05
    assert shown[:, 60:].min() > 0.98
