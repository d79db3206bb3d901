"""What came of a run: raw beside colour-corrected, and everything to take away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from nst_core import (
    COLOR_METHODS,
    NSTError,
    Run,
    Side,
    Snapshot,
    Store,
    corrected_picture,
    encode_png,
    encode_preview,
    losses_csv,
    snapshots_zip,
)
from pages._ui.errors import show_error
from pages._ui.runs import COMPARE, show_file
from pages._ui.settings_fields import words_for
from pages._ui.thumbnails import show_picture
from pages._ui.words import duration, pixels

METHODS = tuple(method for method in COLOR_METHODS if method != "none")


def show_result(store: Store, run: Run, snapshots: list[Snapshot]) -> None:
    """Show the chosen snapshot raw and colour-corrected, with downloads."""
    choice, correction, strength_slot = st.columns([3, 4, 2], gap="medium")
    with choice:
        shown = _choose(run, snapshots)
    with correction:
        method = _choose_method()
    with strength_slot:
        strength = _choose_strength()
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Raw**")
        show_file(store, shown.preview)
        size = pixels(shown.width, shown.height)
        st.caption(f"{size} · improved {shown.improvement:.1f} % · {duration(shown.seconds)}")
    with right:
        st.markdown("**Colour-corrected**")
        try:
            preview = _corrected_preview(
                store.place, shown.sha256, run.content.sha256, method, strength, _store=store
            )
            show_picture(preview)
            st.caption(f"{words_for(method)} · strength {strength * 100:.0f} %")
        except NSTError as error:
            show_error(error)
    _downloads(store, run, shown, method, strength)


def _choose(run: Run, snapshots: list[Snapshot]) -> Snapshot:
    if len(snapshots) == 1:
        st.text_input("Snapshot", f"step {snapshots[0].step}", disabled=True, key="snapshot_only")
        return snapshots[0]
    by_step = {item.step: item for item in snapshots}
    last = max(by_step)
    step = st.select_slider(
        "Snapshot",
        sorted(by_step),
        value=last,
        key=f"snapshot_{run.id}",
        format_func=lambda step: f"step {step}" + (" (last)" if step == last else ""),
    )
    return by_step[step]


def _choose_method() -> str:
    return st.selectbox(
        "Colour correction",
        METHODS,
        key="correct_method",
        format_func=words_for,
        help="Gives the result the content's colours, after the run; the raw picture stays.",
        persist_state="session",
    )


def _choose_strength() -> float:
    percent = st.slider(
        "Strength", 0, 100, 100, format="%d %%", key="correct_strength", persist_state="session"
    )
    return percent / 100


@st.cache_data(max_entries=32, show_spinner="Correcting colours")
def _corrected_preview(
    place: str, result: str, content: str, method: str, strength: float, *, _store: Store
) -> bytes:
    """Return a JPEG; results and contents are known by their hash, and never change."""
    picture = corrected_picture(_store, result, content, method, strength=strength)  # type: ignore[arg-type]
    return encode_preview(picture)


def _compare_button(run: Run, shown: Snapshot, method: str, strength: float) -> None:
    if st.button(
        "Compare",
        key="compare_result",
        icon=":material/compare:",
        help="Raw under corrected with a wipe, their difference, metrics, and other runs beside.",
    ):
        raw = Side(run.id, f"step-{shown.step}")
        corrected = raw.treated(method, round(100 * strength))  # type: ignore[arg-type]
        query = {"view": "wipe", "a": str(raw), "b": str(corrected)}
        st.switch_page(COMPARE, query_params=query)


def _downloads(store: Store, run: Run, shown: Snapshot, method: str, strength: float) -> None:
    stem = f"run-{run.id}_step-{shown.step}"

    def corrected() -> bytes:
        picture = corrected_picture(
            store,
            shown.sha256,
            run.content.sha256,
            method,  # type: ignore[arg-type]
            strength=strength,
        )
        return encode_png(replace(picture, name=""))

    offers: list[tuple[str, Callable[[], str | bytes], str, str, str]] = [
        ("PNG", lambda: store.read(shown.sha256), f"{stem}.png", "image/png", "The raw picture, "
         "with settings, inputs and weights inside"),
        ("Corrected PNG", corrected, f"{stem}_{method}.png", "image/png", "In the content's "
         "colours, with settings and correction inside"),
        ("All as ZIP", lambda: snapshots_zip(store, run.id), f"run-{run.id}.zip",
         "application/zip", "All snapshots, losses.csv and settings.json"),
        ("Losses", lambda: losses_csv(store.losses(run.id)), f"run-{run.id}_losses.csv",
         "text/csv", "Every step's losses as CSV"),
        ("Settings", lambda: run.config.model_dump_json(indent=2), f"run-{run.id}_settings.json",
         "application/json", "To load again, here or with --config"),
    ]  # fmt: skip
    with st.container(horizontal=True, key="downloads"):
        _compare_button(run, shown, method, strength)
        for label, data, name, mime, text in offers:
            st.download_button(
                label,
                data,
                name,
                mime,
                key=f"download_{label}",
                help=text,
                icon=":material/download:",
                on_click="ignore",
            )
