"""What the network is trained by: crops of a texture together, filters apart."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_DEVIATION = 0.4
"""Below it a filter varies too little. Normal values of variance 1 have 0.58 after a ReLU."""
FIRING = (0.1, 0.6)
"""Between these a filter's share of firing is left alone. Normal values of mean 0 have 0.32."""
POSITIONS = 8192
"""At about so many positions of a batch a layer's filters are compared."""


def contrastive_loss(embeddings: Tensor, temperature: float) -> Tensor:
    """Return the supervised contrastive loss (Khosla et al. 2020, NeurIPS, eq. 2, L_out).

    The mean over crops `i` and other crops `p` of the same texture of
    `-log(exp(s_ip / t) / sum_{a != i} exp(s_ia / t))`, where `s` is the inner product. With two
    crops of each texture it is NT-Xent (Chen et al. 2020, ICML, eq. 1).

    Args:
        embeddings: (T, C, D): T textures in C crops each, C at least 2, vectors of length 1.
        temperature: t, above 0.

    Returns:
        A scalar.
    """
    textures, crops, _ = embeddings.shape
    flat = embeddings.flatten(0, 1)
    similarity = flat @ flat.mT / temperature
    itself = torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    others = similarity.masked_fill(itself, -torch.inf)
    log_share = similarity - others.logsumexp(1, keepdim=True)
    same = _same_texture(textures, crops, flat.device) & ~itself
    return -(log_share * same).sum() / (len(flat) * (crops - 1))


@torch.no_grad()
def accuracy(embeddings: Tensor) -> Tensor:
    """Return the share of crops whose nearest other crop is of their own texture, a scalar.

    Args:
        embeddings: as in contrastive_loss.
    """
    crops = embeddings.shape[1]
    flat = embeddings.flatten(0, 1)
    nearest = (flat @ flat.mT).fill_diagonal_(-torch.inf).argmax(1)
    return (nearest // crops == torch.arange(len(flat), device=flat.device) // crops).float().mean()


def _same_texture(textures: int, crops: int, device: torch.device) -> Tensor:
    texture = torch.arange(textures, device=device).repeat_interleave(crops)
    return texture[:, None] == texture


class SpreadOut(NamedTuple):
    """How far a layer's filters are from being alive and different, each a scalar of 0 or more.

    Variance and covariance are Bardes, Ponce and LeCun's (2022, ICLR, VICReg, eq. 1 to 4), of
    activations in place of embeddings.

    Attributes:
        variance: mean of `max(0, 0.4 - s_i)`, s_i a filter's standard deviation.
        firing: mean of the squares by which `E[x]^2 / E[x^2]`, the share of positions that a filter
            fires at if it is either on or off (Treves and Rolls 1991, sparseness), leaves 0.1 to
            0.6. Unlike a count it has a slope.
        covariance: mean square of the correlations of two filters (a departure from VICReg, whose
            covariances depend on the filters' scales).
    """

    variance: Tensor
    firing: Tensor
    covariance: Tensor


def spread_out(features: Tensor) -> SpreadOut:
    """Judge a layer's filters by a batch of activations (B, N, H, W) after the ReLU."""
    columns = features.permute(0, 2, 3, 1).flatten(0, 2)
    # An odd stride, so that the columns are not all from the same side of the crops.
    sampled = columns[:: max(1, len(columns) // POSITIONS) | 1].float()
    variance, mean = torch.var_mean(sampled, 0)
    deviation = (variance + 1e-8).sqrt()
    share = mean.square() / (sampled.square().mean(0) + 1e-8)
    outside = F.relu(FIRING[0] - share) + F.relu(share - FIRING[1])
    standard = (sampled - mean) / deviation
    correlation = standard.mT @ standard / len(sampled)
    between = correlation - torch.diag(correlation.diagonal())
    filters = len(between)
    return SpreadOut(
        F.relu(LEAST_DEVIATION - deviation).mean(),
        outside.square().mean(),
        between.square().sum() / (filters * (filters - 1)),
    )
