"""The network weights that ship with NST Lab: trained on synthetic textures, no photograph.

Beside the file stands a JSON of the same name, with its SHA-256, its recipe and its figures.
"""

from __future__ import annotations

import json
from pathlib import Path

from nst_core.errors import WeightsError
from nst_core.state_dicts import file_sha256

SHIPPED_FOLDER = Path(__file__).with_name("shipped_weights")
SHIPPED_FILE = "vgg19_textures.pth"
SHIPPED_ORIGIN = "VGG-19 trained on synthetic textures (ships with NST Lab)"
_REMEDY = "check it out anew from the repository, or choose weights=untrained"


def shipped_path() -> Path | None:
    """Return the file, or None where it was deleted."""
    path = SHIPPED_FOLDER / SHIPPED_FILE
    return path if path.is_file() else None


def check_shipped() -> Path:
    """Return the file, which is the one that was shipped.

    Raises:
        WeightsError: it is missing or damaged, or what is written of it cannot be read.
    """
    path = shipped_path()
    if path is None:
        raise WeightsError(
            f"{SHIPPED_FOLDER / SHIPPED_FILE}: missing, though it ships with NST Lab; {_REMEDY}"
        )
    expected = _written_sha256(path.with_suffix(".json"))
    try:
        found = file_sha256(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {_REMEDY}") from None
    if found != expected:
        raise WeightsError(
            f"{path}: damaged (its SHA-256 is {found[:12]}..., and {path.stem}.json says "
            f"{expected[:12]}...); {_REMEDY}"
        )
    return path


def _written_sha256(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no JSON with a sha256"
        raise WeightsError(
            f"{path}: cannot be read ({reason}), and so the weights beside it cannot be checked; "
            f"{_REMEDY}"
        ) from None
