"""The three losses of neural style transfer, as pure functions on tensors.

``F^l`` is the activation of layer ``l`` as a matrix of ``N`` rows (channels) and ``M`` columns
(positions). Every function returns one value a picture, shape ``(B,)``. The formulas, and where
they leave the papers, stand in ``docs/formulas.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

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
    rows = features.flatten(2)
    return rows @ rows.mT


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
    rows = features.flatten(2)
    if mask is None:
        shares = rows.new_full((1, 1, 1), 1 / rows.shape[-1])
    else:
        weights = F.adaptive_avg_pool2d(
            mask.to(rows), (features.shape[-2], features.shape[-1])
        ).flatten(2)
        shares = weights / weights.sum(-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    if statistic == "gram":
        mean = rows.new_zeros(rows.shape[:2])
    else:
        mean = (rows * shares).sum(-1)
        rows = rows - mean.unsqueeze(-1)
    return StyleTarget(statistic, mean, (rows * shares) @ rows.mT)


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
    own = style_target(features, target.statistic, mask=mask)
    channels = features.shape[1]
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
