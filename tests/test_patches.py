"""Patches of pixels, compared by the sliced Wasserstein distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance
from torch import Tensor

from nst_core import ConfigError, Step, StyleTransferConfig, stylize
from nst_core.objective import Objective
from nst_core.patches import (
    DIRECTIONS,
    PATCH,
    SAMPLES,
    SCALES,
    WIDEST_GRID,
    PatchDistance,
    grid_width,
    scale_names,
)
from nst_core.together import stylize_together
from nst_core.vgg import VGG19Encoder
from tests.conftest import random_state_dict


def picture(height: int, width: int, seed: int, *, double: bool = False) -> Tensor:
    """Return a picture with forms of several sizes."""
    random = torch.Generator().manual_seed(seed)
    found = torch.rand((1, 3, height, width), generator=random)
    found += F.interpolate(
        torch.rand((1, 3, 6, 6), generator=random), (height, width), mode="bilinear"
    )
    return (found / 2).double() if double else found / 2


def distance_to(
    styles: Sequence[Tensor],
    size: tuple[int, int],
    *,
    shares: Sequence[float] = (1.0,),
    style_masks: Sequence[Tensor | None] = (None,),
    mask: Tensor | None = None,
    seed: int = 0,
) -> PatchDistance:
    return PatchDistance(styles, shares, style_masks, mask, size, seed)


def patches_of(image: Tensor) -> np.ndarray:
    """Return every patch whose middle is a pixel, ``(M, 147)``, in a row each."""
    padded = np.pad(image[0].numpy(), ((0, 0), (3, 3), (3, 3)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(1, 2))
    return windows.transpose(1, 2, 0, 3, 4).reshape(-1, 3 * PATCH * PATCH)


def test_it_is_the_mean_earth_movers_distance_over_directions() -> None:
    """Against SciPy's, at the finest scale, for pictures of two sizes."""
    image, style = picture(40, 36, 0), picture(40, 36, 1)
    distance = distance_to([style], (40, 36))
    directions = distance._directions[0].flatten(1).numpy()
    own, target = patches_of(image), patches_of(style)
    expected = [wasserstein_distance(own @ d, target @ d) for d in directions]
    assert float(distance(image)[0]) == pytest.approx(np.mean(expected), rel=1e-4)


def test_directions_have_a_mean_square_of_one() -> None:
    directions = distance_to([picture(32, 32, 0)], (32, 32))._directions
    assert directions.shape == (len(SCALES), DIRECTIONS, 3, PATCH, PATCH)
    torch.testing.assert_close(
        directions.square().mean((2, 3, 4)), torch.ones(len(SCALES), DIRECTIONS)
    )


