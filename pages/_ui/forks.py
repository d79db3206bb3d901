"""To begin a new run with what another was made of."""

from __future__ import annotations

import streamlit as st

from nst_core import ConfigError, Run, RunError, Store, StyleTransferConfig
from pages._ui.chosen import add_result, begin_fork
from pages._ui.settings import put_settings
from pages._ui.settings_state import VALUES, read


def fork(store: Store, run: Run, *, from_result: bool = False) -> None:
    """Put a run's pictures and settings, or its result as the content, into the next run's.

    Call it from a callback, or in a script before the settings are drawn.

    Raises:
        RunError: it has no result to begin with.
        StoreError: a picture is gone.
    """
    content = None
    if from_result:
        snapshots = store.snapshots(run.id)
        if not snapshots:
            raise RunError(f"run {run.id} has no picture any more; it may be deleted")
        content = add_result(store, run, snapshots[-1])
    begin_fork(store, run, _settings(), content=content)
    put_settings(run.config)
    st.toast(f"Forked from run {run.id}: change what you like on the left, and Run.")


def _settings() -> StyleTransferConfig | None:
    if VALUES not in st.session_state:  # nobody has seen them yet
        return None
    try:
        return read()
    except ConfigError:  # half-typed settings are not worth coming back to
        return None
