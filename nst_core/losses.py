"""The three losses of neural style transfer, as pure functions on tensors.

``F^l`` is the activation of layer ``l`` as a matrix of ``N`` rows (channels) and ``M`` columns
(positions). Every function returns one value a picture, shape ``(B,)``. The formulas, and where
they leave the papers, stand in ``docs/formulas.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

StyleStatistic = Literal["gram", "covariance", "wasserstein"]

ROOT_FLOOR = 1e-12
"""Added to the eigenvalues under the Wasserstein distance's roots, whose slope is infinite at 0."""


class StyleTarget(NamedTuple):
    """What of a layer is compared, for ``B`` pictures.

    Attributes:
        statistic: which of the three statistics this is.
        mean: ``(B, N)``, each channel's mean; zeros for ``"gram"``, which compares none.
        second: ``(B, N, N)``, the Gram matrix over ``M`` (``"gram"``) or the covariance.
        root: for ``"wasserstein"`` the symmetric square root of ``second``, where it is known.
    """

    statistic: StyleStatistic
    mean: Tensor
    second: Tensor
    root: Tensor | None = None


def gram_matrix(features: Tensor) -> Tensor:
    """Return ``G_ij = sum_k F_ik F_jk``, undivided (Gatys et al. 2016, CVPR, eq. 3).

    Args:
        features: ``(B, N, H, W)``.

    Returns:
        ``(B, N, N)``.
    """
    found: Tensor = _Gram.apply(features.flatten(2))
    return found


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return ``1/2 sum_ij (F_ij - P_ij)^2`` (Gatys et al. 2016, eq. 1), shape ``(B,)``.

    Args:
        features, target: ``(B, N, H, W)``.
    """
    return (features - target).square().flatten(1).sum(1) / 2


def total_variation_loss(image: Tensor) -> Tensor:
    """Return the squared differences of neighbours, summed over pixels and channels.

    ``sum (x[i,j] - x[i+1,j])^2 + (x[i,j] - x[i,j+1])^2``, shape ``(B,)``.

    Args:
        image: ``(B, C, H, W)``.
    """
    down = (image[..., 1:, :] - image[..., :-1, :]).square().flatten(1).sum(1)
    right = (image[..., 1:] - image[..., :-1]).square().flatten(1).sum(1)
    return down + right


def style_target(
    features: Tensor, statistic: StyleStatistic = "gram", *, mask: Tensor | None = None
) -> StyleTarget:
    """Summarise a layer by the statistic that the style loss compares.

    With weights ``w_k`` of the positions (1 without a mask, so that their sum is ``M``):

    - ``"gram"``: ``sum_k w_k F_ik F_jk / sum_k w_k`` (eq. 3 over ``M``);
    - ``"covariance"``, ``"wasserstein"``: the weighted means ``m_i`` and
      ``sum_k w_k (F_ik - m_i)(F_jk - m_j) / sum_k w_k``.

    Args:
        features: ``(B, N, H, W)``, float32 or float64.
        mask: ``(B or 1, 1, H', W')`` in ``[0, 1]`` of any size; it is averaged down to the
            layer's positions (masks are Gatys et al. 2017, CVPR, section 4, "guided" Grams).
    """
    size = (features.shape[-2], features.shape[-1])
    shares = None if mask is None else position_shares(mask.to(features), size)
    return whole_statistic(features, statistic, shares)


def position_shares(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``w_k / sum_k w_k`` of a layer's positions, ``(B or 1, 1, H, W)``.

    Args:
        mask: as in :func:`style_target`.
        size: of the layer, ``(H, W)``.
    """
    weights = F.adaptive_avg_pool2d(mask, size)
    total = weights.sum((-2, -1), keepdim=True)
    return weights / total.clamp(min=torch.finfo(mask.dtype).tiny)


def whole_statistic(
    features: Tensor, statistic: StyleStatistic, shares: Tensor | None
) -> StyleTarget:
    """Return :func:`style_target` with a mask's shares known; None is a share of 1/M each."""
    center = None
    if statistic != "gram":
        rows = features.flatten(2)
        center = rows.mean(-1) if shares is None else (rows * shares.flatten(2)).sum(-1)
        center = center.detach()  # any would do; the slope is that of the moments
    return statistic_of_moments(statistic, moments(features, shares, center), center)


class Moments(NamedTuple):
    """Sums over some of a layer's positions; those of all its parts add up.

    Attributes:
        first: ``(B, N)``, ``sum_k s_k (F_ik - c_i)``, where ``s_k`` is a position's share; zeros
            where there is no ``c``, since a Gram matrix needs none.
        second: ``(B, N, N)``, ``sum_k s_k (F_ik - c_i)(F_jk - c_j)``.
    """

    first: Tensor
    second: Tensor


