"""The weights that ship with NST Lab: when they are taken, and what is said of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nst_core import resume_run, shipped, state_dicts
from nst_core.cli import main
from nst_core.config import LAYERS
from nst_core.download import sha256_of
from nst_core.errors import WeightsError
from nst_core.vgg import weight_names
from nst_core.weights import find_weights, weights_in_use
from tests.conftest import random_state_dict
from tests.execution import break_off_at
from tests.lab import FEW, Lab
from tests.test_weights import fake_imagenet, save

ORIGIN = "VGG-19 trained on synthetic textures (ships with NST Lab)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty data folder."""
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ship weights of four layers, and return their file."""
    monkeypatch.setattr(shipped, "SHIPPED_FOLDER", tmp_path / "shipped")
    halves = {name: value.half() for name, value in random_state_dict(FEW, seed=7).items()}
    path = save(tmp_path / "shipped" / shipped.SHIPPED_FILE, halves)
    path.with_suffix(".json").write_text(json.dumps({"sha256": sha256_of(path)}))
    return path


def test_what_ships_is_whole_and_small() -> None:
    found, state_dict = find_weights("textures")
    assert found.path is not None
    assert found.path.stat().st_size <= 45_000_000
    assert found.layers == LAYERS
    names = [name for layer in LAYERS for name in weight_names(layer)]
    kept = torch.load(found.path, weights_only=True)
    assert set(kept) == set(state_dict) == set(names)
    assert {value.dtype for value in kept.values()} == {torch.float16}
    assert json.loads(found.path.with_suffix(".json").read_text())["sha256"] == found.sha256


def test_sources_are_taken_in_order_as_each_is_missing(
    home: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = save(tmp_path / "given.pth", random_state_dict(FEW))
    monkeypatch.setenv("NST_WEIGHTS", str(given))
    imagenet = fake_imagenet(home / "weights" / "vgg19-dcbb9e9d.pth", monkeypatch)
    missing = "vgg19_textures.pth, which ships with NST Lab, is missing, and ImageNet's are not"
    for removed, name, origin in (
        (None, "given.pth", "named by NST_WEIGHTS"),
        (given, "imagenet", "IMAGENET1K_V1"),
        (imagenet, "textures", f"{ORIGIN}, since ImageNet's are not here"),
        (small, "untrained", f"untrained (random filters), since {missing}"),
    ):
        if removed:
            removed.unlink()
            monkeypatch.delenv("NST_WEIGHTS", raising=False)
        for found in (find_weights()[0], weights_in_use()):
            assert found.name == name
            assert origin in found.origin
            is_second_best = name in ("textures", "untrained")
            assert ("weights fetch' gets them" in found.origin) == is_second_best


def test_they_are_taken_by_name_before_all_others(
    home: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_WEIGHTS", "none.pth")
    fake_imagenet(home / "weights" / "vgg19-dcbb9e9d.pth", monkeypatch)
    found, state_dict = find_weights("textures")
    assert found.origin == f"{ORIGIN}, as asked for"
    assert found.sha256 == hashlib.sha256(small.read_bytes()).hexdigest()
    assert (found.name, found.layers) == ("textures", FEW)
    assert weights_in_use("textures")[:3] == (found.name, found.layers, found.origin)
    for name, value in random_state_dict(FEW, seed=7).items():  # float16 is read as float32
        assert state_dict[name].dtype == torch.float32
        assert torch.equal(state_dict[name], value.half().float())


def test_missing_they_are_said_to_be_where_they_were_asked_for(small: Path) -> None:
    small.unlink()
    for ask in (find_weights, weights_in_use):
        with pytest.raises(WeightsError, match=r"textures\.pth: missing, though it ships .*anew"):
            ask("textures")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def replace(path: Path) -> None:  # good weights, but not those that were shipped
    save(path, random_state_dict(FEW))


@pytest.mark.parametrize("spoil", [flip, truncate, replace])
@pytest.mark.parametrize("ask", [find_weights, weights_in_use])
@pytest.mark.parametrize("setting", ["auto", "textures"])
def test_a_damaged_file_is_refused_in_words(
    small: Path, spoil: Callable[[Path], None], ask: Callable[[str], object], setting: str
) -> None:
    expected = sha256_of(small)
    spoil(small)
    with pytest.raises(WeightsError) as caught:
        ask(setting)
    words = str(caught.value)
    assert words.startswith(f"{small}: damaged (its SHA-256 is {sha256_of(small)[:12]}")
    assert f"vgg19_textures.json says {expected[:12]}" in words
    assert words.endswith("check it out anew from the repository, or choose weights=untrained")


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '"x"', "\xff"])
def test_without_its_hash_a_file_is_not_trusted(small: Path, text: str | None) -> None:
    description = small.with_suffix(".json")
    description.unlink()
    if text is not None:
        description.write_bytes(text.encode("latin-1"))
    with pytest.raises(WeightsError, match=r"textures\.json: cannot be read \(.*\), and so the we"):
        find_weights()


def test_its_hash_is_computed_once(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []

    def count(path: Path) -> str:
        hashed.append(path)
        return sha256_of(path)

    monkeypatch.setattr(state_dicts, "sha256_of", count)
    for setting in ("auto", "textures"):
        weights_in_use(setting)
        find_weights(setting)
    assert hashed == [small.resolve()]


def test_a_run_begun_with_untrained_weights_does_not_go_on_with_these(
    lab: Lab, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was interrupted by a version that had no weights to ship."""
    monkeypatch.delenv("NST_WEIGHTS")
    data = small.read_bytes()
    small.unlink()
    run_id = break_off_at(lab, monkeypatch, 3)
    assert (lab.run(run_id).weights or "").startswith("untrained")
    small.write_bytes(data)
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.run(run_id).state == "failed"
    assert "other pictures, masks or network weights" in lab.run(run_id).message
    assert lab.run(run_id).checkpoint_step == 3


