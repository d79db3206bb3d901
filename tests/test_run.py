"""One run, executed in this process: what it writes, what it leaves, and how it goes on."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from sqlalchemy import Connection

from nst_core import (
    RunInput,
    StyleTransferConfig,
    load_encoder,
    load_image,
    read_provenance,
    resume_run,
    run,
    stylize,
)
from nst_core.checkpoint import Checkpoint
from nst_core.loop import layers_for
from nst_core.run import CHECKPOINT_RATE, _Rhythm, execute
from nst_core.store.writer import RunWriter
from tests.conftest import random_state_dict
from tests.execution import ME, at_step, break_off_at, claimed, eager
from tests.lab import FEW, SMALL, Lab, one_thread, picture_bytes

# What is written


def test_losses_and_pictures_are_those_of_stylize(lab: Lab) -> None:
    run_id = lab.submit(steps=7, outputs=2, seed=3, init="noise")
    lab.in_process()
    config = StyleTransferConfig(**{**SMALL, "steps": 7, "outputs": 2, "seed": 3, "init": "noise"})
    photo = load_image(lab.store.read(lab.content.sha256), name="photo.png")
    style = load_image(lab.store.read(lab.style.sha256), name="style.png")
    with one_thread():
        encoder = load_encoder(layers_for(config), normalize_activations=False)
        steps = list(stylize(photo, [style], config, encoder=encoder))
    losses = lab.store.losses(run_id)
    assert losses.steps.tolist() == list(range(1, 8))
    assert losses.terms == tuple(steps[0].losses)
    for step, row in zip(steps, losses.values, strict=True):
        assert dict(zip(losses.terms, row.tolist(), strict=True)) == dict(step.losses)
    done = lab.run(run_id)
    assert (done.state, done.step, done.losses) == ("done", 7, dict(steps[-1].losses))
    assert done.improvement == steps[-1].improvement
    first, last = lab.store.snapshots(run_id)
    assert [(kept.step, kept.output) for kept in (first, last)] == [(4, 1), (7, 2)]
    assert (last.total, last.improvement) == (steps[-1].losses["total"], steps[-1].improvement)
    kept = load_image(lab.store.read(last.sha256)).pixels
    assert kept.equal((steps[-1].image().pixels * 255).round() / 255)


def test_a_result_carries_the_settings_that_were_asked_for(lab: Lab) -> None:
    run_id = lab.submit(steps=2, beta=3e4)
    lab.in_process()
    provenance = read_provenance(lab.store.read(lab.store.snapshots(run_id)[0].sha256))
    assert StyleTransferConfig(**provenance["config"]) == lab.run(run_id).config
    assert provenance["config"]["device"] == "auto"
    assert [item["sha256"] for item in provenance["inputs"]] == [
        lab.content.sha256,
        lab.style.sha256,
    ]


def test_the_log_tells_where_it_began_and_with_what(lab: Lab) -> None:
    run_id = lab.submit(steps=2)
    lab.in_process()
    first, second, *_, last, measured = lab.lines(run_id)
    assert first == "started at step 0 on cpu"
    assert second == f"weights: the file {lab.weights}, named by NST_WEIGHTS"
    assert last.startswith("step 2/2  total ")
    assert measured.startswith("measured: SSIM ")


def test_the_database_is_written_a_few_times_a_second(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[float] = []
    original = lab.store.database.write

    def counted() -> AbstractContextManager[Connection]:
        times.append(time.monotonic())
        return original()

    found = claimed(lab, steps=500)
    monkeypatch.setattr(lab.store.database, "write", counted)
    with one_thread():
        execute(lab.store, found, ME, device="cpu")
    assert lab.run(found.id).state == "done"
    seconds = times[-1] - times[0]
    beginning_and_end = 9
    assert len(times) - beginning_and_end <= 6 * seconds, (len(times), seconds)


def test_nothing_but_inputs_results_and_their_small_copies_stays(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager(monkeypatch)
    run_id = lab.submit(steps=12, outputs=2)
    lab.in_process()
    done = lab.run(run_id)
    assert done.checkpoint is None
    snapshots = lab.store.snapshots(run_id)
    inputs = {lab.content.sha256, lab.style.sha256, lab.content.thumbnail, lab.style.thumbnail}
    kept = {digest for item in snapshots for digest in (item.sha256, item.preview)}
    assert done.preview in kept
    assert lab.files() == inputs | kept


def test_losses_are_kept_with_every_digit(lab: Lab) -> None:
    found = claimed(lab)
    writing = RunWriter(lab.store, found, ME)
    values = (0.1 + 0.2, 1 / 3, 1e-300)
    writing.add(1, {"total": values[:1], "tv": values[:1]}, improvement=0.0, seconds=0.1)
    writing.add(3, {"total": values[1:], "tv": values[1:]}, improvement=1.0, seconds=0.3)
    writing.write()
    losses = lab.store.losses(found.id)
    assert (losses.steps.tolist(), losses.terms) == ([1, 2, 3], ("total", "tv"))
    assert losses.values.tolist() == [[value, value] for value in values]
    assert lab.run(found.id).losses == {"total": values[-1], "tv": values[-1]}


# Going on


@pytest.mark.parametrize("record_every", [None, 4], ids=["each-step", "batches"])
def test_a_run_that_goes_on_ends_with_the_same_bytes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, record_every: int | None
) -> None:
    if record_every:  # as on a GPU
        monkeypatch.setattr(
            run, "stylize", lambda *a, **k: stylize(*a, **k, record_every=record_every)
        )
    recipe: dict[str, Any] = {"steps": 20, "outputs": 4, "averaging": 0.3, "init": "noise"}
    expected = lab.undisturbed(**recipe)
    run_id = break_off_at(lab, monkeypatch, 8, **recipe)
    assert lab.run(run_id).checkpoint_step == 8
    assert [item.step for item in lab.store.snapshots(run_id)] == [5]
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected
    assert [item.output for item in lab.store.snapshots(run_id)] == [1, 2, 3, 4]
    assert "going on from step 8 on cpu" in lab.lines(run_id)


def test_what_a_dead_worker_wrote_beyond_its_checkpoint_goes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = lab.undisturbed(steps=12, outputs=4)

    class KilledError(BaseException):
        pass

    def die() -> None:
        raise KilledError

    found = claimed(lab, steps=12, outputs=4)
    eager(monkeypatch)
    with monkeypatch.context() as patch, one_thread():
        at_step(patch, 5, lambda: patch.setattr(RunWriter, "checkpoint", lambda *_: None))
        at_step(patch, 8, die)
        with pytest.raises(KilledError):
            execute(lab.store, found, ME, device="cpu")
    lab.queue.worker_died("me", "killed")
    half = lab.run(found.id)
    assert (half.state, half.step, half.checkpoint_step) == ("queued", 7, 4)
    assert [item.step for item in lab.store.snapshots(found.id)] == [3, 6]
    lab.in_process()
    assert lab.outcome(found.id) == expected
    assert [item.step for item in lab.store.snapshots(found.id)] == [3, 6, 9, 12]


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_checkpoint_that_cannot_be_read_starts_anew_and_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    expected = lab.undisturbed(steps=12)
    run_id = break_off_at(lab, monkeypatch, 5, steps=12)
    checkpoint = lab.run(run_id).checkpoint
    assert checkpoint is not None
    path = lab.folder / "files" / checkpoint[:2] / checkpoint
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"rubbish")
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.outcome(run_id) == expected
    assert any(line.startswith("starting anew: ") for line in lab.lines(run_id))
    assert lab.lines(run_id).count("started at step 0 on cpu") == 2
    assert not path.exists()


def test_a_run_does_not_go_on_with_other_weights(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = break_off_at(lab, monkeypatch, 5, steps=12)
    torch.save(random_state_dict(FEW, seed=5), lab.weights)
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.run(run_id).state == "failed"
    assert "other pictures, masks or network weights" in lab.run(run_id).message
    assert lab.run(run_id).checkpoint_step == 5


# Inputs


def test_masks_are_those_of_stylize(lab: Lab) -> None:
    half = lab.store.add_picture(picture_bytes(8), "mask.png")
    config = StyleTransferConfig(**SMALL)
    inputs = [
        RunInput("content", 0, lab.content.sha256, "photo.png"),
        RunInput("content mask", 0, half.sha256, "mask.png"),
        RunInput("style", 0, lab.style.sha256, "style.png"),
        RunInput("style", 1, lab.content.sha256, "photo.png"),
        RunInput("style mask", 1, half.sha256, "mask.png"),
    ]
    run_id = lab.store.add_run(config, inputs)
    loaded = run.load_inputs(lab.store, lab.run(run_id))
    assert loaded.content.sha256 == lab.content.sha256
    assert [style.sha256 for style in loaded.styles] == [lab.style.sha256, lab.content.sha256]
    assert loaded.content_mask is not None
    assert loaded.style_masks[0] is None
    assert loaded.style_masks[1] is not None
    assert loaded.style_masks[1].equal(loaded.content_mask)


def test_the_checkpoint_that_is_kept_is_of_the_step_that_the_store_says(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = break_off_at(lab, monkeypatch, 4, steps=9)
    found = lab.run(run_id)
    assert found.checkpoint is not None
    checkpoint = Checkpoint.from_bytes(lab.store.read(found.checkpoint))
    assert (checkpoint.index, found.checkpoint_step, found.step) == (4, 4, 4)
    assert lab.store.losses(run_id).steps.tolist() == [1, 2, 3, 4]
    assert json.loads(lab.row(run_id).losses) == dict(found.losses)


def test_a_large_checkpoint_is_written_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """L-BFGS's at 512 px: 135 MB are 34 s apart, however fast the disk is."""
    now = 100.0
    monkeypatch.setattr("nst_core.run.time.monotonic", lambda: now)
    rhythm = _Rhythm(5.0, 1)
    for size, wait in ((1e6, 5.0), (135e6, 33.75)):
        rhythm.done(now, size / CHECKPOINT_RATE)
        assert rhythm.next - now == pytest.approx(wait)
