"""Databases of every age: made, upgraded with all they hold, or refused and left alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from nst_core import Store, StoreError, StyleTransferConfig
from nst_core.store import database
from nst_core.store import tables as t
from nst_core.store.database import MIGRATIONS, Database
from tests.store.rows import insert_old_rows

AddMigration = Callable[[str, str], None]


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddMigration:
    """Return a function that adds a revision with a body to those that are known."""
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    newest = [database._newest()]
    monkeypatch.setattr(database, "MIGRATIONS", folder)

    def add(revision: str, body: str) -> None:
        header = f"from alembic import op\nrevision, down_revision = {revision!r}, {newest[-1]!r}\n"
        source = f"{header}def upgrade():\n    {body}\n"
        (folder / "versions" / f"{revision}.py").write_text(source)
        newest.append(revision)
        monkeypatch.setattr(database, "_known", [])

    return add


def plain_engine(url: str) -> Engine:
    """Return connections without anything that :class:`Database` does to them."""
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)


def upgrade_to(url: str, revision: str) -> None:
    with plain_engine(url).begin() as connection:
        command.upgrade(database._alembic(connection), revision)


def content(url: str) -> dict[str, list[str]]:
    """Return every table's rows as text."""
    with plain_engine(url).connect() as connection:
        names = inspect(connection).get_table_names()
        rows = {name: connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in names}
    return {name: sorted(map(str, found)) for name, found in rows.items()}


def structure(connection: Connection) -> dict[str, object]:
    """Return all that the database knows of its tables, whatever the order."""
    found: dict[str, object] = {}
    looker = inspect(connection)
    for name in t.metadata.tables:
        found[name] = {
            "columns": sorted(
                str([(key, str(value)) for key, value in sorted(column.items())])
                for column in looker.get_columns(name)
            ),
            "key": looker.get_pk_constraint(name),
            "foreign": sorted(map(str, looker.get_foreign_keys(name))),
            "indexes": sorted(map(str, looker.get_indexes(name))),
            "unique": sorted(map(str, looker.get_unique_constraints(name))),
            "checks": sorted(map(str, looker.get_check_constraints(name))),
        }
    return found


def test_revisions_are_named_as_their_files_and_follow_each_other() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    walked = [found.revision for found in script.walk_revisions()]
    assert walked[::-1] == database._revisions()


def test_migrations_make_exactly_the_tables(store: Store) -> None:
    engine = store.database.engine
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), t.metadata) == []
        migrated = structure(connection)
    with engine.begin() as connection:
        t.metadata.drop_all(connection)
        t.metadata.create_all(connection)
        assert structure(connection) == migrated


@pytest.mark.parametrize("revision", database._revisions())
def test_an_older_database_is_upgraded_and_keeps_its_rows(database_url: str, revision: str) -> None:
    upgrade_to(database_url, revision)
    with plain_engine(database_url).begin() as connection:
        insert_old_rows(connection)
    before = {name: len(rows) for name, rows in content(database_url).items()}
    store = Store(database_url, "memory://old")
    assert store.database.revision() == database._newest()
    after = {name: len(rows) for name, rows in content(database_url).items()}
    assert after | before == after
    run = store.run(7)
    assert (run.state, run.config, run.steps) == ("done", StyleTransferConfig(steps=20), 20)
    assert [(item.role, item.name) for item in run.inputs] == [("content", "cat.png")]
    assert run.message == "Ünïcode"
    assert store.losses(7).values.tolist() == [[1.5, -2.0]]
    assert [line.text for line in store.log(7)] == ["began"]
    assert store.snapshots(7)[0].width == 60
    assert (run.rating, run.notes, store.snapshots(7)[0].metrics) == (None, "", None)
    assert store.add_run(StyleTransferConfig(), run.inputs) == 8
    store.close()


@pytest.mark.parametrize("is_migrated", [False, True])
def test_an_empty_database_is_brought_to_the_newest_version(
    database_url: str, is_migrated: bool
) -> None:
    if is_migrated:
        Database(database_url).close()
    opened = Database(database_url)
    assert opened.revision() == database._newest()
    opened.close()


def test_a_table_that_is_made_anew_keeps_the_rows_that_point_at_it(
    database_url: str, add_migration: AddMigration
) -> None:
    upgrade_to(database_url, database._newest())
    with plain_engine(database_url).begin() as connection:
        insert_old_rows(connection)
    before = content(database_url)
    batch = "with op.batch_alter_table('runs') as batch:"
    add_migration("9998_anew", f"{batch}\n        batch.alter_column('steps', nullable=True)")
    store = Store(database_url, "memory://anew")
    after = content(database_url)
    assert after.pop("alembic_version") != before.pop("alembic_version")
    assert after == before
    if store.database.is_sqlite:
        with store.database.read() as connection:
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    store.close()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
    database_url: str, add_migration: AddMigration
) -> None:
    Database(database_url).close()
    before = content(database_url)
    add_migration("9998_first", "op.drop_table('log')")
    add_migration("9999_second", "op.drop_table('no_such_table')")
    with pytest.raises(StoreError, match=r"cannot be used .*no_such_table"):
        Database(database_url)
    assert content(database_url) == before


def test_a_newer_database_is_refused_and_left_alone(database_url: str) -> None:
    Database(database_url).close()
    with plain_engine(database_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    before = content(database_url)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            Database(database_url)
    message = str(caught.value)
    assert "was written by a newer version of NST Lab (revision 9999_future" in message
    assert f"knows up to {database._newest()}); update NST Lab" in message
    assert content(database_url) == before
