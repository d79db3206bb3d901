"""What a step costs in operations and in memory, and how a picture is made to fit.

Counted from the network's shape, so that a page and the command line can say it beforehand.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch

from nst_core.device import total_memory
from nst_core.errors import ConfigError
from nst_core.image import Size
from nst_core.strips import STRIDE, WHOLE, Strips, cuts, layer_size
from nst_core.vgg import BLOCKS, CHANNELS, block_of, deepest, layers_down_to

FLOAT_BYTES = 4
LENGTHS = (1024, 512, 256, 128, 64)  # px of a strip that are tried
EASY = 1_500_000_000
MEMORY_SHARE = 0.6
"""Share of a device's memory that a picture may take; the rest is the network's, the convolutions'
workspace and other programs'."""
MOST_EXTRA = 0.25


def forward_operations(size: Size, layers: Sequence[str], blocks: range | None = None) -> int:
    """Return the floating-point operations of one pass through the convolutions.

    A multiplication and an addition are two. Pooling, ReLU and biases are left out, which are less
    than a hundredth.

    Args:
        size: (height, width) in px.
        layers: those wanted; the pass ends with the deepest.
        blocks: only these, from 1.
    """
    operations, inputs = 0, 3
    for layer in layers_down_to(layers):
        if blocks is None or block_of(layer) in blocks:
            height, width = layer_size(layer, size)
            operations += 2 * 9 * inputs * CHANNELS[layer] * height * width
        inputs = CHANNELS[layer]
    return operations


def step_operations(size: Size, layers: Sequence[str], strips: Strips = WHOLE) -> int:
    """Return the operations of a step: forward and back, and what strips compute once more.

    Their margins and the second pass of the first blocks are counted; Gram matrices are not, which
    are about a twentieth.
    """
    whole = 2 * forward_operations(size, layers)
    if not strips.blocks:
        return whole
    first = range(1, strips.blocks + 1)
    taken = sum(
        forward_operations(strip, layers, first) for strip in _strip_sizes(size, layers, strips)
    )
    return whole - 2 * forward_operations(size, layers, first) + 3 * taken


def picture_bytes(size: Size, layers: Sequence[str], strips: Strips = WHOLE) -> int:
    """Return about how many bytes a picture takes in a step, its backward pass included.

    Counted in float32, since the losses are (bfloat16 takes less):

    - the activation of every convolution down to the deepest of ``layers``, and of each pooling;
    - twice that of each of ``layers``: a loss keeps its difference or weighted copy, and a gradient
      comes back from it;
    - twice the largest, for the gradients on both sides of a convolution;
    - the picture, its gradient, Adam's two moments, and an average over iterates.

    In strips, the first blocks' activations are those of one strip, and what goes on to the deeper
    blocks is there three times: whole, in pieces, and as a gradient.

    Args:
        size: (height, width) in px.
        layers: those wanted.
        strips: how it goes through the network.
    """
    values = 5 * 3 * size[0] * size[1]
    if not strips.blocks:
        return FLOAT_BYTES * (values + _values(size, layers, range(1, BLOCKS + 1)))
    largest = max(_strip_sizes(size, layers, strips), key=lambda strip: strip[0] * strip[1])
    values += _values(largest, layers, range(1, strips.blocks + 1))
    if block_of(deepest(layers)) > strips.blocks:
        last = f"conv{strips.blocks}_1"
        height, width = layer_size(f"conv{strips.blocks + 1}_1", size)
        values += 3 * CHANNELS[last] * height * width
        values += _values(size, layers, range(strips.blocks + 1, BLOCKS + 1))
    return FLOAT_BYTES * values


def _values(size: Size, layers: Sequence[str], blocks: range) -> int:
    """Return the numbers that some blocks keep for their gradient."""
    values, largest = 0, 0
    for layer in layers_down_to(layers):
        if block_of(layer) not in blocks:
            continue
        height, width = layer_size(layer, size)
        activation = CHANNELS[layer] * height * width
        values += activation * (3 if layer in layers else 1)
        if layer.endswith("_1") and block_of(layer) > blocks.start:
            values += CHANNELS[f"conv{block_of(layer) - 1}_1"] * height * width  # pooled
        largest = max(largest, activation)
    return values + 2 * largest


def _strip_sizes(size: Size, layers: Sequence[str], strips: Strips) -> list[Size]:
    found = cuts(*size, strips, layers)
    other = min(size)
    return [(cut.last - cut.first, other) for cut in found]


class Room(NamedTuple):
    """The memory that a picture may take, in bytes.

    Attributes:
        easy: up to this it goes through the network whole.
        most: more than this it must not take.
    """

    easy: int
    most: int


def room_on(device: torch.device) -> Room:
    """Return the room that ``NST_MEMORY`` gives, or else most of what the device has.

    On a CPU, where strips cost little and other programs want memory too, a picture that takes
    more than ``EASY`` is cut even if it would fit.

    Raises:
        ConfigError: ``NST_MEMORY`` is no number above 0.
    """
    given = memory_limit()
    most = given or int(MEMORY_SHARE * total_memory(device))
    return Room(most if device.type == "cuda" else min(given or EASY, most), most)


def memory_limit() -> int | None:
    """Return the bytes that ``NST_MEMORY``, in GB, allows a picture; None where it is not set.

    Raises:
        ConfigError: it is no number above 0.
    """
    text = os.environ.get("NST_MEMORY") or ""
    if not text:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not (limit > 0 and math.isfinite(limit)):
        raise ConfigError(f"NST_MEMORY must be a number of GB above 0, got {text[:60]!r}")
    return int(limit * 1e9)


@cache
def plan_strips(size: Size, layers: tuple[str, ...], room: Room) -> Strips:
    """Return how a picture goes through the network.

    Whole, where that takes no more than ``room.easy``. Else so that it takes the least memory for
    at most ``MOST_EXTRA`` more operations; where that is more than ``room.most``, with the fewest
    operations that fit; and where nothing fits, with the least memory.

    Args:
        size: (height, width) in px.
        layers: those that a step looks at.
    """
    whole = picture_bytes(size, layers)
    if whole <= room.easy:
        return WHOLE
    costs = {
        strips: (picture_bytes(size, layers, strips), step_operations(size, layers, strips))
        for blocks in range(1, block_of(deepest(layers)) + 1)
        for length in LENGTHS
        if length + STRIDE <= max(size)
        for strips in (Strips(blocks, length),)
    }
    costs[WHOLE] = (whole, step_operations(size, layers))
    fitting = {strips: cost for strips, cost in costs.items() if cost[0] <= room.most}
    if not fitting:
        return min(costs, key=lambda strips: costs[strips][0])
    cheap = [s for s, cost in fitting.items() if cost[1] <= (1 + MOST_EXTRA) * costs[WHOLE][1]]
    if cheap:
        return min(cheap, key=lambda strips: costs[strips][0])
    return min(fitting, key=lambda strips: fitting[strips][1])
