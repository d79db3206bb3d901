"""Which values a sweep tries next, chosen by Optuna from what came out so far.

Optuna keeps nothing: its study is built in memory from the runs, each time anew. (Its own database
storage brings a table ``alembic_version``, which would collide with the store's.) So a sweep that
was broken off goes on as if nothing had happened, on any machine.
"""

from __future__ import annotations

import itertools
import statistics
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from nst_core.axes import Axis, Value
from nst_core.cells import Cell, Finished, find_free, is_free, replicates_of
from nst_core.errors import ConfigError
from nst_core.outcomes import finite_numbers
from nst_core.sweep_plan import SweepPlan, space_size

MOST_ASKED = 8  # times for one trial; an answer that is known or cannot be used is no answer
MOST_LISTED = 10_000  # combinations that are walked through to find the last free ones
WIDEST = (
    2**31
)  # whole numbers that Optuna tells apart; among more, such as seeds, it asks for reals
_SPEAKING = threading.Lock()


def suggest(
    plan: SweepPlan, finished: Sequence[Finished] = (), pending: Sequence[Cell] = ()
) -> list[Cell]:
    """Return the runs to queue next: the replicates of one trial, as far as they are missing.

    Trials that lack replicates come first. The answer depends on the plan and on what is told, in
    its order, and on nothing else. A trial is worth the mean over its replicates that ended; one
    whose runs all failed, or gave no finite number for a goal, is not tried again and teaches
    nothing. Values that are pending are kept away from, so that several devices can ask in turn.

    Args:
        plan: with the sampler tpe, nsga2 or gp.
        finished: the runs that ended, done or failed, in the order of their end.
        pending: cells that are queued or running.

    Returns:
        One to ``plan.replicates`` cells of one trial; empty where the plan's trials are all made,
        or no combination is left that the config takes.

    Raises:
        ConfigError: the sampler is a grid or random, or a cell is none of the plan's.
    """
    if plan.sampler not in _MAKERS:
        raise ConfigError(
            f"the cells of a {plan.sampler} sweep do not depend on results; ask nst_core.cells_of"
        )
    trials = _trials(plan, finished, pending)
    for number, trial in enumerate(trials.values()):
        lacking = [
            cell
            for cell in replicates_of(plan, number, trial.values)
            if cell.replicate not in trial.replicates
        ]
        if lacking:
            return lacking
    if len(trials) >= (plan.trials or 0):
        return []
    values = _asked(plan, trials) or _left(plan, trials)
    return replicates_of(plan, len(trials), values) if values else []


@dataclass
class _Trial:
    """One choice of values, and what is known of its replicates."""

    values: Mapping[str, Value]
    replicates: set[int] = field(default_factory=set)
    numbers: list[Mapping[str, float | None]] = field(default_factory=list)
    pending: bool = False


def _trials(
    plan: SweepPlan, finished: Sequence[Finished], pending: Sequence[Cell]
) -> dict[str, _Trial]:
    """Return the trials by their points, in the order in which they were first told of."""
    trials: dict[str, _Trial] = {}
    for cell, numbers in [*finished, *((cell, None) for cell in pending)]:
        if cell.point not in trials:
            _check_cell(plan, cell)
        trial = trials.setdefault(cell.point, _Trial(cell.values))
        trial.replicates.add(cell.replicate)
        if numbers is None:
            trial.pending = True
        else:
            trial.numbers.append(numbers)
    return trials


def _check_cell(plan: SweepPlan, cell: Cell) -> None:
    names = {axis.name for axis in plan.axes}
    if cell.values.keys() != names:
        raise ConfigError(
            f"{cell.title}: the sweep varies {', '.join(sorted(names))}; leave this run out"
        )
    for axis in plan.axes:
        if not axis.holds(cell.values[axis.name]):
            raise ConfigError(f"{cell.title}: {axis} does not hold it; leave this run out")


