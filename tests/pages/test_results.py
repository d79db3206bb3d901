"""What a person sees of a run that ended, and takes away."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from nst_core import LocalExecutor, StyleTransferConfig, encode_preview, load_image, read_provenance
from tests.lab import SMALL, Lab
from tests.pages.bench import (
    EVIL,
    STYLIZE,
    File,
    actions,
    badge,
    captions,
    click,
    download,
    images,
    markdown_of,
    open_stylize,
    read,
    rerun,
    said,
    visit,
)
from tests.pages.working import Working


def test_end_shows_the_result_without_a_click(lab: Lab) -> None:
    run_id = lab.submit(outputs=3)
    app = open_stylize(run=str(run_id))
    assert not [key for key in (d.key for d in app.download_button) if key != "set_save"]
    Working(lab).execute()
    rerun(app)
    assert badge(app) == "done"
    assert len(app.download_button) == 6
    assert actions(app) == ["fork_settings", "fork_image", "delete", "all_runs"]
    assert not app.main.progress
    steps = [caption.partition(" ·")[0] for caption in captions(app)[-3:]]
    assert steps == ["step 2", "step 4", "step 6"]
    assert "step 6/6" in app.code[-1].value
    assert not app.info
    assert not app.error


def test_failed_run_says_why_in_words(lab: Lab) -> None:
    run_id = lab.submit()
    for file in (lab.folder / "files").rglob(lab.content.sha256):
        file.unlink()
    Working(lab).execute()
    app = open_stylize(run=str(run_id))
    assert badge(app) == "failed"
    (error,) = app.error
    assert read(error.value) == lab.run(run_id).message[:1].upper() + lab.run(run_id).message[1:]
    assert actions(app) == ["resume", "fork_settings", "fork_image", "delete", "all_runs"]
    assert "failed: " in app.code[-1].value


def test_message_of_a_failure_is_text(lab: Lab) -> None:
    run_id = lab.submit()
    lab.change(run_id, state="failed", message=f"cannot read {EVIL}")
    app = open_stylize(run=str(run_id))
    assert f"Cannot read {EVIL}" in said(app, "error")
    assert not markdown_of(app, EVIL)


@pytest.mark.parametrize("state", ["interrupted", "cancelled"])
def test_run_that_stopped_early_goes_on_with_resume(
    lab: Lab, woken: list[LocalExecutor], state: str
) -> None:
    expected = lab.undisturbed()
    run_id = lab.submit()
    work = Working(lab)
    if state == "cancelled":
        lab.queue.cancel(run_id)
    work.execute(stopping=state == "interrupted")
    app = open_stylize(run=str(run_id))
    assert badge(app) == state
    assert "Resume goes on from there." in said(app, "info")
    assert "step 1" in app.button(key=f"resume_{run_id}").help
    before = len(woken)
    click(app, f"resume_{run_id}")
    assert badge(app) == "queued"
    assert len(woken) > before
    lab.in_process()
    assert badge(rerun(app)) == "done"
    assert lab.outcome(run_id) == expected


def test_resume_that_another_tab_asked_for_is_said(lab: Lab) -> None:
    run_id = lab.submit()
    lab.queue.cancel(run_id)
    app = open_stylize(run=str(run_id))
    lab.queue.resume(run_id)
    click(app, f"resume_{run_id}")
    assert badge(app) == "queued"
    assert lab.run(run_id).state == "queued"


# The result


@pytest.fixture
def done(lab: Lab) -> int:
    """Return a run that is done, with three pictures."""
    run_id = lab.submit(outputs=3)
    lab.in_process()
    return run_id


def test_result_is_shown_raw_and_corrected(lab: Lab, done: int) -> None:
    app = open_stylize(run=str(done))
    result = lab.store.snapshots(done)[-1]
    assert lab.store.read(result.preview) in images(app)
    assert "**Raw**" in said(app, "markdown")
    assert "**Colour-corrected**" in said(app, "markdown")
    assert f"32 x 21 px · improved {result.improvement:.1f} %" in said(app, "caption")
    assert "Luminance only (YIQ) · strength 100 %" in said(app, "caption")


def test_another_snapshot_can_be_shown_and_taken(lab: Lab, done: int) -> None:
    app = open_stylize(run=str(done))
    slider = app.select_slider(key=f"snapshot_{done}")
    assert list(slider.options) == ["step 2", "step 4", "step 6 (last)"]
    slider.set_value(4)
    rerun(app)
    snapshot = lab.store.snapshots(done)[1]
    file = download(app, "download_PNG")
    assert file == File(f"run-{done}_step-4.png", "image/png", lab.store.read(snapshot.sha256))
    assert f"improved {snapshot.improvement:.1f} %" in said(app, "caption")


def test_only_snapshot_needs_no_slider_and_no_grid(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    app = open_stylize(run=str(run_id))
    assert app.text_input(key="snapshot_only").value == "step 6"
    assert "**Snapshots**" not in said(app)


def test_correction_follows_method_and_strength(lab: Lab, done: int) -> None:
    app = open_stylize(run=str(done))
    raw = lab.store.read(lab.store.snapshots(done)[-1].preview)
    pictures = [corrected_beside(app, raw)]
    app.selectbox(key="correct_method").set_value("histogram")
    pictures.append(corrected_beside(rerun(app), raw))
    app.slider(key="correct_strength").set_value(50)
    pictures.append(corrected_beside(rerun(app), raw))
    assert len(set(pictures)) == 3
    assert "strength 50 %" in said(app, "caption")
    visit(app, "Home.py")
    visit(app, STYLIZE)
    app.query_params["run"] = str(done)
    assert corrected_beside(rerun(app), raw) == pictures[2]
    app.slider(key="correct_strength").set_value(0)
    difference = pixels(corrected_beside(rerun(app), raw)) - pixels(raw)
    assert np.abs(difference).max() <= 2 / 255


def corrected_beside(app: AppTest, raw: bytes) -> bytes:
    """Return the picture after the raw one."""
    shown = images(app)
    return shown[shown.index(raw) + 1]


def pixels(data: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64) / 255


def test_downloads_hold_what_they_say(lab: Lab, done: int) -> None:
    app = open_stylize(run=str(done))
    result = lab.store.snapshots(done)[-1]
    raw = download(app, "download_PNG")
    assert raw == File(f"run-{done}_step-6.png", "image/png", lab.store.read(result.sha256))
    assert read_provenance(raw.data)["config"]["beta"] == SMALL["beta"]

    csv = download(app, "download_Losses")
    assert csv[:2] == (f"run-{done}_losses.csv", "text/csv")
    table = pd.read_csv(io.BytesIO(csv.data))
    losses = lab.store.losses(done)
    assert list(table.columns) == ["step", *losses.terms]
    assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(table[list(losses.terms)].to_numpy(), losses.values)

    settings = download(app, "download_Settings")
    assert settings[:2] == (f"run-{done}_settings.json", "application/json")
    assert StyleTransferConfig(**json.loads(settings.data)) == lab.run(done).config

    everything = download(app, "download_All as ZIP")
    assert everything[:2] == (f"run-{done}.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(everything.data)) as archive:
        assert archive.testzip() is None
        pictures = [f"run-{done}_step-{step}.png" for step in (2, 4, 6)]
        assert archive.namelist() == [*pictures, "losses.csv", "settings.json"]
        assert archive.read(pictures[-1]) == raw.data
        assert archive.read("losses.csv") == csv.data
        assert archive.read("settings.json") == settings.data


def test_corrected_download_is_what_is_shown_and_says_how(lab: Lab, done: int) -> None:
    app = open_stylize(run=str(done))
    app.selectbox(key="correct_method").set_value("cholesky")
    app.slider(key="correct_strength").set_value(40)
    rerun(app)
    result = lab.store.snapshots(done)[-1]
    file = download(app, "download_Corrected PNG")
    assert file[:2] == (f"run-{done}_step-6_cholesky.png", "image/png")
    provenance = read_provenance(file.data)
    assert provenance["recolor"] == {
        "method": "cholesky",
        "strength": 0.4,
        "content_sha256": lab.content.sha256,
        "result_sha256": result.sha256,
    }
    assert provenance["config"]["beta"] == SMALL["beta"]
    shown = corrected_beside(app, lab.store.read(result.preview))
    again = encode_preview(load_image(file.data))
    assert np.abs(pixels(shown) - pixels(again)).mean() < 0.005


@pytest.mark.parametrize("part", ["content", "result"])
def test_result_whose_files_are_gone_says_so(lab: Lab, done: int, part: str) -> None:
    snapshots = lab.store.snapshots(done)
    gone = {lab.content.sha256} if part == "content" else {
        digest for item in snapshots for digest in (item.sha256, item.preview)
    }  # fmt: skip
    for file in (lab.folder / "files").rglob("*"):
        if file.name in gone:
            file.unlink()
    app = open_stylize(run=str(done))
    assert "is not in" in said(app, "error")
    assert ("This picture is not there any more." in said(app)) == (part == "result")
    assert len(app.download_button) == 6


def test_cancelled_run_shows_what_it_came_to(lab: Lab) -> None:
    run_id = lab.submit()
    work = Working(lab)
    lab.queue.cancel(run_id)
    work.execute()
    app = open_stylize(run=str(run_id))
    (snapshot,) = lab.store.snapshots(run_id)
    assert app.text_input(key="snapshot_only").value == "step 1"
    assert download(app, "download_PNG").data == lab.store.read(snapshot.sha256)


def test_compare_opens_the_chosen_picture_raw_and_corrected(lab: Lab) -> None:
    run_id = lab.submit(outputs=2)
    lab.in_process()
    first = lab.store.snapshots(run_id)[0].step
    app = open_stylize(run=str(run_id))
    app.select_slider(key=f"snapshot_{run_id}").set_value(first)
    app.selectbox(key="correct_method").select("pca")
    app.slider(key="correct_strength").set_value(40)
    click(rerun(app), "compare_result")
    found = {key: [value] if isinstance(value, str) else value
             for key, value in app.query_params.items()}  # fmt: skip
    assert found == {
        "view": ["wipe"],
        "a": [f"{run_id}.step-{first}"],
        "b": [f"{run_id}.step-{first}~pca~40"],
    }
