"""What leaves the bench: CSV, ZIP, and pictures in other colours."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from nst_core import (
    COLOR_METHODS,
    ConfigError,
    Losses,
    Picture,
    RunError,
    StyleTransferConfig,
    corrected_picture,
    load_config,
    load_image,
    losses_csv,
    read_provenance,
    recolor,
    recolor_picture,
    snapshots_zip,
)
from nst_core.color import ColorMethod
from nst_core.image import encode_png, fit_size, resize
from tests.lab import ROOT, Lab

METHODS = tuple(method for method in COLOR_METHODS if method != "none")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a lab with one run that is done."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab = Lab(tmp_path_factory.mktemp("lab"))
        lab.enter(monkeypatch)
        lab.submit(steps=12, outputs=2, seed=5)
        lab.in_process()
    yield lab
    lab.store.close()


def test_losses_as_csv_have_every_digit(lab: Lab) -> None:
    losses = lab.store.losses(1)
    table = pd.read_csv(io.StringIO(losses_csv(losses)), engine="python")
    assert list(table.columns) == ["step", *losses.terms]
    assert table["step"].tolist() == list(range(1, 13))
    assert table[list(losses.terms)].to_numpy().tobytes() == losses.values.tobytes()


def test_csv_keeps_numbers_that_are_hard_to_write() -> None:
    values = np.array([[0.1 + 0.2, 1e-308], [1 / 3, 123456789.12345679]])
    text = losses_csv(Losses(np.array([9, 10]), ("total", "tv"), values))
    assert text == (
        "step,total,tv\n9,0.30000000000000004,1e-308\n10,0.3333333333333333,123456789.12345679\n"
    )


def test_no_losses_are_an_empty_table() -> None:
    assert losses_csv(Losses()) == "step\n"


def test_the_zip_holds_pictures_with_their_settings_losses_and_settings(lab: Lab) -> None:
    with zipfile.ZipFile(io.BytesIO(snapshots_zip(lab.store, 1))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "run-1_step-06.png",
            "run-1_step-12.png",
            "losses.csv",
            "settings.json",
        ]
        settings = json.loads(archive.read("settings.json"))
        assert StyleTransferConfig(**settings) == lab.run(1).config
        assert archive.read("losses.csv").decode() == losses_csv(lab.store.losses(1))
        for name, step in (("run-1_step-06.png", 6), ("run-1_step-12.png", 12)):
            provenance = read_provenance(archive.read(name))
            assert provenance["step"] == step
            assert StyleTransferConfig(**provenance["config"]) == lab.run(1).config


def test_a_run_that_is_not_there_has_no_zip(lab: Lab) -> None:
    with pytest.raises(RunError, match="there is no run 99"):
        snapshots_zip(lab.store, 99)


def test_a_corrected_picture_keeps_its_settings_and_says_what_was_done(
    lab: Lab, tmp_path: Path
) -> None:
    result = lab.store.snapshots(1)[-1].sha256
    picture = corrected_picture(
        lab.store, result, lab.content.sha256, "luminance_lab", strength=0.5
    )
    data = encode_png(picture)
    before = read_provenance(lab.store.read(result))
    after = read_provenance(data)
    assert after.pop("recolor") == {
        "method": "luminance_lab",
        "strength": 0.5,
        "content_sha256": lab.content.sha256,
        "result_sha256": result,
    }
    assert after == before
    pixels = load_image(lab.store.read(result)).pixels
    content = load_image(lab.store.read(lab.content.sha256)).pixels
    expected = recolor(pixels, content, "luminance_lab", strength=0.5)
    assert load_image(data).pixels.allclose((expected * 255).round() / 255)
    (tmp_path / "corrected.png").write_bytes(data)
    assert load_config(tmp_path / "corrected.png") == lab.run(1).config


def test_a_strength_out_of_range_is_said(lab: Lab) -> None:
    result = lab.store.snapshots(1)[-1].sha256
    with pytest.raises(ConfigError, match="strength is 2"):
        corrected_picture(lab.store, result, lab.content.sha256, "pca", strength=2)


# Colours of the content


def noise(seed: int, height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_content_of_the_results_shape_is_scaled_to_it(
    method: ColorMethod, has_mask: bool
) -> None:
    result, content = noise(1, 20, 30), noise(2, 61, 90)
    content[..., 45:] *= 0.2  # its other half has other colours
    mask = torch.zeros(1, 1, 20, 30)
    mask[..., :15] = 1
    found = recolor_picture(
        Picture(result), Picture(content), method, mask=mask if has_mask else None
    )
    scaled = resize(content, (20, 30))
    assert found.pixels.equal(recolor(result, scaled, method, mask=mask if has_mask else None))
    if has_mask and not method.startswith("luminance"):  # of the content, what the mask covers
        mean = found.pixels[..., :15].mean()
        assert mean == pytest.approx(content[..., :45].mean().item(), abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_a_content_of_another_shape_counts_whole(method: ColorMethod) -> None:
    result, content = noise(1, 20, 30), noise(2, 60, 60)
    found = recolor_picture(Picture(result), Picture(content), method)
    assert found.pixels.equal(recolor(result, content, method))


def small_samples(kind: str) -> list[Picture]:
    """Return the bundled pictures of a kind, 96 px long."""
    paths = sorted((ROOT / "sample_images" / kind).glob("*.[jp][pn]g"))
    pictures = [load_image(path) for path in paths]
    return [Picture(resize(one.pixels, fit_size(one.size, 96)), name=one.name) for one in pictures]


def test_every_method_works_on_every_pair_of_samples() -> None:
    contents, styles = small_samples("content"), small_samples("style")
    assert (len(contents), len(styles)) == (6, 8)
    for style in styles:
        alpha = torch.linspace(0, 1, style.width).expand(1, 1, style.height, -1)
        result = Picture(style.pixels, alpha)
        for content in contents:
            for method in METHODS:
                found = recolor_picture(result, content, method)
                which = f"{method}: {style.name} by {content.name}"
                assert found.size == style.size, which
                assert found.pixels.isfinite().all(), which
                assert 0 <= found.pixels.min() <= found.pixels.max() <= 1, which
                assert not found.pixels.equal(style.pixels), which
                assert found.alpha is alpha, which
