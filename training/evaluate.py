"""How well features tell held-out textures apart: the share found again by another crop.

N textures that are never trained on, two crops of each: a first crop is found where, of all second
crops, its own texture's is the nearest. By chance one in N is. Colours alone give most textures
away, so the same is asked again with all crops in grey, of one brightness and contrast
("structure"), and with crops scaled, recoloured and changed as in training ("augmented").
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst_core import calibration
from nst_core.defaults import default_config
from nst_core.losses import gram_matrix
from nst_core.vgg import VGG19Encoder, available_layers
from nst_core.weights import find_weights
from training.augment import augment
from training.batches import held_out_ids
from training.network import TextureNetwork
from training.textures import draw_textures

TEXTURES = 128
SIZE = 64  # px
JITTER = 1.25  # of what is augmented
_AT_ONCE = 32  # crops in the network


def held_out_crops(
    textures: int = TEXTURES, size: int = SIZE, *, device: str | torch.device = "cpu"
) -> Tensor:
    """Draw what is scored: a first and a second crop of each texture, in three ways.

    Returns:
        (3, 2, textures, 3, size, size): as drawn, in grey and augmented; first and second; RGB in
        [0, 1], always the same on a kind of device.
    """
    side = ceil(size * JITTER)
    drawn = draw_textures(held_out_ids(textures), 2, side, seed=0, device=device)
    random = torch.Generator(drawn.device).manual_seed(0)
    augmented = augment(drawn, size, random, jitter=JITTER)
    crops = drawn[..., :size, :size]
    grey = crops.mean(2, keepdim=True)
    deviation, mean = torch.std_mean(grey, (2, 3, 4), keepdim=True)
    grey = (0.5 + 0.2 * (grey - mean) / deviation.clamp_min(1e-3)).clamp(0, 1)
    return torch.stack((crops, grey.expand_as(crops), augmented)).transpose(1, 2)


def share_found(distances: Tensor) -> float:
    """Return the share of rows of (N, N) whose least value is on the diagonal."""
    texture = torch.arange(len(distances), device=distances.device)
    return int((distances.argmin(1) == texture).sum()) / len(distances)


@torch.no_grad()
def evaluate(
    network: TextureNetwork, *, textures: int = TEXTURES, size: int = SIZE
) -> dict[str, Any]:
    """Score a network by its embeddings, of all heads together and of each.

    Returns:
        "textures", "size", "accuracy", "structure", "augmented", and "layers": accuracy by layer.
    """
    was_training = network.training
    network.eval()
    crops = held_out_crops(textures, size, device=network.mean.device)
    parts = [network(some).embeddings for some in torch.split(crops.flatten(0, 2), _AT_ONCE)]
    network.train(was_training)
    return _result(
        {
            layer: squared_distances(torch.cat([part[layer] for part in parts]), textures)
            for layer in parts[0]
        },
        textures,
        size,
    )


def squared_distances(vectors: Tensor, textures: int) -> Tensor:
    """Return the squared distances of first crops to second ones, in each way.

    Args:
        vectors: (6 N, D), in the order of `held_out_crops`.
        textures: N.

    Returns:
        (3, N, N).
    """
    vectors = vectors.view(3, 2, textures, -1)
    vectors = vectors - vectors.mean((1, 2), keepdim=True)  # smaller numbers have exacter squares
    first, second = vectors.unbind(1)
    squares = first.square().sum(2)[:, :, None] + second.square().sum(2)[:, None]
    return squares - 2 * first @ second.mT


def _result(distances: Mapping[str, Tensor], textures: int, size: int) -> dict[str, Any]:
    plain, grey, augmented = torch.stack(list(distances.values())).sum(0)
    return {
        "textures": textures,
        "size": size,
        "accuracy": share_found(plain),
        "structure": share_found(grey),
        "augmented": share_found(augmented),
        "layers": {layer: share_found(apart[0]) for layer, apart in distances.items()},
    }


def score_file(weights: str | Path, **options: Any) -> dict[str, Any]:
    """Score a weights file; see :func:`score`, whose options these are.

    Args:
        weights: a path, "textures", "imagenet" or "untrained" (`nst_core.weights.find_weights`).

    Raises:
        WeightsError: there is no such file, or it holds no weights of VGG-19.
    """
    return score(find_weights(str(weights), download=False)[1], **options)


@torch.no_grad()
def score(
    state_dict: Mapping[str, Tensor],
    *,
    textures: int = TEXTURES,
    size: int = SIZE,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Score weights as style transfer uses them, with nothing learned on top.

    Crops are compared by the style loss (Gatys et al. 2016, eq. 4 and 5) with nst_core's default
    layers and weights, as far as these weights reach, and normalised activations.

    Args:
        state_dict: torchvision's names; may stop early.

    Returns:
        As :func:`evaluate`.
    """
    normalized = calibration.normalized_state_dict(
        state_dict, pooling="average", padding="replicate", key="", cache_folder=None
    )
    style = dict(default_config(available_layers(state_dict)).style_layers)
    encoder = VGG19Encoder(normalized, style).to(device)
    grams: dict[str, list[Tensor]] = {layer: [] for layer in style}
    crops = held_out_crops(textures, size, device=device)
    for some in torch.split(crops.flatten(0, 2), _AT_ONCE):
        for layer, features in encoder(some, style).items():
            grams[layer].append(gram_vectors(features) * style[layer] ** 0.5)
    distances = {}
    for layer in style:
        distances[layer] = squared_distances(torch.cat(grams.pop(layer)), textures)
    return _result(distances, textures, size)


def gram_vectors(features: Tensor) -> Tensor:
    """Return Gram matrices as vectors whose squared distances are the style loss (eq. 4).

    Args:
        features: (B, N, H, W).

    Returns:
        (B, N (N + 1) / 2). A matrix is symmetric: values above its diagonal stand for those below.
    """
    channels, positions = features.shape[1], features[0, 0].numel()
    rows, columns = torch.triu_indices(channels, channels, device=features.device)
    factor = torch.where(rows == columns, 1.0, 2**0.5) / (2 * channels * positions)
    return gram_matrix(features)[:, rows, columns] * factor
