"""What every measurement writes: its figures, with the machine that they come from, as JSON."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write_record(name: str, results: dict[str, Any], output: Path | None) -> None:
    """Write ``results`` and the machine as JSON, to ``output`` or a new file, and print where."""
    path = output or RESULTS / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **results}, indent=2) + "\n")
    print(path)


def machine() -> dict[str, str]:
    """Name the machine."""
    import torch

    from nst_core.device import describe_device, resolve_device

    return {
        "device": describe_device(resolve_device()),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "system": platform.platform(),
    }
