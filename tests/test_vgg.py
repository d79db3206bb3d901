"""The encoder against torchvision's own VGG-19."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision

from nst_core.config import LAYERS
from nst_core.errors import LayerError
from nst_core.vgg import (
    AVERAGE_POOLING_SCALE,
    FEATURE_INDEX,
    VGG19Encoder,
    available_layers,
    weight_names,
)
from tests.conftest import random_state_dict


@pytest.fixture(scope="module")
def torchvision_features() -> torch.nn.Sequential:
    features: torch.nn.Sequential = torchvision.models.vgg19(weights=None).features.eval()
    features.load_state_dict(
        {name.removeprefix("features."): x for name, x in random_state_dict().items()}
    )
    for module in features:
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return features


def test_every_layer_equals_torchvisions(torchvision_features: torch.nn.Sequential) -> None:
    encoder = VGG19Encoder(random_state_dict(), pooling="max", padding="zeros")
    image = torch.rand((2, 3, 64, 48), generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    x = (image - mean) / std
    found = encoder(image, LAYERS)
    with torch.no_grad():
        for index, module in enumerate(torchvision_features):
            x = module(x)
            for layer in LAYERS:
                if FEATURE_INDEX[layer] + 1 == index:  # after the ReLU
                    scale = x.abs().max().item()
                    torch.testing.assert_close(found[layer], x, rtol=1e-4, atol=1e-6 * scale)
                    assert (found[layer] > 0).any()


def test_only_what_is_in_use_is_built() -> None:
    encoder = VGG19Encoder(random_state_dict(), ["conv2_1", "conv1_1"])
    assert encoder.layers == ("conv1_1", "conv1_2", "conv2_1")
    assert not hasattr(encoder, "conv2_2_weight")
    assert all(not buffer.requires_grad for buffer in encoder.buffers())


def test_only_what_is_asked_for_is_returned() -> None:
    encoder = VGG19Encoder(random_state_dict(), ["conv3_1"])
    found = encoder(torch.rand(1, 3, 16, 16), ["conv1_2", "conv2_1"])
    assert {name: tuple(x.shape) for name, x in found.items()} == {
        "conv1_2": (1, 64, 16, 16),
        "conv2_1": (1, 128, 8, 8),
    }
    assert encoder(torch.rand(1, 3, 16, 16), []) == {}


def test_a_state_dict_may_stop_early_and_says_what_it_has() -> None:
    state_dict = random_state_dict(LAYERS[:8])
    assert available_layers(state_dict) == LAYERS[:8]
    with pytest.raises(LayerError, match=r"no layer conv4_1; they have conv1_1.* conv3_4$"):
        VGG19Encoder(state_dict, ["conv1_1", "conv4_1"])
    encoder = VGG19Encoder(state_dict, ["conv1_1"])
    with pytest.raises(LayerError, match="conv1_2"):
        encoder(torch.rand(1, 3, 16, 16), ["conv1_2"])


def test_a_gap_ends_what_is_available() -> None:
    state_dict = random_state_dict(LAYERS[:4])
    del state_dict[weight_names("conv2_1")[1]]
    assert available_layers(state_dict) == LAYERS[:2]


def test_replicate_padding_leaves_no_frame_on_a_flat_picture() -> None:
    flat = torch.full((1, 3, 16, 16), 0.7)
    state_dict = random_state_dict(LAYERS[:1])
    for padding, even in (("replicate", True), ("zeros", False)):
        x = VGG19Encoder(state_dict, LAYERS[:1], padding=padding)(flat, LAYERS[:1])["conv1_1"]
        spread = (x - x[..., 8:9, 8:9]).abs().max().item()
        assert (spread < 1e-5) is even


def test_average_pooling_averages_and_rescales() -> None:
    state_dict = random_state_dict(LAYERS[:3])
    encoder = VGG19Encoder(state_dict, LAYERS[:3], pooling="average")
    found = encoder(torch.rand(1, 3, 16, 16), ["conv1_2", "conv2_1"])
    pooled = F.avg_pool2d(found["conv1_2"], 2) * AVERAGE_POOLING_SCALE
    weight, bias = (state_dict[name] for name in weight_names("conv2_1"))
    torch.testing.assert_close(found["conv2_1"], F.conv2d(pooled, weight, bias, padding=1).relu())
