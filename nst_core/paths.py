"""Where NST Lab keeps what it must not lose, and how it writes there."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return the data folder: ``NST_HOME``, else the user's data folder of this system.

    The folder need not exist; whoever writes there makes it.
    """
    chosen = os.environ.get("NST_HOME")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("nst-lab", False)


def weights_folder() -> Path:
    """Return the folder of downloaded and computed network weights."""
    return home() / "weights"


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all, also where the power fails.

    Raises:
        OSError: the folder is missing, full, or cannot be written; nothing is left behind.
    """
    temporary = path.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else the name may reach the disk before the bytes do
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
