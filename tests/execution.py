"""Runs that are executed in this process, step by step."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from nst_core import Run, run
from nst_core.run import execute
from nst_core.step import Step
from nst_core.store import writer
from nst_core.store.queue import WorkerId
from tests.lab import Lab, one_thread

ME = WorkerId("me", "here/cpu", ("auto", "cpu"))
OTHER = WorkerId("other", "there/cpu", ("auto", "cpu"))


def claimed(lab: Lab, **changes: Any) -> Run:
    run_id = lab.submit(**changes)
    found = lab.queue.claim(ME)
    assert found is not None
    assert found.id == run_id
    return found


def at_step(monkeypatch: pytest.MonkeyPatch, index: int, work: Any) -> None:
    """Do ``work`` when a run has come to step ``index``, before anything of it is written."""
    original = run.Execution.after

    def after(self: run.Execution, step: Step) -> bool:
        if step.index == index:
            work()
        return original(self, step)

    monkeypatch.setattr(run.Execution, "after", after)


def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write losses, previews and checkpoints at every step."""
    monkeypatch.setattr(writer, "WRITE_EVERY", 0.0)
    for name in ("PREVIEW_EVERY", "CHECKPOINT_EVERY", "MOST_OVERHEAD"):
        monkeypatch.setattr(run, name, 0.0)
    monkeypatch.setattr(run, "CHECKPOINT_RATE", math.inf)


def break_off_at(lab: Lab, monkeypatch: pytest.MonkeyPatch, index: int, **changes: Any) -> int:
    """Leave a run interrupted at step ``index``, as a server that stops does."""
    found, stopping = claimed(lab, **changes), threading.Event()
    with monkeypatch.context() as patch, one_thread():
        at_step(patch, index, stopping.set)
        execute(lab.store, found, ME, device="cpu", stopping=stopping)
    assert lab.run(found.id).state == "interrupted", lab.tell(found.id)
    return found.id
