"""How a run that is executed in this process ends before its last step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from nst_core import (
    DivergenceError,
    OutOfMemoryError,
    StoreError,
    cancel_run,
    resume_run,
    run,
)
from nst_core.encoders import EncoderCache
from nst_core.run import execute
from nst_core.step import Step
from nst_core.store import writer
from nst_core.store.queue import ClaimLostError
from nst_core.store.writer import RunWriter
from nst_core.worker import Worker, worker_id
from tests.execution import ME, OTHER, at_step, claimed, eager
from tests.lab import Lab, one_thread, picture_bytes
from tests.test_metrics import MEASURED

# Stopping


def test_a_stop_between_two_looks_leaves_no_run_behind(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is set after the step looked at it, and before it returned."""

    class Late(threading.Event):
        looks = 0

        def is_set(self) -> bool:
            self.looks += 1
            return self.looks > 1

    found = claimed(lab)
    with one_thread():
        execute(lab.store, found, ME, device="cpu", stopping=Late())
    assert lab.run(found.id).state == "interrupted"


def test_a_cancel_that_comes_while_it_stops_is_a_cancel(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, stopping = claimed(lab), threading.Event()

    def both() -> None:
        stopping.set()
        cancel_run(lab.store, found.id)

    at_step(monkeypatch, 3, both)
    execute(lab.store, found, ME, device="cpu", stopping=stopping)
    assert lab.run(found.id).state == "cancelled"
    assert [item.step for item in lab.store.snapshots(found.id)] == [3]


def test_a_worker_whose_run_was_taken_away_writes_nothing_more(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager(monkeypatch)
    found = claimed(lab, steps=12, outputs=3)
    seen: dict[str, Any] = {}

    def look() -> dict[str, Any]:
        return {
            "row": lab.row(found.id),
            "log": lab.lines(found.id),
            "losses": lab.store.losses(found.id).values.tobytes(),
            "snapshots": lab.store.snapshots(found.id),
            "files": lab.files(),
        }

    def take_away() -> None:  # as after a sleep: reaped, and resumed by a person
        lab.change(found.id, lease_until=1.0)
        lab.queue.reap()
        resume_run(lab.store, found.id)
        assert lab.queue.claim(OTHER)
        seen.update(look())

    at_step(monkeypatch, 4, take_away)
    execute(lab.store, found, ME, device="cpu")
    assert look() == seen
    assert lab.row(found.id).worker == "other"


@pytest.mark.parametrize(
    "what", ["write", "preview", "checkpoint", "snapshot", "metrics", "end", "begin"]
)
def test_each_write_of_a_lost_run_is_refused_and_leaves_no_file(lab: Lab, what: str) -> None:
    found = claimed(lab)
    mine = RunWriter(lab.store, found, ME)
    lab.queue.end(found.id, ME, "cancelled", "")
    before = lab.files()
    data = picture_bytes(9)
    calls: dict[str, Any] = {
        "write": mine.write,
        "preview": lambda: mine.preview(data),
        "checkpoint": lambda: mine.checkpoint(data),
        "snapshot": lambda: mine.snapshot(data, data, output=1, size=(32, 48)),
        "metrics": lambda: mine.metrics(MEASURED),
        "end": lambda: mine.end("done", ""),
        "begin": lambda: mine.begin(0, "cpu", "few"),
    }
    with pytest.raises(ClaimLostError, match=f"run {found.id} is not this worker's"):
        calls[what]()
    assert lab.files() == before
    assert lab.run(found.id).state == "cancelled"


def test_a_store_that_blinks_loses_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = lab.undisturbed(steps=12, outputs=3)
    eager(monkeypatch)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.0)
    original, calls = lab.store.keep, 0

    def blink(connection: Connection, data: bytes) -> str:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise StoreError("the database restarts")
        return original(connection, data)

    monkeypatch.setattr(lab.store, "keep", blink)
    run_id = lab.submit(steps=12, outputs=3)
    lab.in_process()
    assert lab.outcome(run_id) == expected
    assert len(lab.lines(run_id)) == len(set(lab.lines(run_id)))


# Failing


def failing(error: Exception) -> Any:
    def stylize(*arguments: object, **options: object) -> Iterator[Step]:
        raise error
        yield

    return stylize


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DivergenceError("the loss is nan at step 3: lower learning_rate"), "the loss is nan"),
        (OutOfMemoryError("9 x 9 px did not fit"), "9 x 9 px did not fit"),
        (
            ValueError("a bug\nof ours"),
            "unexpected error ended the run (ValueError: a bug of ours)",
        ),
    ],
)
def test_an_error_fails_the_run_in_words_and_the_worker_goes_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    first, second = lab.submit(), lab.submit()

    def tell(line: str) -> None:
        if line.startswith(f"run {first}: failed"):
            monkeypatch.undo()
            lab.enter(monkeypatch)

    monkeypatch.setattr(run, "stylize", failing(error))
    Worker(lab.store, worker_id("cpu", is_best=True), "cpu", tell).work(until_empty=True)
    failed = lab.run(first)
    assert failed.state == "failed"
    assert words in failed.message
    assert any(line.startswith("failed: ") for line in lab.lines(first))
    assert lab.run(second).state == "done"
    resume_run(lab.store, first)
    lab.in_process()
    assert lab.run(first).state == "done"


def test_running_out_of_memory_gives_the_network_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders = EncoderCache()
    found = claimed(lab)
    monkeypatch.setattr(run, "stylize", failing(OutOfMemoryError("too large")))
    execute(lab.store, found, ME, device="cpu", encoders=encoders)
    assert encoders.get(found.config.changed(device="cpu"))[1] is False


def test_a_picture_that_is_gone_when_its_turn_comes_fails_the_run_in_words(lab: Lab) -> None:
    run_id = lab.submit()
    lab.store.files.remove(lab.content.sha256)
    lab.in_process()
    found = lab.run(run_id)
    assert found.state == "failed"
    assert found.message.startswith(f"the file {lab.content.sha256[:12]}… is not in ")
