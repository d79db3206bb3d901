"""What leaves a comparison: one PNG, one HTML report."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from nst_core import FoundSide, Metrics, Store, comparison_html, comparison_png


def show_export(
    store: Store, found: Sequence[FoundSide], metrics: Sequence[Metrics | None]
) -> None:
    """Offer the comparison as PNG and as HTML."""
    sides = [item.side for item in found]
    runs = "-".join(dict.fromkeys(str(item.run.id) for item in found))
    with st.container(horizontal=True, vertical_alignment="center", key="export"):
        st.download_button(
            "Export PNG",
            lambda: comparison_png(store, sides),
            f"comparison-{runs}.png",
            "image/png",
            key="export_png",
            icon=":material/image:",
            on_click="ignore",
            help="All pictures at full size with captions, in one PNG.",
        )
        st.download_button(
            "Export report",
            lambda: comparison_html(store, sides, metrics),
            f"comparison-{runs}.html",
            "text/html",
            key="export_html",
            icon=":material/description:",
            on_click="ignore",
            help="One HTML file with pictures, metrics, losses, settings and inputs; it opens "
            "without a network.",
        )
        st.caption("The address of this page holds the comparison: copy it to share it.")
