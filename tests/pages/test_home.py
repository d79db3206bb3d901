"""What a person sees and does on the first page."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nst_core import Store, StyleTransferConfig, __version__, shipped
from nst_core.download import BackgroundFetch, Progress
from nst_core.engine import LocalExecutor
from nst_core.errors import NSTError, WeightsError
from nst_core.weights import IMAGENET_FILE, fetch_imagenet
from pages._ui import weights
from tests.lab import ROOT, Lab, until
from tests.pages.bench import click, images, keys, open_page, open_stylize, read, rerun, said

Fetches = Callable[[Callable[[], Iterator[Progress]]], BackgroundFetch]


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> Fetches:
    """Put another download in the place of ImageNet's."""

    def put(begin: Callable[[], Iterator[Progress]]) -> BackgroundFetch:
        fetch = BackgroundFetch(begin)
        monkeypatch.setattr(weights, "imagenet_fetch", fetch)
        return fetch

    return put


def put_imagenet(lab: Lab) -> None:
    folder = lab.folder / "weights"
    folder.mkdir(exist_ok=True)
    (folder / IMAGENET_FILE).write_bytes(lab.weights.read_bytes())


def test_first_visit_says_what_is_here_and_offers_ways_in(newcomer: Lab) -> None:
    app = open_page()
    assert app.title[0].value == "NST Lab"
    assert "bench for neural style transfer" in app.markdown[0].value
    assert [link.value for link in app.page_link][:2] == ["Home", "Stylize"]
    assert keys(app) == ["try", "new", "fetch", "later"]
    assert images(app) == [(ROOT / "docs" / "images" / "home.jpg").read_bytes()]
    offer = said(app, "markdown")
    assert "ImageNet's weights (548 MB, fetched once) carry strokes and shapes best" in offer
    assert "trained on synthetic textures without any photograph, are here" in offer
    assert "548 MB" in app.button(key="fetch").label
    assert app.button(key="later").label == "Start at once"
    assert "None yet. **Try it** starts the first one." in said(app)
    assert not app.error


def test_status_says_device_memory_weights_and_place(newcomer: Lab) -> None:
    status = read(open_page().caption[-1].value)
    assert "cores" in status
    assert "GiB of memory" in status
    textures = "weights: VGG-19 trained on synthetic textures (ships with NST Lab)"
    assert f"{textures}, since ImageNet's are not here" in status
    assert f"data in {newcomer.folder}" in status
    assert __version__ in status


def test_try_it_starts_a_run_and_goes_to_it(lab: Lab, woken: list[LocalExecutor]) -> None:
    app = click(open_page(), "try")
    (run,) = lab.store.runs()
    assert (run.state, run.content.name, run.styles[0].name) == (
        "queued",
        "cat.png",
        "night_lake.jpg",
    )
    kept = StyleTransferConfig().changed(style_layers={"conv1_1": 0.2, "conv2_1": 0.2})
    assert run.config == kept.changed(content_layers={"conv2_2": 1.0})  # the weights end there
    assert [executor.store.place for executor in woken] == [str(lab.folder)] * len(woken)
    assert woken
    assert app.query_params == {"run": str(run.id)}
    assert f"Run {run.id}: cat in night_lake" in said(app, "subheader")
    assert {"cat.png", "night_lake.jpg"} <= {text.value for text in app.text}


def test_new_experiment_goes_to_an_empty_form(lab: Lab) -> None:
    lab.submit()
    app = click(open_page(), "new")
    assert app.button(key="run").disabled
    assert not app.query_params


