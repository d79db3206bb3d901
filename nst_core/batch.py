"""Runs of one sweep that one worker computes together, as one batch through the network."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing

from nst_core.device import resolve_device
from nst_core.encoders import EncoderCache
from nst_core.errors import ConfigError, NSTError, StalePictureError
from nst_core.loop import layers_for
from nst_core.run import Execution, ends_in_words, execute, load_inputs
from nst_core.sharing import batch_size, can_share
from nst_core.step import Step
from nst_core.store import History, Run, RunFilter, Store
from nst_core.store.queue import ClaimLostError, WorkerId
from nst_core.store.records import wanted_device
from nst_core.store.writer import RunWriter
from nst_core.together import stylize_together

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds, at runs whose turn is not yet
MOST_LISTED = 10_000  # waiting runs of a sweep that are looked at


def batch_limit() -> int | None:
    """Return how many runs of a sweep go together: ``NST_BATCH``, or None for what memory says.

    Raises:
        ConfigError: the variable holds no whole number above 0.
    """
    text = os.environ.get("NST_BATCH") or ""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text[:20])):
        raise ConfigError(f"NST_BATCH must be a whole number above 0, got {text[:60]!r}")
    return int(text[:20])


def companions(
    store: Store, run: Run, device: str, accepts: Sequence[str], *, peers: int = 1
) -> list[Run]:
    """Return the runs that wait and can be computed together with ``run``, oldest first.

    They are of its sweep, with the same pictures, and as many as fit into memory; on a CPU none,
    since one run keeps it busy. A run whose worker died is computed alone, lest it take others
    along.

    Args:
        device: where they would be computed.
        accepts: the devices that runs may want to be taken there.
        peers: devices that share what waits.

    Raises:
        ConfigError: see :func:`batch_limit`.
        StoreError: the store is out of reach.
    """
    if run.sweep_id is None or run.deaths:
        return []
    most = batch_limit() or _room(store, run, device)
    if most == 1:
        return []
    wanted = RunFilter(states=("queued",), sweep=run.sweep_id)
    waiting = [
        entry.run
        for entry in History(store).find(wanted, order="oldest", limit=MOST_LISTED)
        if _goes_with(entry.run, run, accepts)
    ]
    share = -(-(1 + len(waiting)) // max(1, peers))
    return waiting[: min(most, share) - 1]


def _room(store: Store, run: Run, device: str) -> int:
    content = store.recall(run.content)
    size = content.height, content.width
    return batch_size(run.config, size, layers_for(run.config), resolve_device(device))


def _goes_with(other: Run, run: Run, accepts: Sequence[str]) -> bool:
    return (
        not other.deaths
        and other.inputs == run.inputs
        and wanted_device(other.config.device) in accepts
        and can_share(other.config, run.config)
    )


def execute_together(
    store: Store,
    runs: Sequence[Run],
    worker: WorkerId,
    *,
    device: str,
    encoders: EncoderCache,
    stopping: threading.Event,
) -> None:
    """Compute claimed runs, one or several that go together, and write all that comes of each.

    Each ends by itself: one that fails, is cancelled, or was taken away leaves the others. Where
    they cannot go together after all, those that are left are computed alone, one after the other,
    each from its checkpoint; and what is wrong with one is said of that one.

    Args:
        worker, device, encoders, stopping: see :func:`~nst_core.run.execute`.
    """
    left = list(runs)
    if len(runs) > 1:
        try:
            batch = _Batch(store, runs, worker, device, encoders, stopping)
            left = batch.go()
        except Exception as error:  # of all: alone, each says by itself what is wrong
            logger.warning("%d runs are computed one by one: %s", len(runs), error)
            encoders.clear()
    for run in left:
        if len(runs) > 1:
            if stopping.is_set():  # the worker leaves those whose turn never came
                return
            if _is_over(store, run, worker):
                continue
            run = store.run(run.id)  # with its newest checkpoint
        execute(store, run, worker, device=device, encoders=encoders, stopping=stopping)


def _is_over(store: Store, run: Run, worker: WorkerId) -> bool:
    """Whether a run whose turn comes now is another's, or was cancelled and so is ended."""
    writer = RunWriter(store, run, worker)
    try:
        writer.write()
        if writer.cancelling:
            writer.end("cancelled", f"Cancelled at step {store.run(run.id).checkpoint_step}.")
        return writer.cancelling
    except (ClaimLostError, NSTError):
        return True


class _Batch:
    def __init__(
        self,
        store: Store,
        runs: Sequence[Run],
        worker: WorkerId,
        device: str,
        encoders: EncoderCache,
        stopping: threading.Event,
    ) -> None:
        self.encoders = encoders
        inputs = load_inputs(store, runs[0])
        self.open = {
            k: Execution(
                run,
                inputs,
                RunWriter(store, run, worker, together=len(runs)),
                device,
                encoders,
                stopping,
            )
            for k, run in enumerate(runs)
        }
        configs = [execution.config for execution in self.open.values()]
        self.encoder, _ = encoders.get(configs[0])
        self.resumes = [execution.checkpoint() for execution in self.open.values()]
        self.last: dict[int, Step] = {}
        self.looked = time.monotonic()
        self.together = stylize_together(
            inputs.content,
            inputs.styles,
            configs,
            content_mask=inputs.content_mask,
            style_masks=inputs.style_masks,
            encoder=self.encoder,
            resumes=self.resumes,
            most=batch_limit(),
        )

    def go(self) -> list[Run]:
        """Compute until each run has ended; return those that have to go alone."""
        others = len(self.open) - 1
        for k, execution in list(self.open.items()):
            with self._ending(k):
                execution.writer.say(
                    f"computed together with {others} other run{'s' * (others > 1)} of the sweep"
                )
                execution.begin(self.encoder, self.resumes[k])
                continue
            self._drop(k)
        with closing(self.together):
            try:
                for k, outcome in self.together:
                    self._take(k, outcome)
                    self._look_at_waiting()
            except Exception:  # of the batch and not of a run
                logger.exception("%d runs go on one by one", len(self.open))
        return [execution.run for execution in self.open.values()]

    def _ending(self, k: int) -> AbstractContextManager[None]:
        execution = self.open[k]
        return ends_in_words(execution.writer, execution.run, self.encoders)

    def _take(self, k: int, outcome: Step | NSTError) -> None:
        """Write what a run's step brought, and let the run go where it has ended."""
        with self._ending(k):
            if isinstance(outcome, NSTError):
                raise outcome
            self.last[k] = outcome
            if not self.open[k].after(outcome):
                return
        self._drop(k)

    def _drop(self, k: int) -> None:
        del self.open[k]
        self.last.pop(k, None)
        self.together.drop(k)

    def _look_at_waiting(self) -> None:
        """Let go of runs that were cancelled while they wait for room in the batch."""
        if time.monotonic() - self.looked < LOOK_EVERY:
            return
        self.looked = time.monotonic()
        for k, execution in list(self.open.items()):
            if execution.writer.is_due and self._has_left(k, execution):
                self._drop(k)

    def _has_left(self, k: int, execution: Execution) -> bool:
        with self._ending(k):
            execution.writer.write()
            if not execution.writer.cancelling:
                return False
            try:
                execution.leave(self.last.get(k))
            except StalePictureError:
                if k in self.together.batch:  # it leaves with its next record
                    return False
                execution.leave(None)
        return True
