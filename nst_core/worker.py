"""A worker: claims runs for one device, one after the other, and computes them.

``python -m nst_core.worker --name NAME --device cpu ...`` is what
:class:`~nst_core.engine.LocalExecutor` starts; ``python -m nst_core worker`` starts one by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from nst_core.errors import NSTError, RunError, StoreError
from nst_core.store import Run, Store, open_store
from nst_core.store.queue import ClaimLostError, Queue, WorkerId

if TYPE_CHECKING:
    from nst_core.encoders import EncoderCache

logger = logging.getLogger(__name__)

NICENESS = 10
POLL_SECONDS = 0.3  # between two looks at an empty queue
RENEW_SECONDS = 5.0  # between two heartbeats, however long a step takes
REAP_SECONDS = 10.0
RETRY_SECONDS = 5.0  # after the store was out of reach
GRACE_SECONDS = 0.9  # for the step in progress, once the server has gone
LEAVE_SECONDS = 0.4  # to write that a run is left; where the store is busy, the lease runs out


def worker_id(device: str, *, is_best: bool, name: str = "") -> WorkerId:
    """Return who computes on ``device`` of this machine.

    Args:
        device: ``"cpu"``, ``"mps"``, ``"cuda:1"``.
        is_best: whether runs that leave the choice (``auto``) are computed here.
    """
    machine = socket.gethostname()
    name = name or f"{machine}-{uuid.uuid4().hex}"
    return WorkerId(name, f"{machine}/{device}", accepted(device, is_best=is_best))


def accepted(device: str, *, is_best: bool) -> tuple[str, ...]:
    """Return what runs may want to be computed on ``device``."""
    return (device, "auto") if is_best else (device,)


def takes_auto(device: str, devices: Sequence[str]) -> bool:
    """Say whether runs that leave the choice go to ``device`` of a machine's ``devices``.

    They go to any GPU, and to the CPU where there is none.
    """
    return device != "cpu" or list(devices) == ["cpu"]


class Worker:
    """Computes the runs of ``store`` that ``identity`` may take, until :meth:`stop`.

    Args:
        device: what this process calls its device; ``identity`` has the machine's name for it.
        tell: takes a line a run, for a person who watches.
        peers: devices of this machine that share what waits.
        fastest: whether to compute as measured best here, for the rest of this process.
    """

    def __init__(
        self,
        store: Store,
        identity: WorkerId,
        device: str,
        tell: Callable[[str], None] = logger.info,
        *,
        peers: int = 1,
        fastest: bool = False,
    ) -> None:
        self.store = store
        self.queue = Queue(store)
        self.identity = identity
        self.device = device
        self.tell = tell
        self.peers = peers
        self.fastest = fastest
        self.stopping = threading.Event()
        self._run_ids: frozenset[int] = frozenset()
        self._may_hold = False  # a run that could not be ended, as the store was out of reach
        self._reaped = 0.0

    def stop(self) -> None:
        """Ask for an end: after the step in progress, its run is left to be resumed."""
        self.stopping.set()

    def work(self, *, until_empty: bool = False) -> None:
        """Claim and compute, until stopped (or until no run waits)."""
        from nst_core.encoders import EncoderCache  # torch comes with it: the process is up before

        if self.fastest:
            self._be_fast()
        encoders = EncoderCache()
        ended = threading.Event()
        threading.Thread(target=self._heartbeat, args=(ended,), daemon=True).start()
        try:
            while not self.stopping.is_set():
                try:
                    run = self._next()
                    if run is None and until_empty and not self._is_wanted():
                        return
                except NSTError as error:  # a database that restarts comes back
                    logger.warning("%s", error)
                    self._may_hold = True
                    self.stopping.wait(RETRY_SECONDS)
                    continue
                if run is None:
                    self.stopping.wait(POLL_SECONDS)
                else:
                    self._compute(run, encoders)
        finally:
            ended.set()

    def _be_fast(self) -> None:
        from nst_core.device import resolve_device
        from nst_core.probe import use_fastest

        try:
            use_fastest(resolve_device(self.device), self.tell)
        except Exception:  # a run tells what is wrong with the device, if anything is
            logger.warning("it could not be measured what is fastest here", exc_info=True)

    def _next(self) -> Run | None:
        if self._may_hold:
            self.queue.interrupt(self.identity.name, "The store was out of reach when it ended")
            self._may_hold = False
        if time.monotonic() - self._reaped > REAP_SECONDS:
            self.queue.reap()
            self._reaped = time.monotonic()
        return self.queue.claim(self.identity)

    def _is_wanted(self) -> bool:
        """Whether runs wait that are for this place, which another process may be using."""
        return not self.queue.wanted().isdisjoint(self.identity.accepts)

    def _compute(self, run: Run, encoders: EncoderCache) -> None:
        from nst_core.batch import execute_together

        self._run_ids, self._may_hold = frozenset([run.id]), True
        runs = [run, *self._companions(run)]
        self._run_ids = frozenset(taken.id for taken in runs)
        for taken in runs:
            self.tell(f"{taken.title}: {taken.steps} steps")
        try:
            execute_together(
                self.store,
                runs,
                self.identity,
                device=self.device,
                encoders=encoders,
                stopping=self.stopping,
            )
        finally:
            self._run_ids = frozenset()
        if len(runs) > 1 and self.stopping.is_set():
            self.queue.interrupt(self.identity.name, "The worker stopped")  # whose turn never came
        for taken in runs:
            self._tell_end(taken.id)
        if run.sweep_id is not None and not self.stopping.is_set():
            advance(self.store, run.sweep_id)

    def _companions(self, run: Run) -> list[Run]:
        """Claim what of its sweep can be computed together with ``run``."""
        from nst_core.batch import companions

        accepts = self.identity.accepts
        try:
            found = companions(self.store, run, self.device, accepts, peers=self.peers)
            return self.queue.claim_these([other.id for other in found], self.identity)
        except Exception as error:  # whatever it is, alone the run may go well
            logger.warning("run %d is computed alone: %s", run.id, error)
            return []

    def _tell_end(self, run_id: int) -> None:
        try:
            ended = self.store.run(run_id)
        except Exception:  # deleted meanwhile, or the store is out of reach: said before
            return
        self.tell(f"run {run_id}: {ended.state}{': ' if ended.message else ''}{ended.message}")

    def _heartbeat(self, ended: threading.Event) -> None:
        while not ended.wait(RENEW_SECONDS):
            for run_id in self._run_ids:
                try:
                    self.queue.renew(run_id, self.identity)
                except (ClaimLostError, StoreError) as error:
                    if not self._is_over(run_id):
                        logger.warning("the lease of run %d was not renewed: %s", run_id, error)

    def _is_over(self, run_id: int) -> bool:
        """Whether a run ended: one of several is renewed until all have."""
        try:
            return run_id not in self._run_ids or not self.store.run(run_id).is_active
        except NSTError:
            return False

    def leave(self) -> None:
        """Write that the run in progress is interrupted, without waiting for its step."""
        self.queue.interrupt(self.identity.name, "The server stopped")


def advance(store: Store, sweep_id: int) -> None:
    """Queue what a sweep's sampler chooses next; what goes wrong is said in the log."""
    from nst_core.sweep_runs import advance_sweep

    try:
        advance_sweep(store, sweep_id)
    except RunError:  # deleted meanwhile
        return
    except Exception:  # a worker goes on with other runs, whatever a sampler stumbles over
        logger.exception("sweep %d does not go on by itself", sweep_id)


