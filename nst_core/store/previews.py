"""Pictures for the screen, encoded once: small JPEGs, and PNGs for looking closely."""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst_core.image import Picture, resize

PREVIEW_EDGE = 1024  # px; wider than the page's column shows
VIEW_EDGE = 1600  # px; more than a screen gives to one of two pictures
QUALITY = 88


def encode_preview(picture: Picture, edge: int = PREVIEW_EDGE) -> bytes:
    """Return a JPEG whose long edge is at most ``edge`` px; what is transparent becomes white.

    An edge that would fall under 1 px is 1 px.
    """
    pixels = resize(on_white(picture), _fitted(picture, edge))
    buffer = io.BytesIO()
    Image.fromarray(to_samples(pixels)).save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue()


def encode_view(picture: Picture, edge: int = VIEW_EDGE) -> bytes:
    """Return a PNG for looking closely: no loss, and smaller only where the long edge is over.

    It carries no settings; :func:`~nst_core.image.encode_png` writes those that are kept.
    """
    height, width = _fitted(picture, edge)
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    samples = to_samples(resize(torch.cat(planes, dim=1), (height, width)))
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, format="PNG", compress_level=1)  # seen once: be quick
    return buffer.getvalue()


def _fitted(picture: Picture, edge: int) -> tuple[int, int]:
    scale = min(1.0, edge / max(picture.size))
    height, width = (max(1, round(length * scale)) for length in picture.size)
    return height, width


def on_white(picture: Picture) -> Tensor:
    """Return a picture's pixels ``(1, 3, H, W)``; what is transparent becomes white."""
    if picture.alpha is None:
        return picture.pixels
    return picture.pixels * picture.alpha + (1 - picture.alpha)


def to_samples(pixels: Tensor) -> NDArray[np.uint8]:
    """Return ``(1, C, H, W)`` in ``[0, 1]`` as 8-bit samples ``(H, W, C)``, rounded."""
    found: NDArray[np.uint8] = (
        pixels[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    )
    return found
