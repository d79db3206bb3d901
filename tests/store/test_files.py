"""Files by their SHA-256: whole, found again, and in any place that fsspec knows."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nst_core import StoreError
from nst_core.store.files import Files

PLACES = ["folder", "file URL", "memory", "folder through fsspec"]


@pytest.fixture(params=PLACES)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    """Return an empty place for files."""
    if request.param == "memory":
        url = f"memory://{uuid.uuid4().hex}/files"
        yield Files(url)
        fsspec.filesystem("memory").rm(url.partition("//")[2].partition("/")[0], recursive=True)
        return
    files = Files(
        f"file://{tmp_path}/files" if request.param == "file URL" else f"{tmp_path}/files"
    )
    if request.param == "folder through fsspec":
        files.is_local = False  # as a server of files, where folders must be made
    yield files


def test_a_file_is_read_back_until_it_is_removed(files: Files) -> None:
    first, second = files.write(b"1"), files.write(b"")
    assert (files.read(first), files.read(second)) == (b"1", b"")
    assert first == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert files.write(b"1") == first
    files.remove(first)
    files.remove(first)
    with pytest.raises(StoreError, match=r"6b86b273ff34… is not in .* any more"):
        files.read(first)
    assert files.read(second) == b""
    assert files.write(b"1") == first
    assert files.read(first) == b"1"


def test_a_file_that_lost_its_end_is_said_and_written_anew(files: Files) -> None:
    digest = files.write(b"whole")
    files.system.pipe_file(files._path(digest), b"")  # as after a power cut
    with pytest.raises(StoreError, match="is damaged"):
        files.read(digest)
    assert files.write(b"whole") == digest
    assert files.read(digest) == b"whole"


@pytest.mark.parametrize("name", ["a::b", "a?b#c%20d é", "~", "c@d:e"])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    files = Files(str(tmp_path / name / "files"))
    digest = files.write(b"1")
    assert (tmp_path / name / "files" / "6b" / digest).read_bytes() == b"1"


def test_a_relative_folder_is_meant_from_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = Files("here")
    monkeypatch.chdir("/")
    files.write(b"1")
    assert (tmp_path / "here" / "6b").is_dir()


def test_a_cache_of_another_place_is_no_folder(tmp_path: Path) -> None:
    assert not Files("filecache::memory://x").is_local
    assert Files(str(tmp_path)).is_local


def test_bytes_reach_the_disk_before_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    synced, replaced = os.fsync, os.replace

    def fsync(number: int) -> None:
        order.append(f"sync {os.fstat(number).st_size}")
        synced(number)

    def replace(source: str, target: str) -> None:
        order.append("name")
        replaced(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    Files(str(tmp_path)).write(b"123")
    assert order == ["sync 3", "name"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\)"):
        Files(str(tmp_path)).write(b"123")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_leftovers_go_after_an_hour(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    kept = tmp_path / "6b" / files.write(b"1")
    old, fresh = (tmp_path / "6b" / f".{name}.tmp" for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(b"1")
    for path in (old, kept):
        os.utime(path, (1.0, 1.0))
    files.remove_leftovers()
    assert (old.exists(), fresh.exists(), kept.exists()) == (False, True, True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nosuch://me:secret@host/x", "Protocol not known: nosuch"),
        ("ftp://me:secret@127.0.0.1:1/x", "Connection refused"),
        ("ftp://me:se/cr@et@127.0.0.1:1/x", "NST_ARTIFACTS_URL: ftp://127.0.0.1:1/x cannot"),
    ],
)
def test_a_place_that_cannot_be_used_is_said_without_its_password(url: str, words: str) -> None:
    with pytest.raises(StoreError, match="give a folder or an fsspec URL") as caught:
        Files(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "et@" not in str(caught.value)


class DeniedError(Exception):
    """What a backend of fsspec raises: no OSError, and no other base in common."""


@pytest.mark.parametrize(
    ("asked", "use"),
    [
        ("size", lambda files: files.write(b"1")),
        ("pipe_file", lambda files: files.write(b"1")),
        ("cat_file", lambda files: files.read("1" * 64)),
        ("rm_file", lambda files: files.remove("1" * 64)),
    ],
)
def test_the_error_of_a_backend_is_said(
    asked: str, use: Callable[[Files], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(self: object, path: str, *rest: object) -> None:
        raise DeniedError("denied at s3://me:secret@host/x")

    monkeypatch.setattr(MemoryFileSystem, asked, deny)
    with pytest.raises(StoreError, match=r"cannot be (written|read) \(denied at s3://host/x\)"):
        use(Files(f"memory://{uuid.uuid4().hex}"))
