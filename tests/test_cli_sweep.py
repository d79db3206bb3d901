"""``python -m nst_core sweep`` as a person uses it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_core import (
    GOALS,
    NUMBERS,
    SAMPLERS,
    DeviceStatus,
    Store,
    SweepResults,
    Sweeps,
    load_image,
    results_csv,
    save_image,
    sweep_sheet,
)
from tests.lab import Lab
from tests.sweep_desk import (
    GRID,
    SMALL,
    InProcess,
    at_desk,
    records,
    results,
    sweep,
    take_place,
    titles,
    write,
)


@pytest.fixture
def desk(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab where a person works."""
    with at_desk(lab, monkeypatch):
        yield lab


@pytest.fixture
def here(desk: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return a lab whose sweeps are computed in this process."""
    take_place(monkeypatch, InProcess)
    return desk


# A whole sweep


def test_a_grid_is_run_by_worker_processes_and_leaves_sheet_and_table(
    desk: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(f"{GRID} -o sheet.png --csv losses.csv") == 0
    found = results(desk)
    assert found.is_complete
    assert titles(desk) == [
        "beta 1000, steps 2",
        "beta 1000, steps 3",
        "beta 1e5, steps 2",
        "beta 1e5, steps 3",
    ]
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert captured.err == ""
    assert lines[0] == "4 runs: beta=1000,1e5 x steps=2,3; how long is not known yet"
    assert re.fullmatch(r"weights: the file .*few\.pth, named by NST_WEIGHTS", lines[1])
    assert lines[2:4] == [
        "devices: cpu",
        f"sweep 1 is kept in {desk.folder}; the page Sweep shows it too",
    ]
    for number, (line, run) in enumerate(zip(lines[4:8], found.runs, strict=True), start=1):
        total, distance = (f"{run.numbers[name]:.4g}" for name in ("total", "style_distance"))
        assert line == (
            f"{number}/4  {run.cell.title}  done  total {total}  style distance {distance}  "
            f"{run.numbers['seconds']:.1f} s"
        )
    assert lines[8:] == ["saved sheet.png", "saved losses.csv"]
    rows = list(csv.DictReader(io.StringIO(Path("losses.csv").read_text())))
    for row, run in zip(rows, found.runs, strict=True):
        assert {name: float(row[name]) for name in run.numbers} == run.numbers
        assert (float(row["beta"]), int(row["steps"])) == tuple(run.cell.values.values())
    assert min(load_image("sheet.png").size) > 32


def test_the_sheet_is_drawn_as_asked_for(here: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = sweep_sheet.contact_sheet

    def draw(store: Store, results: SweepResults, **more: Any) -> Any:
        asked.append(more)
        return original(store, results, **more)

    monkeypatch.setattr(sweep_sheet, "contact_sheet", draw)
    assert sweep(f"{GRID} -o sheet.png --number ssim --columns beta") == 0
    assert sweep("--resume 1 -o sheet.png") == 0
    assert asked == [
        {"number": "ssim", "columns": "beta"},
        {"number": None, "columns": None},
    ]


def test_settings_come_from_a_file_and_options_and_axes_go_first(here: Lab) -> None:
    assert sweep(f"photo.png style.png --axis steps=2 {SMALL} --seed 5 --gamma 0.5") == 0
    base = results(here).sweep.plan.base
    Path("run.json").write_text(base.model_dump_json())
    assert sweep("photo.png style.png --config run.json --axis steps=3 --gamma 0.25") == 0
    (run,) = results(here, 2).runs
    assert run.entry.run.config == base.changed(steps=3, gamma=0.25)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", ("conv3_1", "patches")),
        ("--content-layers conv2_1", ("conv2_1", "patches")),
        ("--axis style_layers.conv1_1=1", ("conv3_1", "gram")),
        ("--axis optimizer=adam,lbfgs", ("conv3_1", "gram")),
        ("--axis style_statistic=covariance,patches", ("conv3_1", "gram")),
    ],
)
def test_the_settings_suit_the_weights_unless_others_are_named(
    here: Lab, extra: str, expected: tuple[str, str]
) -> None:
    command = "photo.png style.png --axis steps=1 --size 32 --device cpu --weights textures"
    assert sweep(f"{command} {extra}") == 0
    base = results(here).sweep.plan.base
    assert (",".join(dict(base.content_layers)), base.style_statistic) == expected


def test_a_sampler_chooses_until_its_trials_are_done(
    here: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        f"photo.png style.png --axis beta=1e3:1e6:log --sampler tpe --trials 4 "
        f"--goal ssim --sampler-seed 3 {SMALL} --steps 2"
    )
    assert sweep(command) == 0
    found = results(here)
    assert dict(found.states) == {"done": 4}
    assert found.sweep.plan.sampler_seed == 3
    assert len(set(titles(here))) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "4 runs: beta=1000:1e6:log, chosen by tpe for ssim:maximise; how long is not known yet"
    )
    ended = [line for line in lines if "  done  " in line]
    assert [line.split("/4")[0] for line in ended] == ["1", "2", "3", "4"]
    assert all(re.search(r"  ssim -?0\.\d", line) for line in ended)


def test_a_sampler_goes_on_though_no_worker_asks_it(
    here: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.worker.advance", lambda store, sweep_id: None)
    command = "--axis beta=1e3:1e6:log --sampler tpe --trials 3 --goal ssim"
    assert sweep(f"photo.png style.png {command} {SMALL}") == 0
    assert dict(results(here).states) == {"done": 3}


def test_replicates_are_runs_of_further_seeds(
    here: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"photo.png style.png --axis steps=2,3 --replicates 2 {SMALL} --seed 7"
    assert sweep(command) == 0
    runs = [run.entry.run for run in results(here).runs]
    assert [run.config.seed for run in runs] == [7, 8, 7, 8]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 runs: steps=2,3, 2 replicates; how long is not known yet"
    assert lines[1] == (
        "note: Every seed gives the same picture, since nothing is random where init is content; "
        "set init to noise, style_colors or mix."
    )
    assert "  steps 2, replicate 2  done  " in "\n".join(lines)


# Pictures


def test_styles_that_an_axis_lists_are_called_by_their_files_names(here: Lab) -> None:
    write("more/wave.png", 4)
    assert sweep(f'photo.png --axis "style=style.png,more/wave.png" {SMALL}') == 0
    assert titles(here) == ["style style.png", "style wave.png"]
    for run, path in zip(results(here).runs, ("style.png", "more/wave.png"), strict=True):
        (item,) = run.entry.run.styles
        assert here.store.read(item.sha256) == Path(path).read_bytes()


def test_files_of_one_name_are_called_by_their_paths(here: Lab) -> None:
    write("a/wave.png", 4)
    write("b/wave.png", 5)
    assert sweep(f"photo.png --axis style=a/wave.png,b/wave.png,other.png {SMALL}") == 0
    assert titles(here) == ["style a/wave.png", "style b/wave.png", "style other.png"]


def test_contents_that_an_axis_lists_leave_all_pictures_to_the_styles(here: Lab) -> None:
    command = f"style.png other.png --axis content=photo.png,other.png {SMALL}"
    assert sweep(f"{command} --style-weights 1,2") == 0
    made = [run.entry.run for run in results(here).runs]
    assert [run.content.name for run in made] == ["photo.png", "other.png"]
    assert [[item.name for item in run.styles] for run in made] == [["style.png", "other.png"]] * 2


def test_both_pictures_can_be_varied(here: Lab) -> None:
    axes = "--axis content=photo.png,other.png --axis style=style.png"
    assert sweep(f"{axes} {SMALL}") == 0
    assert titles(here) == [
        "content photo.png, style style.png",
        "content other.png, style style.png",
    ]


def test_masks_are_kept_for_every_run(here: Lab) -> None:
    mask = torch.zeros(1, 3, 32, 48)
    mask[..., :24] = 1
    save_image(mask, "mask.png")
    command = f"{GRID} --content-mask mask.png --style-mask -"
    assert sweep(command) == 0
    for run in results(here).runs:
        assert run.entry.run.inputs[1][:2] == ("content mask", 0)
        assert len(run.entry.run.inputs) == 3


# What is printed


def test_json_is_one_object_a_line(here: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(f"{GRID} --json -o sheet.png") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found = records(captured.out)
    assert [record["event"] for record in found[:2]] == ["plan", "start"]
    assert (found[0]["runs"], found[0]["axes"]) == (4, ["beta=1000,1e5", "steps=2,3"])
    assert found[1]["sweep"] == 1
    started = [record["run"] for record in found if record["event"] == "started"]
    ended = [record for record in found if record["event"] == "ended"]
    assert sorted(started) == sorted(record["run"] for record in ended) == [1, 2, 3, 4]
    by_run = {run.entry.run.id: run for run in results(here).runs}
    for record in ended:
        run = by_run[record["run"]]
        assert (record["state"], record["runs"]) == ("done", 4)
        assert (record["values"], record["numbers"]) == (run.cell.values, run.numbers)
    assert [record["count"] for record in ended] == [1, 2, 3, 4]
    assert found[-1] == {"event": "saved", "path": "sheet.png", "former": None}


def test_quiet_prints_nothing(here: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(f"{GRID} --quiet -o sheet.png") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert Path("sheet.png").exists()


def test_a_dry_run_says_how_many_and_how_long_and_writes_no_sweep(
    here: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = here.submit(size=32, steps=10)
    here.in_process()
    here.change(run_id, started_at=100.0, ended_at=110.0, seconds=10.0)
    assert sweep(f"{GRID} --dry-run -o sheet.png") == 0
    # 2 + 3 + 2 + 3 steps, at a second a step
    assert capsys.readouterr().out == "4 runs: beta=1000,1e5 x steps=2,3; about 10 seconds\n"
    assert Sweeps(here.store).latest() == []
    assert len(here.store.pictures()) == 2, "those of the lab"
    assert not Path("sheet.png").exists()


def test_former_results_are_kept_aside(here: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    save_image(torch.zeros(1, 3, 32, 32), "sheet.png")
    Path("losses.csv").write_text("mine")
    Path("losses.csv.~1~").write_text("older")
    assert sweep(f"{GRID} -o sheet.png --csv losses.csv") == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "saved sheet.png (the former one is now sheet.png.~1~)",
        "saved losses.csv (the former one is now losses.csv.~2~)",
    ]
    assert not load_image(Path("sheet.png.~1~").read_bytes()).pixels.any()
    assert Path("losses.csv.~2~").read_text() == "mine"
    assert Path("losses.csv").read_text() == results_csv(results(here))
    assert sweep("--resume 1 --csv losses.csv") == 0
    assert not Path("losses.csv.~3~").exists(), "the same table is no other one"


def test_what_keeps_a_device_from_computing_is_said_once(
    desk: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Troubled(InProcess):
        looks = 0

        def wake(self) -> None:
            pass

        def status(self) -> list[DeviceStatus]:
            Troubled.looks += 1
            if Troubled.looks == 3:
                super().wake()
            return [DeviceStatus("cpu", False, None, "the worker for cpu ended")]

    take_place(monkeypatch, Troubled)
    assert sweep(GRID) == 0
    assert Troubled.looks > 3
    assert capsys.readouterr().err == "cpu: the worker for cpu ended\n"


def test_help_names_every_sampler_goal_and_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in (*SAMPLERS, *NUMBERS):
        assert name in text, name
    assert set(GOALS) <= set(NUMBERS)
    for flag in ("--axis AXIS", "--resume ID", "--dry-run", "--csv FILE", "--beta N"):
        assert flag in text