def test_two_flat_pictures_are_as_far_apart_as_their_colours() -> None:
    """All patches are alike: each direction says |difference * sum of its entries|."""
    distance = distance_to([torch.full((1, 3, 40, 40), 0.25)], (40, 40))
    found = distance(torch.full((1, 3, 40, 40), 0.75))
    expected = 0.5 * distance._directions.flatten(2).sum(-1).abs().mean(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_it_is_zero_at_the_style_and_does_not_know_where_patches_lie() -> None:
    style = picture(48, 48, 0)
    distance = distance_to([style], (48, 48))
    assert float(distance(style).max()) == 0
    turned = torch.roll(F.pad(style, (24,) * 4, mode="circular"), (5, 9), (2, 3))
    tiled = distance_to([F.pad(style, (24,) * 4, mode="circular")], (96, 96))
    near = float(tiled(turned)[0])
    assert near < 0.1 * float(tiled(picture(96, 96, 3))[0])


def test_the_gradient_is_that_of_finite_differences() -> None:
    style, image = picture(20, 17, 1, double=True), picture(20, 17, 0, double=True)
    distance = distance_to([style], (20, 17))
    distance._directions = distance._directions.double()
    # No two patches' values are equal, so that order is kept by a small move
    assert torch.autograd.gradcheck(
        lambda x: distance(x), image.requires_grad_(), eps=1e-7, atol=1e-4
    )


def test_parts_add_up_to_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for most in (2**22, 5000):
        monkeypatch.setattr("nst_core.patches._AT_ONCE", most)
        image = picture(40, 30, 0).requires_grad_()
        distance = distance_to([picture(40, 30, 1)], (40, 30))
        losses = distance(image)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        found.append((losses.detach(), image.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-8)


def test_each_step_looks_in_directions_of_its_own() -> None:
    distance = distance_to([picture(32, 32, 1)], (32, 32))
    image, found = picture(32, 32, 0), []
    for step in (0, 1, 2, 0):
        distance.at_step(step)
        found.append(distance(image).tolist())
    assert found[0] == found[3]
    assert len({tuple(values) for values in found}) == 3
    other = distance_to([picture(32, 32, 1)], (32, 32), seed=1)
    assert other(image).tolist() not in found
    far = distance_to([picture(32, 32, 1)], (32, 32), seed=2**63 - 1)
    far.at_step(100_000)
    assert bool(far(image).isfinite().all())


def test_a_larger_picture_is_looked_at_on_a_grid() -> None:
    edge = int(SAMPLES**0.5)
    assert grid_width((edge, edge)) == 1
    assert grid_width((edge + 1, edge)) == 2
    assert grid_width((100 * edge, edge)) == WIDEST_GRID < PATCH
    image = picture(2 * edge, 2 * edge, 0).requires_grad_()
    distance = distance_to([picture(2 * edge, 2 * edge, 1)], (2 * edge, 2 * edge))
    finest = distance(image)[0]
    finest.backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert bool((image.grad[..., 4:-4, 4:-4].abs().sum(1) > 0).all())  # every pixel is in some
    full = wasserstein_distance  # of all patches, along some directions
    directions = distance._directions[0, :8].flatten(1).numpy()
    own = patches_of(image.detach())
    target = patches_of(picture(2 * edge, 2 * edge, 1))
    few = PatchDistance.__call__(distance, image.detach())[0]
    expected = np.mean([full(own @ d, target @ d) for d in directions])
    assert float(few) == pytest.approx(expected, rel=0.5)  # 64 directions and 8


def test_a_mask_leaves_out_what_lies_outside() -> None:
    style, other = picture(40, 40, 1), picture(40, 40, 2)
    half = torch.zeros(1, 1, 40, 40)
    half[..., :20] = 1
    mixed = torch.where(half > 0, style, other)
    own = torch.cat([style[..., :20], style[..., :20].flip(-1)], -1)
    plain = distance_to([own], (40, 40))(picture(40, 40, 0))
    masked = distance_to([mixed], (40, 40), style_masks=[half])(picture(40, 40, 0))
    whole = distance_to([mixed], (40, 40))(picture(40, 40, 0))
    # the patches beside the mask's edge differ, and those further in do not
    assert float((masked - plain).abs()[0]) < float((whole - plain).abs()[0])
    image = picture(40, 40, 0).requires_grad_()
    distance_to([style], (40, 40), mask=half)(image)[0].backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert float(image.grad[..., 24:].abs().max()) == 0
    assert float(image.grad[..., :20].abs().max()) > 0


def test_several_styles_are_their_barycentre() -> None:
    """Between a black and a white picture lies the grey of their shares."""
    black, white = torch.zeros(1, 3, 40, 40), torch.ones(1, 3, 40, 40)
    distance = distance_to([black, white], (40, 40), shares=(0.75, 0.25), style_masks=(None, None))
    assert float(distance(torch.full((1, 3, 40, 40), 0.25)).max()) < 1e-4
    assert float(distance(torch.full((1, 3, 40, 40), 0.5)).min()) > 0.1


@pytest.fixture(scope="module")
def encoder() -> VGG19Encoder:
    return VGG19Encoder(random_state_dict(("conv1_1", "conv1_2")), ("conv1_1", "conv1_2"))


def config(**changes: object) -> StyleTransferConfig:
    settings: dict[str, object] = {
        "style_statistic": "patches", "content_layers": "conv1_2", "size": 64, "steps": 12,
        "alpha": 1e-3, "beta": 1e6, "gamma": 0,
    }  # fmt: skip
    return StyleTransferConfig(**settings | changes)


def test_the_losses_are_named_by_their_scale_and_add_up(encoder: VGG19Encoder) -> None:
    content, style = picture(64, 48, 0), picture(64, 64, 1)
    first, *_, last = stylize(content, [style], config(), encoder=encoder)
    names = [f"style/{name}" for name in scale_names()]
    assert names == [f"style/patches 1:{scale}" for scale in (1, 2, 4, 8)]
    assert [name for name in last.losses if name.startswith("style/")] == names
    total = sum(last.losses[name] for name in names)
    assert last.losses["style"] == pytest.approx(total, rel=1e-5)
    assert last.losses["style"] < 0.8 * first.losses["style"]


def test_the_style_layers_have_no_part_in_it(encoder: VGG19Encoder) -> None:
    content, style = picture(64, 48, 0), picture(64, 64, 1)
    objective = Objective(encoder, config(style_layers={}), content, [style])
    assert objective.layers == ("conv1_2",)
    *_, first = stylize(content, [style], config(), encoder=encoder)
    *_, second = stylize(content, [style], config(style_layers={}), encoder=encoder)
    assert torch.equal(first.image().pixels, second.image().pixels)


def test_a_run_goes_on_from_a_checkpoint_as_if_undisturbed(encoder: VGG19Encoder) -> None:
    content, style = picture(64, 48, 0), picture(64, 64, 1)
    for changes in ({}, {"levels": 2}):
        checkpoints, expected = {}, None
        for step in stylize(content, [style], config(**changes), encoder=encoder):
            checkpoints[step.index] = step.checkpoint() if not step.is_last else None
            expected = step.image().pixels
        for index in (3, 7):
            *_, last = stylize(
                content, [style], config(**changes), encoder=encoder, resume=checkpoints[index]
            )
            assert expected is not None
            assert torch.equal(last.image().pixels, expected)


def test_runs_together_give_what_each_gives_alone(encoder: VGG19Encoder) -> None:
    content, style = picture(64, 48, 0), picture(64, 64, 1)
    configs = [config(), config(beta=1e7), config(style_statistic="gram", style_layers="conv1_1")]
    ends: dict[int, Step] = {}
    for k, step in stylize_together(content, [style], configs, encoder=encoder, most=3):
        assert isinstance(step, Step)
        ends[k] = step
    for k, own in enumerate(configs):
        *_, alone = stylize(content, [style], own, encoder=encoder)
        torch.testing.assert_close(ends[k].image().pixels, alone.image().pixels, rtol=0, atol=2e-2)


def test_lbfgs_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="take auto, adam, or"):
        config(optimizer="lbfgs")


def test_a_run_draws_directions_at_every_step(encoder: VGG19Encoder) -> None:
    """The picture hardly moves, and what is seen of it does."""
    content, style = picture(64, 48, 0), picture(64, 64, 1)
    still = config(learning_rate=1e-9, steps=4)
    losses = [step.losses["style"] for step in stylize(content, [style], still, encoder=encoder)]
    assert len({round(loss / losses[0], 3) for loss in losses}) == 4
