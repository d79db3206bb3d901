"""Runs that go together: the results of runs alone, and what happens when one leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.config import StyleTransferConfig
from nst_core.errors import (
    CheckpointError,
    ConfigError,
    DivergenceError,
    ImageError,
    LayerError,
    NSTError,
    OutOfMemoryError,
)
from nst_core.image import encode_png
from nst_core.optim import PictureOptimizer, make_optimizer
from nst_core.step import Step
from nst_core.stylize import stylize
from nst_core.together import Together, stylize_together
from nst_core.vgg import VGG19Encoder
from tests.lab import one_thread
from tests.test_stylize import answering, settings

Changes = dict[str, Any]

NO_STYLE: Changes = {"beta": 0, "content_layers": "conv2_2"}
"""Of a run from the content, which goes alone."""


@pytest.fixture(autouse=True)
def _one_arithmetic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch off oneDNN, whose convolutions round by the size of the batch, and take one thread.

    Adam's steps keep their size where a gradient is near 0, so that rounding grows with the steps.
    Several threads share a batch among them and round otherwise than for one picture: with two, a
    pixel in a thousand differed by up to 0.006 in 20 steps, and losses by 2e-4. Without both, what
    is left is to be all but equal, and any mix-up among the runs shows.
    """
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    with one_thread():
        yield


