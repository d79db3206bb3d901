"""Scores of held-out textures, and the file that ships."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nst_core import calibration
from nst_core.config import LAYERS
from nst_core.errors import WeightsError
from nst_core.losses import style_loss, style_target
from nst_core.vgg import VGG19Encoder
from nst_core.weights import find_weights
from tests.conftest import random_state_dict
from training.batches import held_out_ids
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.evaluate import (
    evaluate,
    gram_vectors,
    held_out_crops,
    score,
    score_file,
    share_found,
    squared_distances,
)
from training.export import MOST_BYTES, export, loss_curve, weights_bytes
from training.network import TextureNetwork, folded
from training.settings import TrainingConfig
from training.textures import draw_textures
from training.train import Record, Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def trained(small: TrainingConfig, tmp_path: Path) -> Checkpoint:
    """Return the checkpoint of a training of two steps."""
    trainer = Trainer(replace(small, steps=2))
    list(trainer.run())
    save_checkpoint(trainer, tmp_path, {})
    return load_checkpoint(tmp_path)


# scores


def test_a_texture_is_found_where_its_own_crop_is_nearest() -> None:
    distances = torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.9, 0.8, 0.7]])
    assert share_found(distances) == pytest.approx(2 / 3)


def test_squared_distances_pair_first_crops_with_second_ones() -> None:
    vectors = torch.randn((18, 5), generator=torch.Generator().manual_seed(0)).double()
    found = squared_distances(vectors, 3)
    first, second = vectors.view(3, 2, 3, 5).unbind(1)
    torch.testing.assert_close(found, torch.cdist(first, second).square())


def test_held_out_crops_are_as_drawn_in_grey_and_augmented() -> None:
    crops = held_out_crops(6, 32)
    assert crops.shape == (3, 2, 6, 3, 32, 32)
    drawn = draw_textures(held_out_ids(6), 2, 40, seed=0)[..., :32, :32]
    assert torch.equal(crops[0], drawn.transpose(0, 1))
    assert not torch.equal(crops[2], crops[0])
    grey = crops[1]
    assert torch.equal(grey[:, :, 0], grey[:, :, 1])
    assert torch.equal(grey[:, :, 0], grey[:, :, 2])
    assert (grey.mean((-3, -2, -1)) - 0.5).abs().max() < 0.05
    assert (grey.std((-3, -2, -1)) - 0.2).abs().max() < 0.1
    assert torch.equal(crops, held_out_crops(6, 32))


def test_distances_of_gram_vectors_are_the_style_loss() -> None:
    random = torch.Generator().manual_seed(0)
    one, other = torch.randn((2, 3, 7, 5, 4), generator=random)
    found = (gram_vectors(one) - gram_vectors(other)).square().sum(1)
    torch.testing.assert_close(found, style_loss(one, style_target(other)))


def test_weights_are_scored_by_the_style_loss() -> None:
    state_dict = random_state_dict(LAYERS[:3])
    found = score(state_dict, textures=6, size=32)
    normalized = calibration.normalized_state_dict(
        state_dict, pooling="average", padding="replicate", key="", cache_folder=None
    )
    encoder = VGG19Encoder(normalized, LAYERS[:3])
    for name, crops in zip(
        ("accuracy", "structure", "augmented"), held_out_crops(6, 32), strict=True
    ):
        first, second = (encoder(some, ("conv1_1", "conv2_1")) for some in crops)
        apart = sum(
            torch.stack(
                [style_loss(first[layer], style_target(one[None])) for one in second[layer]], 1
            )
            for layer in first
        )
        assert isinstance(apart, Tensor)
        assert found[name] == pytest.approx(share_found(apart)), name
    assert list(found["layers"]) == ["conv1_1", "conv2_1"]
    assert (found["textures"], found["size"]) == (6, 32)


def test_a_score_is_of_the_file(tmp_path: Path) -> None:
    state_dict = random_state_dict(LAYERS[:3])
    torch.save(state_dict, tmp_path / "some.pth")
    expected = score(state_dict, textures=6, size=32)
    assert score_file(tmp_path / "some.pth", textures=6, size=32) == expected
    assert expected["accuracy"] > 0.5  # by chance 1/6
    with pytest.raises(WeightsError, match="no such weights file"):
        score_file(tmp_path / "other.pth")


def test_a_network_is_scored_in_eval_mode_and_left_as_it_was(trained: Checkpoint) -> None:
    network = trained.trainer().network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = evaluate(network, textures=6, size=32)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert list(found["layers"]) == ["conv1_1", "conv2_1"]
    assert 1 / 6 < found["accuracy"] <= 1
    assert found == evaluate(network.eval(), textures=6, size=32)


# the file


def test_the_file_of_all_layers_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    network = TextureNetwork(dimensions=2, random=torch.Generator().manual_seed(0))
    state_dict = folded(network)
    assert sum(value.numel() for value in state_dict.values()) == 20_024_384
    data = weights_bytes(state_dict)
    assert len(data) <= MOST_BYTES <= 45_000_000
    assert weights_bytes({name: value.clone() for name, value in state_dict.items()}) == data
    path = tmp_path / "vgg19_textures.pth"
    path.write_bytes(data)
    weights, found = find_weights(str(path))
    assert weights.layers == LAYERS
    for name, value in state_dict.items():
        assert torch.equal(found[name], value.half().float()), name
    loaded = torch.load(path, weights_only=True)
    assert list(loaded) == list(state_dict)
    assert {value.dtype for value in loaded.values()} == {torch.float16}


def test_values_beyond_float16_are_refused() -> None:
    state_dict = random_state_dict(LAYERS[:1])
    state_dict["features.0.bias"][3] = 1e6
    with pytest.raises(WeightsError, match=r"features\.0\.bias holds values up to 1e\+06"):
        weights_bytes(state_dict)


def test_an_export_says_how_it_was_made(trained: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "one.pth"
    found = export(trained, path, textures=6, size=32)
    written = json.loads((tmp_path / "one.json").read_text())
    assert written == found
    assert written["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert written["bytes"] == path.stat().st_size
    assert written["command"] == (
        "python -m training train --out FOLDER --steps 2 --textures 4 --crops 2 --size 32 "
        "--seed 3 --layers conv2_1 --dimensions 8"
    )
    assert written["settings"]["temperature"] == 0.1
    assert written["crops_seen"] == 2 * 4 * 2
    assert written["curve"]["step"] == [1, 2]
    assert written["held_out"]["gram"] == score_file(path, textures=6, size=32)
    assert str(tmp_path) not in (tmp_path / "one.json").read_text()
    export(trained, tmp_path / "two.pth", textures=6, size=32)
    for ending in ("pth", "json"):
        one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two


def test_an_export_is_told_where_it_cannot_be_written(trained: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be written"):
        export(trained, tmp_path / "missing" / "one.pth", textures=6, size=32)


@pytest.mark.parametrize(("records", "points"), [(1, 1), (200, 200), (201, 101), (10_000, 200)])
def test_a_curve_is_thinned_and_has_its_end(records: int, points: int) -> None:
    history = [
        Record(step, 8 * step, 3.14159, 1.0, 1.0, 0.0, 0.0, 0.1, 0.5, 99.123456)
        for step in range(1, records + 1)
    ]
    curve = loss_curve(history)
    assert len(curve["step"]) == points
    assert curve["step"][-1] == records
    assert isinstance(curve["step"][-1], int)
    assert curve["total"][0] == 3.142
    assert loss_curve([]) == {}
