"""A store of many runs that nobody computed, quickly: for benchmarks of the history."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance
from sqlalchemy import Connection, insert, update

from nst_core import Metrics, RunInput, Store, StoredPicture, StyleTransferConfig
from nst_core.store import tables as t
from tests.browser.server import ROOT

CONTENTS = ("cat.png", "astronaut.png", "coffee.png", "rocket.jpg")
STYLES = ("night_lake.jpg", "great_swell.jpg", "koi_mosaic.jpg", "autumn_river.jpg")
STATES = ("done",) * 8 + ("failed", "cancelled", "interrupted")
NOTES = ("", "", "", "soft sky, keep", "too much texture in the faces", "the best of the night")
DAY = 86_400.0
EDGE = 512  # px of a preview, as the default size gives it


def fill(store: Store, count: int, *, seed: int = 0) -> None:
    """Add ``count`` runs with a preview of their own, a snapshot, metrics, stars and notes."""
    chance = random.Random(seed)
    folder = ROOT / "sample_images"
    contents = [_keep(store, folder / "content" / name) for name in CONTENTS]
    styles = [_keep(store, folder / "style" / name) for name in STYLES]
    for index in range(count):
        content, style = chance.choice(contents), chance.choice(styles)
        preview = _preview(folder / "content" / content.name, chance)
        config = StyleTransferConfig(
            alpha=chance.choice([0.1, 1.0, 10.0]),
            beta=float(f"{10 ** chance.uniform(5, 10):.2g}"),
            gamma=chance.choice([0.0, 1.0, 10.0]),
            steps=chance.choice([100, 300, 1000]),
            seed=index,
        )
        inputs = [RunInput("content", 0, content.sha256, content.name)]
        run_id = store.add_run(config, [*inputs, RunInput("style", 0, style.sha256, style.name)])
        with store.database.write() as connection:
            _end(store, connection, run_id, config, preview, chance)


def _keep(store: Store, path: Path) -> StoredPicture:
    return store.add_picture(path.read_bytes(), path.name)


def _preview(path: Path, chance: random.Random) -> bytes:
    """Return a JPEG that no other run has."""
    with Image.open(path) as found:
        picture = found.convert("RGB")
    picture.thumbnail((EDGE, EDGE))
    picture = ImageEnhance.Color(picture).enhance(chance.uniform(0, 3))
    picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(0.5, 1.5))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=88)
    return buffer.getvalue()


def _end(
    store: Store,
    connection: Connection,
    run_id: int,
    config: StyleTransferConfig,
    preview: bytes,
    chance: random.Random,
) -> None:
    state = chance.choice(STATES)
    file = store.keep(connection, preview)
    total = 10 ** chance.uniform(3, 6)
    seconds = config.steps * chance.uniform(0.1, 2)
    values: dict[str, Any] = {
        "state": state,
        "created_at": 1_790_000_000 - chance.uniform(0, 200) * DAY,
        "step": config.steps,
        "seconds": seconds,
        "improvement": 90.0,
        "losses": json.dumps({"total": total}),
        "preview": file,
        "preview_step": config.steps,
        "rating": chance.choice([None, None, 1, 2, 3, 4, 5]),
        "notes": chance.choice(NOTES),
        "message": "" if state == "done" else f"{state.capitalize()} at step {config.steps}",
    }
    connection.execute(update(t.runs).where(t.runs.c.id == run_id).values(values))
    connection.execute(
        insert(t.snapshots).values(
            run_id=run_id, step=config.steps, output=1, sha256=file, preview=file, width=EDGE,
            height=EDGE * 2 // 3, total=total, improvement=90.0, seconds=seconds,
            metrics=_metrics(chance).to_json() if state == "done" else None,
        )
    )  # fmt: skip


def _metrics(chance: random.Random) -> Metrics:
    return Metrics(
        ssim=chance.uniform(0.1, 0.9),
        color_difference=chance.uniform(2, 40),
        style_distance=10 ** chance.uniform(-6, -2),
        content_distance=chance.uniform(0.1, 2),
        sharpness=chance.random(),
        colorfulness=chance.uniform(5, 120),
        network="untrained (random filters)",
        network_sha256="0" * 64,
        style_layers=("conv1_1", "conv2_1"),
        content_layers=("conv4_2",),
    )
