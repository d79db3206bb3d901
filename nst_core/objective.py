"""What a run minimises at one size: alpha * content + beta * style + gamma * TV.

The targets are computed once, when an :class:`Objective` is made; objectives of the same pictures
may share them, and one pass through the network (:func:`losses_of_batch`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from nst_core.config import LayerWeight, StyleTransferConfig
from nst_core.image import Size
from nst_core.losses import (
    Moments,
    StyleTarget,
    blend_targets,
    content_loss,
    statistic_of_moments,
    style_distance,
    total_variation_loss,
    whole_statistic,
)
from nst_core.patches import PatchDistance, scale_names
from nst_core.strips import WHOLE, Cut, Strips, scale_of
from nst_core.targets import (
    Passage,
    content_targets,
    layer_shares,
    strip_moments,
    style_targets,
)
from nst_core.vgg import VGG19Encoder

T = TypeVar("T")

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
    return content, [] if config.style_statistic == "patches" else style


def has_style(config: StyleTransferConfig) -> bool:
    """Whether a style changes the loss."""
    return bool(active_layers(config)[1]) or _by_patches(config)


def _by_patches(config: StyleTransferConfig) -> bool:
    return config.style_statistic == "patches" and config.beta > 0


def style_shares(config: StyleTransferConfig, count: int) -> list[float]:
    """Return the blend of ``count`` styles, summing to 1."""
    weights = config.style_weights or (1.0,) * count
    return [weight / sum(weights) for weight in weights]


class Shared:
    """What objectives of the same pictures and masks, in one network, compute once a size."""

    def __init__(self) -> None:
        self._long_edge = 0
        self._kept: dict[Hashable, Any] = {}

    def at(self, long_edge: int) -> Shared:
        """Return itself, without what was kept for another size than ``long_edge`` px."""
        if long_edge != self._long_edge:
            self._long_edge = long_edge
            self._kept.clear()
        return self

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what stands under ``key``, made if nothing does."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def layers(
        self, key: Hashable, layers: Sequence[str], make: Callable[[list[str]], dict[str, T]]
    ) -> dict[str, T]:
        """Return what stands under ``key`` for each layer; ``make`` gives what is missing."""
        missing = [layer for layer in layers if (key, layer) not in self._kept]
        if missing:
            self._kept |= {(key, layer): value for layer, value in make(missing).items()}
        return {layer: self._kept[key, layer] for layer in layers}


class Objective:
    """The loss of a picture at one size, with its targets.

    Args:
        encoder: on the device that shall compute.
        config: the settings.
        content: ``(1, 3, H, W)``; its size is the picture's.
        styles: one or more ``(1, 3, H', W')``, any sizes, on any device.
        content_mask: ``(1, 1, H, W)``, 1 where the picture is free; elsewhere it is the content.
        style_masks: one a style, 1 where its statistics are taken, or None for all of it.
        shared: where targets of the same pictures, masks, size and network are kept.
        strips_for: says of a size, ``(height, width)``, how a picture goes through the network.

    Every value is a weighted contribution, so that they add up: ``total`` = ``content`` +
    ``style`` + ``tv``, and each of the first two is the sum of its layers
    (``"content/conv4_2"``, ``"style/conv1_1"``), or with the statistic ``"patches"`` of its scales
    (``"style/patches 1:1"``).
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
        shared: Shared | None = None,
        strips_for: Callable[[Size], Strips] = lambda size: WHOLE,
    ) -> None:
        self.passage = Passage(
            encoder, bfloat16=config.precision == "bfloat16", strips_for=strips_for
        )
        self.content = content
        self.mask = content_mask
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
        self.layers = tuple(self.content_weights | self.style_weights)
        if _by_patches(config):
            names = scale_names()
            self.style_weights = dict.fromkeys(names, config.beta / len(names))
        self.names = (
            "total",
            "content",
            "style",
            "tv",
            *(f"content/{layer}" for layer in self.content_weights),
            *(f"style/{layer}" for layer in self.style_weights),
        )
        self.strips = strips_for(self.size)
        style_names = [layer for layer, _ in style_layers]
        self._shares = layer_shares(content_mask, style_names, self.size)
        shared = shared or Shared()
        colors = config.color_before  # the pictures depend on it, and on style_scale
        shares = style_shares(config, len(styles))
        style_key = (colors, config.style_scale, config.style_statistic, tuple(shares))
        masks = style_masks or [None] * len(styles)
        with torch.no_grad():
            self.content_targets = shared.layers(
                ("content", colors, self.strips),
                list(self.content_weights),
                lambda layers: content_targets(self.passage, content, layers, self.strips),
            )

            def make(layers: Sequence[str]) -> dict[str, StyleTarget]:
                assert config.style_statistic != "patches"  # which looks at no layer
                each = [
                    style_targets(
                        self.passage,
                        style.to(content.device),
                        mask,
                        config.style_statistic,
                        layers,
                    )
                    for style, mask in zip(styles, masks, strict=True)
                ]
                return {
                    layer: blend_targets([found[layer] for found in each], shares)
                    for layer in layers
                }

            self.style_targets = shared.layers(("style", style_key, self.strips), style_names, make)
        self._patches = (
            PatchDistance(
                [style.to(content.device) for style in styles],
                shares,
                [None if mask is None else mask.to(content.device) for mask in masks],
                content_mask,
                self.size,
                config.seed,
            )
            if _by_patches(config)
            else None
        )

    @property
    def is_drawn(self) -> bool:
        """Whether it is another in each step."""
        return self._patches is not None

    def at_step(self, index: int) -> None:
        """Draw what is drawn anew in each step, for the step that follows ``index`` others."""
        if self._patches is not None:
            self._patches.at_step(index)

    def compose(self, image: Tensor) -> Tensor:
        """Return ``image`` inside the mask and the content outside."""
        if self.mask is None:
            return image
        return self.mask * image + (1 - self.mask) * self.content

    def __call__(self, image: Tensor) -> Losses:
        """Return the losses of ``image``, ``(1, 3, H, W)`` in ``[0, 1]``."""
        image = self.compose(image)
        if self.strips.blocks:
            sums, features = self.passage.in_strips(image, self.layers, self.strips, self._sums)
        else:
            sums, features = {}, self.passage.whole(image, self.layers)
        content, style = {}, {}
        for layer, parts in sums.items():
            rest = iter(parts)
            if layer in self.content_targets:
                content[layer] = next(rest)
            if layer in self.style_targets:
                target = self.style_targets[layer]
                own = statistic_of_moments(target.statistic, Moments(*rest), _center(target))
                style[layer] = style_distance(own, target)
        for layer, x in features.items():
            if layer in self.content_targets:
                content[layer] = content_loss(x, self.content_targets[layer])
            if layer in self.style_targets:
                style[layer] = self._style(layer, x)
        tv = total_variation_loss(image) if self.gamma else None
        return self._weigh(content, style | self._by_scale(image), tv)

    def _by_scale(self, image: Tensor) -> dict[str, Tensor]:
        """Return the patches' distance at each scale, if that is the style's statistic."""
        if self._patches is None:
            return {}
        return dict(zip(scale_names(), self._patches(image).unbind(), strict=True))

    def _style(self, layer: str, x: Tensor) -> Tensor:
        """Return a layer's style loss from its whole activation, of one picture or more."""
        target = self.style_targets[layer]
        return style_distance(whole_statistic(x, target.statistic, self._shares.get(layer)), target)

    def _sums(self, layer: str, x: Tensor, cut: Cut) -> Sequence[Tensor]:
        """Return a strip's part of the content loss and of the style's moments."""
        parts: list[Tensor] = []
        if layer in self.content_targets:
            target = cut.of_whole(self.content_targets[layer], scale_of(layer))
            parts.append(content_loss(x, target))
        if layer in self.style_targets:
            center = _center(self.style_targets[layer])
            parts += strip_moments(layer, x, cut, self._shares.get(layer), center, self.size)
        return parts

    def _weigh(
        self, content: Mapping[str, Tensor], style: Mapping[str, Tensor], tv: Tensor | None
    ) -> Losses:
        """Weigh and add up the losses of each layer, ``(1,)`` each."""
        weighted = [
            [weight * losses[layer].sum() for layer, weight in weights.items()]
            for losses, weights in ((content, self.content_weights), (style, self.style_weights))
        ]
        zero = self.content.new_zeros(())
        last = zero if tv is None else self.gamma * tv.sum()
        terms = [sum(weighted[0], zero), sum(weighted[1], zero), last]
        total = terms[0] + terms[1] + terms[2]
        values = torch.stack([total, *terms, *weighted[0], *weighted[1]]).detach()
        return Losses(total, values)