def _asked(plan: SweepPlan, trials: Mapping[str, _Trial]) -> dict[str, Value] | None:
    """Ask Optuna; None where it names only what is known or cannot be used."""
    axes = {axis.name: axis for axis in plan.axes}
    distributions = {name: _distribution(axis) for name, axis in axes.items()}
    with _quiet(), np.errstate(all="ignore"):
        study = optuna.create_study(
            directions=["minimize"] * len(plan.goals),  # what is to grow is negated
            sampler=_MAKERS[plan.sampler](plan, _seed(plan, len(trials))),
        )
        for trial in trials.values():
            study.add_trial(_told(plan, trial, distributions))
        for _ in range(MOST_ASKED):  # what was asked before counts as running, and pushes away
            params = study.ask(distributions).params
            values = {name: _within(axis, params[name]) for name, axis in axes.items()}
            if is_free(plan, values, trials):
                return values
    return None


def _told(
    plan: SweepPlan, trial: _Trial, distributions: dict[str, BaseDistribution]
) -> FrozenTrial:
    """Return a trial as Optuna knows it: running, complete with its values, or failed."""
    state, values = TrialState.RUNNING, None
    if not trial.pending:
        values = _worth(plan, trial)
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
    params = dict(trial.values)
    return create_trial(state=state, values=values, params=params, distributions=distributions)


def _worth(plan: SweepPlan, trial: _Trial) -> list[float] | None:
    """Return a mean over the replicates for each goal, lower being better; None if one has none."""
    worth = []
    for goal in plan.goals:
        found = finite_numbers(trial.numbers, goal.name)
        if not found:
            return None
        mean = statistics.fmean(found)
        worth.append(-mean if goal.direction == "maximise" else mean)
    return worth


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.low is None or axis.high is None:
        return CategoricalDistribution(axis.values)
    log = axis.scale == "log"
    if axis.is_integer and axis.high - axis.low < WIDEST:
        return IntDistribution(int(axis.low), int(axis.high), log=log)
    return FloatDistribution(axis.low, axis.high, log=log)


def _within(axis: Axis, value: Value) -> Value:
    """Return what the axis holds for an answer: Optuna's floats may pass the end of wide ranges."""
    if axis.low is None or axis.high is None or isinstance(value, str):
        return value
    return min(max(round(value) if axis.is_integer else value, axis.low), axis.high)


def _left(plan: SweepPlan, trials: Mapping[str, _Trial]) -> dict[str, Value] | None:
    """Draw one of the combinations that are left; None where there is none."""
    random = np.random.default_rng([plan.sampler_seed, len(trials)])
    if (size := space_size(plan.axes)) is None or size > MOST_LISTED:
        return find_free(plan, random, trials)
    left = [values for values in _combinations(plan.axes) if is_free(plan, values, trials)]
    return left[random.integers(len(left))] if left else None


def _combinations(axes: Sequence[Axis]) -> Iterator[dict[str, Value]]:
    ranges = [
        axis.values or range(int(axis.low or 0), int(axis.high or 0) + 1)  # finite, so integers
        for axis in axes
    ]
    for row in itertools.product(*ranges):
        yield dict(zip((axis.name for axis in axes), row, strict=True))


def _seed(plan: SweepPlan, number: int) -> int:
    """Return a seed of 32 bits of its own for each trial: a sampler begins anew with each."""
    return int(np.random.SeedSequence([plan.sampler_seed, number]).generate_state(1)[0])


def _first(plan: SweepPlan, most: int) -> int:
    """Return how many trials are random before a sampler learns: a quarter, 4 to ``most``."""
    return max(4, min(most, (plan.trials or 0) // 4))


class _Generations(NSGAIISampler):
    """NSGA-II on a study that is built anew: each full population is the next generation.

    Optuna notes a trial's generation as it is asked for, which a study that is built of finished
    trials has lost; here it follows from the order in which they ended.
    """

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return the generation that a trial asked for now belongs to."""
        return len(_complete(study)) // self._size

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the trials of a generation."""
        return _complete(study)[generation * self._size : (generation + 1) * self._size]

    @property
    def _size(self) -> int:
        return self.population_size or 1


def _complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


_MAKERS: Mapping[str, Callable[[SweepPlan, int], BaseSampler]] = {
    "tpe": lambda plan, seed: TPESampler(seed=seed, n_startup_trials=_first(plan, 10)),
    "nsga2": lambda plan, seed: _Generations(seed=seed, population_size=_first(plan, 50)),
    "gp": lambda plan, seed: GPSampler(seed=seed, n_startup_trials=_first(plan, 10)),
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Optuna writes to standard error; its level is the whole process's."""
    with _SPEAKING:
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(level)
