"""A sweep in a real browser: planned, watched as its sheet fills, opened, taken away."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from nst_core import StyleTransferConfig, SweepPlan, load_results, parse_axis, submit_sweep
from tests.browser.server import PATIENCE, Server, Visitor
from tests.browser.test_bench import at, choose_pictures, load_settings, press
from tests.lab import SMALL, Lab, picture_bytes
from tests.pages.bench import EVIL

expect.set_options(timeout=PATIENCE)
MANY = 200  # cells


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    """Return the store that the server uses."""
    lab = Lab(server.home)
    yield lab
    lab.store.close()


def tiles(page: Page, state: str = "") -> Locator:
    of_state = f"[data-state={state}]" if state else ""
    return page.locator(f"[class*=st-key-sheet_] .tile{of_state}")


def pictured(page: Page) -> Locator:
    return page.locator("[class*=st-key-sheet_] .tile.pictured")


def vary(page: Page, axis: str) -> None:
    """Add an axis as text."""
    field = at(page, "sweep_typed").get_by_role("textbox")
    field.fill(axis)
    field.press("Enter")
    expect(field).to_have_value("")


def test_a_sweep_from_its_plan_to_its_numbers(visitor: Visitor, lab: Lab, tmp_path: Path) -> None:
    page = visitor.open("/Sweep")
    choose_pictures(page)
    page.get_by_text("Base settings", exact=True).click()
    load_settings(page, tmp_path, size=64, outputs=1)
    vary(page, "beta=1e4,1e6")
    vary(page, "steps=8,16")
    expect(page.get_by_text("4 runs").first).to_be_visible()
    press(page, "sweep_start")
    page.wait_for_url("**/Sweep?sweep=*")
    address = page.url

    expect(tiles(page)).to_have_count(4)
    expect(tiles(page, "queued")).not_to_have_count(0)
    expect(pictured(page)).not_to_have_count(0)
    expect(page.get_by_text("Done: all 4 runs")).to_be_visible(timeout=3 * PATIENCE)
    expect(pictured(page)).to_have_count(4)
    expect(at(page, "cancel_sweep")).to_have_count(0)  # the page saw the end

    results = load_results(lab.store, int(address.rpartition("=")[2]))
    second = results.runs[1]
    tiles(page).nth(1).click()
    page.wait_for_url(f"**/Stylize?run={second.entry.run.id}&*")
    expect(page.get_by_text(f"is a cell of sweep {results.sweep.id}")).to_be_visible()
    page.go_back()
    page.wait_for_url("**/Sweep?*sweep=1")
    expect(pictured(page)).to_have_count(4)
    page.reload()
    expect(pictured(page)).to_have_count(4)

    with page.expect_download() as found:
        press(page, "sweep_csv")
    rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text())))
    assert len(rows) == 4
    for row, run in zip(rows, results.runs, strict=True):
        assert int(row["run"]) == run.entry.run.id
        assert {name: float(row[name]) for name in run.numbers} == run.numbers


def test_keys_go_from_cell_to_cell_and_open(visitor: Visitor, lab: Lab) -> None:
    runs = load_results(lab.store, 1).runs
    page = visitor.open("/Sweep?sweep=1")
    expect(pictured(page)).to_have_count(4)
    tiles(page).first.focus()
    page.keyboard.press("ArrowRight")
    expect(tiles(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(tiles(page).nth(3)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/Stylize?run={runs[2].entry.run.id}&*")


def test_pictures_come_once_and_are_asked_for_where_they_are_lacking(
    the_browser: Browser, server: Server, lab: Lab
) -> None:
    """More cells than are sent at a time: the browser asks for the others until it has all."""
    axes = parse_axis("beta=1e3:1e6:log:20"), parse_axis("gamma=0:9e-3:linear:10")
    plan = SweepPlan(StyleTransferConfig(**SMALL), axes)
    sweep_id = submit_sweep(lab.store, plan, lab.content, [lab.style])
    shown = [lab.store.add_picture(picture_bytes(k), f"{k}.png").thumbnail for k in range(50)]
    for k, run in enumerate(load_results(lab.store, sweep_id).runs):
        preview = shown[k % len(shown)]
        lab.change(run.entry.run.id, state="failed", message=EVIL, preview=preview)
    visitor = Visitor(the_browser, server, width=800)
    page = visitor.open(f"/Sweep?sweep={sweep_id}")
    expect(pictured(page)).to_have_count(MANY)
    expect(tiles(page).first).to_contain_text(EVIL)
    wide = page.evaluate(
        "(main => main.scrollWidth - main.clientWidth)"
        "(document.querySelector('[data-testid=stMain]'))"
    )
    assert wide <= 0  # it scrolls in its own box
    visitor.close()
