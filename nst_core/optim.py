"""Optimisers of a picture that stays in ``[0, 1]``: one step is one iteration.

Both keep the box without lying to the optimiser. Adam keeps no model of the loss along its path,
so clamping after a step is harmless. L-BFGS does, and a clamp would put points into its history
that the gradient differences do not belong to; it works on ``u`` with ``x = (1 + sin u) / 2``
instead, which is smooth and never leaves the box.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import lr_scheduler

from nst_core.config import StyleTransferConfig
from nst_core.image import Size
from nst_core.objective import Losses

LEARNING_RATES = {"adam": 0.02, "lbfgs": 1.0}
"""What ``learning_rate="auto"`` means."""

LBFGS_HISTORY = 20
"""Pairs of steps and gradient differences that L-BFGS looks back on. With 10 it took 4 to 13 % more
steps to the same loss (128 and 256 px, eight runs), with 5 about 20 %."""
MOST_HISTORY_BYTES = 250_000_000
LEAST_HISTORY = 4
LONGEST_STEP = 0.1
"""The longest step of L-BFGS, root mean square over the angles ``u``, where black and white are pi
apart: on four pairs at beta 1e8, 0.05 to 0.2 ended within a few per cent of each other."""
CHECK_EVERY = 10
"""Steps between two looks at the loss by the plateau schedule and the stopping rule."""

# At x = 0 and 1 the slope of x(u) is 0 and a pixel would never leave: start a little inside.
_INSIDE = 1 / 1024


def history_pairs(size: Size) -> int:
    """Return how many pairs L-BFGS keeps for a picture of ``size``, (height, width) in px.

    Past 720 x 720 px all of them would take more than ``MOST_HISTORY_BYTES``, and they become
    fewer. It depends on the picture alone, so that another machine does the same.
    """
    return min(LBFGS_HISTORY, max(LEAST_HISTORY, MOST_HISTORY_BYTES // (2 * _bytes(size))))


def history_bytes(config: StyleTransferConfig, size: Size) -> int:
    """Return what L-BFGS keeps beside Adam's two moments, for a picture of ``size``; 0 for Adam.

    The pairs; and while it takes a step its direction, the gradient before, and three more.
    """
    if config.optimizer_in_use == "adam":
        return 0
    return (2 * history_pairs(size) + 3) * _bytes(size)


def _bytes(size: Size) -> int:
    return 4 * 3 * size[0] * size[1]


def learning_rate(config: StyleTransferConfig) -> float:
    """Return the learning rate that ``config`` means."""
    if config.learning_rate == "auto":
        return LEARNING_RATES[config.optimizer_in_use]
    return config.learning_rate


class PictureOptimizer(ABC):
    """A picture, its optimiser and its learning-rate schedule over one level.

    Args:
        image: ``(1, 3, H, W)`` in ``[0, 1]``; not modified.
        config: the settings.
        steps: the level's steps, over which a cosine schedule runs.
    """

    optimizer: torch.optim.Optimizer

    def __init__(self, image: Tensor, config: StyleTransferConfig, steps: int) -> None:
        self.parameter = self._enter(image.detach()).clone().requires_grad_()
        self.optimizer = self._make(learning_rate(config))
        self._checks = 0
        self._cosine: lr_scheduler.CosineAnnealingLR | None = None
        self._plateau: lr_scheduler.ReduceLROnPlateau | None = None
        if config.lr_schedule == "cosine":
            self._cosine = lr_scheduler.CosineAnnealingLR(self.optimizer, steps)
        elif config.lr_schedule == "plateau":
            self._plateau = lr_scheduler.ReduceLROnPlateau(
                self.optimizer, factor=0.5, patience=2, threshold=1e-3
            )

    @abstractmethod
    def _enter(self, image: Tensor) -> Tensor:
        """Return the parameter that means ``image``."""

    @abstractmethod
    def _picture(self, parameter: Tensor) -> Tensor:
        """Return the picture that ``parameter`` means, differentiably."""

    @abstractmethod
    def _make(self, rate: float) -> torch.optim.Optimizer:
        """Make the optimiser of ``self.parameter``."""

    def image(self) -> Tensor:
        """Return the picture as it is now, ``(1, 3, H, W)`` in ``[0, 1]``: a new tensor."""
        with torch.no_grad():
            return self._picture(self.parameter).clamp(0, 1).clone()

    def picture(self, *, keep: bool = False) -> Tensor:
        """Return the picture as it is now, differentiably in its parameter, without a gradient.

        Args:
            keep: whether a gradient that is there becomes 0 where it lies, in place of none.
        """
        self.optimizer.zero_grad(set_to_none=not keep)
        return self._picture(self.parameter)

    def step(self, objective: Callable[[Tensor], Losses]) -> Losses:
        """Do one iteration; return the losses of the picture it started from."""

        def evaluate() -> Losses:
            losses = objective(self.picture())
            losses.total.backward()  # type: ignore[no-untyped-call]
            return losses

        return self.apply(evaluate)

    def apply(self, evaluate: Callable[[], Losses]) -> Losses:
        """Do one iteration with the gradient that ``evaluate`` leaves on the parameter.

        Adam takes a gradient that is there already: ``evaluate`` may then return losses of before.
        """
        found: list[Losses] = []

        def closure() -> Tensor:
            found.append(evaluate())
            return found[-1].total.detach()

        # torch types the closure as returning a float, and both optimisers take a tensor
        self.optimizer.step(closure)  # type: ignore[arg-type]
        if self._cosine is not None:
            self._cosine.step()
        return found[0]

    def observe(self, loss: float) -> None:
        """Tell the plateau schedule a loss, every ``CHECK_EVERY`` steps."""
        if self._plateau is not None:
            self._plateau.step(loss)

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides the next step, for :meth:`load_state_dict`."""
        schedule = self._cosine or self._plateau
        return {
            "parameter": self.parameter.detach().cpu().clone(),
            "optimizer": _copied(self.optimizer.state_dict()),
            "schedule": schedule.state_dict() if schedule else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where :meth:`state_dict` was taken."""
        with torch.no_grad():
            self.parameter.copy_(state["parameter"])
        # a copy: torch takes the tensors as they are, and changes them in the next step
        self.optimizer.load_state_dict(_copied(state["optimizer"]))
        schedule = self._cosine or self._plateau
        if schedule is not None:
            schedule.load_state_dict(state["schedule"])


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """Copy an optimiser's state, but for what it only ever replaces: the pairs of L-BFGS."""
    kept = {
        id(tensor): tensor
        for one in state["state"].values()
        for pairs in ("old_dirs", "old_stps")
        for tensor in one.get(pairs, ())
    }
    return copy.deepcopy(dict(state), kept)


class AdamOptimizer(PictureOptimizer):
    """Adam (Kingma and Ba 2015) on the pixels, clamped after each step."""

    def _enter(self, image: Tensor) -> Tensor:
        return image

    def _picture(self, parameter: Tensor) -> Tensor:
        return parameter

    def _make(self, rate: float) -> torch.optim.Optimizer:
        return torch.optim.Adam([self.parameter], lr=rate)

    def apply(self, evaluate: Callable[[], Losses]) -> Losses:
        """Do one iteration with the gradient that ``evaluate`` leaves, and clamp."""
        losses = super().apply(evaluate)
        with torch.no_grad():
            self.parameter.clamp_(0, 1)
        return losses


class LBFGSOptimizer(PictureOptimizer):
    """L-BFGS (Liu and Nocedal 1989) on ``u``, where the picture is ``(1 + sin u) / 2``."""

    def apply(self, evaluate: Callable[[], Losses]) -> Losses:
        """Do one iteration with the gradient that ``evaluate`` leaves, of at most LONGEST_STEP.

        There is no line search, and the curvature of the first steps says little of those that
        follow: unbounded, the second step of a run with a high beta left noise, for good.
        """
        before = self.parameter.detach().clone()
        losses = super().apply(evaluate)
        with torch.no_grad():
            moved = self.parameter - before
            share = float(LONGEST_STEP / moved.square().mean().sqrt().clamp(min=LONGEST_STEP))
            if share < 1:
                self.parameter.copy_(before + share * moved)
                # torch's memory of steps is t times the direction d: it must know of this one
                self.optimizer.state[self.parameter]["t"] *= share
        return losses

    def _enter(self, image: Tensor) -> Tensor:
        return (2 * image.clamp(_INSIDE, 1 - _INSIDE) - 1).asin()

    def _picture(self, parameter: Tensor) -> Tensor:
        return (1 + parameter.sin()) / 2

    def _make(self, rate: float) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(
            [self.parameter],
            lr=rate,
            max_iter=1,
            history_size=history_pairs((self.parameter.shape[-2], self.parameter.shape[-1])),
            tolerance_grad=0,
            tolerance_change=0,
        )


def make_optimizer(image: Tensor, config: StyleTransferConfig, steps: int) -> PictureOptimizer:
    """Make the optimiser that ``config`` names."""
    kind = AdamOptimizer if config.optimizer_in_use == "adam" else LBFGSOptimizer
    return kind(image, config, steps)


class IterateAverage:
    """Exponential average over iterates, free of its start (Kingma and Ba 2015, section 7.2).

    Args:
        decay: in ``[0, 1)``; 0 keeps the last iterate.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.sum: Tensor | None = None
        self.weight = 0.0

    def add(self, image: Tensor) -> None:
        """Take in an iterate."""
        self.sum = image if self.sum is None else self.decay * self.sum + image
        self.weight = self.decay * self.weight + 1

    def mean(self) -> Tensor:
        """Return the average, a new tensor."""
        if self.sum is None:
            raise ValueError("no iterate was added yet")
        return self.sum / self.weight
