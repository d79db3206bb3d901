"""The loop: what it computes, what it records, that it is reproducible, and how it fails."""

from __future__ import annotations

import math
import re
from contextlib import closing
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.config import LAYERS, StyleTransferConfig
from nst_core.errors import (
    CheckpointError,
    ConfigError,
    DeviceError,
    DivergenceError,
    ImageError,
    LayerError,
    OutOfMemoryError,
    StalePictureError,
)
from nst_core.image import Picture, encode_png, fit_size, resize
from nst_core.losses import content_loss, style_loss, style_target, total_variation_loss
from nst_core.step import Step
from nst_core.stylize import stylize
from nst_core.vgg import VGG19Encoder

SMALL: dict[str, Any] = {
    "size": 48,
    "steps": 6,
    "content_layers": {"conv2_1": 1.0},
    "style_layers": {"conv1_1": 0.5, "conv2_2": 0.5},
    "beta": 1e5,
    "gamma": 1.0,
    "device": "cpu",
}


def settings(**changes: Any) -> StyleTransferConfig:
    return StyleTransferConfig(**{**SMALL, **changes})


def run(content: Any, style: Any, encoder: VGG19Encoder, **changes: Any) -> list[Step]:
    styles = style if isinstance(style, list) else [style]
    return list(stylize(content, styles, settings(**changes), encoder=encoder))


def final(content: Any, style: Any, encoder: VGG19Encoder, **changes: Any) -> Tensor:
    return run(content, style, encoder, **changes)[-1].image().pixels


