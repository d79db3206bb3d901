"""Pictures in and out: exact values by mode and format, then every bad file and its reason."""

import contextlib
import functools
import hashlib
import io
import json
import logging
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from torch import Tensor

from nst_core.errors import ConfigError, ImageError
from nst_core.image import (
    MIN_EDGE,
    PROVENANCE_KEY,
    Picture,
    encode_png,
    fit_size,
    have_one_shape,
    load_image,
    load_mask,
    read_provenance,
    resize,
    save_image,
)

RGB: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RGB[..., 0]
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "BMP": {}}


class Settings:
    """What save_image asks of a config."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        assert mode == "json"
        return {"alpha": 1.0, "layers": ["conv4_2"]}


def encode(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


@functools.cache
def bomb_png(width: int, height: int) -> bytes:
    """A valid 1-bit PNG, all black, of a few kilobytes, made without its pixels in memory."""
    compressor = zlib.compressobj(9)
    rows = bytes(1 + (width + 7) // 8)
    packed = b"".join(compressor.compress(rows) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", packed)
        + png_chunk(b"IEND", b"")
    )


def deep_tiff(samples: NDArray[Any]) -> bytes:
    return encode(Image.fromarray(samples), "TIFF")


def array(picture: Picture) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = picture.pixels[0].permute(1, 2, 0).numpy()
    return pixels


def levels(image: Tensor) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = image[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    return result


# Decoding


@pytest.mark.parametrize("format_", LOSSLESS)
def test_lossless_formats_load_exactly(format_: str) -> None:
    picture = load_image(encode(Image.fromarray(RGB), format_, **LOSSLESS[format_]))
    assert picture.pixels.dtype == torch.float32
    assert picture.pixels.shape == (1, 3, 20, 30)
    assert (picture.height, picture.width, picture.size) == (20, 30, (20, 30))
    assert picture.alpha is None
    np.testing.assert_array_equal(array(picture), RGB / np.float32(255))


def test_jpeg_loads_as_pillow_decodes_it() -> None:
    data = encode(Image.fromarray(RGB), "JPEG", quality=95)
    np.testing.assert_array_equal(
        levels(load_image(data).pixels), np.array(Image.open(io.BytesIO(data)))
    )


def test_mpo_of_a_phone_loads_its_first_picture() -> None:
    first, second = Image.fromarray(RGB), Image.new("RGB", (30, 20))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(
        levels(load_image(data).pixels), np.array(Image.open(io.BytesIO(data)))
    )


def test_picture_knows_its_file(tmp_path: Path) -> None:
    data = encode(Image.fromarray(RGB))
    (tmp_path / "sea.png").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    for source in (tmp_path / "sea.png", str(tmp_path / "sea.png")):
        picture = load_image(source)
        assert (picture.name, picture.sha256) == ("sea.png", sha256)
    assert load_image(data).name == ""
    assert load_image(data, name="upload.png").name == "upload.png"
    assert load_image(data).provenance == {}


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_animations_and_pages_load_by_their_first(format_: str) -> None:
    other = Image.new("RGB", (30, 20), "red")
    data = encode(
        Image.fromarray(RGB), format_, save_all=True, append_images=[other], **LOSSLESS[format_]
    )
    np.testing.assert_array_equal(levels(load_image(data).pixels), RGB)


def palette_picture() -> Image.Image:
    picture = Image.new("P", (30, 20))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.paste(1, (0, 0, 15, 20))
    picture.paste(2, (15, 0, 30, 10))
    return picture


GREY_AS_RGB = np.repeat(GREY[..., None], 3, axis=2)
PALETTE_AS_RGB = np.array(palette_picture().convert("RGB"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode(Image.fromarray(GREY)), GREY_AS_RGB),
        (encode(Image.fromarray(GREY), "JPEG", quality=100, subsampling=0), None),
        (encode(Image.fromarray(GREY).point(lambda v: 255 * (v > 99), "1")), None),
        (encode(palette_picture()), PALETTE_AS_RGB),
        (encode(palette_picture(), "BMP"), PALETTE_AS_RGB),
    ],
    ids=["grey", "grey-jpeg", "1-bit", "palette", "palette-bmp"],
)
def test_modes_load_as_rgb(data: bytes, expected: NDArray[np.uint8] | None) -> None:
    if expected is None:
        expected = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    picture = load_image(data)
    assert picture.alpha is None
    np.testing.assert_array_equal(levels(picture.pixels), expected)


RAMP16 = np.linspace(0, 65535, 600).round().astype(np.uint16).reshape(20, 30)
RAMP = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode(Image.fromarray(RAMP16)), RAMP16 / 65535),
        (deep_tiff(RAMP16), RAMP16 / 65535),
        (deep_tiff((RAMP16 // 4).astype(np.uint16)), (RAMP16 // 4) / 65535),
        (encode(Image.fromarray(RAMP16.astype(">u2")), "TIFF"), RAMP16 / 65535),
        (deep_tiff(RAMP16.astype(np.int32)), RAMP16 / 65535),
        (deep_tiff(RAMP16.astype(np.int32) // 400), (RAMP16 // 400) / 65535),
        (deep_tiff(RAMP16.astype(np.int32) * 32767), RAMP16 * 32767.0 / (2**31 - 1)),
        (deep_tiff(RAMP16.astype(np.int32) - 30000), (RAMP16 - 30000.0).clip(0) / 65535),
        (deep_tiff(RAMP), RAMP),
        (deep_tiff(RAMP * 200), RAMP * 200 / 255),
        (deep_tiff(RAMP * 60000), RAMP * 60000 / 65535),
        (deep_tiff(RAMP * 1e6), RAMP),
    ],
    ids=[
        "png",
        "tiff",
        "dark",
        "big-endian",
        "int",
        "dark-int",
        "int32",
        "signed",
        "float-1",
        "float-255",
        "float-65535",
        "float-large",
    ],
)
def test_deep_grey_is_scaled_to_its_white(data: bytes, expected: NDArray[np.float64]) -> None:
    pixels = array(load_image(data))
    for channel in range(3):
        np.testing.assert_allclose(pixels[..., channel], expected, atol=1e-6)


def test_deep_grey_keeps_more_than_8_bits() -> None:
    steps = (1000 + np.arange(600)).astype(np.uint16).reshape(20, 30)
    assert len(np.unique(array(load_image(encode(Image.fromarray(steps)))))) == 600


def test_float_picture_with_nan_is_refused() -> None:
    samples = RAMP.copy()
    samples[3, 4] = np.nan
    with pytest.raises(ImageError, match=r"depth\.tiff: some samples are NaN or infinite"):
        load_image(deep_tiff(samples), name="depth.tiff")


def test_cmyk_loads_as_its_colors() -> None:
    picture = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    for data in (encode(picture, "TIFF"), encode(picture, "JPEG", quality=100)):
        mean = load_image(data).pixels.mean(dim=(0, 2, 3))
        torch.testing.assert_close(mean, torch.tensor([1.0, 0.0, 0.0]), atol=0.02, rtol=0)


def test_lab_tiff_loads_as_its_colors() -> None:
    # L = 53.2, a = 80, b = 67 is sRGB red; Pillow's a and b are stored offset by 128.
    picture = Image.new("LAB", (20, 20), (136, 208, 195))
    mean = load_image(encode(picture, "TIFF")).pixels.mean(dim=(0, 2, 3))
    torch.testing.assert_close(mean, torch.tensor([1.0, 0.0, 0.0]), atol=0.06, rtol=0)


# Alpha


def transparent_palette() -> bytes:
    return encode(palette_picture(), transparency=bytes([255, 0, 128]))


ALPHA = RGB[..., 2]


@pytest.mark.parametrize(
    ("data", "colors", "alpha"),
    [
        (encode(Image.fromarray(np.dstack([RGB, ALPHA]))), RGB, ALPHA),
        (encode(Image.fromarray(np.dstack([RGB, ALPHA])), "TIFF"), RGB, ALPHA),
        (
            encode(Image.fromarray(np.dstack([RGB, ALPHA])), "WEBP", lossless=True, exact=True),
            RGB,
            ALPHA,
        ),
        (encode(Image.fromarray(np.dstack([GREY, ALPHA]), "LA")), GREY_AS_RGB, ALPHA),
        (
            transparent_palette(),
            PALETTE_AS_RGB,
            np.array([255, 0, 128], np.uint8)[np.array(palette_picture())],
        ),
        (
            encode(Image.fromarray(GREY), transparency=int(GREY[0, 0])),
            GREY_AS_RGB,
            np.where(GREY[0, 0] == GREY, 0, 255),
        ),
        (
            encode(Image.fromarray(RGB), transparency=tuple(int(v) for v in RGB[0, 0])),
            RGB,
            np.where((RGB[0, 0] == RGB).all(axis=2), 0, 255),
        ),
    ],
    ids=["rgba", "rgba-tiff", "rgba-webp", "la", "palette", "grey-key", "rgb-key"],
)
def test_alpha_is_kept_aside(
    data: bytes, colors: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> None:
    picture = load_image(data)
    assert picture.alpha is not None
    np.testing.assert_array_equal(levels(picture.pixels), colors)
    np.testing.assert_array_equal(levels(picture.alpha)[..., 0], alpha)


def test_alpha_is_put_back_by_saving(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, ALPHA])
    picture = load_image(encode(Image.fromarray(rgba)))
    saved = Image.open(save_image(picture, tmp_path / "out.png"))
    assert saved.mode == "RGBA"
    np.testing.assert_array_equal(np.array(saved), rgba)


# EXIF


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(format_: str, orientation: int) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (255, 0, 0)
    upright[8:, :16] = (0, 255, 0)
    upright[:8, 16:] = (0, 0, 255)
    # How a camera stores it: the inverse of what the EXIF standard says to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"subsampling": 0} if format_ == "JPEG" else LOSSLESS[format_]
    data = encode(Image.fromarray(np.ascontiguousarray(stored)), format_, exif=exif, **options)
    picture = load_image(data)
    assert picture.size == (16, 32)
    np.testing.assert_allclose(array(picture), upright / 255, atol=0.02)


def test_broken_exif_leaves_the_picture_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    data = encode(Image.fromarray(RGB), exif=b"Exif\0\0not a TIFF header at all")
    np.testing.assert_array_equal(levels(load_image(data, name="a.png").pixels), RGB)
    assert "a.png: its EXIF data is broken; not rotated" in caplog.text


# ICC

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3_TO_XYZ = np.array(  # Display P3's primaries, adapted to D50 (columns: red, green, blue)
    [[0.51512, 0.29198, 0.1571], [0.2412, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
XYZ_TO_SRGB = np.linalg.inv(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)


def profile_with(to_xyz: NDArray[np.float64]) -> bytes:
    """The sRGB profile with other primaries: columns of a D50 matrix put into its XYZ tags."""
    profile = bytearray(SRGB)
    for index in range(struct.unpack_from(">I", profile, 128)[0]):
        tag, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if tag in (b"rXYZ", b"gXYZ", b"bXYZ"):
            column = to_xyz[:, b"rgb".index(tag[0])]
            struct.pack_into(">3i", profile, offset + 8, *(round(v * 65536) for v in column))
    return bytes(profile)


def decode_srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode_srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = values.clip(0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("color", [(180, 100, 60), (60, 140, 120), (128, 128, 128)])
def test_display_p3_is_converted_to_srgb(format_: str, color: tuple[int, int, int]) -> None:
    options = {"quality": 100} if format_ == "JPEG" else LOSSLESS[format_]
    profile = profile_with(P3_TO_XYZ)
    data = encode(Image.new("RGB", (20, 20), color), format_, icc_profile=profile, **options)
    expected = encode_srgb(XYZ_TO_SRGB @ P3_TO_XYZ @ decode_srgb(np.array(color) / 255))
    pixels = load_image(data).pixels.mean(dim=(0, 2, 3)).numpy()
    np.testing.assert_allclose(pixels, expected, atol=2.5 / 255)


def test_profile_applies_to_palettes_and_keeps_alpha() -> None:
    swapped = profile_with(np.linalg.inv(XYZ_TO_SRGB)[:, [1, 0, 2]])  # red means green
    data = encode(palette_picture(), icc_profile=swapped, transparency=bytes([255, 0, 128]))
    picture = load_image(data)
    assert picture.alpha is not None
    np.testing.assert_allclose(array(picture), PALETTE_AS_RGB[..., [1, 0, 2]] / 255, atol=0.01)
    assert {int(v) for v in levels(picture.alpha).ravel()} == {255, 0, 128}


def test_srgb_profile_changes_nothing_by_more_than_a_level() -> None:
    picture = load_image(encode(Image.fromarray(RGB), icc_profile=SRGB))
    assert np.abs(levels(picture.pixels).astype(int) - RGB).max() <= 1


def grey_profile(gamma: float) -> bytes:
    """A minimal ICC v2 grey profile with a power curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 2) + b"g\0" + bytes(78)
    body, table = b"", b""
    for tag, data in ((b"desc", text + bytes(-len(text) % 4)), (b"wtpt", white), (b"kTRC", curve)):
        table += struct.pack(">4sII", tag, 128 + 4 + 36 + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s", 168 + len(body), b"lcms", 0x02100000, *(b"mntr", b"GRAY", b"XYZ ")
    )
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + struct.pack(">I", 3) + table + body


