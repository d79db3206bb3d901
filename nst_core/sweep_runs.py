"""What people ask of a sweep: begin, cancel, go on, extend, delete. All of it goes to the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from nst_core.axes import Axis
from nst_core.axis_names import PICTURES
from nst_core.cells import Cell, cells_of, find_free
from nst_core.device import resolve_device
from nst_core.errors import ConfigError, ImageError, RunError
from nst_core.store import RunInput, Store, StoredPicture, Sweep, Sweeps
from nst_core.store.queue import Queue
from nst_core.submit import check_run, inputs_of, queue_limit
from nst_core.sweep import check_plan
from nst_core.sweep_plan import SweepPlan, extend_plan
from nst_core.sweep_results import SweepResults, load_results

ADVANCES = 4  # tries to add a trial, where other devices add theirs at the same moment


def check_sweep(
    plan: SweepPlan,
    content: StoredPicture | None,
    styles: Sequence[StoredPicture] = (),
    *,
    content_mask: StoredPicture | None = None,
    style_masks: Sequence[StoredPicture | None] = (),
    pictures: Mapping[str, Mapping[str, StoredPicture]] | None = None,
) -> None:
    """Check a sweep as far as can be without computing, and write nothing.

    Of a sampler that chooses as it goes, one run that it may choose is checked.

    Args and errors: see :func:`submit_sweep`.
    """
    check_plan(plan)
    _Known(plan, content, styles, content_mask, style_masks, pictures or {}).check(_some(plan))


def submit_sweep(
    store: Store,
    plan: SweepPlan,
    content: StoredPicture | None,
    styles: Sequence[StoredPicture] = (),
    *,
    content_mask: StoredPicture | None = None,
    style_masks: Sequence[StoredPicture | None] = (),
    pictures: Mapping[str, Mapping[str, StoredPicture]] | None = None,
    at_once: int = 1,
) -> int:
    """Check a sweep as far as can be without computing, queue its runs, return its number.

    A grid and a random search are queued whole. A sampler that chooses as it goes begins with
    ``at_once`` trials; each that ends brings the next.

    Args:
        content, styles: pictures of the store; what an axis varies is not used, and may be left
            out. An axis ``style`` gives each run one style.
        content_mask, style_masks: as for :func:`~nst_core.submit_run`.
        pictures: for an axis ``content`` or ``style``, the picture of each value.
        at_once: trials under way at a time; one a device is as many as compute at once.

    Raises:
        ConfigError: the sweep has too many runs, lacks a picture, or one of its runs cannot be;
            LayerError where the network's weights do not reach a layer.
        ImageError, WeightsError, DeviceError, StoreError, QueueFullError: as ``submit_run()``.
    """
    check_plan(plan)
    if store.database.is_sqlite:  # else another machine may have the device
        resolve_device(plan.base.device)
    at_once = max(1, at_once)
    known = _Known(plan, content, styles, content_mask, style_masks, pictures or {})
    known.check(_some(plan))
    cells = _first_cells(plan, at_once)
    return Sweeps(store).add(
        plan,
        known.inputs(),
        known.values(),
        at_once=at_once,
        cells=cells,
        most_waiting=queue_limit(),
    )


def cancel_sweep(store: Store, sweep_id: int) -> int:
    """Ask all runs of a sweep to stop, and queue no more; return how many were asked.

    Raises:
        RunError: it is not there.
    """
    sweeps = Sweeps(store)
    sweeps.note_cancel(sweep_id, is_asked=True)  # first, so that no run that ends brings another
    count = 0
    # The last first: a worker that is free takes the first that waits
    for entry in reversed(sweeps.entries(sweep_id)):
        if entry.run.is_active:
            count += _asked(Queue(store).cancel, entry.run.id)
    return count


def resume_sweep(store: Store, sweep_id: int) -> int:
    """Run what is missing, and nothing else; return how many runs were queued.

    Runs that were interrupted, cancelled or failed go on from their checkpoints; cells without a
    run get one; a sampler goes on choosing.

    Raises:
        RunError: it is not there.
        NSTError: what is missing cannot be queued; see :func:`submit_sweep`.
    """
    results = load_results(store, sweep_id)
    count = 0
    if results.missing:  # first, since it may be refused
        _Known.of(store, results.sweep).check(results.missing)
        count += Sweeps(store).add_runs(sweep_id, results.missing, most_waiting=queue_limit())
    Sweeps(store).note_cancel(sweep_id, is_asked=False)
    for run in results.runs:
        if run.entry.run.state in ("interrupted", "cancelled", "failed"):
            count += _asked(Queue(store).resume, run.entry.run.id)
    return count + advance_sweep(store, sweep_id)


def extend_sweep(
    store: Store,
    sweep_id: int,
    axes: Collection[Axis] = (),
    *,
    trials: int | None = None,
    replicates: int | None = None,
    pictures: Mapping[str, Mapping[str, StoredPicture]] | None = None,
) -> int:
    """Give a sweep more values, trials or replicates; return how many runs were queued.

    What was missing before is queued too. Runs that are there stay as they are.

    Args:
        axes, trials, replicates: see :func:`~nst_core.extend_plan`.
        pictures: of new values of an axis ``content`` or ``style``.

    Raises:
        RunError: it is not there.
        ConfigError: it cannot be extended so; see :func:`~nst_core.extend_plan`.
        NSTError: as :func:`submit_sweep`.
    """
    sweeps = Sweeps(store)
    sweep = sweeps.get(sweep_id)
    plan = extend_plan(sweep.plan, axes, trials=trials, replicates=replicates)
    if plan == sweep.plan:
        raise ConfigError(
            "nothing is new: give a value that the sweep does not have, or more runs; what of it "
            "is missing runs on Resume"
        )
    check_plan(plan)
    known = _Known.of(store, sweep, plan, pictures or {})
    known.check(_some(plan))
    sweeps.extend(sweep_id, plan, known.values(), former=sweep.plan)
    return resume_sweep(store, sweep_id)


def delete_sweep(store: Store, sweep_id: int, *, keep: Collection[str] = ()) -> None:
    """Delete a sweep with its runs, and every file that nothing else uses.

    Args:
        keep: pictures of the library that stay, since they are chosen for another run.

    Raises:
        RunError: it is not there, or has active runs.
    """
    Sweeps(store).delete(sweep_id, keep=keep)


def advance_sweep(store: Store, sweep_id: int) -> int:
    """Queue the trials that a sampler chooses next; return how many runs they have.

    For sweeps whose sampler chooses as it goes, until ``at_once`` trials are under way; nothing
    for others, and for those that were cancelled. Called whenever a run of the sweep ends.

    Raises:
        RunError: the sweep is gone.
    """
    count = 0
    if Sweeps(store).get(sweep_id).plan.is_fixed:
        return count
    for _ in range(ADVANCES):
        results = load_results(store, sweep_id)
        cells = _next_cells(results)
        if not cells:
            break
        count += Sweeps(store).add_runs(sweep_id, cells, known=len(results.runs))
    return count


def _next_cells(results: SweepResults) -> list[Cell]:
    sweep = results.sweep
    if sweep.cancelled_at is not None or len(results.runs) >= results.planned:
        return []
    under_way = {cell.point for cell in results.pending}
    return _suggested(sweep.plan, results, sweep.at_once - len(under_way))


def _suggested(plan: SweepPlan, results: SweepResults | None, trials: int) -> list[Cell]:
    """Ask the sampler for so many trials, each knowing of those before it."""
    from nst_core.samplers import suggest  # with Optuna, which takes a second to import

    pending = list(results.pending) if results else []
    finished = results.finished if results else []
    found: list[Cell] = []
    for _ in range(trials):
        cells = suggest(plan, finished, [*pending, *found])
        if not cells:
            break
        found += cells
    return found


def _some(plan: SweepPlan) -> Iterable[Cell]:
    """Return the cells of a plan; of a sampler that chooses as it goes, one that it may choose."""
    if plan.is_fixed:
        return cells_of(plan)
    values = find_free(plan, np.random.default_rng(plan.sampler_seed), ())
    return [] if values is None else [Cell(0, values)]


def _first_cells(plan: SweepPlan, at_once: int) -> list[Cell]:
    if plan.is_fixed:
        return list(cells_of(plan))
    return _suggested(plan, None, at_once)


def _asked(ask: Callable[[int], None], run_id: int) -> int:
    """Ask something of a run; 0 where it has come to another state meanwhile."""
    try:
        ask(run_id)
    except RunError:
        return 0
    return 1


class _Known:
    """The pictures of a sweep, by what uses them."""

    def __init__(
        self,
        plan: SweepPlan,
        content: StoredPicture | None,
        styles: Sequence[StoredPicture],
        content_mask: StoredPicture | None,
        style_masks: Sequence[StoredPicture | None],
        pictures: Mapping[str, Mapping[str, StoredPicture]],
    ) -> None:
        self.plan = plan
        self.pictures = {name: dict(pictures.get(name, {})) for name in self._varied()}
        self.content = content if "content" not in self.pictures else None
        self.styles = list(styles) if "style" not in self.pictures else []
        self.content_mask = content_mask
        self.style_masks = list(style_masks) if "style" not in self.pictures else []
        for axis in plan.axes:
            for value in axis.values if axis.name in self.pictures else ():
                if value not in self.pictures[axis.name]:
                    raise ConfigError(f"{axis.name} {str(value)[:60]!r}: its picture is missing")

    def _varied(self) -> list[str]:
        return [axis.name for axis in self.plan.axes if axis.name in PICTURES]

    @classmethod
    def of(
        cls,
        store: Store,
        sweep: Sweep,
        plan: SweepPlan | None = None,
        more: Mapping[str, Mapping[str, StoredPicture]] | None = None,
    ) -> _Known:
        """Return those of a sweep of the store, with ``more`` of a larger plan."""

        def stored(item: RunInput | None) -> StoredPicture | None:
            return None if item is None else store.recall(item)

        by_place = {(item.role, item.position): item for item in sweep.inputs}
        count = sum(item.role == "style" for item in sweep.inputs)
        styles = [by_place["style", k] for k in range(count)]
        pictures = {
            name: {value: store.recall(item) for value, item in values.items()}
            | dict((more or {}).get(name, {}))
            for name, values in sweep.pictures.items()
        }
        return cls(
            plan or sweep.plan,
            stored(by_place.get(("content", 0))),
            [store.recall(item) for item in styles],
            stored(by_place.get(("content mask", 0))),
            [stored(by_place.get(("style mask", k))) for k in range(count)],
            pictures,
        )

    def inputs(self) -> list[RunInput]:
        """Return what every run has."""
        return inputs_of(self.content, self.styles, self.content_mask, self.style_masks)

    def values(self) -> dict[str, list[RunInput]]:
        """Return the pictures that axes vary, each named as its axis has it."""
        return {
            name: [RunInput("content", 0, item.sha256, value) for value, item in values.items()]
            for name, values in self.pictures.items()
        }

    def check(self, cells: Iterable[Cell]) -> None:
        """Check each run; an error names its cell.

        Raises:
            NSTError: see :func:`submit_sweep`.
        """
        for cell in cells:
            content, styles = self.content, self.styles
            if "content" in cell.pictures:
                content = self.pictures["content"][cell.pictures["content"]]
            if "style" in cell.pictures:
                styles = [self.pictures["style"][cell.pictures["style"]]]
            if content is None:
                raise ConfigError("choose a content picture, or vary the content")
            config = cell.config(self.plan.base)
            try:
                check_run(config, content, styles, self.content_mask, self.style_masks)
            except (ConfigError, ImageError) as error:
                raise type(error)(f"{cell.title}: {error}") from None