# On the command line


def listed(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["weights", "list"]) == 0
    return capsys.readouterr().out


def test_the_list_says_what_they_are(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys).splitlines()
    assert [line[:14].split()[-1] for line in lines[:3]] == ["NST_WEIGHTS", "imagenet", "textures"]
    assert lines[2] == f"* textures     {small}"
    assert [line.strip() for line in lines[3:6]] == [
        ORIGIN,
        "conv1_1 to conv2_2 (4)",
        f"sha256 {sha256_of(small)}",
    ]
    assert lines[6].startswith("  untrained ")


def test_the_list_says_what_is_wrong_with_them(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(small)
    assert f"* textures     {small}: damaged (its SHA-256 is" in listed(capsys)
    small.unlink()
    text = listed(capsys)
    assert f"  textures     {small}: missing, though it ships with NST Lab" in text
    assert "* untrained" in text


def test_verify_says_that_they_are_good_or_what_is_wrong(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["textures"]):
        assert main(["weights", "verify", *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"textures: good; {ORIGIN}, ")
        assert lines[1:] == [f"sha256   {sha256_of(small)}", "layers   conv1_1 to conv2_2 (4)"]
    truncate(small)
    assert main(["weights", "verify"]) == 2
    assert "damaged (its SHA-256 is" in capsys.readouterr().err


def test_a_run_says_first_that_it_took_them(
    lab: Lab,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo, style, output = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "out.png"
    for path, picture in ((photo, lab.content), (style, lab.style)):
        path.write_bytes(lab.store.read(picture.sha256))
    settings = "--size 32 --steps 1 --content-layers conv2_1 --style-layers conv1_1 --device cpu"
    command = ["stylize", str(photo), str(style), "-o", str(output), *settings.split()]
    monkeypatch.delenv("NST_WEIGHTS")
    assert main(command) == 0
    first = f"weights: {ORIGIN}, since ImageNet's are not here and NST_OFFLINE is set; 'python"
    assert capsys.readouterr().out.startswith(first)
    assert main(["info", str(output)]) == 0
    told = json.loads(capsys.readouterr().out)["weights"]
    assert told == {"name": "textures", "sha256": sha256_of(small)}
