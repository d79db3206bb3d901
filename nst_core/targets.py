"""What a picture is compared with: the content's activations and the style's statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nst_core.image import Size
from nst_core.losses import (
    Moments,
    StyleStatistic,
    StyleTarget,
    moments,
    position_shares,
    statistic_of_moments,
    whole_statistic,
)
from nst_core.strips import WHOLE, Cut, Reduce, Strips, cut_axis, in_strips, layer_size, scale_of
from nst_core.vgg import VGG19Encoder


class Passage:
    """How pictures go through the network.

    Args:
        encoder: the network.
        bfloat16: whether its convolutions compute in bfloat16; all that follows is float32.
        strips_for: says of a size, ``(height, width)``, whether whole or strip by strip.
    """

    def __init__(
        self,
        encoder: VGG19Encoder,
        *,
        bfloat16: bool = False,
        strips_for: Callable[[Size], Strips] = lambda size: WHOLE,
    ) -> None:
        self.encoder = encoder
        self.bfloat16 = bfloat16
        self.strips_for = strips_for

    def whole(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the activations of ``layers``."""
        with self._precision(image):
            features = self.encoder(image, layers)
        return {layer: x.float() for layer, x in features.items()}

    def in_strips(
        self, image: Tensor, layers: Sequence[str], strips: Strips, reduce: Reduce
    ) -> tuple[dict[str, list[Tensor]], dict[str, Tensor]]:
        """Do as :func:`~nst_core.strips.in_strips`."""

        def wide(layer: str, x: Tensor, cut: Cut) -> Sequence[Tensor]:
            with torch.autocast(image.device.type, enabled=False):
                return reduce(layer, x.float(), cut)

        with self._precision(image):
            sums, features = in_strips(self.encoder, image, layers, strips, wide)
        return sums, {layer: x.float() for layer, x in features.items()}

    def _precision(self, image: Tensor) -> torch.autocast:
        return torch.autocast(image.device.type, torch.bfloat16, enabled=self.bfloat16)


def content_targets(
    passage: Passage, content: Tensor, layers: Sequence[str], strips: Strips
) -> dict[str, Tensor]:
    """Return the content's activations, for a picture that goes by ``strips``."""
    if not strips.blocks:
        return passage.whole(content, layers)
    pieces: dict[str, list[Tensor]] = {}

    def keep(layer: str, x: Tensor, cut: Cut) -> Sequence[Tensor]:
        pieces.setdefault(layer, []).append(x.clone())
        return ()

    _, deeper = passage.in_strips(content, layers, strips, keep)
    axis = cut_axis((content.shape[-2], content.shape[-1]))
    return deeper | {layer: torch.cat(x, axis) for layer, x in pieces.items()}


def style_targets(
    passage: Passage,
    style: Tensor,
    mask: Tensor | None,
    statistic: StyleStatistic,
    layers: Sequence[str],
) -> dict[str, StyleTarget]:
    """Return the statistics of one style picture, on the device that it is on."""
    size = (style.shape[-2], style.shape[-1])
    shares = layer_shares(None if mask is None else mask.to(style), layers, size)
    strips = passage.strips_for(size)
    if not strips.blocks:
        found, deeper = {}, passage.whole(style, layers)
    else:
        centers: dict[str, Tensor] = {}

        def reduce(layer: str, x: Tensor, cut: Cut) -> Sequence[Tensor]:
            if statistic != "gram":  # about the first strip's mean, which is near the whole's
                centers.setdefault(layer, x.mean((-2, -1)))
            return strip_moments(layer, x, cut, shares.get(layer), centers.get(layer), size)

        sums, deeper = passage.in_strips(style, layers, strips, reduce)
        found = {
            layer: statistic_of_moments(statistic, Moments(*parts), centers.get(layer))
            for layer, parts in sums.items()
        }
    return found | {
        layer: whole_statistic(x, statistic, shares.get(layer)) for layer, x in deeper.items()
    }


def layer_shares(mask: Tensor | None, layers: Sequence[str], size: Size) -> dict[str, Tensor]:
    """Return the positions' shares of each layer by a mask; none without one."""
    if mask is None:
        return {}
    return {layer: position_shares(mask, layer_size(layer, size)) for layer in layers}


def strip_moments(
    layer: str, x: Tensor, cut: Cut, shares: Tensor | None, center: Tensor | None, size: Size
) -> Moments:
    """Return a strip's part of a layer's moments.

    Args:
        x: what is kept of the strip's activation.
        shares: the whole layer's.
        center: as in :func:`~nst_core.losses.moments`.
        size: of the whole picture.
    """
    own = None if shares is None else cut.of_whole(shares, scale_of(layer))
    return moments(x, own, center, positions=math.prod(layer_size(layer, size)))
