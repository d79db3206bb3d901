"""Filters by clustering: layer after layer, each from patches of what the layers before it say.

Coates and Ng (2012, Learning Feature Representations with K-means): patches are whitened,
spherical k-means finds their commonest shapes, and each becomes a filter with a threshold. It
needs no gradient, and minutes on two cores where backpropagation needs a GPU.

Three kinds of filters share a layer, since a Gram matrix needs all three (what was seen with fewer
stands in ``docs/decisions/0010-weights-from-textures.md``):

- colours: directions in RGB with a threshold each, which every deeper layer passes on, so that
  all scales tell what colours lie beside what;
- clusters: edges, strokes, corners, and what is made of them;
- random ones without a mean, which lose little of what clusters do not tell (He, Wang and Hopcroft
  2016, arXiv:1606.04801) and have a gradient wherever the picture is not flat. They are random
  mixtures of patches, so that they answer to what patches have: white noise is heard as loud as
  slopes otherwise, and a grain remains.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.config import LAYERS
from nst_core.vgg import (
    AVERAGE_POOLING_SCALE,
    CHANNELS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    weight_names,
)
from training.settings import ClusterConfig
from training.textures import draw_textures

_AT_ONCE = 64  # crops that go through a layer together


@dataclass(frozen=True)
class Learned:
    """One layer.

    Attributes:
        layer: its name.
        weight, bias: as torchvision's, float32.
        firing: share of positions at which its filters answer, their mean.
        seldomest: that of the filter that answers least.
        nearness: patches' mean nearness to their centroid as each round of k-means began, 0 to 1.
        seconds: what it took.
    """

    layer: str
    weight: Tensor
    bias: Tensor
    firing: float
    seldomest: float
    nearness: tuple[float, ...]
    seconds: float


def learn(config: ClusterConfig, known: Mapping[str, Tensor] | None = None) -> Generator[Learned]:
    """Learn layer after layer.

    Args:
        config: the settings.
        known: layers learned before with these settings, by torchvision's names: they are not
            learned again, and not yielded.

    Yields:
        Each layer as soon as it is there.
    """
    known = known or {}
    x = _normalized(draw_crops(config))
    for layer in config.chosen_layers:
        began = time.perf_counter()
        if layer.endswith("_1") and layer != LAYERS[0]:
            x = F.avg_pool2d(x, 2) * AVERAGE_POOLING_SCALE
        names = weight_names(layer)
        is_new = names[0] not in known
        if is_new:
            # Its own seed a layer, so that going on is the same as never having stopped
            random = torch.Generator().manual_seed(config.seed + LAYERS.index(layer))
            weight, bias, nearness = _filters(x, layer, config, random)
        else:
            weight, bias = (known[name] for name in names)
        x = torch.cat([_convolved(some, weight, bias) for some in torch.split(x, _AT_ONCE)])
        if is_new:
            fires = (x > 0).float().mean((0, 2, 3))
            seconds = time.perf_counter() - began
            firing, seldomest = float(fires.mean()), float(fires.min())
            yield Learned(layer, weight, bias, firing, seldomest, nearness, seconds)


def draw_crops(config: ClusterConfig) -> Tensor:
    """Draw one crop of each texture, ``(textures, 3, size, size)``, each at a zoom of its own.

    Pictures are smooth in most places, and textures are not: enlarged up to ``zoom`` times they
    have flat parts and soft slopes as well. Without them, filters that answer to these are found
    by chance, and one such filter can outweigh a layer.
    """
    crops = draw_textures(range(config.textures), 1, config.size, seed=config.seed)[:, 0]
    random = torch.Generator().manual_seed(config.seed)
    for k, share in enumerate(torch.rand(len(crops), generator=random).tolist()):
        side = round(config.size / config.zoom**share)
        small = crops[k : k + 1, :, :side, :side]
        crops[k] = F.interpolate(small, (config.size, config.size), mode="bicubic")[0].clamp(0, 1)
    return crops


def _normalized(crops: Tensor) -> Tensor:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (crops - mean) / std


def _convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias))


def _filters(
    x: Tensor, layer: str, config: ClusterConfig, random: torch.Generator
) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    """Return a layer's weight, bias and nearness from its input ``(B, C, H, W)``."""
    if layer == LAYERS[0]:
        colors = color_filters(x, config.colors, random)
    else:
        passed = torch.zeros(config.colors, x.shape[1], 3, 3)
        passed[range(config.colors), range(config.colors), 1, 1] = 1
        colors = passed, torch.zeros(config.colors)
    wanted = CHANNELS[layer] - config.colors
    chance = round(wanted * config.random_share)
    weight, bias, split, nearness = _candidates(x, round(wanted * config.choice), config, random)
    clustered = steadiest(x, weight[:split], bias[:split], wanted - chance)
    kept = torch.cat([clustered, split + steadiest(x, weight[split:], bias[split:], chance)])
    return torch.cat([colors[0], weight[kept]]), torch.cat([colors[1], bias[kept]]), nearness


