"""Colour transfer: closed forms and invariances first, then degenerate and bad input."""

from typing import Any

import numpy as np
import pytest
import torch
from skimage import color as skcolor
from skimage import data
from skimage.exposure import match_histograms
from torch import Tensor

from nst_core.color import (
    COLOR_METHODS,
    ColorMethod,
    CovarianceMethod,
    LuminanceSpace,
    _color_map,
    luminance_transfer,
    match_covariance,
    match_histogram,
    match_luminance,
    recolor,
    to_luminance,
)
from nst_core.errors import ConfigError, ImageError

COVARIANCE_METHODS: tuple[CovarianceMethod, ...] = ("cholesky", "pca", "symmetric")
GREY_WEIGHTS = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(1, 3, 1, 1)


def noise(seed: int, height: int = 24, width: int = 32) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def photo(name: str) -> Tensor:
    pixels = getattr(data, name)()[::4, ::4]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def flat(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, 16, 16).contiguous()


def grey(seed: int) -> Tensor:
    return noise(seed)[:, :1].repeat(1, 3, 1, 1)


def array(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).numpy()


def moments(image: Tensor) -> tuple[np.ndarray, np.ndarray]:
    colors = image.double().reshape(3, -1).numpy()
    return colors.mean(axis=1), np.cov(colors, bias=True)


def luminance(image: Tensor) -> Tensor:
    return (image.double() * GREY_WEIGHTS).sum(dim=1, keepdim=True)


# Covariance matching


@pytest.mark.parametrize("method", COVARIANCE_METHODS)
@pytest.mark.parametrize(
    ("image", "reference"),
    [
        (noise(1), noise(2, 20, 40) * torch.tensor([0.9, 0.4, 0.1]).view(1, 3, 1, 1)),
        (photo("astronaut"), photo("chelsea")),
        (photo("chelsea"), photo("coffee")),
    ],
    ids=["noise", "astronaut-chelsea", "chelsea-coffee"],
)
def test_covariance_matching_gives_the_reference_moments(
    image: Tensor, reference: Tensor, method: CovarianceMethod
) -> None:
    mean, covariance = moments(match_covariance(image, reference, method))
    mean_ref, covariance_ref = moments(reference)
    np.testing.assert_allclose(mean, mean_ref, atol=1e-6)
    np.testing.assert_allclose(covariance, covariance_ref, atol=1e-6)


def test_covariance_matching_of_scaled_channels_is_the_scaling() -> None:
    # Diagonal covariances commute: all three maps are diag(std_ref / std).
    signs = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1]]).float()
    signs[0] = signs[1] * signs[2]  # three channels, uncorrelated, mean 0
    signs = signs.view(1, 3, 2, 2).repeat(1, 1, 8, 8)
    stds = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    gains = torch.tensor([2.0, 0.5, 1.2]).view(1, 3, 1, 1)
    for method in COVARIANCE_METHODS:
        result = match_covariance(0.5 + signs * stds, 0.4 + signs * stds * gains, method)
        torch.testing.assert_close(result, 0.4 + signs * stds * gains, atol=1e-6, rtol=0)


def test_cholesky_map_is_lower_triangular_and_the_symmetric_one_symmetric_positive() -> None:
    covariance, covariance_ref = (moments(photo(name))[1] for name in ("astronaut", "coffee"))
    cholesky, pca, symmetric = (
        _color_map(covariance, covariance_ref, method) for method in COVARIANCE_METHODS
    )
    assert np.allclose(cholesky, np.tril(cholesky))
    assert not np.allclose(pca, pca.T)
    np.testing.assert_allclose(symmetric, symmetric.T, atol=1e-12)
    assert np.linalg.eigvalsh(symmetric).min() > 0


