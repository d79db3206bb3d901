"""The first page: what the bench is, and what is here so far."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from nst_core import __version__
from pages._ui.setup import setup_page

ROOT = Path(__file__).parent

setup_page("Home")
st.title("NST Lab")
st.markdown(
    "A bench for neural style transfer experiments. A photograph keeps its content and takes "
    "the style of one or more pictures; every number behind it can be set, seen and repeated."
)
st.subheader("What is here")
st.markdown(
    "The core runs from Python and from the command line. The pages for running, sweeping and "
    "comparing come next."
)
st.code(
    "python -m nst_core stylize sample_images/content/cat.png "
    "sample_images/style/night_lake.jpg -o out.png",
    language="bash",
)
for kind, title in (("content", "Photographs to try"), ("style", "Styles to try")):
    st.subheader(title)
    files = sorted(
        path
        for path in (ROOT / "sample_images" / kind).iterdir()
        if path.suffix in {".png", ".jpg"}
    )
    for column, path in zip(st.columns(len(files)), files, strict=True):
        column.image(path.read_bytes(), caption=path.stem.replace("_", " "))
st.caption(f"Version {__version__}")