def test_try_it_says_why_it_cannot(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_QUEUE_LIMIT", "1")
    lab.submit()
    app = click(open_page(), "try")
    assert "he queue is full: 1 of 1 places are taken" in said(app, "error")
    assert app.title
    assert lab.store.count() == 1


def test_last_eight_runs_are_shown_newest_first_and_open(lab: Lab) -> None:
    ids = [lab.submit() for _ in range(9)]
    lab.change(ids[-1], state="failed")
    app = open_page()
    assert [key for key in keys(app) if key.startswith("home_")] == [
        f"home_{run_id}" for run_id in reversed(ids[1:])
    ]
    assert images(app)[1:] == [lab.store.read(lab.content.thumbnail)] * 8
    states = [caption.value for caption in app.caption if " · " in caption.value][:8]
    assert "failed" in states[0]
    assert all("queued" in state for state in states[1:])
    assert "now" in states[0]
    click(app, f"home_{ids[3]}")
    assert app.query_params == {"run": str(ids[3])}
    assert said(app, "subheader").startswith(f"Run {ids[3]}: photo in style")


def test_run_whose_pictures_are_gone_is_listed_without(lab: Lab) -> None:
    run_id = lab.submit()
    for file in (lab.folder / "files").rglob("*"):
        if file.is_file():
            file.unlink()
    app = open_page()
    assert f"home_{run_id}" in keys(app)
    assert "not there any more" in said(app)


def test_start_at_once_hides_the_offer(newcomer: Lab) -> None:
    app = click(open_page(), "later")
    assert keys(app) == ["try", "new"]
    assert "Which network?" not in said(app)
    assert "later" in keys(open_page())  # another tab has not decided


def test_start_at_once_hides_the_offer_after_a_failed_fetch(
    newcomer: Lab, fetches: Fetches
) -> None:
    fetch = fetches(broken)
    app = click(open_page(), "fetch")
    until(lambda: not fetch.is_running)
    assert "later" in keys(rerun(app))
    assert "later" not in keys(click(app, "later"))


def test_offer_says_so_where_nothing_ships(
    newcomer: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED_FOLDER", tmp_path)
    app = open_page()
    assert keys(app) == ["try", "new", "fetch", "later"]
    assert "NST Lab's own are missing from this copy" in said(app, "markdown")
    assert "synthetic textures" not in said(app)
    assert "weights: untrained (random filters), since vgg19_textures.pth" in said(app, "caption")


def test_weights_that_ship_but_are_damaged_are_said_in_words(
    newcomer: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED_FOLDER", tmp_path)
    (tmp_path / "vgg19_textures.pth").write_bytes(b"half of it")
    (tmp_path / "vgg19_textures.json").write_text('{"sha256": "0123456789abcdef"}')
    app = open_page()
    assert "vgg19_textures.pth: damaged (its SHA-256 is" in said(app, "error")
    assert "weights=untrained" in said(app, "error")
    click(app, "try")
    assert newcomer.store.count() == 0
    app = open_stylize()
    assert "vgg19_textures.pth: damaged (its SHA-256 is" in said(app, "error")


def test_offer_is_short_once_there_are_runs(newcomer: Lab) -> None:
    newcomer.submit()
    app = open_page()
    assert "fetch" in keys(app)
    assert "later" not in keys(app)
    assert "Which network?" not in said(app)


def test_nothing_is_offered_where_weights_are_there(lab: Lab) -> None:
    app = open_page()
    assert "fetch" not in keys(app)
    assert f"weights: the file {lab.weights}, named by NST_WEIGHTS" in said(app)


def broken() -> Iterator[Progress]:
    yield Progress(0, 0)
    raise WeightsError("the download of http://x.example broke off")


def test_fetch_shows_progress_and_then_the_weights(newcomer: Lab, fetches: Fetches) -> None:
    connected, arrived = threading.Event(), threading.Event()

    def begin() -> Iterator[Progress]:
        assert connected.wait(60)
        yield Progress(137_000_000, 548_000_000)
        assert arrived.wait(60)
        put_imagenet(newcomer)

    fetch = fetches(begin)
    app = click(open_page(), "fetch")
    assert "fetch" not in keys(app)
    assert "connecting" in app.main.progress[0].text
    connected.set()
    until(lambda: fetch.progress.done)
    (bar,) = rerun(app).main.progress
    assert "137 of 548 MB" in bar.text
    assert bar.value == 25
    assert open_page().main.progress  # in another tab too
    arrived.set()
    until(lambda: not fetch.is_running)
    rerun(app)
    assert not app.main.progress
    assert "fetch" not in keys(app)
    assert "weights: ImageNet (torchvision's IMAGENET1K_V1)" in said(app)


def test_fetch_without_a_network_says_so_and_can_be_tried_again(
    newcomer: Lab, fetches: Fetches, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/vgg.pth"
    monkeypatch.setenv("NST_WEIGHTS_URL", url)
    fetch = fetches(fetch_imagenet)
    app = click(open_page(), "fetch")
    until(lambda: not fetch.is_running)
    rerun(app)
    assert f"No network: {url} could not be reached" in said(app, "error")
    assert "Traceback" not in said(app)
    click(app, "fetch")
    until(lambda: not fetch.is_running)
    assert isinstance(fetch.error, NSTError)
    assert len(rerun(app).error) == 1


def test_weights_that_cannot_be_used_are_said_in_words(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_WEIGHTS", str(lab.folder / "nowhere.pth"))
    app = open_page()
    assert "nowhere.pth: there is no such weights file; check the path" in said(app, "error")
    click(app, "try")
    assert lab.store.count() == 0
    assert app.title


def newer(folder: Path) -> str:
    Store(f"sqlite:///{folder / 'nst-lab.db'}", str(folder / "files")).close()
    with sqlite3.connect(folder / "nst-lab.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    return "was written by a newer version of NST Lab"


def file_instead(folder: Path) -> str:
    folder.write_text("in the way")
    return "set NST_HOME to"


def damaged(folder: Path) -> str:
    folder.mkdir()
    (folder / "nst-lab.db").write_bytes(b"not a database, and long enough to be read" * 99)
    return "cannot be used"


@pytest.mark.parametrize("spoil", [newer, file_instead, damaged])
@pytest.mark.parametrize("opened", [open_page, open_stylize])
def test_store_that_cannot_be_used_is_said_in_words(
    folder: Path, spoil: Callable[[Path], str], opened: Callable[[], object]
) -> None:
    words = spoil(folder)
    app = open_page() if opened is open_page else open_stylize()
    (error,) = app.error
    assert words in read(error.value)
    assert str(folder) in read(error.value)
    assert app.title[0].value == "NST Lab"
    assert not app.button


def test_database_url_that_is_none_is_said_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_DATABASE_URL", "mysql://me:secret@host/name")
    app = open_page()
    assert "NST_DATABASE_URL names 'mysql'" in said(app, "error")
    assert "secret" not in said(app)
