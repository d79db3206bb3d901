"""The crops of each step, drawn while the network computes the step before.

A step's crops depend on the settings, the seed and the step's number alone: a training that was
interrupted goes on with what it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from math import ceil

import numpy as np
import torch
from torch import Tensor

from training.augment import augment
from training.settings import TrainingConfig
from training.textures import draw_textures

FIRST_HELD_OUT = 2**40
"""Textures of this number and above are never trained on."""
AHEAD = 2  # steps


def training_ids(config: TrainingConfig, step: int) -> list[int]:
    """Return the numbers of the textures of a step, all below FIRST_HELD_OUT."""
    return list(map(int, _random(config, step).integers(FIRST_HELD_OUT, size=config.textures)))


def held_out_ids(count: int) -> range:
    """Return the numbers of the first `count` textures that are never trained on."""
    return range(FIRST_HELD_OUT, FIRST_HELD_OUT + count)


def draw_batch(config: TrainingConfig, step: int, device: torch.device) -> Tensor:
    """Draw the crops of a step, augmented, (textures, crops, 3, size, size) in [0, 1]."""
    crop_seed, augment_seed = map(int, _random(config, step, 1).integers(2**62, size=2))
    crops = draw_textures(
        training_ids(config, step),
        config.crops,
        ceil(config.size * config.jitter),
        seed=crop_seed,
        device=device,
    )
    random = torch.Generator(device).manual_seed(augment_seed)
    return augment(crops, config.size, random, jitter=config.jitter)


def _random(config: TrainingConfig, step: int, purpose: int = 0) -> np.random.Generator:
    return np.random.default_rng((config.seed, step, purpose))


def batches(
    config: TrainingConfig, first: int, device: torch.device
) -> Generator[Tensor, None, None]:
    """Yield the crops of the steps from `first` on, drawn ahead by a thread of its own."""
    draw = _DrawBeside(config, device)
    steps = iter(range(first, config.steps))
    executor = ThreadPoolExecutor(1, "textures", initializer=draw.prepare)
    try:
        waiting: deque[Future[Tensor]] = deque(
            executor.submit(draw, step) for step in islice(steps, AHEAD)
        )
        while waiting:
            crops = waiting.popleft().result()
            waiting.extend(executor.submit(draw, step) for step in islice(steps, 1))
            if device.type == "cuda":  # its memory is not used again before this stream is done
                crops.record_stream(torch.cuda.current_stream(device))
            yield crops
    finally:
        executor.shutdown(cancel_futures=True)


class _DrawBeside:
    """Draws batches in another thread: on the CPU by one core, on a GPU in a stream of its own."""

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self._config, self._device = config, device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def prepare(self) -> None:
        """Set this thread up, once."""
        torch.set_num_threads(1)  # of this thread; more wait for each other longer than they work

    def __call__(self, step: int) -> Tensor:
        """Draw a step's crops and wait until they are there."""
        with torch.cuda.stream(self._stream):  # does nothing without a stream
            crops = draw_batch(self._config, step, self._device)
        if self._stream is not None:
            self._stream.synchronize()
        return crops