def test_symmetric_map_moves_colors_least() -> None:
    image, reference = photo("astronaut"), photo("coffee")
    moved = {
        method: (match_covariance(image, reference, method) - image).square().mean().item()
        for method in COVARIANCE_METHODS
    }
    assert moved["symmetric"] < min(moved["pca"], moved["cholesky"])


def test_symmetric_map_between_gaussians_is_undone_by_the_way_back() -> None:
    image, reference = photo("astronaut"), photo("coffee")
    there = match_covariance(image, reference, "symmetric")
    torch.testing.assert_close(
        match_covariance(there, image, "symmetric"), image, atol=1e-5, rtol=0
    )


def test_covariance_matching_is_not_clipped() -> None:
    result = match_covariance(noise(1), photo("astronaut"), "pca")
    assert result.min() < 0 or result.max() > 1


@pytest.mark.parametrize("method", COVARIANCE_METHODS)
@pytest.mark.parametrize(
    ("image", "reference"),
    [
        (grey(1), noise(2)),
        (flat(0.2, 0.5, 0.9), noise(2)),
        (noise(1), grey(2)),
        (noise(1), flat(0.2, 0.5, 0.9)),
        (flat(0, 0, 0), flat(1, 1, 1)),
        # Grey but for the rounding to 8 bits, as a decoded JPEG is.
        ((grey(1) + noise(3) / 255).clamp(0, 1), noise(2)),
    ],
    ids=["grey", "flat", "grey-reference", "flat-reference", "black-white", "almost-grey"],
)
def test_covariance_matching_of_degenerate_pictures_never_varies_more_than_the_reference(
    image: Tensor, reference: Tensor, method: CovarianceMethod
) -> None:
    result = match_covariance(image, reference, method)
    assert result.isfinite().all()
    mean, covariance = moments(result)
    mean_ref, covariance_ref = moments(reference)
    np.testing.assert_allclose(mean, mean_ref, atol=1e-5)
    assert np.linalg.eigvalsh(covariance_ref - covariance).min() > -1e-6


@pytest.mark.parametrize("method", COVARIANCE_METHODS)
def test_covariance_matching_to_grey_is_grey(method: CovarianceMethod) -> None:
    result = match_covariance(noise(1), grey(2), method)
    assert (result - result.mean(dim=1, keepdim=True)).abs().max() < 1e-4


def test_noise_of_an_almost_grey_picture_is_not_stretched() -> None:
    image = grey(1)
    image[:, 2] += (noise(3)[:, 0] - 0.5) * 2e-4
    result = match_covariance(image, noise(2), "symmetric")
    assert (result[:, 2] - result[:, 1]).std() < 0.02  # the reference's is 0.4


# Histogram matching


@pytest.mark.parametrize(("name", "other"), [("astronaut", "chelsea"), ("coffee", "astronaut")])
def test_histogram_matching_equals_skimage(name: str, other: str) -> None:
    image, reference = photo(name), photo(other)
    expected = match_histograms(array(image), array(reference), channel_axis=-1)
    np.testing.assert_array_equal(array(match_histogram(image, reference)), expected)
    np.testing.assert_array_equal(array(recolor(image, reference, "histogram")), expected)


def test_histogram_matching_of_a_permutation_sorts_it_back() -> None:
    image, reference = noise(1, 16, 16), noise(2, 16, 16)
    matched = match_histogram(image, reference)
    torch.testing.assert_close(
        matched.reshape(3, -1).sort().values,
        reference.reshape(3, -1).sort().values,
        atol=1e-6,
        rtol=0,
    )


# Luminance


def test_yiq_transfer_keeps_luminance_of_one_and_chroma_of_the_other() -> None:
    image, reference = noise(1), noise(2)
    result = array(luminance_transfer(image, reference, "yiq")).astype(np.float64)
    yiq = skcolor.rgb2yiq(result)
    np.testing.assert_allclose(yiq[..., 0], skcolor.rgb2yiq(array(image))[..., 0], atol=1e-6)
    np.testing.assert_allclose(yiq[..., 1:], skcolor.rgb2yiq(array(reference))[..., 1:], atol=1e-6)
    assert result.min() < 0 or result.max() > 1  # not clipped


