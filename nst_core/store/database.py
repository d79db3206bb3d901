"""The database: SQLite in WAL mode by default, PostgreSQL by URL; migrated when it is opened."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import (
    URL,
    Connection,
    Double,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from nst_core.errors import StoreError

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_SECONDS = 30.0  # to wait for another process that is writing
CONNECT_SECONDS = 10  # to wait for a server that does not answer
_LOCK_KEY = 0x4E53544C  # of PostgreSQL's advisory lock: "NSTL"
_migrating = threading.Lock()  # Alembic's context is one a process


class now(FunctionElement[float]):  # noqa: N801  # reads as SQL's function
    """The database's clock in seconds since 1970: one clock for all machines."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: Any, **options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


class Database:
    """Connections to one database of the newest version.

    Args:
        url: SQLAlchemy's, as ``sqlite:///folder/nst-lab.db`` or ``postgresql://user@host/name``.

    Raises:
        StoreError: it cannot be reached, or was written by a newer version of NST Lab.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        try:
            with self.errors():
                self._migrate()
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        if self.is_sqlite:
            return str(self.url.database)
        harmless = {key: self.url.query[key] for key in ("host", "port") if key in self.url.query}
        return self.url.set(query=harmless).render_as_string(hide_password=True)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading; all that is read is of one moment."""
        with self.errors(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that no other writer overlaps."""
        afterwards: list[Callable[[], None]] = []
        with self.errors(), self.engine.connect() as connection, self._writing(connection):
            yield connection.execution_options(nst_afterwards=afterwards)
        for work in afterwards:
            work()

    @contextlib.contextmanager
    def _writing(self, connection: Connection) -> Iterator[None]:
        if self.is_sqlite:
            connection = connection.execution_options(nst_writes=True)
        else:  # where each statement sees what was committed while the lock was waited for
            connection = connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            if not self.is_sqlite:
                _lock(connection)
            yield

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLAlchemy's errors into ours."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
            reason = " ".join(str(cause).split())[:200] or type(cause).__name__
            raise StoreError(
                f"the database {self.place} cannot be used ({reason}); check that it is there, "
                "can be written and has room"
            ) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    # Migrations

    def _migrate(self) -> None:
        if self.revision() == _newest():
            return
        with _migrating, self.engine.connect() as connection:
            if self.is_sqlite:  # a table that is made anew must not take the rows that point at it
                connection.detach()
                connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
            with self._writing(connection):
                self._upgrade(connection)

    def _upgrade(self, connection: Connection) -> None:
        found = _revision(connection)
        if found == _newest():  # by another process, meanwhile
            return
        if found is not None and found not in _revisions():
            raise StoreError(
                f"the database {self.place} was written by a newer version of NST Lab "
                f"(revision {found}, and this one knows up to {_newest()}); update NST Lab, "
                "or set NST_HOME to another folder"
            )
        from alembic import command

        command.upgrade(_alembic(connection), "head")

    def revision(self) -> str | None:
        """Return the version of the database's tables, None where there are none."""
        with self.engine.connect() as connection:
            return _revision(connection)


def after_commit(connection: Connection, work: Callable[[], None]) -> None:
    """Do ``work`` when the transaction that :meth:`Database.write` began is committed."""
    connection.get_execution_options()["nst_afterwards"].append(work)


def _checked_url(url: str) -> URL:
    try:
        parsed = make_url(url)
        if url.startswith("sqlite:///"):  # before SQLAlchemy 2.1, a quoted path was not unquoted
            parsed = parsed.set(database=unquote(url[len("sqlite:///") :].partition("?")[0]))
    except (ArgumentError, ValueError):  # without the text, which may hold a password
        raise StoreError(
            "NST_DATABASE_URL is no database URL; give one as postgresql://user@host/name"
        ) from None
    if "@" in (parsed.host or ""):
        raise StoreError(
            "NST_DATABASE_URL has two '@'; write '@' as %40 within a user's name or password"
        )
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"NST_DATABASE_URL names {parsed.get_backend_name()!r}; NST Lab works with "
            "postgresql://user@host/name, or with its own SQLite file where it is not set"
        )
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if not parsed.database or parsed.database == ":memory:" or parsed.host or parsed.query:
        raise StoreError(
            "an SQLite database needs a file that processes can share; give it as "
            "sqlite:////folder/nst-lab.db"
        )
    try:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{Path(parsed.database).parent}: the data folder cannot be made "
            f"({error.strerror}); set NST_HOME to a folder that can be written"
        ) from None
    return parsed.set(drivername="sqlite", username=None, password=None)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(url: URL) -> Engine:
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        return create_engine(url, connect_args=patience, pool_pre_ping=True)
    except ImportError:
        raise StoreError(
            "PostgreSQL needs a driver: pip install 'psycopg[binary]', or unset "
            "NST_DATABASE_URL to use the built-in database"
        ) from None


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite, not in the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_SECONDS)}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL; of processes that do so at once, SQLite fails all but one without waiting."""
    patience = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > patience:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer would fail on a newer snapshot."""
    writes = connection.get_execution_options().get("nst_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: Connection) -> None:
    """Make writers of PostgreSQL take turns, as SQLite's do: claims and files rely on it."""
    wait = text("SELECT set_config('lock_timeout', :wait, true), pg_advisory_xact_lock(:key)")
    connection.execute(wait, {"wait": f"{int(1000 * BUSY_SECONDS)}ms", "key": _LOCK_KEY})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    value = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if value is None else str(value)


def _alembic(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


_known: list[str] = []
_known_lock = threading.Lock()


def _revisions() -> list[str]:
    """Return the versions this code knows, oldest first, by their files' names."""
    with _known_lock:
        if not _known:
            _known.extend(sorted(p.stem for p in (MIGRATIONS / "versions").glob("[0-9]*.py")))
    return _known


def _newest() -> str:
    return _revisions()[-1]
