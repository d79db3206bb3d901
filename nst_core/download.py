"""Fetch one large file over HTTP: with progress, resumable, checked, never half-written."""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from nst_core.errors import NSTError, WeightsError

CHUNK = 1 << 20
ANSWER_WITHIN = 5.0  # seconds; a network that takes longer is no network
STALL = 30.0  # seconds without a byte, once it flows


class NoNetworkError(WeightsError):
    """The server gave no answer in time."""


class Progress(NamedTuple):
    """Bytes that are here, and bytes in all (0 where the server does not say)."""

    done: int
    total: int


class BackgroundFetch:
    """A download that goes on while nobody waits for it, in a thread of this process.

    Ending the process ends it; the next one goes on from what arrived.

    Args:
        begin: starts the download, as :func:`fetch` does.
    """

    def __init__(self, begin: Callable[[], Iterator[Progress]]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.progress = Progress(0, 0)
        self.error: NSTError | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, or begin again after an error; while it runs, do nothing."""
        with self._lock:
            if self.is_running:
                return
            self.error, self.progress = None, Progress(0, 0)
            self._thread = threading.Thread(target=self._fetch, daemon=True, name="download")
            self._thread.start()

    def _fetch(self) -> None:
        try:
            for progress in self._begin():
                self.progress = progress
        except NSTError as error:
            self.error = error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(
    url: str, path: Path, *, sha256_prefix: str, answer_within: float = ANSWER_WITHIN
) -> Iterator[Progress]:
    """Download ``url`` to ``path``, going on where an earlier attempt stopped.

    What has arrived lies in ``path`` + ``.part`` until its hash is right; then it is renamed.
    Two processes that fetch the same file take turns, and the second finds it done.

    Args:
        sha256_prefix: the first digits of the file's SHA-256, in hexadecimal.
        answer_within: seconds to wait for the server's answer.

    Yields:
        Progress, about once a megabyte and once at the start.

    Raises:
        NoNetworkError: no answer in time.
        WeightsError: the transfer broke off (the next call goes on from there), the file is not
            the expected one, or the folder cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            if path.exists() and sha256_of(path).startswith(sha256_prefix):
                yield Progress(path.stat().st_size, path.stat().st_size)
                return
            resumed = part.exists() and part.stat().st_size > 0
            yield from _transfer(url, part, answer_within)
            if resumed and not sha256_of(part).startswith(sha256_prefix):
                part.unlink()  # the first half may be of another file: once more, from the start
                yield from _transfer(url, part, answer_within)
            if not sha256_of(part).startswith(sha256_prefix):
                part.unlink()
                raise WeightsError(
                    f"what came from {url} is not the expected file (its SHA-256 should begin "
                    f"with {sha256_prefix}); nothing was kept: try again, or fetch it elsewhere"
                )
            os.replace(part, path)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror or error}); make room, or set NST_HOME "
            "to a folder that can be written"
        ) from None


def _transfer(url: str, part: Path, answer_within: float) -> Iterator[Progress]:
    """Append to ``part`` what is missing of ``url``."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "nst-lab"} | ({"Range": f"bytes={have}-"} if have else {})
    response = _open(urllib.request.Request(url, headers=headers), answer_within)
    if response is None:  # nothing lies beyond what we have
        yield Progress(have, have)
        return
    with response, part.open("ab" if response.status == 206 else "wb") as file:
        have = file.tell()
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else 0
        yield Progress(have, total)
        try:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                yield Progress(have, total)
        except (TimeoutError, ConnectionError, http.client.HTTPException):
            total = max(total, have + 1)
    if have < total:
        raise WeightsError(
            f"the download of {url} broke off after {have / 1e6:.1f} of {total / 1e6:.1f} MB; "
            "start it again, and it goes on from there"
        )


def _open(request: urllib.request.Request, answer_within: float) -> http.client.HTTPResponse | None:
    """Return the answer, or None for "range not satisfiable".

    A thread opens the connection, since a name look-up has no time limit of its own.
    """
    answers: list[http.client.HTTPResponse | Exception] = []
    late = threading.Event()

    def ask() -> None:
        try:
            answer = urllib.request.urlopen(request, timeout=STALL)
            if late.is_set():
                answer.close()
            answers.append(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(answer_within)
    answer = answers[0] if answers else TimeoutError(f"no answer within {answer_within:g} s")
    if isinstance(answer, http.client.HTTPResponse):
        return answer
    late.set()
    if isinstance(answer, urllib.error.HTTPError):
        with answer:
            if answer.code == 416:
                return None
        raise WeightsError(
            f"{request.full_url} answered {answer.code} {answer.reason}; check the address"
        )
    reason = answer.reason if isinstance(answer, urllib.error.URLError) else answer
    raise NoNetworkError(f"no network: {request.full_url} could not be reached ({reason})")
