"""A worker at work, step by step: what a page sees of a run meanwhile."""

from __future__ import annotations

import threading

from nst_core import encode_preview, load_image
from nst_core.run import execute
from nst_core.store.writer import RunWriter
from nst_core.worker import worker_id
from tests.lab import Lab, picture_bytes


class Working:
    """Has claimed the oldest run that waits, and writes what a test says."""

    def __init__(self, lab: Lab) -> None:
        self.worker = worker_id("cpu", is_best=True)
        self.store = lab.store
        claimed = lab.queue.claim(self.worker)
        assert claimed is not None
        self.run = claimed
        self.writer = RunWriter(lab.store, claimed, self.worker)

    def begin(self, step: int = 0) -> None:
        self.writer.begin(step, "Some CPU, 2 cores", "the file few.pth, named by NST_WEIGHTS")
        self.writer.say(f"started at step {step}")
        self.writer.write()

    def steps(self, first: int, last: int, *, seconds: float | None = None) -> None:
        """Write the losses of some steps; the first run's total is 1000 over the step's number."""
        numbers = range(first, last + 1)
        history = {
            "total": tuple(1000 * self.run.id / number for number in numbers),
            "content": tuple(0.0 if number == 1 else 300 / number for number in numbers),
            "style": tuple(600 / number for number in numbers),
            "tv": tuple(100 / number for number in numbers),
            "style/conv1_1": tuple(600 / number for number in numbers),
        }
        self.writer.add(last, history, improvement=10.0 * last, seconds=seconds or 0.5 * last)
        self.writer.say(f"step {last}")
        self.writer.write()

    def execute(self, *, stopping: bool = False) -> None:
        """Compute the run in this process; where it is to stop, that is after one step."""
        stop = threading.Event()
        if stopping:
            stop.set()
        execute(self.store, self.run, self.worker, device="cpu", stopping=stop)

    def picture(self, seed: int) -> bytes:
        """Show a picture, and return it as the store has it."""
        data = encode_preview(load_image(picture_bytes(seed)))
        self.writer.preview(data)
        return data