@pytest.mark.parametrize(
    "picture",
    [Image.new("L", (20, 20), 128), Image.fromarray(np.full((20, 20), 128 * 257, np.uint16))],
    ids=["8-bit", "16-bit"],
)
def test_grey_profile_is_converted_to_srgb(picture: Image.Image) -> None:
    pixels = load_image(encode(picture, icc_profile=grey_profile(1.0))).pixels  # linear light
    torch.testing.assert_close(pixels, torch.full_like(pixels, 188 / 255), atol=1 / 255, rtol=0)


def test_grey_picture_tagged_srgb_loads_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    picture = load_image(encode(Image.fromarray(GREY), icc_profile=SRGB))
    assert np.abs(levels(picture.pixels).astype(int) - GREY_AS_RGB).max() <= 1
    assert not caplog.records


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", SRGB[:200], grey_profile(1.0)],
    ids=["text", "cut", "grey-for-rgb"],
)
def test_broken_profile_is_taken_as_srgb_and_said(
    profile: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data = encode(Image.fromarray(RGB), icc_profile=profile)
    with caplog.at_level(logging.WARNING):
        picture = load_image(data, name="sea.png")
    np.testing.assert_array_equal(levels(picture.pixels), RGB)
    assert "sea.png: its ICC profile is broken; colours are taken as sRGB" in caplog.text


# Bad files

PNG = encode(Image.fromarray(RGB))
JPEG = encode(Image.fromarray(RGB), "JPEG")
NOT_A_PICTURE = (
    "this is not a picture in PNG, JPEG, WebP, TIFF or BMP format; convert it to one of these"
)
DAMAGED = "the file is damaged or cut short; fetch or export it again"
TOO_MANY = "is 90.0 megapixels and the limit 50; make it smaller or raise NST_MAX_MEGAPIXELS"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.png", b"", "the file is empty; fetch or export it again"),
        ("notes.png", b"Monday: buy paint\n", NOT_A_PICTURE),
        ("one-byte.png", b"\x89", NOT_A_PICTURE),
        ("anim.gif", encode(Image.fromarray(GREY), "GIF"), NOT_A_PICTURE),
        ("disguised.png", encode(Image.fromarray(GREY), "GIF"), NOT_A_PICTURE),
        ("icon.ico", encode(Image.fromarray(RGB), "ICO"), NOT_A_PICTURE),
        ("sound.webp", b"RIFF\x24\0\0\0WAVEfmt ", NOT_A_PICTURE),
        ("cut.jpg", JPEG[: len(JPEG) // 2], DAMAGED),
        ("cut.png", PNG[: len(PNG) // 2], DAMAGED),
        ("header.png", PNG[:20], DAMAGED),
        ("checksum.png", PNG[:30] + b"?" + PNG[31:], DAMAGED),
        ("header.jpg", JPEG[:10], DAMAGED),
        ("cut.webp", encode(Image.fromarray(RGB), "WEBP")[:200], DAMAGED),
        ("cut.bmp", encode(Image.fromarray(RGB), "BMP")[:900], DAMAGED),
        ("cut.tiff", encode(Image.fromarray(RGB), "TIFF")[:900], DAMAGED),
        ("dot.png", encode(Image.new("RGB", (1, 1))), "1 x 1 px is too small; each edge must be"),
        ("strip.png", encode(Image.new("RGB", (10, 10000))), "10 x 10000 px is too small; each"),
        ("15.png", encode(Image.new("RGB", (16, 15))), "16 x 15 px is too small; each edge must"),
        ("bomb.png", bomb_png(30000, 30000), "more than 179 megapixels; make it smaller"),
        ("wide.png", bomb_png(10000, 9000), f"10000 x 9000 px {TOO_MANY}"),
        ("big.png", bomb_png(10000, 5001), "10000 x 5001 px is 50.0 megapixels and the limit 50;"),
    ],
)
def test_bad_file_is_refused_in_one_line(
    name: str, data: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ImageError) as by_path:
        load_image(path)
    with pytest.raises(ImageError) as by_bytes:
        load_image(data, name=name)
    assert str(by_path.value).startswith(f"{path}: {reason}")
    assert str(by_bytes.value).startswith(f"{name}: {reason}")
    assert "\n" not in str(by_path.value)


def test_bad_bytes_without_a_name_are_the_picture() -> None:
    with pytest.raises(ImageError, match=r"^the picture: this is not a picture in PNG"):
        load_image(b"text")


def test_bad_name_of_several_lines_is_put_on_one() -> None:
    with pytest.raises(ImageError, match=r"^a b\.png: this is not"):
        load_image(b"text", name="a\nb.png")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("missing.png", r"missing\.png: cannot be read \(no such file or directory\); check its"),
        (".", r"\.: this is a folder or a device; name a picture file"),
        ("a\0b.png", r"cannot be read \(.*null.*\); check its name"),
        ("x" * 5000 + ".png", r"cannot be read \(file name too long\)"),
    ],
)
def test_unreadable_path_is_refused(source: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        load_image(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match=r"pipe\.png: this is a folder or a device"):
        load_image(tmp_path / "pipe.png")


def test_bomb_is_small_and_no_pixel_of_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bomb_png(30000, 3000)
    assert len(data) < 20_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageError, match=r"30000 x 3000 px is 90\.0 megapixels"):
        load_image(data)


def test_pixel_limit_is_the_argument_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.new("1", (1000, 500)))
    assert load_image(data, max_megapixels=0.5).size == (500, 1000)
    with pytest.raises(ImageError, match=r"1000 x 500 px is 0\.5 megapixels and the limit 0\.4;"):
        load_image(data, max_megapixels=0.4)
    monkeypatch.setenv("NST_MAX_MEGAPIXELS", "0.3")
    with pytest.raises(ImageError, match=r"the limit 0\.3;"):
        load_image(data)
    assert load_image(data, max_megapixels=1).size == (500, 1000)
    monkeypatch.setenv("NST_MAX_MEGAPIXELS", "")
    assert load_image(data).size == (500, 1000)


