"""``python -m benchmarks.compare``: how long Compare takes to show another colour method.

In a real browser, from the click on a method to the new picture being drawn, for a run of 512 px.
Each method is timed when it is first computed, and once more when it is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from benchmarks.pages import browser_path
from benchmarks.record import write_record
from nst_core import COLOR_METHODS, COLOR_TITLES
from tests.browser.server import ROOT, Visitor, browser, start_server

CONTENT = ROOT / "sample_images" / "content" / "astronaut.png"
STYLE = ROOT / "sample_images" / "style" / "night_lake.jpg"
SIZE = 512
# Decoded, so that the browser is ready to draw it
NEW_PICTURE = """before => {
    const images = [...document.querySelectorAll("*")].flatMap(
        found => found.shadowRoot ? [...found.shadowRoot.querySelectorAll(".pane img")] : []);
    const last = images.at(-1);
    return last && last.src !== before && last.complete && last.naturalWidth > 0;
}"""


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args()
    results = measure()
    print(json.dumps(results, indent=2))
    write_record("compare", results, options.output)


def measure() -> dict[str, Any]:
    """Choose every method twice."""
    path = browser_path()
    with tempfile.TemporaryDirectory() as folder:
        run_id, weights = compute_run(Path(folder))
        server = start_server(Path(folder), NST_WEIGHTS=str(weights))
        try:
            with browser(path) as found:
                page = Visitor(found, server).context.new_page()
                page.goto(f"{server.url}/Compare?a={run_id}&b={run_id}")
                page.wait_for_function(NEW_PICTURE, arg="")
                wait_until_idle(page)
                rounds = [[choose(page, method) for method in ORDER] for _ in range(2)]
        finally:
            server.stop()
    names = ("first", "kept")
    return {
        "size": SIZE,
        **{
            name: {
                "median_seconds": statistics.median(seconds),
                "min_seconds": min(seconds),
                "max_seconds": max(seconds),
                "by_method": dict(zip(ORDER, seconds, strict=True)),
            }
            for name, seconds in zip(names, rounds, strict=True)
        },
    }


ORDER = (*COLOR_METHODS[1:], "none")  # B begins raw


def compute_run(folder: Path) -> tuple[int, Path]:
    """Compute a short run of SIZE px in this process, with small weights."""
    from tests.lab import Lab

    os.environ["NST_OFFLINE"] = "1"
    lab = Lab(folder)
    os.environ["NST_WEIGHTS"] = str(lab.weights)
    lab.style = lab.store.add_picture(STYLE.read_bytes(), STYLE.name)
    content = lab.store.add_picture(CONTENT.read_bytes(), CONTENT.name)
    run_id = lab.submit(content, size=SIZE, steps=3)
    lab.in_process()
    lab.store.close()
    return run_id, lab.weights


def choose(page: Page, method: str) -> float:
    """Choose a method for B, and return the seconds until its picture is there."""
    before = page.locator(".pane img").last.get_attribute("src")
    page.locator("[class*=st-key-B_method_]").get_by_role("combobox").click()
    option = page.get_by_role("option", name=COLOR_TITLES[method], exact=True)  # type: ignore[index]
    option.wait_for()
    began = time.perf_counter()
    option.click()
    page.wait_for_function(NEW_PICTURE, arg=before)
    seconds = time.perf_counter() - began
    wait_until_idle(page)
    return seconds


def wait_until_idle(page: Page) -> None:
    """Wait for the end of the script: the rest of the page, metrics among it."""
    page.locator('[data-test-script-state="notRunning"]').wait_for()
    page.wait_for_timeout(300)


if __name__ == "__main__":
    main()
