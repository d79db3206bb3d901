"""The sweep that a command line asks for: a new one, or one of the store that goes on."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

from nst_core.axes import Axis
from nst_core.axis_text import parse_axis
from nst_core.cli_settings import given_settings
from nst_core.cli_sweep_pictures import SweepPictures, keep_varied, read_varied, with_names
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.store import Store
from nst_core.sweep import check_plan
from nst_core.sweep_plan import SweepPlan, extend_plan, parse_goal
from nst_core.sweep_results import load_results
from nst_core.sweep_runs import extend_sweep, resume_sweep, submit_sweep

STARTS = ("sampler", "goal", "sampler_seed", "config", "content_mask", "style_mask")
"""Options that a sweep has from its start, and keeps."""


@dataclass(frozen=True)
class Order:
    """A sweep that can be run, and of which nothing is written yet.

    Attributes:
        plan: all of it.
        done: keys of the cells that need not run any more.
        begin: writes to the store what is to run, for so many devices; returns the sweep's number.
    """

    plan: SweepPlan
    done: frozenset[str]
    begin: Callable[[Store, int], int]


def new_order(options: argparse.Namespace, base: StyleTransferConfig) -> Order:
    """Read a new sweep.

    Raises:
        NSTError: an axis, a picture, a setting, or how they go together.
    """
    axes = _axes(options)
    plan = SweepPlan(
        base,
        axes,
        sampler="grid" if options.sampler is None else options.sampler,
        goals=tuple(map(parse_goal, options.goal or ())),
        trials=options.trials,
        replicates=1 if options.replicates is None else options.replicates,
        sampler_seed=0 if options.sampler_seed is None else options.sampler_seed,
    )
    check_plan(plan)  # before a picture is decoded
    pictures = SweepPictures.read(options, axes)
    plan = replace(plan, axes=with_names(axes, pictures.varied))
    pictures.check(plan)

    def begin(store: Store, devices: int) -> int:
        mask = pictures.content_mask
        return submit_sweep(
            store,
            plan,
            pictures.content.keep(store) if pictures.content else None,
            [style.keep(store) for style in pictures.styles],
            content_mask=mask.keep(store) if mask else None,
            style_masks=[found.keep(store) if found else None for found in pictures.style_masks],
            pictures=keep_varied(store, pictures.varied),
            at_once=devices,
        )

    return Order(plan, frozenset(), begin)


def further_order(options: argparse.Namespace, store: Store) -> Order:
    """Read what is to become of a sweep of the store.

    Raises:
        NSTError: it is not there, or cannot go on so.
    """
    _refuse_starts(options)
    results = load_results(store, options.resume)
    sweep_id, plan = results.sweep.id, results.sweep.plan
    axes, trials, replicates = _axes(options), options.trials, options.replicates
    varied = read_varied(axes, results.sweep.pictures)
    axes = with_names(axes, varied)
    is_more = bool(axes) or (trials, replicates) != (None, None)
    if is_more:
        plan = extend_plan(plan, axes, trials=trials, replicates=replicates)
        check_plan(plan)

    def begin(store: Store, devices: int) -> int:
        if is_more:
            pictures = keep_varied(store, varied)
            extend_sweep(
                store, sweep_id, axes, trials=trials, replicates=replicates, pictures=pictures
            )
        else:
            resume_sweep(store, sweep_id)
        return sweep_id

    done = frozenset(run.cell.key for run in results.runs if run.entry.run.state == "done")
    return Order(plan, done, begin)


def _axes(options: argparse.Namespace) -> tuple[Axis, ...]:
    return tuple(map(parse_axis, options.axis))


def _refuse_starts(options: argparse.Namespace) -> None:
    given = [name for name in STARTS if getattr(options, name) is not None]
    flags = ["--" + name.replace("_", "-") for name in (*given, *given_settings(options))]
    if extra := [*options.pictures, *flags]:
        raise ConfigError(
            f"--resume {options.resume} keeps the pictures and settings of the sweep; leave out "
            f"{', '.join(extra)}"
        )
