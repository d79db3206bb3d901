"""A store of its own for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nst_core import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store on SQLite."""
    store = Store(f"sqlite:///{tmp_path / 'nst-lab.db'}", str(tmp_path / "files"))
    yield store
    store.close()
