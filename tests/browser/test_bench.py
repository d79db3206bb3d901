"""What a person does with the bench, in a real browser, with a real worker."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from nst_core import StyleTransferConfig, load_config, load_image, read_provenance
from tests.browser.server import PATIENCE, ROOT, Visitor

CONTENT = ROOT / "sample_images" / "content" / "cat.png"
STYLE = ROOT / "sample_images" / "style" / "night_lake.jpg"
SETTINGS: dict[str, Any] = {
    "size": 96,
    "steps": 300,
    "outputs": 3,
    "beta": 3.7e6,
    "content_layers": {"conv2_2": 1},
    "style_layers": {"conv1_1": 0.5, "conv2_1": 0.5},
    "normalize_activations": False,
}
ENDLESS = {"steps": 100_000, "outputs": 1}

expect.set_options(timeout=PATIENCE)


def at(page: Page, key: str) -> Locator:
    """Return the element with a key; one that is being replaced is there twice for a moment."""
    return page.locator(f".st-key-{key}").last


def press(page: Page, key: str) -> None:
    at(page, key).get_by_role("button").first.click()


def upload(page: Page, slot: str, path: Path) -> None:
    page.locator(f"[class*=st-key-upload_{slot}_] input[type=file]").first.set_input_files(path)


def choose_pictures(page: Page) -> None:
    upload(page, "content", CONTENT)
    expect(page.get_by_text("451 x 300 px")).to_be_visible()
    upload(page, "style", STYLE)
    expect(page.get_by_text("1024 x 768 px")).to_be_visible()


def load_settings(page: Page, folder: Path, **changes: Any) -> None:
    file = folder / "settings.json"
    file.write_text(json.dumps(SETTINGS | changes))
    page.get_by_role("button", name="Load", exact=True).click()
    page.locator(".st-key-set_file input[type=file]").set_input_files(file)
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    # A widget that the browser has not drawn yet would send its former value along with a click.
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.keyboard.press("Escape")


def start(page: Page, folder: Path, **changes: Any) -> str:
    """Choose everything, press Run, and return the address of the run."""
    choose_pictures(page)
    load_settings(page, folder, **changes)
    press(page, "run")
    page.wait_for_url("**/Stylize?run=*")
    return page.url


def chart_points(page: Page) -> int:
    """Return how many points the longest line of the loss chart has; 0 where there is none."""
    paths = page.locator("[data-testid=stVegaLiteChart] g.mark-line path[d]")
    lines = [path.get_attribute("d") or "" for path in paths.all()]
    return max((line.count("C") + line.count("L") for line in lines), default=0)


def wait_for_points(page: Page, more_than: int) -> int:
    page.wait_for_function(
        """least => [...document.querySelectorAll(
            "[data-testid=stVegaLiteChart] g.mark-line path[d]"
        )].some(path => (path.getAttribute("d").match(/[CL]/g) || []).length > least)""",
        arg=more_than,
    )
    return chart_points(page)


def download(page: Page, label: str) -> bytes:
    with page.expect_download() as found:
        press(page, f"download_{label}")
    return Path(found.value.path()).read_bytes()


def test_a_run_from_upload_to_download(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open("/Stylize")
    expect(page.get_by_text("What comes out appears here")).to_be_visible()
    address = start(page, tmp_path)

    points = wait_for_points(page, 0)
    points = wait_for_points(page, points)
    expect(page.get_by_text("started at step 0 on cpu")).to_be_visible()

    page.get_by_role("link", name="Home").click()
    expect(page.get_by_text("Latest runs")).to_be_visible()
    press(page, "home_1")
    page.wait_for_url(address)
    wait_for_points(page, points)
    page.reload()
    wait_for_points(page, points)
    expect(page.get_by_text("cat.png")).to_be_visible()
    second = visitor.open(address.removeprefix(visitor.server.url))
    wait_for_points(second, points)

    for step in (100, 200):
        expect(page.get_by_text(f"step {step} · total")).to_be_visible()
    for tab in (page, second):
        expect(tab.get_by_text("Colour-corrected")).to_be_visible()
        expect(at(tab, "state")).to_contain_text("done")

    data = download(page, "PNG")
    assert load_image(data).size == (64, 96)
    (tmp_path / "result.png").write_bytes(data)
    config = load_config(tmp_path / "result.png")
    assert config.model_dump() == StyleTransferConfig(**SETTINGS).model_dump()
    assert [item["name"] for item in read_provenance(data)["inputs"]] == [CONTENT.name, STYLE.name]
    corrected = read_provenance(download(page, "Corrected-PNG"))
    assert corrected["recolor"]["method"] == "luminance_yiq"
    with zipfile.ZipFile(io.BytesIO(download(page, "All-as-ZIP"))) as archive:
        names = [f"run-1_step-{step}.png" for step in (100, 200, 300)]
        assert sorted(archive.namelist()) == ["losses.csv", *names, "settings.json"]
    losses = pd.read_csv(io.BytesIO(download(page, "Losses")))
    assert list(losses["step"]) == list(range(1, 301))
    assert json.loads(download(page, "Settings"))["beta"] == 3.7e6


def test_a_result_dropped_in_restores_its_settings(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open("/Stylize?run=1")
    (tmp_path / "result.png").write_bytes(download(page, "PNG"))
    other = visitor.open("/Stylize")
    other.get_by_role("button", name="Load", exact=True).click()
    other.locator(".st-key-set_file input[type=file]").set_input_files(tmp_path / "result.png")
    expect(at(other, "set_beta").get_by_role("textbox")).to_have_value("3.7e6")


def test_cancel_keeps_what_there_is_and_resume_goes_on(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open("/Stylize")
    run_id = start(page, tmp_path, **ENDLESS).partition("run=")[2]
    wait_for_points(page, 1)
    press(page, f"cancel_{run_id}")
    expect(page.get_by_text("Resume goes on from there.")).to_be_visible()
    expect(page.get_by_text("Colour-corrected")).to_be_visible()
    press(page, f"resume_{run_id}")
    expect(at(page, f"resume_{run_id}")).to_have_count(0)
    expect(page.get_by_text("going on from step")).to_be_visible()
    press(page, f"cancel_{run_id}")
    expect(at(page, f"resume_{run_id}")).to_be_visible()


def test_a_fork_brings_pictures_and_settings(visitor: Visitor) -> None:
    page = visitor.open("/Stylize")
    expect(at(page, "run").get_by_role("button").first).to_be_disabled()
    page.goto(f"{visitor.server.url}/Stylize?run=1")
    expect(page.get_by_text("Colour-corrected")).to_be_visible()
    press(page, "fork")
    press(page, "fork_image")
    expect(page.get_by_text("run-1_step-300.png")).to_be_visible()
    expect(page.get_by_text("Forked from run 1", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    press(page, "run")
    page.wait_for_url(lambda url: url.endswith("run=1") is False and "run=" in url)
    expect(page.get_by_text("run-1_step-300 in night_lake")).to_be_visible()
    expect(page.get_by_text("Colour-corrected")).to_be_visible()


def test_a_text_file_named_png_is_refused_and_the_page_works_on(
    visitor: Visitor, tmp_path: Path
) -> None:
    name = "![notes](x.png) <b>notes.png"
    false = tmp_path / name
    false.write_text("no picture")
    page = visitor.open("/Stylize")
    upload(page, "content", false)
    expect(page.get_by_text(f"{name}: this is not a picture")).to_be_visible()
    choose_pictures(page)
    expect(page.get_by_text("this is not a picture")).to_have_count(0)
    expect(at(page, "run").get_by_role("button").first).to_be_enabled()
    # Such a file is gone where the next click cuts a drawing short before it
    assert not visitor.fetched


@pytest.mark.parametrize("width", [1280, 800])
def test_no_page_scrolls_sideways(visitor: Visitor, width: int) -> None:
    for path in ("/", "/Stylize", "/Stylize?run=1"):
        page = visitor.open(path)
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
        wide = page.evaluate(
            "(main => main.scrollWidth - main.clientWidth)"
            "(document.querySelector('[data-testid=stMain]'))"
        )
        assert wide <= 0, path
        page.close()
