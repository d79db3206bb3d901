"""Sweeps of the command line that go on, fail, or are stopped by Ctrl-C."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nst_core import DeviceStatus, load_image, results_csv
from tests.lab import LONG, Lab, until
from tests.sweep_desk import (
    GRID,
    SMALL,
    InProcess,
    at_desk,
    ids,
    records,
    results,
    sweep,
    take_place,
    titles,
    write,
)
from tests.sweeps import failing


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


# Going on


def test_resume_runs_what_is_missing_and_nothing_else(
    here: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(GRID) == 0
    before = ids(here)
    made = {run.cell.title: run.entry.run for run in results(here).runs}
    interrupted, missing = made["beta 1000, steps 3"], made["beta 1e5, steps 2"]
    here.change(interrupted.id, state="interrupted", ended_at=None)
    here.store.delete_run(missing.id)
    done = [run for run in made.values() if run not in (interrupted, missing)]
    capsys.readouterr()

    assert sweep("--resume 1 -o sheet.png") == 0
    assert results(here).is_complete
    after = ids(here)
    changed = {key for key in before if before[key] != after[key]}
    assert missing.cell is not None
    assert changed == {missing.cell.key}
    for run in done:
        assert here.run(run.id).ended_at == run.ended_at
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("4 runs, 2 of them done: beta=1000,1e5 x steps=2,3; about ")
    ended = [line.split("  ")[:3] for line in lines if re.match(r"\d/4  ", line)]
    assert ended == [
        ["3/4", "beta 1000, steps 3", "done"],
        ["4/4", "beta 1e5, steps 2", "done"],
    ]
    assert sweep("--resume 1") == 0
    assert "4 runs, 4 of them done: beta=1000,1e5 x steps=2,3; nothing is left to run" in (
        capsys.readouterr().out
    )
    assert ids(here) == after


def test_resume_with_more_values_and_replicates_extends(here: Lab) -> None:
    assert sweep(GRID) == 0
    before = ids(here)
    ends = {run.entry.run.id: run.entry.run.ended_at for run in results(here).runs}
    assert sweep("--resume 1 --axis beta=1e4 --replicates 2") == 0
    after = results(here)
    assert after.is_complete
    assert after.planned == 3 * 2 * 2
    assert before.items() <= ids(here).items()
    assert {run_id: here.run(run_id).ended_at for run_id in ends} == ends


def test_resume_with_more_trials_extends(here: Lab) -> None:
    command = "--axis beta=1e3:1e6:log --sampler random --trials 2"
    assert sweep(f"photo.png style.png {command} {SMALL}") == 0
    before = ids(here)
    assert sweep("--resume 1 --trials 4") == 0
    assert before.items() <= ids(here).items()
    assert dict(results(here).states) == {"done": 4}


def test_resume_with_more_pictures_tells_them_from_those_it_has(here: Lab) -> None:
    assert sweep(f"photo.png --axis style=style.png,other.png {SMALL}") == 0
    write("more/style.png", 4)
    assert sweep("--resume 1 --axis style=more/style.png,style.png") == 0
    assert titles(here) == ["style style.png", "style other.png", "style more/style.png"]
    item = results(here).runs[-1].entry.run.styles[0]
    assert here.store.read(item.sha256) == Path("more/style.png").read_bytes()
    write("more/style.png", 5)
    assert sweep("--resume 1 --axis style=more/style.png") == 2


def test_a_run_of_others_that_was_taken_waits_again(
    desk: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = desk.submit(steps=LONG)

    class Busy(InProcess):
        """Computes the sweep, and has begun with a run of others when it is stopped."""

        def wake(self) -> None:
            desk.change(others, state="cancelled")
            super().wake()
            desk.change(others, state="running")

        def status(self) -> list[DeviceStatus]:
            return [DeviceStatus("cpu", True, others, "")]

        def stop(self) -> None:
            desk.change(others, state="interrupted")

    take_place(monkeypatch, Busy)
    assert sweep(GRID) == 0
    assert desk.run(others).state == "queued"


# What goes wrong


def test_runs_that_fail_are_told_of_and_the_rest_is_done(
    here: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, lambda config: config.beta == 1e3)
    assert sweep(f"{GRID} -o sheet.png --csv losses.csv") == 2
    assert dict(results(here).states) == {"failed": 2, "done": 2}
    captured = capsys.readouterr()
    reason = "the loss is nan at step 1: lower learning_rate"
    assert captured.err.splitlines() == [
        f"failed: beta 1000, steps 2: {reason}",
        f"failed: beta 1000, steps 3: {reason}",
        "error: 2 of 4 runs failed; 'python -m nst_core sweep --resume 1' tries them again",
    ]
    assert re.search(rf"^1/4  beta 1000, steps 2  failed  {reason}  ", captured.out, re.MULTILINE)
    assert load_image("sheet.png").size
    assert Path("losses.csv").read_text().count("done") == 2


def test_a_sweep_that_was_cancelled_elsewhere_is_no_success(
    desk: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Cancelled(InProcess):
        def wake(self) -> None:
            for run in results(desk).runs[1:]:
                desk.queue.cancel(run.entry.run.id)
            super().wake()

    take_place(monkeypatch, Cancelled)
    assert sweep(GRID) == 2
    assert capsys.readouterr().err == (
        "error: 3 of 4 runs stopped on a cancel; 'python -m nst_core sweep --resume 1' tries them "
        "again\n"
    )


def start(folder: Path, arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nst_core", "sweep", *shlex.split(arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_cancels_what_waits_and_says_how_to_go_on(desk: Lab) -> None:
    folder = desk.folder / "desk"
    files = "-o 'the sheet.png' --csv losses.csv"
    command = f"photo.png style.png {SMALL} --axis steps=2,{LONG},3 {files} --json"
    with start(folder, command) as process:
        try:
            until(lambda: desk.store.count() >= 3, "for the sweep")
            desk.wait(2, "running", step=1)
            process.send_signal(signal.SIGINT)
            output, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, error) == (130, "")
    made = [run.entry.run for run in results(desk).runs]
    assert [run.state for run in made] == ["done", "interrupted", "cancelled"]
    assert results(desk).sweep.cancelled_at is not None
    *_, sheet, table, stopped = records(output)
    assert (sheet["path"], table["path"]) == ("the sheet.png", "losses.csv")
    assert load_image(folder / "the sheet.png").size
    assert (folder / "losses.csv").read_text() == results_csv(results(desk))
    assert stopped == {
        "event": "stopped",
        "sweep": 1,
        "done": 1,
        "runs": 3,
        "command": "python -m nst_core sweep --resume 1 -o 'the sheet.png' --csv losses.csv",
    }


def test_ctrl_c_says_in_words_how_to_go_on(
    desk: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(InProcess):
        def wake(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    take_place(monkeypatch, Interrupted)
    assert sweep(f"{GRID} --csv losses.csv") == 130
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "saved losses.csv",
        "stopped: 0 of 4 runs are done",
        "go on with: python -m nst_core sweep --resume 1 --csv losses.csv",
    ]
    assert dict(results(desk).states) == {"cancelled": 4}
    take_place(monkeypatch, InProcess)
    assert sweep("--resume 1 --csv losses.csv") == 0
    assert dict(results(desk).states) == {"done": 4}


def test_a_second_ctrl_c_is_obeyed_at_once(
    desk: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stubborn(InProcess):
        def wake(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        def stop(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("it goes on")

    take_place(monkeypatch, Stubborn)
    assert sweep(f"{GRID} -o sheet.png") == 130
    assert capsys.readouterr().err == "stopped at once; what was saved before stays\n"
    assert not Path("sheet.png").exists()
