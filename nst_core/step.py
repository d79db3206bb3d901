"""What the loop yields: a record, from which the picture can be asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import humanize

from nst_core.checkpoint import Checkpoint
from nst_core.errors import StalePictureError
from nst_core.image import Picture
from nst_core.pyramid import seconds_left

if TYPE_CHECKING:
    from nst_core.loop import Loop


@dataclass(frozen=True)
class Step:
    """A record of the loop, at ``index`` of ``total`` steps.

    Losses are weighted contributions (``total`` = ``content`` + ``style`` + ``tv``; the layers'
    stand under ``"content/conv4_2"`` and ``"style/conv1_1"``). Those of step ``n`` are of the
    picture that step ``n`` started from.

    Attributes:
        index: steps done, from 1.
        total: steps in all.
        level, levels: position in the coarse-to-fine plan, from 1.
        size: (height, width) at this level.
        losses: the losses of this step.
        history: all losses since the last record, oldest first; the last is this step's.
        improvement: by how many percent the total fell since the level began.
        learning_rate: as the schedule has it now.
        seconds: time spent in the loop so far, without what the caller did in between.
        output: 1, 2, ... where this step's picture is one of the run's outputs, else None.
        is_last: no step follows.
    """

    index: int
    total: int
    level: int
    levels: int
    size: tuple[int, int]
    losses: Mapping[str, float]
    history: Mapping[str, tuple[float, ...]]
    improvement: float
    learning_rate: float
    seconds: float
    output: int | None
    is_last: bool
    _loop: Loop = field(repr=False, compare=False)

    def image(self) -> Picture:
        """Copy the picture as it is at this step; asking costs time, not asking nothing.

        Returns:
            ``(1, 3, H, W)`` on the CPU, with the content's alpha, and with settings, inputs and
            weights in its ``provenance``.

        Raises:
            StalePictureError: the loop has gone on since.
        """
        self._check_current()
        return self._loop.picture()

    def saved(self) -> str:
        """Say what a run saved that stopped before its last step; nothing where it did not."""
        if not self.is_last or self.index == self.total:
            return ""
        config = self._loop.config
        left = seconds_left(self._loop.plan, self.index, self.seconds) or 0.0
        spared = humanize.precisedelta(timedelta(seconds=math.ceil(left)), format="%d")
        return (
            f"stopped at step {self.index} of {self.total}, since its last {config.stop_window} "
            f"steps improved the loss by less than {config.stop_below:g} %, which saved about "
            f"{spared}"
        )

    def checkpoint(self) -> Checkpoint:
        """Copy all that decides the next step, for ``stylize(resume=...)``.

        Raises:
            StalePictureError: the loop has gone on since.
        """
        self._check_current()
        return self._loop.checkpoint()

    def _check_current(self) -> None:
        if self._loop.index != self.index:
            raise StalePictureError(
                f"the loop has gone on to step {self._loop.index}, and the picture of step "
                f"{self.index} is gone; call image() before you ask for the next step"
            )