def test_the_first_loss_is_the_formula_of_its_settings(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    config = settings(init="grey", alpha=2.0, steps=1)
    (step,) = stylize(content, [style], config, encoder=encoder)
    grey = torch.full((1, 3, 32, 48), 0.5)
    layers = ["conv1_1", "conv2_1", "conv2_2"]
    x, photo = encoder(grey, layers), encoder(content, layers)
    painting = encoder(resize(style, fit_size((40, 32), 48)), layers)
    scale = 512 * 512 / (32 * 48)
    expected = {
        "content/conv2_1": 2 * scale * content_loss(x["conv2_1"], photo["conv2_1"]),
        "style/conv1_1": 1e5 * 0.5 * style_loss(x["conv1_1"], style_target(painting["conv1_1"])),
        "style/conv2_2": 1e5 * 0.5 * style_loss(x["conv2_2"], style_target(painting["conv2_2"])),
        "tv": scale * total_variation_loss(grey),
    }
    for name, value in expected.items():
        assert step.losses[name] == pytest.approx(value.item(), rel=1e-5), name


def test_losses_add_up(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    losses = run(content, style, encoder)[-1].losses
    assert losses["content"] == pytest.approx(losses["content/conv2_1"])
    assert losses["style"] == pytest.approx(losses["style/conv1_1"] + losses["style/conv2_2"])
    parts = losses["content"] + losses["style"] + losses["tv"]
    assert losses["total"] == pytest.approx(parts, rel=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("statistic", ["gram", "covariance", "wasserstein"])
def test_the_loss_falls_and_the_picture_stays_in_the_box(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, optimizer: str, statistic: str
) -> None:
    config = settings(
        optimizer=optimizer, style_statistic=statistic, steps=30, beta=1e6, alpha=0.01, gamma=0
    )
    for step in stylize(content, [style], config, encoder=encoder):
        pixels = step.image().pixels
        assert pixels.min() >= 0
        assert pixels.max() <= 1
    assert step.improvement > 30
    assert (step.image().pixels - content).abs().mean() > 0.01


def test_resolution_invariance_scales_alpha_and_gamma_by_the_area(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    on = run(content, style, encoder, steps=1, init="grey")[0].losses
    off = run(content, style, encoder, steps=1, init="grey", resolution_invariant=False)[0].losses
    scale = 512 * 512 / (32 * 48)
    assert on["content"] == pytest.approx(scale * off["content"], rel=1e-5)
    assert on["style"] == pytest.approx(off["style"], rel=1e-6)


def test_at_512_resolution_invariance_changes_nothing(encoder: VGG19Encoder) -> None:
    image = torch.rand((1, 3, 512, 512), generator=torch.Generator().manual_seed(0))
    changes: dict[str, Any] = {"steps": 1, "size": 512, "init": "grey"}
    on = run(image, image, encoder, **changes)[0].losses
    off = run(image, image, encoder, **changes, resolution_invariant=False)[0].losses
    assert dict(on) == dict(off)


# Records


def test_steps_tell_where_the_run_is(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    steps = run(content, style, encoder, steps=7, outputs=3)
    assert [step.index for step in steps] == list(range(1, 8))
    assert {step.total for step in steps} == {7}
    assert {step.size for step in steps} == {(32, 48)}
    assert [step.output for step in steps] == [None, 1, None, None, 2, None, 3]
    assert [step.is_last for step in steps] == [False] * 6 + [True]
    assert steps[0].improvement == 0
    assert sorted(step.seconds for step in steps) == [step.seconds for step in steps]


def test_fewer_records_hold_the_same_losses_and_the_same_picture(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    config = settings(steps=11, outputs=2, lr_schedule="plateau", averaging=0.5)
    every = list(stylize(content, [style], config, encoder=encoder, record_every=1))
    some = list(stylize(content, [style], config, encoder=encoder, record_every=4))
    assert [step.index for step in some] == [4, 6, 8, 11]
    assert [len(step.history["total"]) for step in some] == [4, 2, 2, 3]
    for name in every[0].losses:
        joined = [value for step in some for value in step.history[name]]
        assert joined == [step.losses[name] for step in every]
    assert torch.equal(every[-1].image().pixels, some[-1].image().pixels)


def test_a_picture_asked_for_too_late_is_refused(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    steps = run(content, style, encoder)
    with pytest.raises(StalePictureError, match="gone on to step 6, and the picture of step 2"):
        steps[1].image()
    with pytest.raises(StalePictureError):
        steps[1].checkpoint()
    assert steps[-1].image().size == (32, 48)


def test_a_picture_is_a_copy(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    with closing(stylize(content, [style], settings(), encoder=encoder)) as steps:
        pixels = next(steps).image().pixels
        before = pixels.clone()
        next(steps)
        assert torch.equal(pixels, before)


def test_inputs_are_not_changed(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    kept = content.clone(), style.clone()
    run(content, style, encoder)
    assert torch.equal(content, kept[0])
    assert torch.equal(style, kept[1])


def test_the_result_carries_what_made_it(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    photo = Picture(content, torch.full((1, 1, 32, 48), 0.25), name="photo.png", sha256="ab" * 32)
    result = run(photo, style, encoder, size=64)[-1].image()
    assert result.size == (43, 64)
    assert result.alpha is not None
    assert result.alpha.shape == (1, 1, 43, 64)
    torch.testing.assert_close(result.alpha, torch.full((1, 1, 43, 64), 0.25))
    assert result.provenance["config"] == settings(size=64).model_dump(mode="json")
    inputs = result.provenance["inputs"]
    assert isinstance(inputs, list)
    assert inputs[0] == {"role": "content", "name": "photo.png", "sha256": "ab" * 32}
    assert inputs[1]["role"] == "style"
    assert len(inputs[1]["sha256"]) == 64


# Starts, levels, averages, schedules


def test_each_start_is_what_it_says(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    """A step of nearly no size shows the start."""
    still: dict[str, Any] = {"optimizer": "adam", "learning_rate": 1e-9}
    starts = {
        init: final(content, style, encoder, steps=1, init=init, seed=3, **still)
        for init in ("content", "noise", "grey", "style_colors", "mix")
    }
    torch.testing.assert_close(starts["content"], content)
    torch.testing.assert_close(starts["grey"], torch.full_like(content, 0.5))
    torch.testing.assert_close(starts["mix"], 0.5 * content + 0.5 * starts["noise"])
    assert abs(starts["noise"].mean() - 0.5) < 0.02
    assert abs(starts["noise"].std() - 12**-0.5) < 0.02
    palette = resize(style, fit_size((40, 32), 48))[0].flatten(1).T
    drawn = starts["style_colors"][0].flatten(1).T
    distances = torch.cdist(drawn.double(), palette.double()).min(1).values
    assert distances.max() < 1e-5
    assert torch.unique(drawn, dim=0).shape[0] > 500


def test_noise_follows_the_seed(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    one = final(content, style, encoder, init="noise", seed=1)
    assert torch.equal(one, final(content, style, encoder, init="noise", seed=1))
    assert not torch.equal(one, final(content, style, encoder, init="noise", seed=2))


def test_levels_go_from_coarse_to_fine(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    steps = run(content, style, encoder, size=128, levels=2, steps=9)
    assert [(step.level, step.size) for step in steps] == [(1, (43, 64))] * 3 + [(2, (85, 128))] * 6
    assert steps[-1].image().size == (85, 128)
    assert steps[3].improvement == 0  # each level is judged by its own start
    config = settings(size=128, levels=2, steps=9)
    some = list(stylize(content, [style], config, encoder=encoder, record_every=100))
    assert [step.index for step in some] == [3, 9]
    assert some[-1].improvement == pytest.approx(steps[-1].improvement)


def test_a_thin_picture_goes_through_levels_that_the_network_can_see(
    style: Tensor, encoder: VGG19Encoder
) -> None:
    """At a long edge of 64 px a strip of 10 to 1 would be 6 px high."""
    strip = torch.rand((1, 3, 40, 400), generator=torch.Generator().manual_seed(0))
    steps = run(strip, [style], encoder, size=256, steps=4)
    assert [step.size for step in steps] == [(16, 160), (16, 160), (26, 256), (26, 256)]
    thin = run(style, [strip], encoder, size=256, steps=4)
    assert thin[-1].size == (256, 205)


@pytest.mark.parametrize(("init", "share"), [("noise", 0.0), ("mix", 0.7), ("content", 1.0)])
def test_a_finer_level_starts_from_the_coarser_result_and_the_contents_grain(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, init: str, share: float
) -> None:
    """As far as the run started from the content; Adam's step moves no pixel further than 0.01."""
    config = settings(
        size=128, levels=2, steps=9, optimizer="adam", learning_rate=0.01, init=init, init_mix=0.3
    )
    with closing(stylize(content, [style], config, encoder=encoder)) as steps:
        for step in steps:
            if step.index == 3:
                coarse = step.image().pixels
            if step.index == 4:
                fine = step.image().pixels
                break
    photo = resize(content, (85, 128))
    grain = photo - resize(resize(photo, (43, 64)), (85, 128))
    assert grain.abs().max() > 0.05
    expected = (resize(coarse, (85, 128)) + share * grain).clamp(0, 1)
    assert (fine - expected).abs().max() <= 0.0101


def test_averaging_smooths_the_iterates_and_zero_takes_the_last(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    config = settings(steps=5, learning_rate=0.05)
    iterates = []
    for step in stylize(content, [style], config, encoder=encoder):
        iterates.append(step.image().pixels)
    decay = 0.5
    weights = torch.tensor([decay ** (4 - k) for k in range(5)])
    expected = (torch.stack(iterates) * (weights / weights.sum()).view(5, 1, 1, 1, 1)).sum(0)
    averaged = final(content, style, encoder, steps=5, learning_rate=0.05, averaging=decay)
    torch.testing.assert_close(averaged, expected)


def test_learning_rate_follows_its_schedule(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def rates(**changes: Any) -> list[float]:
        changes = {"optimizer": "adam", **changes}  # whose rate is not 1
        return [step.learning_rate for step in run(content, style, encoder, **changes)]

    assert rates() == [0.02] * 6
    assert rates(optimizer="lbfgs") == rates(optimizer="auto") == [1.0] * 6
    assert rates(optimizer="auto", style_statistic="patches") == [0.02] * 6
    cosine = rates(lr_schedule="cosine", learning_rate=0.1)
    expected = [0.05 * (1 + math.cos(math.pi * k / 6)) for k in range(1, 7)]
    assert cosine == pytest.approx(expected, abs=1e-6)
    # the content is its own best picture: its loss of 0 stalls from the first look on
    stalled = rates(lr_schedule="plateau", beta=0, gamma=0, steps=70)
    assert [stalled[step - 1] for step in (1, 39, 40, 69, 70)] == [0.02, 0.02, 0.01, 0.01, 0.005]


def test_a_run_stops_when_it_no_longer_improves(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    changes: dict[str, Any] = {"steps": 200, "stop_window": 20, "lr_schedule": "cosine"}
    steps = run(content, style, encoder, **changes, stop_below=20.0, outputs=2)
    last = steps[-1]
    assert last.index < 200
    assert last.index % 10 == 0
    assert last.is_last
    assert last.output == 2
    assert re.fullmatch(
        rf"stopped at step {last.index} of 200, since its last 20 steps improved the loss by less "
        r"than 20 %, which saved about \d+ seconds?",
        last.saved(),
    )
    assert not any(step.saved() for step in steps[:-1])
    total = {step.index: step.losses["total"] for step in steps}
    assert 1 - total[last.index] / total[last.index - 20] < 0.2
    earlier = last.index - 10
    if earlier > 20:
        assert 1 - total[earlier] / total[earlier - 20] >= 0.2
    whole = run(content, style, encoder, **changes, stop_below=0.0)[-1]
    assert whole.index == 200
    assert not whole.saved()


# Masks, several styles, colour


def test_outside_the_mask_the_content_stays(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., :24] = 1
    for changes in ({}, {"init": "noise"}, {"optimizer": "lbfgs"}):
        config = settings(**changes)
        *_, step = stylize(content, [style], config, content_mask=mask, encoder=encoder)
        pixels = step.image().pixels
        torch.testing.assert_close(pixels[..., 24:], content[..., 24:])
        assert (pixels[..., :24] - content[..., :24]).abs().mean() > 0.003


def test_a_style_mask_hides_the_rest_of_the_style(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    """What stands outside the mask, far from its border, does not change the result."""
    mask = torch.zeros(1, 1, 40, 32)
    mask[:, :, :16] = 1
    other = style.clone()
    other[:, :, 32:] = 0

    def masked(picture: Tensor, mask: Tensor | None) -> Tensor:
        config = settings(style_layers="conv1_1", size=40)
        *_, step = stylize(content, [picture], config, style_masks=[mask], encoder=encoder)
        return step.image().pixels

    assert torch.equal(masked(style, mask), masked(other, mask))
    assert not torch.equal(masked(style, None), masked(other, None))


def test_blend_weights_of_one_style_take_that_style(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    other = style.flip(1).roll(5, 2)
    both = [style, other]
    alone = final(content, style, encoder)
    torch.testing.assert_close(final(content, both, encoder, style_weights=(3, 0)), alone)
    assert not torch.allclose(final(content, both, encoder), alone)
    torch.testing.assert_close(
        final(content, both, encoder),
        final(content, [other, style], encoder, style_weights=(2, 2)),
    )


@pytest.mark.parametrize("method", ["luminance_yiq", "luminance_lab"])
def test_a_run_on_luminance_keeps_the_contents_colours(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, method: str
) -> None:
    from skimage.color import rgb2lab, rgb2yiq

    convert = rgb2yiq if method == "luminance_yiq" else rgb2lab
    pale = 0.4 + 0.2 * content  # so that nothing is clipped
    result = final(pale, style, encoder, color_before=method, steps=4, optimizer="adam")
    assert (result - pale).abs().mean() > 0.003
    chroma = [
        torch.from_numpy(convert(x[0].permute(1, 2, 0).double().numpy()))[..., 1:]
        for x in (result, pale)
    ]
    torch.testing.assert_close(
        chroma[0], chroma[1], rtol=0, atol=2e-3 * float(chroma[1].abs().max())
    )


@pytest.mark.parametrize("method", ["histogram", "cholesky", "pca", "symmetric"])
def test_recolouring_before_a_run_lowers_its_style_loss_at_the_content(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, method: str
) -> None:
    changes: dict[str, Any] = {"steps": 1, "style_layers": "conv1_1"}
    plain = run(content, style, encoder, **changes)[0].losses["style"]
    recoloured = run(content, style, encoder, **changes, color_before=method)[0].losses["style"]
    assert recoloured < plain


# Reproducibility


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "lbfgs"},
        {"lr_schedule": "cosine", "averaging": 0.8, "init": "noise"},
        {"lr_schedule": "plateau", "learning_rate": 0.5, "steps": 24},
        {"levels": 2, "size": 128, "optimizer": "lbfgs"},
        {"stop_below": 90.0, "stop_window": 10, "steps": 24},
    ],
)
@pytest.mark.parametrize("at", [2, 4, 5])
def test_a_resumed_run_gives_the_same_bytes(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, changes: dict[str, Any], at: int
) -> None:
    config = settings(**changes)
    undisturbed = list(stylize(content, [style], config, encoder=encoder))
    expected = encode_png(undisturbed[-1].image())
    with closing(stylize(content, [style], config, encoder=encoder)) as steps:
        for step in steps:
            if step.index == at:
                data = step.checkpoint().to_bytes()
                break
    resumed = list(
        stylize(content, [style], config, encoder=encoder, resume=Checkpoint.from_bytes(data))
    )
    assert resumed[0].index == at + 1
    assert encode_png(resumed[-1].image()) == expected
    assert torch.equal(resumed[-1].image().pixels, undisturbed[-1].image().pixels)
    for before, after in zip(undisturbed[at:], resumed, strict=True):
        assert dict(before.losses) == dict(after.losses)
        assert before.improvement == after.improvement
        assert before.learning_rate == after.learning_rate


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_checkpoint_kept_in_memory_does_not_change_as_the_run_goes_on(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, optimizer: str
) -> None:
    config = settings(optimizer=optimizer)
    for step in stylize(content, [style], config, encoder=encoder):
        if step.index == 3:
            checkpoint = step.checkpoint()
    expected = step.image().pixels
    for _ in range(2):  # going on from it does not use it up
        *_, last = stylize(content, [style], config, encoder=encoder, resume=checkpoint)
        assert torch.equal(last.image().pixels, expected)


def test_a_checkpoint_of_another_run_is_refused(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    with closing(stylize(content, [style], settings(), encoder=encoder)) as steps:
        checkpoint = next(steps).checkpoint()

    def resume(picture: Tensor = style, **changes: Any) -> None:
        stylize(content, [picture], settings(**changes), encoder=encoder, resume=checkpoint)

    resume()
    resume(weights="textures")  # the network is known by its hash, whatever it is called
    with pytest.raises(CheckpointError, match=r"other settings \(alpha, steps\)"):
        resume(alpha=3.0, steps=7)
    with pytest.raises(CheckpointError, match="other pictures, masks or network weights"):
        resume(style.flip(2))


def test_a_finished_run_has_nothing_to_resume(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    checkpoint = run(content, style, encoder)[-1].checkpoint()
    with pytest.raises(CheckpointError, match="ended at step 6"):
        stylize(content, [style], settings(), encoder=encoder, resume=checkpoint)


# Errors


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"styles": []}, ConfigError, "at least one style"),
        ({"config": {"style_weights": (1, 2)}}, ConfigError, "2 for 1 style pictures"),
        ({"style_masks": [None, None]}, ConfigError, "2 style masks for 1 style"),
        ({"content": torch.rand(3, 32, 32)}, ImageError, r"shape \(3, 32, 32\)"),
        ({"content": torch.rand(1, 3, 32, 32) * 2}, ImageError, "outside 0 to 1"),
        ({"content": torch.full((1, 3, 32, 32), torch.nan)}, ImageError, "NaN"),
        ({"content": torch.zeros(1, 3, 32, 32, dtype=torch.uint8)}, ImageError, "floats"),
        ({"content": torch.rand(1, 3, 16, 200)}, ImageError, "48 x 4 px"),
        ({"styles": [torch.rand(1, 3, 16, 200)]}, ImageError, "48 x 4 px"),
        ({"content_mask": torch.ones(1, 1, 31, 48)}, ImageError, r"must be \(1, 1, 32, 48\)"),
        ({"content_mask": torch.zeros(1, 1, 32, 48)}, ImageError, "not be 0 all over"),
        ({"style_masks": [torch.ones(1, 1, 32, 48)]}, ImageError, r"must be \(1, 1, 40, 32\)"),
        ({"config": {"device": "cuda:99"}}, DeviceError, "no device 'cuda:99'; it has .*cpu"),
        ({"config": {"content_layers": {"conv4_2": 1}}}, LayerError, "no layer conv4_2"),
        ({"config": {"levels": 4, "size": 64}}, ConfigError, "would begin at 8 px"),
        ({"record_every": 0}, ConfigError, "record_every must be 1 or more"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(
    content: Tensor,
    style: Tensor,
    encoder: VGG19Encoder,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    given = {"content": content, "styles": [style], "encoder": encoder, **changes}
    given["config"] = settings(**changes.get("config", {}))
    with pytest.raises(error, match=message):
        stylize(**given)


def answering(encoder: VGG19Encoder, forward: Any) -> VGG19Encoder:
    """Return a double of ``encoder`` that answers with ``forward``."""
    double = VGG19Encoder.__new__(VGG19Encoder)
    double.__dict__.update(encoder.__dict__)
    setattr(double, "forward", forward)  # noqa: B010 - mypy forbids assigning a method
    return double


def test_divergence_says_at_which_step_and_what_to_lower(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def broken(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        broken.calls += 1  # type: ignore[attr-defined]
        factor = torch.inf if broken.calls == 6 else 1.0  # type: ignore[attr-defined]
        return {name: x * factor for name, x in encoder(image, layers).items()}

    broken.calls = 0  # type: ignore[attr-defined]
    double, adam = answering(encoder, broken), settings(optimizer="adam")
    with pytest.raises(DivergenceError, match=r"at step 4: .*lower learning_rate \(it is 0\.02\)"):
        list(stylize(content, [style], adam, encoder=double, record_every=5))


def test_running_out_of_memory_names_the_size(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def too_large(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        torch.empty(2**60)
        return {}

    double = answering(encoder, too_large)
    with pytest.raises(OutOfMemoryError, match="48 x 32 px did not fit into the memory of cpu"):
        list(stylize(content, [style], settings(), encoder=double))


def test_another_runtime_error_is_not_taken_for_memory(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def buggy(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        raise RuntimeError("a bug")

    double = answering(encoder, buggy)
    with pytest.raises(RuntimeError, match="a bug"):
        list(stylize(content, [style], settings(), encoder=double))


def test_bfloat16_gives_nearly_the_same_losses(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    full = run(content, style, encoder, steps=1, init="grey")[0].losses
    half = run(content, style, encoder, steps=1, init="grey", precision="bfloat16")[0].losses
    assert half["total"] != full["total"]
    assert half["total"] == pytest.approx(full["total"], rel=0.05)


def test_the_encoder_of_the_settings_is_loaded(content: Tensor, style: Tensor) -> None:
    config = StyleTransferConfig(size=48, steps=1, weights="untrained", device="cpu")
    (step,) = stylize(content, [style], config)
    weights = step.image().provenance["weights"]
    assert isinstance(weights, dict)
    assert weights["name"] == "untrained"
    assert set(step.losses) >= {"content/conv4_2", "style/conv5_1"}
    assert LAYERS[12] == "conv5_1"
