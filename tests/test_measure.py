"""A picture measured against a run: the paper's formulas, and what the run itself reports."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core import (
    LAYERS,
    ConfigError,
    ImageError,
    StyleTransferConfig,
    colorfulness,
    default_config,
    measure,
    sharpness,
    stylize,
    weights_in_use,
)
from nst_core.image import resize
from nst_core.metrics import measuring_config
from nst_core.vgg import VGG19Encoder, Weights
from tests.conftest import random_state_dict
from tests.test_metrics import blurred, photograph


def test_the_same_picture_has_no_distance(content: Tensor, encoder: VGG19Encoder) -> None:
    found = measure(content, content, [content], encoder)
    assert (found.ssim, found.color_difference) == (1, 0)
    assert (found.style_distance, found.content_distance) == (0, 0)


def gram(features: Tensor, mask: Tensor | None = None) -> Any:
    """Return eq. 3 over M in NumPy, of the positions inside a mask of the same size."""
    rows = features[0].flatten(1).double().numpy()
    if mask is None:
        return rows @ rows.T / rows.shape[1]
    shares = mask.flatten().double().numpy()
    return (rows * shares) @ rows.T / shares.sum()


def test_distances_are_those_of_the_paper(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    """Eqs. 1, 4 and 5 in NumPy, with the layers that these weights have of the paper's."""
    image = content.flip(3)
    found = measure(image, resize(content, (64, 96)), [style], encoder)
    scaled = resize(style, (48, 38))  # 40 x 32 with a long edge of 48
    own, theirs = (encoder(x, LAYERS[:4]) for x in (image, scaled))
    errors = [
        ((gram(own[layer]) - gram(theirs[layer])) ** 2).sum() / (4 * own[layer].shape[1] ** 2)
        for layer in ("conv1_1", "conv2_1")
    ]
    assert found.style_distance == pytest.approx(sum(errors) / 2, rel=1e-4)
    target = encoder(resize(resize(content, (64, 96)), (32, 48)), ["conv2_2"])["conv2_2"]
    expected = (own["conv2_2"] - target).double().square().sum() / 2 * 512 * 512 / (32 * 48)
    assert found.content_distance == pytest.approx(float(expected), rel=1e-4)
    assert (found.style_layers, found.content_layers) == (("conv1_1", "conv2_1"), ("conv2_2",))


@pytest.mark.parametrize("shares", [(), (3.0, 1.0)])
def test_distances_are_the_losses_that_a_run_reports(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, shares: Any
) -> None:
    """Of the picture that step 2 started from, to the last bit."""
    mask = torch.zeros(1, 1, 40, 32)
    mask[..., :20, :] = 1
    config = StyleTransferConfig(
        size=48,
        steps=2,
        alpha=1,
        beta=1,
        gamma=0,
        style_layers=["conv1_1", "conv2_1"],
        content_layers=["conv2_2"],
        style_weights=shares,
    )
    pictures, masks = [style, content], [mask, None]
    steps = stylize(content, pictures, config, style_masks=masks, encoder=encoder)
    image = next(steps).image().pixels
    second = next(steps)
    steps.close()
    found = measure(image, content, pictures, encoder, style_weights=shares, style_masks=masks)
    assert found.style_distance == second.losses["style"]
    assert found.content_distance == second.losses["content"]


def test_several_styles_are_the_blend_of_their_statistics(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    pictures = [style, style.flip(1), content]
    alone = measure(content, content, [style], encoder).style_distance
    equal = measure(content, content, pictures, encoder).style_distance
    found = [
        measure(content, content, pictures, encoder, style_weights=weights).style_distance
        for weights in ((1, 0, 0), (2, 2, 2), (0, 0, 1))
    ]
    assert found == pytest.approx([alone, equal, 0], rel=1e-5, abs=1e-12)
    assert 0 < equal < alone


def test_a_style_mask_says_what_the_style_is(content: Tensor, encoder: VGG19Encoder) -> None:
    """Only the first channels' layer sees no further than the mask's edge: compare there."""
    first = VGG19Encoder(random_state_dict(LAYERS[:1]), LAYERS[:1])
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., 24:] = 1
    found = measure(content, content, [content], first, style_masks=[mask]).style_distance
    features = first(content, ["conv1_1"])["conv1_1"]
    expected = ((gram(features) - gram(features, mask)) ** 2).sum() / (4 * 64**2)
    assert found == pytest.approx(float(expected), rel=1e-4)
    assert found > 0
    whole = measure(content, content, [content], encoder, style_masks=[None]).style_distance
    assert whole == 0


