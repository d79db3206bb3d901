"""Which runs the history shows: what the filters say, in the session and in the address."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from nst_core import NUMBER_SETTINGS, RUN_ORDERS, RunFilter, exact_number
from pages._ui.words import COLORS

STATES = tuple(COLORS)
VIEW = "runs_view"
WRITTEN = "runs_written"
GENERATION = "runs_generation"
COMPLAINT = "runs_complaint"
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True)
class View:
    """What the filters of the Runs page say.

    Attributes:
        first, last: the days of creation, themselves included, as the browser counts days.
        order: of :data:`RUN_ORDERS`.
        page: from 1.

    The others are as in :class:`RunFilter`.
    """

    text: str = ""
    states: tuple[str, ...] = ()
    content: str | None = None
    style: str | None = None
    order: Any = "newest"
    first: date | None = None
    last: date | None = None
    stars: int | None = None
    setting: str | None = None
    low: float | None = None
    high: float | None = None
    page: int = 1

    @property
    def rarer(self) -> list[str]:
        """What those filters say that stand behind "More"."""
        found = []
        if self.first or self.last:
            found.append(f"created {self.first or 'any day'} to {self.last or 'today'}")
        if self.stars:
            found.append(f"rated {'★' * self.stars} or better")
        if self.setting and self.low is not None:
            found.append(f"{self.setting} at least {exact_number(self.low)}")
        if self.setting and self.high is not None:
            found.append(f"{self.setting} at most {exact_number(self.high)}")
        return found

    @property
    def is_filtered(self) -> bool:
        """Whether it may leave out runs."""
        return bool(self.text or self.states or self.content or self.style or self.rarer)

    def cleared(self) -> View:
        """Return a view of all runs in the same order."""
        return View(order=self.order)

    def filter(self) -> RunFilter:
        """Return what to look for in the store."""
        return RunFilter(
            states=self.states,  # type: ignore[arg-type]
            since=_midnight(self.first),
            until=_midnight(self.last, days=1),
            content=self.content,
            style=self.style,
            text=self.text,
            setting=self.setting,
            low=self.low,
            high=self.high,
            stars=self.stars,
        )


def zone() -> ZoneInfo:
    """Return the browser's time zone; UTC where it has none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _midnight(day: date | None, *, days: int = 0) -> float | None:
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time(), zone()).timestamp()


def number(text: str) -> float | None:
    """Read a number as people type it; None for nothing.

    Raises:
        ValueError: it is none, in words.
    """
    tight = "".join(text.split())
    if not tight:
        return None
    found: float = math.nan
    for read in (float, int):  # the last that can: a seed has more digits than a float
        with suppress(ValueError):
            found = read(tight)
    if not abs(found) <= 1e300:
        raise ValueError(f"{text.strip()[:40]!r} is no number; write it as 0.5 or 1e8")
    return found


# The address

_WORDS = {"states": "state", "order": "sort", "first": "from", "last": "to"}


def _chosen(text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise ValueError(f"it is one of {', '.join(choices)}")
    return text


def _whole(text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= most:
        raise ValueError(f"it is 1 to {most}")
    return int(text[:9])


def _day(text: str) -> date:
    with suppress(ValueError):
        found = date.fromisoformat(text)
        if FIRST_DAY <= found <= LAST_DAY:
            return found
    raise ValueError("a day is written as 2026-01-31")


_READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "content": str,
    "style": str,
    "order": lambda text: _chosen(text, tuple(RUN_ORDERS)),
    "first": _day,
    "last": _day,
    "stars": lambda text: _whole(text, 5),
    "setting": lambda text: _chosen(text, NUMBER_SETTINGS),
    "low": number,
    "high": number,
    "page": lambda text: _whole(text, 10**8),
}


def read_query(query: Mapping[str, Sequence[str]]) -> tuple[View, list[str]]:
    """Read an address's query; return the view, and what of it was no use, in words."""
    found: dict[str, Any] = {}
    complaints = []
    states = query.get("state", ())
    found["states"] = tuple(state for state in STATES if state in states)
    complaints += [f"state {s[:40]!r}: it is one of {', '.join(STATES)}"
                   for s in states if s not in STATES]  # fmt: skip
    for name, reader in _READERS.items():
        for text in query.get(_WORDS.get(name, name), ())[-1:]:
            try:
                found[name] = reader(text)
            except ValueError as error:
                complaints.append(f"{_WORDS.get(name, name)} {text[:40]!r}: {error}")
    return View(**found), complaints


def write_query(view: View) -> dict[str, list[str]]:
    """Write a view as an address's query; what is as always is left out."""
    query: dict[str, list[str]] = {}
    for field in fields(View):
        value = getattr(view, field.name)
        if value == field.default:
            continue
        values = value if isinstance(value, tuple) else (value,)
        query[_WORDS.get(field.name, field.name)] = [
            exact_number(item) if isinstance(item, int | float) else str(item) for item in values
        ]
    return query


NAMES = tuple(_WORDS.get(field.name, field.name) for field in fields(View))


def _query() -> dict[str, list[str]]:
    return {name: found for name in NAMES if (found := st.query_params.get_all(name))}


# The session


def begin_view(here: str) -> View:
    """Return the view that the address names, or else the session's.

    Args:
        here: key of a widget of the page; where it is not known, the page was just come to, and
            an address without a query means what was looked at before.
    """
    query = _query()
    state = st.session_state
    entered = f"{here}_{state.get(GENERATION, 0)}" not in state
    if query != state.get(WRITTEN, {}) and (query or not entered):
        asked, complaints = read_query(query)
        state[COMPLAINT] = "; ".join(complaints[:3])
        put_view(asked)
    view: View = state.get(VIEW, View())
    keep_view(view)
    return view


def keep_view(view: View) -> None:
    """Keep what the widgets say, here and in the address."""
    st.session_state[VIEW] = view
    query = write_query(view)
    if query != _query():
        others = {name: st.query_params.get_all(name) for name in st.query_params
                  if name not in NAMES}  # fmt: skip
        st.query_params.from_dict(others | query)
    st.session_state[WRITTEN] = query


def put_view(view: View) -> None:
    """Make ``view`` what the widgets say, from the next time that they are drawn."""
    state = st.session_state
    state[VIEW] = view
    state[GENERATION] = state.get(GENERATION, 0) + 1


def clear_filters() -> None:
    """Show all runs again."""
    put_view(st.session_state.get(VIEW, View()).cleared())
    keep_view(st.session_state[VIEW])


def key(name: str) -> str:
    """Return a widget's key: another one when its value was put by something else than a hand."""
    return f"{name}_{st.session_state.get(GENERATION, 0)}"
