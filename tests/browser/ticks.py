"""A live view under a fast clock: a run that this process feeds, and what each tick costs."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from nst_core import Store, StyleTransferConfig
from nst_core.store.queue import Queue, WorkerId
from nst_core.store.writer import RunWriter

TERMS = ("total", "content", "style", "tv", "content/conv4_2", "style/conv1_1", "style/conv5_1")
PICTURE = (512, 384)  # px; as noise its JPEG is larger than any painting's


class Traffic:
    """What the server sends to a page: bytes, and the drawings that they make up."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        self.ticks = 0
        self.drawn = 0  # whole pages
        self.seconds: list[float] = []  # from a person's action to the page drawn anew
        self._asked = 0.0
        page.on("websocket", self._listen)

    def clear(self) -> None:
        self.bytes = self.ticks = self.drawn = 0

    def _listen(self, connection: WebSocket) -> None:
        connection.on("framereceived", self._note)
        connection.on("framesent", self._note_action)

    def _note_action(self, data: bytes | str) -> None:
        message = BackMsg.FromString(data if isinstance(data, bytes) else data.encode())
        if message.WhichOneof("type") == "rerun_script" and not message.rerun_script.fragment_id:
            self._asked = time.perf_counter()

    def _note(self, data: bytes | str) -> None:
        raw = data if isinstance(data, bytes) else data.encode()
        self.bytes += len(raw)
        message = ForwardMsg.FromString(raw)
        if message.WhichOneof("type") == "script_finished":
            whole = message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            self.drawn += whole
            if whole and self._asked:
                self.seconds.append(time.perf_counter() - self._asked)
                self._asked = 0.0
            self.ticks += not whole


@contextmanager
def feed(store: Store, run_id: int, *, seconds: float) -> Iterator[None]:
    """Play a worker that has ``run_id``: every so many ``seconds`` a step and a new preview."""
    queue = Queue(store)
    worker = WorkerId("played", "stage/cpu", ("auto", "cpu"))
    run = queue.claim(worker)
    assert run is not None
    assert run.id == run_id
    writer = RunWriter(store, run, worker)
    writer.begin(0, "a played worker", "no weights")
    ended = threading.Event()

    def play() -> None:
        random = np.random.default_rng(0)
        step = 0
        while not ended.wait(seconds):
            step = min(step + 1, run.steps - 1)
            losses: dict[str, tuple[float, ...]] = {
                term: (float(1e6 / step + index),) for index, term in enumerate(TERMS)
            }
            writer.add(step, losses, improvement=50.0, seconds=float(step))
            writer.say(f"step {step}/{run.steps}  total {1e6 / step:.3e}  improved 50.0 %")
            writer.preview(noise(random))

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        queue.cancel(run_id)
        queue.end(run_id, worker, "cancelled", "The play is over")


def noise(random: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    samples = random.integers(0, 256, (PICTURE[1], PICTURE[0], 3), np.uint8)
    Image.fromarray(samples).save(buffer, format="JPEG", quality=60)
    return buffer.getvalue()


def played_run(store: Store, content: Path, style: Path, steps: int) -> int:
    """Put a run into the queue that only a played worker takes."""
    from nst_core import submit_run

    pictures = [store.add_picture(path.read_bytes(), path.name) for path in (content, style)]
    config = StyleTransferConfig(
        steps=steps, content_layers={"conv2_2": 1}, style_layers={"conv1_1": 1}
    )
    return submit_run(store, config, pictures[0], pictures[1:])


def resident_megabytes(pid: int) -> float:
    """Return how much memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6