def watch_parent(worker: Worker) -> None:
    """End this process soon after standard input closes, so that none outlives its parent."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        worker.stop()
        time.sleep(GRACE_SECONDS)
        _leave_now(worker, 0)  # the main thread may be in a step that takes a minute

    threading.Thread(target=watch, daemon=True).start()


def stop_on_signals(worker: Worker) -> None:
    """Take Ctrl-C and SIGTERM as a request to stop after the step in progress; obey a second."""

    def note(number: int, frame: FrameType | None) -> None:
        if worker.stopping.is_set():
            _leave_now(worker, 128 + number)
        worker.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)


def _leave_now(worker: Worker, code: int) -> None:
    """End this process; the thread that asks may itself hold the store's lock, so none waits."""
    leaving = threading.Thread(target=worker.leave, daemon=True)
    leaving.start()
    leaving.join(LEAVE_SECONDS)
    os._exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Run a supervised worker; its log goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m nst_core.worker")
    parser.add_argument("--name", required=True)
    parser.add_argument("--device", required=True, help="the machine's name, as cuda:1")
    parser.add_argument("--local-device", required=True, help="this process's name, as cuda")
    parser.add_argument("--best", action="store_true", help="take runs that want any device")
    parser.add_argument("--peers", type=int, default=1, help="devices that share what waits")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    identity = worker_id(options.device, is_best=options.best, name=options.name)
    worker = Worker(open_store(), identity, options.local_device, peers=options.peers, fastest=True)
    stop_on_signals(worker)
    watch_parent(worker)
    _be_nice()
    worker.work()
    return 0


def _be_nice() -> None:
    """Let the pages go first: they need little, and someone waits for them.

    Linux weighs a session of its own, as this process has, by the session's niceness.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # the server waits, and torch takes half a second to be torn down
