"""The bench as a person meets it: its pages in one browser tab, and what they show."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from streamlit.proto.DownloadButton_pb2 import DownloadButton
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1 import app_test as streamlit_app_test
from streamlit.testing.v1.element_tree import Block

from tests.lab import ROOT

HOME = ROOT / "Home.py"
STYLIZE = "pages/1_Stylize.py"
EVIL = "![x](http://evil.example/a.png).png"  # a file name that Markdown would fetch
SAID = ("title", "subheader", "markdown", "caption", "text", "error", "warning", "info")


class File(NamedTuple):
    """What a download button hands out."""

    name: str
    mime: str
    data: bytes


class Media(MediaFileManager):
    """Remembers what the last run of a page served: AppTest forgets it."""

    last: Media

    def __init__(self, storage: Any) -> None:
        super().__init__(storage)
        Media.last = self


def remember_media(monkeypatch: Any) -> None:
    monkeypatch.setattr(streamlit_app_test, "MediaFileManager", Media)


def rerun(app: AppTest) -> AppTest:
    """Draw the page anew, as a click does or the clock of a live view."""
    app.run()
    assert not app.exception, [error.value for error in app.exception]
    return app


def open_page(page: str = "", **query: str) -> AppTest:
    """Open an address in a new tab."""
    app = AppTest.from_file(str(HOME), default_timeout=60)
    app.query_params.update(query)
    return visit(app, page) if page else rerun(app)


def open_stylize(**query: str) -> AppTest:
    return open_page(STYLIZE, **query)


def visit(app: AppTest, page: str) -> AppTest:
    """Go to a page by its link."""
    app.switch_page(page)
    rerun(app)
    app._page_hash = ""  # else each later run would come back here
    return app


def click(app: AppTest, *keys: str) -> AppTest:
    """Press buttons and wait for the page.

    In a dialog, first the button that opens it: AppTest draws the whole page anew where a browser
    draws the dialog alone.
    """
    for key in keys:
        app.button(key=key).click()
    return rerun(app)


def drop(app: AppTest, key: str, data: bytes, name: str = "picture.png") -> AppTest:
    """Drop a file on an upload field whose key begins with ``key``, whatever its count."""
    app.file_uploader(key=drop_key(app, key)).upload(name, data)
    return rerun(app)


def drop_key(app: AppTest, key: str) -> str:
    (found,) = (f.key for f in app.file_uploader if re.fullmatch(f"{key}_\\d+", f.key or ""))
    assert found is not None
    return found


def keys(app: AppTest) -> list[str]:
    """Return the keys of all buttons in the page's order."""
    return [button.key or "" for button in app.button]


def read(text: str) -> str:
    """Return what a person reads of a text whose Markdown is escaped."""
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", text).replace("\u2060", "")


def said(app: AppTest, *kinds: str) -> str:
    """Return all the words of a page, or those of some kinds."""
    found = [item.value for kind in kinds or SAID for item in getattr(app, kind)]
    return read("\n".join(found))


def images(app: AppTest) -> list[bytes]:
    """Return the pictures that a page shows, in order."""
    return [_decoded(url) for image in app.image for url in image.value]


def _decoded(url: str) -> bytes:
    if not url.startswith("data:"):  # the live view's
        return bytes(Media.last._storage.get_file(Path(url).name).content)  # type: ignore[attr-defined]
    with urllib.request.urlopen(url) as data:
        return bytes(data.read())


def captions(app: AppTest) -> list[str]:
    """Return the words under pictures."""
    return [read(caption) for image in app.image for caption in image.captions]


def download(app: AppTest, key: str) -> File:
    """Press a download button and return what comes."""
    proto = app.download_button(key=key).proto
    assert isinstance(proto, DownloadButton)
    assert not proto.disabled
    assert proto.ignore_rerun  # else the page would be drawn anew, and the picture flicker
    url = proto.url or Media.last.execute_deferred(proto.deferred_file_id)
    file: Any = Media.last._storage.get_file(Path(url).name)  # type: ignore[attr-defined]
    return File(file.filename, file.mimetype, bytes(file.content))


def popovers(app: AppTest) -> list[str]:
    """Return what the page's popovers are called."""
    return [block.proto.popover.label for block in app.get("popover")]


def markdown_of(app: AppTest, text: str) -> list[str]:
    """Return the elements that would draw ``text`` as Markdown, as it stands."""
    plain = {"text", "code", "text_input", "file_uploader", "root"}
    plain |= {"selectbox", "multiselect", "bidi_component"}  # their options; ours sets textContent
    return [
        f"{node.type}: {node.proto}"
        for node in app._tree
        if node.type not in plain and text in str(getattr(node, "proto", ""))
    ]


def badge(app: AppTest) -> str:
    """Return the state that stands beside the run's name."""
    found = [item.value for item in app.markdown if "-badge[" in item.value]
    match = re.fullmatch(r":\w+-badge\[:material/\w+: (\w+)\]", found[0])
    assert match is not None, found
    return match[1]


def bar(app: AppTest) -> tuple[int, str]:
    (found,) = app.main.progress
    return found.value, read(found.text)


def actions(app: AppTest) -> list[str]:
    """Return what can be done with the run that is shown."""
    row = app.main.get_by_key("actions")
    assert isinstance(row, Block)
    return [re.sub(r"_\d+$", "", button.key or "") for button in row.button]