def test_lab_transfer_keeps_luminance_where_the_color_lies_in_srgb() -> None:
    image, reference = 0.4 + 0.2 * noise(1), 0.45 + 0.1 * noise(2)
    lab = skcolor.rgb2lab(array(luminance_transfer(image, reference, "lab")))
    np.testing.assert_allclose(lab[..., 0], skcolor.rgb2lab(array(image))[..., 0], atol=1e-3)
    np.testing.assert_allclose(lab[..., 1:], skcolor.rgb2lab(array(reference))[..., 1:], atol=2e-3)


def test_lab_transfer_to_impossible_colors_is_silent_and_in_range() -> None:
    # Black with the chroma of saturated blue: scikit-image alone warns of negative Z.
    result = luminance_transfer(flat(0, 0, 0), flat(1, 1, 0), "lab")
    assert result.isfinite().all()
    assert 0 <= result.min() <= result.max() <= 1


def test_luminance_transfer_of_two_sizes_names_both() -> None:
    with pytest.raises(ImageError, match=r"not \(24, 32\) and \(16, 16\)"):
        luminance_transfer(noise(1), noise(2, 16, 16), "yiq")


def test_to_luminance_yiq_is_the_weighted_sum_of_channels() -> None:
    result = to_luminance(noise(1), "yiq")
    expected = luminance(noise(1)).float().expand(1, 3, -1, -1)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("space", ["yiq", "lab"])
def test_to_luminance_is_grey_and_idempotent(space: LuminanceSpace) -> None:
    once = to_luminance(photo("astronaut"), space)
    assert torch.equal(once[:, 0], once[:, 1])
    assert torch.equal(once[:, 0], once[:, 2])
    torch.testing.assert_close(to_luminance(once, space), once, atol=1e-4, rtol=0)


def test_match_luminance_gives_mean_and_deviation_of_the_content() -> None:
    content = 0.4 + 0.2 * noise(1)
    result = match_luminance(noise(2), content)
    assert torch.equal(result[:, 0], result[:, 2])
    target = luminance(content)
    assert result[:, 0].mean().item() == pytest.approx(target.mean().item(), abs=1e-6)
    assert result[:, 0].std().item() == pytest.approx(target.std().item(), abs=1e-6)


def test_match_luminance_of_a_flat_style_is_flat() -> None:
    result = match_luminance(flat(0.1, 0.2, 0.9), noise(1))
    torch.testing.assert_close(result, torch.full_like(result, luminance(noise(1)).mean().item()))


# recolor


