"""What a run looks like, measured with real ImageNet features on the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from benchmarks.defaults import IMAGENET_LAYERS
from nst_core import Step, StyleTransferConfig, load_image, stylize
from nst_core.image import resize

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"


def run(weights: Path, **settings: Any) -> Step:
    config = StyleTransferConfig(
        **{**IMAGENET_LAYERS, "weights": str(weights), "device": "cpu", **settings}
    )
    content = load_image(SAMPLES / "content" / "cat.png")
    style = load_image(SAMPLES / "style" / "night_lake.jpg")
    *_, step = stylize(content, [style], config, record_every=config.steps)
    return step


def test_the_defaults_take_the_style_and_keep_the_content(imagenet_layers: Path) -> None:
    """After 60 steps a tenth of the style loss is left, and light is where it was."""
    step = run(imagenet_layers, size=128, steps=60)
    assert step.losses["style"] < 0.1 * step.history["style"][0]
    result = step.image()
    photo = resize(load_image(SAMPLES / "content" / "cat.png").pixels, result.size)
    grey = torch.stack([x.mean(1).flatten() for x in (result.pixels, photo)])
    assert torch.corrcoef(grey)[0, 1] > 0.6
    assert (result.pixels - photo).abs().mean() > 0.1  # and yet it is another picture


def test_the_terms_keep_their_ratio_at_twice_the_size(imagenet_layers: Path) -> None:
    """By the plain way, so that both sizes are as far: 60 steps of Adam at the full size."""
    plain = {"steps": 60, "optimizer": "adam", "levels": 1}
    small, large = (run(imagenet_layers, size=size, **plain).losses for size in (128, 256))
    for term in ("content", "tv"):
        ratio = (large[term] / large["style"]) / (small[term] / small["style"])
        assert 1 / 1.5 < ratio < 1.5, term
