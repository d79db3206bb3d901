"""``python -m nst_core sweep``: many runs from one, written to the store and watched from there."""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from nst_core.axis_text import parse_axis
from nst_core.cli_files import interrupts, show_download
from nst_core.cli_settings import with_usual_settings
from nst_core.cli_sweep_order import further_order, new_order
from nst_core.cli_sweep_outputs import SweepOutputs
from nst_core.cli_sweep_report import SweepReport
from nst_core.config import StyleTransferConfig
from nst_core.device import resolve_device
from nst_core.engine import LocalExecutor
from nst_core.errors import RunError
from nst_core.store import Store, open_store
from nst_core.store.records import State, wanted_device
from nst_core.submit import resume_run
from nst_core.sweep import estimate_seconds
from nst_core.sweep_plan import SweepPlan
from nst_core.sweep_results import SweepResults, load_results, past_runs
from nst_core.sweep_runs import advance_sweep, cancel_sweep
from nst_core.weights import try_imagenet, wants_download, weights_in_use
from nst_core.worker import accepted, takes_auto

LOOK_EVERY = 0.3  # seconds between two looks at the store
BAD_ENDS: Mapping[State, str] = {
    "failed": "failed",
    "cancelled": "stopped on a cancel",
    "interrupted": "stopped half-way",
}


def run_sweep(options: argparse.Namespace, base: StyleTransferConfig) -> int:
    """Run ``sweep`` as the command line asks; return the exit code.

    Raises:
        NSTError: bad input, or some runs did not come to their end.
    """
    if options.resume is None:
        if not wants_download(base.weights):
            varied = (parse_axis(text).name.partition(".")[0] for text in options.axis)
            base = with_usual_settings(base, options, list(varied))
        order = new_order(options, base)
    else:
        order = further_order(options, open_store())
    outputs = SweepOutputs.checked(options, order.plan)
    resolve_device(order.plan.base.device)
    store = open_store()
    executor = LocalExecutor(store)
    devices = _takers(order.plan.base.device, executor.devices)
    goals = [goal.name for goal in order.plan.goals]
    report = SweepReport(options, [*goals, *([outputs.number] if outputs.number else [])])
    seconds = estimate_seconds(order.plan, past_runs(store), len(devices), done=order.done)
    report.plan(order.plan, seconds, len(order.done))
    if options.dry_run:
        return 0
    weights = _weights(order.plan)
    if any(map(wants_download, weights)):
        show_download(try_imagenet(), quiet=options.quiet or options.json)
    with interrupts() as interrupted:
        sweep_id = order.begin(store, len(devices))
        origins = ", ".join(weights_in_use(name).origin for name in weights)
        report.begun(load_results(store, sweep_id), origins, devices, store.place)
        results = _watch(store, sweep_id, executor, devices, report, interrupted)
        outputs.save(store, results, report)
    if interrupted and not results.is_complete:
        report.stopped(results, outputs.command(sweep_id))
        return 130
    report.failures(results)
    _check_ends(results)
    return 0


def _takers(wanted: str, devices: Sequence[str]) -> list[str]:
    """Return those of this machine's ``devices`` that compute what wants ``wanted``."""
    return [
        device
        for device in devices
        if wanted_device(wanted) in accepted(device, is_best=takes_auto(device, devices))
    ]


def _weights(plan: SweepPlan) -> list[str]:
    """Return the network's weights that a plan asks for."""
    for axis in plan.axes:
        if axis.name == "weights":
            return [str(value) for value in axis.values]
    return [plan.base.weights]


def _watch(
    store: Store,
    sweep_id: int,
    executor: LocalExecutor,
    devices: Collection[str],
    report: SweepReport,
    interrupted: Collection[int],
) -> SweepResults:
    """Compute until nothing of a sweep is left to do, or until Ctrl-C, which cancels the rest."""
    executor.wake()
    try:
        with report.bar:
            while not interrupted:
                results = load_results(store, sweep_id)
                report.update(results, len(devices))
                report.problem(executor.status())
                if not results.is_active:
                    if not _goes_on(store, results):
                        return results
                    executor.wake()
                time.sleep(LOOK_EVERY)
    finally:
        _stop(executor, store, sweep_id)
    cancel_sweep(store, sweep_id)  # lest another server goes on with what waits, unasked
    return load_results(store, sweep_id)


def _goes_on(store: Store, results: SweepResults) -> bool:
    """Have a sampler choose what is next; whether it has, or had when the worker asked it."""
    sweep_id = results.sweep.id
    advance_sweep(store, sweep_id)
    now = load_results(store, sweep_id)
    return now.is_active or len(now.runs) > len(results.runs)


def _stop(executor: LocalExecutor, store: Store, sweep_id: int) -> None:
    """End the workers; a run of others that one of them took waits again."""
    taken: list[int] = []
    try:
        for status in executor.status():
            taken += [run_id for run_id in (status.run_id, *status.beside) if run_id is not None]
    finally:
        executor.stop()
    for run_id in taken:
        with suppress(RunError):  # deleted meanwhile, or taken by another server
            if store.run(run_id).sweep_id != sweep_id:
                resume_run(store, run_id)


def _check_ends(results: SweepResults) -> None:
    """Raise RunError where a run did not come to its end."""
    states = results.states
    bad = [
        f"{states[state]} of {results.planned} runs {words}"
        for state, words in BAD_ENDS.items()
        if states[state]
    ]
    if bad:
        raise RunError(
            f"{', '.join(bad)}; 'python -m nst_core sweep --resume {results.sweep.id}' tries them "
            "again"
        )
