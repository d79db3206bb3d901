"""A contact sheet of textures: what the network is shown, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw

from training.textures import draw_textures, recipe

_GAP, _TEXT = 4, 12  # px


def sheet(
    ids: Sequence[int],
    size: int,
    *,
    crops: int = 3,
    columns: int = 4,
    captions: bool = False,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Image.Image:
    """Return textures side by side, each by a few crops in a row, pixel for pixel.

    Args:
        ids: the textures' numbers.
        size: of a crop, px.
        crops: of each texture.
        columns: textures in a row.
        captions: write under each what it is; long ones are cut.
        seed: of the crops.
        device: where they are drawn.

    Raises:
        ValueError: as draw_textures, or `columns` is below 1.
    """
    if columns < 1:
        raise ValueError(f"columns is {columns}; put at least 1 texture in a row")
    drawn = draw_textures(ids, crops, size, seed=seed, device=device)
    rows = drawn.permute(0, 3, 1, 4, 2).flatten(2, 3)  # a texture's crops side by side
    samples = (rows * 255).round().to("cpu", torch.uint8).numpy()
    across, down = crops * size + _GAP, size + _GAP + captions * _TEXT
    lines = -(-len(ids) // columns)
    paper = Image.new("RGB", (columns * across + _GAP, lines * down + _GAP), "white")
    pen = ImageDraw.Draw(paper)
    for place, (number, picture) in enumerate(zip(ids, samples, strict=True)):
        left, top = _GAP + place % columns * across, _GAP + place // columns * down
        if captions:
            pen.text(
                (left, top + size), _cut(pen, recipe(number).describe(), across - _GAP), "black"
            )
        paper.paste(Image.fromarray(np.ascontiguousarray(picture)), (left, top))
    return paper


def _cut(pen: ImageDraw.ImageDraw, words: str, width: int) -> str:
    """Cut what is wider than a texture."""
    while pen.textlength(words) > width:
        words = words[:-2].rstrip("\u2026") + "\u2026"
    return words
