"""The network: VGG-19 as nst_core has it, once batch norm is folded in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.config import LAYERS
from nst_core.vgg import CHANNELS, VGG19Encoder, weight_names
from tests.conftest import random_state_dict
from training.network import GramHead, TextureNetwork, folded, head_layers

pytestmark = pytest.mark.usefixtures("one_thread")


def random_network(layers: tuple[str, ...], seed: int = 0) -> TextureNetwork:
    """Return a network in eval mode whose batch norms are no identity."""
    random = torch.Generator().manual_seed(seed)
    network = TextureNetwork(layers, dimensions=6, random=random).eval()
    for norm in network.norms.values():
        assert isinstance(norm, nn.BatchNorm2d)
        values: list[Any] = [norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var]
        for value, (low, high) in zip(
            values, ((0.5, 1.5), (-0.3, 0.7), (-0.5, 0.5), (0.3, 3.0)), strict=True
        ):
            value.uniform_(low, high, generator=random)
    return network


def pictures(count: int = 2, size: int = 32) -> Tensor:
    return torch.rand((count, 3, size, size), generator=torch.Generator().manual_seed(9))


def apart(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference over the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


@torch.no_grad()
def test_folded_weights_give_the_encoder_the_same_activations() -> None:
    network = random_network(LAYERS)
    state_dict = folded(network)
    expected = network(pictures()).activations
    found = VGG19Encoder(state_dict)(pictures(), LAYERS)
    assert list(expected) == list(LAYERS)
    for layer in LAYERS:
        assert expected[layer].count_nonzero() > expected[layer].numel() / 20
        assert apart(found[layer], expected[layer]) < 1e-4, layer


def test_folded_weights_have_torchvisions_names_and_shapes() -> None:
    state_dict = folded(random_network(LAYERS[:4]))
    assert list(state_dict) == [name for layer in LAYERS[:4] for name in weight_names(layer)]
    assert state_dict["features.7.weight"].shape == (128, 128, 3, 3)
    assert all(value.dtype == torch.float32 for value in state_dict.values())
    assert not any(value.requires_grad for value in state_dict.values())


def test_the_start_is_hes_and_depends_on_the_seed_alone() -> None:
    first, again = (
        TextureNetwork(LAYERS[:6], random=torch.Generator().manual_seed(5)).state_dict()
        for _ in range(2)
    )
    other = TextureNetwork(LAYERS[:6], random=torch.Generator().manual_seed(6)).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "convolutions.conv3_2.weight"
    assert not torch.equal(first[name], other[name])
    assert float(first[name].std()) == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)


@torch.no_grad()
def test_a_network_started_from_weights_computes_what_they_compute() -> None:
    state_dict = random_state_dict(LAYERS[:4])
    network = TextureNetwork(LAYERS[:5], random=torch.Generator().manual_seed(0))
    untouched = network.convolutions["conv3_1"].weight.clone()  # type: ignore[operator]
    network.start_from(state_dict, pictures(8))
    expected = VGG19Encoder(state_dict, LAYERS[:4])(pictures(8), LAYERS[:4])
    found = network.eval()(pictures(8)).activations
    for layer in LAYERS[:4]:
        assert apart(found[layer], expected[layer]) < 1e-4, layer
    assert torch.equal(network.convolutions["conv3_1"].weight, untouched)  # type: ignore[arg-type]
    # In training, where a batch's own mean and variance count, the same batch gives the same.
    trained = network.train()(pictures(8)).activations
    assert apart(trained["conv2_2"], expected["conv2_2"]) < 1e-3


@torch.no_grad()
def test_a_head_compares_gram_matrices() -> None:
    head = GramHead(5, 3, torch.Generator().manual_seed(0)).eval()
    features = pictures(4, 8).repeat(1, 2, 1, 1)[:, :5]
    vectors = head(features)
    assert vectors.shape == (4, 6)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))
    shuffled = features.flatten(2)[..., torch.randperm(64)].view_as(features)
    torch.testing.assert_close(head(shuffled), vectors)  # where something is, it forgets
    projected = F.conv2d(features, head.projection.weight) / (1 + head.norm.eps) ** 0.5
    gram = torch.einsum("bihw,bjhw->bij", projected, projected) / 64
    pairs = torch.stack([gram[:, i, j] for i in range(3) for j in range(i, 3)], 1)
    expected = F.normalize(pairs / (pairs.abs() + 1e-3).sqrt())
    torch.testing.assert_close(vectors, expected)


def test_a_head_can_be_learned_from_nothing_at_all() -> None:
    """The slope of a root is infinite at 0; that of the head is not."""
    head = GramHead(4, 3, torch.Generator().manual_seed(0)).eval()
    features = torch.zeros((2, 4, 4, 4), requires_grad=True)
    head(features).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_heads_stand_on_the_style_layers_and_on_the_deepest() -> None:
    style = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    assert head_layers(LAYERS) == (*style, "conv5_4")
    assert head_layers(LAYERS[:2]) == ("conv1_1", "conv1_2")
    assert head_layers(LAYERS[:3]) == ("conv1_1", "conv2_1")


def test_every_weight_learns() -> None:
    network = TextureNetwork(LAYERS, dimensions=4, random=torch.Generator().manual_seed(0))
    seen = network(pictures(3))
    weights = torch.randn(seen.embedding().shape, generator=torch.Generator().manual_seed(1))
    (seen.embedding() * weights).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert (
        sum(CHANNELS.values())
        == sum(
            parameter.numel() for name, parameter in network.named_parameters() if "norms" in name
        )
        / 2
    )
