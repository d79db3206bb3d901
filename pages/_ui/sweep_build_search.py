"""Who chooses the values of a sweep, towards which goals, and how many runs there are to be."""

from __future__ import annotations

from typing import Any

import streamlit as st

from nst_core import GOALS, METRIC_NOTES, NUMBERS, SAMPLERS, ConfigError, Goal
from pages._ui.errors import plain, show_error
from pages._ui.settings_state import bind
from pages._ui.sweep_axes_state import draft

MOST_COUNT = 10**9
MOST_SEED = 2**32 - 1
FEWEST_GOALS = {"tpe": 1, "gp": 1, "nsga2": 2}  # two at most
SECOND_GOALS = ("content_distance", "style_distance")
DIRECTIONS = {"minimise": "Low", "maximise": "High"}
TOTAL_NOTE = (
    "The run's own final loss. Weights weigh it, so it compares only runs with the same alpha, "
    "beta, gamma and layers."
)
HELP = (
    "A grid shows every combination side by side. Random search covers many axes with few runs. "
    "The others learn from what ended and choose what to try next."
)


def search_panel() -> tuple[Goal, ...] | None:
    """Draw the choice of sampler, goals and numbers of runs.

    Returns:
        The goals, none for a sampler without; None where they cannot be used, which is said.
    """
    now = draft()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Who chooses the values",
            list(SAMPLERS),
            format_func=lambda name: SAMPLERS[name],
            key=bind("sweep_sampler", now.sampler),
            on_change=_take_sampler,
            help=HELP,
        )
        if not now.is_grid:
            _draw_count("trials", "Trials", MOST_COUNT, "Choices of values that are tried.")
        _draw_count(
            "replicates",
            "Replicates",
            MOST_COUNT,
            "How often each choice is run, each time with the next seed, to tell what matters "
            "from chance. 1 is none.",
        )
    goals = _draw_goals() if now.sampler in FEWEST_GOALS else ()
    if not now.is_grid:
        with st.expander("Advanced", key="sweep_advanced"):
            help_text = "Seed of what the sampler draws; the same seed draws the same."
            _draw_count("sampler_seed", "Sampler's seed", MOST_SEED, help_text, low=0)
    return goals


def _draw_count(name: str, label: str, most: int, help_text: str, *, low: int = 1) -> None:
    key = f"sweep_{name}"
    st.number_input(
        label,
        low,
        most,
        step=1,
        key=bind(key, getattr(draft(), name)),
        on_change=_take_count,
        args=(name, key),
        help=help_text,
        width=150,
    )


def _draw_goals() -> tuple[Goal, ...] | None:
    """Draw goals and directions, and return them; None where they cannot be used."""
    now, fewest = draft(), FEWEST_GOALS[draft().sampler]
    st.multiselect(
        "Goals" if fewest == 2 else "Goal, or two to trade off",
        list(GOALS),
        max_selections=2,
        format_func=lambda name: NUMBERS[name],
        key=bind("sweep_goals", now.goals),
        on_change=_take_goals,
        placeholder="Choose what the sampler aims at",
    )
    goals = []
    for name in now.goals:
        _draw_direction(name)
        try:
            goals.append(Goal(name, _direction(name)))  # type: ignore[arg-type]
        except ConfigError:
            show_error(ConfigError(f"{NUMBERS[name]}: choose whether it is to be low or high"))
    if len(now.goals) < fewest:
        wanted = "two goals" if fewest == 2 else "a goal, or two"
        show_error(ConfigError(f"choose {wanted} for the sampler to aim at"))
    complete = len(goals) == len(now.goals) >= fewest
    return tuple(goals) if complete else None


def _draw_direction(name: str) -> None:
    key = f"sweep_direction_{name}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            NUMBERS[name],
            list(DIRECTIONS),
            format_func=DIRECTIONS.__getitem__,
            key=bind(key, _direction(name)),
            on_change=_take_direction,
            args=(name, key),
            label_visibility="collapsed",
            width="content",
        )
        with st.container():
            st.caption(f"**{plain(NUMBERS[name])}** · {plain(_note(name))}")


def _direction(name: str) -> str | None:
    """Return which way a goal goes: as chosen, else as the metric says; None where it does not."""
    return draft().directions.get(name, GOALS[name])


def _note(name: str) -> str:
    return next((info.text for info in METRIC_NOTES if info.name == name), TOTAL_NOTE)


def _take_sampler() -> None:
    """Keep the sampler; one that goes between two goals begins with two."""
    now = draft()
    now.sampler = st.session_state["sweep_sampler"]
    if len(now.goals) < FEWEST_GOALS.get(now.sampler, 0):
        more = [name for name in SECOND_GOALS if name not in now.goals]
        now.goals = [*now.goals, *more][: FEWEST_GOALS[now.sampler]]


def _take_count(name: str, key: str) -> None:
    """Keep a number; an emptied box leaves the one that was there."""
    number: Any = st.session_state[key]
    if number is not None:
        setattr(draft(), name, int(number))


def _take_goals() -> None:
    draft().goals = list(st.session_state["sweep_goals"])


def _take_direction(name: str, key: str) -> None:
    draft().directions[name] = st.session_state[key]
