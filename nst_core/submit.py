"""What people ask of runs: begin, cancel, go on. All of it is written to the store, and no more."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nst_core.config import StyleTransferConfig
from nst_core.device import resolve_device
from nst_core.errors import ConfigError, ImageError
from nst_core.image import fit_size
from nst_core.inputs import check_counts
from nst_core.loop import layers_for
from nst_core.pyramid import levels_of
from nst_core.store import RunInput, Store, StoredPicture
from nst_core.store.queue import Queue
from nst_core.vgg import check_layers
from nst_core.weights import weights_in_use

MOST_WAITING = 500  # runs; NST_QUEUE_LIMIT takes its place
MOST_STYLES = 4


def submit_run(
    store: Store,
    config: StyleTransferConfig,
    content: StoredPicture,
    styles: Sequence[StoredPicture],
    *,
    content_mask: StoredPicture | None = None,
    style_masks: Sequence[StoredPicture | None] = (),
    parent_id: int | None = None,
) -> int:
    """Check a run as far as can be without computing, put it into the queue, return its number.

    Args:
        content, styles: pictures of the store; 1 to 4 styles.
        content_mask: of the content's size, white where the picture may change.
        style_masks: one a style, of its size, or None; empty is none.
        parent_id: the run that this one was forked from.

    Raises:
        ConfigError: settings do not go with each other or with the pictures; LayerError where
            the network's weights do not reach a layer.
        ImageError: a picture would become too thin, or a mask has another size.
        WeightsError: the weights asked for cannot be used.
        DeviceError: no machine of this store has the device.
        StoreError: a picture is not in the store any more.
        QueueFullError: as many runs wait as may.
    """
    if store.database.is_sqlite:  # else another machine may have the device
        resolve_device(config.device)
    check_run(config, content, styles, content_mask, style_masks)
    inputs = inputs_of(content, styles, content_mask, style_masks)
    return store.add_run(config, inputs, parent_id=parent_id, most_waiting=queue_limit())


def inputs_of(
    content: StoredPicture | None,
    styles: Sequence[StoredPicture],
    content_mask: StoredPicture | None,
    style_masks: Sequence[StoredPicture | None],
) -> list[RunInput]:
    """Return pictures and masks as a run keeps them."""
    found = [
        ("content", [content]),
        ("style", styles),
        ("content mask", [content_mask]),
        ("style mask", style_masks),
    ]
    return [
        RunInput(role, position, picture.sha256, picture.name)  # type: ignore[arg-type]
        for role, pictures in found
        for position, picture in enumerate(pictures)
        if picture is not None
    ]


def cancel_run(store: Store, run_id: int) -> None:
    """Ask a run to stop: at once where it waits, after the step in progress where it runs.

    Raises:
        RunError: it is not there, or has ended.
    """
    Queue(store).cancel(run_id)
    run = store.run(run_id)
    if run.sweep_id is not None and not run.is_active:  # no worker ends it and asks for the next
        from nst_core.sweep_runs import advance_sweep  # which stands above

        advance_sweep(store, run.sweep_id)


def resume_run(store: Store, run_id: int) -> None:
    """Put a run that stopped early back into the queue, to go on from its checkpoint.

    Raises:
        RunError: it is not there, active, or done.
    """
    Queue(store).resume(run_id)


def check_mask_size(mask: StoredPicture, picture: StoredPicture) -> None:
    """Raise ImageError unless ``mask`` has the size of ``picture``."""
    if (mask.width, mask.height) != (picture.width, picture.height):
        raise ImageError(
            f"{mask.name}: the mask is {mask.width} x {mask.height} px and its picture "
            f"{picture.width} x {picture.height} px; make both the same size"
        )


def queue_limit() -> int:
    """Return how many runs may wait: ``NST_QUEUE_LIMIT``, or 500.

    Raises:
        ConfigError: the variable holds no whole number above 0.
    """
    text = os.environ.get("NST_QUEUE_LIMIT") or str(MOST_WAITING)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"NST_QUEUE_LIMIT must be a whole number above 0, got {text!r}")
    return int(text)


def check_run(
    config: StyleTransferConfig,
    content: StoredPicture,
    styles: Sequence[StoredPicture],
    content_mask: StoredPicture | None,
    style_masks: Sequence[StoredPicture | None],
) -> None:
    """Check how settings, pictures and weights go together; raises as :func:`submit_run`."""
    if not 1 <= len(styles) <= MOST_STYLES:
        raise ConfigError(f"a run takes 1 to {MOST_STYLES} style pictures, got {len(styles)}")
    check_counts(config, styles=len(styles), masks=len(style_masks) or len(styles))
    used = weights_in_use(config.weights)
    check_layers(layers_for(config), used.layers, used.name)
    levels_of(config)
    fit_size((content.height, content.width), config.size)
    for style in styles:
        fit_size((style.height, style.width), round(config.size * config.style_scale))
    for mask, picture in [(content_mask, content), *zip(style_masks, styles, strict=False)]:
        if mask is not None:
            check_mask_size(mask, picture)
