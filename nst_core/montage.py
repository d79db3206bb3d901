"""One picture of several, each with a caption: what a comparison hands to a paper or a slide."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from nst_core.image import Picture

MOST_COLUMNS = 4
PAPER = (255, 255, 255)
INK = (20, 20, 20)
SMALLEST_TEXT = 12  # px
LINES = 2


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
    gap, foot = text, round(text * (LINES + 1) * 1.3)
    rows = [pictures[start : start + count] for start in range(0, len(pictures), count)]
    heights = [max(picture.height for picture in row) for row in rows]
    size = gap + count * (width + gap), gap + sum(heights) + foot * len(rows)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(index, count)
        left, top = gap + column * (width + gap), gap + sum(heights[:row]) + row * foot
        inset = (width - picture.width) // 2, (heights[row] - picture.height) // 2
        sheet.paste(_flat(picture), (left + inset[0], top + inset[1]))
        _write(draw, caption, (left, top + heights[row] + text // 2), width, text)
    pixels = torch.from_numpy(np.array(sheet)).permute(2, 0, 1).unsqueeze(0).float() / 255
    return Picture(pixels)


def _flat(picture: Picture) -> Image.Image:
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = pixels * picture.alpha + (1 - picture.alpha)
    samples = pixels[0].mul(255).round().byte().permute(1, 2, 0).contiguous()
    return Image.fromarray(samples.numpy())


def _write(
    draw: ImageDraw.ImageDraw, caption: Caption, at: tuple[int, int], width: int, size: int
) -> None:
    left, top = at
    for line, ink, points in ((caption.title, INK, size), (caption.details, (95, 95, 95), size)):
        font = ImageFont.load_default(points)
        draw.text((left, top), _fitted(draw, line, font, width), fill=ink, font=font)
        top += round(points * 1.3)


def _fitted(
    draw: ImageDraw.ImageDraw,
    line: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    width: int,
) -> str:
    line = " ".join(line.split())
    if draw.textlength(line, font) <= width:
        return line
    fitting = bisect_right(
        range(1, len(line) + 1),
        float(width),
        key=lambda count: draw.textlength(f"{line[:count]}…", font),
    )
    return f"{line[:fitting].rstrip()}…"
