"""The pictures of the next run: uploaded, from the samples, or from what is in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from nst_core import ImageError, NSTError, Run, RunInput, Snapshot, Store, StoredPicture
from pages._ui.errors import plain, show_error
from pages._ui.runs import show_file
from pages._ui.samples import add_sample, samples
from pages._ui.settings_state import STYLE_WEIGHTS
from pages._ui.words import ago, pixels

MOST_STYLES = 4
SLOT = (3, 4)  # widths of a thumbnail and its words


@dataclass
class Style:
    """A style picture with its share in the blend, and where it counts."""

    picture: StoredPicture
    weight: float = 1.0
    mask: StoredPicture | None = None
    slot: int = 0


@dataclass
class Chosen:
    """What this session chose; it stays over pages, and a reload brings it back from the run."""

    content: StoredPicture | None = None
    content_mask: StoredPicture | None = None
    styles: list[Style] = field(default_factory=list)
    blend: tuple[float, ...] = ()  # as it was drawn last
    parent_id: int | None = None
    added: int = 0  # styles so far, for their widgets' keys
    uploads: Counter[str] = field(default_factory=Counter)  # a new key is an empty uploader
    taken: set[str] = field(default_factory=set)  # uploads that are in the store
    error: tuple[str, Exception] | None = None

    @property
    def digests(self) -> set[str]:
        """The files of all pictures and masks that are chosen."""
        found = [self.content, self.content_mask]
        found += [picture for style in self.styles for picture in (style.picture, style.mask)]
        return {picture.sha256 for picture in found if picture is not None}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen yet."""
        return self.content is None and not self.styles


def chosen() -> Chosen:
    """Return this session's choice."""
    if "chosen" not in st.session_state:
        st.session_state["chosen"] = Chosen()
    return st.session_state["chosen"]  # type: ignore[no-any-return]


def put_pictures(store: Store, run: Run, *, content: StoredPicture | None = None) -> None:
    """Choose a run's pictures, with another ``content`` if that is given.

    Raises:
        StoreError: one is gone.
    """
    now = chosen()
    masks = {(item.role, item.position): item for item in run.inputs if "mask" in item.role}
    weights = run.config.style_weights or [1.0] * len(run.styles)
    styles = [
        Style(
            _stored(store, item),
            weight,
            _mask(store, masks.get(("style mask", k))),
            now.added + k + 1,
        )
        for k, (item, weight) in enumerate(zip(run.styles, weights, strict=True))
    ]
    now.added += len(styles)
    now.content_mask = None if content else _mask(store, masks.get(("content mask", 0)))
    now.content = content or _stored(store, run.content)
    now.styles = styles
    now.blend = tuple(run.config.style_weights)
    now.error = None


def _stored(store: Store, item: RunInput) -> StoredPicture:
    try:
        return store.picture(item.sha256)
    except NSTError:  # the library forgot it, and the run has it still
        return store.add_picture(store.read(item.sha256), item.name)


def _mask(store: Store, item: RunInput | None) -> StoredPicture | None:
    return None if item is None else _stored(store, item)


def picture_panel(store: Store) -> Chosen:
    """Draw the slots for content, styles and masks, and return what they hold."""
    now = chosen()
    # Containers keep each uploader in its place: one that moves while it uploads loses its file.
    with st.container(key="content_slot"):
        st.markdown("**Content**")
        _content_slot(store, now)
    with st.container(key="style_slots"):
        _take_blend(now)
        st.markdown("**Style**" + (f" · blend of {len(now.styles)}" if len(now.styles) > 1 else ""))
        for position, style in enumerate(list(now.styles)):
            _style_slot(store, now, position, style)
    with st.container(key="style_uploader"):
        if not now.styles:
            _uploader(store, now, "style", _add_style)
        elif len(now.styles) < MOST_STYLES:
            with st.popover("Add a style", type="tertiary", icon=":material/add:", key="add_style"):
                _uploader(store, now, "style", _add_style)
        _say_error(now, "style")
    now.blend = st.session_state[STYLE_WEIGHTS] = _blend(now)
    return now


