"""``python -m training``: what a person types, and the words that come back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nst_core.config import LAYERS
from tests.conftest import random_state_dict
from training.checkpoint import NAME
from training.cli import main
from training.train import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ["--textures", "4", "--crops", "2", "--size", "32", "--layers", "conv1_2"]
SMALL += ["--dimensions", "4", "--device", "cpu"]
SCORING = ["--textures", "4", "--size", "32", "--device", "cpu"]


def train(folder: Path, *more: str) -> int:
    return main(["train", "--out", str(folder), *SMALL, *more])


def said(captured: pytest.CaptureFixture[str]) -> str:
    return captured.readouterr().out


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from training.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "--weight-decay" in found.stdout
    assert "--resume" in found.stdout


def test_a_sheet_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sheet.png"
    size = ["--size", "24", "--crops", "2", "--columns", "2"]
    assert main(["sheet", "--ids", "0:3", *size, str(path)]) == 0
    assert "108 x 60 px" in said(capsys)
    with Image.open(path) as picture:
        assert picture.size == (108, 60)
    other = tmp_path / "other.png"
    assert main(["sheet", "--ids", "0,1,2", *size, str(other)]) == 0
    assert other.read_bytes() == path.read_bytes()


def test_train_score_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, weights = tmp_path / "run", tmp_path / "out.pth"
    assert train(folder, "--steps", "2") == 0
    words = said(capsys)
    assert "from random filters, step 0 of 2, on " in words
    assert "step 2/2  loss" in words
    assert "crops/s" in words
    assert f"python -m training export {folder} --to FILE.pth" in words
    assert main(["export", str(folder), "--to", str(weights), *SCORING]) == 0
    words = said(capsys)
    description = json.loads(weights.with_suffix(".json").read_text())
    assert description["sha256"] in words
    assert "of 4 found" in words
    assert description["layers"] == ["conv1_1", "conv1_2"]
    assert main(["score", str(weights), *SCORING]) == 0
    words = said(capsys)
    assert words.startswith("out.pth: ")
    assert "conv1_1" in words


def test_weights_to_start_from_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = tmp_path / "start.pth"
    torch.save(random_state_dict(LAYERS[:1]), start)
    assert train(tmp_path / "run", "--steps", "1", "--start", str(start)) == 0
    assert "from start.pth, " in said(capsys)
    weights = tmp_path / "out.pth"
    assert main(["export", str(tmp_path / "run"), "--to", str(weights), *SCORING]) == 0
    description = json.loads(weights.with_suffix(".json").read_text())
    assert description["command"].endswith("--start start.pth")
    assert len(description["start"]["sha256"]) == 64


def test_ctrl_c_leaves_a_checkpoint_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, uninterrupted = Trainer.learn, tmp_path / "uninterrupted"
    assert train(uninterrupted, "--steps", "3") == 0
    expected = torch.load(uninterrupted / "checkpoint.pt", weights_only=True)["network"]

    def interrupted(trainer: Trainer, crops: Any) -> Any:
        import signal

        signal.raise_signal(signal.SIGINT)
        return learn(trainer, crops)

    monkeypatch.setattr(Trainer, "learn", interrupted)
    folder = tmp_path / "run"
    assert train(folder, "--steps", "3") == 130
    assert (
        f"stopped after step 1; go on with 'python -m training train --out {folder} --resume'"
        in (said(capsys))
    )
    monkeypatch.undo()
    resume = ["train", "--out", str(folder), "--resume", "--device", "cpu"]
    assert main(resume) == 0
    assert "from random filters, step 1 of 3" in said(capsys)
    found = torch.load(folder / "checkpoint.pt", weights_only=True)["network"]
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert main([*resume, "--size", "64"]) == 2
    assert "was trained with --size 32; leave --size 64 out" in capsys.readouterr().err
    assert main(resume) == 0  # nothing is left to do, and nothing is wrong
    assert "trained;" in said(capsys)


def test_memory_that_ran_out_is_told_with_what_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "learn", full)
    assert train(tmp_path / "run", "--steps", "1") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: 8 crops of 32 px do not fit into memory; give fewer --textures")


def test_a_folder_that_holds_a_training_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAME).write_bytes(b"days of work")
    assert train(tmp_path, "--steps", "1") == 2
    assert "holds a training already; add --resume" in capsys.readouterr().err
    assert (tmp_path / NAME).read_bytes() == b"days of work"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sheet", "--ids", "some", "out.png"], "'some' names no textures; write 0:64 or 3,9,12"),
        (["sheet", "--size", "4", "out.png"], "size is 4 px"),
        (["sheet", "out.jpg"], "name it out.png"),
        (["train", "--out", "run", "--steps", "0"], "steps is 0; it must be from 1"),
        (["train", "--out", "run", "--layers", "conv9_9"], "no layer 'conv9_9'"),
        (["train", "--out", "run", "--device", "cuda:77"], "no device 'cuda:77'"),
        (["train", "--out", "run", "--record-every", "0"], "--record-every is 0; give 1 or more"),
        (["train", "--out", "run", "--resume"], "run: holds no training"),
        (["train", "--out", "run", "--resume", "--start", "a.pth"], "--start does not go with"),
        (["train", "--out", "run", "--start", "a.pth"], "a.pth: there is no such weights file"),
        (["train", "--out", "/dev/null/run"], "/dev/null/run: cannot be made"),
        (["score", "missing.pth"], "missing.pth: there is no such weights file"),
        (["score", "untrained", "--textures", "1"], "--textures is 1; give at least 2"),
        (["export", "run", "--to", "out.pth"], "run: holds no training"),
        (["export", "run", "--to", "out.bin"], "name it out.pth"),
    ],
)
def test_bad_input_ends_with_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error


def test_a_word_that_is_no_number_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--out", "run", "--steps", "many"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "invalid int value: 'many'" in error
    assert error.count("\n") == 1
