"""What a session chose for its next run: content, styles, masks, and the run it forks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import streamlit as st

from nst_core import (
    MOST_STYLES,
    ImageError,
    Run,
    RunInput,
    Snapshot,
    Store,
    StoredPicture,
    StyleTransferConfig,
    check_mask_size,
)


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
    former: Chosen | None = None  # before the last fork
    former_config: StyleTransferConfig | None = None
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
            store.recall(item),
            weight,
            _mask(store, masks.get(("style mask", k))),
            now.added + k + 1,
        )
        for k, (item, weight) in enumerate(zip(run.styles, weights, strict=True))
    ]
    now.added += len(styles)
    now.content_mask = None if content else _mask(store, masks.get(("content mask", 0)))
    now.content = content or store.recall(run.content)
    now.styles = styles
    now.blend = tuple(run.config.style_weights)
    now.error = None


def add_result(store: Store, run: Run, snapshot: Snapshot) -> StoredPicture:
    """Take what a run made into the library, to be chosen.

    Raises:
        StoreError: it is gone.
    """
    name = f"run-{run.id}_step-{snapshot.step}.png"
    return store.add_picture(store.read(snapshot.sha256), name)


def _mask(store: Store, item: RunInput | None) -> StoredPicture | None:
    return None if item is None else store.recall(item)


def begin_fork(
    store: Store,
    run: Run,
    config: StyleTransferConfig | None,
    *,
    content: StoredPicture | None = None,
) -> None:
    """Choose a run's pictures for a fork of it; :func:`undo_fork` brings back what was chosen.

    Args:
        config: the settings as they are before the fork.
        content: another content than the run's.

    Raises:
        StoreError: one is gone.
    """
    former = replace(chosen(), former=None)
    put_pictures(store, run, content=content)
    now = chosen()
    now.parent_id, now.former, now.former_config = run.id, former, config


def undo_fork() -> StyleTransferConfig | None:
    """Choose again what was chosen before the last fork, and return its settings."""
    now = chosen()
    if now.former is None:
        return None
    st.session_state["chosen"] = now.former
    return now.former_config


def set_mask(now: Chosen, slot: str, mask: StoredPicture | None) -> None:
    """Choose the mask of ``"content"`` or ``"style_3"``, or none.

    Raises:
        ImageError: it has another size than its picture.
    """
    if slot == "content":
        if mask is not None and now.content is not None:
            check_mask_size(mask, now.content)
        now.content_mask = mask
        return
    for style in now.styles:
        if f"style_{style.slot}" == slot:
            if mask is not None:
                check_mask_size(mask, style.picture)
            style.mask = mask


def set_content(now: Chosen, picture: StoredPicture) -> None:
    """Choose the content; a mask belongs to its picture and goes with it."""
    if now.content is not None and now.content.sha256 != picture.sha256:
        now.content_mask = None
    now.content = picture


def add_style(now: Chosen, picture: StoredPicture) -> None:
    """Choose one more style.

    Raises:
        ImageError: there are as many as a run takes.
    """
    if len(now.styles) >= MOST_STYLES:
        raise ImageError(
            f"a run takes up to {MOST_STYLES} style pictures; remove one to add {picture.name}"
        )
    now.added += 1
    now.styles.append(Style(picture, slot=now.added))


def remove_style(now: Chosen, slot: int) -> None:
    """Choose a style no more; it stays among the earlier pictures."""
    now.styles = [style for style in now.styles if style.slot != slot]
