"""What people ask of runs: what is refused before it waits, and what is written."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nst_core import (
    ConfigError,
    DeviceError,
    ImageError,
    LayerError,
    NSTError,
    QueueFullError,
    RunError,
    StoredPicture,
    StoreError,
    StyleTransferConfig,
    WeightsError,
    cancel_run,
    resume_run,
    submit_run,
)
from nst_core.submit import queue_limit
from tests.conftest import random_state_dict
from tests.lab import FEW, SMALL, Lab, picture_bytes


def submit(lab: Lab, config: dict[str, Any], **pictures: Any) -> int:
    values: dict[str, Any] = {"content": lab.content, "styles": [lab.style], **pictures}
    return submit_run(lab.store, StyleTransferConfig(**{**SMALL, **config}), **values)


def test_a_run_is_written_with_its_pictures_masks_and_parent(lab: Lab) -> None:
    mask = lab.store.add_picture(picture_bytes(3), "mask.png")
    parent = lab.submit()
    run_id = submit(
        lab,
        {"style_weights": [1, 2], "seed": 4},
        styles=[lab.style, lab.content],
        content_mask=mask,
        style_masks=[None, mask],
        parent_id=parent,
    )
    run = lab.run(run_id)
    assert (run.state, run.parent_id, run.config.seed, run.steps) == ("queued", parent, 4, 6)
    assert {(item.role, item.position, item.name) for item in run.inputs} == {
        ("content", 0, "photo.png"),
        ("content mask", 0, "mask.png"),
        ("style", 0, "style.png"),
        ("style", 1, "photo.png"),
        ("style mask", 1, "mask.png"),
    }


GONE = StoredPicture("0" * 64, "gone.png", 48, 32, "0" * 64)
THIN = StoredPicture("0" * 64, "thin.png", 480, 32, "0" * 64)
LARGE = StoredPicture("0" * 64, "large.png", 480, 320, "0" * 64)


@pytest.mark.parametrize(
    ("config", "pictures", "error", "words"),
    [
        ({}, {"styles": []}, ConfigError, "takes 1 to 4 style pictures, got 0"),
        ({}, {"styles": [GONE] * 5}, ConfigError, "takes 1 to 4 style pictures, got 5"),
        ({"style_weights": [1, 2]}, {}, ConfigError, "style_weights: 2 for 1 style pictures"),
        ({}, {"style_masks": [None, None]}, ConfigError, "2 style masks for 1 style pictures"),
        ({"style_layers": "conv3_1"}, {}, LayerError, "few.pth have no layer conv3_1"),
        ({"content_layers": "conv5_1"}, {}, LayerError, "they have conv1_1, .*conv2_2"),
        ({"levels": 2}, {}, ConfigError, "lower levels to 1"),
        ({}, {"content": THIN}, ImageError, "480 x 32 px would be 32 x 2 px"),
        ({}, {"styles": [THIN]}, ImageError, "480 x 32 px would be 32 x 2 px"),
        ({"style_scale": 0.5}, {}, ImageError, "48 x 32 px would be 16 x 11 px"),
        ({}, {"content_mask": LARGE}, ImageError, "large.png: .* 480 x 320 .* 48 x 32"),
        ({}, {"style_masks": [LARGE]}, ImageError, "large.png: .* 480 x 320 .* 48 x 32"),
        ({"weights": "no/such.pth"}, {}, WeightsError, "no/such.pth: there is no such weights"),
        ({"device": "cuda:7"}, {}, DeviceError, "this machine has no device 'cuda:7'"),
        ({"weights": "imagenet"}, {}, WeightsError, "are not on this machine; fetch them"),
        ({}, {"content": GONE}, StoreError, "gone.png is not in the store any more"),
        ({}, {"styles": [GONE]}, StoreError, "gone.png is not in the store any more"),
        ({}, {"content_mask": GONE}, StoreError, "gone.png is not in the store any more"),
        ({}, {"style_masks": [GONE]}, StoreError, "gone.png is not in the store any more"),
    ],
)
def test_bad_input_is_refused_in_words_and_nothing_is_written(
    lab: Lab, config: dict[str, Any], pictures: dict[str, Any], error: type[NSTError], words: str
) -> None:
    before = lab.files()
    with pytest.raises(error, match=words):
        submit(lab, config, **pictures)
    assert lab.store.count() == 0
    assert lab.files() == before


def test_a_damaged_weights_file_is_refused(lab: Lab) -> None:
    lab.weights.write_bytes(lab.weights.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read as network weights"):
        lab.submit()
    assert lab.store.count() == 0


def test_weights_that_reach_deeper_let_a_deeper_layer_in(lab: Lab) -> None:
    with pytest.raises(LayerError):
        submit(lab, {"style_layers": "conv2_2,conv3_1"})
    torch.save(random_state_dict((*FEW, "conv3_1")), lab.weights)
    assert submit(lab, {"style_layers": "conv2_2,conv3_1"})


def test_the_queue_has_a_limit_that_the_environment_sets(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_QUEUE_LIMIT", "2")
    first, _ = lab.submit(), lab.submit()
    with pytest.raises(
        QueueFullError,
        match=r"the queue is full: 2 of 2 places are taken; .* raise NST_QUEUE_LIMIT",
    ):
        lab.submit()
    assert lab.store.count() == 2
    cancel_run(lab.store, first)
    assert lab.submit()


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_limit_that_is_no_number_is_said(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("NST_QUEUE_LIMIT", text)
    with pytest.raises(ConfigError, match="NST_QUEUE_LIMIT must be a whole number above 0"):
        lab.submit()
    assert lab.store.count() == 0


def test_the_limit_is_500_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_QUEUE_LIMIT", raising=False)
    assert queue_limit() == 500
    monkeypatch.setenv("NST_QUEUE_LIMIT", "")
    assert queue_limit() == 500


def test_a_waiting_run_is_cancelled_at_once_and_may_be_resumed(lab: Lab) -> None:
    run_id = lab.submit()
    cancel_run(lab.store, run_id)
    assert lab.run(run_id).state == "cancelled"
    with pytest.raises(RunError, match="is cancelled already"):
        cancel_run(lab.store, run_id)
    resume_run(lab.store, run_id)
    lab.in_process()
    assert lab.run(run_id).state == "done"
    with pytest.raises(RunError, match="only a run that stopped early goes on"):
        resume_run(lab.store, run_id)
