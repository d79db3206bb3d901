"""The database: what is in force, where it is, and what is said when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from nst_core import Store, StoreError
from nst_core.store import database
from nst_core.store import tables as t
from nst_core.store.database import Database, now
from tests.store.postgresql import Server


def add_file(store_database: Database, digest: str) -> None:
    with store_database.write() as connection:
        connection.execute(t.files.insert().values(sha256=digest, bytes=1, added_at=now()))


def count_files(store_database: Database) -> int:
    with store_database.read() as connection:
        return len(connection.execute(t.files.select()).all())


@pytest.fixture
def small(database_url: str) -> Iterator[Database]:
    """Return an empty database."""
    opened = Database(database_url)
    yield opened
    opened.close()


def test_sqlite_waits_logs_ahead_and_checks_references(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'a.db'}")
    found = {}
    for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
        with opened.read() as connection:
            found[pragma] = connection.scalar(text(f"PRAGMA {pragma}"))
    opened.close()
    wanted = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30000}
    assert found == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]  # nothing is left behind


def test_a_new_file_waits_for_another_process_that_prepares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # SQLite lets nobody wait for this to switch to WAL
    monkeypatch.setattr(time, "sleep", lambda seconds: other.execute("COMMIT"))
    Database(f"sqlite:///{tmp_path / 'a.db'}").close()
    other.close()


def test_a_row_without_its_file_is_refused(small: Database) -> None:
    row = {"sha256": "1" * 64, "name": "a", "width": 1, "height": 1, "chosen_at": 0.0}
    with (
        pytest.raises(StoreError, match=r"(?i)cannot be used .*foreign key"),
        small.write() as connection,
    ):
        connection.execute(t.pictures.insert().values(thumbnail="2" * 64, **row))


def test_the_clock_of_the_database_is_that_of_the_machine(small: Database) -> None:
    with small.read() as connection:
        found = connection.scalar(select(now()))
        later = [connection.scalar(select(now())) or 0.0 for _ in range(20)]
    assert found == pytest.approx(time.time(), abs=1.0)
    assert later == sorted(later)


def test_what_is_read_is_of_one_moment(small: Database) -> None:
    add_file(small, "1" * 64)
    with small.read() as connection:
        before = connection.execute(t.files.select()).all()
        add_file(small, "2" * 64)
        assert connection.execute(t.files.select()).all() == before
    assert count_files(small) == 2


def test_an_error_undoes_the_whole_transaction(small: Database) -> None:
    def write_and_fail() -> None:
        with small.write() as connection:
            connection.execute(t.files.insert().values(sha256="1" * 64, bytes=1, added_at=0.0))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert count_files(small) == 0


def test_a_writer_that_never_ends_is_said(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    first, second = Database(database_url), Database(database_url)
    with first.write(), pytest.raises(StoreError, match=r"cannot be used .*lock"):
        add_file(second, "1" * 64)
    add_file(second, "1" * 64)
    assert count_files(first) == 1
    first.close()
    second.close()


# What people may name instead of a database


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("no url: secret", "is no database URL; give one as postgresql://"),
        ("://secret", "is no database URL"),
        ("postgresql://me:secret@host:port/name", "is no database URL"),
        ("postgresql://me:se@cret@host/name", "has two '@'; write '@' as %40"),
        ("mysql://me:secret@host/name", "names 'mysql'; NST Lab works with postgresql://"),
        ("mysql+pymysql://me:secret@host/name", "names 'mysql'"),
        ("sqlite://", "needs a file that processes can share"),
        ("sqlite:///:memory:", "needs a file that processes can share"),
        ("sqlite://me:secret@host/name", "needs a file that processes can share"),
        ("sqlite:///name?key=secret", "needs a file that processes can share"),
        ("postgresql://me:secret@/x?host=/no/such/folder", "No such file or directory"),
        ("postgresql://me@/x?host=/no/such/folder&password=secret", "No such file or directory"),
        ("postgresql://me:secret@/x?host=/no&colour=secret", 'connection option "colour"'),
    ],
)
def test_a_url_that_cannot_be_used_is_said_without_its_password(url: str, words: str) -> None:
    with pytest.raises(StoreError) as caught:
        Database(url)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "cret" not in message


def test_the_place_shows_no_password(postgresql: Server) -> None:
    for url in (
        f"postgresql://tester:secret@/postgres?host={postgresql.folder}",
        f"postgresql://tester@/postgres?host={postgresql.folder}&password=secret",
    ):
        with postgresql.fresh_database() as fresh:
            name = fresh.partition("@/")[2].partition("?")[0]
            opened = Database(url.replace("@/postgres?", f"@/{name}?"))
            assert "secret" not in opened.place
            assert name in opened.place
            assert "nst-pg" in opened.place
            opened.close()


@pytest.mark.parametrize("error", [ModuleNotFoundError("psycopg"), ImportError("no pq wrapper")])
def test_a_driver_that_is_missing_is_said(
    error: ImportError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(PGDialect_psycopg, "import_dbapi", fail)
    with pytest.raises(StoreError, match=r"pip install 'psycopg\[binary\]'"):
        Database("postgresql://me@host/name")


def test_a_data_folder_that_is_a_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_bytes(b"")
    for home in (tmp_path / "home", tmp_path / "home" / "below"):
        monkeypatch.setenv("NST_HOME", str(home))
        with pytest.raises(StoreError, match=r"data folder cannot be made .* set NST_HOME"):
            Store()


@pytest.mark.parametrize("damage", [lambda data: b"not SQLite" * 1000, lambda data: data[:5000]])
def test_a_corrupted_file_is_said(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Database(f"sqlite:///{path}").close()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=r"a\.db cannot be used .*(not a database|malformed)"):
        Database(f"sqlite:///{path}")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user can read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def as_a_user(open_folder: Path) -> Iterator[Callable[[], None]]:
    """Return a function that makes root an ordinary user, whom permissions bind."""
    root = os.geteuid() == 0
    yield lambda: os.seteuid(65534) if root else None
    if root:
        os.seteuid(0)
    open_folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_is_said(
    open_folder: Path, as_a_user: Callable[[], None]
) -> None:
    open_folder.chmod(0o555)
    as_a_user()
    with pytest.raises(StoreError, match=r"unable to open database file.*can be written"):
        Database(f"sqlite:///{open_folder / 'a.db'}")
    with pytest.raises(StoreError, match=r"cannot be made \(Permission denied\); set NST_HOME"):
        Database(f"sqlite:///{open_folder / 'new' / 'a.db'}")


@pytest.mark.parametrize("folder_mode", [0o555, 0o777])
def test_a_database_that_cannot_be_written_is_said(
    folder_mode: int, open_folder: Path, as_a_user: Callable[[], None]
) -> None:
    url = f"sqlite:///{open_folder / 'a.db'}"
    Database(url).close()
    (open_folder / "a.db").chmod(0o444)
    open_folder.chmod(folder_mode)
    as_a_user()

    def open_and_write() -> None:
        opened = Database(url)
        try:
            add_file(opened, "1" * 64)
        finally:
            opened.close()

    with pytest.raises(StoreError, match=r"a\.db cannot be used .*can be written"):
        open_and_write()


def test_a_database_on_a_server_that_cannot_be_written_is_said(postgresql: Server) -> None:
    with postgresql.fresh_database() as url:
        name = url.partition("@/")[2].partition("?")[0]
        postgresql.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with pytest.raises(StoreError, match="read-only transaction"):
            Database(url)
