"""A step captured once as a CUDA graph and replayed, without Python between its kernels.

Nothing of this was measured on a GPU yet, so it is off unless ``NST_GRAPH=on``. What is captured is
trusted only after its losses and gradient were those of the same step without a graph.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor

from nst_core.objective import Losses, Objective
from nst_core.optim import PictureOptimizer

logger = logging.getLogger(__name__)

LEAST_STEPS = 40
"""A level of fewer steps is not worth the five that capturing takes."""
WARM_UP = 2
TOLERANCE = 1e-3
"""Most by which a replay may differ, relative to the largest: TF32 and atomic sums do."""

Evaluate = Callable[[], Losses]


class Graph(Protocol):
    """What is asked of ``torch.cuda.CUDAGraph``."""

    def replay(self) -> None:
        """Do again what was captured."""


def is_wanted(objective: Objective, device: torch.device, steps: int) -> bool:
    """Whether a level of ``steps`` steps is captured: what it does must be the same in each.

    Patches draw their directions anew, strips compute once more what they dropped, and roots of
    matrices wait for the device.
    """
    if os.environ.get("NST_GRAPH") != "on" or device.type != "cuda" or steps < LEAST_STEPS:
        return False
    kinds = {target.statistic for target in objective.style_targets.values()}
    return not objective.strips.blocks and not objective.is_drawn and "wasserstein" not in kinds


def evaluation(objective: Objective, optimizer: PictureOptimizer) -> Evaluate:
    """Return what computes the losses of the picture, and leaves the gradient on its parameter.

    The gradient stays in one place, which a graph writes to each time.
    """

    def evaluate() -> Losses:
        losses = objective(optimizer.picture(keep=True))
        losses.total.backward()  # type: ignore[no-untyped-call]
        return losses

    return evaluate


def replayed(
    evaluate: Evaluate,
    parameter: Tensor,
    new_graph: Callable[[], Graph],
    capture: Callable[[Graph], AbstractContextManager[object]],
    apart: Callable[[], AbstractContextManager[object]],
) -> Evaluate | None:
    """Capture ``evaluate`` and return what replays it, or None where that cannot be trusted.

    Args:
        parameter: on which ``evaluate`` leaves its gradient.
        new_graph, capture, apart: makes a graph, captures into it, and computes on another stream.
    """
    values = evaluate().values  # without its total, which would hold on to this stream
    assert parameter.grad is not None
    gradient = parameter.grad.clone()
    try:
        with apart():
            for _ in range(WARM_UP):
                evaluate()
        graph = new_graph()
        with capture(graph):
            found = evaluate()
        graph.replay()
    except RuntimeError as error:
        logger.warning("steps are not captured: %s", " ".join(str(error).split())[:300])
        return None
    for name, one, other in (
        ("losses", values, found.values),
        ("gradient", gradient, parameter.grad),
    ):
        largest = one.abs().max()
        if not bool((one - other).abs().max() <= TOLERANCE * largest):
            logger.warning("steps are not captured: the replay has other %s", name)
            return None

    def replay() -> Losses:
        graph.replay()
        # copies, since the next replay writes over them
        return Losses(found.total.detach().clone(), found.values.clone())

    return replay


def on_gpu(objective: Objective, optimizer: PictureOptimizer) -> Evaluate | None:
    """Return :func:`replayed` with CUDA's graphs, for the device that the picture is on."""
    return replayed(
        evaluation(objective, optimizer),
        optimizer.parameter,
        torch.cuda.CUDAGraph,
        lambda graph: torch.cuda.graph(graph, capture_error_mode="thread_local"),  # type: ignore[arg-type]
        _apart,
    )


@contextmanager
def _apart() -> Iterator[None]:
    """Compute on a stream of its own, between what came before and what follows."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream().wait_stream(stream)
