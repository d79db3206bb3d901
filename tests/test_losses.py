"""Every loss against its formula in float64 NumPy, closed forms, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from nst_core.losses import (
    StyleStatistic,
    blend_targets,
    content_loss,
    gram_matrix,
    style_loss,
    style_target,
    total_variation_loss,
)

STATISTICS: tuple[StyleStatistic, ...] = ("gram", "covariance", "wasserstein")


def features(seed: int, channels: int = 6, height: int = 9, width: int = 7) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand((1, channels, height, width), generator=random) * 2


def rows(x: Tensor) -> np.ndarray:
    return x[0].flatten(1).double().numpy()


def test_gram_matrix_is_the_sum_over_positions() -> None:
    x = features(0)
    expected = np.einsum("ik,jk->ij", rows(x), rows(x))
    np.testing.assert_allclose(gram_matrix(x)[0].numpy(), expected, rtol=1e-5)


def test_gram_matrix_does_not_see_where_things_are() -> None:
    x = features(0)
    shuffled = x.flatten(2)[..., torch.randperm(63)].view_as(x)
    torch.testing.assert_close(gram_matrix(x), gram_matrix(shuffled))


def test_content_loss_is_half_the_squared_error() -> None:
    x, target = features(0), features(1)
    expected = 0.5 * np.sum((rows(x) - rows(target)) ** 2)
    assert content_loss(x, target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (torch.full((1, 3, 5, 6), 0.3), 0.0),
        # a checkerboard: every neighbouring pair differs by 1; 4*6 down, 5*5 right, 3 channels
        ((torch.arange(5).view(5, 1) + torch.arange(6)).remainder(2).expand(1, 3, 5, 6).float(),
         3 * (4 * 6 + 5 * 5)),
        # a ramp of slope 0.1 along each of 5 rows
        ((torch.arange(6) * 0.1).expand(1, 1, 5, 6), 5 * 5 * 0.01),
    ],
)  # fmt: skip
def test_total_variation_has_known_values(image: Tensor, expected: float) -> None:
    assert total_variation_loss(image).item() == pytest.approx(expected, rel=1e-5)


def test_total_variation_equals_its_formula() -> None:
    x = features(3, 3)
    values = x[0].double().numpy()
    expected = (np.diff(values, axis=1) ** 2).sum() + (np.diff(values, axis=2) ** 2).sum()
    assert total_variation_loss(x).item() == pytest.approx(expected, rel=1e-5)


def moments(x: Tensor, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return (weighted) mean and covariance in float64."""
    values = rows(x)
    shares = np.ones(values.shape[1]) if weights is None else weights
    shares = shares / shares.sum()
    mean = values @ shares
    centred = values - mean[:, None]
    return mean, (centred * shares) @ centred.T


def reference_style_loss(x: Tensor, y: Tensor, statistic: str) -> float:
    n = x.shape[1]
    if statistic == "gram":
        grams = [rows(z) @ rows(z).T / rows(z).shape[1] for z in (x, y)]
        return float(((grams[0] - grams[1]) ** 2).sum() / (4 * n**2))
    (mean, cov), (mean_target, cov_target) = moments(x), moments(y)
    moved = ((mean - mean_target) ** 2).sum() / n
    if statistic == "covariance":
        return float(((cov - cov_target) ** 2).sum() / (4 * n**2) + moved)
    root = sqrtm(cov_target).real
    eigenvalues = np.linalg.eigvalsh(root @ cov @ root).clip(min=0)
    cross = np.sqrt(eigenvalues + 1e-12 * np.trace(cov_target) ** 2).sum()
    return float(moved + (np.trace(cov) + np.trace(cov_target) - 2 * cross) / n)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_style_loss_equals_its_formula_for_pictures_of_two_sizes(
    statistic: StyleStatistic,
) -> None:
    x, y = features(0), features(1, height=5, width=20)
    loss = style_loss(x, style_target(y, statistic))
    assert loss.item() == pytest.approx(reference_style_loss(x, y, statistic), rel=1e-5)