@pytest.mark.parametrize("value", ["many", "0", "-5", "nan"])
def test_pixel_limit_must_be_a_number_above_0(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_MAX_MEGAPIXELS", value)
    with pytest.raises(ConfigError, match=f"NST_MAX_MEGAPIXELS is '{value}'; give a number of"):
        load_image(PNG)
    if value != "many":
        with pytest.raises(ConfigError, match=r"max_megapixels is "):
            load_image(PNG, max_megapixels=float(value))


def test_pixel_limit_is_never_above_what_pillow_decodes() -> None:
    with pytest.raises(ImageError, match="more than 179 megapixels; make it smaller"):
        load_image(bomb_png(30000, 30000), max_megapixels=1e6)


def test_pixel_limit_between_pillows_warning_and_its_error_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    assert load_image(PNG, max_megapixels=1).size == (20, 30)  # 600 px: above 400, under 800


def pictures_to_damage() -> dict[str, bytes]:
    picture = Image.fromarray(RGB)
    return {
        "png": encode(picture, icc_profile=SRGB),
        "palette": transparent_palette(),
        "jpeg": encode(picture, "JPEG", icc_profile=SRGB),
        "webp": encode(picture, "WEBP"),
        "tiff": encode(picture, "TIFF"),
        "float": deep_tiff(RAMP),
        "bmp": encode(picture, "BMP"),
    }


@pytest.mark.parametrize("kind", pictures_to_damage())
def test_damaged_file_loads_or_is_an_image_error(kind: str) -> None:
    whole = pictures_to_damage()[kind]
    random = np.random.default_rng(7)
    for _ in range(150):
        data = bytearray(whole)
        reach = len(data) if random.random() < 0.5 else min(len(data), 160)  # headers break most
        for position in random.integers(0, reach, random.integers(1, 6)):
            data[position] = random.integers(0, 256)
        if random.random() < 0.3:
            del data[random.integers(1, len(data)) :]
        with contextlib.suppress(ImageError):
            assert load_image(bytes(data), max_megapixels=1).pixels.isfinite().all()


def test_loading_leaves_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    load_image(PNG)
    assert list(warnings.filters) == before


# Masks


def test_mask_is_the_luminance_and_white_is_inside() -> None:
    colors = np.zeros((20, 32, 3), np.uint8)
    for column, color in enumerate([(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        colors[:, 8 * column : 8 * column + 8] = color
    mask = load_mask(encode(Image.fromarray(colors)), size=(20, 32))
    assert mask.shape == (1, 1, 20, 32)
    torch.testing.assert_close(mask[0, 0, 0, ::8], torch.tensor([1.0, 0.299, 0.587, 0.114]))


def test_mask_ignores_its_alpha() -> None:
    rgba = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    assert load_mask(encode(rgba), size=(20, 20)).min() == 1


@pytest.mark.parametrize(
    ("size", "color", "reason"),
    [
        ((30, 20), "white", "m.png: the mask is 30 x 20 px and its picture 20 x 30 px; make both"),
        ((20, 30), "black", "m.png: the mask is black all over; paint white what is inside"),
    ],
)
def test_bad_mask_is_refused(size: tuple[int, int], color: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        load_mask(encode(Image.new("RGB", (30, 20), color)), size=size, name="m.png")


# Sizes


def test_resize_keeps_constants_and_range() -> None:
    constant = torch.full((1, 3, 20, 30), 0.3)
    torch.testing.assert_close(resize(constant, (41, 17)), torch.full((1, 3, 41, 17), 0.3))
    checkers = (torch.arange(20)[:, None] + torch.arange(30)).remainder(2).float()
    checkers = checkers.expand(1, 3, 20, 30)
    enlarged = resize(checkers, (50, 75))
    assert enlarged.shape == (1, 3, 50, 75)
    assert enlarged.min() == 0
    assert enlarged.max() == 1


def test_resize_is_antialiased() -> None:
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::4] = 1
    small = resize(stripes, (16, 16))[..., 2:-2]
    torch.testing.assert_close(small, torch.full_like(small, 0.25), atol=0.05, rtol=0)


def test_resize_to_its_own_size_is_the_same_image() -> None:
    image = torch.rand(1, 3, 20, 30)
    assert resize(image, (20, 30)) is image


@pytest.mark.parametrize(
    ("size", "long_edge", "expected"),
    [
        ((480, 640), 512, (384, 512)),
        ((640, 480), 512, (512, 384)),
        ((512, 512), 256, (256, 256)),
        ((100, 150), 300, (200, 300)),
        ((333, 1000), 512, (170, 512)),
        ((32, 1024), 512, (16, 512)),
    ],
)
def test_fit_size_keeps_the_aspect(
    size: tuple[int, int], long_edge: int, expected: tuple[int, int]
) -> None:
    assert fit_size(size, long_edge) == expected


@pytest.mark.parametrize(
    ("long_edge", "up_to", "expected"),
    [
        (64, 512, (16, 160)),  # as large as its short edge must be
        (256, 512, (26, 256)),  # large enough by itself
        (64, 160, (16, 160)),
    ],
)
def test_fit_size_lets_a_thin_picture_be_larger(
    long_edge: int, up_to: int, expected: tuple[int, int]
) -> None:
    assert fit_size((100, 1000), long_edge, up_to=up_to) == expected


def test_fit_size_lets_it_be_no_larger_than_that() -> None:
    with pytest.raises(ImageError, match="would be 15 x 150 px at size 150"):
        fit_size((1000, 100), 64, up_to=150)


@pytest.mark.parametrize(
    ("size", "long_edge", "reason"),
    [
        ((10000, 10), 512, "a picture of 10 x 10000 px would be 1 x 512 px at size 512"),
        ((31, 1024), 495, "a picture of 1024 x 31 px would be 495 x 15 px at size 495"),
        ((100, 100), MIN_EDGE - 1, "would be 15 x 15 px at size 15: its short edge must be at"),
    ],
)
def test_fit_size_of_a_strip_says_what_it_would_be(
    size: tuple[int, int], long_edge: int, reason: str
) -> None:
    with pytest.raises(ImageError, match=reason):
        fit_size(size, long_edge)


# Saving


@pytest.mark.parametrize(
    ("size", "other", "one_shape"),
    [
        ((300, 451), (255, 384), True),  # 255.4 rounded
        ((340, 512), (340, 511), True),
        ((340, 512), (341, 512), True),
        ((340, 512), (342, 512), False),
        ((2730, 4096), (43, 64), True),  # 42.7 rounded
        ((2730, 4096), (41, 64), False),
        ((48, 64), (64, 48), False),
        ((20, 21), (21, 20), True),
        ((16, 2000), (16, 2000), True),
        ((16, 2000), (18, 2000), False),
        ((1, 1), (500, 500), True),
        ((1, 1), (1, 3), True),  # a pixel tells no aspect
        ((1, 4), (5, 8), False),
        ((1, 500), (1, 100), True),
        ((1, 500), (500, 1), False),
    ],
)
def test_sizes_of_one_shape_differ_by_rounding(
    size: tuple[int, int], other: tuple[int, int], one_shape: bool
) -> None:
    for first, second in ((size, other), (other, size), (size[::-1], other[::-1])):
        assert have_one_shape(first, second) is one_shape


@pytest.mark.parametrize("size", [(300, 451), (681, 1024), (4000, 3001), (37, 1000), (16, 16)])
def test_a_picture_has_the_shape_of_its_scaled_copies(size: tuple[int, int]) -> None:
    edges = [edge for edge in range(32, 2048, 7) if min(size) * edge >= 17 * max(size)]
    copies = [fit_size(size, edge) for edge in edges]
    assert all(have_one_shape(size, copy) for copy in copies)
    assert all(have_one_shape(copies[0], copy) for copy in copies)


def test_saving_rounds_to_8_bits_and_clamps(tmp_path: Path) -> None:
    values = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 100.6 / 255, 254.6 / 255, 1.0, 1.5])
    image = values.repeat(3, 16, 2)
    saved = np.array(Image.open(save_image(image, tmp_path / "out.png")))
    assert saved[0, :8, 0].tolist() == [0, 0, 0, 1, 101, 255, 255, 255]


@pytest.mark.parametrize("shape", [(1, 3, 20, 30), (3, 20, 30)])
def test_saving_takes_tensors(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = torch.rand(shape, requires_grad=True)
    target = save_image(image, str(tmp_path / "out.PNG"))
    assert target == tmp_path / "out.PNG"
    loaded = load_image(target).pixels
    torch.testing.assert_close(loaded[0], image.detach().reshape(3, 20, 30), atol=0.00197, rtol=0)


def test_saving_carries_provenance_and_settings(tmp_path: Path) -> None:
    provenance = {"inputs": [{"name": "Ærø.jpg", "sha256": "ab"}], "version": "0.1.0"}
    picture = Picture(torch.rand(1, 3, 20, 30), provenance=provenance)
    target = save_image(picture, tmp_path / "out.png", config=Settings())
    expected = provenance | {"config": {"alpha": 1.0, "layers": ["conv4_2"]}}
    assert read_provenance(target) == expected
    assert read_provenance(target.read_bytes()) == expected
    assert "config" not in picture.provenance
    text = Image.open(io.BytesIO(target.read_bytes())).info[PROVENANCE_KEY]
    assert json.loads(text) == expected


def test_encode_png_is_what_is_saved(tmp_path: Path) -> None:
    picture = Picture(torch.rand(1, 3, 20, 30), provenance={"version": "0.1.0"})
    saved = save_image(picture, tmp_path / "out.png").read_bytes()
    assert encode_png(picture) == saved


IMAGE = torch.rand(1, 3, 20, 30)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (torch.rand(20, 30), r"shape \(1, 20, 30\) is no picture; give \(1, 3, H, W\)"),
        (torch.rand(2, 3, 20, 30), r"shape \(2, 3, 20, 30\) is no picture"),
        (torch.rand(1, 4, 20, 30), r"shape \(1, 4, 20, 30\) is no picture"),
        (torch.rand(1, 3, 0, 30), r"shape \(1, 3, 0, 30\) is no picture"),
        (IMAGE * torch.nan, "NaN or infinite; nothing is written"),
        (IMAGE / 0, "NaN or infinite; nothing is written"),
        (torch.zeros(1, 3, 20, 30, dtype=torch.uint8), r"torch\.uint8 is no picture; give floats"),
        (Picture(IMAGE, alpha=IMAGE[:, :1, 1:]), "alpha channel is 30 x 19 px and the picture 30"),
        (Picture(IMAGE, alpha=IMAGE), r"shape \(1, 3, 20, 30\) is no picture; give \(1, 1, H"),
    ],
)
def test_saving_what_is_no_picture_leaves_nothing(
    image: Tensor | Picture, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match=reason):
        save_image(image, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.jpg", r"out\.jpg: results are written as PNG: name the file out\.png"),
        ("out", "out: results are written as PNG: name the file out.png"),
        ("missing/out.png", r"missing.out\.png: cannot be written \(no such file or directory\)"),
        ("folder.png", r"folder\.png: cannot be written \(is a directory\); choose another place"),
        ("file.txt/out.png", r"out\.png: cannot be written \(not a directory\)"),
        ("a\0b.png", r"cannot be written \(.*null"),
    ],
)
def test_saving_to_a_bad_place_leaves_nothing_new(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(ImageError, match=reason) as caught:
        save_image(IMAGE, tmp_path / name)
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.rglob("*")} == {"folder.png", "file.txt"}


