"""The layers and their weights: presets, one slider a layer, and the content's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import streamlit as st

from nst_core import LAYERS, default_config
from pages._ui.settings_fields import catalogue
from pages._ui.settings_state import bind, settle, usual_settings, values

SLIDER_WIDTH = 68
PRESETS = ("paper", "shallow", "deep", "equal")


def preset(name: str, layers: Sequence[str]) -> dict[str, float]:
    """Return a preset's style layers with their weights, of those on offer."""
    paper = dict(default_config(layers).style_layers)
    if name == "paper":
        return paper
    firsts = list(paper)
    chosen = {"shallow": firsts[:2], "deep": firsts[-2:], "equal": list(layers) or firsts}[name]
    return dict.fromkeys(chosen, 1 / len(chosen))


def draw_layers(layers: Sequence[str]) -> None:
    """Draw the widgets of the style's and the content's layers."""
    _say_defaults(layers)
    _say_missing(layers)
    _draw_presets(layers)
    weights = values()["style_layers"]
    top = _top("style_layers", weights)
    for _, block in groupby(_offered(layers, weights), key=lambda layer: layer.split("_")[0]):
        _draw_sliders("style_layers", block, layers, top)
    _draw_content(layers)


def _draw_presets(layers: Sequence[str]) -> None:
    setting = catalogue()["style_layers"]
    weights = {layer: share for layer, share in values()["style_layers"].items() if share}
    fitting = [name for name in PRESETS if preset(name, layers) == weights]
    st.segmented_control(
        setting.label,
        PRESETS,
        format_func=str.capitalize,
        key=bind("set_preset", fitting[0] if fitting else None),
        on_change=_take_preset,
        args=(tuple(layers),),
        help=f"{setting.help} Paper: the first of each block; shallow: the first two of these, "
        "fine texture; deep: the last two, large forms; equal: every layer.",
    )


def _draw_content(layers: Sequence[str]) -> None:
    setting = catalogue()["content_layers"]
    weights = values()["content_layers"]
    offered = _offered(layers, dict.fromkeys(weights, 1.0))
    names = [layer for layer in offered if layer in weights]
    st.multiselect(
        setting.label,
        offered,
        key=bind("set_content_layers", names, tuple(offered)),
        on_change=_take_content,
        help=setting.help,
        placeholder="None: the photograph does not count",
    )
    _draw_sliders("content_layers", names, layers, _top("content_layers", weights))


def _draw_sliders(field: str, names: Iterable[str], layers: Sequence[str], top: float) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        for layer in names:
            key = bind(f"set_{field}_{layer}", values()[field].get(layer, 0.0), top)
            st.slider(
                layer if layer in layers else f"{layer} :material/warning:",
                0.0,
                top,
                step=top / 100,
                format="%.3g",
                key=key,
                on_change=_take_weight,
                args=(field, layer, key),
                width=SLIDER_WIDTH,
            )


def _top(field: str, weights: Mapping[str, float]) -> float:
    """Return the sliders' upper end: 1, or what the largest weight since the last load needed.

    It only grows, so that the scale does not change under a thumb on its way down.
    """
    key = f"set_{field}_top"
    top: float = max(st.session_state.get(key, 1.0), *weights.values(), 1.0)
    st.session_state[key] = top
    return top


def _offered(layers: Sequence[str], weights: Mapping[str, float]) -> list[str]:
    """Return the layers to show in order: those on offer, and others that have a weight."""
    return [layer for layer in LAYERS if layer in layers or weights.get(layer, 0) > 0]


def _say_defaults(layers: Sequence[str]) -> None:
    kept, usual, end = usual_settings(layers), default_config(), max(layers, key=LAYERS.index)
    content = ", ".join(dict(kept.content_layers))
    if end != LAYERS[-1] and kept != usual:
        st.caption(
            f"These network weights end at {end}. The defaults here: "
            f"style {', '.join(dict(kept.style_layers))}; content {content}."
        )
    elif kept.content_layers != usual.content_layers:
        st.caption(
            f"With these network weights the content is kept better by {content}, which is the "
            f"default here in place of {', '.join(dict(usual.content_layers))}."
        )
    if values()["style_statistic"] == "patches":
        st.caption(
            "The style's layers have no part in the style statistic “Patches of pixels”, which "
            "these network weights look best with; choose another under Advanced to use them."
            if kept.style_statistic == "patches"
            else "The style's layers have no part in the style statistic “Patches of pixels”; "
            "choose another under Advanced to use them."
        )


def _say_missing(layers: Sequence[str]) -> None:
    weighed = [*values()["style_layers"].items(), *values()["content_layers"].items()]
    named = {layer for layer, weight in weighed if weight > 0}
    missing = [layer for layer in LAYERS if layer in named and layer not in layers]
    if missing:
        st.warning(
            f"Not in the network weights in use: {', '.join(missing)}. Set to 0 or take out, or "
            "choose other network weights.",
            icon=":material/warning:",
        )


def _take_preset(layers: Sequence[str]) -> None:
    name = st.session_state["set_preset"]
    if name:
        settle("style_layers", preset(name, layers))


def _take_content() -> None:
    weights = values()["content_layers"]
    names = st.session_state["set_content_layers"]
    settle("content_layers", {layer: weights.get(layer, 1.0) for layer in names})


def _take_weight(field: str, layer: str, key: str) -> None:
    """Keep a slider's weight; a style layer drawn down to 0 is no longer listed."""
    weight: float = st.session_state[key]
    others = {name: share for name, share in values()[field].items() if name != layer}
    listed = weight > 0 or field == "content_layers"
    settle(field, {**others, layer: weight} if listed else others)
