"""Plan a sweep: pictures and base settings on the left, what varies on the right."""

from __future__ import annotations

import streamlit as st

from nst_core import (
    ConfigError,
    Goal,
    NSTError,
    Store,
    StyleTransferConfig,
    SweepPlan,
    describe_value,
)
from pages._ui.chosen import Chosen
from pages._ui.errors import plain, show_error
from pages._ui.pictures import picture_panel
from pages._ui.settings import put_settings, settings_panel
from pages._ui.settings_state import DRAWN_AT, chosen_weights, end, usual_settings
from pages._ui.sweep_axes import Axes, axes_panel
from pages._ui.sweep_axes_state import draft
from pages._ui.sweep_build_search import search_panel
from pages._ui.sweep_build_start import start_panel
from pages._ui.weights import chosen_layers, weights_caption

SMALL = 256  # px of the long edge: enough to compare looks, a quarter of the default's work


def build_sweep(store: Store) -> None:
    """Draw what plans a new sweep: pictures, base settings, axes, sampler, count and time, Start.

    Start queues the runs, and draws the page anew with ``?sweep=ID`` in its address.
    """
    layers = chosen_layers()
    left, right = st.columns([4, 7], gap="medium")
    with left:
        with st.container(border=True, key="sweep_pictures"):
            now = picture_panel(store)
        base = _base_settings(layers)
        weights_caption(chosen_weights())
    st.session_state.pop(DRAWN_AT, None)  # the settings are drawn, and the rest not yet
    with right:
        with st.container(key="sweep_axes"):
            st.markdown("**What varies**")
            axes = axes_panel(store, layers, base or usual_settings(layers))
        with st.container(border=True, key="sweep_search"):
            goals = search_panel()
        with st.container(border=True, key="sweep_summary"):
            _start(store, base, now, axes, goals)
    end()


def _base_settings(layers: tuple[str, ...]) -> StyleTransferConfig | None:
    """Draw the session's settings, and what of them is not the default; None if unusable."""
    config: StyleTransferConfig | None = None
    with st.container(border=True, key="sweep_base"):
        line = st.container(gap="xsmall")
        with st.expander("Base settings", key="sweep_settings"):
            try:
                config = settings_panel(layers)
            except NSTError as error:
                with line:
                    show_error(error)
        if config is not None:
            with line:
                _say_base(config, layers)
    return config


def _say_base(config: StyleTransferConfig, layers: tuple[str, ...]) -> None:
    st.markdown("**Settings that do not vary**")
    st.caption(plain(base_line(config, layers)))
    varied = {axis.name for axis in draft().axes}
    if config.size > SMALL and "size" not in varied:
        st.button(
            f"Run at {SMALL} px",
            key="sweep_small",
            type="tertiary",
            icon=":material/speed:",
            help=f"Sweeps are usually run small: {SMALL} px takes about "
            f"{SMALL**2 / config.size**2:.0%} of the time, and a look found there carries over. "
            "Can be undone in the base settings.",
            on_click=put_settings,
            args=(config.changed(size=SMALL),),
        )


def base_line(config: StyleTransferConfig, layers: tuple[str, ...]) -> str:
    """Say size and steps, and what else is not the default."""
    usual = usual_settings(layers)
    parts = [f"size {config.size} px", f"steps {config.steps}"]
    for name in type(config).model_fields:
        value = getattr(config, name)
        if name not in ("size", "steps", "style_weights") and value != getattr(usual, name):
            parts.append(f"{name} {describe_value(value)}")
    return f"{', '.join(parts)}; all else default"


def _start(
    store: Store,
    base: StyleTransferConfig | None,
    now: Chosen,
    axes: Axes,
    goals: tuple[Goal, ...] | None,
) -> None:
    """Draw the summary and Start, for what the other panels said."""
    varied = {axis.name for axis in draft().axes}
    plan: SweepPlan | NSTError | None = None
    missing = ""
    if base is None:
        missing = "The base settings do not go together; see on the left."
    elif axes.wrong:
        missing = f"Correct what is wrong above: {', '.join(axes.wrong)}."
    elif goals is None:
        missing = "Choose the goals above."
    elif not axes.axes and draft().replicates == 1:
        missing = "Nothing is varied yet: add an axis, or ask for replicates."
    else:
        plan = _plan(base, axes, goals, varies_style="style" in varied)
        missing = _missing_pictures(now, varied)
    if "content" in varied and now.content_mask is not None:
        st.caption("The content's mask is left out: it belongs to one picture.")
    start_panel(store, plan, now, axes.pictures, plain(missing))


def _plan(
    base: StyleTransferConfig, axes: Axes, goals: tuple[Goal, ...], *, varies_style: bool
) -> SweepPlan | NSTError:
    """Return the sweep, or what is wrong with it."""
    now = draft()
    try:
        return SweepPlan(
            base.changed(style_weights=()) if varies_style else base,  # each has one style
            tuple(axes.axes),
            now.sampler,  # type: ignore[arg-type]  # one of SAMPLERS
            goals,
            None if now.is_grid else now.trials,
            now.replicates,
            now.sampler_seed,
        )
    except ConfigError as error:
        return error


def _missing_pictures(now: Chosen, varied: set[str]) -> str:
    content = now.content is None and "content" not in varied
    style = not now.styles and "style" not in varied
    if content and style:
        return "Choose a content image and a style image, or vary them."
    if content:
        return "Choose a content image, or vary it."
    return "Choose a style image, or vary it." if style else ""
