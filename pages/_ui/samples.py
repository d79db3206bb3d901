"""The bundled pictures."""

from __future__ import annotations

from pathlib import Path

from nst_core import Store, StoredPicture

FOLDER = Path(__file__).resolve().parents[2] / "sample_images"
TRY_CONTENT = FOLDER / "content" / "cat.png"
TRY_STYLE = FOLDER / "style" / "night_lake.jpg"


def samples(kind: str) -> list[Path]:
    """Return the bundled pictures for ``"content"`` or ``"style"``."""
    folder = FOLDER / kind
    return sorted(path for path in folder.iterdir() if path.suffix in {".png", ".jpg"})


def add_sample(store: Store, path: Path) -> StoredPicture:
    """Keep a bundled picture in the store."""
    return store.add_picture(path.read_bytes(), path.name)
