"""``python -m benchmarks.runs``: how fast the history opens and filters in a browser, as JSON.

A store of 1,000 runs is made, nothing of it computed. Opening: from the click on Runs, in a browser
that has seen Home, until the table is drawn and the script has ended; each time in a new window.
Filtering: from the choice of a content or state until the table of other rows is drawn. The first
opening after the server's start, which loads pandas, is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from benchmarks.many_runs import CONTENTS, fill
from benchmarks.pages import browser_path
from benchmarks.record import write_record
from nst_core import Store
from tests.browser.server import Visitor, browser, start_server

# The table is there once its canvas is, and the page rests once its script has ended.
IDLE = """() => document.querySelector(
    '[data-testid=stApp][data-test-script-state=notRunning]')"""
DRAWN = """former => {
    const table = document.querySelector('[class*=st-key-runs_table_]');
    const name = table && [...table.classList].find(item => item.startsWith('st-key-runs_table_'));
    return name && name !== former && table.querySelector('canvas') && name;
}"""


def main() -> None:
    """Fill a store, open the page again and again, filter again and again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args()
    path = browser_path()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(NST_HOME=folder, NST_OFFLINE="1")
        store = Store(f"sqlite:///{folder}/nst-lab.db", f"{folder}/files")
        fill(store, options.runs)
        store.close()
        server = start_server(Path(folder))
        try:
            with browser(path) as found:
                visitor = Visitor(found, server)
                first, *openings = [_open(visitor) for _ in range(options.repeats + 1)]
                filterings = _filter(visitor, options.repeats)
                visitor.close()
        finally:
            server.stop()
    results = {
        "runs": options.runs,
        "first_opening_seconds": first,
        "opening": _summary(openings),
        "filtering": _summary(filterings),
    }
    print(json.dumps(results, indent=2))
    write_record("runs", results, options.output)


def _open(visitor: Visitor) -> float:
    """Return the seconds from the click on Runs to its table."""
    page = visitor.open("/")
    page.wait_for_function(IDLE)
    link = page.get_by_role("link", name="Runs", exact=True)
    begin = time.perf_counter()
    link.click()
    _table(page, "")
    seconds = time.perf_counter() - begin
    page.close()
    return seconds


def _filter(visitor: Visitor, count: int) -> list[float]:
    """Choose one content after another, and return the seconds to each table."""
    page = visitor.open("/Runs")
    name = _table(page, "")
    found = []
    for index in range(count):
        page.locator("[class*=st-key-runs_Content_]").get_by_role("combobox").click()
        option = page.get_by_role("option", name=CONTENTS[index % len(CONTENTS)], exact=True)
        option.wait_for()
        begin = time.perf_counter()
        option.click()
        name = _table(page, name)
        found.append(time.perf_counter() - begin)
    page.close()
    return found


def _table(page: Page, former: str) -> str:
    """Wait for a table of other rows and for the end of the script; return the table's name."""
    name = page.wait_for_function(DRAWN, arg=former).json_value()
    page.wait_for_function(IDLE)
    return str(name)


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "median_seconds": statistics.median(seconds),
        "min_seconds": min(seconds),
        "max_seconds": max(seconds),
        "count": len(seconds),
    }


if __name__ == "__main__":
    main()
