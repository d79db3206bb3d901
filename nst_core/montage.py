"""One picture of several, each with a caption: what a comparison hands to a paper or a slide."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import torch
from PIL import Image

from nst_core.image import Picture
from nst_core.store.previews import on_white, to_samples

MOST_COLUMNS = 4
PAPER = (255, 255, 255)
INK, PALE = "#141414", "#5f5f5f"
SMALLEST_TEXT = 12  # px
LINES = 2
LEADING = 1.3  # of the size of the text
MOST_LETTERS = 400  # more than the widest picture has room for
# What XML cannot hold: control characters and half surrogates
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Caption(NamedTuple):
    """What stands under a picture: a line in full ink, and a paler one."""

    title: str
    details: str = ""


def montage(
    pictures: Sequence[Picture], captions: Sequence[Caption], *, columns: int | None = None
) -> Picture:
    """Put pictures beside each other on white, pixel for pixel, each over its caption.

    A smaller picture is not enlarged, and stands in the middle of its cell; rows are as high as
    their highest.

    Args:
        pictures: one or more, of any sizes; what is transparent becomes white.
        captions: one each; what is too long for a line ends in an ellipsis.
        columns: how many in a row; by default all of two or three, else up to four.

    Returns:
        The picture, without provenance.
    """
    count = columns or (len(pictures) if len(pictures) < 4 else MOST_COLUMNS)
    width = max(picture.width for picture in pictures)
    text = max(SMALLEST_TEXT, round(width / 36))
    gap, foot = text, round(text * (LINES + 1) * LEADING)
    rows = [pictures[start : start + count] for start in range(0, len(pictures), count)]
    heights = [max(picture.height for picture in row) for row in rows]
    size = gap + count * (width + gap), gap + sum(heights) + foot * len(rows)
    sheet = Image.new("RGB", size, PAPER)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(index, count)
        left, top = gap + column * (width + gap), gap + sum(heights[:row]) + row * foot
        inset = (width - picture.width) // 2, (heights[row] - picture.height) // 2
        sheet.paste(
            Image.fromarray(to_samples(on_white(picture))), (left + inset[0], top + inset[1])
        )
        _write(sheet, caption, (left, top + heights[row] + text // 2), width, text)
    pixels = torch.from_numpy(np.array(sheet)).permute(2, 0, 1).unsqueeze(0).float() / 255
    return Picture(pixels)


def _write(
    sheet: Image.Image, caption: Caption, at: tuple[int, int], width: int, size: int
) -> None:
    left, top = at
    for line, ink in ((caption.title, INK), (caption.details, PALE)):
        text = fit_line(" ".join(line.split()), ink, width, size)
        if text is not None:
            sheet.paste(text, (left, top), text)
        top += round(size * LEADING)


def fit_line(line: str, ink: str, width: int, size: int) -> Image.Image | None:
    """Draw a line, cut to an ellipsis where it is wider than ``width``; None for nothing."""
    drawn = draw_line(line[:MOST_LETTERS], ink, size)
    kept = line[:MOST_LETTERS]
    while drawn is not None and drawn.width > width and kept:
        kept = kept[: min(len(kept) - 1, len(kept) * width // drawn.width)].rstrip()
        drawn = draw_line(f"{kept}…", ink, size)
    return drawn


def draw_line(line: str, ink: str, size: int) -> Image.Image | None:
    """Draw a line as wide as it is: by fonts of the system or of vl-convert, so in any script."""
    import vl_convert

    width, height = size * (len(line) + 2), round(size * LEADING)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><text x="0" '
        f'y="{size}" font-family="Arial, Helvetica, sans-serif" font-size="{size}" fill="{ink}">'
        f"{escape(_NOT_XML.sub('?', line))}</text></svg>"
    )
    with Image.open(io.BytesIO(vl_convert.svg_to_png(svg))) as found:
        image = found.convert("RGBA")
    box = image.getbbox()
    return None if box is None else image.crop((0, 0, box[2], height))
