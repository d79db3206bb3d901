"""Training: it learns, it can be interrupted, and it never sees what is held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nst_core.errors import CheckpointError, ConfigError, DivergenceError, LayerError
from training import batches as batches_module
from training.augment import augment, recolored, windows
from training.batches import FIRST_HELD_OUT, batches, draw_batch, held_out_ids, training_ids
from training.checkpoint import NAME, load_checkpoint, save_checkpoint
from training.network import folded
from training.settings import TrainingConfig
from training.train import Record, Trainer, learning_rate

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def numbers(record: Record) -> dict[str, float]:
    """Return what of a record does not depend on the clock."""
    return {name: value for name, value in vars(record).items() if name != "crops_per_second"}


def test_a_batch_is_learned(small: TrainingConfig) -> None:
    config = replace(small, textures=8, steps=100, rate=3e-3, warmup=0.0)
    trainer = Trainer(config)
    crops = draw_batch(config, 0, CPU)
    losses = [float(trainer.learn(crops)[0]) for _ in range(10)]
    assert sum(losses[-2:]) < 0.75 * sum(losses[:2])


def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(
    small: TrainingConfig, tmp_path: Path
) -> None:
    whole = Trainer(small)
    expected = list(whole.run())
    first = Trainer(small)
    records = first.run()
    for _ in range(2):
        next(records)
    records.close()
    save_checkpoint(first, tmp_path, {"name": "a.pth", "sha256": "0"})
    torch.manual_seed(99)  # nothing hangs on the generator of all of torch
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.start == {"name": "a.pth", "sha256": "0"}
    second = checkpoint.trainer()
    rest = list(second.run())
    assert [record.step for record in rest] == [3, 4]
    assert [numbers(record) for record in second.history] == [numbers(one) for one in expected]
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
    assert list(second.run()) == []


def test_records_are_means_over_their_steps(small: TrainingConfig) -> None:
    single = list(Trainer(small).run())
    threes = list(Trainer(small).run(record_every=3))
    assert [record.step for record in threes] == [3, 4]
    assert threes[0].crops_seen == 3 * 4 * 2
    assert threes[0].total == pytest.approx(sum(one.total for one in single[:3]) / 3, rel=1e-5)
    assert numbers(threes[1]) == pytest.approx(numbers(single[3]), rel=1e-5)
    parts = ("joint", "layers", "variance", "firing", "covariance")
    assert single[0].total == pytest.approx(sum(getattr(single[0], one) for one in parts), rel=1e-5)
    assert single[0].crops_per_second > 0


def test_the_seed_decides_the_training(small: TrainingConfig) -> None:
    config = replace(small, steps=1)
    one, again, other = (Trainer(changed) for changed in (config, config, replace(config, seed=4)))
    records = [numbers(next(trainer.run())) for trainer in (one, again, other)]
    assert records[0] == records[1] != records[2]


def test_weights_to_start_from_are_taken(small: TrainingConfig) -> None:
    start = folded(Trainer(replace(small, seed=8)).network)
    begun = folded(Trainer(small, start=start).network)
    for name, value in start.items():
        torch.testing.assert_close(begun[name], value, atol=1e-5, rtol=1e-4)


def test_a_loss_that_is_no_number_ends_the_training(small: TrainingConfig) -> None:
    trainer = Trainer(small)
    with torch.no_grad():
        trainer.network.convolutions["conv1_1"].weight.fill_(torch.nan)
    with pytest.raises(DivergenceError, match=r"nan after step 1.*lower rate than 0\.001"):
        next(trainer.run())


def test_the_rate_rises_and_falls() -> None:
    config = TrainingConfig(steps=100, warmup=0.1, rate=0.5)
    rates = [learning_rate(config, step) for step in range(100)]
    assert np.argmax(rates) == 10
    assert rates[10] == 0.5
    assert all(np.diff(rates[:11]) > 0)
    assert all(np.diff(rates[10:]) < 0)
    assert rates[55] == pytest.approx(0.25)  # half of the cosine
    assert 0 < rates[0] < 0.05
    assert 0 < rates[-1] < 0.001


# textures


def test_held_out_textures_are_never_trained_on(
    small: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def draw(ids: list[int], crops: int, size: int, **others: object) -> Tensor:
        drawn.extend(ids)
        return torch.rand((len(ids), crops, 3, size, size))

    monkeypatch.setattr(batches_module, "draw_textures", draw)
    config = replace(small, textures=200, steps=10)
    count = sum(1 for _ in batches(config, 0, CPU))
    assert count == 10
    assert len(drawn) == len(set(drawn)) == 10 * 200  # each is new
    assert max(drawn) < FIRST_HELD_OUT
    assert not set(drawn) & set(held_out_ids(10_000))
    assert max(drawn) > 0.95 * FIRST_HELD_OUT  # the range is used


def test_other_steps_and_other_seeds_have_other_textures(small: TrainingConfig) -> None:
    ids = [
        training_ids(config, step) for config in (small, replace(small, seed=4)) for step in (0, 1)
    ]
    assert len({number for some in ids for number in some}) == 4 * small.textures
    assert training_ids(small, 1) == ids[1]


def test_batches_drawn_ahead_are_those_of_their_steps(small: TrainingConfig) -> None:
    for step, crops in enumerate(batches(small, 0, CPU)):
        assert crops.shape == (4, 2, 3, 32, 32)
        assert torch.equal(crops, draw_batch(small, step, CPU))
    assert step == 3
    (last,) = batches(small, 3, CPU)
    assert torch.equal(last, crops)


def test_what_fails_while_drawing_is_told(
    small: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*arguments: object, **others: object) -> Tensor:
        raise RuntimeError("no paint")

    monkeypatch.setattr(batches_module, "draw_textures", draw)
    with pytest.raises(RuntimeError, match="no paint"):
        next(batches(small, 0, CPU))


# augmentation


def stripes(period: float, size: int = 80) -> Tensor:
    wave = 0.5 + 0.5 * torch.sin(2 * torch.pi * torch.arange(size) / period)
    return wave.expand(1, 3, size, size).contiguous()


def test_windows_scale_by_the_jitter_and_no_more() -> None:
    pictures = stripes(8.0).repeat(64, 1, 1, 1)
    found = windows(pictures, 64, torch.Generator().manual_seed(0), jitter=1.25)
    spectra = torch.fft.rfft(found[:, 0, 0] - found[:, 0, 0].mean(1, keepdim=True), n=1024).abs()
    periods = 1024 / spectra.argmax(1)
    assert periods.min() > 8 / 1.25 - 0.3
    assert periods.max() < 8 * 1.25 + 0.3
    assert periods.min() < 7
    assert periods.max() > 9
    exact = windows(pictures[:1], 80, torch.Generator().manual_seed(0), jitter=1.0)
    torch.testing.assert_close(exact, pictures[:1])


def test_recolouring_keeps_structure() -> None:
    random = torch.Generator().manual_seed(0)
    pictures = 0.5 + 0.05 * torch.randn((5, 3, 16, 16), generator=random)  # far from 0 and 1
    found = recolored(pictures, random)
    for former, new in zip(pictures, found, strict=True):
        former, new = (one - one.mean((1, 2), keepdim=True) for one in (former, new))
        torch.testing.assert_close(new.norm(dim=0), former.norm(dim=0))  # a rotation
        assert (new - former).abs().max() > 0.02


def test_half_of_the_textures_keep_their_colors() -> None:
    colors = torch.tensor([0.9, 0.4, 0.1]).view(1, 1, 3, 1, 1).expand(400, 4, 3, 40, 40)
    pictures = colors + 0.02 * torch.sin(torch.arange(40.0))
    found = augment(pictures.clamp(0, 1), 32, torch.Generator().manual_seed(0), jitter=1.25)
    assert found.shape == (400, 4, 3, 32, 32)
    assert found.min() >= 0
    assert found.max() <= 1
    spread = (found.mean((-2, -1)) - colors.mean((-2, -1))).abs().amax(2)
    kept = spread < 0.16  # brightness and contrast move this far
    assert kept.all(1).float().mean() == pytest.approx(0.5 + 0.5 / 2**4, abs=0.1)
    assert kept.float().mean() == pytest.approx(0.75, abs=0.07)


def test_augmentation_hangs_on_its_generator_alone() -> None:
    pictures = torch.rand((3, 2, 3, 40, 40), generator=torch.Generator().manual_seed(1))
    before = torch.get_rng_state()
    one, again = (
        augment(pictures, 32, torch.Generator().manual_seed(2), jitter=1.25) for _ in range(2)
    )
    assert torch.equal(one, again)
    assert torch.equal(before, torch.get_rng_state())


# settings and checkpoints


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"steps": 0}, ConfigError, "steps is 0; it must be from 1 to"),
        ({"crops": 1}, ConfigError, "crops is 1; it must be from 2 to 64"),
        ({"size": 20}, ConfigError, "size is 20"),
        ({"temperature": float("nan")}, ConfigError, "temperature is nan"),
        ({"layers": "conv9_1"}, LayerError, "no layer 'conv9_1'; it has conv1_1"),
    ],
)
def test_settings_out_of_range_are_refused(
    values: dict[str, float], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        TrainingConfig(**values)  # type: ignore[arg-type]


def test_settings_can_be_written_as_options(small: TrainingConfig) -> None:
    assert TrainingConfig().to_words() == ""
    words = replace(small, weight_decay=0.1).to_words()
    assert words == (
        "--steps 4 --textures 4 --crops 2 --size 32 --seed 3 --layers conv2_1 "
        "--weight-decay 0.1 --dimensions 8"
    )


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no training"):
        load_checkpoint(tmp_path)
    (tmp_path / NAME).write_bytes(b"something else")
    with pytest.raises(CheckpointError, match=r"is no checkpoint, or damaged"):
        load_checkpoint(tmp_path)
    torch.save({"format": 9}, tmp_path / NAME)
    with pytest.raises(CheckpointError, match="format 9, and this version reads 1"):
        load_checkpoint(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(small: TrainingConfig, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(Trainer(small), tmp_path / "missing", {})
