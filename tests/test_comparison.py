"""What is compared: sides as text, their pictures and their masks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from sqlalchemy import update
from torch import Tensor

from nst_core import (
    COLOR_METHODS,
    MOST_SIDES,
    ConfigError,
    FoundSide,
    ImageError,
    Picture,
    RunError,
    Side,
    StoreError,
    StyleTransferConfig,
    find_side,
    letters_of,
    load_image,
    load_side,
    pictures_of,
    read_provenance,
    recolor,
    submit_run,
)
from nst_core.color import ColorMethod
from nst_core.image import encode_png, load_mask, resize
from nst_core.store import tables as t
from tests.lab import SMALL, Lab, picture_bytes

METHODS = tuple(method for method in COLOR_METHODS if method != "none")
SHA = "0123456789abcdef" * 4
WHOLE, MASKED, WAITING = 1, 2, 3  # runs of the lab
RESULT = (21, 32)  # of content and mask of 60 x 40 px at size 32


def ramp(height: int, width: int) -> Tensor:
    """Return (1, 1, height, width) from 0 on the left to 1."""
    return torch.linspace(0, 1, width).view(1, 1, 1, width).expand(1, 1, height, width)


def mask_bytes(height: int, width: int, inside: float = 1.0) -> bytes:
    """Return a mask whose right half is inside."""
    half = (ramp(height, width) > 0.5).float() * inside
    return encode_png(half.expand(1, 3, height, width))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a lab with a run of two outputs, one with alpha and a mask, and one that waits."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab = Lab(tmp_path_factory.mktemp("lab"))
        lab.enter(monkeypatch)
        lab.submit(outputs=2)
        pixels = load_image(picture_bytes(7, 40, 60)).pixels
        content = lab.store.add_picture(encode_png(Picture(pixels, ramp(40, 60))), "clear.png")
        mask = lab.store.add_picture(mask_bytes(40, 60), "half.png")
        submit_run(lab.store, StyleTransferConfig(**SMALL), content, [lab.style], content_mask=mask)
        lab.in_process()
        lab.submit()
    yield lab
    lab.store.close()


def result_of(lab: Lab, run_id: int) -> bytes:
    return lab.store.read(lab.store.snapshots(run_id)[-1].sha256)


def content_of(lab: Lab, run_id: int) -> Picture:
    return load_image(lab.store.read(lab.run(run_id).content.sha256))


def some_side(chance: random.Random) -> Side:
    """Return any side that there can be."""
    picture = chance.choice(["result", "content", f"step-{chance.randrange(10**9)}", "style-4"])
    mask = chance.choice(["", "run", f"{chance.getrandbits(256):064x}"])
    side = Side(chance.randrange(10 ** chance.randint(1, 9)), picture)
    return side.treated(chance.choice(COLOR_METHODS), chance.randint(0, 100), mask)


# Sides as text


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("12", Side(12)),
        ("0012", Side(12)),
        ("12.step-300", Side(12, "step-300")),
        ("12.content", Side(12, "content")),
        ("12.style-1", Side(12, "style-1")),
        ("12~symmetric", Side(12, method="symmetric")),
        ("12.content~pca~80", Side(12, "content", "pca", 80)),
        ("12~pca~0", Side(12, method="pca", percent=0)),
        ("12~pca~run", Side(12, method="pca", mask="run")),
        (f"12~pca~7~{SHA}", Side(12, method="pca", percent=7, mask=SHA)),
        (f"12~pca~{SHA}", Side(12, method="pca", mask=SHA)),
        ("12~none~50~run", Side(12)),
    ],
)
def test_a_side_is_read(text: str, side: Side) -> None:
    assert Side.parse(text) == side
    assert Side.parse(str(side)) == side


def test_every_side_is_read_as_it_was_written() -> None:
    chance = random.Random(0)
    for _ in range(2000):
        side = some_side(chance)
        assert Side.parse(str(side)) == side
        assert str(Side.parse(str(side))) == str(side)


def test_a_raw_side_has_one_address() -> None:
    assert Side(3, method="none", percent=40, mask="run") == Side(3)
    assert Side(3, "content", "pca", 40, "run").treated("none") == Side(3, "content")
    assert replace(Side(3, method="pca", percent=40), method="none") == Side(3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "twelve",
        "-1",
        "1.5",
        "1" * 10,
        " 12",
        "12\n",
        "12\n13",
        "\u0661\u0662",  # 12 in Arabic-Indic digits, which int() reads
        "12.step-\u0663",
        "12~pca~\u0665\u0660",
        "12.",
        "12.preview",
        "12.style-0",
        "12.style-10",
        "12.step-",
        "12.step--1",
        "12~",
        "12~sepia",
        "12~PCA",
        "12~pca~",
        "12~pca~-5",
        "12~pca~0.5",
        "12~pca~101",
        "12~pca~999",
        "12~pca~1000",
        f"12~pca~50~{SHA.upper()}",
        f"12~pca~50~{SHA}0",
        "12~pca~50~../../secret",
        "12<script>alert(1)</script>",
        "12~![x](http://evil.example/a.png)",
        "\x00",
        "12" + "~pca" * 100_000,
    ],
)
def test_a_text_that_is_no_side_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Side.parse(text)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400
    assert "%" in message or "write a run's number" in message


@pytest.mark.parametrize(
    ("side", "treatment", "is_raw"),
    [
        ("1", "raw", True),
        ("1~pca~0", "raw", True),
        ("1~pca", "Covariance match (PCA)", False),
        ("1~histogram~80", "Histogram matching 80 %", False),
        ("1~histogram~80~run", "Histogram matching 80 % in a mask", False),
    ],
)
def test_a_treatment_is_said(side: str, treatment: str, is_raw: bool) -> None:
    assert Side.parse(side).treatment == treatment
    assert Side.parse(side).is_raw is is_raw


# What there is


def test_a_run_offers_its_result_first_and_all_that_it_offers_is_found(lab: Lab) -> None:
    snapshots = lab.store.snapshots(WHOLE)
    offered = pictures_of(lab.run(WHOLE), snapshots)
    assert offered == ["result", "step-3", "content", "style-1"]
    labels = [find_side(lab.store, Side(WHOLE, picture)).label for picture in offered]
    assert labels == [
        "Run 1 · step 6 · raw",
        "Run 1 · step 3 · raw",
        "Run 1 · content, photo.png · raw",
        "Run 1 · style, style.png · raw",
    ]
    assert find_side(lab.store, Side(WHOLE, "step-6")).snapshot == snapshots[-1]
    assert pictures_of(lab.run(WAITING), []) == ["content", "style-1"]


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        ("99", "there is no run 99"),
        ("1.step-4", "run 1 has no picture step-4; choose one of result, step-3, content, style-1"),
        ("1.step-03", "no picture step-03"),
        ("1.style-2", "run 1 has no picture style-2"),
        ("3", "run 3 has no result yet; choose one of content, style-1"),
        ("1~pca~100~run", "run 1 has no content mask"),
    ],
)
def test_what_is_not_there_is_said(side: str, reason: str, lab: Lab) -> None:
    with pytest.raises(RunError, match=reason):
        load_side(lab.store, Side.parse(side))


def test_stamps_tell_pictures_apart(lab: Lab) -> None:
    texts = ["1", "1.step-3", "1.content", "1.style-1", "1~pca", "1~pca~80", "1~histogram", "2"]
    found = [find_side(lab.store, Side.parse(text)) for text in texts]
    assert len({item.stamp for item in found}) == len(texts)
    assert find_side(lab.store, Side.parse("1~pca")).stamp == found[4].stamp


# Their pictures


@pytest.mark.parametrize("text", ["1", "1~pca~0", f"1~histogram~0~{SHA}"])
def test_a_raw_side_is_the_pixels_of_its_png(text: str, lab: Lab) -> None:
    png = result_of(lab, WHOLE)
    picture = load_side(lab.store, Side.parse(text)).picture
    assert picture.pixels.equal(load_image(png).pixels)
    assert picture.provenance == read_provenance(png)
    assert encode_png(picture) == png


@pytest.mark.parametrize("picture", ["content", "style-1"])
def test_an_input_stands_at_the_size_of_the_result(picture: str, lab: Lab) -> None:
    source = lab.content if picture == "content" else lab.style
    shown = load_side(lab.store, Side(WHOLE, picture)).picture
    assert shown.size == RESULT
    original = load_image(lab.store.read(source.sha256))
    assert shown.pixels.equal(resize(original.pixels, RESULT))


@pytest.mark.parametrize("strength", [30, 100])
@pytest.mark.parametrize("method", METHODS)
def test_a_treated_side_is_recoloured_by_the_content_at_its_size(
    method: ColorMethod, strength: int, lab: Lab
) -> None:
    raw = load_image(result_of(lab, MASKED))
    content = resize(content_of(lab, MASKED).pixels, RESULT)
    shown = load_side(lab.store, Side(MASKED).treated(method, strength)).picture
    expected = recolor(raw.pixels, content, method, strength=strength / 100)
    assert shown.pixels.equal(expected)
    assert not shown.pixels.equal(raw.pixels)
    assert shown.provenance["recolor"] == {
        "method": method,
        "strength": strength / 100,
        "content_sha256": lab.run(MASKED).content.sha256,
        "result_sha256": lab.store.snapshots(MASKED)[-1].sha256,
    }


@pytest.mark.parametrize("method", COLOR_METHODS)
def test_alpha_is_kept_in_every_treatment(method: ColorMethod, lab: Lab) -> None:
    alpha = load_image(result_of(lab, MASKED)).alpha
    assert alpha is not None
    assert 0 <= alpha.min() < 0.1 < 0.9 < alpha.max() <= 1
    for side in (Side(MASKED), Side(MASKED, mask="run")):
        shown = load_side(lab.store, side.treated(method)).picture
        assert shown.alpha is not None
        assert shown.alpha.equal(alpha)
    content = load_side(lab.store, Side(MASKED, "content").treated(method)).picture
    assert content.alpha is not None
    assert content.alpha.shape[-2:] == content.size == RESULT


# Masks


@pytest.mark.parametrize("method", METHODS)
def test_the_runs_mask_limits_the_treatment(method: ColorMethod, lab: Lab) -> None:
    raw = load_image(result_of(lab, MASKED)).pixels
    content = resize(content_of(lab, MASKED).pixels, RESULT)
    mask = resize(load_mask(mask_bytes(40, 60), size=(40, 60)), RESULT)
    shown = load_side(lab.store, Side(MASKED).treated(method, 100, "run")).picture.pixels
    torch.testing.assert_close(shown, recolor(raw, content, method, mask=mask))
    untouched = mask[0, 0] == 0
    assert untouched.float().mean() > 0.4
    assert shown[..., untouched].equal(raw[..., untouched])
    assert not shown[..., ~untouched].allclose(raw[..., ~untouched])


@pytest.mark.parametrize("size", [RESULT, (40, 60), (80, 120), (200, 300)])
def test_a_mask_of_the_same_shape_is_scaled(size: tuple[int, int], lab: Lab) -> None:
    data = mask_bytes(*size)
    stored = lab.store.add_picture(data, "other.png")
    mask = resize(load_mask(data, size=size), RESULT)
    content = resize(content_of(lab, MASKED).pixels, RESULT)
    shown = load_side(lab.store, Side(MASKED).treated("pca", 60, stored.sha256)).picture.pixels
    raw = load_image(result_of(lab, MASKED)).pixels
    assert shown.equal(recolor(raw, content, "pca", strength=0.6, mask=mask))


@pytest.mark.parametrize("size", [(32, 21), (32, 32), (42, 70), (40, 180)])
def test_a_mask_of_another_shape_is_refused_and_not_stretched(
    size: tuple[int, int], lab: Lab
) -> None:
    stored = lab.store.add_picture(mask_bytes(*size), "other.png")
    reason = f"mask of {size[1]} x {size[0]} px has another shape than its picture of 32 x 21 px"
    with pytest.raises(ImageError, match=reason):
        load_side(lab.store, Side(MASKED).treated("pca", 100, stored.sha256))


def test_a_mask_that_cannot_be_used_is_said(lab: Lab) -> None:
    black = lab.store.add_picture(mask_bytes(40, 60, inside=0.0), "black.png")
    with pytest.raises(ImageError, match="black all over"):
        load_side(lab.store, Side(MASKED).treated("pca", 100, black.sha256))
    with pytest.raises(StoreError, match="0123456789ab"):
        load_side(lab.store, Side(MASKED).treated("pca", 100, SHA))
    no_picture = lab.store.files.write(b"no picture")
    with pytest.raises(ImageError, match="the mask: this is not a picture"):
        load_side(lab.store, Side(MASKED).treated("pca", 100, no_picture))


def test_a_file_that_is_gone_is_said(lab: Lab) -> None:
    content = lab.store.add_picture(picture_bytes(99), "gone.png")
    run_id = lab.submit(content)
    lab.store.files.remove(content.sha256)
    with pytest.raises(StoreError, match=r"is not in .* any more"):
        load_side(lab.store, Side(run_id, "content"))


# Letters


def test_letters_stand_for_runs_in_the_order_of_the_sides(lab: Lab) -> None:
    def found(*texts: str) -> list[FoundSide]:
        return [find_side(lab.store, Side.parse(text)) for text in texts]

    assert letters_of(found("1", "1~pca")) == {1: "A, B"}
    assert letters_of(found("2", "1", "2.content")) == {2: "A, C", 1: "B"}
    assert letters_of([]) == {}
    eight = found(*["1", "2"] * (MOST_SIDES // 2))
    assert letters_of(eight) == {1: "A, C, E, G", 2: "B, D, F, H"}


def test_a_style_is_as_large_as_the_run_saw_it(lab: Lab) -> None:
    run_id = lab.submit(style_scale=1.5)
    assert load_side(lab.store, Side(run_id, "style-1")).picture.size == (32, 48)
    assert load_side(lab.store, Side(run_id, "content")).picture.size == (21, 32)


def test_a_result_without_provenance_is_shown_all_the_same(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    picture = load_side(lab.store, Side(run_id)).picture
    with lab.store.database.write() as connection:
        bare = lab.store.keep(connection, encode_png(Picture(picture.pixels)))
        connection.execute(update(t.snapshots).values(sha256=bare))
    again = load_side(lab.store, Side(run_id)).picture
    assert again.pixels.equal(picture.pixels)
    assert again.provenance == {}
