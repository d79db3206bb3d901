"""What patches of pixels look like, compared without a network: the style statistic ``"patches"``.

All 7 x 7 patches of a picture are points in 147 dimensions. Along any one direction the earth
mover's distance between two such clouds is that of their sorted values; its mean over directions
drawn anew in each step is the sliced Wasserstein distance (Rabin et al. 2011; on patches of
pixels Elnekave and Weiss 2022, arXiv:2203.11862). It is taken at four scales, from single strokes
to large forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.image import Size

PATCH = 7  # px along an edge
SCALES = (1, 2, 4, 8)
DIRECTIONS = 64
"""Drawn in each step and at each scale. The same ones all along leave a style that none of them
sees: on two pairs, 64 fixed ones left three to seven times as much style distance."""
SAMPLES = 16_384
"""Patches, about, that a step looks at in each scale of a larger picture, on a grid whose place is
drawn too. A quarter of the patches and twice the directions came as near in less time."""
WIDEST_GRID = 4  # px between two patches, so that every pixel is in some
BYTES_A_VALUE = 100  # measured, at 512 px
_AT_ONCE = 2**22  # values that are sorted together


def scale_names() -> tuple[str, ...]:
    """Return the scales' names among the losses: ``"patches 1:1"`` to ``"patches 1:8"``."""
    return tuple(f"patches 1:{scale}" for scale in SCALES)


