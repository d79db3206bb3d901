"""What is kept: pictures, runs, losses, snapshots and logs; nothing here computes."""

from __future__ import annotations

import threading

from nst_core.store.archive_in import import_runs
from nst_core.store.archive_out import export_runs
from nst_core.store.history import RUN_ORDERS, History
from nst_core.store.previews import encode_preview, encode_view
from nst_core.store.records import (
    MOST_STARS,
    NUMBER_SETTINGS,
    Entry,
    LogLine,
    Losses,
    Run,
    RunFilter,
    RunInput,
    Snapshot,
    StoredPicture,
    Sweep,
)
from nst_core.store.store import Store, store_urls
from nst_core.store.sweeps import Sweeps

__all__ = [
    "MOST_STARS",
    "NUMBER_SETTINGS",
    "RUN_ORDERS",
    "Entry",
    "History",
    "LogLine",
    "Losses",
    "Run",
    "RunFilter",
    "RunInput",
    "Snapshot",
    "Store",
    "StoredPicture",
    "Sweep",
    "Sweeps",
    "encode_preview",
    "encode_view",
    "export_runs",
    "import_runs",
    "open_store",
]

_open: dict[tuple[str, str], Store] = {}
_opening = threading.Lock()


def open_store() -> Store:
    """Return the store that the environment names, opened once a process.

    Raises:
        StoreError: it cannot be used, or is of a newer version.
    """
    urls = store_urls()
    with _opening:
        if urls not in _open:
            _open[urls] = Store(*urls)
        return _open[urls]