def test_distances_hardly_depend_on_the_size(encoder: VGG19Encoder) -> None:
    photo = photograph()
    image, style = blurred(photo, 3), photo.flip(1)
    found = [
        measure(resize(image, size), photo, [style], encoder) for size in ((64, 96), (128, 192))
    ]
    contents = [item.content_distance for item in found]
    assert contents[1] == pytest.approx(contents[0], rel=0.25)  # of four times the positions
    assert found[1].style_distance == pytest.approx(found[0].style_distance, rel=0.25)


def test_a_picture_of_another_shape_is_compared_with_the_style_alone(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    found = measure(style, content, [style], encoder)
    assert (found.ssim, found.color_difference, found.content_distance) == (None, None, None)
    assert found.style_distance == 0
    assert found.sharpness == sharpness(style)
    assert found.colorfulness == colorfulness(style)


@pytest.mark.parametrize(
    ("size", "has_content"),
    [((32, 48), True), ((33, 49), True), ((32, 49), False), ((48, 32), False), ((16, 24), True)],
)
def test_a_shape_is_the_contents_up_to_rounding(
    content: Tensor, encoder: VGG19Encoder, size: tuple[int, int], has_content: bool
) -> None:
    found = measure(resize(content, size), content, [content], encoder)
    assert (found.content_distance is not None) is has_content


def test_a_content_too_thin_for_the_picture_is_of_another_shape(
    style: Tensor, encoder: VGG19Encoder
) -> None:
    assert measure(style, torch.rand(1, 3, 16, 400), [style], encoder).ssim is None


def test_a_style_too_thin_at_that_size_is_said(content: Tensor, encoder: VGG19Encoder) -> None:
    with pytest.raises(ImageError, match="400 x 16 px would be 48 x 2 px at size 48"):
        measure(content, content, [torch.rand(1, 3, 16, 400)], encoder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"style_weights": [1, 2]}, "2 for 1 style pictures"),
        ({"style_masks": [None, None]}, "2 style masks for 1 style pictures"),
    ],
)
def test_weights_and_masks_that_do_not_fit_are_refused(
    content: Tensor, encoder: VGG19Encoder, options: Any, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        measure(content, content, [content], encoder, **options)


def test_measuring_leaves_its_inputs_alone_and_keeps_no_graph(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    image = content.flip(2).requires_grad_()
    mask = torch.ones(1, 1, 40, 32)
    given = [image, content, style, mask]
    before = [x.detach().clone() for x in given]
    measure(image, content, [style], encoder, style_masks=[mask])
    assert all(x.equal(y) for x, y in zip(given, before, strict=True))
    assert image.grad is None


def test_the_network_is_named(content: Tensor, encoder: VGG19Encoder) -> None:
    source = Weights("few.pth", "ab12", LAYERS[:4], "the file few.pth, as asked for")
    named = VGG19Encoder(random_state_dict(LAYERS[:4]), LAYERS[:4], source=source)
    found = measure(content, content, [content], named)
    assert (found.network, found.network_sha256) == (source.origin, "ab12")
    found = measure(content, content, [content], encoder)
    assert (found.network, found.network_sha256) == ("", "")


PAPER = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@pytest.mark.parametrize(
    ("last", "style", "content"),
    [
        ("conv5_4", PAPER, "conv4_2"),
        ("conv5_1", PAPER, "conv4_2"),
        ("conv4_4", PAPER[:4], "conv4_2"),
        ("conv4_1", PAPER[:4], "conv4_1"),
        ("conv3_4", PAPER[:3], "conv3_4"),
        ("conv1_1", PAPER[:1], "conv1_1"),
    ],
)
def test_where_weights_end_early_the_papers_layers_that_there_are_count(
    last: str, style: tuple[str, ...], content: str
) -> None:
    layers = LAYERS[: LAYERS.index(last) + 1]
    config = measuring_config(layers)
    assert dict(config.style_layers) == dict.fromkeys(style, 1 / len(style))
    assert dict(config.content_layers) == {content: 1}
    assert (config.alpha, config.beta, config.gamma) == (1, 1, 0)
    kept = default_config(layers)
    assert dict(kept.style_layers) == dict.fromkeys(style, 0.2)
    assert kept.content_layers == config.content_layers


def test_defaults_without_layers_are_those_of_the_config() -> None:
    assert default_config() == default_config(()) == StyleTransferConfig()


def test_with_the_weights_that_ship_other_settings_are_usual() -> None:
    config = default_config(LAYERS, "textures")
    assert dict(config.content_layers) == {"conv3_1": 1}
    assert config.style_statistic == "patches"
    assert config.changed(content_layers="conv4_2", style_statistic="gram") == StyleTransferConfig()
    assert default_config(LAYERS, "untrained") == StyleTransferConfig()
    assert dict(default_config(LAYERS[:3], "textures").content_layers) == {"conv2_1": 1}
    assert weights_in_use("textures").defaults() == config
