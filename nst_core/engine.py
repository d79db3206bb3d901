"""Where runs execute: what people ask of them, and the processes that compute them.

Pages and the command line write a run that waits and ask for a cancel; an :class:`Executor` sees
to it that some worker takes it. All they share is the store.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from nst_core.errors import StoreError
from nst_core.paths import home
from nst_core.store import Store, Sweeps, open_store
from nst_core.store.queue import Queue
from nst_core.worker import accepted, advance, takes_auto, worker_id

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.2  # seconds between two looks at the workers while runs are active
LOOK_IDLE = 2.0  # and while none is
CANCEL_WITHIN = 10.0  # seconds, before a worker that does not obey is ended
STOP_WITHIN = 1.4  # seconds for the workers to end when the server does
STARTS_BEFORE_PAUSE = 3  # of workers that end before they took a run
PAUSE_SECONDS = 60.0
LOG_BYTES = 1_000_000  # a worker's log begins anew beyond this


class DeviceStatus(NamedTuple):
    """A device and what it does: the run it computes, and why it cannot, if so.

    Attributes:
        beside: further runs, which it computes together with ``run_id``.
    """

    device: str
    is_up: bool
    run_id: int | None
    problem: str
    beside: tuple[int, ...] = ()


class Executor(Protocol):
    """Sees to it that some worker process takes each run that waits."""

    def start(self) -> None:
        """Begin to look after the queue; a second call does nothing."""

    def stop(self) -> None:
        """End the workers; their runs are left to be resumed."""

    def wake(self) -> None:
        """Look at the queue now; starts what was not started."""

    def status(self) -> list[DeviceStatus]:
        """Return every device and what it does."""


@dataclass
class _Child:
    """A worker process of ours."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started: float = field(default_factory=time.monotonic)
    took_a_run: bool = False


