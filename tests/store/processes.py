"""Several real processes that begin the same thing at the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from typing import Any

COUNT = 4
PATIENCE = 120.0  # seconds, after which something hangs
_barrier: Barrier


def _join(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _call(work: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    _barrier.wait(PATIENCE)  # also keeps one process from taking two tasks
    return work(*arguments)


class Processes:
    """Four processes, started once, as they import for seconds."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, tasks: Sequence[tuple[Callable[..., Any], Sequence[Any]]]) -> list[Any]:
        """Do one task (a module's function and its arguments) in each process."""
        assert len(tasks) == COUNT
        futures = [self._pool.submit(_call, *task) for task in tasks]
        return [future.result(PATIENCE) for future in futures]


@contextmanager
def running_processes() -> Iterator[Processes]:
    """Start them, and stop them at the end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nst_core.store.store"])  # so that torch is imported once
    with ProcessPoolExecutor(COUNT, context, _join, (context.Barrier(COUNT),)) as pool:
        yield Processes(pool)
