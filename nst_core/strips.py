"""The network strip by strip, with results as of the whole picture: memory for time.

A picture is cut across its longer edge. Each strip goes through the first blocks of the network by
itself, with a margin so wide that the zeros which convolutions see beyond a cut reach nothing that
is kept. What the losses need of these blocks are sums, which add up over strips; what the deeper
blocks take in is small, and is put together. For the slope each strip is computed once more when
its turn comes (Chen et al. 2016, arXiv:1604.06174), so that never more than one is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nst_core.vgg import BLOCKS, VGG19Encoder, block_of, layers_down_to

STRIDE = 2 ** (BLOCKS - 1)
"""Cuts lie at multiples of it, so that no pooling window is divided."""


class Strips(NamedTuple):
    """How a picture goes through the network.

    Attributes:
        blocks: so many of the first are taken strip by strip, 0 to 5; 0 takes all at once.
        length: px of a strip without its margins, along the picture's longer edge; a multiple
            of ``STRIDE``.
    """

    blocks: int = 0
    length: int = 0


WHOLE = Strips()


class Cut(NamedTuple):
    """One strip, in px along ``axis`` (-2 is down, -1 is across).

    Attributes:
        start, stop: what is kept.
        first, last: what goes through the network, margins and all.
        is_end: whether the picture ends here.
    """

    axis: int
    start: int
    stop: int
    first: int
    last: int
    is_end: bool

    def of_picture(self, image: Tensor) -> Tensor:
        """Return the strip with its margins."""
        return image.narrow(self.axis, self.first, self.last - self.first)

    def of_whole(self, x: Tensor, scale: int) -> Tensor:
        """Return what is kept, of a layer of the whole picture at 1 / ``scale`` of its size."""
        return self._kept(x, self.start // scale, self.stop // scale)

    def of_strip(self, x: Tensor, scale: int) -> Tensor:
        """Return what is kept, of a layer of the strip."""
        first = self.first // scale
        return self._kept(x, self.start // scale - first, self.stop // scale - first)

    def _kept(self, x: Tensor, start: int, stop: int) -> Tensor:
        stop = x.shape[self.axis] if self.is_end else stop
        return x.narrow(self.axis, start, stop - start)


def scale_of(layer: str) -> int:
    """Return by how much a layer is smaller than the picture."""
    return int(2 ** (block_of(layer) - 1))


def layer_size(layer: str, size: tuple[int, int]) -> tuple[int, int]:
    """Return a layer's height and width for a picture of ``size``."""
    return size[0] // scale_of(layer), size[1] // scale_of(layer)


def margin(layers: Iterable[str], blocks: int) -> int:
    """Return the px beyond a cut that can change what is kept, in whole pooling windows.

    Args:
        layers: those wanted.
        blocks: taken strip by strip.
    """
    wrong, block = 0, 1
    for layer in layers_down_to(layers):
        if block_of(layer) > blocks:
            break
        if block_of(layer) > block:  # a window with one wrong position is wrong
            wrong, block = -(-wrong // 2), block_of(layer)
        wrong += 1
    return -(-wrong // 2) * int(2**block)


def cut_axis(size: tuple[int, int]) -> int:
    """Return the dimension of the longer edge of ``(height, width)``."""
    return -2 if size[0] >= size[1] else -1


def cuts(height: int, width: int, strips: Strips, layers: Iterable[str]) -> list[Cut]:
    """Cut a picture, the last strip up to one and a half times as long as the others."""
    axis, total = cut_axis((height, width)), max(height, width)
    beyond = margin(layers, strips.blocks)
    count = max(1, (total + strips.length // 2) // strips.length)
    found = []
    for k in range(count):
        start, is_end = k * strips.length, k == count - 1
        stop = total if is_end else start + strips.length
        first, last = max(0, start - beyond), min(total, stop + beyond)
        found.append(Cut(axis, start, stop, first, last, is_end))
    return found


Reduce = Callable[[str, Tensor, Cut], Sequence[Tensor]]
"""Sums over what is kept of a layer: its name, its kept positions, and which they are."""


def in_strips(
    encoder: VGG19Encoder, image: Tensor, layers: Sequence[str], strips: Strips, reduce: Reduce
) -> tuple[dict[str, list[Tensor]], dict[str, Tensor]]:
    """Encode a picture, its first blocks strip by strip.

    Args:
        image: ``(1, 3, H, W)``; the slope goes back to it.
        layers: those wanted.
        strips: with one block or more.
        reduce: returns tensors that add up over strips.

    Returns:
        Of the wanted layers in the first blocks the sums, and of those in deeper blocks the
        activations.
    """
    first = [layer for layer in layers if block_of(layer) <= strips.blocks]

    def take(strip: Tensor, cut: Cut) -> tuple[list[list[Tensor]], Tensor | None]:
        found, pooled = encoder.through(strip, layers, range(1, strips.blocks + 1))
        kept = {layer: cut.of_strip(found[layer], scale_of(layer)) for layer in first}
        reduced = [list(reduce(layer, kept[layer], cut)) for layer in first]
        # A copy: what is a part of the strip would keep all of it
        return reduced, None if pooled is None else cut.of_strip(pooled, 2**strips.blocks).clone()

    sums: dict[str, list[Tensor]] = {}
    pieces: list[Tensor] = []
    for cut in cuts(image.shape[-2], image.shape[-1], strips, layers):
        reduced, piece = checkpoint(
            take, cut.of_picture(image), cut, use_reentrant=False, preserve_rng_state=False
        )
        for layer, parts in zip(first, reduced, strict=True):
            before = sums.get(layer)
            sums[layer] = (
                parts if before is None else [a + b for a, b in zip(before, parts, strict=True)]
            )
        if piece is not None:
            pieces.append(piece)
    if not pieces:
        return sums, {}
    whole = torch.cat(pieces, cut.axis)
    return sums, encoder.through(whole, layers, range(strips.blocks + 1, BLOCKS + 1))[0]
