"""What lies in an archive, and what is not exported."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nst_core import (
    ArchiveError,
    History,
    LogLine,
    RunError,
    RunInput,
    Store,
    StyleTransferConfig,
    __version__,
    export_runs,
    load_config,
)
from nst_core.store import archive_format, archive_out
from nst_core.store import tables as t
from nst_core.store.queue import Queue
from tests.store.archives import (
    TERMS,
    WORKER,
    add_inputs,
    fresh_store,
    full_run,
    unpacked,
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store with one run, number 1."""
    with fresh_store(tmp_path_factory.mktemp("known")) as store:
        full_run(store)
        yield store


def test_people_find_their_way_in_it(known: Store, tmp_path: Path) -> None:
    files = unpacked(export_runs(known, [1]))
    assert sorted(files) == [
        "manifest.json",
        "run-1/checkpoint.pt",
        "run-1/inputs/content-mask_" + "n" * 60 + ".png",
        "run-1/inputs/content_Uni.png",
        "run-1/inputs/style-1_a_b_CON.jpg",
        "run-1/inputs/style-2.png",
        "run-1/inputs/style-mask-2_last",
        "run-1/losses.csv",
        "run-1/previews/latest.jpg",
        "run-1/previews/step-0004.jpg",
        "run-1/previews/step-0007.jpg",
        "run-1/settings.json",
        "run-1/snapshots/step-0004.png",
        "run-1/snapshots/step-0007.png",
    ]
    there = known.run(1)
    (tmp_path / "settings.json").write_bytes(files["run-1/settings.json"])
    assert load_config(tmp_path / "settings.json") == there.config
    table = pd.read_csv(io.BytesIO(files["run-1/losses.csv"]))
    assert list(table.columns) == ["step", *TERMS]
    manifest = json.loads(files.pop("manifest.json"))
    assert (manifest["format"], manifest["version"]) == ("nst-lab-runs", 2)
    assert manifest["nst_lab"] == __version__
    assert {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]} == {
        path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()
    }
    [entry] = manifest["runs"]
    assert [item["name"] for item in entry["inputs"]] == [item.name for item in there.inputs]
    assert entry["snapshots"][0]["metrics"]["style_distance"] == 5e-324


def test_the_same_run_gives_the_same_bytes(known: Store) -> None:
    data = export_runs(known, [1])
    assert export_runs(known, [1]) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for item in archive.infolist():
            assert item.date_time == (1980, 1, 1, 0, 0, 0)
            is_text = item.filename.endswith((".json", ".csv"))
            assert item.compress_type == (zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED)


@pytest.mark.parametrize(
    ("role", "name", "path"),
    [
        ("content", "CON", "content_CON"),
        ("content", "cat.tar.gz", "content_cat_tar_gz"),
        ("content", "/etc/passwd", "content_etc_passwd"),
        ("content", "C:\\nul.png ", "content_C_nul_png"),
        ("style", "a.JPEG", "style-3_a.jpeg"),
        ("style mask", "日本.webp", "style-mask-3.webp"),
        ("content", "", "content"),
        ("content", "caf\udce9\0\u202egpj.png", "content_caf_gpj.png"),
        ("content", "..", "content"),
    ],
)
def test_a_name_becomes_one_that_every_system_takes(role: Any, name: str, path: str) -> None:
    assert archive_out.input_name(RunInput(role, 2, "", name)) == path


# What is refused


def test_a_run_that_is_active_is_not_exported(store: Store) -> None:
    run_id = store.add_run(StyleTransferConfig(), add_inputs(store))
    with pytest.raises(RunError, match=f"run {run_id} is queued; cancel it first, or wait"):
        export_runs(store, [run_id])
    assert Queue(store).claim(WORKER)
    with pytest.raises(RunError, match=f"run {run_id} is running; cancel it first, or wait"):
        export_runs(store, [run_id])


def test_no_run_and_a_run_that_is_not_there_are_not_exported(known: Store) -> None:
    with pytest.raises(RunError, match="choose at least one"):
        export_runs(known, [])
    with pytest.raises(RunError, match="there is no run 99"):
        export_runs(known, [1, 99])


def test_a_run_that_changes_while_it_is_read_is_not_exported(
    known: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Store.log

    def change(self: Store, run_id: int, limit: int = 1000) -> list[LogLine]:
        History(self).rate(run_id, 2)
        return log(self, run_id, limit)

    monkeypatch.setattr(Store, "log", change)
    with pytest.raises(RunError, match="run 1 changed while it was read; export it again"):
        export_runs(known, [1])
    History(known).rate(1, 4)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("MOST_BYTES", r"files .* do not fit .* takes 17\.0 KiB of them; export fewer runs at a"),
        ("MOST_FILE_BYTES", r"run-1/.* has .*, and a file of an archive at most 100 Bytes; export"),
        ("MOST_MANIFEST_BYTES", r"records .* do not fit .* takes 1\.0 KiB of them; export fewer"),
    ],
)
def test_what_an_import_would_refuse_for_its_size_is_not_exported(
    known: Store, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    monkeypatch.setattr(archive_format, "MOST_MANIFEST_BYTES", 2**14)
    small = {"MOST_BYTES": 17 * 2**10, "MOST_FILE_BYTES": 100, "MOST_MANIFEST_BYTES": 2**10}
    monkeypatch.setattr(archive_format, limit, small[limit])
    with pytest.raises(ArchiveError, match=words):
        export_runs(known, [1])


def test_what_an_import_would_refuse_for_a_value_is_not_exported(store: Store) -> None:
    run_id = full_run(store)
    with store.database.write() as connection:
        connection.execute(t.runs.update().values(losses='{"total": NaN}'))
    words = r"latest_losses\.total: must be a finite number, got nan\); leave out the one"
    with pytest.raises(ArchiveError, match=words):
        export_runs(store, [run_id])
