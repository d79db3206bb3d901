"""What ships of a training: weights as float16, and beside them how they were made."""

from __future__ import annotations

import hashlib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst_core.errors import WeightsError
from nst_core.paths import write_atomically
from training.checkpoint import Checkpoint
from training.evaluate import SIZE, TEXTURES, evaluate, score
from training.network import folded
from training.settings import Settings
from training.textures import FAMILIES
from training.train import Record

MOST_BYTES = 45_000_000
CURVE_POINTS = 200


def weights_bytes(state_dict: Mapping[str, Tensor]) -> bytes:
    """Return a file of weights as float16. The same weights give the same bytes.

    `torch.save` writes no times, and into a buffer no name of a file either.

    Raises:
        WeightsError: a value is not finite, or too large for float16.
    """
    halves = {name: value.half().contiguous() for name, value in state_dict.items()}
    for name, value in halves.items():
        if not value.isfinite().all():
            largest = float(state_dict[name].abs().max())
            raise WeightsError(
                f"{name} holds values up to {largest:g}, and float16 ends at 65504; a filter has "
                "died in this training: train anew with a lower rate"
            )
    buffer = io.BytesIO()
    torch.save(halves, buffer)
    return buffer.getvalue()


def loss_curve(history: Sequence[Record], points: int = CURVE_POINTS) -> dict[str, list[float]]:
    """Return the records thinned to about `points`, each number to four digits, by name."""
    stride = -(-len(history) // points) or 1
    thinned = [asdict(record) for record in history[::-1][::stride][::-1]]  # with the last
    return {
        name: [value if isinstance(value, int) else float(f"{value:.4g}") for value in values]
        for name in (asdict(history[0]) if history else ())
        for values in [[record[name] for record in thinned]]
    }


def description(command: str, config: Settings, crops_seen: int) -> dict[str, Any]:
    """Return what stands beside any weights: how they were made."""
    return {
        "trained_on": "synthetic textures",
        "command": f"python -m training {command} {config.to_words()}".rstrip(),
        "layers": list(config.chosen_layers),
        "crops_seen": crops_seen,
        "settings": config.to_dict(),
        "families": list(FAMILIES),
        "versions": {"torch": str(torch.__version__), "python": platform.python_version()},
    }


def write_weights(
    weights: Mapping[str, Tensor], path: Path, found: Mapping[str, Any]
) -> dict[str, Any]:
    """Write weights as float16 to `path`, and `found` beside them in JSON.

    Returns:
        `found` with the file's "sha256" and "bytes", as written.

    Raises:
        WeightsError: as `weights_bytes`, or a file cannot be written.
    """
    data = weights_bytes(weights)
    found = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **found}
    try:
        write_atomically(path, data)
        text = json.dumps(found, indent=1) + "\n"
        write_atomically(path.with_suffix(".json"), text.encode())
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from None
    return found


def export(
    checkpoint: Checkpoint,
    path: Path,
    *,
    textures: int = TEXTURES,
    size: int = SIZE,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """Write a training's weights to `path`, and their description to the same name in JSON.

    Args:
        textures, size, device: of the scores; see `training.evaluate`.

    Returns:
        The description: "held_out" has the score of the network with its heads ("embedding") and
        of the weights alone ("gram").

    Raises:
        WeightsError: as `weights_bytes`, or a file cannot be written.
    """
    config, network = checkpoint.config, checkpoint.trainer(device).network
    weights = folded(network)
    written = {name: value.half().float() for name, value in weights.items()}
    found = description(
        "train --out FOLDER", config, checkpoint.step * config.textures * config.crops
    )
    if checkpoint.start:
        found["command"] += f" --start {checkpoint.start['name']}"
    found |= {
        "start": dict(checkpoint.start),
        "steps_done": checkpoint.step,
        "held_out": {
            "embedding": evaluate(network, textures=textures, size=size),
            "gram": score(written, textures=textures, size=size, device=device),
        },
        "curve": loss_curve(checkpoint.history),
    }
    return write_weights(weights, path, found)
