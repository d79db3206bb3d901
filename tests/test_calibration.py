"""Activation normalisation, and the network that nobody trained."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from nst_core import calibration
from nst_core.calibration import (
    REFERENCE_IMAGES,
    activation_scales,
    normalize,
    normalized_state_dict,
    reference_images,
    untrained_state_dict,
)
from nst_core.config import LAYERS
from nst_core.vgg import VGG19Encoder, weight_names
from tests.conftest import random_state_dict

LAYERS_USED = LAYERS[:5]

REFERENCE_SHA256 = "573230a6"


def mean_activations(encoder: VGG19Encoder) -> dict[str, torch.Tensor]:
    sums: dict[str, torch.Tensor] = {}
    for image in reference_images():
        for layer, x in encoder(image, encoder.layers).items():
            sums[layer] = sums.get(layer, 0) + x.mean((0, 2, 3)) / len(REFERENCE_IMAGES)
    return sums


def test_reference_pictures_are_the_ones_the_scales_were_made_with() -> None:
    """A scikit-image with other pictures would silently change every result."""
    digest = hashlib.sha256()
    for name in REFERENCE_IMAGES:
        digest.update((files("skimage.data") / name).read_bytes())
    assert digest.hexdigest().startswith(REFERENCE_SHA256)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_normalized_filters_have_a_mean_activation_of_one(pooling: str) -> None:
    state_dict = random_state_dict(LAYERS_USED)
    scales = activation_scales(VGG19Encoder(state_dict, LAYERS_USED, pooling=pooling))
    encoder = VGG19Encoder(normalize(state_dict, scales), LAYERS_USED, pooling=pooling)
    for layer, mean in mean_activations(encoder).items():
        alive = scales[layer] > 1.001 * calibration.SCALE_FLOOR * scales[layer].mean()
        assert alive.sum() > len(alive) / 2
        torch.testing.assert_close(mean[alive], torch.ones_like(mean[alive]), rtol=1e-3, atol=0)
        assert (mean[~alive] < 1.001).all()  # one that hardly fires is not blown up


def test_normalizing_divides_each_layer_by_its_scales_and_changes_nothing_else() -> None:
    state_dict = random_state_dict(LAYERS_USED)
    scales = activation_scales(VGG19Encoder(state_dict, LAYERS_USED))
    image = torch.rand((1, 3, 40, 32), generator=torch.Generator().manual_seed(0))
    before = VGG19Encoder(state_dict, LAYERS_USED)(image, LAYERS_USED)
    after = VGG19Encoder(normalize(state_dict, scales), LAYERS_USED)(image, LAYERS_USED)
    for layer in LAYERS_USED:
        expected = before[layer] / scales[layer].view(1, -1, 1, 1)
        torch.testing.assert_close(after[layer], expected, rtol=1e-3, atol=1e-4)


def test_a_dead_filter_stays_dead_and_finite() -> None:
    state_dict = random_state_dict(LAYERS_USED)
    weight, bias = weight_names("conv1_2")
    state_dict[weight][7] = 0
    state_dict[bias][7] = -1
    scales = activation_scales(VGG19Encoder(state_dict, LAYERS_USED))
    assert scales["conv1_2"][7] == pytest.approx(
        calibration.SCALE_FLOOR * scales["conv1_2"].mean().item(), rel=0.3
    )
    assert all(x.isfinite().all() for x in normalize(state_dict, scales).values())


def test_scales_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_dict = random_state_dict(LAYERS_USED)

    def get(key: str = "k", pooling: str = "max") -> dict[str, torch.Tensor]:
        return normalized_state_dict(
            state_dict, pooling=pooling, padding="replicate", key=key, cache_folder=tmp_path
        )

    first = get()
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(calibration, "activation_scales", lambda encoder: pytest.fail("again"))
    again = get()
    assert all(torch.equal(first[name], again[name]) for name in first)
    monkeypatch.undo()
    get(key="another")
    get(pooling="average")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_broken_cache_is_made_anew(tmp_path: Path) -> None:
    state_dict = random_state_dict(LAYERS_USED)

    def get() -> dict[str, torch.Tensor]:
        return normalized_state_dict(
            state_dict, pooling="max", padding="zeros", key="k", cache_folder=tmp_path
        )

    first = get()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    again = get()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_untrained_network_is_the_same_every_time_and_of_unit_variance() -> None:
    state_dict = untrained_state_dict()
    again = untrained_state_dict()
    assert all(torch.equal(state_dict[name], again[name]) for name in state_dict)
    encoder = VGG19Encoder(state_dict, pooling="max", padding="zeros")
    with torch.no_grad():
        pictures = [
            (image - encoder.mean) / encoder.std
            for image in reference_images(calibration.REFERENCE_SIZE // 2)
        ]
        for layer in LAYERS:
            if layer.endswith("_1") and layer != "conv1_1":
                pictures = [encoder.pool(x) for x in pictures]
            weight = state_dict[weight_names(layer)[0]]
            before = [torch.nn.functional.conv2d(x, weight, padding=1) for x in pictures]
            variance = torch.stack([x.var((0, 2, 3)) for x in before]).mean(0)
            torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0.02, atol=0)
            pictures = [x.relu() for x in before]