def moments(
    features: Tensor,
    shares: Tensor | None,
    center: Tensor | None,
    *,
    positions: int | None = None,
) -> Moments:
    """Sum up a layer, or a part of it.

    Args:
        features: ``(B, N, H, W)``.
        shares: ``(B or 1, 1, H, W)``, of these positions; None is ``1 / positions`` each.
        center: ``(B or 1, N)``, the ``c_i`` above; None is 0.
        positions: of the whole layer; None if these are all.
    """
    rows = features.flatten(2)
    if center is not None:
        rows = rows - center.unsqueeze(-1)
    if shares is None:
        weighted, share = rows, 1 / (positions or rows.shape[-1])
        second = _Gram.apply(rows) * share
    else:
        weighted, share = rows * shares.flatten(2), 1.0
        second = weighted @ rows.mT
    first = rows.new_zeros(rows.shape[:2]) if center is None else weighted.sum(-1) * share
    return Moments(first, second)


class _Gram(torch.autograd.Function):
    """``X X^T``, whose slope torch would compute by two products in place of one."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows @ rows.mT

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        found: Tensor = (slope + slope.mT) @ rows
        return found


def statistic_of_moments(
    statistic: StyleStatistic, found: Moments, center: Tensor | None
) -> StyleTarget:
    """Return the statistic of a layer whose parts' moments were added up.

    Args:
        center: what the moments are about; None, and only then, for ``"gram"``.
    """
    if center is None:
        return StyleTarget(statistic, torch.zeros_like(found.first), found.second)
    shift = found.first
    second = found.second - shift.unsqueeze(-1) * shift.unsqueeze(-2)
    return StyleTarget(statistic, center + shift, second)


def blend_targets(targets: Sequence[StyleTarget], weights: Sequence[float]) -> StyleTarget:
    """Average the statistics of several styles (not their losses), ``weights`` summing to 1.

    What the loss would compute anew in every step is computed here, once.
    """
    means = [weight * target.mean for target, weight in zip(targets, weights, strict=True)]
    seconds = [weight * target.second for target, weight in zip(targets, weights, strict=True)]
    mean, second = torch.stack(means).sum(0), torch.stack(seconds).sum(0)
    statistic = targets[0].statistic
    root = _square_root(_wide(second)) if statistic == "wasserstein" else None
    return StyleTarget(statistic, mean, second, root)


def style_loss(features: Tensor, target: StyleTarget, *, mask: Tensor | None = None) -> Tensor:
    """Return one layer's style loss ``E_l``, shape ``(B,)``, by the target's statistic.

    - ``"gram"``: ``1 / (4 N^2) sum_ij (G_ij / M_G - A_ij / M_A)^2`` (Gatys et al. 2016, eq. 4).
      Each Gram matrix is divided by its own ``M``: eq. 4 exactly where the pictures' sizes agree.
    - ``"covariance"``: ``1 / (4 N^2) sum_ij (C_ij - C'_ij)^2 + 1/N sum_i (m_i - m'_i)^2``, the
      Gram matrices of centred features with the means beside them.
    - ``"wasserstein"``:
      ``1/N (sum_i (m_i - m'_i)^2 + tr(C + C' - 2 (C'^(1/2) C C'^(1/2))^(1/2)))``,
      the squared 2-Wasserstein distance between the Gaussians ``(m, C)`` and ``(m', C')``
      (Olkin and Pukelsheim 1982), where ``tr X^(1/2)`` is ``sum sqrt(max(l_i, 0) + 1e-12 t^2)``
      over the eigenvalues ``l_i`` of ``X``, and ``t`` is ``tr C'``.

    Args:
        features: ``(B, N, H, W)``.
        target: of :func:`style_target`, ``B`` or 1 pictures.
        mask: as in :func:`style_target`: only there the picture's statistic is taken.
    """
    return style_distance(style_target(features, target.statistic, mask=mask), target)


def style_distance(own: StyleTarget, target: StyleTarget) -> Tensor:
    """Return :func:`style_loss` of a picture whose statistic is known, shape ``(B,)``."""
    channels = own.second.shape[-1]
    moved = (own.mean - target.mean).square().sum(-1) / channels
    if target.statistic == "wasserstein":
        root = _square_root(_wide(target.second)) if target.root is None else target.root
        return moved + _covariance_transport(own.second, target.second, root) / channels
    distance = (own.second - target.second).square().sum((-2, -1)) / (4 * channels**2)
    return distance if target.statistic == "gram" else distance + moved


def _wide(matrix: Tensor) -> Tensor:
    """Return ``matrix`` in float64, where the device has it: eigenvalues near 0 need it."""
    return matrix if matrix.device.type == "mps" else matrix.double()


def _square_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp(min=0).sqrt().unsqueeze(-2)) @ vectors.mT
    return root


def _covariance_transport(own: Tensor, target: Tensor, root: Tensor) -> Tensor:
    """Return ``tr(C + C' - 2 (C'^(1/2) C C'^(1/2))^(1/2))``."""
    trace = _trace(_wide(target))
    cross = torch.linalg.eigvalsh(root @ _wide(own) @ root).clamp(min=0)
    floor = (ROOT_FLOOR * trace.square()).unsqueeze(-1)
    distance: Tensor = _trace(_wide(own)) + trace - 2 * (cross + floor).sqrt().sum(-1)
    return distance.to(own.dtype)


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
