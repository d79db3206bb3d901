"""Filters by clustering: the mathematics of each step, and what the command leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nst_core.errors import ConfigError
from nst_core.vgg import CHANNELS, IMAGENET_STD, VGG19Encoder
from nst_core.weights import find_weights
from training import cli_cluster
from training.cli import main
from training.clusters import (
    color_filters,
    draw_crops,
    learn,
    sample_patches,
    spherical_kmeans,
    steadiest,
    whitening,
)
from training.export import weights_bytes
from training.settings import ClusterConfig
from training.textures import draw_textures

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ClusterConfig(textures=8, size=64, patches=1000, rounds=2, layers="conv1_2", seed=5)
OPTIONS = SMALL.to_words().split()


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def quick_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_cluster, "score", lambda weights: {"accuracy": len(weights)})


def test_whitened_patches_have_the_unit_matrix_as_covariance() -> None:
    points = torch.randn(5000, 6, generator=random()) @ torch.randn(6, 6, generator=random(1))
    points -= points.mean(0)
    white = points @ whitening(points, 1e-6)
    torch.testing.assert_close(white.mT @ white / 5000, torch.eye(6), atol=1e-2, rtol=0)


def test_added_variance_keeps_what_hardly_varies_small() -> None:
    points = torch.randn(5000, 2, generator=random()) * torch.tensor([1.0, 0.01])
    points -= points.mean(0)
    variance = (points @ whitening(points, 0.5)).var(0)
    assert variance[0] == pytest.approx(1 / 1.25, rel=0.01)  # 1 / (1 + 0.5 * 0.5)
    assert variance[1] == pytest.approx(1e-4 / 0.25, rel=0.1)


def test_kmeans_finds_the_directions_of_bundles() -> None:
    directions = torch.linalg.qr(torch.randn(8, 8, generator=random()))[0][:5]
    lengths = 1 + torch.rand(500, 1, generator=random(1))
    noise = 0.05 * torch.randn(500, 8, generator=random(2))
    points = directions.repeat(100, 1) * lengths + noise
    found, curve = spherical_kmeans(points, 5, 20, random(3))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(5))
    nearness = found @ directions.mT
    assert (nearness.max(0).values > 0.99).all()  # each bundle has its own centroid
    assert len(curve) == 20
    assert curve[0] < curve[-1] < 1
    points /= points.norm(dim=1, keepdim=True) + 0.1 * points.norm(dim=1).mean()
    assert curve[-1] == pytest.approx(float((points @ found.mT).max(1).values.mean()), abs=1e-3)


def test_random_filters_hear_textures_better_than_noise() -> None:
    (layer,) = learn(
        ClusterConfig(**{**SMALL.to_dict(), "layers": "conv1_1", "random_share": 1.0})  # type: ignore[arg-type]
    )
    weight = layer.weight[SMALL.colors :]
    crops = draw_crops(SMALL) / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    noise = crops.std((0, 2, 3), keepdim=True) * torch.randn(crops.shape, generator=random())
    heard, noisy = (F.conv2d(x, weight).std((0, 2, 3)) for x in (crops, noise))
    assert (noisy / heard).median() < 1  # of white filters without a mean: 2.2


def test_patches_are_what_a_convolution_sees() -> None:
    x = torch.randn(3, 4, 7, 9, generator=random())
    weight = torch.randn(1, 4, 3, 3, generator=random(1))
    patches = sample_patches(x, 2000, random(2))
    values = patches @ weight.flatten()
    everywhere = torch.nn.functional.conv2d(x, weight).flatten()
    distances = (values[:, None] - everywhere[None]).abs().min(1).values
    assert distances.max() < 1e-4
    assert len(torch.unique(values)) > 0.8 * len(everywhere)  # from everywhere


def test_colour_filters_see_no_texture_and_answer_in_both_directions() -> None:
    x = torch.randn(4, 3, 16, 16, generator=random()) + torch.tensor([0.5, 0.0, -0.5]).view(3, 1, 1)
    weight, bias = color_filters(x, 16, random())
    light, dark = weight[0].sum((1, 2)), weight[3].sum((1, 2))
    torch.testing.assert_close(light, -dark)
    assert torch.allclose(light, light[0].expand(3))
    values = weight.sum((2, 3)) @ x.transpose(0, 1).flatten(1)
    torch.testing.assert_close(values.std(1), torch.ones(16))
    fires = (values + bias[:, None] > 0).float().mean(1)
    assert ((fires > 0.25) & (fires < 0.9)).all()


def test_every_filter_answers_and_colours_are_passed_on() -> None:
    first, second = learn(SMALL)
    assert first.weight.shape == (CHANNELS["conv1_1"], 3, 3, 3)
    assert second.weight.shape == (CHANNELS["conv1_2"], CHANNELS["conv1_1"], 3, 3)
    assert 0.2 < second.firing < 0.7
    assert second.seldomest > 0.01
    colors = SMALL.colors
    assert torch.equal(second.weight[:colors, :colors, 1, 1], torch.eye(colors))
    assert second.weight[:colors].abs().sum() == colors
    assert (second.bias[:colors] == 0).all()


def test_the_same_settings_learn_the_same_also_after_a_stop() -> None:
    first, second = learn(SMALL)
    known = {"features.0.weight": first.weight, "features.0.bias": first.bias}
    (again,) = learn(SMALL, known)
    assert torch.equal(again.weight, second.weight)
    assert torch.equal(again.bias, second.bias)
    (other, _) = learn(ClusterConfig(**{**SMALL.to_dict(), "seed": 6}))  # type: ignore[arg-type]
    assert not torch.equal(other.weight, first.weight)


@pytest.mark.parametrize("changes", [{"random_share": 0.0}, {"random_share": 1.0}, {"colors": 48}])
def test_a_layer_may_do_without_a_kind_of_filters(changes: dict[str, Any]) -> None:
    for layer in learn(ClusterConfig(**{**SMALL.to_dict(), **changes})):
        assert len(layer.weight) == len(layer.bias) == CHANNELS[layer.layer]
        assert layer.weight.isfinite().all()


def test_a_setting_out_of_its_range_is_said() -> None:
    with pytest.raises(ConfigError, match="random_share is 2; it must be from 0 to 1"):
        ClusterConfig(random_share=2)


def test_the_command_writes_weights_that_nst_lab_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.pth"
    assert main(["cluster", "--to", str(path), *OPTIONS]) == 0
    said = capsys.readouterr().out
    assert "conv1_2" in said
    assert "answers at" in said
    source, state_dict = find_weights(str(path))
    assert source.layers == ("conv1_1", "conv1_2")
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["sha256"] == source.sha256
    assert told["command"] == "python -m training cluster --to FILE.pth " + SMALL.to_words()
    assert [one["layer"] for one in told["filters"]] == ["conv1_1", "conv1_2"]
    VGG19Encoder(state_dict, source.layers)
    assert not path.with_suffix(".part").exists()
    again = tmp_path / "again.pth"
    assert main(["cluster", "--to", str(again), *OPTIONS]) == 0
    assert again.read_bytes() == path.read_bytes()


def test_a_clustering_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, whole = tmp_path / "found.pth", tmp_path / "whole.pth"
    command = ["cluster", "--to", str(path)]
    assert main([*command, "--resume"]) == 2
    assert "there is no clustering to go on with" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(cli_cluster, "interrupts", Interrupted)
        assert main([*command, *OPTIONS]) == 130
    assert "stopped after conv1_1; the same command with --resume" in capsys.readouterr().out
    assert not path.exists()
    assert main([*command, *OPTIONS]) == 2
    assert "add --resume to go on" in capsys.readouterr().err
    assert main([*command, "--resume", "--seed", "9"]) == 2
    assert "was begun with --seed 5" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert main(["cluster", "--to", str(whole), *OPTIONS]) == 0
    assert path.read_bytes() == whole.read_bytes()


def test_weights_are_written_as_half_the_bytes() -> None:
    (first,) = learn(ClusterConfig(**{**SMALL.to_dict(), "layers": "conv1_1"}))  # type: ignore[arg-type]
    data = weights_bytes({"features.0.weight": first.weight, "features.0.bias": first.bias})
    assert len(data) < 2 * (first.weight.numel() + first.bias.numel()) + 2000


class Interrupted:
    """Ctrl-C, pressed at once."""

    def __enter__(self) -> list[int]:
        return [2]

    def __exit__(self, *error: object) -> None: ...


def test_crops_are_enlarged_by_factors_up_to_the_zoom() -> None:
    plain = draw_crops(ClusterConfig(**{**SMALL.to_dict(), "zoom": 1.0}))  # type: ignore[arg-type]
    drawn = draw_textures(range(8), 1, 64, seed=5)[:, 0]
    torch.testing.assert_close(plain, drawn, atol=1e-5, rtol=0)
    zoomed = draw_crops(SMALL)
    assert zoomed.shape == drawn.shape
    assert zoomed.min() >= 0
    assert zoomed.max() <= 1

    def roughness(x: torch.Tensor) -> float:
        return float((x[..., 1:] - x[..., :-1]).abs().mean())

    assert roughness(zoomed) < 0.8 * roughness(plain)


def test_the_steadiest_filters_are_kept() -> None:
    x = torch.zeros(4, 2, 8, 8)
    x[:, 0] = 1  # the same on all crops
    x[0, 1] = 4  # on one alone
    weight = torch.zeros(3, 2, 3, 3)
    weight[0, 1, 1, 1] = 1
    weight[1, 0, 1, 1] = 1
    weight[2, :, 1, 1] = 0.5
    kept = steadiest(x, weight, torch.zeros(3), 2)
    assert kept.tolist() == [1, 2]
