"""The command line as a person uses it."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from nst_core.cli import main
from nst_core.config import LAYERS, StyleTransferConfig, load_config
from nst_core.image import load_image, read_provenance, save_image
from nst_core.stylize import stylize
from tests.conftest import random_state_dict

FEW = LAYERS[:4]
SMALL = "--size 48 --steps 6 --content-layers conv2_1 --style-layers conv1_1,conv2_2 --device cpu"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Tensor, style: Tensor) -> Path:
    """Return a folder with photo.png, style.png and small weights, and go there."""
    save_image(content, tmp_path / "photo.png")
    save_image(style, tmp_path / "style.png")
    torch.save(random_state_dict(FEW), tmp_path / "few.pth")
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path / "few.pth"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stylized(extra: str = "", output: str = "out.png") -> int:
    return main(f"stylize photo.png style.png -o {output} {SMALL} {extra}".split())


def test_stylize_writes_the_outputs_and_the_lines_researchers_know(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stylized("--outputs 2") == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].startswith("weights: the file ")
    assert lines[1].startswith("device: ")
    assert lines[1].endswith("; a run of this size takes about 0.9 GB of memory")
    pattern = (
        r"iteration {} of 2 \(step {}/6\)  loss \d\.\d{{3}}e\+\d\d  improvement -?\d+\.\d %  "
        r"saved {}  \d+\.\d s"
    )
    assert re.fullmatch(pattern.format(1, 3, r"out_1\.png"), lines[2])
    assert re.fullmatch(pattern.format(2, 6, r"out\.png"), lines[3])
    assert len(lines) == 4
    for name in ("out.png", "out_1.png"):
        assert load_image(folder / name).size == (32, 48)
    assert captured.err == ""


def test_the_result_is_that_of_python_and_carries_its_settings(folder: Path) -> None:
    assert stylized("--beta 3e4 --seed 7 --init noise") == 0
    config = load_config(folder / "out.png")
    assert (config.beta, config.seed, config.init, config.steps) == (3e4, 7, "noise", 6)
    photo, style = load_image("photo.png"), load_image("style.png")
    *_, step = stylize(photo, [style], config)
    expected = (step.image().pixels * 255).round()
    assert torch.equal((load_image("out.png").pixels * 255).round(), expected)
    provenance = read_provenance("out.png")
    assert [item["sha256"] for item in provenance["inputs"]] == [photo.sha256, style.sha256]
    assert provenance["weights"]["name"] == "few.pth"
    assert len(provenance["weights"]["sha256"]) == 64


def test_every_setting_is_an_option(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["stylize", "--help"])
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, field in StyleTransferConfig.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text, name
        assert str(field.description).split(",")[0].replace("  ", " ")[:30] in text, name
    assert "(from 1 to 10; default 1)" in text
    assert "default 512 px" in text


def test_settings_come_from_a_file_and_options_go_first(folder: Path) -> None:
    config = StyleTransferConfig(
        size=48, steps=5, content_layers="conv2_1", style_layers="conv2_2", gamma=0.25
    )
    (folder / "run.json").write_text(config.model_dump_json())
    command = "stylize photo.png style.png -o a.png --config run.json --steps 3"
    assert main(command.split()) == 0
    assert load_config("a.png") == config.changed(steps=3)
    again = "stylize photo.png style.png -o b.png --config a.png --no-resolution-invariant"
    assert main(again.split()) == 0
    assert load_config("b.png") == config.changed(steps=3, resolution_invariant=False)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("--weights textures", ("conv3_1", "patches")),
        ("--weights textures --content-layers conv2_1", ("conv2_1", "patches")),
        ("--weights textures --style-layers conv2_1", ("conv3_1", "gram")),
        ("--weights textures --optimizer lbfgs", ("conv3_1", "gram")),
        ("--weights textures --style-statistic covariance", ("conv3_1", "covariance")),
        ("--weights textures --config plain.json", ("conv4_2", "gram")),
        ("--weights untrained", ("conv4_2", "gram")),
    ],
)
def test_the_settings_suit_the_weights_unless_others_are_named(
    folder: Path, extra: str, expected: tuple[str, str]
) -> None:
    Path("plain.json").write_text(StyleTransferConfig().model_dump_json())
    command = f"stylize photo.png style.png -o out.png --size 32 --steps 1 --device cpu {extra}"
    assert main(command.split()) == 0
    config = load_config("out.png")
    assert (",".join(dict(config.content_layers)), config.style_statistic) == expected


def test_json_is_one_object_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stylized("--json --outputs 2") == 0
    captured = capsys.readouterr()
    records = [json.loads(line) for line in captured.out.splitlines()]
    assert captured.err == ""
    assert [record["event"] for record in records] == [
        "start", "step", "step", "step", "saved", "step", "step", "step", "saved"
    ]  # fmt: skip
    assert records[-2]["step"] == 6
    assert set(records[-2]["losses"]) >= {"total", "content", "style", "tv", "style/conv1_1"}
    assert records[-1]["path"] == "out.png"


def test_a_run_that_stops_early_says_what_it_saved(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stylized("--steps 60 --stop-below 90 --stop-window 10") == 0
    saved, why = capsys.readouterr().out.splitlines()[-2:]
    assert "(step 20/60)" in saved
    assert why.startswith("it stopped at step 20 of 60, since its last 10 steps improved the loss")
    stylized("--steps 60 --stop-below 90 --stop-window 10 --json")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["step"]) == ("stopped early", 20)
    assert why.partition("saved")[0] == f"it {last['why']}".partition("saved")[0]


def test_quiet_prints_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stylized("--quiet") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert (folder / "out.png").exists()


def test_quiet_says_nothing_of_an_absent_network_either(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, where Python prints warnings that nobody handles."""
    monkeypatch.delenv("NST_WEIGHTS")
    monkeypatch.delenv("NST_OFFLINE")
    monkeypatch.setenv("NST_WEIGHTS_URL", "http://127.0.0.1:9/none.pth")
    (folder / "file").write_text("")
    for home in (tmp_path / "home", folder / "file" / "home"):
        monkeypatch.setenv("NST_HOME", str(home))
        command = f"stylize photo.png style.png -o out.png {SMALL} --quiet"
        process = start(folder, *command.split())
        output, error = process.communicate()
        if home.is_dir():
            assert (process.returncode, output, error) == (0, "", "")
        else:  # it cannot be written: said in a line
            assert process.returncode == 2
            assert re.fullmatch(r"error: .*set NST_HOME to a folder that can be written\n", error)


