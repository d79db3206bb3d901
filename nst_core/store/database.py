"""The database: SQLite in WAL mode by default, PostgreSQL by URL; migrated when it is opened."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Connection, Double, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from nst_core.errors import StoreError

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_SECONDS = 30.0  # to wait for another process that is writing
_LOCK_KEY = 0x4E53544C  # of PostgreSQL's advisory lock: "NSTL"


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
        arguments: dict[str, Any] = {"timeout": BUSY_SECONDS} if self.is_sqlite else {}
        try:
            self.engine = create_engine(
                self.url, connect_args=arguments, pool_pre_ping=not self.is_sqlite
            )
        except ModuleNotFoundError:
            raise StoreError(
                "PostgreSQL needs a driver: pip install 'psycopg[binary]', or unset "
                "NST_DATABASE_URL to use the built-in database"
            ) from None
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        with self.errors():
            self._migrate()

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        if self.is_sqlite:
            return str(self.url.database)
        return self.url.render_as_string(hide_password=True)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading, in one transaction."""
        with self.errors(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that no other writer overlaps."""
        with self.errors(), self.engine.connect() as connection:
            connection = connection.execution_options(nst_writes=True)
            with connection.begin():
                if not self.is_sqlite:
                    _lock(connection)
                yield connection

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
        with self._one_at_a_time():
            found = self.revision()
            if found == _newest():
                return
            if found is not None and found not in _revisions():
                raise StoreError(
                    f"the database {self.place} was written by a newer version of NST Lab "
                    f"(revision {found}, and this one knows up to {_newest()}); update NST Lab, "
                    "or set NST_HOME to another folder"
                )
            from alembic import command

            with self.engine.connect() as connection:
                connection = connection.execution_options(nst_writes=True)
                with connection.begin():
                    command.upgrade(_alembic(connection), "head")

    def revision(self) -> str | None:
        """Return the version of the database's tables, None where there are none."""
        with self.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            value = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if value is None else str(value)

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Keep two processes from migrating at once."""
        if self.is_sqlite and self.url.database:
            with FileLock(self.url.database + ".lock"):
                yield
            return
        with self.engine.connect() as connection, connection.begin():
            _lock(connection, _LOCK_KEY + 1)
            yield


def _checked_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(
            "NST_DATABASE_URL is no database URL; give one as postgresql://user@host/name"
        ) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"NST_DATABASE_URL names {parsed.get_backend_name()!r}; NST Lab works with "
            "postgresql://user@host/name, or with its own SQLite file where it is not set"
        )
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError("an SQLite database needs a file that processes can share")
    try:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{Path(parsed.database).parent}: the data folder cannot be made "
            f"({error.strerror}); set NST_HOME to a folder that can be written"
        ) from None
    return parsed


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite, not in the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_SECONDS)}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer would fail on a newer snapshot."""
    writes = connection.get_execution_options().get("nst_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: Connection, key: int = _LOCK_KEY) -> None:
    """Make writers of PostgreSQL take turns, as SQLite's do: claims and files rely on it."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _alembic(connection: Connection | None = None) -> Any:
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
