"""What leaves the bench: pictures with their history inside, snapshots as ZIP, losses as CSV."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import replace

import pandas as pd
from torch import Tensor

from nst_core.color import ColorMethod, recolor
from nst_core.errors import ImageError
from nst_core.image import Picture, have_one_shape, load_image, read_provenance, resize
from nst_core.store import Losses, Store


def recolor_picture(
    result: Picture,
    content: Picture,
    method: ColorMethod,
    *,
    strength: float = 1.0,
    mask: Tensor | None = None,
) -> Picture:
    """Give ``result`` the colours of ``content``, and write into its provenance how.

    A content of the result's shape is scaled to its size first, as the run saw it, so that a mask
    means the same pixels in both.

    Args and errors: see :func:`~nst_core.color.recolor`.
    """
    reference = content.pixels
    if have_one_shape(result.size, content.size):
        reference = resize(reference, result.size)
    pixels = recolor(result.pixels, reference, method, strength=strength, mask=mask)
    how = {
        "method": method,
        "strength": strength,
        "content_sha256": content.sha256,
        "result_sha256": result.sha256,
    }
    return replace(result, pixels=pixels, provenance={**result.provenance, "recolor": how})


def corrected_picture(
    store: Store, result: str, content: str, method: ColorMethod, *, strength: float = 1.0
) -> Picture:
    """Return a result of the store in the colours of its content.

    Args:
        result, content: their files' SHA-256.

    Raises:
        StoreError, ImageError: one of them cannot be read.
        ConfigError: see :func:`~nst_core.color.recolor`.
    """
    picture = stored_result(store, result)
    colours = load_image(store.read(content), name="the content")
    return recolor_picture(picture, colours, method, strength=strength)


def stored_result(store: Store, sha256: str, name: str = "the result") -> Picture:
    """Return a result of the store with its provenance, empty where it carries none.

    Raises:
        StoreError, ImageError: it cannot be read.
    """
    data = store.read(sha256)
    picture = load_image(data, name=name)
    with suppress(ImageError):  # of an imported run, whose pictures other programs may have written
        picture = replace(picture, provenance=read_provenance(data))
    return picture


def losses_csv(losses: Losses) -> str:
    """Return losses as CSV: a column ``step``, then one a term, all digits kept."""
    table = pd.DataFrame(losses.values, columns=list(losses.terms))
    table.insert(0, "step", losses.steps)
    return str(table.to_csv(index=False, lineterminator="\n"))


def snapshots_zip(store: Store, run_id: int) -> bytes:
    """Return a ZIP of all that a run kept: its pictures, ``losses.csv`` and ``settings.json``.

    Raises:
        RunError: there is no such run.
        StoreError: a file cannot be read.
    """
    run = store.run(run_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # a PNG does not shrink
        for snapshot in store.snapshots(run_id):
            name = f"run-{run_id}_step-{snapshot.step:0{len(str(run.steps))}}.png"
            archive.writestr(name, store.read(snapshot.sha256))
        archive.writestr("losses.csv", losses_csv(store.losses(run_id)))
        archive.writestr("settings.json", run.config.model_dump_json(indent=2))
    return buffer.getvalue()
