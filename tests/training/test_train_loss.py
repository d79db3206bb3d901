"""The loss: closed forms of the contrastive part, and what the spread-out penalty sees."""

from __future__ import annotations

from math import exp, log, pi

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from training.loss import accuracy, contrastive_loss, spread_out

pytestmark = pytest.mark.usefixtures("one_thread")


def test_nt_xent_of_an_example_by_hand() -> None:
    angles = torch.tensor([[0.0, pi / 3], [pi / 2, pi]])  # two textures, two crops each
    embeddings = torch.stack((angles.cos(), angles.sin()), -1)
    t, root = 0.5, 3**0.5 / 2
    cosines = {(0, 1): 0.5, (0, 2): 0.0, (0, 3): -1.0, (1, 2): root, (1, 3): -0.5, (2, 3): 0.0}

    def s(i: int, j: int) -> float:
        return cosines[min(i, j), max(i, j)]

    terms = [
        -log(exp(s(i, p) / t) / sum(exp(s(i, a) / t) for a in range(4) if a != i))
        for i, p in ((0, 1), (1, 0), (2, 3), (3, 2))
    ]
    found = contrastive_loss(embeddings, t)
    assert float(found) == pytest.approx(sum(terms) / 4, rel=1e-5)


@pytest.mark.parametrize(("textures", "crops"), [(3, 2), (5, 4)])
def test_textures_apart_with_identical_crops_have_the_loss_of_a_simplex(
    textures: int, crops: int
) -> None:
    vectors = F.normalize(torch.eye(textures) - 1 / textures)
    embeddings = vectors[:, None].repeat(1, crops, 1).requires_grad_()
    t = 0.2
    others = (textures - 1) * crops * exp(-1 / (textures - 1) / t)
    expected = log((crops - 1) * exp(1 / t) + others) - 1 / t
    loss = contrastive_loss(embeddings, t)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    # It is the minimum: on the sphere there is no way down, and wherever else is worse.
    (slope,) = torch.autograd.grad(loss, embeddings)
    apart = embeddings.detach()
    along = slope - (slope * apart).sum(-1, keepdim=True) * apart
    assert float(along.abs().max()) < 1e-6
    random = torch.Generator().manual_seed(0)
    for size in (0.01, 0.1, 1.0, 10.0):
        moved = apart + size * torch.randn(apart.shape, generator=random)
        assert contrastive_loss(F.normalize(moved, dim=-1), t) > loss


def test_embeddings_that_are_all_alike_know_nothing() -> None:
    alike = torch.ones((6, 2, 1))
    assert float(contrastive_loss(alike, 0.1)) == pytest.approx(log(11), rel=1e-5)


def test_accuracy_counts_crops_whose_nearest_is_of_their_texture() -> None:
    angles = torch.tensor([[0.0, 0.1], [1.0, 1.2], [2.0, 1.25]])
    embeddings = torch.stack((angles.cos(), angles.sin()), -1)
    # The last crop and the second of the middle texture take each other for the same.
    assert float(accuracy(embeddings)) == pytest.approx(4 / 6)


def half_normal(filters: int = 6, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn((4, filters, 32, 32), generator=random)


def test_normal_filters_are_left_alone() -> None:
    found = spread_out(F.relu(half_normal()))
    assert found.variance == 0
    assert found.firing == 0
    assert found.covariance < 1e-3


def test_filters_that_hardly_vary_cost() -> None:
    found = spread_out(0.1 * F.relu(half_normal()))
    deviation = (1 / 2 - 1 / (2 * pi)) ** 0.5
    assert float(found.variance) == pytest.approx(0.4 - 0.1 * deviation, abs=0.01)


def test_share_of_firing_is_that_of_a_filter_that_is_on_or_off() -> None:
    on = torch.zeros((4, 1, 32, 32))
    on[:, :, :, ::16] = 7.0  # one position in 16
    found = spread_out(torch.cat((on, 7.0 * torch.ones_like(on)), 1))
    rarely, always = 0.1 - 1 / 16, 1 - 0.6
    assert float(found.firing) == pytest.approx((rarely**2 + always**2) / 2, rel=0.02)


def test_filters_that_are_copies_cost_whatever_their_scale() -> None:
    one, other = F.relu(half_normal(1)), F.relu(half_normal(1, seed=1))
    found = spread_out(torch.cat((one, 5 * one, other), 1))
    assert float(found.covariance) == pytest.approx(1 / 3, abs=0.01)  # one pair of three


def test_a_filter_about_to_die_is_pulled_back() -> None:
    before = half_normal() - 2
    shift = torch.zeros(6, requires_grad=True)
    found = spread_out(F.relu(before + shift.view(1, -1, 1, 1)))
    (slope,) = torch.autograd.grad(found.variance + found.firing, shift)
    assert (slope < 0).all()  # down the slope its bias rises