@pytest.fixture
def rounding(_one_arithmetic: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch oneDNN on, as it is outside of tests."""
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", True)


def go(runs: Together) -> dict[int, list[Step]]:
    """Walk to the end; return each run's steps."""
    found: dict[int, list[Step]] = {}
    for k, step in runs:
        assert isinstance(step, Step)
        found.setdefault(k, []).append(step)
    return found


def assert_same_run(one: Sequence[Step], other: Sequence[Step]) -> None:
    """Assert that two runs say the same at each step, and end with the same picture."""
    assert [step.index for step in one] == [step.index for step in other]
    for a, b in zip(one, other, strict=True):
        assert (a.level, a.size, a.output, a.is_last) == (b.level, b.size, b.output, b.is_last)
        assert a.learning_rate == b.learning_rate
        assert a.losses.keys() == b.losses.keys()
        for name, value in a.losses.items():
            bound = 1e-5 * a.losses["total"]
            assert b.losses[name] == pytest.approx(value, rel=1e-4, abs=bound), (name, a.index)
    torch.testing.assert_close(one[-1].image().pixels, other[-1].image().pixels, rtol=0, atol=1e-3)


# The same results as alone


@pytest.mark.parametrize(
    "changes",
    [
        [{"beta": 1e4}, {"beta": 1e5}, {"beta": 1e6}, {"beta": 1e5, "alpha": 7.0}],
        [{"gamma": 0}, {"gamma": 1}, {"gamma": 100}],
        [{"init": "noise", "seed": seed} for seed in (0, 1, 2)],
        [{"init": init} for init in ("content", "grey", "style_colors", "mix")],
        [
            {"style_layers": {"conv1_1": 0.5, "conv2_2": 0.5}},
            {"style_layers": {"conv1_1": 0.9, "conv2_2": 0.1}},
            {"style_layers": {"conv1_2": 1, "conv2_2": 1}, "content_layers": "conv1_2,conv2_2"},
            {"style_layers": {"conv2_2": 1}, "alpha": 0},
        ],
        [
            {"lr_schedule": "constant", "learning_rate": 0.1},
            {"lr_schedule": "cosine", "steps": 20},
            {"lr_schedule": "plateau", "learning_rate": 0.5, "steps": 50},
        ],
        [{"averaging": decay} for decay in (0, 0.5, 0.9)],
        [{"optimizer": "adam"}, {"optimizer": "lbfgs"}, {"beta": 1e6, "steps": 12}],
        [{"steps": 3}, {"steps": 9, "outputs": 3}, {"steps": 6}],
        [
            {"style_statistic": statistic, "beta": beta}
            for statistic in ("gram", "covariance", "wasserstein")
            for beta in (1e4, 1e5)
        ],
        [{"levels": 2, "size": 128, "steps": steps, "init": "noise"} for steps in (9, 9, 4)],
        [{"color_before": "luminance_yiq"}, {"color_before": "cholesky"}, {"style_scale": 2}],
        [{"resolution_invariant": False, "alpha": 100.0}, {}],
        [
            {"alpha": 0, "beta": 0, "style_layers": "conv1_1", "init": "noise", "seed": k}
            for k in (1, 2)
        ],
        [{"precision": "bfloat16", "steps": 2, "beta": beta} for beta in (1e4, 1e5)],
    ],
    ids=lambda changes: "-".join(changes[-1]),
)
def test_each_run_gives_what_it_gives_alone(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, changes: list[Changes]
) -> None:
    configs = [settings(**each) for each in changes]
    alone = [list(stylize(content, [style], config, encoder=encoder)) for config in configs]
    found = go(stylize_together(content, [style], configs, encoder=encoder, most=len(configs)))
    for k, steps in enumerate(alone):
        assert_same_run(steps, found[k])


@pytest.mark.usefixtures("rounding")
def test_each_run_gives_what_it_gives_alone_to_the_rounding_of_batched_arithmetic(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    """With oneDNN: in 12 steps 1e-3 of the losses, and of the picture 1e-3 on average.

    Measured: under 1e-4 with one thread, 1.4e-4 with two. Single pixels, where the gradient is near
    0, may differ by a step of Adam (0.02).
    """
    configs = [settings(steps=12, beta=beta) for beta in (1e4, 1e5, 1e6)]
    found = go(stylize_together(content, [style], configs, encoder=encoder, most=3))
    for k, config in enumerate(configs):
        alone = list(stylize(content, [style], config, encoder=encoder))
        for a, b in zip(alone, found[k], strict=True):
            assert b.losses["total"] == pytest.approx(a.losses["total"], rel=1e-3)
        apart = (alone[-1].image().pixels - found[k][-1].image().pixels).abs()
        assert apart.mean() < 1e-3
        assert apart.max() < 0.02


def test_masks_and_several_styles_are_those_of_each_run(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., :24] = 1
    style_mask = torch.zeros(1, 1, 40, 32)
    style_mask[:, :, :16] = 1
    styles = [style, style.flip(1).roll(5, 2)]
    masks: dict[str, Any] = {"content_mask": mask, "style_masks": [style_mask, None]}
    blends: list[tuple[float, ...]] = [(1, 3), (2, 6), (3, 1), ()]
    configs = [settings(optimizer="adam", style_weights=blend, beta=1e5) for blend in blends]
    found = go(stylize_together(content, styles, configs, encoder=encoder, most=4, **masks))
    for k, config in enumerate(configs):
        alone = list(stylize(content, styles, config, encoder=encoder, **masks))
        assert_same_run(alone, found[k])
    assert torch.equal(found[0][-1].image().pixels, found[1][-1].image().pixels)
    apart = (found[0][-1].image().pixels - found[2][-1].image().pixels).abs()
    assert apart.max() > 0.01


@pytest.mark.usefixtures("rounding")
@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam"}, {"levels": 2, "size": 128}])
def test_a_batch_of_one_gives_the_very_bytes(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, changes: Changes
) -> None:
    config = settings(**changes, averaging=0.5, init="noise")
    alone = list(stylize(content, [style], config, encoder=encoder))
    found = go(stylize_together(content, [style], [config], encoder=encoder, most=4))[0]
    assert [dict(step.history) for step in found] == [dict(step.history) for step in alone]
    assert encode_png(found[-1].image()) == encode_png(alone[-1].image())


@pytest.mark.usefixtures("rounding")
def test_on_a_cpu_runs_go_one_by_one_unless_told(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(steps=2, beta=beta) for beta in (1e4, 1e5)]
    order, last = [], {}
    for k, step in stylize_together(content, [style], configs, encoder=encoder):
        assert isinstance(step, Step)
        order.append((k, step.index))
        last[k] = step.image().pixels
    assert order == [(0, 1), (0, 2), (1, 1), (1, 2)]
    for k, config in enumerate(configs):
        *_, alone = stylize(content, [style], config, encoder=encoder)
        assert torch.equal(last[k], alone.image().pixels)


def test_what_runs_have_in_common_is_computed_once(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    passes: list[int] = []

    def counted(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        passes.append(image.shape[0])
        return encoder.forward(image, layers)

    double = answering(encoder, counted)
    configs = [settings(steps=2, beta=beta, gamma=2.0, seed=3) for beta in (1e4, 1e5, 1e6)]
    go(stylize_together(content, [style], configs, encoder=double, most=3))
    assert passes == [1, 1, 3, 3]  # the content, the style, and two steps


# Records


def test_records_come_step_by_step_in_the_order_of_the_runs(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(steps=steps) for steps in (1, 3, 2)]
    runs = stylize_together(content, [style], configs, encoder=encoder, most=3)
    order = [(k, step.index, step.is_last) for k, step in runs if isinstance(step, Step)]
    assert order == [
        (0, 1, True), (1, 1, False), (2, 1, False), (1, 2, False), (2, 2, True), (1, 3, True),
    ]  # fmt: skip


def test_every_run_records_as_often_as_asked(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(steps=7), settings(steps=5, outputs=5)]
    found = go(stylize_together(content, [style], configs, encoder=encoder, most=2, record_every=3))
    assert [step.index for step in found[0]] == [3, 6, 7]
    assert [len(step.history["total"]) for step in found[0]] == [3, 3, 1]
    assert [step.index for step in found[1]] == [1, 2, 3, 4, 5]


def test_a_records_picture_is_of_its_run_and_its_step(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(init="noise", seed=seed) for seed in (1, 2)]
    alone = []
    for config in configs:
        steps = stylize(content, [style], config, encoder=encoder)
        alone.append([step.image().pixels for step in steps])
    for k, step in stylize_together(content, [style], configs, encoder=encoder, most=2):
        assert isinstance(step, Step)
        torch.testing.assert_close(step.image().pixels, alone[k][step.index - 1], rtol=0, atol=1e-3)
        assert step.image().provenance["config"] == configs[k].model_dump(mode="json")


def test_seconds_add_up_to_the_time_of_the_batch(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that gives a turn of the batch 6 s: two looks at it a turn."""
    ticks = iter(range(0, 1000, 6))
    monkeypatch.setattr("nst_core.together.time.perf_counter", lambda: float(next(ticks)))
    configs = [settings(steps=steps) for steps in (1, 3, 2)]
    found = go(stylize_together(content, [style], configs, encoder=encoder, most=3))
    assert [step.seconds for step in found[0]] == [2]
    assert [step.seconds for step in found[2]] == [2, 5]
    assert [step.seconds for step in found[1]] == [2, 5, 11]
    assert sum(steps[-1].seconds for steps in found.values()) == 3 * 6


def test_a_free_place_is_taken_by_the_next_run(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(steps=steps, beta=10.0 ** (4 + k)) for k, steps in enumerate((3, 1, 2, 2))]
    runs = stylize_together(content, [style], configs, encoder=encoder, most=2)
    order = []
    found: dict[int, list[Step]] = {}
    for k, step in runs:
        assert isinstance(step, Step)
        order.append((k, step.index))
        found.setdefault(k, []).append(step)
    assert order == [(0, 1), (1, 1), (0, 2), (2, 1), (0, 3), (2, 2), (3, 1), (3, 2)]
    for k, config in enumerate(configs):
        assert_same_run(list(stylize(content, [style], config, encoder=encoder)), found[k])


def test_levels_are_gone_through_together(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    batch: list[tuple[int, int]] = []

    def seen(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        batch.append((image.shape[0], image.shape[-1]))
        return encoder.forward(image, layers)

    double = answering(encoder, seen)
    configs = [settings(levels=2, size=64, steps=steps, beta=1e5 + steps) for steps in (3, 6)]
    go(stylize_together(content, [style], configs, encoder=double, most=2))
    assert [each for each in batch if each[0] == 2] == [(2, 32)] + [(2, 64)] * 2


# Ends


def test_a_run_that_stops_early_leaves_the_others(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    changes: Changes = {"steps": 60, "stop_window": 10, "lr_schedule": "cosine"}
    configs = [settings(**changes, stop_below=below) for below in (0.0, 20.0)]
    found = go(stylize_together(content, [style], configs, encoder=encoder, most=2))
    for k, config in enumerate(configs):
        assert_same_run(list(stylize(content, [style], config, encoder=encoder)), found[k])
    assert found[1][-1].index < found[0][-1].index == 60


@pytest.fixture
def strict_eigenvalues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let eigenvalues of what is not finite raise, as torch does on some processors and sizes."""
    solve: Callable[[Tensor], Tensor] = torch.linalg.eigvalsh

    def strict(matrix: Tensor) -> Tensor:
        if not matrix.isfinite().all():
            raise torch.linalg.LinAlgError("failed to converge")  # type: ignore[attr-defined]
        return solve(matrix)

    monkeypatch.setattr(torch.linalg, "eigvalsh", strict)


@pytest.mark.usefixtures("strict_eigenvalues")
@pytest.mark.parametrize("statistic", ["gram", "wasserstein"])
@pytest.mark.parametrize("record_every", [1, 4])
def test_a_run_that_diverges_ends_alone(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, statistic: str, record_every: int
) -> None:
    """Its third picture overflows the network; its neighbours' pictures do not notice.

    From grey, the first two steps of 0.1 take it to between 0.65 and 0.8, where no other is.
    """

    def overflowing(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        brightest = image.amax((1, 2, 3), keepdim=True)
        factor = torch.where((brightest > 0.65) & (brightest < 0.8), torch.inf, 1.0)
        return {name: x * factor for name, x in encoder(image, layers).items()}

    configs = [
        settings(optimizer="adam", style_statistic=statistic, **changes)
        for changes in ({"beta": 1e4}, {"init": "grey", "learning_rate": 0.1}, {"beta": 1e5})
    ]
    alone = [list(stylize(content, [style], config, encoder=encoder)) for config in configs]
    order: list[int] = []
    errors: dict[int, NSTError] = {}
    totals: dict[int, list[float]] = {0: [], 1: [], 2: []}
    pictures = {}
    double = answering(encoder, overflowing)
    options: dict[str, Any] = {"most": 3, "record_every": record_every}
    for k, step in stylize_together(content, [style], configs, encoder=double, **options):
        if isinstance(step, Step):
            order.append(step.index)
            totals[k] += step.history["total"]
            pictures[k] = step.image().pixels
        else:
            errors[k] = step
    assert order == sorted(order)  # the others stay together
    assert list(errors) == [1]
    assert isinstance(errors[1], DivergenceError)
    assert "at step 3: the optimisation diverged" in str(errors[1])
    assert "lower learning_rate (it is 0.1)" in str(errors[1])
    assert len(totals[1]) == (2 if record_every == 1 else 0)
    for k in (0, 2):
        expected = [step.losses["total"] for step in alone[k]]
        assert totals[k] == pytest.approx(expected, rel=1e-4)
        torch.testing.assert_close(pictures[k], alone[k][-1].image().pixels, rtol=0, atol=1e-3)


@pytest.mark.usefixtures("strict_eigenvalues")
def test_eigenvalues_of_what_is_not_finite_are_a_divergence(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    calls = 0

    def broken(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1  # the first two are the targets
        return {
            name: x * (torch.inf if calls == 4 else 1) for name, x in encoder(image, layers).items()
        }

    config = settings(style_statistic="wasserstein")
    with pytest.raises(DivergenceError, match=r"not a number at step 2: .*lower learning_rate"):
        list(stylize(content, [style], config, encoder=answering(encoder, broken)))


@pytest.mark.parametrize("at", [1, 3])
def test_one_can_leave(content: Tensor, style: Tensor, encoder: VGG19Encoder, at: int) -> None:
    configs = [settings(steps=5, beta=beta) for beta in (1e4, 1e5, 1e6)]
    runs = stylize_together(content, [style], configs, encoder=encoder, most=2)
    found: dict[int, list[Step]] = {}
    for k, step in runs:
        assert isinstance(step, Step)
        found.setdefault(k, []).append(step)
        if (k, step.index) == (1, at):
            runs.drop(1)
    assert len(found[1]) == at
    left = found[1][-1]
    resumed = list(stylize(content, [style], configs[1], encoder=encoder, resume=left.checkpoint()))
    assert_same_run(list(stylize(content, [style], configs[1], encoder=encoder))[at:], resumed)
    for k in (0, 2):
        assert_same_run(list(stylize(content, [style], configs[k], encoder=encoder)), found[k])
    runs.drop(1)


def test_a_run_that_left_says_nothing_more(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(steps=2, beta=beta) for beta in (1e4, 1e5, 1e6)]
    runs = stylize_together(content, [style], configs, encoder=encoder, most=2)
    assert next(runs)[0] == 0
    runs.drop(1)  # its first record was due
    runs.drop(2)  # it had not begun
    assert [k for k, _ in runs] == [0]


def test_closing_ends_all(content: Tensor, style: Tensor, encoder: VGG19Encoder) -> None:
    runs = stylize_together(content, [style], [settings()] * 2, encoder=encoder, most=2)
    with closing(runs):
        _, step = next(runs)
    assert list(runs) == []
    assert isinstance(step, Step)
    assert step.image().size == (32, 48)


# Out of memory


class SmallMemory:
    """An encoder in whose memory ``room`` pictures fit, from pass ``since`` of several on."""

    def __init__(self, encoder: VGG19Encoder, room: int, since: int = 0) -> None:
        self.encoder = encoder
        self.room = room
        self.left = since
        self.fitted: list[int] = []

    def __call__(self, image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        if len(image) > 1:
            self.left -= 1
        if self.left < 0 and len(image) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if image.requires_grad:
            self.fitted.append(len(image))
        return self.encoder.forward(image, layers)


@pytest.mark.parametrize("changes", [{}, {"levels": 2, "size": 64}])
@pytest.mark.parametrize("since", [0, 1, 4, 5])
@pytest.mark.parametrize("room", [1, 2, 4])
def test_a_batch_that_does_not_fit_is_halved_and_loses_no_step(
    content: Tensor,
    style: Tensor,
    encoder: VGG19Encoder,
    room: int,
    since: int,
    changes: Changes,
) -> None:
    configs = [settings(**changes, init="noise", seed=seed) for seed in range(5)]
    memory = SmallMemory(encoder, room, since)
    double = answering(encoder, memory)
    found = go(stylize_together(content, [style], configs, encoder=double, most=5))
    for k, config in enumerate(configs):
        assert_same_run(list(stylize(content, [style], config, encoder=encoder)), found[k])
    assert sum(memory.fitted) == 5 * 6
    assert memory.fitted[:since] == [5] * since
    assert max(memory.fitted[since:]) == min(room, 2)


def test_runs_that_wait_after_halving_go_on_where_they_were(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(steps=3, beta=beta) for beta in (1e3, 1e4, 1e5, 1e6)]
    double = answering(encoder, SmallMemory(encoder, 2, since=1))
    runs = stylize_together(content, [style], configs, encoder=double, most=4)
    order = [(k, step.index) for k, step in runs if isinstance(step, Step)]
    assert order == [
        (0, 1), (1, 1), (2, 1), (3, 1),
        (0, 2), (1, 2), (0, 3), (1, 3),
        (2, 2), (3, 2), (2, 3), (3, 3),
    ]  # fmt: skip


def test_a_target_that_does_not_fit_beside_others_is_made_later(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    calls = 0

    def short(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls == 3:  # the second run's style, whose size is its own
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encoder.forward(image, layers)

    configs = [
        settings(init="noise", seed=seed, style_scale=scale) for seed, scale in ((1, 1), (2, 2))
    ]
    double = answering(encoder, short)
    found = go(stylize_together(content, [style], configs, encoder=double, most=2))
    for k, config in enumerate(configs):
        assert_same_run(list(stylize(content, [style], config, encoder=encoder)), found[k])


def test_a_run_whose_first_picture_does_not_fit_draws_the_same_one_again(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = [settings(init="noise", seed=seed) for seed in (1, 2)]
    alone = [list(stylize(content, [style], config, encoder=encoder)) for config in configs]
    calls = 0

    def short(image: Tensor, config: StyleTransferConfig, steps: int) -> PictureOptimizer:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return make_optimizer(image, config, steps)

    monkeypatch.setattr("nst_core.loop.make_optimizer", short)
    found = go(stylize_together(content, [style], configs, encoder=encoder, most=2))
    for k, steps in enumerate(alone):
        assert_same_run(steps, found[k])


def test_a_run_that_does_not_fit_alone_ends_alone(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def short(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        if image.shape[-2] > 90:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encoder.forward(image, layers)

    configs = [settings(style_scale=scale) for scale in (1, 2, 0.75)]
    double = answering(encoder, short)
    found: dict[int, list[Step | NSTError]] = {}
    for k, step in stylize_together(content, [style], configs, encoder=double, most=3):
        found.setdefault(k, []).append(step)
    (error,) = found.pop(1)
    assert isinstance(error, OutOfMemoryError)
    assert "48 x 32 px did not fit" in str(error)
    for k, steps in found.items():
        alone = list(stylize(content, [style], configs[k], encoder=encoder))
        assert_same_run(alone, [step for step in steps if isinstance(step, Step)])


def test_another_error_is_not_taken_for_memory(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    def buggy(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        if len(image) > 1:
            raise RuntimeError("a bug")
        return encoder.forward(image, layers)

    double = answering(encoder, buggy)
    with pytest.raises(RuntimeError, match="a bug"):
        go(stylize_together(content, [style], [settings()] * 2, encoder=double, most=2))


# Checkpoints


@pytest.mark.parametrize(
    "changes",
    [{}, {"averaging": 0.8, "lr_schedule": "cosine"}, {"levels": 2, "size": 64, "init": "noise"}],
)
@pytest.mark.parametrize("at", [2, 4, 5])
def test_a_checkpoint_from_a_batch_resumes_alone_and_in_another_batch(
    content: Tensor, style: Tensor, encoder: VGG19Encoder, changes: Changes, at: int
) -> None:
    configs = [settings(**changes, beta=beta) for beta in (1e4, 1e5)]
    checkpoint: Checkpoint | None = None
    found: dict[int, list[Step]] = {0: [], 1: []}
    for k, step in stylize_together(content, [style], configs, encoder=encoder, most=2):
        assert isinstance(step, Step)
        found[k].append(step)
        if (k, step.index) == (1, at):
            checkpoint = Checkpoint.from_bytes(step.checkpoint().to_bytes())
    assert checkpoint is not None
    options: dict[str, Any] = {"encoder": encoder}
    alone = list(stylize(content, [style], configs[1], resume=checkpoint, **options))
    assert_same_run(found[1][at:], alone)
    resumes = [None, checkpoint]
    both = go(stylize_together(content, [style], configs, resumes=resumes, most=2, **options))
    assert_same_run(found[0], both[0])
    assert_same_run(found[1][at:], both[1])


# Errors


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"configs": []}, ConfigError, "there are no runs"),
        ({"configs": [{}, {"pooling": "max"}]}, ConfigError, r"runs 0 and 1 .*\(pooling\)"),
        (
            {"configs": [{}, {}, {"size": 64, **NO_STYLE}]},
            ConfigError,
            r"runs 0 and 2 cannot go together \(size, levels, no style, from the content\)",
        ),
        ({"configs": [{}, NO_STYLE]}, ConfigError, "no style"),
        ({"configs": [{}, {"style_weights": (1, 2)}]}, ConfigError, "2 for 1 style pictures"),
        ({"configs": [{"content_layers": {"conv4_2": 1}}]}, LayerError, "no layer conv4_2"),
        ({"resumes": [None, None]}, ConfigError, "2 checkpoints for 1 runs"),
        ({"most": 0}, ConfigError, "most must be 1 or more, got 0"),
        ({"record_every": 0}, ConfigError, "record_every must be 1 or more"),
        ({"content": torch.rand(3, 32, 32)}, ImageError, r"shape \(3, 32, 32\)"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(
    content: Tensor,
    style: Tensor,
    encoder: VGG19Encoder,
    changes: Changes,
    error: type[Exception],
    message: str,
) -> None:
    given = {"content": content, "styles": [style], "encoder": encoder, "configs": [{}], **changes}
    given["configs"] = [settings(**each) for each in given["configs"]]
    with pytest.raises(error, match=message):
        stylize_together(**given)


def test_a_checkpoint_of_another_run_of_the_batch_is_refused(
    content: Tensor, style: Tensor, encoder: VGG19Encoder
) -> None:
    configs = [settings(beta=1e4), settings(beta=1e5)]
    with closing(stylize(content, [style], configs[0], encoder=encoder)) as steps:
        checkpoint = next(steps).checkpoint()
    with pytest.raises(CheckpointError, match=r"other settings \(beta\)"):
        stylize_together(content, [style], configs, encoder=encoder, resumes=[None, checkpoint])


def test_the_encoder_of_the_settings_is_loaded(content: Tensor, style: Tensor) -> None:
    config = StyleTransferConfig(size=48, steps=1, weights="untrained", device="cpu")
    configs = [config, config.changed(beta=1.0)]
    found = go(stylize_together(content, [style], configs, most=2))
    assert {steps[-1].index for steps in found.values()} == {1}
    assert set(found[1][0].losses) >= {"content/conv4_2", "style/conv5_1"}
