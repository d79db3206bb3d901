"""Which runs may go together, in which batches, and how many fit into memory."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from nst_core.config import StyleTransferConfig
from nst_core.cost import picture_bytes
from nst_core.errors import ConfigError
from nst_core.optim import LBFGS_HISTORY
from nst_core.sharing import batch_size, batches, can_share
from tests.test_stylize import settings

Changes = dict[str, Any]

NO_STYLE: Changes = {"beta": 0, "content_layers": "conv2_2"}
"""Of a run from the content, which goes alone."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"alpha": 2, "beta": 3, "gamma": 4, "style_weights": (1, 2)}, True),
        ({"seed": 1, "init": "noise", "averaging": 0.5, "outputs": 2}, True),
        ({"learning_rate": 0.1, "lr_schedule": "cosine", "stop_below": 1}, True),
        ({"steps": 60}, True),
        ({"style_statistic": "wasserstein", "color_before": "pca", "style_scale": 2}, True),
        ({"style_layers": "conv1_2,conv2_2", "content_layers": "conv1_1"}, True),
        ({"precision": "float32"}, True),
        ({"style_layers": "conv1_1"}, False),
        ({"beta": 0, "content_layers": "conv2_2"}, False),
        ({"beta": 0, "content_layers": "conv2_2", "init": "noise"}, True),
        ({"beta": 0, "content_layers": "conv2_2", "init": "mix", "init_mix": 0}, False),
        ({"size": 64}, False),
        ({"size": 64, "levels": 2}, False),
        ({"optimizer": "adam"}, True),
        ({"pooling": "max"}, False),
        ({"padding": "zeros"}, False),
        ({"normalize_activations": False}, False),
        ({"weights": "imagenet"}, False),
        ({"precision": "bfloat16"}, False),
        ({"device": "auto"}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_runs_share_what_decides_the_pass_through_the_network(
    changes: Changes, expected: bool
) -> None:
    a, b = settings(), settings(**changes)
    assert can_share(a, b) is expected
    assert can_share(b, a) is expected
    assert batches([a, b], 9) == ([[0, 1]] if expected else [[0], [1]])


def test_levels_of_the_same_sizes_share_whatever_their_steps() -> None:
    plans: list[Changes] = [
        {"size": 1024, "steps": 300},
        {"size": 1024, "steps": 30},
        {"size": 1024, "steps": 30, "levels": 5},
        {"size": 1024, "steps": 1},  # auto has no step for a second level
        {"size": 1024, "levels": 1},
    ]
    assert batches([settings(**plan) for plan in plans], 9) == [[0, 1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1, [[0], [1], [2], [3], [4], [5], [6], [7]]),
        (2, [[0], [1], [2, 4], [3], [5], [6, 7]]),
        (3, [[0, 2], [1], [3], [4, 6, 7], [5]]),
        (5, [[0, 2, 4, 6, 7], [1], [3], [5]]),
    ],
)
def test_batches_are_of_a_kind_and_even(most: int, expected: list[list[int]]) -> None:
    kinds: list[Changes] = [
        {}, {"pooling": "max"}, {"beta": 2}, NO_STYLE,
        {"beta": 3}, NO_STYLE, {"beta": 4}, {"beta": 5},
    ]  # fmt: skip
    assert batches([settings(**kind) for kind in kinds], most) == expected
    assert batches([], most) == []


def test_batches_of_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="most must be 1 or more, got 0"):
        batches([settings()], 0)


# How many fit


def test_the_bytes_of_a_picture_are_those_of_its_activations() -> None:
    """By hand, for 32 x 48 px down to conv2_1: 64 channels, 64 again, pooled, and 128."""
    area, quarter = 32 * 48, 16 * 24
    activations = 64 * area + 64 * area + 64 * quarter + 128 * quarter
    looked_at = 2 * (64 * area + 128 * quarter)
    gradients = 2 * 64 * area
    picture = 5 * 3 * area
    expected = 4 * (activations + looked_at + gradients + picture)
    assert picture_bytes((32, 48), ["conv2_1", "conv1_1"]) == expected
    deeper = picture_bytes((32, 48), ["conv2_2", "conv1_1"])
    assert deeper - expected == 4 * 128 * quarter


def test_the_bytes_of_a_picture_grow_with_its_area() -> None:
    layers = [layer for layer, _ in StyleTransferConfig().style_layers]
    small, large = picture_bytes((256, 256), layers), picture_bytes((512, 512), layers)
    assert large == 4 * small
    assert 150e6 < small < 250e6  # 154e6 was measured


def test_the_batch_fills_the_memory_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    gib = 2**30
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (4 * gib, 80 * gib))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 3 * gib)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 2 * gib)
    config, layers = settings(size=256), ["conv1_1", "conv2_1"]
    size = (171, 256)
    pairs = 4 * 3 * 171 * 256 * (2 * LBFGS_HISTORY + 3)
    each = picture_bytes(size, layers) + pairs
    cuda = torch.device("cuda:0")
    expected = math.floor(0.8 * 5 * gib / each)
    assert expected > 10
    assert batch_size(config, (32, 48), layers, cuda) == expected
    assert batch_size(settings(size=8192), (32, 48), layers, cuda) == 1
    assert batch_size(config, (32, 48), layers, torch.device("cpu")) == 1
