"""Pictures beside each other: every pixel at its place, and captions that stay in their cell."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core import Picture
from nst_core.montage import Caption, montage

PAPER = 1.0


def noise(seed: int, height: int = 40, width: int = 60) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(0, 256, (1, 3, height, width), generator=generator)
    return Picture(levels.float() / 255)


def sheet_of(*pictures: Picture, columns: int | None = None, title: str = "A") -> Tensor:
    """Return (3, H, W) of the sheet."""
    captions = [Caption(title, "details")] * len(pictures)
    return montage(pictures, captions, columns=columns).pixels[0]


def places(sheet: Tensor, picture: Picture) -> list[tuple[int, int]]:
    """Return every (top, left) at which all pixels of ``picture`` stand in ``sheet``."""
    height, width = picture.size
    corner = picture.pixels[0, :, :1, :1]
    rows, columns = sheet.shape[1] - height + 1, sheet.shape[2] - width + 1
    alike = (sheet[:, :rows, :columns] == corner).all(dim=0).nonzero().tolist()
    return [
        (top, left)
        for top, left in alike
        if sheet[:, top : top + height, left : left + width].equal(picture.pixels[0])
    ]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (8, 4)])
def test_every_picture_is_found_unchanged_at_its_place(count: int, columns: int) -> None:
    pictures = [noise(seed) for seed in range(count)]
    sheet = sheet_of(*pictures)
    found = [places(sheet, picture) for picture in pictures]
    assert all(len(one) == 1 for one in found)
    tops = sorted({top for ((top, _),) in found})
    lefts = sorted({left for ((_, left),) in found})
    assert (len(tops), len(lefts)) == (-(-count // columns), min(count, columns))
    for index, ((top, left),) in enumerate(found):
        assert (tops.index(top), lefts.index(left)) == divmod(index, columns)
    margins = {left - right for left, right in zip(lefts[1:], lefts, strict=False)}
    assert all(margin > 60 for margin in margins)
    assert len(margins) <= 1  # even
    assert all(low - high > 40 + 2 * 12 for low, high in zip(tops[1:], tops, strict=False))
    assert lefts[0] == sheet.shape[2] - lefts[-1] - 60 or count < columns


def test_columns_can_be_asked_for() -> None:
    pictures = [noise(seed) for seed in range(4)]
    sheet = sheet_of(*pictures, columns=1)
    assert [places(sheet, picture)[0][1] for picture in pictures] == [12] * 4


def test_pictures_of_several_sizes_stand_in_the_middle_of_their_cells() -> None:
    sizes = [(40, 60), (20, 30), (64, 24), (30, 60), (16, 16)]
    pictures = [noise(seed, *size) for seed, size in enumerate(sizes)]
    sheet = sheet_of(*pictures)
    (found,) = zip(*(places(sheet, picture) for picture in pictures), strict=True)
    middles = [
        (top + height / 2, left + width / 2)
        for (top, left), (height, width) in zip(found, sizes, strict=True)
    ]
    assert len({y for y, _ in middles[:4]}) == 1
    assert middles[4][1] == middles[0][1]
    cells = [x - middles[0][1] for _, x in middles[:4]]
    assert cells == [0, cells[1], 2 * cells[1], 3 * cells[1]]
    assert cells[1] > 60


def test_what_is_transparent_is_white() -> None:
    picture = noise(1)
    alpha = torch.zeros(1, 1, 40, 60)
    alpha[..., :20], alpha[..., 20:40] = 1, 0.5
    sheet = sheet_of(Picture(picture.pixels, alpha))
    shown = sheet[:, 12:52, 12:72]
    pixels = picture.pixels[0]
    assert shown[..., :20].equal(pixels[..., :20])
    assert shown[..., 20:40].allclose(pixels[..., 20:40] / 2 + 0.5, atol=0.6 / 255)
    assert shown[..., 40:].eq(PAPER).all()


def test_pixels_are_rounded_as_in_a_png() -> None:
    picture = Picture(torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0)))
    levels = Picture((picture.pixels * 255).round() / 255)
    assert places(sheet_of(picture), levels) == [(12, 12)]


def test_a_caption_stands_under_its_picture() -> None:
    sheet = sheet_of(noise(1), noise(2))
    bare = montage([noise(1), noise(2)], [Caption(""), Caption("", "")]).pixels[0]
    inked = (sheet != bare).any(dim=0).nonzero()
    assert inked[:, 0].min() > 52
    assert inked[:, 0].max() < sheet.shape[1]
    assert (inked[:, 1] < 12 + 60).any()
    assert (inked[:, 1] >= 12 + 60 + 12).any()
    left, right = sheet[:, 52:, 12:72], sheet[:, 52:, 84:144]
    assert left.equal(right)


ODD = {
    "long": "W" * 500,
    "words": "a long name " * 50,
    "lines": "one\ntwo\r\nthree\u2028four\tfive" * 20,
    "blank": " \n ",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 " * 30,
    "overridden": "\u202egnp.tac\u202c" * 40,
    "emoji": "\U0001f600\U0001f3f3\ufe0f\u200d\U0001f308" * 60,
    "marks": "Z\u0338\u0321\u0351a\u0336\u0300" * 80,
    "control": "\x00\x07\x1b[31m" * 60,
    "markup": "<script>alert(1)</script>" * 20,
}


@pytest.mark.parametrize("width", [16, 60, 400])
@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_caption_stays_in_its_cell(text: str, width: int) -> None:
    pictures = [noise(seed, 32, width) for seed in range(3)]
    captions = [Caption(""), Caption(text, text), Caption("")]
    sheet = montage(pictures, captions).pixels[0]
    bare = montage(pictures, [Caption("")] * 3).pixels[0]
    assert sheet.shape == bare.shape
    found = [places(sheet, picture)[0] for picture in pictures]
    foot = found[0][0] + 32
    neighbours = torch.ones(sheet.shape[2], dtype=torch.bool)
    neighbours[found[1][1] : found[2][1]] = False  # its cell, with the gap that follows
    assert sheet[:, foot:, neighbours].eq(PAPER).all()
    assert sheet[:, -1].eq(PAPER).all()
    assert sheet[:, :foot].equal(bare[:, :foot])


def test_a_caption_that_is_too_long_ends_in_an_ellipsis_and_shows_what_fits() -> None:
    picture = noise(1, 32, 200)

    def foot(title: str) -> Tensor:
        return montage([picture], [Caption(title)]).pixels[0, :, 44:]

    full = next(count for count in range(1, 100) if foot("x" * count).equal(foot("x" * 500)))
    assert full > 20
    assert not foot("x" * (full - 1)).equal(foot("x" * full))
    ink = (foot("x" * 500) < 0.5).any(dim=0).any(dim=0).nonzero()
    assert 200 - 12 <= ink.max() <= 212
    assert foot("short").equal(foot("  short\n"))


def test_a_caption_without_end_is_drawn_as_far_as_there_is_room() -> None:
    endless, long = (
        montage([noise(1, 32, 400)], [Caption("x" * count)]).pixels for count in (10**6, 1000)
    )
    assert endless.equal(long)


def test_letters_beyond_ascii_are_drawn_and_are_no_boxes() -> None:
    def drawn(title: str) -> bytes:
        return montage([noise(1, 32, 200)], [Caption(title)]).pixels[0, 0, 44:].numpy().tobytes()

    assert len({drawn(letter) for letter in "eéüñčŁλЖ☃?"}) == 10


def test_a_caption_each() -> None:
    with pytest.raises(ValueError, match="shorter"):
        montage([noise(1), noise(2)], [Caption("A")])
