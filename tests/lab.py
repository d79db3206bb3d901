"""A small lab for tests of the engine: a store, two pictures, small weights, and what computes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
import torch
from sqlalchemy import update

from nst_core import LocalExecutor, Run, Store, StoredPicture, StyleTransferConfig, submit_run
from nst_core.config import LAYERS
from nst_core.image import Picture, encode_png
from nst_core.store import tables as t
from nst_core.store.queue import Queue
from nst_core.worker import Worker, worker_id
from tests.conftest import random_state_dict

ROOT = Path(__file__).resolve().parents[1]
FEW = LAYERS[:4]
SMALL: dict[str, Any] = {
    "size": 32,
    "steps": 6,
    "content_layers": {"conv2_1": 1.0},
    "style_layers": {"conv1_1": 1.0},
    "beta": 1e5,
    "normalize_activations": False,
}
LONG = 100_000  # steps that no test waits for
PATIENCE = 60.0  # seconds, after which what a test waits for is said not to come
T = TypeVar("T")


class Outcome(NamedTuple):
    """What a death, a stop or a cancel must leave as it would have been: the result's bytes."""

    result: str
    steps: list[int]
    losses: bytes


def until(condition: Callable[[], T | None], what: str = "", within: float = PATIENCE) -> T:
    """Wait until ``condition`` returns something true, and return it."""
    patience = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < patience, f"waited {within:g} s in vain {what}"
        time.sleep(0.02)
    return found


def picture_bytes(seed: int, height: int = 32, width: int = 48) -> bytes:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 4, 6), generator=generator)
    return encode_png(Picture(torch.nn.functional.interpolate(coarse, (height, width))))


class Lab:
    """A data folder with a store, a content, a style and weights of four layers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.weights = folder / "few.pth"
        torch.save(random_state_dict(FEW), self.weights)
        self.store = Store(f"sqlite:///{folder / 'nst-lab.db'}", str(folder / "files"))
        self.queue = Queue(self.store)
        self.content = self.store.add_picture(picture_bytes(1), "photo.png")
        self.style = self.store.add_picture(picture_bytes(2), "style.png")

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this process, and those it starts, use this lab."""
        monkeypatch.setenv("NST_HOME", str(self.folder))
        monkeypatch.setenv("NST_WEIGHTS", str(self.weights))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in_process(): the same bytes
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.delenv("NST_DATABASE_URL", raising=False)
        monkeypatch.delenv("NST_ARTIFACTS_URL", raising=False)

    # Runs

    def submit(self, content: StoredPicture | None = None, **changes: Any) -> int:
        """Put a small run into the queue."""
        config = StyleTransferConfig(**{**SMALL, **changes})
        return submit_run(self.store, config, content or self.content, [self.style])

    def run(self, run_id: int) -> Run:
        return self.store.run(run_id)

    def wait(self, run_id: int, *states: str, step: int = 0) -> Run:
        """Wait until a run is in one of ``states`` and beyond ``step``, and return it."""

        def arrived() -> Run | None:
            run = self.run(run_id)
            return run if run.state in states and run.step >= step else None

        return until(arrived, f"for run {run_id} to be {states}, step {step}; {self.tell(run_id)}")

    def tell(self, run_id: int) -> str:
        run = self.run(run_id)
        return f"run {run_id} is {run.state} at {run.step}: {run.message} {self.lines(run_id)}"

    def lines(self, run_id: int) -> list[str]:
        return [line.text for line in self.store.log(run_id)]

    def outcome(self, run_id: int) -> Outcome:
        """Return what came of a run that is done."""
        run = self.run(run_id)
        assert run.state == "done", self.tell(run_id)
        losses = self.store.losses(run_id)
        result = self.store.snapshots(run_id)[-1]
        assert result.step == run.step
        return Outcome(result.sha256, losses.steps.tolist(), losses.values.tobytes())

    def change(self, run_id: int, **values: Any) -> None:
        """Change a run's row behind everyone's back."""
        with self.store.database.write() as connection:
            connection.execute(update(t.runs).where(t.runs.c.id == run_id).values(**values))

    def row(self, run_id: int) -> Any:
        """Return a run's row with what only the engine looks at."""
        with self.store.database.read() as connection:
            return connection.execute(t.runs.select().where(t.runs.c.id == run_id)).one()

    def files(self) -> set[str]:
        """Return the names of all files that are kept."""
        return {path.name for path in (self.folder / "files").rglob("*") if path.is_file()}

    # What computes

    def in_process(self, *, until_empty: bool = True) -> Worker:
        """Compute what waits in this process, and return the worker that did."""
        with one_thread():
            worker = Worker(self.store, worker_id("cpu", is_best=True), "cpu")
            worker.work(until_empty=until_empty)
        return worker

    def undisturbed(self, **changes: Any) -> Outcome:
        """Return what comes of a run that nothing happens to."""
        run_id = self.submit(**changes)
        self.in_process()
        return self.outcome(run_id)

    @contextmanager
    def executor(self, *devices: str) -> Iterator[LocalExecutor]:
        """Yield an executor that is at work, and end it."""
        executor = LocalExecutor(self.store, devices or ["cpu"])
        executor.wake()
        try:
            yield executor
        finally:
            executor.stop()

    @contextmanager
    def server(self, code: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Yield a process that runs the executor as the server does; kill it at the end.

        Args:
            code: see :func:`with_code`.
        """
        process = subprocess.Popen([sys.executable, "-c", SERVER, code], cwd=self.folder)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


# As Streamlit: SIGTERM leads to a normal exit of the interpreter
SERVER = """
import signal, sys, threading
from nst_core.engine import LocalExecutor, local_executor
from tests.lab import with_code

def leave(number, frame):
    raise SystemExit(0)

signal.signal(signal.SIGTERM, leave)
LocalExecutor._command = with_code(sys.argv[1])
local_executor().wake()
while True:
    threading.Event().wait(60)
"""


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, as workers do under OMP_NUM_THREADS=1."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


# Steps that take long enough to be caught at, on any machine
SLOWLY = """
import time
after = run.Execution.after
run.Execution.after = lambda self, step: time.sleep(0.008) or after(self, step)
"""


def with_code(code: str) -> Callable[[LocalExecutor, str, str], list[str]]:
    """Return the command of workers that run ``code`` before they begin."""
    original = LocalExecutor._command

    def command(self: LocalExecutor, device: str, name: str) -> list[str]:
        arguments = original(self, device, name)[3:]
        script = f"import sys\nfrom nst_core import run, worker\n{code}\nsys.exit(worker.main())"
        return [sys.executable, "-c", script, *arguments]

    return command


def pid(executor: LocalExecutor, name: str) -> int:
    """Return the process of the worker ``name``."""
    children = until(lambda: [c for c in list(executor._children.values()) if c.name == name])
    return children[0].process.pid


def has_opened(process: int, path: Path) -> bool:
    """Whether a process has a file open."""
    for entry in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(OSError):
            if entry.readlink() == path:
                return True
    return False


def processes(folder: Path) -> dict[int, str]:
    """Return the processes that use this lab, by their environment, and their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"NST_HOME={folder}\0".encode() in (entry / "environ").read_bytes():
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry.name)] = command.decode(errors="replace")
    return found
