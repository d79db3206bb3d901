"""The pictures of an archive: decoded, so that what is kept is what it says."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PIL import Image

from nst_core.errors import ArchiveError
from nst_core.image import Size, load_image, load_mask
from nst_core.store import archive_format as f
from nst_core.store.previews import encode_preview
from nst_core.store.store import THUMBNAIL_EDGE

MOST_PREVIEW_EDGE = 2048  # px; twice what this version makes


class Thumbnail(NamedTuple):
    """What the library needs of a picture: its size in px, and a small copy with its SHA-256."""

    width: int
    height: int
    data: bytes
    sha256: str


class Pictures:
    """Checks the pictures of runs, those that runs share once.

    Args:
        files: bytes by path.
        digests: SHA-256 by path.
    """

    def __init__(self, files: Mapping[str, bytes], digests: Mapping[str, str]) -> None:
        self.thumbnails: dict[str, Thumbnail] = {}  # of inputs, by SHA-256
        self._files = files
        self._digests = digests

    def check(self, run: f.RunEntry) -> None:
        """Decode a run's pictures, masks and previews.

        Raises:
            ArchiveError, ImageError: one is damaged, or of another size or kind than it should be.
        """
        self.check_inputs(run.inputs)
        for snapshot in run.snapshots:
            _check_result(self._files[snapshot.file], snapshot)
        for path in [run.preview, *(snapshot.preview for snapshot in run.snapshots)]:
            if path is not None:
                _check_preview(self._files[path], path)

    def check_inputs(self, inputs: Sequence[f.InputEntry | f.SweepInputEntry]) -> None:
        """Decode pictures and masks of a run or a sweep.

        A mask whose picture is not among them, since an axis varies it, may have any size.

        Raises:
            ArchiveError, ImageError: one is damaged, or a mask has another size than its picture.
        """
        sizes: dict[tuple[str, int], Size] = {}
        for item in inputs:
            sizes[item.role, item.position] = self._check_input(item.file)
        for item in inputs:
            place = item.role.removesuffix(" mask"), item.position
            if item.role.endswith(" mask") and place in sizes:
                load_mask(self._files[item.file], size=sizes[place], name=item.file)

    def _check_input(self, path: str) -> Size:
        digest = self._digests[path]
        if digest not in self.thumbnails:
            picture = load_image(self._files[path], name=path)
            small = encode_preview(picture, THUMBNAIL_EDGE)
            self.thumbnails[digest] = Thumbnail(
                picture.width, picture.height, small, hashlib.sha256(small).hexdigest()
            )
        known = self.thumbnails[digest]
        return known.height, known.width


def _check_result(data: bytes, snapshot: f.SnapshotEntry) -> None:
    if not data.startswith(b"\x89PNG"):
        raise ArchiveError(f"{snapshot.file} is no PNG; {f.AGAIN}")
    height, width = load_image(data, name=snapshot.file).size
    if (width, height) != (snapshot.width, snapshot.height):
        raise ArchiveError(
            f"{snapshot.file} is {width} x {height} px and should be {snapshot.width} x "
            f"{snapshot.height}; {f.AGAIN}"
        )


def _check_preview(data: bytes, path: str) -> None:
    """Decode a JPEG; it may be thinner than :func:`~nst_core.load_image` takes."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as file:
            edge = max(file.size)
            if edge <= MOST_PREVIEW_EDGE:
                file.load()
    except Exception:  # on damaged files Pillow's decoders raise almost anything
        raise ArchiveError(f"{path} is no JPEG, or it is damaged; {f.AGAIN}") from None
    if edge > MOST_PREVIEW_EDGE:
        raise ArchiveError(
            f"{path} has an edge of {edge} px, and a preview has at most {MOST_PREVIEW_EDGE}; "
            f"{f.AGAIN}"
        )
