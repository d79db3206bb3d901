"""A run's state between two steps, from which it goes on as if nothing had happened."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst_core.config import StyleTransferConfig
from nst_core.errors import CheckpointError
from nst_core.paths import write_atomically

FORMAT = 2  # 1 shared out the steps over other levels


@dataclass(frozen=True)
class Checkpoint:
    """Everything that decides the next step.

    Attributes:
        config: the settings, as JSON.
        inputs: a hash of pictures, masks and network weights.
        index: steps done.
        level: position in the coarse-to-fine plan, from 0; ``level_index`` steps of it are done.
        state: the picture's parameter, its optimiser and schedule (CPU tensors).
        average: the sum and weight of the iterate average.
        losses: what the stopping rule and the improvement are judged by.
        random_state: of the run's random generator.
        seconds: time spent so far.
        finished: no step follows.
    """

    config: str
    inputs: str
    index: int
    level: int
    level_index: int
    state: Mapping[str, Any]
    average: tuple[Tensor | None, float]
    losses: Mapping[str, Any]
    random_state: Tensor
    seconds: float
    finished: bool

    def to_bytes(self) -> bytes:
        """Serialise; :meth:`from_bytes` reads it back without executing anything."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, **values}, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            CheckpointError: the data is damaged or of another version.
        """
        try:
            values = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
            found = values.pop("format")
            if found != FORMAT:
                raise CheckpointError(
                    f"the checkpoint has format {found}, and this version reads {FORMAT}; "
                    "continue it with the version that made it"
                )
            return cls(**values)
        except CheckpointError:
            raise
        except Exception:  # damaged pickles and archives raise almost anything
            raise CheckpointError(
                "this is no checkpoint, or it is damaged; start the run anew"
            ) from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file, whole or not at all.

        Raises:
            CheckpointError: the file cannot be written.
        """
        try:
            write_atomically(Path(path), self.to_bytes())
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be written ({error.strerror}); choose another place"
            ) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read a file that :meth:`save` wrote.

        Raises:
            CheckpointError: the file is missing, damaged or of another version.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be read ({error.strerror}); check the path"
            ) from None
        try:
            return cls.from_bytes(data)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None

    def check(self, config: StyleTransferConfig, inputs: str) -> None:
        """Raise CheckpointError unless the run has the same settings, pictures and weights."""
        mine = StyleTransferConfig(**json.loads(self.config)).model_dump()
        theirs = config.model_dump()
        # Which weights these are, the fingerprint of the inputs says, whatever they are called
        free = ("device", "weights")
        changed = [name for name in theirs if theirs[name] != mine[name] and name not in free]
        if changed:
            raise CheckpointError(
                f"the checkpoint was made with other settings ({', '.join(changed)}); continue "
                "with the same, or start anew"
            )
        if inputs != self.inputs:
            raise CheckpointError(
                "the checkpoint was made with other pictures, masks or network weights; continue "
                "with the same, or start anew (weights that were auto may be another file now)"
            )
