"""Contact sheets: every picture at its place, in words what is missing, and the plan inside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst_core import (
    ConfigError,
    Picture,
    StyleTransferConfig,
    SweepPlan,
    contact_sheet,
    encode_png,
    load_config,
    load_image,
    load_results,
    parse_axis,
    read_provenance,
    submit_sweep,
)
from nst_core import sweep_drawing as drawing
from nst_core.image import resize
from nst_core.montage import fit_line
from nst_core.sweep_drawing import Plate, Sheet, draw_sheet
from tests.fake_sweeps import fake, plan_of
from tests.lab import SMALL, Lab
from tests.test_montage import noise, places

BOX = tuple(bytes.fromhex(drawing.BOX[1:]))
FRAME = tuple(bytes.fromhex(drawing.BEST[1:]))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path)
    lab.enter(monkeypatch)
    return lab


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines that stand on a sheet, as they are drawn."""
    found: list[str] = []

    def recorded(line: str, ink: str, width: int, size: int) -> Image.Image | None:
        found.append(line)
        return fit_line(line, ink, width, size)

    monkeypatch.setattr(drawing, "fit_line", recorded)
    return found


def sweep(lab: Lab, *axes: str, replicates: int = 1) -> int:
    """Compute a grid, each run of two steps from noise, and return its number."""
    config = StyleTransferConfig(**{**SMALL, "init": "noise", "steps": 2})
    plan = SweepPlan(config, tuple(map(parse_axis, axes)), replicates=replicates)
    sweep_id = submit_sweep(lab.store, plan, lab.content, [lab.style])
    lab.in_process()
    return sweep_id


def result_of(lab: Lab, run_id: int) -> Picture:
    return load_image(lab.store.read(lab.store.snapshots(run_id)[-1].sha256))


def count(sheet: Tensor, color: tuple[int, ...]) -> int:
    """Return how many pixels have a colour."""
    levels = (sheet * 255).round().byte()
    return int((levels == Tensor(list(color)).byte()[:, None, None]).all(dim=0).sum())


def test_every_picture_stands_unchanged_in_its_row_and_column(lab: Lab) -> None:
    sweep_id = sweep(lab, "beta=1e3,1e5", "seed=1,2,3")
    results = load_results(lab.store, sweep_id)
    sheet = contact_sheet(lab.store, results).pixels[0]
    found = {
        tuple(run.cell.values.values()): places(sheet, result_of(lab, run.entry.run.id))
        for run in results.runs
    }
    assert all(len(one) == 1 for one in found.values())
    tops = {beta: {found[beta, seed][0][0] for seed in (1, 2, 3)} for beta in (1e3, 1e5)}
    lefts = [{found[beta, seed][0][1] for beta in (1e3, 1e5)} for seed in (1, 2, 3)]
    assert all(len(one) == 1 for one in (*tops.values(), *lefts))
    assert min(tops[1e3]) < min(tops[1e5])
    assert sorted(lefts, key=min) == lefts
    assert count(sheet, FRAME) > 2 * 4 * (21 + 32)  # around the best


def test_labels_numbers_and_settings_are_written(lab: Lab, lines: list[str]) -> None:
    sweep_id = sweep(lab, "beta=1e3,1e5", "steps=2,3", replicates=2)
    results = load_results(lab.store, sweep_id)
    contact_sheet(lab.store, results, number="ssim", replicate=1)
    assert lines.count("beta") == 2  # measured, and drawn
    for text in (f"Sweep {sweep_id}: photo in style", "steps", "2", "3", "1000", "1e5"):
        assert text in lines
    text = " ".join(lines)
    assert (
        "Varied: beta 1000, 1e5; steps 2, 3. Grid. 2 replicates, pictures of replicate 2." in text
    )
    assert "Below each picture: SSIM to the content; framed: the best; ±" in text
    assert "init noise" in text
    assert "seeds 0 to 1" in text
    assert "8 of 8 runs done. NST Lab" in text
    assert sum(bool(re.fullmatch(r"(≈ )?-?[\d.e-]+ ± [\d.e-]+", line)) for line in lines) == 4


