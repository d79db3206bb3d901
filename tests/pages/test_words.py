"""Times, sizes and states as a person says them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, get_args

import pytest

from nst_core import Run, StyleTransferConfig
from nst_core.store.records import State
from pages._ui.errors import plain
from pages._ui.words import (
    COLORS,
    ICONS,
    about,
    ago,
    duration,
    pixels,
    progress_line,
    speed,
)

RUN = Run(
    id=1,
    state="running",
    config=StyleTransferConfig(steps=300, levels=1),
    parent_id=None,
    created_at=0,
    started_at=0,
    ended_at=None,
    message="",
    step=100,
    steps=300,
    seconds=50.0,
    improvement=1.0,
    losses={},
    preview=None,
    preview_step=None,
    checkpoint=None,
    checkpoint_step=0,
    device=None,
    weights=None,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 seconds"),
        (3.21, "3.2 seconds"),
        (9.94, "9.9 seconds"),
        (10, "10 seconds"),
        (59.7, "1 minute"),
        (125, "2 minutes and 5 seconds"),
        (3600, "1 hour"),
        (3661, "1 hour and 1 minute"),
        (90_000, "1 day and 1 hour"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "about a second"),
        (1.4, "about a second"),
        (1.5, "about 2 seconds"),
        (89.4, "about 89 seconds"),
        (119, "about 2 minutes"),
        (120, "about 2 minutes"),
        (3600, "about an hour"),
        (3600 * 30, "about a day"),
    ],
)
def test_about(seconds: float, words: str) -> None:
    assert about(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (-5, "now"), (300, "5 minutes ago"), (7200, "2 hours ago"), (86400, "a day ago")],
)
def test_ago(seconds: float, words: str) -> None:
    assert ago(time.time() - seconds) == words


@pytest.mark.parametrize(
    ("steps_per_second", "words"),
    [
        (12.34, "12.3 steps per second"),
        (1, "1.0 steps per second"),
        (0.5, "2.0 seconds per step"),
        (0.04, "25.0 seconds per step"),
    ],
)
def test_speed(steps_per_second: float, words: str) -> None:
    assert speed(steps_per_second) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Step 100 of 300 · 2.0 steps per second · about 2 minutes left"),
        ({"step": 299, "seconds": 59.8}, "Step 299 of 300 · 5.0 steps per second · "
         "about a second left"),
        ({"step": 0, "seconds": 0.0}, "Step 0 of 300"),
        ({"seconds": 400.0}, "Step 100 of 300 · 4.0 seconds per step · about 13 minutes left"),
        ({"state": "cancelled"}, "Step 100 of 300 · 2.0 steps per second"),
    ],
)  # fmt: skip
def test_progress_line(changes: dict[str, Any], words: str) -> None:
    assert progress_line(replace(RUN, **changes)) == words


def test_sizes_are_width_x_height() -> None:
    assert pixels(640, 480) == "640 x 480 px"


def test_every_state_has_a_colour_and_an_icon() -> None:
    assert set(COLORS) == set(ICONS) == set(get_args(State))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("cat.png", "cat.png"),
        ("![x](http://e.example/a.png)", "\\!\\[x\\]\\(http\\:\u2060//e.example/a.png\\)"),
        ("HTTPS://e.example", "HTTPS\\:\u2060//e.example"),
        ("www.e.example", "www\u2060.e.example"),
        ("me@e.example", "me@\u2060e.example"),
        ("*a* _b_ `c` $d$ ~e~", r"\*a\* \_b\_ \`c\` \$d\$ \~e\~"),
        ("<img src=x>", r"\<img src=x\>"),
        (":red[x] :smile:", r"\:red\[x\] \:smile\:"),
        ("# a\n- b\r\n1. c", r"\# a \- b 1. c"),
        ("back\\slash", r"back\\slash"),
        ("ünï cödé ☃", "ünï cödé ☃"),
    ],
)
def test_plain_text_draws_nothing(text: str, escaped: str) -> None:
    assert plain(text) == escaped
