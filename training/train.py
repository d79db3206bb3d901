"""The training loop: a generator of records, from a seed or from a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import Any

import torch
from torch import Tensor, nn

from nst_core.errors import DivergenceError
from training.batches import batches, draw_batch
from training.loss import accuracy, contrastive_loss, spread_out
from training.network import Seen, TextureNetwork
from training.settings import TrainingConfig

MEASURED = ("total", "joint", "layers", "variance", "firing", "covariance", "accuracy")


@dataclass(frozen=True)
class Record:
    """What happened since the record before, as means over the steps.

    Attributes:
        step: steps done.
        crops_seen: since the start of the training.
        total: the loss, whose parts follow with their weights in it.
        joint: contrastive loss of all heads together.
        layers: contrastive loss of each head by itself, their mean.
        variance, firing, covariance: of `training.loss.SpreadOut`, mean over layers.
        accuracy: share of crops whose nearest crop in the batch is of the same texture.
        crops_per_second: while it trained, not while the record was looked at.
    """

    step: int
    crops_seen: int
    total: float
    joint: float
    layers: float
    variance: float
    firing: float
    covariance: float
    accuracy: float
    crops_per_second: float


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the rate of a step: a linear rise, then half a cosine to 0 (SGDR's, one cycle)."""
    rise = round(config.warmup * config.steps)
    if step < rise:
        return config.rate * (step + 1) / (rise + 1)
    return config.rate * (1 + cos(pi * (step - rise) / (config.steps - rise))) / 2


def objective(seen: Seen, config: TrainingConfig) -> dict[str, Tensor]:
    """Return the loss of a batch and its parts, each by its weight, with the accuracy: MEASURED.

    Args:
        seen: of `config.textures` textures times `config.crops` crops, in this order.
    """

    def by_texture(embeddings: Tensor) -> Tensor:
        return embeddings.view(-1, config.crops, embeddings.shape[1])

    joint = by_texture(seen.embedding())
    alone = [
        contrastive_loss(by_texture(embeddings), config.temperature)
        for embeddings in seen.embeddings.values()
    ]
    spread = [spread_out(activations) for activations in seen.activations.values()]
    variance, firing, covariance = (
        torch.stack(values).mean() for values in zip(*spread, strict=True)
    )
    parts = {
        "joint": contrastive_loss(joint, config.temperature),
        "layers": config.layer_weight * torch.stack(alone).mean(),
        "variance": config.variance_weight * variance,
        "firing": config.firing_weight * firing,
        "covariance": config.covariance_weight * covariance,
    }
    return {"total": torch.stack(list(parts.values())).sum(), **parts, "accuracy": accuracy(joint)}


class Trainer:
    """A network in training.

    On a GPU it computes in bfloat16 where that is safe, on a CPU in float32; channels last.

    Args:
        config: the settings.
        device: where it is trained and its textures are drawn.
        start: weights to start from, by torchvision's names; without them the start is random.
        compiled: let torch.compile make faster code, which takes minutes at first.
    """

    def __init__(
        self,
        config: TrainingConfig,
        device: str | torch.device = "cpu",
        *,
        start: Mapping[str, Tensor] | None = None,
        compiled: bool = False,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.step = 0
        self.history: list[Record] = []
        random = torch.Generator().manual_seed(config.seed)
        network = TextureNetwork(config.chosen_layers, dimensions=config.dimensions, random=random)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self.network.start_from(start, draw_batch(config, 0, self.device).flatten(0, 1))
        if compiled:
            self.network.compile()
        self.optimizer = torch.optim.AdamW(self._groups(), config.rate)

    def _groups(self) -> list[dict[str, Any]]:
        """Return the parameters: kernels, which decay, and batch norm's, which do not."""
        parameters: list[nn.Parameter] = list(self.network.parameters())
        kernels = [one for one in parameters if one.ndim > 1]
        others = [one for one in parameters if one.ndim == 1]
        return [
            {"params": kernels, "weight_decay": self.config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]

    def run(self, *, record_every: int = 1) -> Generator[Record, None, None]:
        """Train to the last step, from where this trainer is; may be left after any record.

        Args:
            record_every: steps from record to record. Reading one makes a GPU wait.

        Raises:
            DivergenceError: the loss left the finite numbers.
        """
        sums, count, since = torch.zeros(len(MEASURED), device=self.device), 0, time.perf_counter()
        with closing(batches(self.config, self.step, self.device)) as drawn:
            for crops in drawn:
                sums += self.learn(crops)
                count += 1
                if self.step % record_every and self.step < self.config.steps:
                    continue
                means = (sums / count).tolist()  # waits for the device
                record = self._record(means, count / (time.perf_counter() - since))
                self.history.append(record)
                yield record
                sums, count, since = torch.zeros_like(sums), 0, time.perf_counter()

    def _record(self, means: list[float], steps_per_second: float) -> Record:
        crops = self.config.textures * self.config.crops
        measured = dict(zip(MEASURED, means, strict=True))
        if not isfinite(measured["total"]):
            raise DivergenceError(
                f"the loss is {measured['total']} after step {self.step}; go on from the last "
                f"checkpoint or start anew with a lower rate than {self.config.rate:g}"
            )
        return Record(
            step=self.step,
            crops_seen=self.step * crops,
            crops_per_second=steps_per_second * crops,
            **measured,
        )

    def learn(self, crops: Tensor) -> Tensor:
        """Take one optimiser step on crops (T, C, 3, S, S) and return MEASURED, on the device."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"
        ):
            seen = self.network(crops.flatten(0, 1))
        measured = objective(seen, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        measured["total"].backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        return torch.stack([measured[name].detach() for name in MEASURED])
