"""Runs measured: by the worker at their end, and on demand from the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from nst_core import (
    Metrics,
    OutOfMemoryError,
    Picture,
    RunError,
    RunInput,
    Snapshot,
    StoreError,
    StyleTransferConfig,
    WeightsError,
    cancel_run,
    encode_png,
    judge,
    judge_encoder,
    load_encoder,
    load_image,
    measure,
    measure_picture,
    measured_snapshot,
    run,
)
from nst_core.config import LAYERS
from nst_core.encoders import EncoderCache
from nst_core.image import resize
from nst_core.loop import layers_for
from nst_core.metric_notes import metrics_line
from nst_core.metrics import measuring_config
from nst_core.run import execute
from nst_core.vgg import VGG19Encoder, deepest
from tests.conftest import random_state_dict
from tests.execution import ME, at_step, claimed, eager
from tests.lab import FEW, SMALL, Lab, one_thread, picture_bytes

OWN: dict[str, Any] = {"normalize_activations": True, "content_layers": {"conv2_2": 1.0}}
"""Settings of a run whose own network can measure."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Measure with one thread, as the worker does, and with no network of another test's."""
    monkeypatch.setattr(judge, "_encoders", EncoderCache())
    with one_thread():
        yield


def last(lab: Lab, run_id: int) -> Snapshot:
    return lab.store.snapshots(run_id)[-1]


def picture_of(lab: Lab, snapshot: Snapshot) -> Picture:
    return load_image(lab.store.read(snapshot.sha256))


def by_hand(lab: Lab, image: torch.Tensor, **options: Any) -> Metrics:
    content, style = (
        load_image(lab.store.read(item.sha256)).pixels for item in (lab.content, lab.style)
    )
    return measure(image, content, [style], load_encoder(FEW, download=False), **options)


# The worker


@pytest.mark.parametrize("own", [True, False], ids=["with its network", "with another"])
def test_a_run_that_is_done_has_metrics_of_its_result(lab: Lab, own: bool) -> None:
    run_id = lab.submit(steps=7, outputs=2, **(OWN if own else {}))
    lab.in_process()
    first, result = lab.store.snapshots(run_id)
    assert first.metrics is None
    assert result.metrics == by_hand(lab, picture_of(lab, result).pixels)
    assert result.metrics == measure_picture(lab.store, lab.run(run_id), picture_of(lab, result))
    assert lab.lines(run_id)[-1] == metrics_line(result.metrics)


