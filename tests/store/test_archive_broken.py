"""Archives that are broken, forged or not ours: one line of words, and nothing is written."""

from __future__ import annotations

import random
import re
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from nst_core import (
    ArchiveError,
    NSTError,
    Store,
    export_runs,
    import_runs,
    snapshots_zip,
)
from tests.store.archive_cases import CASES, DIRECTORY
from tests.store.archive_changes import (
    packed,
    rezipped,
)
from tests.store.archives import (
    assert_same,
    contents,
    fresh_store,
    full_run,
    unpacked,
)

NAME = "runs.zip"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store with the runs 1 and 2, of which the second was forked from the first."""
    with fresh_store(tmp_path_factory.mktemp("origin")) as store:
        full_run(store, parent_id=full_run(store))
        yield store


@pytest.fixture(scope="module")
def good(origin: Store) -> bytes:
    return export_runs(origin, [1, 2])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store that no broken archive changes."""
    with fresh_store(tmp_path_factory.mktemp("target")) as store:
        full_run(store)
        yield store


def refused(store: Store, data: bytes) -> str:
    """Return why an archive is refused; nothing of it may be written."""
    before = contents(store)
    with warnings.catch_warnings(), pytest.raises(ArchiveError) as caught:
        import_runs(store, data, name=NAME)
    assert contents(store) == before
    text = str(caught.value)
    assert text.startswith(f"{NAME}: ")
    assert "\n" not in text
    assert len(text) < 700
    assert ";" in text  # what to do
    return text


@pytest.mark.parametrize("case", CASES)
def test_a_broken_archive_is_refused_in_words(target: Store, good: bytes, case: str) -> None:
    change, words = CASES[case]
    text = refused(target, change(good))
    assert re.search(words, text), text


def refused_or_the_same(origin: Store, target: Store, data: bytes) -> str:
    """Return why an archive of run 1 is refused, or "" where it is read and the run is whole."""
    before, words = contents(target), ""
    try:
        with warnings.catch_warnings():
            [run_id] = import_runs(target, data, name=NAME)
    except NSTError as error:
        words = str(error)
    else:
        assert_same(origin, 1, target, run_id, NAME)
        target.delete_run(run_id)
    assert contents(target) == before
    return words


def test_flipped_bits_are_refused_or_harmless(origin: Store, target: Store) -> None:
    small, numbers = export_runs(origin, [1]), random.Random(8)
    outcomes = []
    for _ in range(300):
        data = bytearray(small)
        data[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)
        outcomes.append(refused_or_the_same(origin, target, bytes(data)))
    assert all(text.startswith(f"{NAME}: ") and "\n" not in text for text in outcomes if text)
    assert len(outcomes) - outcomes.count("") > 200


def test_changed_bytes_of_the_directory_are_refused_or_harmless(
    origin: Store, target: Store
) -> None:
    """The ZIP's directory is small beside the files, and reading it has the most ways to fail."""
    small, numbers = export_runs(origin, [1]), random.Random(9)
    outcomes = []
    begin = small.index(DIRECTORY, small.rindex(b"PK\x03\x04"))
    for at in numbers.sample(range(begin, len(small)), 300):
        data = bytearray(small)
        data[at] = numbers.randrange(256)
        outcomes.append(refused_or_the_same(origin, target, bytes(data)))
    assert all(text.startswith(f"{NAME}: ") for text in outcomes if text)


def test_an_archive_that_is_cut_anywhere_is_refused(origin: Store, target: Store) -> None:
    small = export_runs(origin, [1])
    for length in random.Random(10).sample(range(len(small)), 60):
        text = refused(target, small[:length])
        assert re.search("damaged or cut short|the file is empty|this is not a ZIP", text), text


def test_what_other_programs_pack_alike_is_read(origin: Store, target: Store, good: bytes) -> None:
    """Folders, packed pictures, another order, and what systems leave beside."""
    files = unpacked(good)
    shuffled = {"__MACOSX/._run-1": b"", "run-1/": b"", "run-1/.DS_Store": b"x"}
    shuffled |= dict(sorted(files.items(), reverse=True))
    data = rezipped(packed(shuffled), lambda info: None, compression=zipfile.ZIP_DEFLATED)
    before = contents(target)
    ids = import_runs(target, data, name=NAME)
    for number, run_id in zip((1, 2), ids, strict=True):
        assert_same(origin, number, target, run_id, NAME)
    for run_id in ids:
        target.delete_run(run_id)
    assert contents(target) == before


def test_the_zip_of_a_runs_pictures_is_no_archive(origin: Store, target: Store) -> None:
    assert "it has no manifest.json" in refused(target, snapshots_zip(origin, 1))


def test_a_name_of_several_lines_is_said_in_one(target: Store) -> None:
    with pytest.raises(ArchiveError, match=r"^a b: this is not a ZIP"):
        import_runs(target, b"x", name="a\n  b")


@pytest.mark.parametrize("error", [MemoryError, RecursionError, OSError])
def test_what_libraries_raise_on_files_is_said(
    target: Store, good: bytes, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    assert "manifest.json in it is damaged" in refused(target, good)