class PatchDistance:
    """How far a picture's patches are from the styles', at each scale.

    Args:
        styles: ``(1, 3, H, W)`` each, on the device that computes.
        shares: one a style, summing to 1: the quantiles of several are averaged, which along each
            direction is their barycentre.
        style_masks: one a style, ``(1, 1, H, W)`` or None; patches count whose middle is masked by
            at least half of the mask's highest value.
        mask: the same of the picture.
        size: of the picture, (height, width).
        seed: of the directions.
    """

    def __init__(
        self,
        styles: Sequence[Tensor],
        shares: Sequence[float],
        style_masks: Sequence[Tensor | None],
        mask: Tensor | None,
        size: Size,
        seed: int,
    ) -> None:
        self._shares = [float(share) for share in shares]
        self._mask = [None if mask is None else _places(mask, size, scale) for scale in SCALES]
        self._styles = []
        for scale in SCALES:
            pairs = zip(styles, style_masks, strict=True)
            self._styles.append([_Cloud(style, style_mask, scale) for style, style_mask in pairs])
        self._seed = seed
        self._device = styles[0].device
        self.at_step(0)

    def at_step(self, index: int) -> None:
        """Draw the directions of a step, which depend on nothing but the seed and ``index``."""
        # an odd factor: no two steps of a run draw the same
        seed = (self._seed + index * 0x9E3779B97F4A7C15) % 2**63
        random = torch.Generator().manual_seed(seed)
        drawn = torch.randn((len(SCALES), DIRECTIONS, 3, PATCH, PATCH), generator=random)
        drawn *= (drawn[0, 0].numel() ** 0.5) / drawn.flatten(2).norm(dim=2)[..., None, None, None]
        self._directions = drawn.to(self._device)
        self._corners = torch.rand((len(SCALES), 1 + len(self._shares), 2), generator=random)

    def __call__(self, image: Tensor) -> Tensor:
        """Return the distance at each scale, ``(4,)``, of ``image``, ``(1, 3, H, W)``.

        ``1/K sum_k 1/M sum_i |x_(i) - y_(i)|`` over ``K`` directions, where ``x`` are the ``M``
        patches' products with a direction whose 147 entries have a mean square of 1, and ``y`` the
        styles' quantiles at the same levels.
        """
        found = []
        for k, scale in enumerate(SCALES):
            small = _scaled(image, scale)
            found.append(_with_slope(small, partial(self._parts, k)))
        return torch.stack(found)

    def _parts(self, k: int, image: Tensor) -> Sequence[Callable[[], Tensor]]:
        """Return what gives a scale's distance, in parts that need little memory each."""
        mask = self._mask[k]
        clouds = [(image, mask), *((style.image, style.mask) for style in self._styles[k])]
        counts = [_count((x.shape[-2], x.shape[-1]), places) for x, places in clouds]
        step = max(1, _AT_ONCE // max(counts))

        def part(directions: Tensor) -> Tensor:
            own = _products(image, directions, mask, self._corners[k, 0])
            own = own.sort(-1).values
            with torch.no_grad():
                target = torch.zeros_like(own)
                for j, style in enumerate(self._styles[k]):
                    target += self._shares[j] * _quantiles(
                        _products(style.image, directions, style.mask, self._corners[k, 1 + j]),
                        own.shape[-1],
                    )
            return (own - target).abs().mean(-1).sum() / DIRECTIONS

        return [partial(part, d) for d in torch.split(self._directions[k], step)]


class _Cloud:
    """A style at one scale."""

    def __init__(self, style: Tensor, mask: Tensor | None, scale: int) -> None:
        size = (style.shape[-2], style.shape[-1])
        self.image = _scaled(style, scale)
        self.mask = None if mask is None else _places(mask, size, scale)


def _scaled(image: Tensor, scale: int) -> Tensor:
    """Return a picture at ``1 / scale``; not clamped, which would stop the gradient."""
    if scale == 1:
        return image
    size = _size_at((image.shape[-2], image.shape[-1]), scale)
    return F.interpolate(image, size, mode="bicubic", antialias=True)


def _size_at(size: Size, scale: int) -> Size:
    return max(1, size[0] // scale), max(1, size[1] // scale)


def _places(mask: Tensor, size: Size, scale: int) -> Tensor:
    """Return which patches count, ``(M,)``, by the mask in their middle."""
    small = F.adaptive_avg_pool2d(mask, _size_at(size, scale)).flatten()
    return small >= small.max() / 2


def _products(image: Tensor, directions: Tensor, places: Tensor | None, corner: Tensor) -> Tensor:
    """Return the patches' products with each direction, ``(K, M)``.

    Args:
        corner: where the grid of a larger picture begins, in ``[0, 1)`` of its width.
    """
    padded = F.pad(image, (PATCH // 2,) * 4, mode="replicate")
    if places is not None:
        return F.conv2d(padded, directions).flatten(2)[0, :, places]
    grid = grid_width((image.shape[-2], image.shape[-1]))
    top, left = (int(grid * share) for share in corner.tolist())
    return F.conv2d(padded[..., top:, left:], directions, stride=grid).flatten(2)[0]


def grid_width(size: Size) -> int:
    """Return the px between two patches that a step looks at, in a picture of ``size``."""
    return min(WIDEST_GRID, math.ceil(math.sqrt(size[0] * size[1] / SAMPLES)))


def patch_bytes(size: Size) -> int:
    """Return about how many bytes the comparison takes beside the network, for a picture's size.

    Most of it is the finest scale's: products, their order, the style's, and gradients.
    """
    samples = _count(size, None)
    return BYTES_A_VALUE * max(samples, min(DIRECTIONS * samples, _AT_ONCE))


def _count(size: Size, places: Tensor | None) -> int:
    """Return how many patches a step computes, about."""
    return size[0] * size[1] // (grid_width(size) ** 2 if places is None else 1)


def _quantiles(values: Tensor, count: int) -> Tensor:
    """Return the sorted values at ``count`` evenly spaced levels, ``(K, count)``."""
    if values.device.type == "cpu":  # NumPy's is several times faster, and the order is not needed
        found = torch.from_numpy(np.sort(values.numpy(), -1))
    else:
        found = values.sort(-1).values
    if found.shape[-1] == count:
        return found
    return F.interpolate(found[None], count, mode="linear", align_corners=False)[0]


def _with_slope(
    image: Tensor, parts_of: Callable[[Tensor], Sequence[Callable[[], Tensor]]]
) -> Tensor:
    """Return the sum of some parts, with its gradient; only one part is in memory at a time."""
    if not (torch.is_grad_enabled() and image.requires_grad):
        return torch.stack([part() for part in parts_of(image)]).sum()
    leaf = image.detach().requires_grad_()
    values = []
    for part in parts_of(leaf):
        value = part()
        value.backward()  # type: ignore[no-untyped-call]
        values.append(value.detach())
    assert leaf.grad is not None
    found: Tensor = _Known.apply(image, torch.stack(values).sum(), leaf.grad)
    return found


class _Known(torch.autograd.Function):
    """A value whose gradient was computed beside it."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return outer * slope, None, None
