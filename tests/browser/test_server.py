"""The server as a process: what it sends, where it listens, and how it ends."""

from __future__ import annotations

import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from nst_core import Store, StyleTransferConfig, submit_run
from tests.browser.server import Server, Visitor, start_server
from tests.browser.test_bench import CONTENT, SETTINGS, STYLE, at, wait_for_points
from tests.browser.ticks import Traffic, feed, played_run, resident_megabytes
from tests.lab import until

pytestmark = pytest.mark.alone

LIVE = StyleTransferConfig(**SETTINGS | {"steps": 50_000, "outputs": 1})
LISTENING = "0A"
TICKS = 150


@pytest.fixture
def lone_server(tmp_path: Path, few_weights: Path) -> Iterator[Server]:
    server = start_server(tmp_path, NST_WEIGHTS=str(few_weights))
    yield server
    server.stop()


def store_of(server: Server) -> Store:
    return Store(f"sqlite:///{server.home / 'nst-lab.db'}", str(server.home / "files"))


def submit(store: Store, config: StyleTransferConfig) -> int:
    content = store.add_picture(CONTENT.read_bytes(), CONTENT.name)
    style = store.add_picture(STYLE.read_bytes(), STYLE.name)
    return submit_run(store, config, content, [style])


def family(pid: int) -> set[int]:
    """Return a process and all its descendants that are alive."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    found = {pid} & set(parents)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(pids: set[int]) -> set[tuple[str, int]]:
    """Return the addresses at which processes wait for connections."""
    sockets = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(link.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                address, _, port = fields[1].partition(":")
                packed = struct.pack("<I", int(address[:8], 16))
                name = socket.inet_ntoa(packed) if table == "tcp" else address
                found.add((name, int(port, 16)))
    return found


def test_sigterm_ends_all_and_resume_finishes_the_run(
    lone_server: Server, the_browser: Browser, few_weights: Path
) -> None:
    store = store_of(lone_server)
    run_id = submit(store, LIVE)
    visitor = Visitor(the_browser, lone_server)
    page = visitor.open(f"/Stylize?run={run_id}")
    wait_for_points(page, 2)
    processes = family(lone_server.process.pid)
    assert len(processes) >= 2, "the worker is a process of its own"
    assert listening(processes) == {("127.0.0.1", lone_server.port)}
    visitor.context.close()

    began = time.monotonic()
    lone_server.process.send_signal(signal.SIGTERM)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in alive(processes)))
    assert time.monotonic() - began < 3
    run = store.run(run_id)
    assert run.state == "interrupted"
    assert "Resume goes on from" in run.message

    server = start_server(lone_server.home, NST_WEIGHTS=str(few_weights))
    visitor = Visitor(the_browser, server)
    page = visitor.open(f"/Stylize?run={run_id}")
    at(page, f"resume_{run_id}").get_by_role("button").first.click()
    expect(at(page, f"resume_{run_id}")).to_have_count(0)
    until(lambda: store.run(run_id).step > run.step)
    expect(at(page, "state")).to_contain_text("running")
    expect(at(page, "set_beta").get_by_role("textbox")).to_have_value("3.7e6")
    at(page, f"cancel_{run_id}").get_by_role("button").first.click()
    expect(at(page, f"resume_{run_id}")).to_be_visible()
    visitor.close()
    server.stop()
    store.close()


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if family(pid)}


def test_ticks_are_small_and_leave_nothing_behind(tmp_path: Path, the_browser: Browser) -> None:
    store = Store(f"sqlite:///{tmp_path / 'nst-lab.db'}", str(tmp_path / "files"))
    run_id = played_run(store, CONTENT, STYLE, 100_000)
    server = start_server(tmp_path, NST_TICK="0.05")
    page = the_browser.new_context().new_page()
    traffic = Traffic(page)
    with feed(store, run_id, seconds=0.1):
        page.goto(f"{server.url}/Stylize?run={run_id}")
        wait_for_ticks(page, traffic, 60)
        before = resident_megabytes(server.process.pid)
        wait_for_ticks(page, traffic, 60 + TICKS)
        assert traffic.bytes / traffic.ticks < 25_000
        # A preview of this size that stayed with each tick would be some 14 MB.
        assert resident_megabytes(server.process.pid) - before < 10
    page.context.close()
    server.stop()
    store.close()


def wait_for_ticks(page: Page, traffic: Traffic, count: int) -> None:
    patience = time.monotonic() + 180
    while traffic.ticks < count:
        assert time.monotonic() < patience, f"{traffic.ticks} ticks of {count} came"
        page.wait_for_timeout(100)
