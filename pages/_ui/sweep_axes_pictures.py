"""The pictures that a sweep varies: of the library, the samples, and what runs made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from nst_core import ConfigError, NSTError, Store, StoredPicture
from pages._ui.chosen import chosen
from pages._ui.errors import plain
from pages._ui.picker import choose_picture
from pages._ui.runs import show_file
from pages._ui.samples import add_sample, samples
from pages._ui.settings_state import bind
from pages._ui.sweep_axes_state import AxisDraft, unique_names

MOST_OFFERED = 100  # of the library, the last chosen first
IN_A_ROW = 4


class _Offer(NamedTuple):
    """A picture that can be chosen; a sample becomes one of the library's when it is."""

    digest: str
    label: str
    item: StoredPicture | Path


def draw_pictures(store: Store, axis: AxisDraft) -> None:
    """Draw the choice of an axis's pictures, and the chosen ones with their names."""
    offers = _offered(store, axis.name, axis.pictures)
    names = {offer.digest: offer.label for offer in offers}
    key = f"sweep_axis_{axis.slot}_pictures"
    bind(key, [picture.sha256 for picture in axis.pictures], tuple(names.items()))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Pictures",
            list(names),
            format_func=names.__getitem__,
            key=key,
            on_change=_take,
            args=(store, axis, key),
            placeholder="Choose two or more",
            label_visibility="collapsed",
            wrap=True,
        )
        if st.button(
            "Look through",
            key=f"sweep_axis_{axis.slot}_look",
            icon=":material/photo_library:",
            type="tertiary",
            help="Samples, earlier pictures and results of runs, each to be seen.",
        ):
            choose_picture(store, axis.name, lambda _, picture: axis.add_picture(picture))
    _draw_thumbnails(store, axis)


def _draw_thumbnails(store: Store, axis: AxisDraft) -> None:
    cells = list(axis.by_name.items())
    for start in range(0, len(cells), IN_A_ROW):
        row = cells[start : start + IN_A_ROW]
        for column, (name, picture) in zip(st.columns(IN_A_ROW), row, strict=False):
            with column:
                show_file(store, picture.thumbnail, plain(name))


def first_pictures(slot: str) -> list[StoredPicture]:
    """Return the pictures that are chosen for a run, to begin an axis with."""
    now = chosen()
    if slot == "style":
        return [style.picture for style in now.styles]
    return [now.content] if now.content else []


def find_pictures(store: Store, slot: str, names: Sequence[str]) -> list[StoredPicture]:
    """Return the pictures of the library and the samples that are called so.

    Raises:
        ConfigError: there is none of a name.
        NSTError: a sample cannot be kept.
    """
    found: dict[str, StoredPicture | Path] = {}
    for offer in reversed(_offered(store, slot)):  # the last chosen comes first
        found |= {offer.label: offer.item, offer.item.name: offer.item}
    for name in names:
        if name not in found:
            raise ConfigError(
                f"{slot}: no picture of the library or the samples is called {name[:60]!r}; "
                "choose it from the list"
            )
    return [_kept(store, found[name]) for name in names]


def _offered(store: Store, slot: str, held: Sequence[StoredPicture] = ()) -> list[_Offer]:
    """Return what can be chosen: the library, then the samples, which keep their place in it."""
    known = {picture.sha256: picture for picture in [*store.pictures(MOST_OFFERED), *held]}
    paths = {_digest(path): path for path in samples(slot)}
    found = [(item.name, item) for digest, item in known.items() if digest not in paths]
    names = [*(name for name, _ in found), *(_title(path) for path in paths.values())]
    items = [*(item for _, item in found), *(known.get(key, path) for key, path in paths.items())]
    digests = [*(item.sha256 for _, item in found), *paths]
    return [_Offer(*row) for row in zip(digests, unique_names(names), items, strict=True)]


@lru_cache(maxsize=64)
def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _title(path: Path) -> str:
    return f"{path.stem.replace('_', ' ')} (sample)"


def _take(store: Store, axis: AxisDraft, key: str) -> None:
    """Keep what was chosen; a sample comes into the library with that."""
    offered = {offer.digest: offer.item for offer in _offered(store, axis.name, axis.pictures)}
    wanted = [offered[digest] for digest in st.session_state[key] if digest in offered]
    try:
        axis.pictures = [_kept(store, item) for item in wanted]
    except NSTError as error:
        chosen().error = (axis.name, error)


def _kept(store: Store, item: StoredPicture | Path) -> StoredPicture:
    return add_sample(store, item) if isinstance(item, Path) else item
