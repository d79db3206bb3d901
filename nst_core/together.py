"""Several runs of the same pictures, optimised together as one batch through the network.

Each run keeps its own :class:`~nst_core.loop.Loop`: weights, losses, optimiser, schedule, seed,
records and checkpoints. Only the pass through the network is shared, and what the runs look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence

import torch
from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.config import StyleTransferConfig
from nst_core.device import resolve_device
from nst_core.errors import ConfigError, DivergenceError, NSTError, OutOfMemoryError
from nst_core.image import Picture
from nst_core.inputs import Inputs, check_counts
from nst_core.loop import Loop, encoder_for, layers_for
from nst_core.objective import Losses, Shared, losses_of_batch
from nst_core.sharing import batch_size, differences
from nst_core.step import Step
from nst_core.vgg import VGG19Encoder

Record = tuple[int, Step | NSTError]
"""The index of a run, and its record or the error that ended it."""


def stylize_together(
    content: Picture | Tensor,
    styles: Sequence[Picture | Tensor],
    configs: Sequence[StyleTransferConfig],
    *,
    content_mask: Tensor | None = None,
    style_masks: Sequence[Tensor | None] | None = None,
    encoder: VGG19Encoder | None = None,
    resumes: Sequence[Checkpoint | None] | None = None,
    record_every: int | None = None,
    most: int | None = None,
) -> Together:
    """Paint ``content`` in the style of ``styles`` once for each of ``configs``, together.

    Each run gives what :func:`~nst_core.stylize.stylize` gives for its settings, to the rounding of
    batched arithmetic; where only one run goes through the network, its very bytes. Rounding grows
    with the steps, as between two machines: ``tests/test_together.py`` has the tolerance.

    At most ``most`` go through the network together; the others follow as places become free.
    Where memory runs out, half as many go on from where they were, and the rest follow.

    Args:
        content, styles, content_mask, style_masks, encoder, record_every: as for ``stylize()``.
        configs: one or more; every two of them :func:`can_share`.
        resumes: one a run, to go on from, or None to start.
        most: runs in one pass; None is :func:`batch_size`, which is 1 on a CPU.

    Returns:
        An iterator of ``(index of the run, record)``; see :class:`Together`. Nothing is computed
        before it is asked. Close it (with ``contextlib.closing``) to stop early.

    Raises:
        ConfigError: the runs cannot go together, or as ``stylize()``.
        ImageError, WeightsError, DeviceError, CheckpointError: as ``stylize()``.
    """
    _check_runs(configs, resumes, record_every, most)
    inputs = Inputs.checked(content, styles, configs[0], content_mask, style_masks)
    for config in configs:
        check_counts(config, styles=len(inputs.styles), masks=len(inputs.style_masks))
    resolve_device(configs[0].device)  # before weights are looked for
    encoder = encoder or encoder_for(configs[0])
    loops = [Loop(inputs, config, encoder, record_every) for config in configs]
    for loop, resume in zip(loops, resumes or [None] * len(loops), strict=True):
        if resume is not None:
            loop.restore(resume)
    return Together(loops, most)


def _check_runs(
    configs: Sequence[StyleTransferConfig],
    resumes: Sequence[Checkpoint | None] | None,
    record_every: int | None,
    most: int | None,
) -> None:
    if not configs:
        raise ConfigError("there are no runs; give the settings of at least one")
    for name, count in (("record_every", record_every), ("most", most)):
        if count is not None and count < 1:
            raise ConfigError(f"{name} must be 1 or more, got {count}")
    if resumes is not None and len(resumes) != len(configs):
        raise ConfigError(
            f"{len(resumes)} checkpoints for {len(configs)} runs; give one a run, or None for it"
        )
    for k, config in enumerate(configs[1:], start=1):
        differing = differences(configs[0], config)
        if differing:
            raise ConfigError(
                f"runs 0 and {k} cannot go together ({', '.join(differing)}); divide them with "
                "batches()"
            )


class Together:
    """Runs that go on together: an iterator of ``(index of the run, record)``.

    A record is a :class:`~nst_core.step.Step`, whose ``image()`` and ``checkpoint()`` may be asked
    for until the next step of its run; or, where the run ended with an error (DivergenceError,
    OutOfMemoryError), that error, and the others go on. Runs come in the order of their index
    within a step. A batch's time is divided among its runs, so that their seconds add up to it.

    With more levels than one, runs go through each level together: who is done with it waits.
    """

    def __init__(self, loops: Sequence[Loop], most: int | None) -> None:
        self._loops = dict(enumerate(loops))  # those that have not ended
        self._waiting = list(self._loops)
        self._batch: list[int] = []
        self._most = most
        self._shared = Shared()
        self._records = self._go()

    def __iter__(self) -> Iterator[Record]:
        """Return itself."""
        return self

    def __next__(self) -> Record:
        """Go on to the next record."""
        return next(self._records)

    @property
    def batch(self) -> frozenset[int]:
        """The runs that go through the network now; the others wait for room, or have ended."""
        return frozenset(self._batch) & self._loops.keys()

    def drop(self, k: int) -> None:
        """Let run ``k`` go no further; the others are not disturbed.

        Its last record stays good. One that has ended may be dropped again.
        """
        self._loops.pop(k, None)

    def close(self) -> None:
        """Let no run go further."""
        self._loops.clear()
        self._records.close()

    def _go(self) -> Generator[Record, None, None]:
        while turn := self._turn():
            began = time.perf_counter()
            errors = self._advance(turn)
            share = (time.perf_counter() - began) / len(turn)
            for k in turn:
                self._loops[k].seconds += share
            for k in turn:
                record = self._record(k, errors.get(k))
                if record is not None:
                    yield k, record

    def _turn(self) -> list[int]:
        """Return the runs that do the next step: those of the batch at its coarsest level."""
        self._batch = [k for k in self._batch if k in self._loops]
        self._waiting = [k for k in self._waiting if k in self._loops]
        if not self._loops:
            self._shared = Shared()  # which frees what was kept
            return []
        any_loop = next(iter(self._loops.values()))
        # Where there are more levels, the batch would have to wait for one that begins anew.
        if not self._batch or len(any_loop.plan) == 1:
            room = self._room() - len(self._batch)
            self._batch += self._waiting[:room]
            del self._waiting[:room]
        levels = {k: self._loops[k].next_level for k in self._batch}
        return [k for k in self._batch if levels[k] == min(levels.values())]

    def _room(self) -> int:
        """Return how many runs may go through the network at once."""
        if self._most is None:
            loops = list(self._loops.values())
            layers = {layer for loop in loops for layer in layers_for(loop.config)}
            size = loops[0].inputs.content.size
            self._most = batch_size(loops[0].config, size, list(layers), loops[0].device)
        return self._most

    def _advance(self, turn: Sequence[int]) -> dict[int, NSTError]:
        """Do one step of each run; return the errors of those that could not."""
        loops = [self._loops[k] for k in turn]
        if len(turn) > 1:
            try:
                losses = self._evaluate(loops)
            except (RuntimeError, MemoryError) as error:
                trouble = loops[0].in_words(error)
                if trouble is None:
                    raise
            else:
                return self._apply(turn, losses)
            # Only here, where the error no longer holds what the attempt had computed
            if isinstance(trouble, OutOfMemoryError):
                self._halve(turn)
                return {}
        # Not only a run alone: where the eigenvalues of one are not finite, torch stops them all.
        return self._each(turn, lambda k: self._loops[k].advance(self._shared))

    def _evaluate(self, loops: Sequence[Loop]) -> list[Losses]:
        """Return the losses of each run's picture, with the gradients on their parameters."""
        for loop in loops:
            loop.prepare(self._shared)
        both = [loop.entered() for loop in loops]
        losses = losses_of_batch(
            [objective for objective, _ in both], [optimizer.picture() for _, optimizer in both]
        )
        torch.autograd.backward([found.total for found in losses])
        return losses

    def _apply(self, turn: Sequence[int], losses: Sequence[Losses]) -> dict[int, NSTError]:
        by_run = dict(zip(turn, losses, strict=True))
        errors = self._each(turn, lambda k: self._loops[k].apply(by_run[k]))
        sound = [k for k in turn if k not in errors]
        return errors | self._each(sound, lambda k: self._loops[k].read_back())

    def _each(self, turn: Sequence[int], act: Callable[[int], None]) -> dict[int, NSTError]:
        """Act for each run by itself; return the errors of those that failed."""
        errors: dict[int, NSTError] = {}
        for k in turn:
            try:
                act(k)
            except (RuntimeError, MemoryError) as error:
                told = self._loops[k].in_words(error)
                if told is None:
                    raise
                errors[k] = told
        return errors

    def _halve(self, turn: Sequence[int]) -> None:
        """Go on with half of these runs; all others wait where they are."""
        self._most = len(turn) // 2
        rest = [k for k in self._batch if k not in turn[: self._most]]
        self._batch, self._waiting = list(turn[: self._most]), rest + self._waiting
        if self._loops[turn[0]].device.type == "cuda":
            torch.cuda.empty_cache()

    def _record(self, k: int, error: NSTError | None) -> Step | NSTError | None:
        """Return what there is to say of a run, and leave it if it has ended."""
        loop = self._loops.get(k)
        if loop is None:  # dropped since
            return None
        step: Step | None = None
        if error is None:
            try:
                step = loop.record()
            except DivergenceError as found:
                error = found.with_traceback(None)
        if error is not None or loop.finished:
            del self._loops[k]
        return error or step
