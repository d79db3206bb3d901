"""A server and a browser for the whole module; a visitor of their own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nst_core import LAYERS
from tests.conftest import random_state_dict
from tests.requirements import require_or_skip

pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Browser

from tests.browser.server import Server, Visitor, browser, chromium, start_server


@pytest.fixture(scope="session")
def the_browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        require_or_skip("browser", "no Chromium is installed")
    with browser(path) as found:
        yield found


@pytest.fixture(scope="session")
def few_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return random weights of four layers: quick, and all that these tests need."""
    path = tmp_path_factory.mktemp("weights") / "few.pth"
    torch.save(random_state_dict(LAYERS[:4]), path)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, few_weights: Path) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("home"), NST_WEIGHTS=str(few_weights))
    yield server
    server.stop()


@pytest.fixture
def visitor(the_browser: Browser, server: Server) -> Iterator[Visitor]:
    visitor = Visitor(the_browser, server)
    yield visitor
    visitor.close()
