"""A process that is killed at any point leaves no row without its file."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from nst_core import RunError, Store, StoreError, StyleTransferConfig
from nst_core.store import tables as t
from nst_core.store.files import Files
from tests.store.test_store import end, inputs, png


class KilledError(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture(params=["before", "after"])
def killed_in_remove(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the process die as it removes its first file, before or after that file is gone."""
    remove = Files.remove

    def die(self: Files, digest: str) -> None:
        if request.param == "after":
            remove(self, digest)
        raise KilledError

    monkeypatch.setattr(Files, "remove", die)


def files_of_rows(store: Store) -> set[str]:
    with store.database.read() as connection:
        return set(connection.scalars(select(t.files.c.sha256)))


@pytest.mark.usefixtures("killed_in_remove")
def test_a_killed_delete_leaves_no_run_without_its_files(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = inputs(store, 1, 2)
    run_id = store.add_run(StyleTransferConfig(), pictures)
    end(store, run_id)
    with pytest.raises(KilledError):
        store.delete_run(run_id)
    monkeypatch.undo()
    with pytest.raises(RunError, match="no run"):
        store.run(run_id)
    assert store.pictures() == []
    with pytest.raises(StoreError, match="choose it again"):  # though a file may be left
        store.add_run(StyleTransferConfig(), pictures)

    again = inputs(store, 1)[0]
    assert store.read(again.sha256) == png(1)
    store.tidy()
    assert len(files_of_rows(store)) == 2  # the picture chosen again, and its thumbnail
    assert store.read(again.sha256) == png(1)


def test_a_file_is_not_removed_where_its_row_stays(store: Store) -> None:
    with store.database.write() as connection:
        digest = store.keep(connection, b"checkpoint")

    def free_and_die() -> None:
        with store.database.write() as connection:
            store.free(connection, [digest])
            raise KilledError

    with pytest.raises(KilledError):
        free_and_die()
    assert store.read(digest) == b"checkpoint"
    with store.database.write() as connection:
        store.free(connection, [digest, None])
    assert files_of_rows(store) == set()


def test_a_file_that_cannot_be_removed_goes_when_the_store_is_tidied(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.add_run(StyleTransferConfig(), inputs(store, 1, 2))
    end(store, run_id)

    def fail(self: Files, digest: str) -> None:
        raise StoreError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(Files, "remove", fail)
        store.delete_run(run_id)
    assert len(files_of_rows(store)) == 4
    store.tidy()
    assert files_of_rows(store) == set()
