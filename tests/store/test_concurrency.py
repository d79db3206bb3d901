"""Several processes at one store: no row is lost, and no file that a row holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from nst_core import RunInput, Store, StoreError, StyleTransferConfig
from nst_core.store import tables as t
from nst_core.store.files import Files
from tests.store.processes import COUNT, PATIENCE, Processes, running_processes
from tests.store.test_store import end, inputs, png

RUNS = 25  # that each process adds
CONFIG = StyleTransferConfig(steps=3)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    """Return four processes."""
    with running_processes() as running:
        yield running


def open_and_look(url: str, folder: str) -> str | None:
    store = Store(url, folder)
    revision = store.database.revision()
    store.close()
    return revision


def add_runs(url: str, folder: str, number: int) -> list[tuple[int, str]]:
    """Add runs of a picture that all processes use and of one that is this process's own."""
    store, added = Store(url, folder), []
    for k in range(RUNS):
        content = store.add_picture(png(0, 16, 16), "shared.png")
        style = store.add_picture(png(1 + number * RUNS + k, 16, 16), "own.png")
        pair = [
            RunInput("content", 0, content.sha256, "c"),
            RunInput("style", 0, style.sha256, "s"),
        ]
        added.append((store.add_run(CONFIG, pair), style.sha256))
    store.close()
    return added


def add_and_check_runs(url: str, folder: str, number: int) -> None:
    """Add runs of one picture and end them, while another process deletes what has ended."""
    store, data, added = Store(url, folder), png(number, 16, 16), 0
    while added < RUNS:
        try:
            sha256 = store.add_picture(data, "shared.png").sha256
            pair = [RunInput("content", 0, sha256, "c"), RunInput("style", 0, sha256, "s")]
            run_id = store.add_run(CONFIG, pair)
        except StoreError as error:
            if "choose it again" in str(error):  # its last run was deleted between the two
                continue
            raise
        assert store.read(store.run(run_id).content.sha256) == data
        end(store, run_id)
        added += 1
    store.close()


def delete_runs(url: str, folder: str, count: int) -> None:
    store, deleted, patience = Store(url, folder), 0, time.monotonic() + PATIENCE / 4
    while deleted < count:
        assert time.monotonic() < patience
        for run in store.runs(1, states=["done"], newest_first=False):
            store.delete_run(run.id)
            deleted += 1
    store.close()


def test_processes_that_open_a_new_data_folder_at_once_all_succeed(
    database_url: str, tmp_path: Path, processes: Processes
) -> None:
    for k in range(4 if database_url.startswith("sqlite") else 1):
        url = database_url.replace("nst-lab.db", f"{k}/nst-lab.db")
        found = processes.run([(open_and_look, (url, str(tmp_path / "files")))] * COUNT)
        assert found == [found[0]] * COUNT
        assert found[0] is not None


def test_processes_that_write_at_once_lose_nothing(
    database_url: str, tmp_path: Path, processes: Processes
) -> None:
    place = (database_url, str(tmp_path / "files"))
    added = processes.run([(add_runs, (*place, number)) for number in range(COUNT)])
    rows = sorted(row for part in added for row in part)
    store = Store(*place)
    runs = store.runs(1000, newest_first=False)
    assert [(run.id, run.styles[0].sha256) for run in runs] == rows
    assert len(rows) == COUNT * RUNS
    for run in runs:
        for item in run.inputs:
            assert store.read(item.sha256)
    assert len(store.pictures(1000)) == COUNT * RUNS + 1
    store.close()


def test_deleting_runs_never_takes_a_file_that_another_process_uses(
    database_url: str, tmp_path: Path, processes: Processes
) -> None:
    place = (database_url, str(tmp_path / "files"))
    total = (COUNT - 1) * RUNS
    adders = [(add_and_check_runs, (*place, k % 2)) for k in range(COUNT - 1)]
    processes.run([*adders, (delete_runs, (*place, total - 2))])
    store = Store(*place)
    left = store.runs()
    assert len(left) == 2
    for run in left:
        assert store.read(run.content.sha256)
        store.delete_run(run.id)
    with store.database.read() as connection:
        rows = set(connection.scalars(select(t.files.c.sha256)))
    assert {path.name for path in (tmp_path / "files").glob("*/*")} == rows
    store.close()


def test_a_picture_that_is_chosen_while_its_file_is_removed_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = inputs(store, 1)
    run_id = store.add_run(CONFIG, old)
    end(store, run_id)
    chooser = threading.Thread(target=store.add_picture, args=(png(1), "1.png"))
    remove = Files.remove

    def remove_slowly(self: Files, digest: str) -> None:
        if not chooser.ident:
            chooser.start()
        chooser.join(0.3)  # it must wait for this to end
        remove(self, digest)

    monkeypatch.setattr(Files, "remove", remove_slowly)
    store.delete_run(run_id)
    chooser.join()
    assert store.read(old[0].sha256) == png(1)
    assert store.read(store.pictures()[0].thumbnail)