def _center(target: StyleTarget) -> Tensor | None:
    """Return what a strip's moments are taken about, near to their own mean."""
    return None if target.statistic == "gram" else target.mean


def losses_of_batch(objectives: Sequence[Objective], images: Sequence[Tensor]) -> list[Losses]:
    """Return the losses of each image by its own objective, with one pass through the network.

    Args:
        objectives: of one encoder, size and precision. The pass goes to the deepest layer of any.
        images: ``(1, 3, H, W)`` each.
    """
    composed = [objective.compose(x) for objective, x in zip(objectives, images, strict=True)]
    batch = torch.cat(composed)
    wanted = dict.fromkeys(layer for objective in objectives for layer in objective.layers)
    features = objectives[0].passage.whole(batch, list(wanted))
    content: list[dict[str, Tensor]] = [{} for _ in objectives]
    style: list[dict[str, Tensor]] = [{} for _ in objectives]
    for layer, x in features.items():
        # split, whose gradient is put together once; a slice's is as large as the batch, each
        parts = torch.split(x, 1)
        for members in _alike([o.content_targets.get(layer) for o in objectives]):
            target = objectives[members[0]].content_targets[layer]
            _share_out(content, layer, members, content_loss(_rows(x, parts, members), target))
        for members in _alike([o.style_targets.get(layer) for o in objectives]):
            found = objectives[members[0]]._style(layer, _rows(x, parts, members))
            _share_out(style, layer, members, found)
    tv = torch.split(total_variation_loss(batch), 1)
    return [
        objective._weigh(
            content[k],
            style[k] | objective._by_scale(composed[k]),
            tv[k] if objective.gamma else None,
        )
        for k, objective in enumerate(objectives)
    ]


def _alike(targets: Sequence[object | None]) -> list[list[int]]:
    """Return which have the same target, not counting None: their loss is computed at once."""
    groups: dict[int, list[int]] = {}
    for k, target in enumerate(targets):
        if target is not None:
            groups.setdefault(id(target), []).append(k)
    return list(groups.values())


def _rows(x: Tensor, parts: Sequence[Tensor], members: Sequence[int]) -> Tensor:
    return x if len(members) == len(parts) else torch.cat([parts[k] for k in members])


def _share_out(
    found: Sequence[dict[str, Tensor]], layer: str, members: Sequence[int], losses: Tensor
) -> None:
    for k, loss in zip(members, torch.split(losses, 1), strict=True):
        found[k][layer] = loss
