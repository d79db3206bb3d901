"""VGG-19 while it learns: batch norm after each convolution, and heads that compare textures.

Simonyan and Zisserman's configuration E (2014, arXiv:1409.1556) with batch norm (Ioffe and Szegedy
2015), which `folded` takes into weights and biases when the training is over. Pooling and borders
are those of `nst_core.vgg.VGG19Encoder` by default, since that is where the weights are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.config import LAYERS
from nst_core.defaults import default_config
from nst_core.vgg import (
    AVERAGE_POOLING_SCALE,
    CHANNELS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    available_layers,
    weight_names,
)

ROOT_FLOOR = 1e-3
"""Added under the signed square root, whose slope is infinite at 0."""


def head_layers(layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the layers that have a head: the style loss's, and the deepest, which none follows."""
    style = {name for name, _ in default_config().style_layers}
    return tuple(layer for layer in layers if layer in style or layer == layers[-1])


class Seen(NamedTuple):
    """What the network makes of a batch of crops.

    Attributes:
        activations: of each layer after its ReLU, (B, N_l, H_l, W_l).
        embeddings: of each head, (B, D), float32, of length 1.
    """

    activations: dict[str, Tensor]
    embeddings: dict[str, Tensor]

    def embedding(self) -> Tensor:
        """Return all heads as one vector of length 1, (B, heads * D)."""
        return F.normalize(torch.cat(list(self.embeddings.values()), 1))


class GramHead(nn.Module):
    """Low-rank bilinear pooling: the Gram matrix of a few projected channels, as a vector.

    The Gram matrix is what a style loss compares. Projection to few channels is Kong and Fowlkes's
    (2017, CVPR, low-rank bilinear pooling), root and length Lin et al.'s (2015, ICCV). Projected
    channels are batch-normalised: what all crops have in common, most of a Gram matrix of
    activations above 0, would fill the vector otherwise.

    Args:
        channels: of the layer.
        dimensions: channels after projection; of D, the vector has D (D + 1) / 2.
        random: draws the projection.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, channels: int, dimensions: int, random: torch.Generator) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, dimensions, 1, bias=False)
        nn.init.normal_(self.projection.weight, std=channels**-0.5, generator=random)
        self.norm = nn.BatchNorm2d(dimensions, affine=False)
        rows, columns = torch.triu_indices(dimensions, dimensions)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return one vector of length 1 for each crop of (B, N, H, W)."""
        projected = self.norm(self.projection(features)).flatten(2)
        with torch.autocast(features.device.type, enabled=False):  # a Gram matrix sums many
            projected = projected.float()
            gram = projected @ projected.mT / projected.shape[-1]
            pairs = gram[:, self.rows, self.columns]
            return F.normalize(pairs / (pairs.abs() + ROOT_FLOOR).sqrt())


class TextureNetwork(nn.Module):
    """The convolutions of VGG-19 from conv1_1, in training.

    Args:
        layers: how deep, from conv1_1 without a gap.
        dimensions: of each head.
        random: draws the start (He et al. 2015, ICCV).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, layers: tuple[str, ...] = LAYERS, *, dimensions: int = 48, random: torch.Generator
    ) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), False)
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        inputs = 3
        for layer in layers:
            convolution = nn.Conv2d(inputs, CHANNELS[layer], 3, padding=1, bias=False)
            nn.init.kaiming_normal_(convolution.weight, generator=random)
            self.convolutions[layer] = convolution
            self.norms[layer] = nn.BatchNorm2d(CHANNELS[layer])
            inputs = CHANNELS[layer]
        self.heads = nn.ModuleDict(
            {layer: GramHead(CHANNELS[layer], dimensions, random) for layer in head_layers(layers)}
        )

    def forward(self, image: Tensor) -> Seen:
        """Look at crops (B, 3, H, W), RGB in [0, 1]."""
        activations, embeddings = {}, {}
        x = (image - self.mean) / self.std
        for layer in self.layers:
            x = F.relu(self.norms[layer](self._convolve(layer, x)), inplace=True)
            activations[layer] = x
            if layer in self.heads:
                embeddings[layer] = self.heads[layer](x)
        return Seen(activations, embeddings)

    def _convolve(self, layer: str, x: Tensor) -> Tensor:
        """Return what a layer's batch norm gets, from what the layer before gave."""
        convolution: nn.Module = self.convolutions[layer]
        if layer == "conv1_1":
            weight = self.convolutions[layer].weight
            assert isinstance(weight, Tensor)
            return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight)
        if layer.endswith("_1"):
            x = F.avg_pool2d(x, 2) * AVERAGE_POOLING_SCALE
        result: Tensor = convolution(x)
        return result

    @torch.no_grad()
    def start_from(self, state_dict: Mapping[str, Tensor], image: Tensor) -> None:
        """Take the weights of a file; in eval mode these layers then compute what it computes.

        Batch norm is set by the activations of `image`, so that training goes on from there.
        Layers that the file does not reach stay as they are.

        Args:
            state_dict: torchvision's names.
            image: crops (B, 3, H, W), many enough for each filter's mean and variance.
        """
        x = (image - self.mean) / self.std
        given = set(available_layers(state_dict))
        for layer in (layer for layer in self.layers if layer in given):
            weight, bias = (state_dict[name].to(image.device) for name in weight_names(layer))
            self.convolutions[layer].weight.copy_(weight)  # type: ignore[operator]
            x = self._convolve(layer, x)
            variance, mean = torch.var_mean(x, (0, 2, 3))
            norm = self.norms[layer]
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean + bias)
            x = F.relu(x + bias.view(1, -1, 1, 1))


def folded(network: TextureNetwork) -> dict[str, Tensor]:
    """Return weights and biases with batch norm in them, by torchvision's names.

    `nst_core.vgg.VGG19Encoder` of them computes what `network` does in eval mode.

    Returns:
        Float32 tensors on the CPU, in the order of the layers.
    """
    return dict(_folded(network))


@torch.no_grad()
def _folded(network: TextureNetwork) -> Iterator[tuple[str, Tensor]]:
    for layer in network.layers:
        norm, weight = network.norms[layer], network.convolutions[layer].weight
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(weight, Tensor)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        weight_name, bias_name = weight_names(layer)
        yield weight_name, (weight * factor.view(-1, 1, 1, 1)).float().contiguous().cpu()
        yield bias_name, (norm.bias - norm.running_mean * factor).float().cpu()