def _take_blend(now: Chosen) -> None:
    """Take the weights that settings brought: a file, a fork, Reset or Undo."""
    wanted = st.session_state.get(STYLE_WEIGHTS, ())
    if wanted == now.blend:
        return
    if wanted and len(wanted) != len(now.styles):
        st.caption(f"The settings blend {len(wanted)} styles; choose as many to use their weights.")
        return
    for style, weight in zip(now.styles, wanted or [1.0] * len(now.styles), strict=True):
        style.weight = weight
        st.session_state.pop(f"blend_{style.slot}", None)


def _blend(now: Chosen) -> tuple[float, ...]:
    """Return the weights of the styles; none where they are equal shares."""
    weights = tuple(style.weight for style in now.styles)
    if len(weights) < 2 or (len(set(weights)) == 1 and weights[0] > 0):
        return ()
    return weights


def _content_slot(store: Store, now: Chosen) -> None:
    if now.content is None:
        _uploader(store, now, "content", _set_content)
    else:
        picture, words = st.columns(SLOT, vertical_alignment="center")
        with picture:
            show_file(store, now.content.thumbnail)
        with words, st.container(gap="xsmall"):
            _describe(now.content)
            with st.container(horizontal=True, gap="small"):
                with st.popover("Change", type="tertiary", key="change_content"):
                    _uploader(store, now, "content", _set_content)
                _mask_slot(store, now, "content", now.content, now.content_mask)
    _say_error(now, "content")


def _style_slot(store: Store, now: Chosen, position: int, style: Style) -> None:
    with st.container(key=f"style_slot_{position}"):
        picture, words = st.columns(SLOT, vertical_alignment="center")
        with picture:
            show_file(store, style.picture.thumbnail)
        with words, st.container(gap="xsmall"):
            _describe(style.picture)
            if len(now.styles) > 1:
                key = f"blend_{style.slot}"
                st.session_state.setdefault(key, style.weight)
                style.weight = st.number_input(
                    "Weight in the blend", 0.0, None, step=0.1, key=key, format="%.4g"
                )
            with st.container(horizontal=True, gap="small"):
                _mask_slot(store, now, f"style_{style.slot}", style.picture, style.mask)
                st.button(
                    "Remove",
                    key=f"remove_style_{style.slot}",
                    icon=":material/close:",
                    type="tertiary",
                    on_click=now.styles.remove,
                    args=(style,),
                )


def _describe(picture: StoredPicture) -> None:
    st.text(picture.name)
    st.caption(pixels(picture.width, picture.height))


def _mask_slot(
    store: Store, now: Chosen, slot: str, picture: StoredPicture, mask: StoredPicture | None
) -> None:
    words = "White where the picture may change." if slot == "content" else (
        "White where this style's statistics are taken."
    )  # fmt: skip
    with st.popover("Mask ✓" if mask else "Mask", type="tertiary", help=words, key=f"{slot}_mask"):
        st.caption(f"{words} {pixels(picture.width, picture.height)}, as its picture.")
        if mask is not None:
            show_file(store, mask.thumbnail, plain(mask.name))
            st.button(
                "Remove mask", key=f"{slot}_unmask", on_click=_set_mask, args=(now, slot, None)
            )
        _drop_zone(
            store, now, f"{slot}_mask", lambda found: _set_mask(now, slot, found), label="Mask"
        )


def _set_mask(now: Chosen, slot: str, mask: StoredPicture | None) -> None:
    if slot == "content":
        now.content_mask = _fitting(mask, now.content)
        return
    for style in now.styles:
        if f"style_{style.slot}" == slot:
            style.mask = _fitting(mask, style.picture)


def _fitting(mask: StoredPicture | None, picture: StoredPicture | None) -> StoredPicture | None:
    if mask and picture and (mask.width, mask.height) != (picture.width, picture.height):
        raise ImageError(
            f"{mask.name}: the mask is {pixels(mask.width, mask.height)} and its picture "
            f"{pixels(picture.width, picture.height)}; make both the same size"
        )
    return mask


def _set_content(now: Chosen, picture: StoredPicture) -> None:
    if now.content is not None and now.content.sha256 != picture.sha256:
        now.content_mask = None
    now.content = picture


def _add_style(now: Chosen, picture: StoredPicture) -> None:
    if len(now.styles) >= MOST_STYLES:
        raise ImageError(
            f"a run takes up to {MOST_STYLES} style pictures; remove one to add {picture.name}"
        )
    now.added += 1
    now.styles.append(Style(picture, slot=now.added))


