"""What is compared: in the address, so that it can be shared, and kept while a tab is open.

Widgets begin from what the address says and are then the truth. When the address, a button or a
return from another page brings another choice, the widgets get new keys and begin anew from it.

A browser tells the address that it has with each click, and that may be one of a moment ago: what
was written since is still on its way to it. So an address that this page wrote itself asks for
nothing, unless the browser's Back or Forward brought it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from nst_core import (
    COLOR_METHODS,
    MOST_SIDES,
    ConfigError,
    RunError,
    Side,
    Store,
    find_side,
)

VIEWS = {
    "side": "Side by side",
    "wipe": "Wipe",
    "blink": "Blink",
    "difference": "Difference",
    "grid": "Grid of runs",
}
SCALES = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""What the difference may draw in white, in CIEDE2000."""
STATE = "compare_state"  # in the session; a widget of this key, on any page, would take its value
MOST_FORMER = 50  # addresses; clicks that are nearer to each other than a browser hears
FIRST_METHOD = COLOR_METHODS[1]


@dataclass(frozen=True)
class Choice:
    """What a comparison shows.

    Attributes:
        view: one of VIEWS.
        a, b: the pair.
        runs: the runs of the grid, whose results get the colours of ``grid_colors``.
        white: the CIEDE2000 that the difference draws in white; None fits it to the pictures.
    """

    a: Side
    b: Side
    view: str = "side"
    runs: tuple[int, ...] = ()
    grid_colors: Side = field(default=Side(0))
    white: float | None = None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The pictures in order: those of the grid, or A and B."""
        if self.view != "grid":
            return self.a, self.b
        colors = self.grid_colors
        return tuple(
            Side(run_id).treated(colors.method, colors.percent, colors.mask) for run_id in self.runs
        )

    def to_query(self) -> dict[str, str]:
        """Return the address's query."""
        if self.view == "grid":
            colors = str(self.grid_colors).partition("~")[2]
            query = {"view": "grid", "runs": ",".join(map(str, self.runs))}
            return query | ({"colors": colors} if colors else {})
        query = {"view": self.view, "a": str(self.a), "b": str(self.b)}
        if self.view == "difference" and self.white is not None:
            query["white"] = f"{self.white:g}"
        return query


@dataclass
class _Kept:
    choice: Choice
    generation: int = 0  # of the widgets
    query: dict[str, str] = field(default_factory=dict)  # the address as it was written last
    former: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_FORMER))
    changes: list[Callable[[Choice], Choice]] = field(default_factory=list)  # to be made
    masks: dict[tuple[str, int], str] = field(default_factory=dict)  # by letter and run


def raw_and_corrected(run_id: int) -> Choice:
    """Return the default pair: one run's result, raw and with its colours corrected."""
    method = st.session_state.get("correct_method", FIRST_METHOD)
    return Choice(Side(run_id), Side(run_id).treated(method))


def read_query(query: Mapping[str, str]) -> Choice | None:
    """Return what an address asks for, None where it names nothing.

    Raises:
        ConfigError: it cannot be read.
    """
    runs = _run_ids(query.get("runs", ""))
    if "a" not in query and not runs:
        return None
    view = query.get("view") or ("grid" if len(runs) > 2 else "side")
    if view not in VIEWS:
        raise ConfigError(f"there is no view {view[:40]!r}; use one of {', '.join(VIEWS)}")
    if "a" not in query:
        if len(runs) == 1 and view != "grid":
            return replace(raw_and_corrected(runs[0]), view=view)
        pair = (Side(runs[0]), Side(runs[-1]))
        colors = Side.parse(f"0~{query['colors']}") if query.get("colors") else Side(0)
        return Choice(*pair, view, runs, colors)
    a = Side.parse(query["a"])
    b = Side.parse(query["b"]) if "b" in query else raw_and_corrected(a.run_id).b
    runs = runs or tuple(dict.fromkeys((a.run_id, b.run_id)))
    return Choice(a, b, view, runs, white=_white(query.get("white", "")))


