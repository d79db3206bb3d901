"""Fixtures of the training: one thread, and a training that takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from training.settings import TrainingConfig


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute by one thread: on shared cores, several wait for each other longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small() -> TrainingConfig:
    """Return a training of three layers, 32 px and four steps."""
    return TrainingConfig(
        steps=4, textures=4, crops=2, size=32, layers="conv2_1", dimensions=8, seed=3
    )