class LocalExecutor:
    """One supervised worker process a device of this machine, started when a run first needs it.

    Args:
        store: where the runs are.
        devices: the machine's devices, the best first; None asks torch.
    """

    def __init__(self, store: Store, devices: Sequence[str] | None = None) -> None:
        self.store = store
        self.queue = Queue(store)
        self._devices = list(devices) if devices is not None else None
        self._children: dict[str, _Child] = {}
        self._failed_starts: dict[str, tuple[int, float]] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.RLock()
        self._look = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def devices(self) -> list[str]:
        """The names of this machine's devices, the best first."""
        if self._devices is None:
            from nst_core.device import available_devices

            self._devices = available_devices()
        return self._devices

    # The interface

    def start(self) -> None:
        """Begin to look after the queue; a second call does nothing."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._ending = threading.Event()  # its own, should the former thread be busy still
            self._thread = threading.Thread(
                target=self._supervise, args=(self._ending,), daemon=True, name="executor"
            )
            self._thread.start()
            atexit.register(self.stop)

    def wake(self) -> None:
        """Look at the queue now; starts what was not started."""
        self.start()
        self._look.set()

    def stop(self) -> None:
        """End the workers within two seconds; their runs are left to be resumed."""
        with self._lock:  # within which workers are started: none is afterwards
            self._ending.set()
            self._look.set()
            children = list(self._children.values())
            self._children.clear()
            thread, self._thread = self._thread, None
        atexit.unregister(self.stop)
        for child in children:
            with contextlib.suppress(OSError):
                _stdin(child).close()  # the worker ends on it
        until = time.monotonic() + STOP_WITHIN
        for child in children:
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            with contextlib.suppress(StoreError):
                self.queue.interrupt(child.name, "The server stopped")
        if thread is not None and thread is not threading.current_thread():
            thread.join(0.5)

    def status(self) -> list[DeviceStatus]:
        """Return every device and what it does."""
        with self._lock:
            children = dict(self._children)
            problems = dict(self._problems)
        found = []
        for device in self.devices:
            child = children.get(device)
            runs = self.queue.running(child.name) if child else []
            run_id, problem = runs[0] if runs else None, problems.get(device, "")
            found.append(DeviceStatus(device, child is not None, run_id, problem, tuple(runs[1:])))
        return found

    # The supervisor

    def _supervise(self, ending: threading.Event) -> None:
        with contextlib.suppress(StoreError):
            self.store.tidy()
        while not ending.is_set():
            active = False
            try:
                active = self._look_after(ending)
            except StoreError as error:
                logger.warning("%s", error)
            except Exception:  # whatever happens, the runs that wait stay looked after
                logger.exception("the executor goes on after an error")
            self._look.wait(LOOK_EVERY if active else LOOK_IDLE)
            self._look.clear()

    def _look_after(self, ending: threading.Event) -> bool:
        """Do what is needed now; return whether runs are active."""
        for device, child in list(self._children.items()):
            if child.process.poll() is not None:
                self._bury(device, child)
            else:
                self._watch(device, child)
        # A laptop that slept let the leases of its own workers run out, and they go on
        self.queue.reap(spare=[child.name for child in list(self._children.values())])
        wanted = self.queue.wanted()
        for device in self.devices:
            if device in self._children or self._is_paused(device):
                continue
            is_best = takes_auto(device, self.devices)
            if wanted.intersection(accepted(device, is_best=is_best)):
                self._spawn(device, ending)
        return bool(wanted) or self.store.count("running") > 0

    def _spawn(self, device: str, ending: threading.Event) -> None:
        name = worker_id(device, is_best=False).name
        with self._lock:
            if ending.is_set() or device in self._children:
                return
            try:
                log = _log_path(device)
                with log.open("ab") as output:
                    process = subprocess.Popen(
                        self._command(device, name),
                        stdin=subprocess.PIPE,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        env=self._environment(device),
                        start_new_session=True,  # Ctrl-C is the server's; the worker ends with it
                    )
            except (OSError, StoreError) as error:
                self._note_failure(device, f"no worker for {device} could be started ({error})")
                return
            self._children[device] = _Child(name, process, log)
        logger.info("worker %d started on %s", process.pid, device)

    def _command(self, device: str, name: str) -> list[str]:
        command = [sys.executable, "-m", "nst_core.worker", "--name", name, "--device", device]
        command += ["--local-device", device.partition(":")[0]]
        takers = [name for name in self.devices if takes_auto(name, self.devices)]
        command += ["--peers", str(max(1, len(takers)))]
        return [*command, "--best"] if takes_auto(device, self.devices) else command

    def _environment(self, device: str) -> dict[str, str]:
        root = str(Path(__file__).resolve().parents[1])
        paths = [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "NST_DATABASE_URL": self.store.database.url.render_as_string(hide_password=False),
            "NST_ARTIFACTS_URL": self.store.files.url,
        }
        # A thread that waits by spinning takes the core from the page that is being drawn: with
        # another process at work, steps were three times as slow.
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        kind, _, index = device.partition(":")
        if kind == "cuda":
            visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            names = [name for name in visible.split(",") if name]
            environment["CUDA_VISIBLE_DEVICES"] = names[int(index)] if names else index
        elif kind == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        return environment

    def _bury(self, device: str, child: _Child) -> None:
        """See to the run of a worker that died, and to what keeps workers from starting."""
        if self._children.get(device) is not child:  # stop() has it
            return
        reason = _why(child.process.returncode)
        had_a_run = bool(self.queue.running(child.name))
        # Or an error, and the next look tries again
        self.queue.worker_died(child.name, reason)
        with self._lock:
            if self._children.get(device) is child:
                del self._children[device]
        _stdin(child).close()
        logger.warning("worker %d on %s died: %s", child.process.pid, device, reason)
        # It may have died between the end of a run and the choice of the next
        for sweep in Sweeps(self.store).latest():
            advance(self.store, sweep.id)
        lived = time.monotonic() - child.started
        if had_a_run or child.took_a_run or lived > PAUSE_SECONDS:
            self._failed_starts.pop(device, None)
            return
        self._note_failure(
            device,
            f"the worker for {device} ended before it took a run ({reason}); see {child.log}",
        )

    def _note_failure(self, device: str, problem: str) -> None:
        count = self._failed_starts.get(device, (0, 0.0))[0] + 1
        self._failed_starts[device] = (count, time.monotonic())
        if count >= STARTS_BEFORE_PAUSE:
            problem += f"; it is tried again every {PAUSE_SECONDS:.0f} seconds"
        self._problems[device] = problem
        logger.warning("%s", problem)

    def _is_paused(self, device: str) -> bool:
        count, when = self._failed_starts.get(device, (0, 0.0))
        if count < STARTS_BEFORE_PAUSE:
            return False
        return time.monotonic() - when < PAUSE_SECONDS

    def _watch(self, device: str, child: _Child) -> None:
        """Note that a worker works, and end one that does not obey; the next look buries it."""
        if not child.took_a_run and self.queue.running(child.name):
            child.took_a_run = True
            self._problems.pop(device, None)
        if self.queue.overdue(child.name, CANCEL_WITHIN) is not None:
            child.process.kill()


def _stdin(child: _Child) -> IO[bytes]:
    assert child.process.stdin is not None
    return child.process.stdin


def _log_path(device: str) -> Path:
    """Return where a worker writes what it has to say, with room for more."""
    folder = home() / "logs"
    path = folder / f"worker-{device.replace(':', '-')}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        path.touch()
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}); set NST_HOME to another folder"
        ) from None
    return path


def _why(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"it ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "it was killed (SIGKILL), as the system does where memory runs out"
    return f"it was ended by {name}"


_executors: dict[int, LocalExecutor] = {}
_executors_lock = threading.Lock()


def local_executor() -> LocalExecutor:
    """Return this process's executor for the store that the environment names."""
    store = open_store()
    with _executors_lock:
        if id(store) not in _executors:
            _executors[id(store)] = LocalExecutor(store)
        return _executors[id(store)]