def test_gram_style_loss_is_equation_4_where_sizes_agree() -> None:
    x, y = features(0), features(1)
    n, m = rows(x).shape
    difference = rows(x) @ rows(x).T - rows(y) @ rows(y).T
    expected = (difference**2).sum() / (4 * n**2 * m**2)
    assert style_loss(x, style_target(y)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_style_loss_is_zero_at_the_style_and_above_it_elsewhere(
    statistic: StyleStatistic,
) -> None:
    x, y = features(0), features(1)
    own = style_loss(x, style_target(x, statistic)).item()
    assert abs(own) < 1e-5 * max(1.0, x.square().sum().item() / 63)
    assert style_loss(y, style_target(x, statistic)).item() > 1e-4


def test_wasserstein_between_isotropic_gaussians_has_a_closed_form() -> None:
    """W2^2 of N(m, s^2 I) and N(m', s'^2 I) is |m - m'|^2 + N (s - s')^2."""
    random = torch.Generator().manual_seed(0)
    white = torch.linalg.qr(torch.randn((400, 4), generator=random, dtype=torch.float64))[0]
    white = white - white.mean(0)
    white = torch.linalg.qr(white)[0] * 400**0.5  # covariance: exactly the identity
    x = (3 + 2 * white).T.reshape(1, 4, 20, 20)
    y = (1 + 0.5 * white.flip(0)).T.reshape(1, 4, 20, 20)
    loss = style_loss(x, style_target(y, "wasserstein")).item()
    assert loss == pytest.approx((4 * 2**2 + 4 * 1.5**2) / 4, rel=1e-5)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_style_gradient_is_right(statistic: StyleStatistic) -> None:
    target = style_target(features(1, 3, 4, 5).double(), statistic)
    x = features(0, 3, 4, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: style_loss(z, target), (x,))


def test_content_and_total_variation_gradients_are_right() -> None:
    x = features(0, 3, 4, 5).double().requires_grad_()
    target = features(1, 3, 4, 5).double()
    assert torch.autograd.gradcheck(lambda z: content_loss(z, target), (x,))
    assert torch.autograd.gradcheck(total_variation_loss, (x,))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_mask_takes_the_statistic_of_its_inside_only(statistic: StyleStatistic) -> None:
    x = features(0, height=8, width=8)
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    masked = style_target(x, statistic, mask=mask)
    inside = style_target(x[..., :4], statistic)
    torch.testing.assert_close(masked.mean, inside.mean)
    torch.testing.assert_close(masked.second, inside.second)


def test_a_soft_mask_weights_positions() -> None:
    x = features(0, height=8, width=8)
    mask = torch.rand((1, 1, 8, 8), generator=torch.Generator().manual_seed(5))
    mean, cov = moments(x, mask.flatten().double().numpy())
    target = style_target(x, "covariance", mask=mask)
    np.testing.assert_allclose(target.mean[0].numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(target.second[0].numpy(), cov, rtol=1e-4, atol=1e-6)


def test_a_full_mask_changes_nothing() -> None:
    x = features(0)
    torch.testing.assert_close(
        style_target(x, mask=torch.ones(1, 1, 18, 14)).second, style_target(x).second
    )


@pytest.mark.parametrize("statistic", STATISTICS)
def test_blending_averages_statistics(statistic: StyleStatistic) -> None:
    targets = [style_target(features(seed), statistic) for seed in (1, 2)]
    blend = blend_targets(targets, [0.25, 0.75])
    torch.testing.assert_close(blend.second, 0.25 * targets[0].second + 0.75 * targets[1].second)
    torch.testing.assert_close(blend.mean, 0.25 * targets[0].mean + 0.75 * targets[1].mean)
    alone = style_loss(features(0), targets[0])
    torch.testing.assert_close(style_loss(features(0), blend_targets(targets[:1], [1.0])), alone)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_pictures_of_a_batch_do_not_mix(statistic: StyleStatistic) -> None:
    first, second, target = features(0), features(1), style_target(features(2), statistic)
    both = style_loss(torch.cat([first, second]), target)
    assert both.shape == (2,)
    torch.testing.assert_close(both[0], style_loss(first, target)[0])
    torch.testing.assert_close(both[1], style_loss(second, target)[0])
