"""Where things are kept: NST_HOME, NST_DATABASE_URL and NST_ARTIFACTS_URL."""

from __future__ import annotations

import uuid
from pathlib import Path

import fsspec
import pytest

from nst_core import RunInput, Store, StoreError, StyleTransferConfig, open_store
from tests.store.test_store import end, png


def kept(folder: Path) -> set[str]:
    """Return what lies in ``folder``, without what SQLite adds for a while."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))}


@pytest.mark.parametrize("name", ["home", "a b?c#d%20é@x:y", "a::b", "new/below"])
def test_the_data_folder_holds_everything(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / name
    monkeypatch.setenv("NST_HOME", str(home))
    store = Store()
    picture = store.add_picture(png(1), "1.png")
    assert store.place == str(home)
    assert kept(home) == {"nst-lab.db", "files"}
    assert (home / "files" / picture.sha256[:2] / picture.sha256).read_bytes() == png(1)
    assert kept(tmp_path) == {Path(name).parts[0]}
    store.close()


def test_the_database_may_be_elsewhere(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NST_DATABASE_URL", database_url)
    store = Store()
    store.add_picture(png(1), "1.png")
    assert kept(tmp_path / "home") == {"files"}
    assert store.place == f"{store.database.place} and {tmp_path / 'home' / 'files'}"
    store.close()


def test_files_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NST_ARTIFACTS_URL", str(tmp_path / "others"))
    store = Store()
    store.add_picture(png(1), "1.png")
    assert kept(tmp_path / "home") == {"nst-lab.db"}
    assert len(kept(tmp_path / "others")) == 2  # the picture and its thumbnail
    assert store.place == f"{tmp_path / 'home' / 'nst-lab.db'} and {tmp_path / 'others'}"
    store.close()


def test_arguments_come_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_DATABASE_URL", "mysql://host/name")
    monkeypatch.setenv("NST_ARTIFACTS_URL", "nosuch://host")
    Store(f"sqlite:///{tmp_path / 'a.db'}", str(tmp_path / "files")).close()
    with pytest.raises(StoreError, match="nosuch"):
        Store(f"sqlite:///{tmp_path / 'a.db'}")


def test_a_store_is_opened_once_for_each_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = []
    for name in ("a", "b", "a"):
        monkeypatch.setenv("NST_HOME", str(tmp_path / name))
        stores.append(open_store())
    assert stores[0] is stores[2]
    assert stores[0] is not stores[1]
    for store in stores[:2]:
        store.close()


def test_files_on_any_filesystem_are_kept_and_freed(database_url: str) -> None:
    folder = uuid.uuid4().hex
    store = Store(database_url, f"memory://{folder}")
    content, style = (store.add_picture(png(seed), f"{seed}.png") for seed in (1, 2))
    assert store.read(content.sha256) == png(1)
    pair = [RunInput("content", 0, content.sha256, "c"), RunInput("style", 0, style.sha256, "s")]
    run_id = store.add_run(StyleTransferConfig(), pair)
    end(store, run_id)
    memory = fsspec.filesystem("memory")
    assert len(memory.find(folder)) == 4
    assert store.place == f"{store.database.place} and memory://{folder}"
    store.delete_run(run_id)
    assert memory.find(folder) == []
    store.tidy()
    store.close()
