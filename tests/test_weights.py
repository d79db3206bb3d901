"""Which weights are found, in which order, and which files are refused."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
import torchvision

from nst_core import weights
from nst_core.config import LAYERS
from nst_core.download import NoNetworkError
from nst_core.errors import LayerError, WeightsError
from nst_core.state_dicts import read_state_dict
from nst_core.vgg import weight_names
from nst_core.weights import find_weights, load_encoder, wants_download, weights_in_use
from tests.conftest import random_state_dict

FEW = LAYERS[:3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder."""
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def save(path: Path, state_dict: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state_dict, path)
    return path


def fake_imagenet(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save small weights where ImageNet's belong, and expect their hash."""
    save(path, random_state_dict(FEW, seed=3))
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(weights, "IMAGENET_SHA256_PREFIX", prefix)
    return path


def test_the_address_is_torchvisions() -> None:
    assert torchvision.models.VGG19_Weights.IMAGENET1K_V1.url == weights.IMAGENET_URL
    assert f"/vgg19-{weights.IMAGENET_SHA256_PREFIX}.pth" in weights.IMAGENET_URL
    assert weights.IMAGENET_URL.endswith(weights.IMAGENET_FILE)


def test_a_given_file_comes_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_imagenet(home / "weights" / weights.IMAGENET_FILE, monkeypatch)
    by_environment = save(tmp_path / "env.pth", random_state_dict(FEW, seed=1))
    by_setting = save(tmp_path / "setting.pth", random_state_dict(FEW, seed=2))
    assert find_weights()[0].name == "imagenet"
    monkeypatch.setenv("NST_WEIGHTS", str(by_environment))
    found, state_dict = find_weights()
    assert found.name == "env.pth"
    assert found.sha256 == hashlib.sha256(by_environment.read_bytes()).hexdigest()
    assert "NST_WEIGHTS" in found.origin
    assert torch.equal(
        state_dict["features.0.weight"], random_state_dict(FEW, seed=1)["features.0.weight"]
    )
    assert find_weights(str(by_setting))[0].name == "setting.pth"


def test_what_torch_hub_fetched_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(torch.hub.get_dir()) / "checkpoints" / weights.IMAGENET_FILE
    fake_imagenet(path, monkeypatch)
    try:
        found, _ = find_weights("imagenet")
    finally:
        path.unlink()
    assert found.path == path
    assert found.layers == FEW


def test_without_a_network_those_that_ship_are_taken_and_nobody_waits_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NST_OFFLINE")
    tries = []

    def no_answer(*args: object, **options: object) -> None:
        tries.append(1)
        raise NoNetworkError("no network")

    monkeypatch.setattr(weights, "fetch", no_answer)
    assert wants_download()
    found, _ = find_weights()
    assert found.name == "textures"
    assert "no network answered" in found.origin
    assert "weights fetch" in found.origin
    assert not wants_download()
    find_weights()
    assert len(tries) == 1
    marker = home / "weights" / "no-network"
    marker.write_text(str(float(marker.read_text()) - 25 * 3600))
    assert wants_download()  # a day later


def test_fetching_is_tried_again_when_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "no-network").write_text("1e12")

    def fetched(url: str, path: Path, **options: object) -> list[object]:
        assert url == "http://127.0.0.1:1/mirror.pth"
        fake_imagenet(path, monkeypatch)
        return []

    monkeypatch.setenv("NST_WEIGHTS_URL", "http://127.0.0.1:1/mirror.pth")
    monkeypatch.setattr(weights, "fetch", fetched)
    assert list(weights.fetch_imagenet()) == []
    assert find_weights()[0].name == "imagenet"


def test_imagenet_asked_for_and_absent_is_said(home: Path) -> None:
    with pytest.raises(WeightsError, match="fetch them with 'python -m nst_core weights fetch'"):
        find_weights("imagenet")


def test_a_damaged_imagenet_file_is_not_used(home: Path) -> None:
    save(home / "weights" / weights.IMAGENET_FILE, random_state_dict(FEW))
    for setting in ("auto", "imagenet"):
        with pytest.raises(WeightsError, match=r"damaged .*fetch it anew"):
            find_weights(setting)


def test_untrained_weights_are_kept_and_have_one_hash(home: Path) -> None:
    first, state_dict = find_weights("untrained")
    assert first.layers == LAYERS
    assert len(list((home / "weights").glob("untrained-*.pt"))) == 1
    again, _ = find_weights("untrained")
    assert first.sha256 == again.sha256
    assert state_dict["features.0.weight"].shape == (64, 3, 3, 3)


def test_an_unwritable_data_folder_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NST_HOME", str(tmp_path / "file" / "home"))
    path = save(tmp_path / "w.pth", random_state_dict(FEW))
    assert load_encoder(["conv1_1"], weights=str(path)).layers == ("conv1_1",)


class Malicious:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/nst_lab_was_attacked",)


def wrong_shape() -> dict[str, torch.Tensor]:
    state_dict = random_state_dict(FEW)
    state_dict["features.2.weight"] = torch.zeros(64, 64, 5, 5)
    return state_dict


