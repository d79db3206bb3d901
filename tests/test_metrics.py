"""The metrics one by one: known values and invariances, and the record that keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import skimage
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from nst_core import (
    METRIC_NOTES,
    ImageError,
    Metrics,
    color_difference,
    color_difference_map,
    colorfulness,
    measure,
    metrics,
    sharpness,
    ssim,
)
from nst_core.calibration import reference_images
from nst_core.image import resize
from nst_core.metric_notes import metrics_line
from nst_core.vgg import VGG19Encoder

MEASURED = Metrics(
    ssim=1 / 3,
    color_difference=0.1 + 0.2,
    style_distance=5e-324,
    content_distance=1.7976931348623157e308,
    sharpness=1.0,
    colorfulness=0.0,
    network="few, \N{LATIN SMALL LETTER E WITH ACUTE}",
    network_sha256="ab12",
    style_layers=("conv1_1", "conv2_1"),
    content_layers=("conv2_2",),
)


def flat(*colors: tuple[float, float, float], size: int = 16) -> Tensor:
    """Return a picture of columns of colours, each ``size`` px wide and high."""
    columns = torch.tensor(colors).T.reshape(1, 3, 1, -1)
    return columns.repeat_interleave(size, dim=3).repeat(1, 1, size, 1)


def blurred(image: Tensor, deviation: float) -> Tensor:
    kernel = 2 * int(3 * deviation) + 1
    soft: Tensor = gaussian_blur(image, [kernel, kernel], [deviation, deviation])
    return soft.clamp(0, 1)


def photograph() -> Tensor:
    """Return a photograph, 64 x 96."""
    return resize(next(reference_images(96)), (64, 96))


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return photograph()


# Structure


def test_ssim_is_that_of_wang_et_al(content: Tensor, photo: Tensor) -> None:
    """Their definition, written out: an 11 x 11 Gaussian window wherever all of it fits."""
    image = resize(photo, (32, 48))
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(1, 3, 1, 1)
    x, y = ((weights * picture.double()).sum(1, keepdim=True) for picture in (image, content))
    bell = torch.exp(-((torch.arange(11.0).double() - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(bell, bell)[None, None] / bell.sum() ** 2

    def mean(values: Tensor) -> Tensor:
        return F.conv2d(values, window)

    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    luminance = (2 * mean(x) * mean(y) + 0.01**2) / (mean(x) ** 2 + mean(y) ** 2 + 0.01**2)
    expected = (luminance * (2 * covariance + 0.03**2) / (variances + 0.03**2)).mean()
    assert ssim(image, content) == pytest.approx(float(expected), abs=1e-12)


def moved_in_yiq(image: Tensor, *shift: float) -> Tensor:
    yiq = skimage.color.rgb2yiq(image[0].permute(1, 2, 0).double().numpy()) + np.array(shift)
    moved = torch.from_numpy(skimage.color.yiq2rgb(yiq)).permute(2, 0, 1)[None].float()
    assert ((moved >= 0) & (moved <= 1)).all()
    return moved


def test_ssim_does_not_see_chroma_and_the_colour_difference_does(photo: Tensor) -> None:
    image = 0.2 + 0.6 * photo
    changed = moved_in_yiq(image, 0, 0.05, -0.05)
    assert ssim(changed, image) == pytest.approx(1, abs=1e-6)
    assert color_difference(changed, image) > 5


@pytest.mark.parametrize(
    "change",
    [
        lambda x: moved_in_yiq(x, 0.1, 0, 0),
        lambda x: 0.5 + 0.8 * (x - 0.5),
        lambda x: blurred(x, 1.5),
        lambda x: x.flip(3),
        lambda x: x.roll(1, 3),
    ],
    ids=["brighter", "less contrast", "blurred", "mirrored", "moved by 1 px"],
)
def test_ssim_sees_every_change_of_luminance(
    photo: Tensor, change: Callable[[Tensor], Tensor]
) -> None:
    image = 0.2 + 0.6 * photo
    assert ssim(change(image), image) < 0.99


def test_ssim_of_an_inverted_picture_is_negative() -> None:
    board = (torch.arange(32).view(-1, 1) + torch.arange(32)) % 2
    image = board.float().expand(1, 3, 32, 32)
    assert -1 <= ssim(image, 1 - image) < -0.9


# Colours


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
        ((50.0, 2.5, 0.0), (58.0, 24.0, 15.0), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_color_difference_is_the_published_one(
    one: tuple[float, ...], other: tuple[float, ...], difference: float
) -> None:
    """Sharma, Wu and Dalal 2005, table 1, of the pairs that sRGB can show."""
    rgb = [tuple(skimage.color.lab2rgb(np.array(lab)).tolist()) for lab in (one, other)]
    found = color_difference_map(flat(rgb[0]), flat(rgb[1]))
    assert found.shape == (16, 16)
    assert found.dtype == torch.float32
    assert found.min() == found.max() == pytest.approx(difference, abs=2e-3)


RED, GREEN, BLUE, BLACK, WHITE = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.0, 0.0, 0.0),
    (1.0, 1.0, 1.0),
)


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [(BLACK, WHITE, 100.0), (RED, GREEN, 86.61), (RED, BLUE, 52.88), (GREEN, BLUE, 83.19)],
)
def test_color_difference_of_srgb_primaries(
    one: tuple[float, float, float], other: tuple[float, float, float], difference: float
) -> None:
    assert color_difference(flat(one), flat(other)) == pytest.approx(difference, abs=0.01)


def test_color_difference_is_the_mean_of_its_map_to_the_last_bit(
    content: Tensor, photo: Tensor
) -> None:
    image = resize(photo, (32, 48))
    mapped = color_difference_map(image, content)
    assert color_difference(image, content) == float(mapped.double().mean())
    assert color_difference(image, content) == np.mean(mapped.numpy(), dtype=np.float64)


@pytest.mark.parametrize("pixels", [1, 100, 48 * 31])
def test_color_difference_is_the_same_in_strips(
    content: Tensor, photo: Tensor, monkeypatch: pytest.MonkeyPatch, pixels: int
) -> None:
    image = resize(photo, (32, 48))
    whole = color_difference_map(image, content)
    monkeypatch.setattr(metrics, "STRIP_PIXELS", pixels)
    torch.testing.assert_close(color_difference_map(image, content), whole)


@pytest.mark.parametrize(
    ("colors", "expected"),
    [
        ([(0.2, 0.2, 0.2), (0.7, 0.7, 0.7), BLACK, WHITE], 0.0),
        # rg = 255 and yb = 127.5 everywhere: no deviation
        ([RED], 0.3 * (255**2 + 127.5**2) ** 0.5),
        # rg = 255, 0 and yb = 127.5, -255
        (
            [RED, BLUE],
            (127.5**2 + 191.25**2) ** 0.5 + 0.3 * (127.5**2 + 63.75**2) ** 0.5,
        ),
    ],
    ids=["greys", "one colour", "two colours"],
)
def test_colorfulness_by_hand(colors: list[tuple[float, float, float]], expected: float) -> None:
    assert colorfulness(flat(*colors)) == pytest.approx(expected, abs=1e-4)


def test_colorfulness_grows_with_saturation(photo: Tensor) -> None:
    grey = photo.mean(1, keepdim=True)
    values = [colorfulness(grey + share * (photo - grey)) for share in (0, 0.3, 0.6, 1)]
    assert values[0] == pytest.approx(0, abs=1e-4)
    assert values == sorted(values)


# Sharpness


def test_sharpness_falls_with_blur(photo: Tensor) -> None:
    values = [sharpness(photo), *(sharpness(blurred(photo, sigma)) for sigma in (0.5, 1, 2, 4))]
    assert values == sorted(values, reverse=True)
    assert 0 < values[-1] < 0.5 * values[0] < 0.5


@pytest.mark.parametrize("color", [BLACK, WHITE, (0.1, 0.5, 0.7)])
def test_a_flat_picture_is_not_sharp(color: tuple[float, float, float]) -> None:
    assert sharpness(flat(color)) == 0


def test_sharpness_looks_at_luminance_alone(photo: Tensor) -> None:
    image = 0.2 + 0.6 * photo
    changed = moved_in_yiq(image, 0, 0.05, -0.05)
    assert sharpness(changed) == pytest.approx(sharpness(image), abs=1e-6)


# What is refused


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (torch.rand(3, 32, 48), r"shape \(3, 32, 48\)"),
        (torch.rand(1, 1, 32, 48), r"give \(1, 3, H, W\) floats"),
        (torch.zeros((1, 3, 32, 48), dtype=torch.uint8), "uint8"),
        (torch.full((1, 3, 32, 48), 1.5), "outside 0 to 1"),
        (torch.full((1, 3, 32, 48), torch.nan), "NaN"),
        (torch.empty(1, 3, 0, 48), "48 x 0 px is too small"),
    ],
)
@pytest.mark.parametrize("metric", [ssim, color_difference_map, sharpness, colorfulness, measure])
def test_what_is_no_picture_is_refused_in_words(
    metric: Any, image: Tensor, words: str, content: Tensor, encoder: VGG19Encoder
) -> None:
    others: dict[Any, list[Any]] = {sharpness: [], colorfulness: []}
    others[measure] = [content, [content], encoder]
    with pytest.raises(ImageError, match=words):
        metric(image, *others.get(metric, [content]))


@pytest.mark.parametrize("metric", [ssim, color_difference, color_difference_map])
def test_pictures_of_two_sizes_are_refused(metric: Any, content: Tensor) -> None:
    with pytest.raises(ImageError, match=r"48 x 32 px cannot be compared with one of 24 x 16 px"):
        metric(content, resize(content, (16, 24)))


@pytest.mark.parametrize("metric", [lambda x: ssim(x, x), sharpness], ids=["ssim", "sharpness"])
def test_a_picture_that_is_too_small_is_refused(metric: Any) -> None:
    with pytest.raises(ImageError, match=r"64 x 15 px is too small.* at least 16 px"):
        metric(torch.rand(1, 3, 15, 64))


# The record


def test_metrics_keep_every_digit_as_json() -> None:
    assert Metrics.from_json(MEASURED.to_json()) == MEASURED
    other = replace(MEASURED, ssim=None, color_difference=None, content_distance=None)
    assert Metrics.from_json(other.to_json()) == other


def test_what_a_later_version_added_is_left_out() -> None:
    text = json.dumps({**json.loads(MEASURED.to_json()), "lpips": 0.5})
    assert Metrics.from_json(text) == MEASURED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "null",
        "3",
        "[1, 2]",
        "{}",
        MEASURED.to_json()[:-9],
        MEASURED.to_json().replace('"sharpness": 1.0', '"sharpness": "1.0"'),
        MEASURED.to_json().replace('"sharpness": 1.0', '"sharpness": null'),
        MEASURED.to_json().replace('["conv1_1", "conv2_1"]', '"conv1_1"'),
        MEASURED.to_json().replace('["conv1_1", "conv2_1"]', "[1, 2]"),
        MEASURED.to_json().replace('"sharpness": 1.0, ', ""),
        "[" * 100_000,
    ],
)
def test_damaged_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="these are no metrics"):
        Metrics.from_json(text)


def test_each_number_has_a_note() -> None:
    numbers = [item.name for item in fields(Metrics) if "float" in str(item.type)]
    assert [info.name for info in METRIC_NOTES] == numbers


def test_a_line_says_what_the_numbers_are() -> None:
    found = replace(MEASURED, style_distance=3.214e-4, content_distance=123456.0, ssim=0.41234)
    assert metrics_line(found) == (
        "measured: SSIM 0.412, colour difference 0.30 ΔE00, style distance 3.21e-04, "
        "content distance 1.23e+05, sharpness 1.000, colourfulness 0.0"
    )
    assert metrics_line(
        replace(found, ssim=None, color_difference=None, content_distance=None)
    ) == ("measured: style distance 3.21e-04, sharpness 1.000, colourfulness 0.0")