def test_what_an_axis_weighs_is_said_to_be_no_aim(lab: Lab, lines: list[str]) -> None:
    results = load_results(lab.store, sweep(lab, "beta=1e3,1e5"))
    contact_sheet(lab.store, results, number="total")
    assert "Total loss is weighted by beta itself" in " ".join(lines)
    assert "framed" not in " ".join(lines)
    lines.clear()
    contact_sheet(lab.store, results)  # and so it is not what the sheet shows unasked
    assert "Below each picture: style distance; framed: the best" in " ".join(lines)


def test_a_large_picture_is_scaled_once_to_the_edge(lab: Lab) -> None:
    results = load_results(lab.store, sweep(lab, "size=48,64"))
    sheet = contact_sheet(lab.store, results, edge=32).pixels[0]
    for run in results.runs:
        picture = result_of(lab, run.entry.run.id)
        size = round(picture.height * 32 / picture.width), 32
        small = Picture((resize(picture.pixels, size) * 255).round() / 255)
        assert len(places(sheet, small)) == 1


def test_a_preview_is_enough_where_a_large_picture_is_made_small(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = load_results(lab.store, sweep(lab, "seed=1"))
    (snapshot,) = lab.store.snapshots(results.runs[0].entry.run.id)
    read: list[str] = []
    original = lab.store.read

    def recorded(sha256: str) -> bytes:
        read.append(sha256)
        return original(sha256)

    monkeypatch.setattr(lab.store, "read", recorded)
    contact_sheet(lab.store, results)
    monkeypatch.setattr("nst_core.sweep_sheet.PREVIEW_EDGE", 31)  # so that 32 px are large
    contact_sheet(lab.store, results)
    contact_sheet(lab.store, results, edge=32)
    monkeypatch.setattr("nst_core.sweep_sheet.SMALLEST_EDGE", 16)
    contact_sheet(lab.store, results, edge=24)
    assert read == [*[snapshot.sha256] * 3, snapshot.preview]


def test_cells_without_a_picture_say_why(lab: Lab, lines: list[str]) -> None:
    sweep_id = sweep(lab, "seed=1,2,3,4,5,6")
    runs = [run.entry.run.id for run in load_results(lab.store, sweep_id).runs]
    lab.store.files.remove(lab.store.snapshots(runs[0])[-1].sha256)
    message = "the loss is nan at step 1"
    for run_id, state in zip(
        runs[1:5], ("failed", "cancelled", "queued", "interrupted"), strict=True
    ):
        with lab.store.database.write() as connection:
            lab.store.remove_run(connection, run_id)
        new = lab.submit(seed=run_id)
        cell = load_results(lab.store, sweep_id).missing[0]
        lab.change(new, sweep_id=sweep_id, cell=cell.to_json(), state=state, message=message)
    results = load_results(lab.store, sweep_id)
    sheet = contact_sheet(lab.store, results)
    said = " ".join(lines)
    for text in (
        "its picture is gone",
        "failed: the loss is nan",
        "cancelled",
        "waits",
        "interrupted",
    ):
        assert text in said
    assert count(sheet.pixels[0], BOX) > 5 * 1000
    assert len(places(sheet.pixels[0], result_of(lab, runs[5]))) == 1


def test_a_planned_cell_and_a_running_one_are_there(lab: Lab, lines: list[str]) -> None:
    sweep_id = sweep(lab, "seed=1,2")
    first, second = (run.entry.run for run in load_results(lab.store, sweep_id).runs)
    snapshot = lab.store.snapshots(first.id)[-1]
    lab.change(first.id, state="running", step=3, steps=9, preview=snapshot.preview, preview_step=3)
    with lab.store.database.write() as connection:
        lab.store.remove_run(connection, second.id)
    sheet = contact_sheet(lab.store, load_results(lab.store, sweep_id)).pixels[0]
    assert "runs, step 3 of 9" in lines
    assert "not run yet" in lines
    assert len(places(sheet, load_image(lab.store.read(snapshot.preview)))) == 1


def test_replicates_alone_have_each_its_own_number(lab: Lab, lines: list[str]) -> None:
    results = load_results(lab.store, sweep(lab, replicates=3))
    contact_sheet(lab.store, results)
    assert {"replicate 1", "replicate 2", "replicate 3"} <= set(lines)
    totals = [f"{run.numbers['total']:.4g}" for run in results.runs]
    assert len(set(totals)) == 3
    assert set(totals) <= set(lines)
    assert any("(3 runs)" in line for line in lines)


def test_the_plan_is_inside_and_no_runs_settings(lab: Lab, tmp_path: Path) -> None:
    sweep_id = sweep(lab, "beta=1e3,1e5", "seed=1,2")
    results = load_results(lab.store, sweep_id)
    path = tmp_path / "sheet.png"
    path.write_bytes(encode_png(contact_sheet(lab.store, results, columns="beta")))
    told = read_provenance(path)
    assert SweepPlan.from_json(json.dumps(told["sweep"]["plan"])) == results.sweep.plan
    assert (told["sweep"]["id"], told["sweep"]["columns"]) == (sweep_id, "beta")
    runs = {json.dumps(one["cell"]["values"]): one["run"] for one in told["sweep"]["runs"]}
    assert runs == {json.dumps(run.cell.values): run.entry.run.id for run in results.runs}
    assert [item["name"] for item in told["sweep"]["inputs"]] == ["photo.png", "style.png"]
    with pytest.raises(ConfigError, match="holds no settings"):
        load_config(path)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"number": "beauty"}, "no number 'beauty'"),
        ({"columns": "gamma"}, "'gamma' is no axis"),
        ({"replicate": 1}, "replicate 2 is not there"),
        ({"edge": 16}, "edge must be 32 to 4096 px, got 16"),
        ({"edge": 4096}, r"this sheet would be .* px, \d+ megapixels, and 100 are allowed"),
    ],
)
def test_what_cannot_be_drawn_is_refused(lab: Lab, asked: dict[str, object], message: str) -> None:
    plan = plan_of("beta=1:100:log:6", "seed=1,2,3,4,5,6")
    results = fake(plan, lambda cell: {"total": 1.0})
    with pytest.raises(ConfigError, match=message):
        contact_sheet(lab.store, results, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["x" * 900, "a, " * 300, "\u202e\u05e9" * 200, "<b>&", ""])
def test_odd_labels_leave_the_pictures_alone(text: str) -> None:
    pictures = [noise(seed, 64, 96) for seed in range(4)]

    def plate(k: int) -> Plate:
        return Plate((64, 96), str(k), "", (text, text), text, k == 0)

    sheet = Sheet(
        text, text, text, text, (text, "b"), (text, "d"),
        [[plate(0), plate(1)], [plate(2), plate(3)]], [text],
    )  # fmt: skip

    def load(plate: Plate) -> Image.Image:
        pixels = pictures[int(plate.file or 0)].pixels[0]
        return Image.fromarray((pixels * 255).round().byte().permute(1, 2, 0).numpy())

    drawn = draw_sheet(sheet, 96, load)
    assert drawn.width < 800
    pixels = torch.from_numpy(np.array(drawn)).permute(2, 0, 1).float() / 255
    tops, lefts = zip(*(places(pixels, picture)[0] for picture in pictures), strict=True)
    assert tops[0] == tops[1] < tops[2] == tops[3]
    assert lefts[0] == lefts[2] < lefts[1] == lefts[3]
    assert lefts[1] - lefts[0] > 11 * 12  # a cell is as wide as a number, and there is a gap
    assert pixels[:, -1].eq(1).all()
