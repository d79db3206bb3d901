"""A run in progress: the state that each step changes, and how it goes on to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from types import MappingProxyType

import torch
from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.color import recolor
from nst_core.config import StyleTransferConfig
from nst_core.cost import plan_strips, room_on
from nst_core.device import is_out_of_memory, resolve_device
from nst_core.errors import CheckpointError, DivergenceError, NSTError, OutOfMemoryError
from nst_core.image import Picture, fit_size, resize
from nst_core.inputs import Inputs, Scaled, enlarged, luminance_space, start_image
from nst_core.objective import Losses, Objective, Shared, active_layers
from nst_core.optim import (
    CHECK_EVERY,
    IterateAverage,
    PictureOptimizer,
    learning_rate,
    make_optimizer,
)
from nst_core.probe import memory_format
from nst_core.pyramid import levels_of, output_steps
from nst_core.replay import is_wanted, on_gpu
from nst_core.step import Step
from nst_core.vgg import VGG19Encoder, check_layers
from nst_core.weights import load_encoder

RECORD_EVERY_ON_GPU = 10
"""Steps between two records on a GPU, where reading a loss back holds up the next step."""


def layers_for(config: StyleTransferConfig) -> tuple[str, ...]:
    """Return the layers that a run with ``config`` looks at; at least one."""
    layers = [pair.layer for pairs in active_layers(config) for pair in pairs]
    return tuple(dict.fromkeys(layers)) or ("conv1_1",)


def encoder_for(config: StyleTransferConfig, *, download: bool = True) -> VGG19Encoder:
    """Load the encoder that ``config`` asks for, as deep as its layers need.

    Args:
        download: whether ImageNet's weights may be fetched.

    Raises:
        LayerError, WeightsError: see :func:`~nst_core.weights.load_encoder`.
    """
    return load_encoder(
        layers_for(config),
        weights=config.weights,
        pooling=config.pooling,
        padding=config.padding,
        normalize_activations=config.normalize_activations,
        download=download,
    )


class Loop:
    """The state of a run: what the loop changes and the steps look at."""

    def __init__(
        self,
        inputs: Inputs,
        config: StyleTransferConfig,
        encoder: VGG19Encoder | None,
        record_every: int | None,
    ) -> None:
        self.inputs = inputs
        self.config = config
        self.plan = levels_of(config)
        self.sizes = [
            fit_size(inputs.content.size, level.long_edge, up_to=config.size) for level in self.plan
        ]
        for style in inputs.styles:  # one too thin is said at once
            fit_size(style.size, round(config.size * config.style_scale))
        self.device = resolve_device(config.device)
        if encoder is None:
            encoder = encoder_for(config)
        source = encoder.source
        check_layers(layers_for(config), encoder.layers, source.name if source else "given")
        order = memory_format(self.device)
        self.encoder = encoder.to(self.device, memory_format=order)  # type: ignore[call-overload]
        self.record_every = record_every or (
            1 if self.device.type == "cpu" else RECORD_EVERY_ON_GPU
        )
        self.outputs = output_steps(self.plan, config.outputs)
        self.random = torch.Generator().manual_seed(config.seed)
        self.index = 0
        self.level = 0
        self.level_index = 0
        self.objective: Objective | None = None
        self.optimizer: PictureOptimizer | None = None
        self.replay: Callable[[], Losses] | None = None
        self.average = IterateAverage(config.averaging)
        self.first_loss: float | None = None
        self.window: list[float] = []
        self.seconds = 0.0
        self.finished = False
        self.restored: Checkpoint | None = None
        self.pending: list[Tensor] = []  # losses since the last record, on the device
        self.rows: Tensor | None = None  # the same, read back because a record is due

    # What the steps look at

    def picture(self) -> Picture:
        """Return the picture as it is now, with what made it."""
        image = self.entered()[0].compose(self._current()).cpu()
        size = self.sizes[self.level]
        content = self.inputs.content
        if luminance_space(self.config):
            image = recolor(image, resize(content.pixels, size), self.config.color_before)
        alpha = None if content.alpha is None else resize(content.alpha, size)
        return Picture(image, alpha, provenance=MappingProxyType(self._provenance()))

    def _current(self) -> Tensor:
        """Return the picture, averaged over iterates if that was asked for, on the device."""
        if self.config.averaging:
            return self.average.mean().clamp(0, 1)
        return self.entered()[1].image()

    def _provenance(self) -> dict[str, object]:
        from nst_core import __version__

        source = self.encoder.source
        return {
            "version": __version__,
            "config": self.config.model_dump(mode="json"),
            "inputs": self.inputs.describe(),
            "weights": {"name": source.name, "sha256": source.sha256} if source else None,
            "step": self.index,
            "device": self.device.type,
            "torch": str(torch.__version__),
        }

    def checkpoint(self) -> Checkpoint:
        """Return a copy of all that decides the next step."""
        total = self.average.sum
        return Checkpoint(
            config=self.config.model_dump_json(),
            inputs=self._fingerprint(),
            index=self.index,
            level=self.level,
            level_index=self.level_index,
            state=self.entered()[1].state_dict(),
            average=(None if total is None else total.cpu().clone(), self.average.weight),
            losses={"first": self.first_loss, "window": list(self.window)},
            random_state=self.random.get_state(),
            seconds=self.seconds,
            finished=self.finished,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go to where ``checkpoint`` was taken.

        Raises:
            CheckpointError: it belongs to another run.
        """
        checkpoint.check(self.config, self._fingerprint())
        if checkpoint.finished:
            raise CheckpointError(
                f"the run of this checkpoint ended at step {checkpoint.index}; start a new one"
            )
        self.index, self.level = checkpoint.index, checkpoint.level
        self.level_index = checkpoint.level_index
        total, self.average.weight = checkpoint.average
        self.average.sum = None if total is None else total.to(self.device)
        self.first_loss = checkpoint.losses["first"]
        self.window = list(checkpoint.losses["window"])
        self.random.set_state(checkpoint.random_state)
        self.seconds = checkpoint.seconds
        self.restored = checkpoint

    def _fingerprint(self) -> str:
        source = self.encoder.source
        return f"{self.inputs.fingerprint()} {source.sha256 if source else ''}"

    # The loop

    def guarded_steps(self) -> Generator[Step, None, None]:
        """Yield the steps, with running out of memory said in words."""
        try:
            yield from self._steps()
        except (RuntimeError, MemoryError) as error:
            told = self.in_words(error)
            if told is None:
                raise
            raise told from None

    def in_words(self, error: BaseException) -> NSTError | None:
        """Return the error to raise for one of torch's, or None where it is a bug."""
        if is_out_of_memory(error):
            height, width = self.sizes[min(self.next_level, len(self.plan) - 1)]
            return OutOfMemoryError(
                f"{width} x {height} px did not fit into the memory of {self.device}; lower size, "
                "or style_scale if it is above 1"
            )
        # mypy does not see its name; eigenvalues of what is not finite raise it
        if isinstance(error, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
            return self._divergence("not a number", self.index + 1)
        return None

    def _steps(self) -> Generator[Step, None, None]:
        while not self.finished:
            began = time.perf_counter()
            self.advance()
            self.seconds += time.perf_counter() - began
            step = self.record()
            if step is not None:
                yield step

    def advance(self, shared: Shared | None = None) -> None:
        """Do one step; ``shared`` as in :meth:`prepare`."""
        former = self.objective
        self.prepare(shared)
        objective, optimizer = self.entered()
        left = self.plan[self.level].steps - self.level_index
        if objective is not former and is_wanted(objective, self.device, left):
            self.replay = on_gpu(objective, optimizer)  # not in a batch, which has its own pass
        if self.replay is not None:
            self._take(optimizer.apply(self.replay))
        else:
            self._take(optimizer.step(objective))
        self.read_back()

    def apply(self, losses: Losses) -> None:
        """Do one step, whose gradient is there already; :meth:`read_back` is still to follow."""
        _, optimizer = self.entered()
        self._take(optimizer.apply(lambda: losses))

    @property
    def next_level(self) -> int:
        """The level of the next step, from 0."""
        return self.level + (self.level_index == self.plan[self.level].steps)

    def prepare(self, shared: Shared | None = None) -> None:
        """Enter the level of the next step, unless that is done.

        Args:
            shared: what other runs of the same pictures and encoder have computed.
        """
        shared = shared or Shared()
        if self.objective is None:
            self._enter(self.level, self.level_index, shared)
        if self.next_level != self.level:
            self._enter(self.next_level, 0, shared)
        self.entered()[0].at_step(self.index)

    def _enter(self, level: int, level_index: int, shared: Shared) -> None:
        """Make the objective and the optimiser of a level, from the picture so far.

        The run changes at the very end, so that a lack of memory leaves it where it was.
        """
        long_edge, steps = self.plan[level]
        config, shared = self.config, shared.at(long_edge)
        key = ("scaled", config.color_before, config.style_scale)
        scaled = shared.get(key, lambda: self.inputs.scaled(long_edge, config, up_to=config.size))
        content, mask = shared.get(("moved", key), lambda: self._moved(scaled))
        objective = Objective(
            self.encoder,
            config,
            content,
            scaled.styles,
            content_mask=mask,
            style_masks=scaled.style_masks,
            shared=shared,
            strips_for=lambda size: plan_strips(size, layers_for(config), room_on(self.device)),
        )
        random = torch.Generator()
        random.set_state(self.random.get_state())
        if level_index > 0:  # a checkpoint follows, and brings the picture
            start = scaled.content
        elif level == 0:
            start = start_image(scaled, config, random)
        else:
            start = enlarged(self._current().cpu(), scaled.content, config)
        optimizer = make_optimizer(start.to(self.device), config, steps)
        if self.restored is not None:
            optimizer.load_state_dict(dict(self.restored.state))
        self.replay = None  # of the level before
        self.objective, self.optimizer = objective, optimizer
        self.random, self.restored = random, None
        self.level, self.level_index = level, level_index
        if level_index == 0:
            self.average = IterateAverage(config.averaging)
            self.first_loss, self.window = None, []

    def _moved(self, scaled: Scaled) -> tuple[Tensor, Tensor | None]:
        """Return the content and its mask on the device."""
        mask = scaled.content_mask
        return scaled.content.to(self.device), None if mask is None else mask.to(self.device)

    def entered(self) -> tuple[Objective, PictureOptimizer]:
        """Return the objective and the optimiser of the level that was entered."""
        assert self.objective is not None
        assert self.optimizer is not None
        return self.objective, self.optimizer

    def _take(self, losses: Losses) -> None:
        """Take in that the optimiser has done a step."""
        if self.config.averaging:
            self.average.add(self.entered()[1].image())
        self.index += 1
        self.level_index += 1
        self.pending.append(losses.values)
        self.finished = self.index == self.config.steps
        if self.index % CHECK_EVERY == 0:
            self.finished |= self._check(losses.values)

    def read_back(self) -> None:
        """Read the losses back from the device, if a record is due."""
        ends = self.finished or self.level_index == self.plan[self.level].steps
        if ends or self.index % self.record_every == 0 or self.index in self.outputs:
            self.rows = torch.stack(self.pending).cpu()
            self.pending.clear()

    def _check(self, values: Tensor) -> bool:
        """Look at the loss every few steps: lower the learning rate, or say that it is enough."""
        if not self.config.stop_below and self.config.lr_schedule != "plateau":
            return False
        total = float(values[0])
        self.entered()[1].observe(total)
        self.window.append(total)
        length = max(1, self.config.stop_window // CHECK_EVERY)
        self.window = self.window[-length - 1 :]
        if not self.config.stop_below or self.level < len(self.plan) - 1:
            return False
        before = self.window[0]
        return len(self.window) > length and before - total < self.config.stop_below / 100 * before

    def record(self) -> Step | None:
        """Return the record of this step, if one is due.

        Raises:
            DivergenceError: a loss is not finite.
        """
        if self.rows is None:
            return None
        objective, optimizer = self.entered()
        rows, self.rows = self.rows, None
        self._check_finite(rows[:, 0])
        history = {name: tuple(rows[:, k].tolist()) for k, name in enumerate(objective.names)}
        losses = {name: values[-1] for name, values in history.items()}
        if self.first_loss is None:
            self.first_loss = history["total"][0]
        first = self.first_loss
        output = self.outputs.index(self.index) + 1 if self.index in self.outputs else None
        return Step(
            index=self.index,
            total=self.config.steps,
            level=self.level + 1,
            levels=len(self.plan),
            size=self.sizes[self.level],
            losses=MappingProxyType(losses),
            history=MappingProxyType(history),
            improvement=100 * (1 - losses["total"] / first) if first else 0.0,
            learning_rate=optimizer.optimizer.param_groups[0]["lr"],
            seconds=self.seconds,
            output=len(self.outputs) if self.finished else output,
            is_last=self.finished,
            _loop=self,
        )

    def _check_finite(self, totals: Tensor) -> None:
        broken = (~totals.isfinite()).nonzero()
        if len(broken):
            step = self.index - len(totals) + 1 + int(broken[0])
            raise self._divergence(f"{float(totals[broken[0]])}", step)

    def _divergence(self, loss: str, step: int) -> DivergenceError:
        return DivergenceError(
            f"the loss is {loss} at step {step}: the optimisation diverged; lower learning_rate "
            f"(it is {learning_rate(self.config):g}), or alpha, beta and gamma together"
        )
