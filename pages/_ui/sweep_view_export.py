"""What leaves a sweep: the contact sheet, its numbers, and the best ones to Compare."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from nst_core import (
    MOST_SIDES,
    NUMBERS,
    Store,
    SweepResults,
    contact_sheet,
    direction_of,
    encode_png,
    load_results,
    results_csv,
)
from pages._ui.runs import COMPARE
from pages._ui.sweep_sheet import Shown


def export_row(store: Store, results: SweepResults, shown: Shown) -> None:
    """Draw the downloads, and the way to Compare."""
    sweep_id = results.sweep.id

    def sheet_png() -> bytes:
        picture = contact_sheet(
            store,
            load_results(store, sweep_id),
            number=shown.number,
            columns=shown.columns,
            replicate=shown.replicate,
        )
        return encode_png(picture)

    with st.container(horizontal=True, vertical_alignment="center", key="sweep_export"):
        st.download_button(
            "Contact sheet PNG",
            sheet_png,
            f"sweep-{sweep_id}.png",
            "image/png",
            key="sweep_png",
            icon=":material/image:",
            on_click="ignore",
            help="The sheet as one picture with its edges and numbers, and the plan inside.",
        )
        st.download_button(
            "CSV",
            lambda: results_csv(load_results(store, sweep_id)),
            f"sweep-{sweep_id}.csv",
            "text/csv",
            key="sweep_csv",
            icon=":material/table:",
            on_click="ignore",
            help="A row a run: values, state and all numbers with all digits.",
        )
        _compare_best(results, shown.number)


def _compare_best(results: SweepResults, number: str) -> None:
    best = best_runs(results, number)
    if len(best) < 2:
        return
    way = "lowest" if direction_of(results.sweep.plan, number) == "minimise" else "highest"
    if st.button(
        f"Compare the best {len(best)}",
        key="compare_best",
        icon=":material/compare:",
        help=f"The {way} in: {NUMBERS[number]}.",
    ):
        open_compare(best)


def best_runs(results: SweepResults, number: str, most: int = 4) -> list[int]:
    """Return the runs that are best in ``number``, the best first; none where no way is better."""
    better = direction_of(results.sweep.plan, number)
    if better is None:
        return []
    runs = [run for run in results.runs if number in run.numbers]
    runs.sort(key=lambda run: run.numbers[number], reverse=better == "maximise")
    return [run.entry.run.id for run in runs[:most]]


def open_compare(ids: Sequence[int]) -> None:
    """Go to Compare with these runs, as many as it takes."""
    st.switch_page(COMPARE, query_params={"runs": ",".join(map(str, ids[:MOST_SIDES]))})
