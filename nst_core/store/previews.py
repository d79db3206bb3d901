"""Pictures for the screen: JPEGs, encoded once."""

from __future__ import annotations

import io

from PIL import Image

from nst_core.image import Picture, resize

PREVIEW_EDGE = 1024  # px; wider than the page's column shows
QUALITY = 88


def encode_preview(picture: Picture, edge: int = PREVIEW_EDGE) -> bytes:
    """Return a JPEG whose long edge is at most ``edge`` px; what is transparent becomes white.

    An edge that would fall under 1 px is 1 px.
    """
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = pixels * picture.alpha + (1 - picture.alpha)
    scale = edge / max(picture.size)
    if scale < 1:
        height, width = (max(1, round(length * scale)) for length in picture.size)
        pixels = resize(pixels, (height, width))
    samples = pixels[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue()
