"""A training's state between two steps, from which it goes on as if it had never stopped."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nst_core.errors import CheckpointError
from nst_core.paths import write_atomically
from training.settings import TrainingConfig
from training.train import Record, Trainer

NAME = "checkpoint.pt"
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A trainer's state. Random numbers and the rate follow from the seed and the step.

    Attributes:
        config: the settings.
        step: steps done.
        network, optimizer: state dicts.
        history: the records so far.
        start: which weights the training started from, and their SHA-256; empty for none.
    """

    config: TrainingConfig
    step: int
    network: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    history: tuple[Record, ...]
    start: Mapping[str, str]

    def trainer(self, device: str | torch.device = "cpu", *, compiled: bool = False) -> Trainer:
        """Return a trainer that goes on from here."""
        trainer = Trainer(self.config, device, compiled=compiled)
        trainer.network.load_state_dict(self.network)
        trainer.optimizer.load_state_dict(dict(self.optimizer))
        trainer.step = self.step
        trainer.history = list(self.history)
        return trainer


def save_checkpoint(trainer: Trainer, folder: Path, start: Mapping[str, str]) -> None:
    """Write a trainer's state into a folder, whole or not at all.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(
        {
            "format": FORMAT,
            "config": trainer.config.to_dict(),
            "step": trainer.step,
            "network": trainer.network.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "history": [asdict(record) for record in trainer.history],
            "start": dict(start),
        },
        buffer,
    )
    try:
        write_atomically(folder / NAME, buffer.getvalue())
    except OSError as error:
        raise CheckpointError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder"
        ) from None


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote, executing nothing.

    Raises:
        CheckpointError: there is none, or it is damaged or of another version.
    """
    path = folder / NAME
    if not path.is_file():
        raise CheckpointError(f"{folder}: holds no training ({NAME} is missing); check the folder")
    try:
        values = torch.load(path, weights_only=True, map_location="cpu")
        found = values.pop("format")
        if found == FORMAT:
            config = TrainingConfig(**values.pop("config"))
            history = tuple(Record(**record) for record in values.pop("history"))
            return Checkpoint(config=config, history=history, **values)
    except Exception:  # damaged pickles and archives raise almost anything
        raise CheckpointError(f"{path}: is no checkpoint, or damaged; start anew") from None
    raise CheckpointError(
        f"{path}: has format {found}, and this version reads {FORMAT}; go on with the version "
        "that made it"
    )
