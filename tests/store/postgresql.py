"""One real PostgreSQL server for the tests, on a Unix socket in a folder of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.requirements import require_or_skip

START_SECONDS = 60.0
# Ends the server when standard input closes, so that it outlives no test process, killed or not
_KEEPER = '"$@" </dev/null & cat >/dev/null; kill -INT $!; wait $!; rm -rf "$0"'
_SETTINGS = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "shared_buffers=16MB")


class Server:
    """A running server that gives away fresh databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def url(self, name: str) -> str:
        """Return the URL of the database ``name``."""
        return f"postgresql://tester@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run a statement outside all transactions."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Yield the URL of an empty database, and drop it afterwards."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def find_programs() -> Path | None:
    """Return the folder of ``initdb`` and ``postgres``, None where they are not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        folders.insert(0, Path(said.stdout.strip()))
    if initdb := shutil.which("initdb"):
        folders.append(Path(initdb).resolve().parent)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Start a server and stop it at the end; skip, or fail, where none is installed."""
    programs = find_programs()
    if programs is None:
        require_or_skip("postgresql", "PostgreSQL is not installed (Debian: postgresql)")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        require_or_skip("postgresql", "PostgreSQL's driver psycopg is not installed")
    with tempfile.TemporaryDirectory(prefix="nst-pg-") as name:
        folder = Path(name)
        user = _drop_root(folder)
        _initialise(programs, folder, user)
        with _keeper(programs, folder, user):
            yield Server(folder)


def _drop_root(folder: Path) -> dict[str, Any]:
    """Return how to start processes in ``folder`` as a user that PostgreSQL runs as."""
    options: dict[str, Any] = {"cwd": folder, "env": {**os.environ, "LC_ALL": "C"}}
    if os.geteuid() != 0:
        return options
    import pwd

    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return options | {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _initialise(programs: Path, folder: Path, user: dict[str, Any]) -> None:
    command = [str(programs / "initdb"), "--pgdata", str(folder / "data"), "--username=tester"]
    options = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, **user)
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def _keeper(programs: Path, folder: Path, user: dict[str, Any]) -> Iterator[None]:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    data = str(folder / "data")
    server = [str(programs / "postgres"), "-D", data, "-k", str(folder), *settings]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            ["sh", "-c", _KEEPER, data, *server],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests, which then close it
            **user,
        ) as process,
    ):
        try:
            _wait_until_ready(programs, folder)
            yield
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(START_SECONDS)


def _wait_until_ready(programs: Path, folder: Path) -> None:
    patience = time.monotonic() + START_SECONDS
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder]).returncode:
        if time.monotonic() > patience:
            raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")
        time.sleep(0.05)