@pytest.mark.parametrize("method", COLOR_METHODS)
@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_recolor_by_itself_is_the_identity(method: ColorMethod, name: str) -> None:
    image = photo(name)
    torch.testing.assert_close(recolor(image, image.clone(), method), image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", COLOR_METHODS)
def test_recolor_keeps_range_dtype_and_inputs(method: ColorMethod) -> None:
    image, reference, mask = noise(1), photo("coffee"), noise(3)[:, :1]
    copies = image.clone(), reference.clone(), mask.clone()
    result = recolor(image, reference, method, strength=0.7, mask=mask)
    assert result.dtype == torch.float32
    assert result.shape == image.shape
    assert 0 <= result.min() <= result.max() <= 1
    for tensor, copy in zip((image, reference, mask), copies, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize("method", COLOR_METHODS[1:])
def test_recolor_strength_is_linear_from_nothing_to_all(method: ColorMethod) -> None:
    image, reference = photo("astronaut"), photo("coffee")
    none, half, full = (
        recolor(image, reference, method, strength=strength) for strength in (0, 0.5, 1)
    )
    assert torch.equal(none, image)
    assert (full - image).abs().max() > 0.1
    torch.testing.assert_close(half, (image + full) / 2, atol=1e-6, rtol=0)
    mask = torch.ones_like(image[:, :1])
    masked = recolor(image, reference, method, strength=0.5, mask=mask)
    torch.testing.assert_close(masked, half, atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", COLOR_METHODS[1:])
def test_recolor_under_a_mask_equals_recoloring_the_part_alone(method: ColorMethod) -> None:
    image, reference = noise(1), noise(2)
    mask = torch.zeros(1, 1, 24, 32)
    mask[..., :20] = 1
    result = recolor(image, reference, method, mask=mask)
    alone = recolor(image[..., :20], reference[..., :20], method)
    assert torch.equal(result[..., 20:], image[..., 20:])
    torch.testing.assert_close(result[..., :20], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", COVARIANCE_METHODS)
def test_recolor_weighs_pixels_by_a_soft_mask(method: CovarianceMethod) -> None:
    # Left pixels count three times the right ones: as if they were there three times.
    image, reference = 0.3 + 0.4 * noise(1, 16, 16), 0.4 + 0.2 * noise(2, 20, 20)
    mask = torch.full((1, 1, 16, 16), 1 / 3)
    mask[..., :8] = 1
    repeated = torch.cat([image[..., :8]] * 3 + [image[..., 8:]], dim=-1)
    full = match_covariance(repeated, reference, method)[..., 16:]
    expected = image + mask * (full - image)
    torch.testing.assert_close(
        recolor(image, reference, method, mask=mask), expected, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("method", ["luminance_yiq", "luminance_lab"])
def test_recolor_resizes_the_reference_for_luminance(method: ColorMethod) -> None:
    image, reference = noise(1), flat(0.3, 0.5, 0.6)
    expected = recolor(image, reference[..., :1, :1].expand_as(image), method)
    torch.testing.assert_close(recolor(image, reference, method), expected, atol=1e-6, rtol=0)


def test_recolor_by_yiq_luminance_takes_the_result_back_to_the_content() -> None:
    content = 0.4 + 0.2 * noise(1)
    result = recolor(to_luminance(content), content, "luminance_yiq")
    torch.testing.assert_close(result, content, atol=1e-6, rtol=0)


MASK = torch.ones(1, 1, 24, 32)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"method": "hsv"}, ConfigError, "color method 'hsv' is unknown; use one of none, lumin"),
        ({"strength": 1.5}, ConfigError, "strength is 1.5; it must be from 0 to 1"),
        ({"strength": float("nan")}, ConfigError, "strength is nan"),
        ({"mask": MASK[..., 1:]}, ImageError, r"mask's shape is \(1, 1, 24, 31\) and must be"),
        ({"mask": MASK * 2}, ImageError, "mask are outside 0 to 1"),
        ({"mask": MASK * torch.nan}, ImageError, "mask are outside 0 to 1"),
        ({"mask": MASK * 0}, ImageError, "mask is black all over"),
        ({"image": noise(1)[0]}, ImageError, r"shape \(3, 24, 32\) is no picture"),
        ({"reference": MASK}, ImageError, r"shape \(1, 1, 24, 32\) is no picture"),
        ({"reference": noise(1) * torch.nan}, ImageError, "NaN or infinite"),
    ],
)
def test_recolor_of_bad_input_says_why(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {
        "image": noise(1),
        "reference": noise(2),
        "method": "pca",
    } | changes
    with pytest.raises(error, match=message) as caught:
        recolor(**arguments)
    assert "\n" not in str(caught.value)


def test_functions_refuse_unknown_words() -> None:
    with pytest.raises(ConfigError, match="luminance space 'hsv' is unknown; use one of yiq, lab"):
        to_luminance(noise(1), "hsv")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="covariance method 'lu' is unknown; use one of cholesky"):
        match_covariance(noise(1), noise(2), "lu")  # type: ignore[arg-type]
