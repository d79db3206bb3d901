"""The network strip by strip against the whole picture at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core.config import LAYERS, StyleTransferConfig
from nst_core.objective import Losses, Objective
from nst_core.strips import WHOLE, Strips, cuts, in_strips, margin
from nst_core.vgg import VGG19Encoder, block_of
from tests.conftest import random_state_dict

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@pytest.fixture(scope="module")
def deep() -> VGG19Encoder:
    return VGG19Encoder(random_state_dict(), LAYERS[:13])


def picture(height: int, width: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand((1, 3, height, width), generator=random)


def evaluated(
    encoder: VGG19Encoder,
    size: tuple[int, int],
    strips: Strips,
    masked: bool = False,
    **changes: Any,
) -> tuple[Losses, Tensor]:
    """Return the losses of a picture and their gradient."""
    config = StyleTransferConfig(beta=1e4, size=64, **changes)
    mask = picture(*size, 4)[:, :1] if masked else None
    style_mask = picture(110, 64, 5)[:, :1] if masked else None
    objective = Objective(
        encoder,
        config,
        picture(*size, 1),
        [picture(110, 64, 2)],
        content_mask=mask,
        style_masks=[style_mask],
        strips_for=lambda size: strips,
    )
    image = picture(*size, 3).requires_grad_()
    losses = objective(image)
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    return losses, image.grad


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [(131, 75), (64, 157)])
def test_strips_give_the_losses_and_the_gradient_of_the_whole(
    deep: VGG19Encoder, blocks: int, size: tuple[int, int]
) -> None:
    expected, slope = evaluated(deep, size, WHOLE)
    found, own = evaluated(deep, size, Strips(blocks, 32))
    torch.testing.assert_close(found.values, expected.values, rtol=1e-5, atol=0)
    assert float((own - slope).norm() / slope.norm()) < 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        {"style_statistic": "covariance"},
        {"style_statistic": "wasserstein"},
        {"masked": True},
        {"masked": True, "style_statistic": "covariance"},
        {"content_layers": "conv1_2,conv3_3,conv4_2", "style_layers": "conv1_2,conv4_2"},
        {"style_layers": "conv2_1", "content_layers": "conv2_1"},
    ],
    ids=str,
)
def test_every_kind_of_loss_adds_up_over_strips(
    deep: VGG19Encoder, changes: dict[str, Any]
) -> None:
    expected, slope = evaluated(deep, (131, 75), WHOLE, **changes)
    for blocks in (2, 4):
        found, own = evaluated(deep, (131, 75), Strips(blocks, 48), **changes)
        torch.testing.assert_close(found.values, expected.values, rtol=1e-4, atol=0)
        assert float((own - slope).norm() / slope.norm()) < 1e-4


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("padding", ["replicate", "zeros"])
def test_what_is_kept_is_what_the_whole_has(pooling: str, padding: str) -> None:
    encoder = VGG19Encoder(
        random_state_dict(LAYERS[:7]), LAYERS[:7], pooling=pooling, padding=padding
    )
    image, layers = picture(100, 37, 1), LAYERS[:7]
    whole = encoder(image, layers)
    found: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        _, deeper = in_strips(
            encoder, image, layers, Strips(2, 16),
            lambda layer, x, cut: found.setdefault(layer, []).append(x.clone()) or (),  # type: ignore[func-returns-value]
        )  # fmt: skip
    for layer in layers:
        own = torch.cat(found[layer], -2) if block_of(layer) < 3 else deeper[layer]
        rounding = 1e-5 * float(whole[layer].abs().max())
        torch.testing.assert_close(own, whole[layer], rtol=1e-4, atol=rounding)


@pytest.mark.parametrize(("blocks", "expected"), [(1, 2), (2, 8), (3, 24), (4, 64), (5, 96)])
def test_the_margin_is_what_a_cut_can_change(
    deep: VGG19Encoder, blocks: int, expected: int
) -> None:
    assert margin(STYLE_LAYERS, blocks) == expected
    height = 2 * expected + 32  # where a strip ends, and the picture goes on
    image = picture(height + 64, 16, 1).double()
    wide = copy.deepcopy(deep).double()
    kept = []
    for x in (image, image[..., :height, :]):
        found, pooled = wide.through(x, STYLE_LAYERS, range(1, blocks + 1))
        kept.append(found["conv5_1"] if pooled is None else pooled)
    scale = height // kept[1].shape[-2]
    differs = (kept[0][..., : height // scale, :] - kept[1]).abs() > 1e-9
    first = int(differs.any(-1).flatten(0, 1).any(0).nonzero().min()) * scale
    assert first >= height - expected  # all that is wrong lies within the margin
    assert first < height - expected + 2**blocks  # which is no wider than it need be


def test_strips_cover_a_picture_once() -> None:
    for total in (16, 47, 48, 63, 64, 65, 200):
        found = cuts(total, 10, Strips(2, 32), STYLE_LAYERS)
        assert [cut.start for cut in found] == [0, *(cut.stop for cut in found[:-1])]
        assert found[-1].stop == total
        assert found[-1].is_end
        assert max(cut.stop - cut.start for cut in found) <= max(48, total % 32 + 32)
    (wide,) = {cut.axis for cut in cuts(10, 200, Strips(2, 32), STYLE_LAYERS)}
    assert wide == -1


def test_a_picture_without_layers_has_no_sums() -> None:
    encoder = VGG19Encoder(random_state_dict(LAYERS[:1]), LAYERS[:1])
    sums, deeper = in_strips(
        encoder, picture(40, 16, 1), ["conv1_1"], Strips(1, 16), lambda layer, x, cut: [x.sum()]
    )
    assert not deeper
    torch.testing.assert_close(
        sums["conv1_1"][0], encoder(picture(40, 16, 1), ["conv1_1"])["conv1_1"].sum()
    )
