"""The axes of a sweep: what is varied, and over which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import streamlit as st

from nst_core import (
    Axis,
    ConfigError,
    NSTError,
    Store,
    StoredPicture,
    StyleTransferConfig,
    describe_value,
    parse_axis,
)
from pages._ui.errors import plain, sentence
from pages._ui.settings_fields import words_for
from pages._ui.settings_state import bind
from pages._ui.sweep_axes_fields import AxisField, axis_field, axis_fields, first_values
from pages._ui.sweep_axes_pictures import draw_pictures, find_pictures, first_pictures
from pages._ui.sweep_axes_state import PICTURES, AxisDraft, draft, draft_of, typed_list

MOST_SHOWN = 10  # values in a line
MOST_ENTERED = 10_000  # of a range; the core's own limit
FORMS = ["List", "Range"]
SCALES = {"linear": "Linear", "log": "Log"}


@dataclass
class Axes:
    """What the axes say.

    Attributes:
        axes: those that can be used.
        pictures: of an axis ``content`` or ``style``, the picture of each value.
        wrong: the labels of those that cannot; why stands under them.
    """

    axes: list[Axis] = field(default_factory=list)
    pictures: dict[str, Mapping[str, StoredPicture]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def axes_panel(store: Store, layers: Sequence[str], base: StyleTransferConfig) -> Axes:
    """Draw the axes, and what adds one; return what they say."""
    found = Axes()
    if not draft().axes:
        st.caption(
            "Each axis is a setting with the values that it takes. One axis makes a row of "
            "pictures, two make a table, and every run is otherwise the same."
        )
    for axis in list(draft().axes):
        with st.container(border=True, key=f"sweep_axis_{axis.slot}", gap="xsmall"):
            _draw_axis(store, axis, found)
    _draw_adders(store, layers, base)
    return found


def _draw_axis(store: Store, axis: AxisDraft, found: Axes) -> None:
    what = axis_field(axis.name)
    _draw_head(axis, what)
    if axis.name in PICTURES:
        draw_pictures(store, axis)
    elif axis.choices:
        _draw_choices(axis)
    elif axis.form == "List":
        _draw_entry(axis, "listed", "Values", label_visibility="collapsed")
    else:
        _draw_range(axis)
    try:
        read = axis.read(is_grid=draft().is_grid)
        line = values_line(read, is_grid=draft().is_grid)
    except ConfigError as error:
        _say_wrong(str(error).removeprefix(f"{axis.name}: "))  # which stands above
        found.wrong.append(what.label)
        return
    found.axes.append(read)
    if axis.name in PICTURES:
        found.pictures[axis.name] = axis.by_name
    elif not axis.choices:  # which show what is chosen themselves
        st.caption(plain(line))


def _say_wrong(text: str) -> None:
    """Say in a line what is wrong with the entry above."""
    st.markdown(f":small[:red[:material/error: {sentence(text)}]]")


def values_line(axis: Axis, *, is_grid: bool) -> str:
    """Say which values result: ``1e3, 1e4, 1e5``; of many, the first and the last."""
    if not (axis.values or is_grid):
        ends = f"{describe_value(axis.low)} to {describe_value(axis.high)}"
        whole = "whole number" if axis.is_integer else "value"
        return f"any {whole} from {ends}, {axis.scale}"
    texts = [describe_value(value) for value in axis.grid]
    if len(texts) > MOST_SHOWN:
        return f"{', '.join(texts[:4])} … {texts[-1]} ({len(texts):,} values)"
    return ", ".join(texts) + (" (1 value)" if len(texts) == 1 else "")


def _draw_head(axis: AxisDraft, what: AxisField) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(key=f"sweep_axis_{axis.slot}_title"):
            code = f" :small[:gray[{plain(what.code)}]]" if what.code else ""
            st.markdown(f"**{plain(what.label)}**{code}", help=what.help)
        if axis.setting.is_number:
            key = bind(f"sweep_axis_{axis.slot}_form", axis.form)
            st.segmented_control(
                "Values as",
                FORMS,
                required=True,
                key=key,
                on_change=_take_form,
                args=(axis, key),
                label_visibility="collapsed",
                width="content",
            )
        st.button(
            "Remove",
            key=f"sweep_axis_{axis.slot}_remove",
            icon=":material/close:",
            type="tertiary",
            on_click=draft().remove,
            args=(axis,),
        )


def _draw_choices(axis: AxisDraft) -> None:
    key = f"sweep_axis_{axis.slot}_picked"
    st.multiselect(
        "Values",
        axis.choices,
        format_func=words_for,
        key=bind(key, axis.picked),
        on_change=_take,
        args=(axis, "picked", key),
        placeholder="Choose at least one",
        label_visibility="collapsed",
    )


def _draw_entry(axis: AxisDraft, entry: str, label: str, **more: Any) -> None:
    key = f"sweep_axis_{axis.slot}_{entry}"
    st.text_input(
        label,
        key=bind(key, getattr(axis, entry)),
        on_change=_take,
        args=(axis, entry, key),
        **more,
    )


def _draw_range(axis: AxisDraft) -> None:
    low, high, scale, count = st.columns(4, gap="small")
    with low:
        _draw_entry(axis, "low", "From")
    with high:
        _draw_entry(axis, "high", "To")
    key = f"sweep_axis_{axis.slot}_scale"
    scale.selectbox(
        "Divided",
        list(SCALES),
        format_func=SCALES.__getitem__,
        key=bind(key, axis.scale),
        on_change=_take,
        args=(axis, "scale", key),
        help="Linear: equal steps; log: equal factors, as suits weights.",
    )
    if draft().is_grid:
        key = f"sweep_axis_{axis.slot}_count"
        count.number_input(
            "How many",
            2,
            MOST_ENTERED,
            key=bind(key, axis.count),
            on_change=_take,
            args=(axis, "count", key),
        )


def _draw_adders(store: Store, layers: Sequence[str], base: StyleTransferConfig) -> None:
    now = draft()
    fields = axis_fields(layers)
    offered = [name for name in fields if name not in [axis.name for axis in now.axes]]
    chooser, typer = st.columns([3, 2], gap="small")
    chooser.selectbox(
        "Add an axis",
        offered,
        index=None,
        format_func=lambda name: fields[name].title,
        key=bind("sweep_add", None, tuple(offered)),
        on_change=_add,
        args=(base,),
        placeholder="Search a setting, a layer or the pictures",
        help="What the runs differ in: any setting, a layer's weight, or the pictures.",
    )
    typer.text_input(
        "or as text",
        key=bind("sweep_typed", now.typed),
        on_change=_add_typed,
        args=(store,),
        placeholder="beta=1e3:1e6:log:5",
        help="As on the command line: a list, steps=100,300, or a range, "
        "beta=1e3:1e6:log:5. It takes the place of an axis of that name.",
    )
    if now.refused is not None:
        _say_wrong(str(now.refused))
    if now.removed is not None:
        label = axis_field(now.removed[1].name).label
        st.button(
            f"Undo: bring back {plain(label)}",
            key="sweep_undo",
            icon=":material/undo:",
            type="tertiary",
            on_click=now.undo,
        )


def _take(axis: AxisDraft, entry: str, key: str) -> None:
    """Keep an entry; an emptied number box leaves the number that was there."""
    if st.session_state[key] is not None:
        setattr(axis, entry, st.session_state[key])


def _take_form(axis: AxisDraft, key: str) -> None:
    """Change to a list or a range; a list begins with the range's values, as far as there are."""
    if st.session_state[key] == "List" and axis.form == "Range":
        with suppress(ConfigError):  # of a range that says nothing yet
            axis.listed = typed_list(axis.read(is_grid=True))
    axis.form = st.session_state[key]


def _add(base: StyleTransferConfig) -> None:
    name = st.session_state["sweep_add"]
    if name is None:
        return
    axis = first_values(name, base)
    axis.pictures = first_pictures(name) if name in PICTURES else []
    draft().put(axis)


def _add_typed(store: Store) -> None:
    now = draft()
    now.typed, now.refused = st.session_state["sweep_typed"], None
    if not now.typed.strip():
        return
    try:
        axis = _read_typed(now.typed)
        pictures = []
        if axis.name in PICTURES:
            pictures = find_pictures(store, axis.name, [str(value) for value in axis.values])
    except NSTError as error:
        now.refused = error
        return
    now.put(draft_of(axis, pictures))
    now.typed = ""


def _read_typed(text: str) -> Axis:
    """Read an axis; of a name that is none, say the nearest instead of all that there are."""
    name, equals, _ = (part.strip() for part in text.partition("="))
    known = [*PICTURES, *StyleTransferConfig.model_fields]
    if equals and name.partition(".")[0] not in known:
        near = get_close_matches(name, known, 1)
        remedy = f"did you mean {near[0]}?" if near else "search the list for it"
        raise ConfigError(f"there is no setting {name[:60]!r} to vary; {remedy}")
    return parse_axis(text)