def test_saving_that_breaks_off_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"old")

    def full_disk(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ImageError, match=r"cannot be written \(no space left on device\)"):
        save_image(IMAGE, target)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert target.read_bytes() == b"old"


def png_with_text(text: str) -> bytes:
    picture = Picture(IMAGE, provenance={"version": "1"})
    original = json.dumps({"version": "1"}).encode()
    data = encode_png(picture)
    start = data.index(b"iTXt")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    chunk = data[start + 4 : start + 4 + length].replace(original, text.encode())
    return data[: start - 4] + png_chunk(b"iTXt", chunk) + data[start + 8 + length :]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "r.png: the file is empty"),
        (JPEG, "r.png: this is not a PNG; settings are read from a PNG of NST Lab"),
        (PNG, "r.png: this PNG carries no settings; choose one as NST Lab saved it"),
        (PNG[:20], "r.png: the file is damaged or cut short"),
        (png_with_text("{"), "r.png: the settings in this PNG are damaged"),
        (png_with_text("[1]"), "r.png: the settings in this PNG are damaged"),
        (png_with_text("[" * 100_000), "r.png: the settings in this PNG are damaged"),
    ],
    ids=["empty", "jpeg", "foreign", "cut", "half", "list", "deep"],
)
def test_provenance_of_another_file_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_provenance(data, name="r.png")


def test_provenance_is_read_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_png(Picture(IMAGE, provenance={"version": "1"}))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert read_provenance(data) == {"version": "1"}
