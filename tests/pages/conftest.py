"""A data folder of its own for each test of a page, and no process that computes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nst_core import LocalExecutor, StoreError, open_store
from tests.lab import Lab
from tests.pages.bench import remember_media


@pytest.fixture(autouse=True)
def _same_main() -> Iterator[None]:
    """Put back ``__main__``, which AppTest replaces: a process started later would run that."""
    kept = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = kept


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[LocalExecutor]:
    """Keep pages from starting a process; return the executors that were to look at their queue."""
    found: list[LocalExecutor] = []
    monkeypatch.setattr(LocalExecutor, "wake", lambda self: found.append(self))
    return found


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, woken: list[LocalExecutor]
) -> Iterator[Path]:
    """Make an empty folder the data folder."""
    remember_media(monkeypatch)
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NST_QUEUE_LIMIT", raising=False)
    yield tmp_path / "home"
    with suppress(StoreError):
        open_store().close()


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder without runs."""
    lab = Lab(tmp_path_factory.mktemp("empty"))
    lab.store.close()
    return lab.folder


@pytest.fixture
def lab(_empty: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab without runs, which the pages use too."""
    shutil.copytree(_empty, folder)
    lab = Lab(folder)
    lab.enter(monkeypatch)
    yield lab
    lab.store.close()


@pytest.fixture
def newcomer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return a lab on a machine without network weights but those that ship."""
    monkeypatch.delenv("NST_WEIGHTS")
    return lab
