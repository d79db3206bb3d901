"""Scales that depend on how a network answers to photographs.

Two things are measured on one fixed list of pictures: the activation normalisation of Gatys et
al. (2016, CVPR, section 2), and the variances of the random network that stands in where no
trained weights are to be had.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.config import LAYERS
from nst_core.image import fit_size, load_image, resize
from nst_core.paths import write_atomically
from nst_core.vgg import (
    CHANNELS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    VGG19Encoder,
    available_layers,
    weight_names,
)

REFERENCE_IMAGES: tuple[str, ...] = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
"""Photographs inside scikit-image on which scales are measured, never a folder's content."""

REFERENCE_SIZE = 256  # long edge in px
SCALE_FLOOR = 0.2
"""A filter's scale is at least this share of its layer's mean: one that hardly fires is not
blown up into noise."""

UNTRAINED_SEED = 2016
VERSION = 1  # raise when anything below changes what is computed


def reference_images(long_edge: int = REFERENCE_SIZE) -> Iterator[Tensor]:
    """Yield the reference pictures, each ``(1, 3, H, W)``."""
    for name in REFERENCE_IMAGES:
        picture = load_image((files("skimage.data") / name).read_bytes(), name=name)
        yield resize(picture.pixels, fit_size(picture.size, long_edge))


@cache
def _reference_hash() -> str:
    digest = hashlib.sha256()
    for name in REFERENCE_IMAGES:
        digest.update((files("skimage.data") / name).read_bytes())
    return digest.hexdigest()


def activation_scales(encoder: VGG19Encoder) -> dict[str, Tensor]:
    """Measure each filter's mean activation over the reference pictures and positions.

    Returns:
        For each layer of ``encoder`` a ``(N_l,)`` tensor above 0, floored at ``SCALE_FLOOR`` of
        the layer's mean (the floor is a departure from the paper).
    """
    sums: dict[str, Tensor] = {}
    with torch.inference_mode():
        for image in reference_images():
            for layer, x in encoder(image, encoder.layers).items():
                mean = x.mean(dim=(0, 2, 3), dtype=torch.float64)
                sums[layer] = sums.get(layer, torch.zeros_like(mean)) + mean
    scales = {}
    for layer, total in sums.items():
        mean = total / len(REFERENCE_IMAGES)
        floor = max(SCALE_FLOOR * mean.mean().item(), 1e-12)  # a dead layer divides by no zero
        scales[layer] = mean.clamp(min=floor).float()
    return scales


def normalize(state_dict: Mapping[str, Tensor], scales: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divide each filter by its scale and let the next layer's weights take the inverse.

    ReLU and pooling are positively homogeneous, so each layer's activations are the former ones
    divided by their own scales, and nothing else changes (Gatys et al. 2016, section 2).
    """
    result: dict[str, Tensor] = {}
    previous: Tensor | None = None
    for layer, scale in scales.items():
        weight_name, bias_name = weight_names(layer)
        weight, bias = state_dict[weight_name].float(), state_dict[bias_name].float()
        if previous is not None:
            weight = weight * previous.view(1, -1, 1, 1)
        result[weight_name] = weight / scale.view(-1, 1, 1, 1)
        result[bias_name] = bias / scale
        previous = scale
    return result


def normalized_state_dict(
    state_dict: Mapping[str, Tensor],
    *,
    pooling: str,
    padding: str,
    key: str,
    cache_folder: Path | None,
) -> dict[str, Tensor]:
    """Return ``state_dict`` with normalised activations; the scales are measured once.

    Args:
        key: hash of the weights; with pooling and padding it names the cached scales.
        cache_folder: where scales are kept; None measures anew.
    """
    recipe = f"scales-{VERSION} {key} {pooling} {padding} {_reference_hash()}"
    name = f"scales-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.pt"
    scales = read_tensors(cache_folder / name) if cache_folder else None
    if scales is None or list(scales) != list(available_layers(state_dict)):
        encoder = VGG19Encoder(
            state_dict, available_layers(state_dict), pooling=pooling, padding=padding
        )
        scales = activation_scales(encoder)
        if cache_folder:
            write_tensors(scales, cache_folder / name)
    return normalize(state_dict, scales)


def untrained_state_dict() -> dict[str, Tensor]:
    """Draw a random VGG-19, each filter scaled to unit variance on the reference pictures.

    Random networks carry texture (He, Wang and Hopcroft 2016, arXiv:1606.04801). The scaling,
    layer by layer, follows Mishkin and Matas (2016, arXiv:1511.06422); a filter's variance is
    measured before its ReLU and its factor rounded to three digits, so that every machine gets
    the same weights. In ``conv1_1`` one filter in four sees colour; the others have no mean over
    positions and see only texture, which plain Gaussian filters drown in brightness. Deeper
    filters have no mean over all their inputs, which a ReLU makes positive.
    """
    random = np.random.default_rng(UNTRAINED_SEED)
    state_dict: dict[str, Tensor] = {}
    for layer in LAYERS:
        inputs = 3 if layer == "conv1_1" else CHANNELS[LAYERS[LAYERS.index(layer) - 1]]
        drawn = random.standard_normal((CHANNELS[layer], inputs, 3, 3), dtype=np.float32)
        if layer == "conv1_1":
            texture = drawn[CHANNELS[layer] // 4 :]
            texture -= texture.mean(axis=(2, 3), keepdims=True)
        else:
            drawn -= drawn.mean(axis=(1, 2, 3), keepdims=True)
        weight_name, bias_name = weight_names(layer)
        state_dict[weight_name] = torch.from_numpy(drawn) * (2 / (9 * inputs)) ** 0.5
        state_dict[bias_name] = torch.zeros(CHANNELS[layer])
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    pictures = [(image - mean) / std for image in reference_images(REFERENCE_SIZE // 2)]
    for layer in LAYERS:
        if layer.endswith("_1") and layer != "conv1_1":
            pictures = [F.max_pool2d(x, 2) for x in pictures]
        weight = state_dict[weight_names(layer)[0]]
        before = [F.conv2d(x, weight, padding=1) for x in pictures]
        variance = torch.stack([x.var((0, 2, 3)) for x in before]).mean(0)
        factors = [float(f"{value**-0.5:.3g}") for value in variance.tolist()]
        factor = torch.tensor(factors).view(-1, 1, 1, 1)
        weight *= factor
        pictures = [F.relu(x * factor.view(1, -1, 1, 1)) for x in before]
    return state_dict


def read_tensors(path: Path) -> dict[str, Tensor] | None:
    """Read tensors that :func:`write_tensors` wrote; None where there are none to trust."""
    try:
        loaded = torch.load(path, weights_only=True, map_location="cpu")
    except Exception:  # a cache may be missing, half-written or of another version: make it anew
        return None
    return loaded if isinstance(loaded, dict) else None


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors atomically; a folder that cannot be written is no error for a cache."""
    buffer = io.BytesIO()
    torch.save(dict(tensors), buffer)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
