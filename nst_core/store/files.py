"""Files under the SHA-256 of their bytes, in a folder or any other place that fsspec knows."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from nst_core.errors import StoreError
from nst_core.paths import write_atomically


class Files:
    """Bytes in, SHA-256 out, and back; what is there is whole.

    Args:
        url: a folder, or an fsspec URL such as ``s3://bucket/nst``.

    Raises:
        StoreError: the place is not known or cannot be written.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = _hide_password(url)
        try:
            if "://" in url:
                self.system, self.root = fsspec.core.url_to_fs(url)
            else:  # fsspec would take "::" in a folder's name for a chain of URLs
                self.system, self.root = LocalFileSystem(), str(Path(url).expanduser().absolute())
        except Exception as error:  # each backend has its own
            raise StoreError(
                f"NST_ARTIFACTS_URL: {self.place} cannot be used ({_reason(error)}); give a folder "
                "or an fsspec URL whose package is installed"
            ) from None
        self.is_local = isinstance(self.system, LocalFileSystem)

    def write(self, data: bytes) -> str:
        """Keep ``data``, whole or not at all, and return its SHA-256; writing twice is one.

        Raises:
            StoreError: the place is full or cannot be written.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        try:
            if self._size(path) == len(data):
                return digest
            if self.is_local:  # a local put is not atomic in fsspec; object stores' are
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(Path(path), data)
            else:
                self._put(path, data)
        except Exception as error:
            raise StoreError(
                f"{self.place}: cannot be written ({_reason(error)}); make room, or "
                "choose another place with NST_HOME or NST_ARTIFACTS_URL"
            ) from None
        return digest

    def _size(self, path: str) -> int | None:
        try:
            return int(self.system.size(path))
        except FileNotFoundError:
            return None

    def _put(self, path: str, data: bytes) -> None:
        try:
            self.system.pipe_file(path, data)
        except FileNotFoundError:  # a backend with real folders
            self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.system.pipe_file(path, data)

    def read(self, digest: str) -> bytes:
        """Return the bytes whose SHA-256 is ``digest``.

        Raises:
            StoreError: they are not there, cannot be read, or are damaged.
        """
        try:
            data = bytes(self.system.cat_file(self._path(digest)))
        except FileNotFoundError:
            raise StoreError(
                f"the file {digest[:12]}… is not in {self.place} any more; it was removed there"
            ) from None
        except Exception as error:
            raise StoreError(
                f"{self.place}: cannot be read ({_reason(error)}); check your access"
            ) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError(
                f"the file {digest[:12]}… in {self.place} is damaged: its SHA-256 is another"
            )
        return data

    def remove(self, digest: str) -> None:
        """Remove a file; one that is not there is no error.

        Raises:
            StoreError: the place cannot be written.
        """
        try:
            self.system.rm_file(self._path(digest))
        except FileNotFoundError:
            return
        except Exception as error:
            raise StoreError(
                f"{self.place}: cannot be written ({_reason(error)}); check your access"
            ) from None

    def _path(self, digest: str) -> str:
        return f"{self.root}/{digest[:2]}/{digest}"

    def remove_leftovers(self) -> None:
        """Remove what a process that was killed in mid-write left behind, after an hour."""
        if not self.is_local:
            return
        for path in Path(self.root).glob("*/.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > 3600:
                    path.unlink()


def _hide_password(text: str) -> str:
    return re.sub(r"://.*@", "://", text)


def _reason(error: Exception) -> str:
    known = error.strerror if isinstance(error, OSError) else None
    return _hide_password(" ".join(str(known or error).split())[:200]) or type(error).__name__
