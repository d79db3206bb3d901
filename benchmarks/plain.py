"""The plainest correct loop, to compare with: float32, one level, Adam at 0.02 from the content."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core import StyleTransferConfig
from nst_core.losses import StyleTarget, content_loss, style_loss, style_target
from nst_core.losses import total_variation_loss as tv_loss
from nst_core.objective import REFERENCE_PIXELS
from nst_core.vgg import VGG19Encoder


@dataclass(frozen=True)
class Plain:
    """alpha * content + beta * style + gamma * TV of pictures of one size, written out.

    Attributes:
        targets: the content's activations and the style's Gram matrices.
    """

    encoder: VGG19Encoder
    config: StyleTransferConfig
    targets: tuple[dict[str, Tensor], dict[str, StyleTarget]]

    @classmethod
    def of(
        cls, encoder: VGG19Encoder, config: StyleTransferConfig, content: Tensor, style: Tensor
    ) -> Plain:
        """Compute the targets, once."""
        with torch.no_grad():
            kept = encoder(content, list(dict(config.content_layers)))
            found = encoder(style, list(dict(config.style_layers)))
        return cls(encoder, config, (kept, {layer: style_target(x) for layer, x in found.items()}))

    def loss(self, image: Tensor) -> Tensor:
        """Return the total loss of ``image``, ``(1, 3, H, W)``."""
        config = self.config
        weights, shares = dict(config.content_layers), dict(config.style_layers)
        features = self.encoder(image, list(weights | shares))
        scale = REFERENCE_PIXELS / (image.shape[-2] * image.shape[-1])
        content, style = self.targets
        total = config.gamma * scale * tv_loss(image).sum()
        for layer, weight in weights.items():
            loss = content_loss(features[layer], content[layer])
            total = total + config.alpha * scale * weight * loss.sum()
        for layer, share in shares.items():
            loss = style_loss(features[layer], style[layer])
            total = total + config.beta * share * loss.sum()
        return total

    def run(self, content: Tensor, steps: int) -> Iterator[tuple[Tensor, float]]:
        """Optimise from ``content``; yield each step's picture and the seconds that it took."""
        image = content.clone().requires_grad_()
        optimizer = torch.optim.Adam([image], lr=0.02)
        for _ in range(steps):
            began = time.perf_counter()
            optimizer.zero_grad()
            self.loss(image).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                image.clamp_(0, 1)
            yield image.detach().clone(), time.perf_counter() - began
