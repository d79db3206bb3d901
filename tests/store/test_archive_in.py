"""What an import leaves in the store: all of it, or nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nst_core import (
    Store,
    StoreError,
    export_runs,
    import_runs,
)
from nst_core.store import archive_in
from nst_core.store.archive_check import read_archive
from nst_core.store.database import Database
from nst_core.store.files import Files
from tests.store.archives import (
    NAMES,
    KilledError,
    assert_same,
    contents,
    fresh_store,
    full_run,
)
from tests.store.test_store import png


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store with one run, number 1."""
    with fresh_store(tmp_path_factory.mktemp("known")) as store:
        full_run(store)
        yield store


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """Return a second, empty store."""
    with fresh_store(tmp_path / "other") as store:
        yield store


def test_imported_pictures_enter_the_library_and_go_with_the_run(
    store: Store, known: Store
) -> None:
    mine = store.add_picture(png(1, 20, 30), "mine.png")
    before = contents(store)
    [run_id] = import_runs(store, export_runs(known, [1]))
    names = [picture.name for picture in store.pictures()]
    assert names[0] == "mine.png"  # as it was called here, and chosen last
    assert sorted(names[1:]) == sorted((NAMES[1], NAMES[3], NAMES[4]))
    store.delete_run(run_id, keep=[mine.sha256])
    assert contents(store) == before


def test_a_run_that_is_there_already_comes_as_another(known: Store, other: Store) -> None:
    data = export_runs(known, [1])
    ids = [*import_runs(other, data), *import_runs(other, data)]
    assert len(set(ids)) == 2
    for run_id in ids:
        assert_same(known, 1, other, run_id, "the archive")


@pytest.mark.parametrize("broken", ["_write_log", "_write_snapshots", "_write_run"])
@pytest.mark.parametrize("error", [KilledError, StoreError, KeyboardInterrupt])
def test_an_import_that_fails_midway_leaves_nothing(
    store: Store,
    known: Store,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    error: type[BaseException],
) -> None:
    full_run(store)  # which shares pictures with it
    before, data = contents(store), export_runs(known, [1])

    def fail(*arguments: Any) -> None:
        raise error("midway")

    monkeypatch.setattr(archive_in, broken, fail)
    with pytest.raises(error, match="midway"):
        import_runs(store, data)
    assert contents(store) == before
    monkeypatch.undo()
    [run_id] = import_runs(store, data)
    assert_same(known, 1, store, run_id, "the archive")


def test_a_store_that_is_full_midway_is_left_as_it_was(
    store: Store, known: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, data, write = contents(store), export_runs(known, [1]), Files.write
    room = iter(range(4))

    def fill(self: Files, data: bytes) -> str:
        if next(room, None) is None:
            raise StoreError("full")
        return write(self, data)

    monkeypatch.setattr(Files, "write", fill)
    with pytest.raises(StoreError, match="full"):
        import_runs(store, data)
    assert contents(store) == before


def test_files_that_another_process_freed_meanwhile_are_written_again(
    store: Store, known: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, write = export_runs(known, [1]), Database.write
    begun, last = itertools.count(1), 1 + len(archive_in._files_to_keep(read_archive(data)))

    def tidied(self: Database) -> Any:
        if next(begun) == last:  # the files are there, and their rows not yet
            store.tidy()
            assert store.count() == len(store.pictures()) == 0
            assert contents(store) == before
        return write(self)

    before = contents(store)
    monkeypatch.setattr(Database, "write", tidied)
    [run_id] = import_runs(store, data)
    assert next(begun) > last
    assert_same(known, 1, store, run_id, "the archive")


def test_what_a_death_left_is_tidied(
    store: Store, known: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(store)

    def fail(*arguments: Any) -> None:
        raise KilledError

    monkeypatch.setattr(archive_in, "_write", fail)
    monkeypatch.setattr(archive_in, "_free_unused", lambda *arguments: None)
    with pytest.raises(KilledError):
        import_runs(store, export_runs(known, [1]))
    assert contents(store) != before
    store.tidy()
    assert contents(store) == before


def test_the_name_in_the_log_is_one_line(known: Store, other: Store) -> None:
    [run_id] = import_runs(other, export_runs(known, [1]), name="a\nb\t" + "c" * 1000)
    text = other.log(run_id)[-1].text
    assert text.startswith("imported from a b ccc")
    assert len(text) < 300
