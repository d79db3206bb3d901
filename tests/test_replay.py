"""A captured step: the same losses, and nothing captured where it cannot be trusted.

There is no GPU here. A stand-in for its graph does again what was captured, and writes to the same
places, as a graph does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core.objective import Losses, Objective
from nst_core.optim import PictureOptimizer
from nst_core.replay import Evaluate, evaluation, is_wanted, replayed
from nst_core.stylize import stylize
from nst_core.vgg import VGG19Encoder
from tests.test_stylize import settings

CUDA = torch.device("cuda")


class Recorder:
    """Stands in for CUDA's graphs over ``evaluate``."""

    def __init__(self, evaluate: Evaluate) -> None:
        self.evaluate = evaluate
        self.found: Losses | None = None
        self.replays = 0
        self.off = 0.0

    def watched(self) -> Losses:
        self.found = self.evaluate()
        return self.found

    def replay(self) -> None:
        assert self.found is not None
        self.replays += 1
        found = self.evaluate()
        self.found.values.copy_(found.values * (1 + self.off))
        self.found.total.data.copy_(found.total.data)

    def capture(self, graph: object) -> AbstractContextManager[object]:
        return nullcontext()


def captured(recorder: Recorder, parameter: Tensor) -> Evaluate | None:
    return replayed(
        recorder.watched, parameter, lambda: recorder, recorder.capture, lambda: nullcontext()
    )


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": "lbfgs"}, {"optimizer": "adam", "averaging": 0.5}, {"levels": 2, "size": 128}],
    ids=str,
)
def test_a_run_of_replays_is_the_run(
    monkeypatch: pytest.MonkeyPatch,
    content: Tensor,
    style: Tensor,
    encoder: VGG19Encoder,
    changes: dict[str, Any],
) -> None:
    config = settings(steps=12, **changes)
    usual = list(stylize(content, [style], config, encoder=encoder, record_every=5))
    recorders: list[Recorder] = []

    def stand_in(objective: Objective, optimizer: PictureOptimizer) -> Evaluate | None:
        recorders.append(Recorder(evaluation(objective, optimizer)))
        return captured(recorders[-1], optimizer.parameter)

    monkeypatch.setattr("nst_core.loop.is_wanted", lambda *_: True)
    monkeypatch.setattr("nst_core.loop.on_gpu", stand_in)
    found = list(stylize(content, [style], config, encoder=encoder, record_every=5))
    assert [dict(step.history) for step in found] == [dict(step.history) for step in usual]
    assert torch.equal(found[-1].image().pixels, usual[-1].image().pixels)
    assert sum(recorder.replays for recorder in recorders) == 12 + len(recorders)


def square(parameter: Tensor) -> Callable[[], Losses]:
    def evaluate() -> Losses:
        if parameter.grad is not None:
            parameter.grad.zero_()
        total = parameter.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return Losses(total, total.detach().reshape(1).clone())

    return evaluate


def test_a_replay_with_other_losses_is_not_trusted(caplog: pytest.LogCaptureFixture) -> None:
    parameter = torch.ones(3, requires_grad=True)
    recorder = Recorder(square(parameter))
    recorder.off = 0.01
    assert captured(recorder, parameter) is None
    assert "the replay has other losses" in caplog.text
    recorder.off = float("nan")
    assert captured(recorder, parameter) is None


def test_what_cannot_be_captured_is_computed_as_before(caplog: pytest.LogCaptureFixture) -> None:
    parameter = torch.ones(3, requires_grad=True)

    class Refusing(Recorder):
        def capture(self, graph: object) -> AbstractContextManager[object]:
            raise RuntimeError("operation not permitted when stream is capturing")

    assert captured(Refusing(square(parameter)), parameter) is None
    assert "not captured: operation not permitted" in caplog.text


def test_only_levels_that_repeat_themselves_are_captured(
    monkeypatch: pytest.MonkeyPatch, content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def objective(**changes: Any) -> Objective:
        return Objective(encoder, settings(**changes), content, [style])

    assert not is_wanted(objective(), CUDA, 100)  # not measured yet: off unless asked for
    monkeypatch.setenv("NST_GRAPH", "on")
    assert is_wanted(objective(), CUDA, 100)
    assert not is_wanted(objective(), CUDA, 20)
    assert not is_wanted(objective(), torch.device("cpu"), 100)
    for statistic, expected in (("covariance", True), ("wasserstein", False), ("patches", False)):
        assert is_wanted(objective(style_statistic=statistic), CUDA, 100) is expected
