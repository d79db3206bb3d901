"""Pictures in and out: decode, resize, encode. The only place that opens files a user sent.

A picture's tensor is (1, 3, H, W), RGB in sRGB, float32, [0, 1], on the CPU; sizes are
(height, width), and messages give them the way people do, width x height.
"""

import hashlib
import io
import json
import logging
import math
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from nst_core.errors import ConfigError, ImageError
from nst_core.paths import write_atomically

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")  # Pillow opens a phone's MPO as JPEG
FORMAT_NAMES = "PNG, JPEG, WebP, TIFF or BMP"
MIN_EDGE = 16  # px: below this VGG-19's fourth pooling leaves nothing
MAX_MEGAPIXELS = 50  # NST_MAX_MEGAPIXELS in the environment takes its place
PROVENANCE_KEY = "nst-lab"  # the PNG text chunk that carries a result's provenance

Source = str | os.PathLike[str] | bytes
Size = tuple[int, int]
Plane = NDArray[np.float32]

logger = logging.getLogger(__name__)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_MODES = ("1", "L", "LA", "La")
_UPRIGHT = {  # EXIF orientation -> what puts the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112

# warnings.catch_warnings() changes the whole process: one thread at a time.
_pillow_lock = threading.Lock()


class Config(Protocol):
    """What `save_image` asks of a config: pydantic's way to JSON-able values."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return the settings as JSON-able values (mode="json")."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    `pixels` is (1, 3, H, W), RGB, float32, [0, 1], on the CPU; `alpha` is (1, 1, H, W), 1 is
    opaque, or None. `name` is the file's name without its folder and `sha256` the hash of its
    bytes, "" where there is no file. `provenance` is JSON-able: what a result's PNG carries
    (settings, inputs, weights, version).
    """

    pixels: Tensor
    alpha: Tensor | None = None
    name: str = ""
    sha256: str = ""
    provenance: Mapping[str, object] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.pixels.shape[-2]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.pixels.shape[-1]

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.height, self.width


def load_image(source: Source, *, name: str = "", max_megapixels: float | None = None) -> Picture:
    """Decode a PNG, JPEG, WebP, TIFF or BMP file into a `Picture`, upright and in sRGB.

    Args:
        source: a path, or the file's bytes.
        name: what to call the picture in messages; a path has its own.
        max_megapixels: the largest picture to decode, 1e6 px; by default NST_MAX_MEGAPIXELS,
            or 50. Never more than Pillow itself decodes (about 178).

    EXIF rotation is applied and alpha kept aside, its colours as they are stored. An ICC profile
    is converted to sRGB; a broken one is ignored with a logged warning. Of several frames or
    pages the first is taken. Grey of 16 bits is divided by 65535. Grey of 32 bits: the brightest
    sample decides what is white, the least of 65535 and 2^31 - 1 (integers), or of 1, 255 and
    65535 (floats), that reaches it; negative samples become black.

    Raises:
        ImageError: the file is missing, unreadable, empty, damaged, of another format, over
            the limit (before any pixel is decoded), or has an edge under MIN_EDGE.
        ConfigError: the limit is not a number above 0.
    """
    limit = _limit_in_megapixels(max_megapixels)
    data, label = _read(source, name)
    with _pillow(data, label), Image.open(io.BytesIO(data), formats=FORMATS) as file:
        _check_size(file.height, file.width, limit, label)
        file.load()
        rgb, alpha = _planes(_upright(file, label), label)
    return Picture(
        pixels=torch.from_numpy(rgb).permute(2, 0, 1).unsqueeze(0).contiguous(),
        alpha=None if alpha is None else torch.from_numpy(alpha)[None, None],
        name=name if isinstance(source, bytes) else name or Path(source).name,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def load_mask(source: Source, *, size: Size, name: str = "") -> Tensor:
    """Load a mask of exactly `size` (height, width): (1, 1, H, W), [0, 1], 1 inside.

    A mask is its picture's luminance (0.299 R + 0.587 G + 0.114 B): white is inside, black
    outside, grey in between. Its alpha channel is ignored.

    Raises:
        ImageError: as `load_image`, or another size, or nothing is inside.
    """
    picture = load_image(source, name=name)
    label = name or picture.name or "the mask"
    if picture.size != tuple(size):
        raise ImageError(
            f"{label}: the mask is {_px(*picture.size)} and its picture {_px(*size)}; "
            "make both the same size"
        )
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    mask = (picture.pixels * weights).sum(dim=1, keepdim=True).clamp(0, 1)
    if not mask.any():
        raise ImageError(f"{label}: the mask is black all over; paint white what is inside")
    return mask


def resize(image: Tensor, size: Size) -> Tensor:
    """Resize (B, C, H, W) to `size` (height, width): bicubic, antialiased, clamped to [0, 1].

    An image that has the size already is returned as it is.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    resized = F.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1)


def fit_size(size: Size, long_edge: int, *, up_to: int = 0) -> Size:
    """Return (height, width) of the aspect of `size` whose longer edge is `long_edge` px.

    Args:
        up_to: a thin picture's longer edge may become this many px, so that its short edge is
            MIN_EDGE.

    Raises:
        ImageError: the short edge would be under MIN_EDGE.
    """
    long_edge = max(long_edge, min(math.ceil(MIN_EDGE * max(size) / min(size)), up_to))
    scale = long_edge / max(size)
    height, width = (long_edge if edge == max(size) else round(edge * scale) for edge in size)
    if min(height, width) < MIN_EDGE:
        raise ImageError(
            f"a picture of {_px(*size)} would be {_px(height, width)} at size {long_edge}: its "
            f"short edge must be at least {MIN_EDGE} px; crop it or raise the size"
        )
    return height, width


def have_one_shape(size: Size, other: Size) -> bool:
    """Whether two sizes have one aspect, to a pixel of the smaller: edges are rounded."""
    small, large = sorted((size, other), key=max)
    scale = max(large) / max(small)
    return all(abs(a * scale - b) <= scale for a, b in zip(small, large, strict=True))


def save_image(
    image: Picture | Tensor, path: str | os.PathLike[str], *, config: Config | None = None
) -> Path:
    """Write `image` to `path` as `encode_png` makes it, whole or not at all; return the path.

    Raises:
        ImageError: as `encode_png`, or the name does not end in .png, or it cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ImageError(
            f"{_one_line(path)}: results are written as PNG: name the file {target.stem}.png"
        )
    data = encode_png(image, config=config)
    try:
        write_atomically(target, data)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageError(
            f"{_one_line(path)}: cannot be written ({_reason(error)}); choose another place"
        ) from error
    return target


def encode_png(image: Picture | Tensor, *, config: Config | None = None) -> bytes:
    """Return `image` as a PNG of 8 bits a channel, rounded, with its alpha put back.

    A tensor is (1, 3, H, W) or (3, H, W), RGB; values are clamped to [0, 1]. The picture's
    provenance, with `config` under "config" if given, is embedded as JSON for `read_provenance`.

    Raises:
        ImageError: another shape, integers, or a value that is not finite.
    """
    picture = image if isinstance(image, Picture) else Picture(image)
    pixels = picture.pixels if picture.pixels.dim() == 4 else picture.pixels[None]
    planes = [_checked(pixels, channels=3)]
    if picture.alpha is not None:
        planes.append(_checked(picture.alpha, channels=1))
        if picture.alpha.shape[-2:] != pixels.shape[-2:]:
            raise ImageError(
                f"the alpha channel is {_px(*picture.alpha.shape[-2:])} and the picture "
                f"{_px(*pixels.shape[-2:])}; resize one of them"
            )
    provenance = dict(picture.provenance)
    if config is not None:
        provenance["config"] = config.model_dump(mode="json")
    chunks = PngImagePlugin.PngInfo()
    if provenance:
        chunks.add_itxt(PROVENANCE_KEY, json.dumps(provenance))
    samples = torch.cat(planes, dim=1)[0].mul(255).round().to(torch.uint8).permute(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(samples.contiguous().numpy()).save(buffer, format="PNG", pnginfo=chunks)
    return buffer.getvalue()


def read_provenance(source: Source, *, name: str = "") -> dict[str, Any]:
    """Return what `encode_png` embedded in a PNG (a path or bytes), without decoding pixels.

    Raises:
        ImageError: the file cannot be read, or is not a PNG that NST Lab wrote.
    """
    data, label = _read(source, name)
    if not data.startswith(_PNG_SIGNATURE):
        raise ImageError(f"{label}: this is not a PNG; settings are read from a PNG of NST Lab")
    with _pillow(data, label), Image.open(io.BytesIO(data), formats=("PNG",)) as file:
        text = file.info.get(PROVENANCE_KEY)
    if text is None:
        raise ImageError(
            f"{label}: this PNG carries no settings; choose one as NST Lab saved it "
            "(other programs may drop them)"
        )
    try:
        provenance = json.loads(text)
    except (ValueError, RecursionError):
        provenance = None
    if not isinstance(provenance, dict):
        raise ImageError(f"{label}: the settings in this PNG are damaged; choose another")
    return provenance


def _read(source: Source, name: str) -> tuple[bytes, str]:
    """Return the file's bytes and what messages call it."""
    if isinstance(source, bytes):
        data, label = source, _one_line(name) or "the picture"
    else:
        label = _one_line(name or source)
        if os.path.exists(source) and not os.path.isfile(source):  # reading a pipe may never end
            raise ImageError(f"{label}: this is a folder or a device; name a picture file")
        try:
            data = Path(source).read_bytes()
        except (OSError, ValueError, MemoryError) as error:  # ValueError: a null byte in the name
            raise ImageError(
                f"{label}: cannot be read ({_reason(error)}); check its name and your access"
            ) from error
    if not data:
        raise ImageError(f"{label}: the file is empty; fetch or export it again")
    return data, label


@contextmanager
def _pillow(data: bytes, label: str) -> Iterator[None]:
    """The edge to Pillow: no warning of its own comes through, and only errors of ours."""
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ImageError:
            raise
        except Image.DecompressionBombError as error:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise ImageError(
                f"{label}: more than {most:.0f} megapixels; make it smaller"
            ) from error
        except MemoryError as error:
            raise ImageError(f"{label}: does not fit into memory; make it smaller") from error
        except Exception as error:  # on damaged files Pillow's decoders raise almost anything
            if isinstance(error, UnidentifiedImageError) and not _has_signature(data):
                raise ImageError(
                    f"{label}: this is not a picture in {FORMAT_NAMES} format; "
                    "convert it to one of these"
                ) from error
            raise ImageError(
                f"{label}: the file is damaged or cut short; fetch or export it again"
            ) from error


def _has_signature(data: bytes) -> bool:
    """Whether the file begins as one of FORMATS, BMP's two letters aside."""
    begins = data.startswith((_PNG_SIGNATURE, b"\xff\xd8\xff", b"II*\0", b"MM\0*"))
    return begins or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")


def _limit_in_megapixels(argument: float | None) -> float:
    """Return the argument, else NST_MAX_MEGAPIXELS, else the default."""
    setting = "NST_MAX_MEGAPIXELS" if argument is None else "max_megapixels"
    value = str(argument)
    if argument is None:
        value = os.environ.get(setting) or str(MAX_MEGAPIXELS)
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not limit > 0:  # also for NaN
        raise ConfigError(f"{setting} is {value!r}; give a number of megapixels above 0, like 50")
    return limit


def _check_size(height: int, width: int, limit: float, label: str) -> None:
    megapixels = height * width / 1e6
    if megapixels > limit:
        raise ImageError(
            f"{label}: {_px(height, width)} is {megapixels:.1f} megapixels and the limit "
            f"{limit:g}; make it smaller or raise NST_MAX_MEGAPIXELS"
        )
    if min(height, width) < MIN_EDGE:
        raise ImageError(
            f"{label}: {_px(height, width)} is too small; each edge must be at least {MIN_EDGE} px"
        )


def _upright(file: Image.Image, label: str) -> Image.Image:
    """Apply the EXIF orientation. (ImageOps.exif_transpose also rewrites EXIF, and can fail.)"""
    try:
        orientation = file.getexif().get(_ORIENTATION_TAG)
    except Exception:  # as with the decoders; broken EXIF makes no broken picture
        logger.warning("%s: its EXIF data is broken; not rotated", label)
        return file
    return file.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else file


def _planes(picture: Image.Image, label: str) -> tuple[Plane, Plane | None]:
    """Return RGB (H, W, 3) in sRGB, and alpha (H, W) or None: float32, [0, 1]."""
    profile = picture.info.get("icc_profile")
    if picture.mode == "F" or picture.mode.startswith("I"):
        grey = _deep_grey(picture, label)
        if profile is not None:
            ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
            curve = _unit(_to_srgb(ramp, profile, label).getchannel("G"))[0]
            grey = np.interp(grey, np.linspace(0, 1, 256), curve).astype(np.float32)
        return np.repeat(grey[..., np.newaxis], 3, axis=2), None
    is_grey = picture.mode in _GREY_MODES
    alpha = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        alpha = _unit(picture.getchannel("A"))
    if picture.mode != "CMYK":
        picture = picture.convert("L" if is_grey else "RGB")
    return _unit(_to_srgb(picture, profile, label)), alpha


def _unit(picture: Image.Image) -> Plane:
    """8-bit samples as float32 in [0, 1]."""
    return np.array(picture, dtype=np.float32) / np.float32(255)


def _deep_grey(picture: Image.Image, label: str) -> Plane:
    """Grey of 16 or 32 bits as (H, W), float32, [0, 1]; `load_image` says what is white."""
    samples = np.array(picture, dtype=np.float32)
    if not np.isfinite(samples).all():
        raise ImageError(f"{label}: some samples are NaN or infinite; export it again")
    whites = {"I": (65535, 2**31 - 1), "F": (1, 255, 65535)}.get(picture.mode, (65535,))
    brightest = float(samples.max())
    white = next((white for white in whites if brightest <= white), brightest)
    return (samples / np.float32(white)).clip(0, 1)


def _to_srgb(picture: Image.Image, profile: bytes | None, label: str) -> Image.Image:
    """Convert L, RGB or CMYK to RGB in sRGB by its ICC profile."""
    if profile is None:
        return picture.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if picture.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
            picture = picture.convert("RGB")  # many programs tag grey pictures as sRGB
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), picture.mode, "RGB"
        )
        return transform.apply(picture)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        logger.warning("%s: its ICC profile is broken; colours are taken as sRGB", label)
        return picture.convert("RGB")


def _checked(plane: Tensor, channels: int) -> Tensor:
    """Return (1, channels, H, W) as float32 on the CPU, clamped to [0, 1]."""
    if plane.dim() != 4 or plane.shape[:2] != (1, channels) or plane.numel() == 0:
        raise ImageError(
            f"a tensor of shape {tuple(plane.shape)} is no picture; give (1, {channels}, H, W)"
        )
    if not plane.is_floating_point():
        raise ImageError(f"a tensor of {plane.dtype} is no picture; give floats in [0, 1]")
    if not plane.isfinite().all():
        raise ImageError("some values of the picture are NaN or infinite; nothing is written")
    return plane.detach().float().cpu().clamp(0, 1)


def _px(height: int, width: int) -> str:
    return f"{width} x {height} px"


def _one_line(name: str | os.PathLike[str]) -> str:
    return " ".join(os.fspath(name).split())


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
