"""A ZIP from anywhere: all that its directory says is checked before anything is unpacked."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import NamedTuple

from nst_core.errors import ArchiveError
from nst_core.store import archive_format as f

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HEADER_BYTES = 30  # the least that stands before a file's data


class Item(NamedTuple):
    """A file to be written: its path and its bytes."""

    path: str
    data: bytes


class ZipFiles:
    """The files in a ZIP; nothing is unpacked but by :meth:`read`, and never to a disk.

    Raises:
        ArchiveError: it is no ZIP, broken, encrypted, too large, or its names cannot be trusted.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except Exception:  # on damaged files zipfile raises more than its own error
            raise _no_zip(data) from None
        items = self._archive.infolist()
        for item in items:
            _check_item(item)
        _check_places(items, len(data))
        _check_sizes(items)
        self._items = {item.filename: item for item in items}
        if len(self._items) < len(items):
            raise ArchiveError(f"it holds two files of one name; {f.AGAIN}")

    def size(self, path: str) -> int | None:
        """Return a file's declared size in bytes, None where there is none."""
        item = self._items.get(path)
        return None if item is None else item.file_size

    def read(self, path: str) -> bytes:
        """Unpack a file, no further than its declared size.

        Raises:
            ArchiveError: it is damaged, or of another size than it declares.
        """
        item = self._items[path]
        try:
            with self._archive.open(item) as file:
                data = file.read(item.file_size + 1)
        except Exception:  # as above, and zlib's
            raise ArchiveError(f"{path} in it is damaged; {f.AGAIN}") from None
        if len(data) != item.file_size:
            raise ArchiveError(f"{path} in it has another size than the ZIP says; {f.AGAIN}")
        return data


def _no_zip(data: bytes) -> ArchiveError:
    if not data:
        return ArchiveError(f"the file is empty; {f.AGAIN}")
    if data.startswith(b"PK"):
        return ArchiveError(f"the ZIP is damaged or cut short; {f.AGAIN}")
    return ArchiveError("this is not a ZIP; choose an archive that NST Lab exported")


def _check_item(item: zipfile.ZipInfo) -> None:
    f.check_name(item.orig_filename.removesuffix("/"))
    shown = f.shown(item.filename)
    if stat.S_ISLNK(item.external_attr >> 16):
        raise ArchiveError(f"{shown} in it is a link; do not use it, ask for another export")
    if item.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"{shown} in it is encrypted; pack it again without a password")
    if item.compress_type not in _METHODS:
        raise ArchiveError(
            f"{shown} in it is compressed in a way that NST Lab does not read (method "
            f"{item.compress_type}); pack it again as a plain ZIP"
        )


def _check_places(items: list[zipfile.ZipInfo], end: int) -> None:
    """Refuse files that share bytes, with which a small ZIP unpacks to a very large one.

    The first must begin where the ZIP does: of an archive that is cut short, zipfile may find the
    directory of a checkpoint, which is a ZIP too.
    """
    for item in sorted(items, key=lambda item: item.header_offset, reverse=True):
        if item.header_offset + _HEADER_BYTES + item.compress_size > end:
            raise ArchiveError(f"files in it overlap; {f.AGAIN}")
        end = item.header_offset
    if items and end != 0:
        raise ArchiveError(f"the ZIP is damaged or cut short; {f.AGAIN}")


def _check_sizes(items: list[zipfile.ZipInfo]) -> None:
    for item in items:
        most = f.MOST_MANIFEST_BYTES if item.filename == f.MANIFEST else f.MOST_FILE_BYTES
        if item.file_size > most:
            raise ArchiveError(
                f"{f.shown(item.filename)} in it is {f.size_words(item.file_size)} unpacked, and "
                f"the most is {f.size_words(most)}; leave it out, or export another run"
            )
    total = sum(item.file_size for item in items)
    if total > f.MOST_BYTES:
        raise ArchiveError(
            f"it is {f.size_words(total)} unpacked, and the most is {f.size_words(f.MOST_BYTES)}; "
            "export fewer runs at a time"
        )


def write_zip(items: list[Item]) -> bytes:
    """Return a ZIP: text packed, pictures as they are; the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for item in items:
            info = zipfile.ZipInfo(item.path, (1980, 1, 1, 0, 0, 0))
            is_text = item.path.endswith((".json", ".csv"))
            info.compress_type = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
            info.create_system, info.external_attr = 3, 0o100644 << 16  # on every system the same
            archive.writestr(info, item.data)
    return buffer.getvalue()
