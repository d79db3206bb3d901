"""The store: pictures, runs and what came of them. Files hold bytes, the database all else."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)

from nst_core.config import StyleTransferConfig
from nst_core.errors import RunError, StoreError
from nst_core.image import load_image
from nst_core.paths import home
from nst_core.store import tables as t
from nst_core.store.database import Database, after_commit, now
from nst_core.store.files import Files
from nst_core.store.new_runs import check_room, insert_run
from nst_core.store.previews import encode_preview
from nst_core.store.records import (
    ACTIVE,
    LogLine,
    Losses,
    Run,
    RunInput,
    Snapshot,
    State,
    StoredPicture,
    read_run,
    read_snapshot,
)

THUMBNAIL_EDGE = 256  # px
KEEP_UNUSED_DAYS = 30  # pictures that were uploaded and never used

# Every column that holds a file; one that stands in none of them is free to go.
_REFERENCES = (
    t.pictures.c.sha256,
    t.pictures.c.thumbnail,
    t.runs.c.preview,
    t.runs.c.checkpoint,
    t.inputs.c.sha256,
    t.sweep_inputs.c.sha256,
    t.snapshots.c.sha256,
    t.snapshots.c.preview,
)


class Store:
    """Everything that is kept, in a database and a folder of files.

    Args:
        database_url: None takes ``NST_DATABASE_URL``, else SQLite in the data folder.
        artifacts_url: None takes ``NST_ARTIFACTS_URL``, else a folder of the data folder.

    Raises:
        StoreError: one of them cannot be used, or is of a newer version.
    """

    def __init__(self, database_url: str | None = None, artifacts_url: str | None = None) -> None:
        urls = store_urls()
        self.files = Files(artifacts_url or urls[1])
        self.database = Database(database_url or urls[0])

    @property
    def place(self) -> str:
        """Where data is kept, as people read it."""
        if self.database.is_sqlite and self.files.is_local:
            folder = Path(self.database.place).parent
            if folder == Path(self.files.root).parent:
                return str(folder)
        return f"{self.database.place} and {self.files.place}"

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()

    # Files

    def read(self, sha256: str) -> bytes:
        """Return a file's bytes.

        Raises:
            StoreError: it is gone, damaged, or out of reach.
        """
        return self.files.read(sha256)

    def keep(self, connection: Connection, data: bytes) -> str:
        """Keep ``data`` for a row that the same transaction writes, and return its SHA-256."""
        digest = self.files.write(data)  # within the write lock, so no remover is between
        known = connection.scalar(select(t.files.c.bytes).where(t.files.c.sha256 == digest))
        if known is None:
            connection.execute(
                insert(t.files).values(sha256=digest, bytes=len(data), added_at=now())
            )
        return digest

    def free(self, connection: Connection, digests: Iterable[str | None]) -> None:
        """Remove those files that no row holds any more, once the transaction is committed.

        Sooner, a process that is killed before its commit would leave rows without their files.
        """
        wanted = {digest for digest in digests if digest}
        if wanted:
            after_commit(connection, lambda: self._remove_unused(wanted))

    def _remove_unused(self, digests: set[str]) -> None:
        # What cannot be removed now goes when the store is tidied
        with contextlib.suppress(StoreError), self.database.write() as connection:
            for digest in digests - self._held(connection, digests):
                connection.execute(delete(t.files).where(t.files.c.sha256 == digest))
                self.files.remove(digest)

    def _held(self, connection: Connection, digests: Iterable[str]) -> set[str]:
        """Return those of ``digests`` that a row holds."""
        wanted = list(digests)
        held = union_all(*(select(column).where(column.in_(wanted)) for column in _REFERENCES))
        return set(connection.scalars(held))

    # Pictures

    def add_picture(self, data: bytes, name: str) -> StoredPicture:
        """Keep a picture that a person chose; one that is there already is the same.

        Raises:
            ImageError: it cannot be read as a picture.
            StoreError: it cannot be kept.
        """
        picture = load_image(data, name=name)
        thumbnail = encode_preview(picture, THUMBNAIL_EDGE)
        with self.database.write() as connection:
            digest = self.keep(connection, data)
            values = {
                "name": name,
                "width": picture.width,
                "height": picture.height,
                "thumbnail": self.keep(connection, thumbnail),
                "chosen_at": now(),
            }
            known = t.pictures.c.sha256 == digest
            if not connection.execute(update(t.pictures).where(known).values(values)).rowcount:
                connection.execute(insert(t.pictures).values(sha256=digest, **values))
        return self.picture(digest)

    def picture(self, sha256: str) -> StoredPicture:
        """Return a picture of the library.

        Raises:
            StoreError: it is not there (any more).
        """
        found = self._pictures(t.pictures.c.sha256 == sha256, 1)
        if not found:
            raise StoreError("this picture is not in the store any more; choose it again")
        return found[0]

    def recall(self, item: RunInput) -> StoredPicture:
        """Return a run's picture as one of the library, which may have forgotten it.

        Raises:
            StoreError: its file is gone.
        """
        try:
            return self.picture(item.sha256)
        except StoreError:  # the run has it still
            return self.add_picture(self.read(item.sha256), item.name)

    def pictures(self, limit: int = 100) -> list[StoredPicture]:
        """Return the library, the last chosen first."""
        return self._pictures(t.pictures.c.sha256.is_not(None), limit)

    def _pictures(self, where: ColumnElement[bool], limit: int) -> list[StoredPicture]:
        columns = [t.pictures.c[name] for name in StoredPicture._fields]
        query = select(*columns).where(where).order_by(t.pictures.c.chosen_at.desc()).limit(limit)
        with self.database.read() as connection:
            return [StoredPicture(*row) for row in connection.execute(query)]

    # Runs

    def add_run(
        self,
        config: StyleTransferConfig,
        inputs: Sequence[RunInput],
        *,
        parent_id: int | None = None,
        most_waiting: int | None = None,
    ) -> int:
        """Write a run that waits, and return its number.

        Args:
            most_waiting: refuse where as many wait already.

        Raises:
            StoreError: one of its pictures is not in the store.
            QueueFullError: as many runs wait as may.
        """
        with self.database.write() as connection:
            check_room(connection, 1, most_waiting)
            known_parent = select(t.runs.c.id).where(t.runs.c.id == parent_id)
            # As a question, since the parent may have been deleted
            parent = known_parent.scalar_subquery()
            return insert_run(self, connection, config, inputs, parent_id=parent)

    def check_held(self, connection: Connection, inputs: Collection[RunInput]) -> None:
        """Raise StoreError unless the files of all ``inputs`` are kept."""
        held = self._held(connection, [item.sha256 for item in inputs])
        for item in inputs:
            if item.sha256 not in held:
                raise StoreError(f"{item.name} is not in the store any more; choose it again")

    def run(self, run_id: int) -> Run:
        """Return a run as it is now.

        Raises:
            RunError: there is none of this number.
        """
        found = self._runs([t.runs.c.id == run_id], 1)
        if not found:
            raise RunError(f"there is no run {run_id}; it was deleted, or the address is wrong")
        return found[0]

    def runs(
        self, limit: int = 100, *, states: Sequence[State] = (), newest_first: bool = True
    ) -> list[Run]:
        """Return runs, the newest first unless told otherwise."""
        where = [t.runs.c.state.in_(states)] if states else []
        return self._runs(where, limit, newest_first=newest_first)

    def _runs(
        self, where: Sequence[ColumnElement[bool]], limit: int, *, newest_first: bool = True
    ) -> list[Run]:
        order = t.runs.c.id.desc() if newest_first else t.runs.c.id
        with self.database.read() as connection:
            rows = connection.execute(select(t.runs).where(*where).order_by(order).limit(limit))
            found = [dict(row._mapping) for row in rows]
            inputs = self.inputs_of(connection, [row["id"] for row in found])
        return [read_run(row, tuple(inputs.get(row["id"], ()))) for row in found]

    def inputs_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, list[RunInput]]:
        """Return the pictures and masks of runs, by their number."""
        query = select(t.inputs).where(t.inputs.c.run_id.in_(ids))
        found: dict[int, list[RunInput]] = {}
        for row in connection.execute(query.order_by(t.inputs.c.role, t.inputs.c.position)):
            item = RunInput(row.role, row.position, row.sha256, row.name)
            found.setdefault(row.run_id, []).append(item)
        return found

    def count(self, *states: State) -> int:
        """Return how many runs are in one of ``states``; of no states, how many there are."""
        query = select(func.count()).select_from(t.runs)
        if states:
            query = query.where(t.runs.c.state.in_(states))
        with self.database.read() as connection:
            return int(connection.scalar(query) or 0)

    def count_before(self, run_id: int) -> int:
        """Return how many runs run or wait before ``run_id``."""
        query = select(func.count()).select_from(t.runs)
        where = ((t.runs.c.state == "running") | (t.runs.c.id < run_id), t.runs.c.id != run_id)
        with self.database.read() as connection:
            return int(connection.scalar(query.where(t.runs.c.state.in_(ACTIVE), *where)) or 0)

    def delete_run(self, run_id: int, *, keep: Collection[str] = ()) -> None:
        """Delete a run, and every file that nothing else uses.

        Args:
            keep: pictures of the library that stay, since they are chosen for another run.

        Raises:
            RunError: it is not there, or still active.
        """
        with self.database.write() as connection:
            state = connection.scalar(select(t.runs.c.state).where(t.runs.c.id == run_id))
            if state is None:
                raise RunError(f"there is no run {run_id}; it was deleted already")
            if state in ACTIVE:
                raise RunError(f"run {run_id} is {state}; cancel it before you delete it")
            self.remove_run(connection, run_id, keep=keep)

    def remove_run(
        self, connection: Connection, run_id: int, *, keep: Collection[str] = ()
    ) -> None:
        """Delete a run that has ended, within a transaction; ``keep`` as in `delete_run`."""
        used = self._files_of(connection, run_id)
        created = select(t.runs.c.created_at).where(t.runs.c.id == run_id).scalar_subquery()
        mine = select(t.inputs.c.sha256).where(t.inputs.c.run_id == run_id)
        others = select(t.inputs.c.sha256).where(t.inputs.c.run_id != run_id)
        gone = connection.execute(
            delete(t.pictures)
            .where(
                t.pictures.c.sha256.in_(mine),
                t.pictures.c.sha256.not_in(others),
                t.pictures.c.sha256.not_in(select(t.sweep_inputs.c.sha256)),
                t.pictures.c.sha256.not_in(list(keep)),
                t.pictures.c.chosen_at <= created,  # not chosen again for another run since
            )
            .returning(t.pictures.c.thumbnail)
        )
        used += list(gone.scalars())
        connection.execute(delete(t.runs).where(t.runs.c.id == run_id))
        self.free(connection, used)

    def _files_of(self, connection: Connection, run_id: int) -> list[str | None]:
        columns = (
            (t.runs.c.preview, t.runs.c.id),
            (t.runs.c.checkpoint, t.runs.c.id),
            (t.inputs.c.sha256, t.inputs.c.run_id),
            (t.snapshots.c.sha256, t.snapshots.c.run_id),
            (t.snapshots.c.preview, t.snapshots.c.run_id),
        )
        query = union_all(*(select(column).where(key == run_id) for column, key in columns))
        return list(connection.scalars(query))

    def tidy(self) -> None:
        """Free pictures that no run used and nobody chose for a month, and what else is unused."""
        with self.database.write() as connection:
            gone = connection.execute(
                delete(t.pictures)
                .where(
                    t.pictures.c.sha256.not_in(select(t.inputs.c.sha256)),
                    t.pictures.c.sha256.not_in(select(t.sweep_inputs.c.sha256)),
                    t.pictures.c.chosen_at < now() - KEEP_UNUSED_DAYS * 86400.0,
                )
                .returning(t.pictures.c.sha256, t.pictures.c.thumbnail)
            )
            self.free(connection, [digest for row in gone for digest in row])
            unused = select(t.files.c.sha256).except_(*(select(column) for column in _REFERENCES))
            self.free(connection, connection.scalars(unused))
        self.files.remove_leftovers()

    # What came of a run

    def losses(self, run_id: int, after: int = 0) -> Losses:
        """Return a run's losses of the steps after ``after``."""
        query = (
            select(t.losses)
            .where(t.losses.c.run_id == run_id, t.losses.c.last_step > after)
            .order_by(t.losses.c.first_step)
        )
        with self.database.read() as connection:
            rows = list(connection.execute(query))
        if not rows:
            return Losses()
        terms = tuple(json.loads(rows[0].terms))
        steps = np.concatenate([np.arange(row.first_step, row.last_step + 1) for row in rows])
        values = np.frombuffer(b"".join(row.values for row in rows), "<f8")
        fresh = steps > after
        return Losses(steps[fresh], terms, values.reshape(len(steps), len(terms))[fresh])

    def snapshots(self, run_id: int) -> list[Snapshot]:
        """Return the pictures that a run kept, in order."""
        columns = [t.snapshots.c[name] for name in Snapshot.__dataclass_fields__]
        query = select(*columns).where(t.snapshots.c.run_id == run_id)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(t.snapshots.c.step))
            return [read_snapshot(dict(row._mapping)) for row in rows]

    def log(self, run_id: int, limit: int = 1000) -> list[LogLine]:
        """Return the last lines of a run's log, oldest first."""
        query = (
            select(t.log.c.at, t.log.c.step, t.log.c.text)
            .where(t.log.c.run_id == run_id)
            .order_by(t.log.c.id.desc())
            .limit(limit)
        )
        with self.database.read() as connection:
            return [LogLine(*row) for row in connection.execute(query)][::-1]


def store_urls() -> tuple[str, str]:
    """Return the URLs of the database and of the files, as the environment says."""
    built_in = f"sqlite:///{quote(str(home() / 'nst-lab.db'))}"
    database = os.environ.get("NST_DATABASE_URL") or built_in
    return database, os.environ.get("NST_ARTIFACTS_URL") or str(home() / "files")
