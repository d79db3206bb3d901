"""What a run minimises at one size: alpha * content + beta * style + gamma * TV.

The targets are computed once, when an :class:`Objective` is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.config import LayerWeight, StyleTransferConfig
from nst_core.losses import (
    StyleTarget,
    blend_targets,
    content_loss,
    style_loss,
    style_target,
    total_variation_loss,
)
from nst_core.vgg import VGG19Encoder

REFERENCE_PIXELS = 512 * 512
"""The area at which ``resolution_invariant`` changes nothing."""


class Losses(NamedTuple):
    """The loss of one picture.

    Attributes:
        total: scalar, with its gradient.
        values: ``(K,)`` without, in the order of :attr:`Objective.names`.
    """

    total: Tensor
    values: Tensor


def active_layers(config: StyleTransferConfig) -> tuple[list[LayerWeight], list[LayerWeight]]:
    """Return the content and the style layers that change the loss."""
    content = [pair for pair in config.content_layers if config.alpha * pair.weight > 0]
    style = [pair for pair in config.style_layers if config.beta * pair.weight > 0]
    return content, style


def style_shares(config: StyleTransferConfig, count: int) -> list[float]:
    """Return the blend of ``count`` styles, summing to 1."""
    weights = config.style_weights or (1.0,) * count
    return [weight / sum(weights) for weight in weights]


class Objective:
    """The loss of a picture at one size, with its targets.

    Args:
        encoder: on the device that shall compute.
        config: the settings.
        content: ``(1, 3, H, W)``; its size is the picture's.
        styles: one or more ``(1, 3, H', W')``, any sizes.
        content_mask: ``(1, 1, H, W)``, 1 where the picture is free; elsewhere it is the content.
        style_masks: one a style, 1 where its statistics are taken, or None for all of it.

    Every value is a weighted contribution, so that they add up: ``total`` = ``content`` +
    ``style`` + ``tv``, and each of the first two is the sum of its layers
    (``"content/conv4_2"``, ``"style/conv1_1"``).
    """

    def __init__(
        self,
        encoder: VGG19Encoder,
        config: StyleTransferConfig,
        content: Tensor,
        styles: Sequence[Tensor],
        *,
        content_mask: Tensor | None = None,
        style_masks: Sequence[Tensor | None] = (),
    ) -> None:
        self.encoder = encoder
        self.content = content
        self.mask = content_mask
        self.bfloat16 = config.precision == "bfloat16"
        self.size = (content.shape[-2], content.shape[-1])
        scale = REFERENCE_PIXELS / (self.size[0] * self.size[1])
        if not config.resolution_invariant:
            scale = 1.0
        content_layers, style_layers = active_layers(config)
        self.gamma = config.gamma * scale
        self.content_weights = {
            layer: config.alpha * scale * weight for layer, weight in content_layers
        }
        self.style_weights = {layer: config.beta * weight for layer, weight in style_layers}
        self.names = (
            "total",
            "content",
            "style",
            "tv",
            *(f"content/{layer}" for layer in self.content_weights),
            *(f"style/{layer}" for layer in self.style_weights),
        )
        with torch.no_grad():
            self.content_targets = self._encode(content, list(self.content_weights))
            self.style_targets = self._style_targets(
                config, styles, style_masks or [None] * len(styles)
            )

    def _encode(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.bfloat16):
            features = self.encoder(image, layers)
        return {layer: x.float() for layer, x in features.items()}

    def _style_targets(
        self,
        config: StyleTransferConfig,
        styles: Sequence[Tensor],
        masks: Sequence[Tensor | None],
    ) -> dict[str, StyleTarget]:
        layers = list(self.style_weights)
        each: list[dict[str, StyleTarget]] = []
        for style, mask in zip(styles, masks, strict=True):
            features = self._encode(style, layers)
            each.append(
                {
                    layer: style_target(x, config.style_statistic, mask=mask)
                    for layer, x in features.items()
                }
            )
        shares = style_shares(config, len(styles))
        return {layer: blend_targets([found[layer] for found in each], shares) for layer in layers}

    def compose(self, image: Tensor) -> Tensor:
        """Return ``image`` inside the mask and the content outside."""
        if self.mask is None:
            return image
        return self.mask * image + (1 - self.mask) * self.content

    def __call__(self, image: Tensor) -> Losses:
        """Return the losses of ``image``, ``(1, 3, H, W)`` in ``[0, 1]``."""
        image = self.compose(image)
        features = self._encode(image, list(self.content_weights | self.style_weights))
        content = {
            layer: weight * content_loss(features[layer], self.content_targets[layer]).sum()
            for layer, weight in self.content_weights.items()
        }
        style = {
            layer: weight * style_loss(features[layer], target, mask=self.mask).sum()
            for (layer, weight), target in zip(
                self.style_weights.items(), self.style_targets.values(), strict=True
            )
        }
        zero = image.new_zeros(())
        tv = self.gamma * total_variation_loss(image).sum() if self.gamma else zero
        terms = [sum(content.values(), zero), sum(style.values(), zero), tv]
        total = terms[0] + terms[1] + terms[2]
        values = torch.stack([total, *terms, *content.values(), *style.values()]).detach()
        return Losses(total, values)
