"""Downloads against a server on this machine: whole, broken off, resumed, wrong, absent."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nst_core.download import BackgroundFetch, NoNetworkError, Progress, fetch
from nst_core.errors import WeightsError

DATA = bytes(range(256)) * 12_000  # 3 MB
SHA256 = hashlib.sha256(DATA).hexdigest()


@dataclass
class Server:
    """A file server that can be told to misbehave."""

    url: str = ""
    data: bytes = DATA
    break_after: int | None = None
    ranges: bool = True
    status: int = 200
    silent: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            if state.silent:
                state.release.wait(20)
                return
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(wanted[6:-1]) if wanted and state.ranges else 0
            if start >= len(state.data):
                self.send_error(416)
                return
            body = state.data[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.break_after])

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}/weights.pth"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    state.release.set()
    http.shutdown()
    http.server_close()
    thread.join()


def get(server: Server, path: Path, prefix: str = SHA256[:8]) -> list[Progress]:
    return list(fetch(server.url, path, sha256_prefix=prefix))


def leftovers(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()} - {path.name + ".lock"}


def test_a_download_arrives_whole_with_its_progress(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "weights.pth"
    progress = get(server, path)
    assert path.read_bytes() == DATA
    assert leftovers(path) == {"weights.pth"}
    assert progress[0] == Progress(0, len(DATA))
    assert progress[-1] == Progress(len(DATA), len(DATA))
    assert [p.done for p in progress] == sorted({p.done for p in progress})


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    server.break_after = 1_500_000
    with pytest.raises(WeightsError, match=r"broke off after 1\.5 of 3\.1 MB; start it again"):
        get(server, path)
    assert not path.exists()
    server.break_after = None
    progress = get(server, path)
    assert progress[0] == Progress(1_500_000, len(DATA))
    assert server.asked == [None, "bytes=1500000-"]
    assert path.read_bytes() == DATA


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    (tmp_path / "weights.pth.part").write_bytes(b"old" * 1000)
    server.ranges = False
    get(server, path)
    assert path.read_bytes() == DATA


def test_a_stale_first_half_is_thrown_away(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1_000_000)
    get(server, path)
    assert path.read_bytes() == DATA
    assert server.asked == ["bytes=1000000-", None]


def test_a_complete_part_is_only_renamed(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    (tmp_path / "weights.pth.part").write_bytes(DATA)
    get(server, path)
    assert path.read_bytes() == DATA
    assert server.asked == [f"bytes={len(DATA)}-"]


def test_another_file_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(WeightsError, match="should begin with 00000000"):
        get(server, path, "00000000")
    assert leftovers(path) == set()


def test_what_is_here_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(DATA)
    assert get(server, path) == [Progress(len(DATA), len(DATA))]
    assert server.asked == []


def test_a_damaged_file_is_replaced(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(DATA[:-1])
    get(server, path)
    assert path.read_bytes() == DATA


def test_an_error_of_the_server_is_said(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(WeightsError, match=r"answered 404 .*check the address"):
        get(server, tmp_path / "weights.pth")


def test_silence_is_no_network(server: Server, tmp_path: Path) -> None:
    server.silent = True
    with pytest.raises(NoNetworkError, match=r"no answer within 0\.2 s"):
        list(fetch(server.url, tmp_path / "w.pth", sha256_prefix=SHA256[:8], answer_within=0.2))


def test_a_refused_connection_is_no_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/w.pth"
    with pytest.raises(NoNetworkError, match="could not be reached"):
        list(fetch(url, tmp_path / "w.pth", sha256_prefix="00"))


def test_a_folder_that_is_a_file_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="set NST_HOME to a folder that can be written"):
        get(server, tmp_path / "file" / "weights.pth")


def background(server: Server, path: Path, prefix: str = SHA256[:8]) -> BackgroundFetch:
    return BackgroundFetch(lambda: fetch(server.url, path, sha256_prefix=prefix))


def wait(download: BackgroundFetch) -> None:
    assert download._thread is not None
    download._thread.join(30)
    assert not download.is_running


def test_a_download_in_the_background_tells_its_progress(server: Server, tmp_path: Path) -> None:
    download = background(server, tmp_path / "weights.pth")
    assert not download.is_running
    assert (download.progress, download.error) == (Progress(0, 0), None)
    download.start()
    wait(download)
    assert (tmp_path / "weights.pth").read_bytes() == DATA
    assert (download.progress, download.error) == (Progress(len(DATA), len(DATA)), None)


def test_a_download_that_runs_is_not_begun_twice(tmp_path: Path) -> None:
    begun, go_on = [], threading.Event()

    def begin() -> Iterator[Progress]:
        begun.append(True)
        yield Progress(1, 2)
        go_on.wait(30)

    download = BackgroundFetch(begin)
    threads = [threading.Thread(target=download.start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert download.is_running
    go_on.set()
    wait(download)
    assert len(begun) == 1
    download.start()
    wait(download)
    assert len(begun) == 2


def test_an_error_in_the_background_is_kept_until_it_is_begun_again(
    server: Server, tmp_path: Path
) -> None:
    server.break_after = 1_500_000
    download = background(server, tmp_path / "weights.pth")
    download.start()
    wait(download)
    assert "broke off after 1.5 of 3.1 MB" in str(download.error)
    server.break_after = None
    download.start()
    assert download.error is None
    wait(download)
    assert download.error is None
    assert server.asked == [None, "bytes=1500000-"]
    assert (tmp_path / "weights.pth").read_bytes() == DATA
