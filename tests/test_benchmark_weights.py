"""The measurement of weights from the command line: complete, resumed, and drawn."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmarks import weights, weights_sheet
from benchmarks.weights_cells import Cell, Job, job_of, judged, paint
from benchmarks.weights_inputs import cover, load_judge, load_pair, load_source
from benchmarks.weights_record import Record
from benchmarks.weights_report import Measured, lines, summary
from nst_core import Picture, encode_png, measure
from nst_core.config import LAYERS
from nst_core.image import resize
from nst_core.montage import montage
from nst_core.vgg import VGG19Encoder
from tests.conftest import random_state_dict

FEW = LAYERS[:4]
SMALL = {"size": 48, "steps": 2, "device": "cpu"}


@pytest.fixture
def desk(tmp_path: Path, content: Tensor, style: Tensor) -> Path:
    """Return a folder with two pictures, the judge's weights and a further source's."""
    (tmp_path / "content_hill.png").write_bytes(encode_png(content))
    (tmp_path / "style_stripes.png").write_bytes(encode_png(style))
    for seed, name in enumerate(("judge.pth", "shipped.pth")):
        torch.save(random_state_dict(FEW, seed), tmp_path / name)
    return tmp_path


@pytest.fixture
def command(desk: Path) -> list[str]:
    """Return a command that computes six cells."""
    return [
        *("--judge", str(desk / "judge.pth")),
        *("--weights", f"shipped={desk / 'shipped.pth'}"),
        *("--pair", str(desk / "content_hill.png"), str(desk / "style_stripes.png")),
        *("--size", "48", "--steps", "2", "--betas", "1e9", "1e6"),
        *("--style-layers", "conv1_1,conv2_1", "--content-layer", "conv2_2"),
        *("--device", "cpu", "--json", str(desk / "found" / "weights.json")),
    ]


def read(desk: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((desk / "found" / "weights.json").read_text())
    return found


def refuse(job: Job) -> None:
    raise AssertionError(f"{job.pair.name} is computed again")


def test_a_measurement_is_whole_and_resumed_without_computing(
    desk: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert weights.main(command) == 0
    said = capsys.readouterr().out
    found = read(desk)
    assert list(found["sources"]) == ["untrained", "shipped", "imagenet"]
    assert {"python", "torch", "device"} <= set(found["machine"])
    hashes = [source["sha256"] for source in found["sources"].values()]
    assert hashes[2] == found["judge"]["sha256"]
    assert list(found["judge"]["style_layers"]) == ["conv1_1", "conv2_1"]
    assert all(source["style_layers"] == {"conv1_1": 0.5, "conv2_1": 0.5}
               for source in found["sources"].values())  # fmt: skip
    cells = [(cell["weights_sha256"], cell["beta"]) for cell in found["cells"]]
    assert cells == [(sha256, beta) for sha256 in hashes for beta in (1e6, 1e9)]
    pair = found["pairs"]["hill by stripes"]
    for cell in found["cells"]:
        assert cell["style_left"] == cell["style_distance"] / pair["style_distance"]
        assert cell["content_share"] == cell["content_distance"] / pair["content_distance"]
        assert cell["content_layers"] == ["conv2_2"]
    assert "hill by stripes" in said
    assert set(found["summary"]["sources"]) == set(found["sources"])

    sheet = (desk / "found" / "weights.jpg").read_bytes()
    monkeypatch.setattr("benchmarks.weights.paint", refuse)
    assert weights.main([*command, "--resume"]) == 0
    assert read(desk)["cells"] == found["cells"]
    assert capsys.readouterr().out == said
    assert (desk / "found" / "weights.jpg").read_bytes() == sheet

    with Image.open(desk / "found" / "weights.jpg") as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert picture.width > 5 * 192  # content, style and three sources
    chart = (desk / "found" / "weights.svg").read_text()
    assert all(text in chart for text in ("shipped", "imagenet", "hill by stripes"))


def test_only_what_is_missing_is_computed(
    desk: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beta more, and a picture that was lost."""
    record, betas = desk / "found" / "weights.json", []
    assert weights.main(command) == 0
    next((desk / "found" / "weights-pictures").glob("*.png")).unlink()

    def told(job: Job) -> Any:
        betas.append(job.config.beta)
        return paint(job)

    monkeypatch.setattr("benchmarks.weights.paint", told)
    command[command.index("1e9")] = "1e7"
    command.insert(command.index("1e7"), "1e9")
    assert weights.main([*command, "--resume"]) == 0
    assert len(betas) == 4
    assert betas.count(1e7) == 3
    assert len(json.loads(record.read_text())["cells"]) == 9


