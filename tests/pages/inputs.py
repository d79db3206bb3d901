"""The pictures of the next run, put together as a person does."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.lab import SMALL, Lab, picture_bytes
from tests.pages.bench import click, drop, drop_key, keys, open_stylize, rerun, said

PHOTO, LAKE, WAVES = picture_bytes(3), picture_bytes(4, 40, 32), picture_bytes(5, 36, 36)
MASK = picture_bytes(6)  # of PHOTO's size


def with_pictures(*styles: bytes) -> AppTest:
    """Return a page with a content and styles, uploaded."""
    app = open_stylize()
    app.file_uploader(key=drop_key(app, "upload_content")).upload("mine.png", PHOTO)
    for number, data in enumerate(styles or (LAKE,)):
        drop(app, "upload_style", data, f"style-{number}.png")
    return app


def names(app: AppTest) -> list[str]:
    return [text.value for text in app.text]


def blends(app: AppTest) -> list[str]:
    return [item.key or "" for item in app.number_input if (item.key or "").startswith("blend_")]


def style_buttons(app: AppTest, beginning: str) -> list[str]:
    return [key for key in keys(app) if key.startswith(beginning)]


def loaded(app: AppTest, **settings: Any) -> AppTest:
    app.file_uploader(key="set_file").upload("s.json", json.dumps(SMALL | settings).encode())
    return rerun(app)


def run_now(app: AppTest, lab: Lab) -> int:
    """Press Run and return the new run's number."""
    before = lab.store.count()
    click(app, "run")
    assert lab.store.count() == before + 1, said(app, "error")
    return lab.store.runs(1)[0].id
