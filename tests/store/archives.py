"""Runs that have everything a run can have, and what must come back of them."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sqlalchemy import func, select

from nst_core import (
    Checkpoint,
    History,
    Metrics,
    RunInput,
    Store,
    StyleTransferConfig,
    encode_preview,
    load_image,
)
from nst_core.image import Picture, encode_png
from nst_core.store import tables as t
from nst_core.store.queue import Queue, WorkerId
from nst_core.store.records import State
from nst_core.store.writer import RunWriter
from tests.store.test_store import png


class KilledError(BaseException):
    """Stands for the end of the process: nothing catches it."""


WORKER = WorkerId("tester", "here/cpu", ("auto", "cpu", "cuda:0"))
TERMS = ("total", "content", "style", "tv", "content/conv2_1")
METRICS = Metrics(0.1 + 0.2, 1 / 3, 5e-324, None, 0.5, 1e300, "ours", "ab", ("conv1_1",), ())
NAMES = ("Ünï 🎨 катя.PNG", "../..\\a:b/CON.jpg", ".png", "n" * 300 + ".png", "last")


def random_history(steps: int, seed: int) -> dict[str, tuple[float, ...]]:
    """Return losses of all magnitudes, every bit of them random."""
    numbers = random.Random(seed)
    return {
        term: tuple(
            numbers.uniform(1, 2) * 2.0 ** numbers.randint(-1070, 1000) for _ in range(steps)
        )
        for term in TERMS
    }


def checkpoint(config: StyleTransferConfig, index: int) -> bytes:
    return Checkpoint(
        config=config.changed(device="cpu").model_dump_json(),
        inputs="hash",
        index=index,
        level=0,
        level_index=index,
        state={"image": torch.rand(1, 3, 4, 4)},
        average=(None, 0.0),
        losses={"first": 1.0, "window": []},
        random_state=torch.get_rng_state()[:8].clone(),
        seconds=1.5,
        finished=False,
    ).to_bytes()


def add_inputs(store: Store) -> list[RunInput]:
    """Return a content and two styles, of which one is masked as the content is."""
    places: list[tuple[Any, int, int]] = [
        ("content", 0, 1),
        ("style", 0, 2),
        ("style", 1, 1),
        ("content mask", 0, 3),
        ("style mask", 1, 4),
    ]
    return [
        RunInput(role, position, store.add_picture(png(seed, 20, 30), name).sha256, name)
        for (role, position, seed), name in zip(places, NAMES, strict=True)
    ]


def full_run(
    store: Store, state: State = "cancelled", *, parent_id: int | None = None, **changes: Any
) -> int:
    """Write a run that has everything a run can have, as a worker does, and return its number."""
    settings = {"steps": 12, "outputs": 3, "beta": 1 / 3, "device": "cuda", "seed": 2**63 - 1}
    config = StyleTransferConfig(**settings | changes)
    run_id = store.add_run(config, add_inputs(store), parent_id=parent_id)
    queue = Queue(store)
    found = queue.claim(WORKER)
    assert found is not None
    worker = RunWriter(store, found, WORKER)
    worker.begin(0, "an imagined GPU", "weights: ours")
    picture = Picture(torch.rand((1, 3, 20, 30), generator=torch.Generator().manual_seed(run_id)))
    for step, output in ((4, 1), (7, None)):
        count = 4 if step == 4 else 3
        history = random_history(count, seed=step)
        worker.add(step, history, improvement=-100 / 3, seconds=step / 7)
        worker.say(f'step {step}, "quoted"\ton\r\ntwo lines, ü')
        small = encode_preview(picture, 16 + step)
        worker.snapshot(encode_png(picture), small, output=output, size=(20, 30))
        if step == 4:
            worker.checkpoint(checkpoint(config, 4))
    worker.preview(encode_preview(picture))
    if state == "interrupted":
        queue.interrupt(WORKER.name, "The server ended")
    else:
        worker.end(state, f"it is {state}")
    history_of = History(store)
    history_of.rate(run_id, 4)
    history_of.write_notes(run_id, "seen\non two lines, 日本")
    history_of.keep_metrics(run_id, 4, METRICS)
    return run_id


def everything(store: Store, run_id: int) -> dict[str, Any]:
    """Return all that a store hands out of a run, but for numbers of runs."""
    found, losses = store.run(run_id), store.losses(run_id)
    with store.database.read() as connection:
        wants = connection.scalar(select(t.runs.c.wants).where(t.runs.c.id == run_id))
    snapshots = store.snapshots(run_id)
    digests = [item.sha256 for item in found.inputs]
    digests += [digest for shot in snapshots for digest in (shot.sha256, shot.preview)]
    digests += [digest for digest in (found.preview, found.checkpoint) if digest]
    return {
        "run": replace(found, id=0, parent_id=None),
        "wants": wants,
        "snapshots": snapshots,
        "losses": (losses.terms, losses.steps.tolist(), losses.values.tobytes()),
        "log": store.log(run_id),
        "files": [hashlib.sha256(store.read(digest)).hexdigest() for digest in digests],
        "thumbnails": [
            load_image(store.read(store.picture(item.sha256).thumbnail)).size
            for item in found.inputs
        ],
    }


def assert_same(store: Store, run_id: int, other: Store, other_id: int, name: str) -> None:
    before, after = everything(store, run_id), everything(other, other_id)
    line = after["log"].pop()
    assert (line.text, line.step) == (
        f"imported from {name}; it was run {run_id} there",
        before["run"].step,
    )
    assert after == before


def contents(store: Store) -> tuple[Any, ...]:
    """Return what a store holds: its rows and the names of its files."""
    tables = t.metadata.tables.values()
    with store.database.read() as connection:
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in tables]
    root = Path(store.files.root)
    return (*counts, sorted(path.name for path in root.rglob("*") if path.is_file()))


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@contextmanager
def fresh_store(folder: Path) -> Iterator[Store]:
    """Yield an empty store on SQLite."""
    store = Store(f"sqlite:///{folder / 'nst-lab.db'}", str(folder / "files"))
    yield store
    store.close()
