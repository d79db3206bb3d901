"""A page with nothing but the plan of a sweep, and what a person does to it."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from nst_core import StyleTransferConfig, Sweep, Sweeps
from tests.lab import SMALL, Lab
from tests.pages.bench import read, rerun, said


def page() -> None:
    import streamlit as st

    from nst_core import open_store
    from pages._ui.chosen import add_style, chosen, set_content
    from pages._ui.settings import put_settings
    from pages._ui.sweep_build import build_sweep

    store = open_store()
    if "settings" in st.session_state:
        put_settings(st.session_state.pop("settings"))
        for name in st.session_state.pop("content"):
            set_content(chosen(), store.picture(name))
        for name in st.session_state.pop("styles"):
            add_style(chosen(), store.picture(name))
    if st.session_state.get("elsewhere"):
        st.write("another page")
    elif "sweep" in st.query_params:
        st.write(f"sweep {st.query_params['sweep']}")
    else:
        build_sweep(store)


def open_build(lab: Lab, *, content: bool = True, styles: int = 1, **settings: Any) -> AppTest:
    """Open the page in a new tab, with the lab's pictures and small settings."""
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["settings"] = StyleTransferConfig(**(SMALL | settings))
    app.session_state["content"] = [lab.content.sha256] * content
    app.session_state["styles"] = [lab.style.sha256, lab.content.sha256][:styles]
    return rerun(app)


def add(app: AppTest, name: str) -> AppTest:
    """Choose an axis from the list."""
    app.selectbox(key="sweep_add").set_value(name)
    return rerun(app)


def type_axis(app: AppTest, *texts: str) -> AppTest:
    for text in texts:
        app.text_input(key="sweep_typed").set_value(text)
        rerun(app)
    return app


def enter(app: AppTest, **entries: str | int) -> AppTest:
    """Fill in the fields of the first axis: ``listed``, ``low``, ``high``, ``count`` ..."""
    for entry, value in entries.items():
        widget(app, entry).set_value(value)
    return rerun(app)


def widget(app: AppTest, entry: str, slot: int = 1) -> Any:
    """Return a field of an axis, whatever it is."""
    key = f"sweep_axis_{slot}_{entry}"
    kinds = ("text_input", "number_input", "selectbox", "multiselect", "button_group")
    (found,) = (item for kind in kinds for item in getattr(app, kind) if item.key == key)
    return found


def wrong(app: AppTest) -> list[str]:
    """Return what stands in red under the axes and in error boxes, a line each."""
    mark = ":small[:red[:material/error: "
    red = [item.value for item in app.markdown if item.value.startswith(mark)]
    lines = [line.removeprefix(mark).removesuffix("]]") for line in red]
    return [read(line) for line in [*lines, *(error.value for error in app.error)]]


def summary(app: AppTest) -> str:
    """Return what stands over Start."""
    block: Any = app.main.get_by_key("sweep_summary")
    return said(block)


def start(app: AppTest, lab: Lab) -> Sweep:
    """Press Start, and return the sweep that it made."""
    button = app.button(key="sweep_start")
    assert not button.disabled, said(app)
    button.click()
    rerun(app)
    (sweep,) = Sweeps(lab.store).latest(1)
    assert f"sweep {sweep.id}" in said(app, "markdown"), said(app)
    return sweep
