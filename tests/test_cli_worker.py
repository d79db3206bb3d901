"""``python -m nst_core worker`` as a person uses it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from nst_core.cli import main
from tests.lab import LONG, Lab


def test_worker_computes_what_waits_and_ends(lab: Lab) -> None:
    runs = [lab.submit(steps=3), lab.submit(steps=3)]
    done = subprocess.run(
        [sys.executable, "-m", "nst_core", "worker", "--until-empty"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"computing on cpu what waits in {lab.folder}; Ctrl-C stops",
        "Run 1: photo in style: 3 steps",
        "run 1: done",
        "Run 2: photo in style: 3 steps",
        "run 2: done",
    ]
    assert [lab.run(run_id).state for run_id in runs] == ["done", "done"]


def test_worker_leaves_its_run_to_be_resumed_when_it_is_interrupted(lab: Lab) -> None:
    run_id = lab.submit(steps=LONG)
    command = [sys.executable, "-m", "nst_core", "worker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            lab.wait(run_id, "running", step=1)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    run = lab.run(run_id)
    assert (process.returncode, errors) == (130, b"")
    assert run.state == "interrupted"
    assert run.checkpoint_step == run.step > 0
    assert output.decode().splitlines()[-1] == (
        f"run 1: interrupted: Stopped at step {run.step} of {LONG}. Resume goes on from there."
    )


def test_worker_obeys_a_second_interrupt_at_once(lab: Lab) -> None:
    """In a step that takes for ever, while it may itself hold the store's lock."""
    run_id = lab.submit(steps=LONG)
    code = """
import sys, threading
from nst_core import cli, run

def after(self, step):
    with self.store.database.write():
        print("here", flush=True)
        while True:
            threading.Event().wait(0.01)

run.Execution.after = after
sys.exit(cli.main(["worker"]))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            while process.stdout.readline() != b"here\n":
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 130
        finally:
            process.kill()
    assert lab.run(run_id).state == "running", "until its lease runs out"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [("--device cuda:99", "this machine has no device 'cuda:99'"), ("--now", "see 'python -m")],
)
def test_worker_refuses_bad_input_in_one_line(
    lab: Lab, arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["worker", *arguments.split()])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_worker_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["worker", "--help"])
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in ("--until-empty", "--device DEVICE", "Ctrl-C", "NST_DATABASE_URL"):
        assert words in text
