"""Settings: JSON both ways, ranges, and errors that a person understands."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_core.config import LAYERS, StyleTransferConfig, load_config
from nst_core.errors import ConfigError, LayerError
from nst_core.image import save_image

EVERY_SETTING_CHANGED: dict[str, Any] = {
    "alpha": 2.0,
    "beta": 3e4,
    "gamma": 0.5,
    "content_layers": {"conv3_3": 0.25, "conv4_2": 0.75},
    "style_layers": {"conv1_2": 1.0},
    "style_weights": (1.0, 2.0),
    "resolution_invariant": False,
    "style_statistic": "wasserstein",
    "weights": "untrained",
    "normalize_activations": False,
    "pooling": "max",
    "padding": "zeros",
    "size": 300,
    "style_scale": 0.5,
    "init": "mix",
    "init_mix": 0.25,
    "color_before": "cholesky",
    "optimizer": "lbfgs",
    "learning_rate": 0.5,
    "lr_schedule": "cosine",
    "steps": 77,
    "levels": 2,
    "averaging": 0.9,
    "stop_below": 0.5,
    "stop_window": 30,
    "outputs": 4,
    "seed": 5,
    "precision": "bfloat16",
    "device": "cpu",
}


def test_every_setting_survives_json() -> None:
    assert set(EVERY_SETTING_CHANGED) == set(StyleTransferConfig.model_fields)
    config = StyleTransferConfig(**EVERY_SETTING_CHANGED)
    default = StyleTransferConfig()
    for name in StyleTransferConfig.model_fields:
        assert getattr(config, name) != getattr(default, name)
    assert StyleTransferConfig(**json.loads(config.model_dump_json())) == config


def test_every_setting_has_a_help_text() -> None:
    for name, field in StyleTransferConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_settings_cannot_be_changed_and_can_be_keys() -> None:
    config = StyleTransferConfig()
    with pytest.raises(Exception, match="frozen"):
        config.alpha = 2.0
    assert hash(config) == hash(StyleTransferConfig())
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config


def test_changed_returns_a_checked_copy() -> None:
    config = StyleTransferConfig()
    assert config.changed(alpha=5).alpha == 5
    assert config.alpha == 1
    with pytest.raises(ConfigError, match="alpha"):
        config.changed(alpha=-5)


@pytest.mark.parametrize(
    "value",
    [
        {"conv2_1": 0.5, "conv1_1": 0.5},
        [("conv2_1", 0.5), ("conv1_1", 0.5)],
        ["conv2_1", "conv1_1"],
        "conv2_1,conv1_1",
        "conv2_1=0.5, conv1_1=0.5",
    ],
)
def test_layer_weights_are_read_from_every_spelling(value: object) -> None:
    config = StyleTransferConfig(style_layers=value)
    assert config.style_layers == (("conv1_1", 0.5), ("conv2_1", 0.5))
    assert json.loads(config.model_dump_json())["style_layers"] == {"conv1_1": 0.5, "conv2_1": 0.5}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1}, "alpha: must be greater than or equal to 0, got -1"),
        ({"beta": float("nan")}, "beta: must be a finite number, got nan"),
        ({"gamma": "much"}, "gamma: must be a valid number"),
        ({"speed": 1}, "there is no setting 'speed'; the settings are alpha, beta"),
        ({"alpha": 0, "beta": 0, "gamma": 0}, "all 0: raise one"),
        ({"style_layers": {}}, "style_layers has no layer with a weight above 0"),
        ({"content_layers": {"conv4_2": 0}}, "content_layers has no layer with a weight above 0"),
        ({"style_layers": {"conv9_1": 1}}, "no layer 'conv9_1'; it has conv1_1, conv1_2"),
        ({"style_layers": {"conv1_1": -1}}, "the weight of conv1_1 must be 0 or more, got -1"),
        ({"style_layers": {"conv1_1": float("nan")}}, "the weight of conv1_1 must be 0 or more"),
        ({"style_layers": "conv1_1=a"}, "style_layers: must be a valid number"),
        ({"style_layers": [("conv1_1", 1), ("conv1_1", 2)]}, "each layer may stand once"),
        ({"style_layers": [("conv1_1",)]}, "a layer and its weight"),
        ({"style_layers": 3}, "style_layers: "),
        ({"style_weights": (0, 0)}, "style_weights are all 0"),
        ({"style_weights": (1, -1)}, "style_weights: must be greater than or equal to 0"),
        ({"steps": 0}, "steps: must be greater than or equal to 1, got 0"),
        ({"outputs": 11}, "outputs: must be less than or equal to 10, got 11"),
        ({"outputs": 5, "steps": 4}, "5 outputs need at least as many steps, got 4"),
        ({"levels": 3, "steps": 2}, "3 levels need at least as many steps, got 2"),
        ({"levels": 7}, "levels: must be 'auto' or must be less than or equal to 6"),
        ({"learning_rate": 0}, "learning_rate: must be 'auto' or must be greater than 0"),
        ({"optimizer": "sgd"}, "optimizer: must be 'auto', 'adam' or 'lbfgs', got 'sgd'"),
        ({"device": "gpu"}, "device: must be auto, cpu, cuda, cuda:1 or mps, got 'gpu'"),
        ({"style_scale": 8}, "style_scale: must be less than or equal to 4"),
        ({"size": 31}, "size: must be greater than or equal to 32"),
    ],
)
def test_a_bad_setting_is_said_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        StyleTransferConfig(**settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_layer_is_a_layer_error() -> None:
    with pytest.raises(LayerError):
        StyleTransferConfig(content_layers={"conv6_1": 1})


@pytest.mark.parametrize("read", [StyleTransferConfig.model_validate, lambda s: load(s)])
def test_every_way_in_raises_our_error(read: Any) -> None:
    with pytest.raises(ConfigError):
        read({"alpha": -1})


def load(settings: dict[str, Any]) -> StyleTransferConfig:
    return StyleTransferConfig.model_validate_json(json.dumps(settings))


def test_load_config_reads_json(tmp_path: Path) -> None:
    config = StyleTransferConfig(**EVERY_SETTING_CHANGED)
    (tmp_path / "run.json").write_text(config.model_dump_json())
    assert load_config(tmp_path / "run.json") == config


def test_load_config_reads_a_result(tmp_path: Path) -> None:
    config = StyleTransferConfig(**EVERY_SETTING_CHANGED)
    save_image(torch.rand(1, 3, 20, 20), tmp_path / "out.png", config=config)
    assert load_config(tmp_path / "out.png") == config


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("missing.json", None, "cannot be read"),
        ("list.json", b"[1, 2]", "holds no settings"),
        ("text.json", b"alpha = 1", "neither JSON nor a PNG"),
        ("binary.json", b"\xff\xfe\x00", "neither JSON nor a PNG"),
        ("broken.png", b"\x89PNG\r\n\x1a\nxx", "broken.png"),
        ("bad.json", b'{"alpha": -1}', "bad.json: alpha: must be greater"),
    ],
)
def test_load_config_names_the_file_that_is_wrong(
    tmp_path: Path, name: str, data: bytes | None, message: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / name)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_layers_are_vgg19s_sixteen() -> None:
    assert len(LAYERS) == 16
    assert LAYERS[:3] == ("conv1_1", "conv1_2", "conv2_1")
    assert LAYERS[-1] == "conv5_4"
