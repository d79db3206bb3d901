"""VGG-19's convolutions as an encoder: a picture in, named activations out.

Architecture and state-dict names are torchvision's (``torchvision.models.vgg19``), the network
is Simonyan and Zisserman's (2014, arXiv:1409.1556, configuration E). It knows nothing of losses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.config import LAYERS
from nst_core.errors import LayerError

CHANNELS: dict[str, int] = {layer: (64, 128, 256, 512, 512)[int(layer[4]) - 1] for layer in LAYERS}
"""Number of filters ``N_l`` of each layer."""

# torchvision's normalisation, which its weights were trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# A mean over 2x2 is smaller than a maximum. The factor keeps activations at the size that the
# deeper layers were trained with: 1.28, 1.76 and 1.52 were measured after blocks 1 to 3.
AVERAGE_POOLING_SCALE = 1.5


BLOCKS = 5


def block_of(layer: str) -> int:
    """Return which block a layer is in, from 1; pooling stands between two of them."""
    return int(layer[4])


def _feature_indices() -> dict[str, int]:
    indices, position = {}, 0
    for layer, following in zip(LAYERS, [*LAYERS[1:], ""], strict=True):
        indices[layer] = position
        position += 2  # the convolution and its ReLU
        if layer[4] != following[4:5]:
            position += 1  # the pooling that ends a block
    return indices


FEATURE_INDEX: dict[str, int] = _feature_indices()
"""Each layer's index in ``torchvision.models.vgg19().features``."""


def weight_names(layer: str) -> tuple[str, str]:
    """Return torchvision's names of a layer's weight and bias."""
    return f"features.{FEATURE_INDEX[layer]}.weight", f"features.{FEATURE_INDEX[layer]}.bias"


def available_layers(state_dict: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return the layers that ``state_dict`` reaches, from ``conv1_1`` without a gap."""
    layers = []
    for layer in LAYERS:
        if not all(name in state_dict for name in weight_names(layer)):
            break
        layers.append(layer)
    return tuple(layers)


def check_layers(layers: Iterable[str], available: tuple[str, ...], weights_name: str) -> None:
    """Raise LayerError where a layer lies deeper than the weights reach."""
    missing = [layer for layer in layers if layer not in available]
    if missing:
        raise LayerError(
            f"the weights {weights_name} have no layer {', '.join(missing)}; "
            f"they have {', '.join(available)}"
        )


def deepest(layers: Iterable[str]) -> str:
    """Return the deepest of ``layers``."""
    return max(layers, key=LAYERS.index)


def layers_down_to(layers: Iterable[str]) -> tuple[str, ...]:
    """Return all layers that a pass goes through to reach the deepest of ``layers``."""
    return LAYERS[: LAYERS.index(deepest(layers)) + 1]


@dataclass(frozen=True)
class Weights:
    """Which weights an encoder holds.

    Attributes:
        name: ``"imagenet"``, ``"textures"``, ``"untrained"``, or the file's name.
        sha256: of the file; for the untrained network, of its tensors.
        layers: the layers they reach, from ``conv1_1``.
        origin: which they are and why these, in a sentence.
        path: the file, or None.
    """

    name: str
    sha256: str
    layers: tuple[str, ...]
    origin: str
    path: Path | None = None


class VGG19Encoder(nn.Module):
    """The convolutions of VGG-19 up to the deepest layer in use, frozen.

    Args:
        state_dict: torchvision's names; may stop early (see :func:`available_layers`).
        layers: the layers to offer; only convolutions up to the deepest are kept.
        pooling: ``"average"``, rescaled by ``AVERAGE_POOLING_SCALE`` (a departure from plain
            average pooling), or ``"max"`` as trained.
        padding: border of the first convolution: ``"zeros"`` as trained, or ``"replicate"``.
        source: which weights these are, if they come from somewhere.

    Raises:
        LayerError: a layer is deeper than ``state_dict`` reaches.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        state_dict: Mapping[str, Tensor],
        layers: Iterable[str] = LAYERS,
        *,
        pooling: str = "average",
        padding: str = "replicate",
        source: Weights | None = None,
    ) -> None:
        super().__init__()
        layers = tuple(layers)
        self.source = source
        check_layers(layers, available_layers(state_dict), source.name if source else "given")
        self.layers = layers_down_to(layers)
        self.pooling = pooling
        self.padding = padding
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), False)
        for layer in self.layers:
            weight, bias = (state_dict[name] for name in weight_names(layer))
            self.register_buffer(f"{layer}_weight", weight.detach().float().clone())
            self.register_buffer(f"{layer}_bias", bias.detach().float().clone())

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Encode ``image``.

        Args:
            image: ``(B, 3, H, W)``, RGB in ``[0, 1]``.
            layers: the layers wanted.

        Returns:
            Each layer's activation after its ReLU, ``(B, N_l, H_l, W_l)``.

        Raises:
            LayerError: this encoder was built less deep.
        """
        return self.through(image, layers, range(1, BLOCKS + 1))[0]

    def through(
        self, x: Tensor, layers: Iterable[str], blocks: range
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """Take some of the network's blocks, one after the other.

        Args:
            x: what the first of them takes in: an image for block 1, as for :meth:`forward`; for
                the others what this method returned with the block before.
            layers: all that are wanted, of these blocks and of deeper ones.
            blocks: counted from 1.

        Returns:
            The activations of the wanted layers in these blocks, and what the block after the last
            takes in; None where no wanted layer is so deep.

        Raises:
            LayerError: this encoder was built less deep.
        """
        wanted = set(layers)
        check_layers(wanted, self.layers, "this encoder was built with")
        if not wanted:
            return {}, None
        passed = layers_down_to(wanted)
        found = {}
        if blocks.start == 1:
            x = (x - self.mean) / self.std
        for layer in passed:
            if block_of(layer) not in blocks:
                continue
            if layer.endswith("_1") and block_of(layer) > blocks.start:
                x = self.pool(x)
            x = self.convolve(layer, x)
            if layer in wanted:
                found[layer] = x
        return found, self.pool(x) if block_of(passed[-1]) >= blocks.stop else None

    def pool(self, x: Tensor) -> Tensor:
        """Halve height and width, as chosen by ``pooling``."""
        if self.pooling == "average":
            return F.avg_pool2d(x, 2) * AVERAGE_POOLING_SCALE
        return F.max_pool2d(x, 2)

    def convolve(self, layer: str, x: Tensor) -> Tensor:
        """Apply one convolution and its ReLU."""
        weight, bias = getattr(self, f"{layer}_weight"), getattr(self, f"{layer}_bias")
        if layer == "conv1_1" and self.padding == "replicate":
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias)
        else:
            x = F.conv2d(x, weight, bias, padding=1)
        return F.relu(x, inplace=True)