def not_finite() -> dict[str, torch.Tensor]:
    state_dict = random_state_dict(FEW)
    state_dict["features.2.bias"][3] = float("nan")
    return state_dict


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such weights file"),
        (b"", "cannot be read as network weights"),
        (b"not weights at all", "not a state dict|cannot be read"),
        ([1, 2], "holds a list, not a state dict"),
        ({"layer1.weight": torch.zeros(3)}, "no convolutions of VGG-19"),
        (wrong_shape(), r"features.2.weight \(conv1_2\) has the shape \(64, 64, 5, 5\)"),
        (not_finite(), r"features.2.bias \(conv1_2\) holds values that are not finite"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save(path, content)
    with pytest.raises(WeightsError, match=message) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)
    assert "w.pth" in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "w.pth", random_state_dict(FEW))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match=r"w\.pth"):
        read_state_dict(path)


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_pickle_that_would_run_code_is_not_run(tmp_path: Path, as_zip: bool) -> None:
    path = tmp_path / "w.pth"
    trap = {"features.0.weight": Malicious()}
    if as_zip:
        torch.save(trap, path)
    else:
        path.write_bytes(pickle.dumps(trap))
    with pytest.raises(WeightsError, match="not loaded"):
        read_state_dict(path)
    assert not Path("/tmp/nst_lab_was_attacked").exists()


def test_half_precision_and_old_files_are_read(tmp_path: Path) -> None:
    state_dict = random_state_dict(FEW)
    half = {name: x.half() for name, x in state_dict.items()}
    found = read_state_dict(save(tmp_path / "half.pth", half))
    assert found["features.2.weight"].dtype == torch.float32
    torch.testing.assert_close(
        found["features.2.weight"], state_dict["features.2.weight"], rtol=1e-3, atol=1e-3
    )
    old = tmp_path / "old.pth"
    torch.save(state_dict, old, _use_new_zipfile_serialization=False)
    assert torch.equal(read_state_dict(old)["features.0.bias"], state_dict["features.0.bias"])


def test_load_encoder_says_which_weights_and_which_layers(tmp_path: Path) -> None:
    path = save(tmp_path / "few.pth", random_state_dict(FEW))
    encoder = load_encoder(weights=str(path))
    assert encoder.layers == FEW
    assert encoder.source is not None
    assert encoder.source.name == "few.pth"
    with pytest.raises(LayerError, match=r"weights few\.pth have no layer conv4_2; they have"):
        load_encoder(["conv4_2"], weights=str(path))


def test_load_encoder_can_leave_activations_as_they_are(tmp_path: Path) -> None:
    state_dict = random_state_dict(FEW)
    path = save(tmp_path / "few.pth", state_dict)
    plain = load_encoder(weights=str(path), normalize_activations=False)
    kept = dict(plain.named_buffers())["conv1_2_weight"]
    assert torch.equal(kept, state_dict[weight_names("conv1_2")[0]])
    normalized = dict(load_encoder(weights=str(path)).named_buffers())["conv1_2_weight"]
    assert not torch.equal(normalized, kept)


def test_real_imagenet_layers_are_read(imagenet_layers: Path) -> None:
    found, _ = find_weights(str(imagenet_layers))
    assert found.layers == LAYERS[:8]
    assert found.sha256.startswith("73a091ae")


# What a run would take


def test_what_is_in_use_is_what_is_found(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = save(tmp_path / "given.pth", random_state_dict(FEW, seed=2))
    assert weights_in_use("auto")[:2] == ("textures", LAYERS)
    assert weights_in_use("untrained")[:2] == ("untrained", LAYERS)
    assert "ImageNet's are not here" in weights_in_use("auto").origin
    assert "as asked for" in weights_in_use("untrained").origin
    with pytest.raises(WeightsError, match=r"not on this machine; fetch them"):
        weights_in_use("imagenet")
    fake_imagenet(home / "weights" / weights.IMAGENET_FILE, monkeypatch)
    stamps = set()
    for setting, name in (
        ("auto", "imagenet"),
        ("imagenet", "imagenet"),
        (str(given), "given.pth"),
    ):
        used, (found, _) = weights_in_use(setting), find_weights(setting)
        assert used[:3] == (found.name, found.layers, found.origin)
        assert used.name == name
        stamps.add(used.stamp)
    assert len(stamps) == 2
    monkeypatch.setenv("NST_WEIGHTS", str(given))
    assert weights_in_use("auto").name == "given.pth"
    assert "NST_WEIGHTS" in weights_in_use("auto").origin
    assert weights_in_use("auto").stamp == weights_in_use(str(given)).stamp


def test_what_is_in_use_tells_where_a_file_stops(tmp_path: Path) -> None:
    layers = LAYERS[: LAYERS.index("conv3_4") + 1]
    path = save(tmp_path / "few.pth", random_state_dict(layers))
    assert weights_in_use(str(path)).layers == layers


def test_a_file_that_was_replaced_is_another(tmp_path: Path) -> None:
    path = save(tmp_path / "few.pth", random_state_dict(FEW, seed=1))
    before = weights_in_use(str(path))
    assert weights_in_use(str(path)) == before
    save(path, random_state_dict(LAYERS[:2], seed=2))
    after = weights_in_use(str(path))
    assert after.stamp != before.stamp
    assert (before.layers, after.layers) == (FEW, LAYERS[:2])


def test_a_file_that_cannot_be_used_is_said_before_it_is(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no\.pth: there is no such weights file"):
        weights_in_use(str(tmp_path / "no.pth"))
    path = save(tmp_path / "few.pth", random_state_dict(FEW))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"few\.pth: cannot be read as network weights"):
        weights_in_use(str(path))


def test_asking_what_is_in_use_computes_and_fetches_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NST_OFFLINE")
    monkeypatch.setattr(weights, "fetch", lambda *a, **k: pytest.fail("a download was begun"))
    assert weights_in_use("auto").name == "textures"
    assert not home.exists()