def test_a_stop_keeps_the_cells_so_far(
    desk: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(job: Job) -> Any:
        if job.source.name == "imagenet":
            raise KeyboardInterrupt
        return paint(job)

    monkeypatch.setattr("benchmarks.weights.paint", stopped)
    assert weights.main(command) == 130
    assert "--resume" in capsys.readouterr().err
    assert len(read(desk)["cells"]) == 4
    assert read(desk)["summary"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--weights", "shipped.pth"], "--weights shipped.pth: give a name and a source"),
        (["--weights", "imagenet=untrained"], "each source needs a name of its own"),
        (["--content-layer", "conv5_1"], "have no layer conv5_1"),
        (["--size", "8"], "size"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_computed(
    command: list[str],
    change: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("benchmarks.weights.paint", refuse)
    with pytest.raises(SystemExit):
        weights.main([*command, *change])
    assert message in capsys.readouterr().err


def test_a_record_is_not_overwritten_and_only_ours_is_read(
    desk: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = desk / "found" / "weights.json"
    path.parent.mkdir()
    path.write_text('{"cells": [{"beta": 1}]}')
    for more, message in (([], "is there already"), (["--resume"], "not a record")):
        with pytest.raises(SystemExit):
            weights.main([*command, *more])
        assert message in capsys.readouterr().err
    assert path.read_text() == '{"cells": [{"beta": 1}]}'


@pytest.fixture
def judge(desk: Path) -> VGG19Encoder:
    return load_judge(desk / "judge.pth", "cpu")


def job(desk: Path, judge: VGG19Encoder, file: str = "judge.pth", /, **settings: Any) -> Job:
    assert judge.source is not None
    pair = load_pair(desk / "content_hill.png", desk / "style_stripes.png", 48, judge)
    source = load_source("a source", str(desk / file), {**SMALL, **settings})
    return job_of(pair, source, 1e6, judge.source)


def test_a_key_tells_what_decides_a_cell(desk: Path, judge: VGG19Encoder) -> None:
    """Where a file lies and what computes decide nothing."""
    known = job(desk, judge)
    (desk / "copy.pth").write_bytes((desk / "judge.pth").read_bytes())
    assert job(desk, judge, "copy.pth", device="auto").key == known.key
    others = [
        job(desk, judge, "shipped.pth"),
        *(job(desk, judge, **{name: value}) for name, value in (
            ("steps", 3), ("size", 64), ("seed", 1), ("style_layers", "conv1_1"))),
    ]  # fmt: skip
    assert judge.source is not None
    others.append(job_of(known.pair, known.source, 2e6, judge.source))
    assert len({known.key, *(other.key for other in others)}) == 1 + len(others)


def test_the_content_itself_leaves_all_style_and_the_style_picture_all_content(
    desk: Path, judge: VGG19Encoder
) -> None:
    """Both ends of the two shares, and the style picture at its own shape has no style left."""
    known = job(desk, judge)
    small, painting = known.pair.small.pixels, known.pair.style.pixels
    start = judged(known, encode_png(small), 1.0, judge)
    assert start.style_left == pytest.approx(1, rel=1e-3)
    assert start.content_share == pytest.approx(0, abs=1e-3)
    end = judged(known, encode_png(cover(painting, (32, 48))), 1.0, judge)
    assert end.content_share == pytest.approx(1, rel=1e-3)
    assert end.style_left < 1
    assert measure(painting, painting, [painting], judge).style_distance == 0


def test_a_picture_covers_a_size_and_keeps_its_middle() -> None:
    """Columns of 0 to 1 in an upright and a broad picture."""
    ramp = torch.linspace(0, 1, 80).view(1, 1, 1, 80).expand(1, 3, 40, 80)
    assert torch.equal(cover(ramp, (40, 40)), ramp[..., 20:60])
    upright = ramp.transpose(2, 3)
    assert torch.equal(cover(upright, (40, 40)), upright[..., 20:60, :])
    assert cover(ramp, (33, 48)).shape == (1, 3, 33, 48)
    assert torch.equal(cover(ramp, (20, 40)), resize(ramp, (20, 40)))


def measured(
    desk: Path, judge: VGG19Encoder, points: dict[str, list[tuple[float, float]]], name: str = ""
) -> Measured:
    """Return a pair with these contents and styles left, by source."""
    known = job(desk, judge)
    start = judged(known, encode_png(known.pair.small), 0.0, judge)
    cells = {
        name: [
            Cell(
                **{**vars(start), "content_share": x, "style_left": y, "beta": 10.0**k, "key": "k"}
            )
            for k, (x, y) in enumerate(found)
        ]
        for name, found in points.items()
    }
    content = replace(known.pair.content, name=name or known.pair.content.name)
    return Measured(replace(known.pair, content=content), cells)


def test_pairs_without_a_shared_range_are_named(desk: Path, judge: VGG19Encoder) -> None:
    curves = {
        "untrained": [(0.1, 0.8), (0.5, 0.4)],
        "shipped": [(0.1, 0.4), (0.5, 0.2)],
        "imagenet": [(0.1, 0.08), (0.5, 0.04)],
    }
    apart = {**curves, "untrained": [(0.6, 0.5), (0.7, 0.4)]}
    pairs = [measured(desk, judge, curves), measured(desk, judge, apart, "dale")]
    said = "\n".join(lines(pairs))
    assert "content 0.100 to 0.500 is shared, 100% of what was reached" in said
    assert "dale by stripes: the curves share no content" in said
    assert "over 1 of 2 pairs" in said
    assert "closes 56% (56% to 56%), log 30% (30% to 30%), of 1 pairs" in said  # 0.4/0.72, lg 2
    assert said.endswith("left out, since their curves share no content: dale by stripes")
    found = summary(pairs)
    assert found["pairs_without_shared_range"] == ["dale by stripes"]
    assert list(found["pairs"]) == ["hill by stripes", "dale by stripes"]
    assert found["sources"]["shipped"]["closed_log"][0] == pytest.approx(math.log10(2))


def test_the_sheet_shows_each_source_where_content_is_about_the_same(
    desk: Path, judge: VGG19Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = measured(
        desk,
        judge,
        {
            "untrained": [(0.2, 0.9), (0.42, 0.8), (0.6, 0.7)],  # the shared range is 0.2 to 0.6
            "imagenet": [(0.0, 0.5), (0.37, 0.2), (0.9, 0.1)],
        },
    )
    said: list[str] = []

    def told(pictures: Any, captions: Any, **options: Any) -> Any:
        said.extend(f"{caption.title}; {caption.details}" for caption in captions)
        return montage(pictures, captions, **options)

    monkeypatch.setattr("benchmarks.weights_sheet.montage", told)
    record = Record(desk / "weights.json", resume=False)
    record.add(shown.cells["untrained"][0], encode_png(shown.pair.small))
    assert weights_sheet.contact_sheet([shown], record).startswith(b"\xff\xd8\xff")
    assert said == [
        "content; content_hill.png",
        "style; style_stripes.png",
        "untrained, beta 10; style 0.800, content 0.420",
        "imagenet, beta 10; style 0.200, content 0.370",
    ]
    said.clear()
    weights_sheet.contact_sheet([shown], record, 1.0)
    assert [words.partition(";")[0] for words in said[2:]] == [
        "untrained, beta 1",
        "imagenet, beta 1",
    ]


def test_a_sheet_too_large_is_encoded_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Picture(torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0)))
    best = len(weights_sheet.encode_sheet(noise))
    monkeypatch.setattr(weights_sheet, "MOST_BYTES", best - 1)
    assert len(weights_sheet.encode_sheet(noise)) < best
