"""What a person, or a program with ``--json``, reads of a sweep while it runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import humanize
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nst_core.engine import DeviceStatus
from nst_core.store import Run
from nst_core.sweep import count_runs, plan_notes
from nst_core.sweep_plan import SweepPlan
from nst_core.sweep_results import SweepResults, SweepRun


class SweepReport:
    """Prints plan, runs and ends of a sweep.

    Args:
        options: of the command line.
        numbers: which of :data:`~nst_core.sweep_results.NUMBERS` are printed beside the usual ones.
    """

    def __init__(self, options: argparse.Namespace, numbers: Iterable[str]) -> None:
        self.json = options.json
        self.quiet = options.quiet
        self.shown = dict.fromkeys(("total", "style_distance", *numbers))
        self.bar = Progress(
            TextColumn("{task.fields[runs]}"),
            BarColumn(),
            TextColumn("{task.fields[now]}  {task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
            disable=self.quiet or self.json or not sys.stderr.isatty(),
            redirect_stdout=sys.stdout.isatty(),
        )
        self.task = self.bar.add_task("", runs="", now="starting", left="")
        self.started: set[int] = set()
        self.ended: set[int] = set()
        self.problems: set[str] = set()

    def plan(self, plan: SweepPlan, seconds: float | None, done: int) -> None:
        """Say what will be run, and about how long it takes."""
        runs = count_runs(plan)
        there = f", {done} of them done" if done else ""
        left = "how long is not known yet" if seconds is None else about(seconds)
        left = left if done < runs else "nothing is left to run"
        notes = plan_notes(plan)
        record = {
            "event": "plan",
            "runs": runs,
            "done": done,
            "seconds": seconds,
            "sampler": plan.sampler,
            "axes": [str(axis) for axis in plan.axes],
            "goals": [str(goal) for goal in plan.goals],
            "replicates": plan.replicates,
            "notes": notes,
        }
        lines = [f"{_count(runs)}{there}: {_varied(plan)}; {left}"]
        self._say(record, "\n".join([*lines, *(f"note: {note}" for note in notes)]))

    def begun(
        self, results: SweepResults, weights: str, devices: Iterable[str], store: str
    ) -> None:
        """Say what computes, and where the sweep is kept; its runs that ended are not news."""
        sweep_id = results.sweep.id
        self.ended = {run.entry.run.id for run in results.runs if not run.entry.run.is_active}
        self._say(
            {
                "event": "start",
                "sweep": sweep_id,
                "store": store,
                "weights": weights,
                "devices": list(devices),
            },
            f"weights: {weights}\ndevices: {', '.join(devices)}\n"
            f"sweep {sweep_id} is kept in {store}; the page Sweep shows it too",
        )

    def update(self, results: SweepResults, devices: int) -> None:
        """Say which runs began and ended since the last time, and move the bar."""
        news = [run for run in results.runs if run.entry.run.id not in self.ended]
        for run in sorted(news, key=lambda run: run.entry.run.ended_at or float("inf")):
            made = run.entry.run
            if made.state != "queued" and made.id not in self.started and self.json:
                self._say({"event": "started", **_identity(run), "steps": made.steps}, "")
            if made.state != "queued":
                self.started.add(made.id)
            if not made.is_active:
                self.ended.add(made.id)
                self._end(run, results.planned)
        self._move(results, devices)

    def _end(self, run: SweepRun, planned: int) -> None:
        made, count = run.entry.run, len(self.ended)
        numbers = run.numbers
        words = [f"{name.replace('_', ' ')} {numbers[name]:.4g}" for name in self._shown(numbers)]
        if made.message:
            words.append(" ".join(made.message.split()))
        words.append(f"{made.seconds:.1f} s")
        self._say(
            {
                "event": "ended",
                **_identity(run),
                "state": made.state,
                "message": made.message,
                "numbers": numbers,
                "count": count,
                "runs": planned,
            },
            "  ".join([f"{count}/{planned}", run.cell.title, made.state, *words]),
        )

    def _shown(self, numbers: Iterable[str]) -> list[str]:
        return [name for name in self.shown if name in numbers and name != "seconds"]

    def _move(self, results: SweepResults, devices: int) -> None:
        running = [run for run in results.runs if run.entry.run.state == "running"]
        left = results.seconds_left(devices)
        self.bar.update(
            self.task,
            total=results.planned,
            completed=len(self.ended) + sum(_share(run.entry.run) for run in running),
            runs=f"{len(self.ended)}/{results.planned} runs",
            now=_now(running),
            left=f"{about(left)} left" if left else "",
        )

    def problem(self, devices: Iterable[DeviceStatus]) -> None:
        """Say once what keeps a device from computing."""
        for status in devices:
            if status.problem and status.problem not in self.problems:
                self.problems.add(status.problem)
                print(f"{status.device}: {status.problem}", file=sys.stderr, flush=True)

    def saved(self, path: Path, former: Path | None) -> None:
        """Say where a result is, and where the former one went."""
        self._say(
            {"event": "saved", "path": str(path), "former": str(former) if former else None},
            f"saved {path}" + (f" (the former one is now {former})" if former else ""),
        )

    def stopped(self, results: SweepResults, command: str) -> None:
        """Say how to go on after Ctrl-C."""
        done, planned = results.states["done"], results.planned
        self._say(
            {
                "event": "stopped",
                "sweep": results.sweep.id,
                "done": done,
                "runs": planned,
                "command": command,
            },
            f"stopped: {done} of {planned} runs are done\ngo on with: {command}",
        )

    def failures(self, results: SweepResults) -> None:
        """Say why runs failed, a line each, on standard error."""
        for run in results.runs:
            if run.entry.run.state == "failed":
                reason = " ".join(run.entry.run.message.split())
                print(f"failed: {run.cell.title}: {reason}", file=sys.stderr)

    def _say(self, record: dict[str, object], line: str) -> None:
        if not self.quiet:
            print(json.dumps(record) if self.json else line, flush=True)


def about(seconds: float) -> str:
    """Say roughly how long: ``"about 2 minutes"``."""
    return f"about {humanize.naturaldelta(timedelta(seconds=max(1.0, seconds)))}"


def _count(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"


def _varied(plan: SweepPlan) -> str:
    """Say what is varied and by whom: ``beta=1e3:1e6:log, chosen by tpe for ssim:maximise``."""
    words = [" x ".join(map(str, plan.axes))] if plan.axes else []
    if plan.sampler != "grid":
        goals = f" for {' and '.join(map(str, plan.goals))}" if plan.goals else ""
        words.append(f"chosen by {plan.sampler}{goals}")
    if plan.replicates > 1:
        words.append(f"{plan.replicates} replicates")
    return ", ".join(words)


def _identity(run: SweepRun) -> dict[str, object]:
    cell = run.cell
    return {"run": run.entry.run.id, "values": dict(cell.values), "replicate": cell.replicate + 1}


def _share(run: Run) -> float:
    return run.step / run.steps


def _now(running: Sequence[SweepRun]) -> str:
    if not running:
        return "waiting"
    run = running[0].entry.run
    others = f" and {len(running) - 1} more" if len(running) > 1 else ""
    return f"{running[0].cell.title}: step {run.step}/{run.steps}{others}"