def test_a_former_result_is_kept_aside_unless_it_is_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stylized()
    first = (folder / "out.png").read_bytes()
    stylized()
    assert not list(folder.glob("*~"))
    stylized("--seed 1")
    assert "(the former one is now out.png.~1~)" in capsys.readouterr().out
    assert (folder / "out.png.~1~").read_bytes() == first
    stylized("--seed 2")
    assert (folder / "out.png.~2~").exists()


def test_masks_are_used(folder: Path, content: Tensor) -> None:
    mask = torch.zeros(1, 3, 32, 48)
    mask[..., :24] = 1
    save_image(mask, "mask.png")
    assert stylized("--content-mask mask.png --style-mask -") == 0
    pixels = load_image("out.png").pixels
    kept = load_image("photo.png").pixels
    assert torch.equal(pixels[..., 24:], kept[..., 24:])
    assert not torch.equal(pixels[..., :24], kept[..., :24])


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nst_core", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_keeps_the_picture_and_a_checkpoint_to_go_on_from(folder: Path) -> None:
    options = SMALL.replace("--steps 6", "--steps 60").split()
    command = ["stylize", "photo.png", "style.png", "-o", "out.png", *options, "--json"]
    with start(folder, *command) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("step") == 5:
                process.send_signal(signal.SIGINT)
                break
        output, error = process.communicate()
    assert process.returncode == 130
    assert error == ""
    stopped = json.loads(output.splitlines()[-1])
    assert stopped["event"] == "stopped"
    assert 5 <= stopped["step"] < 60
    assert load_image(folder / "out.png").size == (32, 48)

    resumed = start(folder, *command, "--resume", stopped["checkpoint"])
    output, _ = resumed.communicate()
    assert resumed.returncode == 0
    assert json.loads(output.splitlines()[1])["step"] == stopped["step"] + 1
    undisturbed = start(folder, *[x if x != "out.png" else "whole.png" for x in command])
    assert undisturbed.communicate()[1] == ""
    assert (folder / "whole.png").read_bytes() == (folder / "out.png").read_bytes()


# recolor, weights, info


