"""The real server, as a person starts it, and a real browser that looks at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60_000  # ms, after which what a test waits for is said not to come


@dataclass
class Server:
    """A running bench: its process, its port, and its data folder."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        finally:
            self.process.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start_server(home: Path, **environment: str) -> Server:
    """Start Streamlit as the README says, on a free port, and wait until it answers."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.headless=true"]
    log = (home / "server.log").open("wb")
    with log:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "NST_HOME": str(home),
                "NST_OFFLINE": "1",
                "NST_PROBE": "off",
                **environment,
            },
        )
    server = Server(process, port, home)
    patience = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5).close()
            return server
        assert process.poll() is None, (home / "server.log").read_text()
        assert time.monotonic() < patience, "the server does not answer"
        time.sleep(0.05)


def chromium() -> str | None:
    """Return the path of the browser, if one is installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    return None


@contextlib.contextmanager
def browser(path: str) -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Visitor:
    """A person with a browser of their own, and everything odd that it noted."""

    def __init__(self, browser: Browser, server: Server, width: int = 1280) -> None:
        self.server = server
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": 900}, accept_downloads=True
        )
        self.context.set_default_timeout(PATIENCE)
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        self.fetched: list[str] = []  # pictures that did not come along with their page
        self.context.on("request", self._note_request)
        self.context.on("console", self._note_console)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(self.server.url + path)
        page.locator(".st-key-bar").wait_for()
        return page

    def _note_request(self, request: Request) -> None:
        url = request.url
        if request.resource_type == "image" and "/media/" in url:
            self.fetched.append(url)
        if not url.startswith((self.server.url, "data:", "blob:")):
            self.strangers.append(url)

    def _note_console(self, message: ConsoleMessage) -> None:
        # A deep link asks for Streamlit's own endpoints beside the page first, and then at the
        # root: two answers "not found" that mean nothing.
        address = message.location.get("url", "") if message.location else ""
        if message.type == "error" and "/_stcore/" not in address:
            self.complaints.append(f"{message.text} ({address})")

    def close(self) -> None:
        self.context.close()
        assert not self.strangers, f"requests left this machine: {self.strangers}"
        assert not self.complaints, f"the browser's console: {self.complaints}"
