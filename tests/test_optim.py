"""L-BFGS goes no further in a step than its curvature can be trusted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core import StyleTransferConfig, stylize
from nst_core.objective import Losses
from nst_core.optim import LONGEST_STEP, LBFGSOptimizer
from nst_core.vgg import VGG19Encoder

CONFIG = StyleTransferConfig(optimizer="lbfgs")


def steep(picture: Tensor) -> Losses:
    """A loss whose slope hardly changes at first: unbounded, the second step would be huge."""
    distance = picture - 0.9
    total = 1e9 * (distance.square() + 0.01).sqrt().sum()
    return Losses(total, total.detach().reshape(1))


def test_a_step_of_lbfgs_has_a_longest_length() -> None:
    random = torch.Generator().manual_seed(0)
    optimizer = LBFGSOptimizer(torch.rand((1, 3, 16, 16), generator=random), CONFIG, 20)
    lengths = []
    for _ in range(30):
        before = optimizer.parameter.detach().clone()
        optimizer.step(steep)
        moved = optimizer.parameter.detach() - before
        lengths.append(float(moved.square().mean().sqrt()))
        state = optimizer.optimizer.state[optimizer.parameter]
        assert torch.allclose(state["d"] * state["t"], moved.flatten(), atol=1e-6)
    assert max(lengths) == pytest.approx(LONGEST_STEP, rel=1e-4)  # it was needed, and it held
    assert lengths[-1] < LONGEST_STEP / 4  # near the end it is shorter by itself


def test_lbfgs_lowers_the_loss_from_the_first_step_on_at_a_high_beta(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    """The loss once rose above that of the start, and on some pairs stayed there as noise."""
    config = StyleTransferConfig(
        optimizer="lbfgs",
        size=48,
        steps=40,
        beta=1e8,
        content_layers={"conv2_2": 1.0},
        style_layers={"conv2_2": 1.0},
        normalize_activations=False,
    )
    totals = [step.losses["total"] for step in stylize(content, [style], config, encoder=encoder)]
    assert max(totals) == pytest.approx(totals[0])
    assert totals[-1] < 0.3 * totals[0]