def test_recolor_gives_the_contents_colours_and_keeps_the_provenance(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stylized()
    capsys.readouterr()
    assert main(["recolor", "photo.png", "out.png", "--method", "cholesky", "-o", "new.png"]) == 0
    assert capsys.readouterr().out == "saved new.png\n"
    means = [load_image(name).pixels.mean((0, 2, 3)) for name in ("photo.png", "new.png")]
    torch.testing.assert_close(means[0], means[1], atol=0.01, rtol=0)
    provenance = read_provenance("new.png")
    assert provenance["recolor"]["method"] == "cholesky"
    assert load_config("new.png") == load_config("out.png")


def test_recolor_with_no_strength_changes_nothing(folder: Path) -> None:
    command = "recolor photo.png style.png --method histogram --strength 0 -o new.png"
    assert main(command.split()) == 0
    assert torch.equal(load_image("new.png").pixels, load_image("style.png").pixels)


def test_weights_list_marks_what_is_used(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["weights", "list"]) == 0
    assert re.search(r"^\* NST_WEIGHTS +.*few\.pth$", capsys.readouterr().out, re.MULTILINE)
    monkeypatch.delenv("NST_WEIGHTS")
    assert main(["weights", "list"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^\* textures", text, re.MULTILINE)
    assert "548 MB" in text


def test_weights_verify_shows_hash_and_layers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "verify", "few.pth"]) == 0
    text = capsys.readouterr().out
    assert "few.pth: good" in text
    assert "conv1_1 to conv2_2 (4)" in text


def test_weights_fetch_without_a_network_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_WEIGHTS_URL", "http://127.0.0.1:9/none.pth")
    assert main(["weights", "fetch", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: no network: http://127.0.0.1:9/none.pth")
    assert error.count("\n") == 1


def test_info_tells_the_machine_and_what_made_a_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["torch"] == str(torch.__version__)
    assert facts["threads"] == str(torch.get_num_threads())
    assert facts["data folder"] == os.environ["NST_HOME"]
    stylized()
    capsys.readouterr()
    assert main(["info", "out.png"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["steps"] == 6


def test_version_and_help_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--version", "--help"):
        with pytest.raises(SystemExit) as caught:
            main([flag])
        assert caught.value.code == 0


# Bad input: one line on standard error, exit code 2, nothing written


def png_of_size(width: int, height: int) -> bytes:
    """Return a valid PNG header of that size, with a few kilobytes of compressed zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9))
        + chunk(b"IEND", b"")
    )


def truncated_jpeg(path: Path) -> None:
    noise = torch.randint(0, 255, (64, 64, 3), generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.byte().numpy()).save(path)
    path.write_bytes(path.read_bytes()[:1000])


def animated_gif(path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


class Trap:
    """What a malicious weights file holds."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch attacked",)


MAKE: dict[str, Callable[[Path], object]] = {
    "folder.png": lambda p: p.mkdir(),
    "empty.png": lambda p: p.write_bytes(b""),
    "text.png": lambda p: p.write_text("not a picture\n" * 10),
    "cut.jpg": truncated_jpeg,
    "dot.png": lambda p: Image.new("RGB", (1, 1)).save(p),
    "thin.png": lambda p: Image.new("RGB", (10, 10000)).save(p),
    "thin20.png": lambda p: Image.new("RGB", (20, 2000)).save(p),
    "bomb.png": lambda p: p.write_bytes(png_of_size(30000, 30000)),
    "moving.gif": animated_gif,
    "mask9.png": lambda p: Image.new("L", (9, 9), 255).save(p),
    "mask47.png": lambda p: Image.new("L", (47, 32), 255).save(p),
    "text.pth": lambda p: p.write_text("not weights"),
    "trap.pth": lambda p: p.write_bytes(pickle.dumps({"features.0.weight": Trap()}, protocol=2)),
    "shapes.pth": lambda p: torch.save(
        {**random_state_dict(FEW), "features.0.weight": torch.zeros(64, 1, 3, 3)}, p
    ),
    "file": lambda p: p.write_text(""),
    "config.json": lambda p: p.write_text('{"alpha": "lots"}'),
    "broken.checkpoint": lambda p: p.write_text("x"),
}

BAD: list[tuple[str, str]] = [
    ("nowhere.png style.png -o out.png", r"nowhere\.png: cannot be read .*check its name"),
    ("folder.png style.png -o out.png", r"folder\.png: this is a folder"),
    ("empty.png style.png -o out.png", r"empty\.png: the file is empty"),
    ("text.png style.png -o out.png", r"text\.png: this is not a picture in PNG, JPEG"),
    ("cut.jpg style.png -o out.png", r"cut\.jpg: the file is damaged or cut short"),
    ("dot.png style.png -o out.png", r"dot\.png: 1 x 1 px is too small"),
    ("thin.png style.png -o out.png", r"thin\.png: 10 x 10000 px is too small"),
    ("thin20.png style.png -o out.png", r"20 x 2000 px would be 0 x 48 px .*crop it"),
    ("photo.png thin20.png -o out.png", r"20 x 2000 px would be 0 x 48 px .*crop it"),
    ("bomb.png style.png -o out.png", r"bomb\.png: more than \d+ megapixels; make it smaller"),
    ("moving.gif style.png -o out.png", r"moving\.gif: this is not a picture in PNG, JPEG"),
    ("photo.png nowhere.png -o out.png", r"nowhere\.png: cannot be read"),
    ("photo.png style.png -o out.png --style-layers conv9_9", r"no layer 'conv9_9'; it has conv1"),
    ("photo.png style.png -o out.png --content-layers conv4_2", r"have no layer conv4_2; they ha"),
    ("photo.png style.png -o out.png --beta -1", r"beta: must be greater than or equal to 0"),
    ("photo.png style.png -o out.png --alpha nan", r"alpha: must be a finite number, got 'nan'"),
    ("photo.png style.png -o out.png --alpha 0 --beta 0 --gamma 0", r"are all 0: raise one"),
    ("photo.png style.png -o out.png --steps 0", r"steps: must be greater than or equal to 1"),
    ("photo.png style.png -o out.png --outputs 11", r"outputs: must be less than or equal to 10"),
    ("photo.png style.png -o out.png --content-mask mask47.png",
     r"mask47\.png: the mask is 47 x 32 px and its picture 48 x 32 px"),
    ("photo.png style.png -o out.png --content-mask mask9.png", r"mask9\.png: 9 x 9 px"),
    ("photo.png style.png -o out.png --style-mask mask47.png", r"mask47\.png: the mask is 47 x 32"),
    ("photo.png style.png style.png -o out.png --style-mask -", r"1 style masks for 2 style pict"),
    ("photo.png style.png -o out.png --style-weights 1,2", r"2 for 1 style pictures; give one"),
    ("photo.png style.png -o no/folder/out.png", r"there is no folder no.folder; make it first"),
    ("photo.png style.png -o file/out.png", r"there is no folder file"),
    ("photo.png style.png -o folder.png", r"folder\.png: is a folder; name a file in it"),
    ("photo.png style.png -o out.jpg", r"results are written as PNG; name it out\.png"),
    ("photo.png style.png -o out.png --weights none.pth", r"none\.pth: there is no such weights"),
    ("photo.png style.png -o out.png --weights text.pth", r"text\.pth: "),
    ("photo.png style.png -o out.png --weights shapes.pth", r"\(64, 1, 3, 3\), and VGG-19 needs"),
    ("photo.png style.png -o out.png --weights trap.pth", r"trap\.pth: not a state dict of tens"),
    ("photo.png style.png -o out.png --config config.json", r"config\.json: alpha: must be a val"),
    ("photo.png style.png -o out.png --config none.json", r"none\.json: cannot be read"),
    ("photo.png style.png -o out.png --resume none.ckpt", r"none\.ckpt: cannot be read"),
    ("photo.png style.png -o out.png --resume broken.checkpoint", r"no checkpoint, or it is damag"),
    ("photo.png style.png -o out.png --device cuda:99", r"no device 'cuda:99'; it has"),
    ("photo.png style.png -o out.png --learning-rate fast", r"learning_rate: must be 'auto' or"),
    ("photo.png -o out.png", r"the following arguments are required: STYLE"),
    ("photo.png style.png", r"the following arguments are required: -o/--output"),
    ("photo.png style.png -o out.png --speed 3", r"unrecognized arguments: --speed 3"),
]  # fmt: skip


def outcome(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.mark.parametrize(("command", "message"), BAD)
def test_bad_input_is_one_line_and_writes_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    for name, make in MAKE.items():
        if name in command:
            make(folder / name)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    options = SMALL.split()
    given = {word for word in command.split() if word.startswith("--")}
    for flag, value in zip(options[::2], options[1::2], strict=True):
        if flag not in given:
            command += f" {flag} {value}"
    assert outcome(["stylize", *command.split()]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1, captured.err
    assert re.search(message, captured.err), captured.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("photo.png style.png --method sepia -o new.png", "sepia"),
        ("photo.png style.png --method pca --strength 2 -o new.png", "strength"),
        ("photo.png style.png --method pca --strength much -o new.png", "must be a number"),
        ("photo.png none.png --method pca -o new.png", "none.png: cannot be read"),
        ("photo.png style.png --method pca -o new.txt", "results are written as PNG"),
    ],
)
def test_recolor_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    assert outcome(["recolor", *command.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(folder.glob("new*"))


def test_the_program_exits_with_2_and_one_line(folder: Path) -> None:
    process = start(folder, "stylize", "nowhere.png", "style.png", "-o", "out.png")
    output, error = process.communicate()
    assert process.returncode == 2
    assert output == ""
    assert error.count("\n") == 1
