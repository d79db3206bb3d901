"""``python -m benchmarks.pages``: what the live page costs, in a real browser, as JSON.

A rerun is timed from the browser's message to the end of the script, while a run with the default
network computes at 256 px. Ticks are counted under a fast clock with a new preview at each step.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.record import write_record
from nst_core import Store, StyleTransferConfig, submit_run
from tests.browser.server import ROOT, Visitor, browser, chromium, start_server
from tests.browser.ticks import Traffic, feed, played_run, resident_megabytes

CONTENT = ROOT / "sample_images" / "content" / "cat.png"
STYLE = ROOT / "sample_images" / "style" / "night_lake.jpg"
WARMUP = 5  # reruns


def main() -> None:
    """Measure reruns, then ticks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--reruns", type=int, default=30)
    parser.add_argument("--ticks", type=int, default=3600, help="an hour's worth by default")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args()
    results = {"reruns": reruns(options.reruns), "ticks": ticks(options.ticks)}
    print(json.dumps(results, indent=2))
    write_record("pages", results, options.output)


def _store(folder: str) -> Store:
    os.environ.update(NST_HOME=folder, NST_OFFLINE="1")
    return Store(f"sqlite:///{folder}/nst-lab.db", f"{folder}/files")


def browser_path() -> str:
    """Return the path of Chromium, or end the program where there is none."""
    path = chromium()
    if path is None:
        raise SystemExit("this benchmark needs Chromium; install it first")
    return path


def reruns(count: int) -> dict[str, Any]:
    """Move a slider ``count`` times while a run computes."""
    with tempfile.TemporaryDirectory() as folder:
        store = _store(folder)
        pictures = [store.add_picture(path.read_bytes(), path.name) for path in (CONTENT, STYLE)]
        config = StyleTransferConfig(size=256, steps=100_000)
        run_id = submit_run(store, config, pictures[0], pictures[1:])
        server = start_server(Path(folder))
        try:
            with browser(browser_path()) as found:
                page = Visitor(found, server).context.new_page()
                traffic = Traffic(page)
                page.goto(f"{server.url}/Stylize?run={run_id}")
                page.locator("[data-testid=stVegaLiteChart]").wait_for()
                slider = page.locator(".st-key-set_alpha_log").get_by_role("slider")
                for index in range(count + WARMUP):
                    slider.press("ArrowRight" if index % 2 else "ArrowLeft")
                    while len(traffic.seconds) <= index:
                        page.wait_for_timeout(20)
                    page.wait_for_timeout(400)
        finally:
            server.stop()
            store.close()
    seconds = traffic.seconds[WARMUP : WARMUP + count]
    return {
        "median_seconds": statistics.median(seconds),
        "min_seconds": min(seconds),
        "max_seconds": max(seconds),
        "count": len(seconds),
    }


def ticks(count: int) -> dict[str, Any]:
    """Let a played run tick, and look at traffic and at the server's memory."""
    with tempfile.TemporaryDirectory() as folder:
        store = _store(folder)
        run_id = played_run(store, CONTENT, STYLE, 100_000)
        server = start_server(Path(folder), NST_TICK="0.05")
        memory: list[tuple[int, float]] = []
        try:
            with feed(store, run_id, seconds=0.1), browser(browser_path()) as found:
                page = Visitor(found, server).context.new_page()
                traffic = Traffic(page)
                page.goto(f"{server.url}/Stylize?run={run_id}")
                while traffic.ticks < count:
                    page.wait_for_timeout(200)
                    if traffic.ticks >= count * len(memory) / 20:
                        memory.append((traffic.ticks, resident_megabytes(server.process.pid)))
                        print(f"{memory[-1][0]} ticks, {memory[-1][1]:.0f} MB", flush=True)
        finally:
            server.stop()
            store.close()
    return {
        "count": traffic.ticks,
        "bytes_a_tick": traffic.bytes / traffic.ticks,
        "server_megabytes": memory,
    }


if __name__ == "__main__":
    main()