def test_measuring_changes_neither_the_result_nor_the_losses(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe: dict[str, Any] = {"steps": 9, "outputs": 3, "init": "noise"}
    measured = lab.undisturbed(**recipe)
    monkeypatch.setattr(run.Execution, "_measure", lambda *_: None)
    assert lab.undisturbed(**recipe) == measured
    assert last(lab, 1).metrics is not None
    assert last(lab, 2).metrics is None


def test_a_run_that_stops_early_by_itself_is_measured(lab: Lab) -> None:
    run_id = lab.submit(steps=200, stop_below=90, stop_window=10)
    lab.in_process()
    assert last(lab, run_id).step < 200
    assert last(lab, run_id).metrics is not None
    assert lab.run(run_id).message.startswith(f"It stopped at step {last(lab, run_id).step} of 200")


def test_a_cancelled_run_has_no_metrics(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    eager(monkeypatch)
    found = claimed(lab)
    at_step(monkeypatch, 3, lambda: cancel_run(lab.store, found.id))
    execute(lab.store, found, ME, device="cpu")
    assert lab.run(found.id).state == "cancelled"
    assert last(lab, found.id).metrics is None


@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_who_waits_for_an_end_does_not_wait_for_the_measuring(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    found, stopping = claimed(lab), threading.Event()

    def end() -> None:
        if how == "cancel":
            cancel_run(lab.store, found.id)
        else:
            stopping.set()

    at_step(monkeypatch, 6, end)
    execute(lab.store, found, ME, device="cpu", stopping=stopping)
    assert lab.run(found.id).state == "done"
    assert last(lab, found.id).metrics is None
    assert not any("measured" in line for line in lab.lines(found.id))


def out_of_memory(*arguments: object, **options: object) -> Metrics:
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_run_is_done_where_measuring_does_not_fit_into_memory(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders = EncoderCache()
    monkeypatch.setattr(run, "measure", out_of_memory)
    found = claimed(lab)
    execute(lab.store, found, ME, device="cpu", encoders=encoders)
    done = lab.run(found.id)
    assert (done.state, done.message) == ("done", "")
    assert last(lab, found.id).metrics is None
    assert lab.lines(found.id)[-1].startswith(
        "not measured: measuring 32 x 21 px on cpu did not fit into memory; "
    )
    assert encoders.get(found.config.changed(device="cpu"))[1] is False


def test_a_run_is_done_where_the_network_that_measures_cannot_be_read(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_WEIGHTS", str(lab.folder / "gone.pth"))
    run_id = lab.submit(weights=str(lab.weights))
    lab.in_process()
    assert lab.run(run_id).state == "done"
    assert last(lab, run_id).metrics is None
    words = f"not measured: {lab.folder / 'gone.pth'}: there is no such weights file"
    assert lab.lines(run_id)[-1].startswith(words)


def test_a_run_is_done_where_a_style_is_too_thin_to_be_measured(lab: Lab) -> None:
    """It fits at twice the size, and the measuring is at the result's."""
    lab.style = lab.store.add_picture(picture_bytes(3, 16, 40), "thin.png")
    run_id = lab.submit(style_scale=2.0)
    lab.in_process()
    assert lab.run(run_id).state == "done"
    assert "not measured: a picture of 40 x 16 px would be 32 x 13 px" in lab.lines(run_id)[-1]


def test_a_run_is_done_where_measuring_has_a_bug(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **options: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(run, "measure", broken)
    run_id = lab.submit()
    lab.in_process()
    assert (lab.run(run_id).state, lab.run(run_id).message) == ("done", "")
    assert last(lab, run_id).metrics is None
    assert lab.lines(run_id)[-1].startswith("not measured: an unexpected error")
    assert "KeyError: 'a bug'" in caplog.text


# The networks that stay loaded


def config_of(**changes: Any) -> StyleTransferConfig:
    return StyleTransferConfig(**{**SMALL, **OWN, "device": "cpu", **changes})


@pytest.mark.parametrize(
    ("changes", "is_shared"),
    [
        ({}, True),
        ({"content_layers": {"conv2_1": 1.0}}, False),  # not deep enough
        ({"normalize_activations": False}, False),
        ({"pooling": "max"}, False),
        ({"padding": "zeros"}, False),
        ({"weights": "SAME"}, True),
        ({"weights": "OTHER"}, False),
    ],
)
def test_the_runs_network_measures_where_it_is_the_default_one(
    lab: Lab, changes: dict[str, Any], is_shared: bool
) -> None:
    other = lab.folder / "other.pth"
    torch.save(random_state_dict(FEW, seed=1), other)
    paths = {"SAME": str(lab.weights), "OTHER": str(other)}
    if "weights" in changes:
        changes = {**changes, "weights": paths[changes["weights"]]}
    encoders, config = EncoderCache(), config_of(**changes)
    own, _ = encoders.get(config)
    judging = encoders.judge("cpu")
    assert (judging is own) is is_shared
    assert same_network(judging, load_encoder(FEW, download=False))
    assert encoders.judge("cpu") is judging
    assert encoders.get(config) == (own, True)


def same_network(one: VGG19Encoder, other: VGG19Encoder) -> bool:
    pairs = zip(one.buffers(), other.buffers(), strict=True)
    options = (one.pooling, one.padding, one.layers)
    return options == (other.pooling, other.padding, other.layers) and all(
        a.equal(b) for a, b in pairs
    )


def test_the_network_that_measures_serves_a_run_that_asks_for_it(lab: Lab) -> None:
    encoders = EncoderCache()
    judging = encoders.judge("cpu")
    assert encoders.get(config_of()) == (judging, True)
    encoders.clear()
    assert encoders.get(config_of())[0] is not judging


def test_one_network_measures_until_other_weights_are_in_use(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = judge_encoder("cpu")
    assert judge_encoder("cpu") is first
    torch.save(random_state_dict(FEW, seed=7), lab.weights)
    second = judge_encoder("cpu")
    assert same_network(second, load_encoder(FEW, download=False))
    assert not same_network(second, first)
    monkeypatch.setenv("NST_WEIGHTS", str(lab.folder / "gone.pth"))
    with pytest.raises(WeightsError, match="there is no such weights file"):
        judge_encoder("cpu")


@pytest.mark.parametrize(
    ("weights_end", "network_ends"),
    [("conv5_4", "conv5_1"), ("conv4_4", "conv4_2"), ("conv3_4", "conv3_4")],
)
def test_the_network_is_only_as_deep_as_measuring_needs(
    weights_end: str, network_ends: str
) -> None:
    offered = LAYERS[: LAYERS.index(weights_end) + 1]
    assert deepest(layers_for(measuring_config(offered))) == network_ends


def test_sessions_that_ask_at_once_share_one_network(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[VGG19Encoder] = []
    begin = threading.Barrier(4)

    def ask() -> None:
        begin.wait()
        found.append(judge_encoder("cpu"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(encoder) for encoder in found}) == 1


# On demand


def test_a_runs_own_blend_and_masks_count(lab: Lab) -> None:
    half = torch.zeros(1, 3, 32, 48)
    half[..., :24] = 1
    mask = lab.store.add_picture(encode_png(half), "mask.png")
    inputs = [
        RunInput("content", 0, lab.content.sha256, "photo.png"),
        RunInput("content mask", 0, mask.sha256, "mask.png"),
        RunInput("style", 0, lab.style.sha256, "style.png"),
        RunInput("style", 1, lab.content.sha256, "photo.png"),
        RunInput("style mask", 0, mask.sha256, "mask.png"),
    ]
    config = StyleTransferConfig(**SMALL, style_weights=(3, 1))
    found = lab.run(lab.store.add_run(config, inputs))
    image = load_image(picture_bytes(5, 21, 32))
    content, style = (
        load_image(lab.store.read(item.sha256)).pixels for item in (lab.content, lab.style)
    )
    expected = measure(
        image.pixels,
        content,
        [style, content],
        load_encoder(FEW, download=False),
        style_weights=(3, 1),
        style_masks=[half[:, :1], None],
    )
    assert measure_picture(lab.store, found, image) == expected


def test_inputs_are_measured_at_the_runs_size(lab: Lab) -> None:
    found = lab.run(lab.submit())
    content = load_image(lab.store.read(lab.content.sha256))
    measured = measure_picture(lab.store, found, content)
    assert measured == by_hand(lab, resize(content.pixels, (21, 32)))
    assert (measured.ssim, measured.color_difference, measured.content_distance) == (1, 0, 0)
    style = load_image(lab.store.read(lab.style.sha256))
    assert measure_picture(lab.store, found, style).style_distance == 0


def test_a_smaller_picture_is_measured_as_it_is(lab: Lab) -> None:
    found = lab.run(lab.submit(size=48))
    image = load_image(picture_bytes(5, 20, 30))
    assert measure_picture(lab.store, found, image) == by_hand(lab, image.pixels)


def test_a_picture_of_the_run_that_is_gone_is_said(lab: Lab) -> None:
    found = lab.run(lab.submit())
    lab.store.files.remove(lab.style.sha256)
    with pytest.raises(StoreError, match="is not in"):
        measure_picture(lab.store, found, load_image(picture_bytes(5)))


def test_running_out_of_memory_on_demand_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    found = lab.run(lab.submit())
    monkeypatch.setattr(run, "measure", out_of_memory)
    with pytest.raises(OutOfMemoryError, match="32 x 21 px on cpu did not fit into memory"):
        measure_picture(lab.store, found, load_image(picture_bytes(5)))


def test_a_bug_is_no_lack_of_memory(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> Metrics:
        raise RuntimeError("the shapes do not agree")

    found = lab.run(lab.submit())
    monkeypatch.setattr(run, "measure", broken)
    with pytest.raises(RuntimeError, match="the shapes do not agree"):
        measure_picture(lab.store, found, load_image(picture_bytes(5)))


def test_a_snapshot_is_measured_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = lab.submit(steps=7, outputs=2)
    lab.in_process()
    found = lab.run(run_id)
    first, result = lab.store.snapshots(run_id)
    measured = measured_snapshot(lab.store, found, first)
    assert measured == by_hand(lab, picture_of(lab, first).pixels)
    kept = lab.store.snapshots(run_id)
    assert [item.metrics for item in kept] == [measured, result.metrics]
    monkeypatch.setattr(judge, "measure_with", out_of_memory)
    for item in kept:
        assert measured_snapshot(lab.store, found, item) == item.metrics


@pytest.mark.parametrize("what", ["weights", "layers"])
def test_what_another_network_measured_is_measured_anew(lab: Lab, what: str) -> None:
    run_id = lab.submit()
    lab.in_process()
    found, before = lab.run(run_id), last(lab, run_id)
    assert before.metrics is not None
    if what == "weights":
        torch.save(random_state_dict(FEW, seed=7), lab.weights)
    else:
        before = replace(before, metrics=replace(before.metrics, content_layers=("conv2_1",)))
    measured = measured_snapshot(lab.store, found, before)
    assert measured == by_hand(lab, picture_of(lab, before).pixels)
    assert measured != before.metrics
    assert last(lab, run_id).metrics == measured


def test_a_snapshot_that_was_deleted_meanwhile_is_said(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    found, snapshot = lab.run(run_id), replace(last(lab, run_id), metrics=None, step=3)
    with pytest.raises(RunError, match=f"run {run_id} has no picture of step 3 any more"):
        measured_snapshot(lab.store, found, snapshot)