def _white(text: str) -> float | None:
    if not text:
        return None
    found = next((scale for scale in SCALES if f"{scale:g}" == text), None)
    if found is None:
        known = ", ".join(f"{scale:g}" for scale in SCALES)
        raise ConfigError(f"white cannot be {text[:40]!r}; use one of {known}")
    return found


def _run_ids(text: str) -> tuple[int, ...]:
    numbers = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in numbers if not part.isdecimal() or len(part) > 9]
    if wrong:
        raise ConfigError(f"{wrong[0][:40]!r} is no run's number; list runs as 12,13,14")
    found = tuple(dict.fromkeys(map(int, numbers)))
    if len(found) > MOST_SIDES:
        raise ConfigError(f"{len(found)} runs are too many side by side; choose {MOST_SIDES}")
    return found


def begin(store: Store) -> tuple[Choice, int] | None:
    """Return what to compare and the generation of its widgets; None while there is nothing.

    Raises:
        NSTError: the address names what is not there. What was compared before is kept.
    """
    query = st.query_params.to_dict()
    kept: _Kept | None = st.session_state.get(STATE)
    if kept is not None and not _asks(query, kept):
        try:
            _check(store, kept.choice)
        except RunError:  # deleted meanwhile
            if _names_pictures(query):
                raise
        else:
            return kept.choice, kept.generation
    wanted = read_query(query) or _newest(store)
    if wanted is None:
        return None
    _check(store, wanted)
    return wanted, _renew(wanted).generation


def _asks(query: dict[str, str], kept: _Kept) -> bool:
    """Whether an address asks for something else than what is compared."""
    if query == kept.query or not _names_pictures(query):
        return False
    return query not in kept.former or _came_back()


def _names_pictures(query: Mapping[str, str]) -> bool:
    """Whether an address names what to compare; one of another page does not."""
    return bool(query.get("a") or query.get("runs"))


def _came_back() -> bool:
    """Whether the browser's Back or Forward brought the address."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def _check(store: Store, choice: Choice) -> None:
    for side in choice.sides:
        find_side(store, side)


def _newest(store: Store) -> Choice | None:
    for run in store.runs(50):
        if store.snapshots(run.id):
            return raw_and_corrected(run.id)
    return None


def forget() -> None:
    """Begin with the newest run again."""
    st.session_state.pop(STATE, None)
    st.query_params.clear()


def ask(change: Callable[[Choice], Choice]) -> None:
    """Ask for a change of what the widgets say; for callbacks of buttons.

    It is made once the widgets were read: a callback is called before, and what it was given when
    the page was drawn may be older than they are.
    """
    kept: _Kept = st.session_state[STATE]
    kept.changes.append(change)


def settle(choice: Choice) -> None:
    """Take what the widgets say, and write it into the address; make what buttons asked for."""
    kept: _Kept = st.session_state[STATE]
    changes, kept.changes = kept.changes, []
    for change in changes:
        choice = _renew(change(choice)).choice
    kept.choice, query = choice, choice.to_query()
    # Also where the browser told this address: another one may be on its way to it
    if query != kept.query or query != st.query_params.to_dict():
        kept.former.append(kept.query)
        kept.query = query
        st.query_params.from_dict(query)
    if changes:
        st.rerun()


def _renew(choice: Choice) -> _Kept:
    """Begin with new widgets from a choice that the present ones did not make."""
    kept: _Kept = st.session_state.setdefault(STATE, _Kept(choice))
    kept.choice = choice
    kept.generation += 1
    kept.masks.clear()
    return kept


def mask_of(letter: str, side: Side) -> str:
    """Return a side's mask, or the one that was taken off it last; ``""`` for none."""
    kept: _Kept = st.session_state[STATE]
    if side.mask:
        kept.masks[letter, side.run_id] = side.mask
    return kept.masks.get((letter, side.run_id), "")
