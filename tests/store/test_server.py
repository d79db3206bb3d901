"""A database on a server: connections that break, hang, or come with other defaults."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from nst_core import StoreError
from nst_core.store import database
from nst_core.store import tables as t
from nst_core.store.database import Database
from tests.store.postgresql import Server


@pytest.fixture
def fresh(postgresql: Server) -> Iterator[str]:
    """Return the URL of an empty database on the server."""
    with postgresql.fresh_database() as url:
        yield url


def test_a_connection_that_breaks_is_said_and_made_anew(fresh: str) -> None:
    opened = Database(fresh)
    with pytest.raises(StoreError, match="cannot be used"), opened.write() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with opened.read() as connection:
        assert connection.execute(t.files.select()).all() == []
    opened.close()


def test_a_connection_that_broke_while_idle_is_made_anew(fresh: str, postgresql: Server) -> None:
    opened = Database(fresh)
    with opened.read() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
    postgresql.execute(f"SELECT pg_terminate_backend({process}, 5000)")
    with opened.read() as connection:
        assert connection.execute(t.files.select()).all() == []
    opened.close()


def test_a_server_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 1)  # psycopg makes 2 of it
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(Path(folder) / ".s.PGSQL.5432"))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(StoreError, match="timeout"):
            Database(f"postgresql://me:secret@/name?host={folder}")
        assert time.monotonic() - began < 10


def test_a_writer_sees_what_was_committed_while_it_waited(fresh: str, postgresql: Server) -> None:
    name = fresh.partition("@/")[2].partition("?")[0]
    default = "default_transaction_isolation = 'repeatable read'"
    postgresql.execute(f"ALTER DATABASE {name} SET {default}")
    opened = Database(fresh)
    seen: list[int] = []

    def look() -> None:
        with opened.write() as connection:
            seen.extend(connection.scalars(select(t.files.c.bytes)))

    waiter = threading.Thread(target=look)
    with opened.write() as connection:
        connection.execute(t.files.insert().values(sha256="1" * 64, bytes=5, added_at=0.0))
        waiter.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        while not connection.scalar(waiting):
            assert waiter.is_alive()
    waiter.join()
    assert seen == [5]
    opened.close()