class _Candidates(NamedTuple):
    weight: Tensor
    bias: Tensor
    clusters: int  # so many come first; the others are random
    nearness: tuple[float, ...]


def _candidates(
    x: Tensor, count: int, config: ClusterConfig, random: torch.Generator
) -> _Candidates:
    patches = sample_patches(x, config.patches, random)
    mean = patches.mean(0)
    patches -= mean
    clusters = count - round(count * config.random_share)
    rows = torch.randn(count - clusters, len(patches), generator=random) @ patches
    rows -= rows.mean(1, keepdim=True)
    nearness: tuple[float, ...] = ()
    if clusters:
        whiten = whitening(patches, config.whitening)
        centroids, nearness = spherical_kmeans(patches @ whiten, clusters, config.rounds, random)
        rows = torch.cat([centroids @ whiten, rows])
    rows /= (patches @ rows.mT).std(0).clamp(min=1e-6)[:, None]
    span = config.highest - config.lowest
    thresholds = config.lowest + span * torch.rand(count, generator=random)
    bias = -(rows @ mean) - thresholds
    bias[clusters:] = 0  # random filters answer to half of what there is
    return _Candidates(rows.view(count, x.shape[1], 3, 3), bias, clusters, nearness)


def steadiest(x: Tensor, weight: Tensor, bias: Tensor, count: int) -> Tensor:
    """Return the indices of the filters whose mean activation differs least from crop to crop.

    A filter that is silent on most pictures and loud on a few makes a Gram matrix that is about
    nothing else there.
    """
    if not count:  # a convolution by no filter is an error
        return torch.zeros(0, dtype=torch.long)
    parts = [_convolved(some, weight, bias).mean((2, 3)) for some in torch.split(x, _AT_ONCE)]
    means = torch.cat(parts)
    unsteadiness = means.square().mean(0) / means.mean(0).square().clamp(min=1e-12)
    return unsteadiness.argsort()[:count].sort().values


def color_filters(x: Tensor, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return filters for colours, ``(count, 3, 3, 3)`` and ``(count,)``.

    Light, red against green and yellow against blue, each in both directions, and random
    directions, smoothed over 3 x 3 pixels; of unit deviation over ``x``, with thresholds from one
    deviation under the mean to half of one above.
    """
    directions = torch.randn(count, 3, generator=random)
    axes = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [0.5, 0.5, -1.0]])
    directions[:6] = torch.cat([axes, -axes])
    values = directions @ x.transpose(0, 1).flatten(1)
    directions /= values.std(1, keepdim=True)
    means = values.mean(1) / values.std(1)
    thresholds = torch.full((count,), -0.5)
    others = torch.linspace(-1, 0.5, count - 6)
    thresholds[6:] = others[torch.randperm(count - 6, generator=random)]
    tent = torch.tensor([0.25, 0.5, 0.25])
    return directions[:, :, None, None] * torch.outer(tent, tent), -means - thresholds


def sample_patches(x: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Return 3 x 3 patches from random places, ``(count, C * 9)`` in the order of a weight."""
    images, channels, height, width = x.shape
    image, top, left = (
        torch.randint(most, (count,), generator=random) for most in (images, height - 2, width - 2)
    )
    patches = torch.empty(count, channels, 3, 3)
    for row in range(3):
        for column in range(3):
            patches[:, :, row, column] = x[image, :, top + row, left + column]
    return patches.flatten(1)


def whitening(patches: Tensor, added: float) -> Tensor:
    """Return the symmetric ``(C + added * mean variance)^(-1/2)`` of centred patches."""
    covariance = patches.mT @ patches / len(patches)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0)
    scale = (values + added * values.mean()).clamp(min=1e-12).rsqrt()
    found: Tensor = (vectors * scale) @ vectors.mT
    return found


def spherical_kmeans(
    points: Tensor, count: int, rounds: int, random: torch.Generator
) -> tuple[Tensor, tuple[float, ...]]:
    """Return ``count`` unit vectors that are nearest to many of ``points`` in direction.

    A point counts by how plainly it has that direction: those near the middle are mere noise.

    Returns:
        The vectors, and the points' mean nearness to their vector as each round began, 0 to 1.
    """
    lengths = points.norm(dim=1, keepdim=True)
    points = points / (lengths + 0.1 * lengths.mean())
    found = points[torch.randperm(len(points), generator=random)[:count]]
    found = F.normalize(found, dim=1)
    curve = []
    for _ in range(rounds):
        nearness, nearest = (points @ found.mT).max(1)
        curve.append(float(nearness.mean()))
        moved = torch.zeros_like(found).index_add_(0, nearest, points * nearness[:, None])
        members = torch.bincount(nearest, minlength=count)
        lonely = members < 0.05 * len(points) / count  # such a cluster starts anew elsewhere
        moved[lonely] = points[torch.randint(len(points), (int(lonely.sum()),), generator=random)]
        found = F.normalize(moved, dim=1)
    return found, tuple(curve)