def _uploader(
    store: Store, now: Chosen, slot: str, put: Callable[[Chosen, StoredPicture], None]
) -> None:
    _drop_zone(
        store,
        now,
        slot,
        lambda found: put(now, found),
        label="Content image" if slot == "content" else "Style image",
    )
    if st.button(
        "Choose from samples or runs",
        key=f"pick_{slot}",
        icon=":material/photo_library:",
        type="tertiary",
    ):
        _picker(store, slot, put)


def _drop_zone(
    store: Store, now: Chosen, slot: str, put: Callable[[StoredPicture], None], *, label: str
) -> None:
    """Take a file into the store at once: uploaded bytes vanish with their widget."""
    key = f"upload_{slot}_{now.uploads[slot]}"
    file = st.file_uploader(label, key=key, label_visibility="collapsed")
    # Not in a callback: one whose page is drawn anew at the same moment may never be called.
    if file is None or file.file_id in now.taken:
        return
    try:
        put(store.add_picture(file.getvalue(), file.name))
        now.error = None
    except NSTError as error:
        now.error = (slot, error)
    now.taken.add(file.file_id)
    now.uploads[slot] += 1
    st.rerun()


def _say_error(now: Chosen, slot: str) -> None:
    """Say what was wrong with the last file for ``slot`` or its mask."""
    if now.error is not None and now.error[0].partition("_")[0] == slot:
        show_error(now.error[1])


@st.dialog("Choose a picture", width="large")
def _picker(store: Store, slot: str, put: Callable[[Chosen, StoredPicture], None]) -> None:
    source = st.segmented_control(
        "From",
        ["Samples", "Earlier pictures", "Results of runs"],
        default="Samples",
        required=True,
        key="pick_from",
        label_visibility="collapsed",
    )
    if source == "Samples":
        found = [(item.stem.replace("_", " "), item) for item in samples(slot)]
        index = _grid([(name, path.read_bytes()) for name, path in found])
        if index is not None:
            _use(store, put, partial(add_sample, store, found[index][1]))
    elif source == "Earlier pictures":
        pictures = store.pictures(40)
        index = _grid([(item.name, _read(store, item.thumbnail)) for item in pictures])
        if index is not None:  # kept anew, so that it counts as chosen
            _use(store, put, partial(_again, store, pictures[index]))
    else:
        runs = [run for run in store.runs(60) if run.state != "queued" and run.preview]
        ended = [(run, snaps[-1]) for run in runs[:24] if (snaps := store.snapshots(run.id))]
        cells = [(f"{run.title} · {ago(run.created_at)}", _read(store, snap.preview))
                 for run, snap in ended]  # fmt: skip
        index = _grid(cells)
        if index is not None:
            run, snapshot = ended[index]
            name = f"run-{run.id}_step-{snapshot.step}.png"
            _use(store, put, partial(_add_result, store, snapshot, name))


def _add_result(store: Store, snapshot: Snapshot, name: str) -> StoredPicture:
    return store.add_picture(store.read(snapshot.sha256), name)


def _again(store: Store, picture: StoredPicture) -> StoredPicture:
    return store.add_picture(store.read(picture.sha256), picture.name)


def _use(
    store: Store,
    put: Callable[[Chosen, StoredPicture], None],
    make: Callable[[], StoredPicture],
) -> None:
    try:
        put(chosen(), make())
    except NSTError as error:
        show_error(error)
        return
    chosen().error = None
    st.rerun()


def _read(store: Store, digest: str) -> bytes | None:
    try:
        return store.read(digest)
    except NSTError:
        return None


def _grid(cells: Sequence[tuple[str, bytes | None]], columns: int = 4) -> int | None:
    """Show pictures with a button each; return the index of the one that was taken."""
    if not cells:
        st.info("Nothing here yet. Pictures that you upload, and results of runs, appear here.")
    taken = None
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        for offset, (cell, (name, data)) in enumerate(zip(st.columns(columns), row, strict=False)):
            with cell:
                if data is None:
                    st.caption("Its file is not there any more.")
                else:
                    st.image(data, width="stretch")
                key = f"take_{start + offset}"
                if st.button(plain(name), key=key, width="stretch", disabled=data is None):
                    taken = start + offset
    return taken
