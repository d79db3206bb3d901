"""Sweeps out of one store and into another, and archives that say of them what cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nst_core import (
    ArchiveError,
    Store,
    Sweeps,
    delete_sweep,
    export_runs,
    import_runs,
    load_results,
    results_csv,
    resume_sweep,
)
from tests.lab import Lab, picture_bytes
from tests.store.archive_changes import Change, changed, forged, told
from tests.store.archives import contents, fresh_store, unpacked
from tests.sweeps import plan_of, results, start, states, tpe


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with fresh_store(tmp_path / "other") as store:
        yield store


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Lab]:
    """Return a second lab, which has the same weights."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    found = Lab(folder)
    yield found
    found.store.close()


def full_sweep(lab: Lab) -> int:
    """Compute a sweep that has all a sweep can have: an axis of pictures, masks, replicates."""
    third = lab.store.add_picture(picture_bytes(3), "Ünï third.png")
    mask = lab.store.add_picture(picture_bytes(4), "mask.png")
    sweep_id = start(
        lab,
        plan_of("style=style.png,Ünï third.png", "beta=1e3,100000.5", base={"steps": 2}),
        content_mask=mask,
        pictures={"style": {"style.png": lab.style, "Ünï third.png": third}},
    )
    lab.in_process()
    return sweep_id


def ended(lab: Lab) -> int:
    """Return a run by itself."""
    run_id = lab.submit(steps=2)
    lab.queue.cancel(run_id)
    return run_id


def run_ids(lab: Lab, sweep_id: int) -> list[int]:
    return [run.entry.run.id for run in results(lab, sweep_id).runs]


def told_of(store: Store, sweep_id: int) -> tuple[Any, ...]:
    """Return what a store says of a sweep, but for numbers."""
    found = load_results(store, sweep_id)
    lines = [line.split(",", 2)[2] for line in results_csv(found).splitlines()]
    sweep = found.sweep
    keys = [(run.cell.key, run.cell.index) for run in found.runs]
    dates = sweep.created_at, sweep.cancelled_at, sweep.at_once
    return lines, keys, sweep.plan, sweep.inputs, sweep.pictures, dates


def test_a_sweep_comes_back_with_all_that_it_had(lab: Lab, other: Store) -> None:
    sweep_id = full_sweep(lab)
    start(lab, plan_of("steps=2,3"))  # stays behind
    import_runs(other, export_runs(lab.store, [ended(lab), *run_ids(lab, sweep_id)]))
    (there,) = Sweeps(other).latest()
    assert told_of(other, there.id) == told_of(lab.store, sweep_id)
    delete_sweep(other, there.id)
    assert other.count() == 1


def test_of_a_part_of_a_sweep_the_rest_is_missing_and_can_be_run(lab: Lab, elsewhere: Lab) -> None:
    sweep_id = full_sweep(lab)
    data = export_runs(lab.store, run_ids(lab, sweep_id)[:1])
    import_runs(elsewhere.store, data)
    (there,) = Sweeps(elsewhere.store).latest()
    assert len(load_results(elsewhere.store, there.id).missing) == 3
    assert resume_sweep(elsewhere.store, there.id) == 3
    elsewhere.in_process()
    numbers = [run.numbers["total"] for run in results(lab, sweep_id).runs]
    again = [run.numbers["total"] for run in results(elsewhere, there.id).runs]
    assert again == numbers


def test_a_sampler_goes_on_in_another_store(lab: Lab, elsewhere: Lab) -> None:
    sweep_id = start(lab, tpe(trials=3, base={"steps": 2}))
    lab.in_process()
    ids = run_ids(lab, sweep_id)
    import_runs(elsewhere.store, export_runs(lab.store, ids[:2]))
    resume_sweep(elsewhere.store, Sweeps(elsewhere.store).latest()[0].id)
    elsewhere.in_process()
    assert states(elsewhere, 1) == {"done": 3}
    points = [run.cell.point for run in results(lab, sweep_id).runs]
    assert [run.cell.point for run in results(elsewhere, 1).runs] == points


def test_an_archive_of_the_first_version_is_read(lab: Lab, other: Store) -> None:
    run_id = ended(lab)
    archive = export_runs(lab.store, [run_id])
    manifest = json.loads(unpacked(archive)["manifest.json"])
    manifest["version"] = 1
    del manifest["sweeps"]
    for run in manifest["runs"]:
        del run["sweep"], run["cell"]
    old = changed(archive, "manifest.json", json.dumps(manifest).encode())
    [there] = import_runs(other, old)
    assert other.run(there).config == lab.run(run_id).config


def plan_says(name: str, value: Any) -> Change:
    """Change the plan's JSON."""

    def change(data: bytes) -> bytes:
        return json.dumps(json.loads(data) | {name: value}).encode()

    return forged("sweep-1/plan.json", change)


def swapped(inputs: list[Any]) -> list[Any]:
    """Let two values' pictures change places."""
    values = [item for item in inputs if item["role"] == "style value"]
    values[0]["file"], values[1]["file"] = values[1]["file"], values[0]["file"]
    return inputs


CASES: dict[str, tuple[Change, str]] = {
    "no plan": (forged("sweep-1/plan.json", b"[]"), "sweep 1: this is no sweep"),
    "deep plan": (forged("sweep-1/plan.json", b"[" * 200_000), "sweep 1: this is no sweep"),
    "newer plan": (plan_says("version", 9), "written by a newer NST Lab"),
    "another base": (plan_says("base", {"steps": 3}), "is not the cell that it says"),
    "a missing plan": (told("sweeps.0.plan", "nowhere"), "sweep 1 needs the file 'nowhere'"),
    "a path outside": (told("sweeps.0.plan", "../plan.json"), "could lie outside of it"),
    "two of a number": (lambda a: doubled(a), "two sweeps of one number"),
    "no such sweep": (told("runs.0.sweep", 7), "is of sweep 7, which is not in it"),
    "a cell alone": (told("runs.0.sweep", None), "has a sweep or a cell alone"),
    "a sweep alone": (told("runs.0.cell", None), "has a sweep or a cell alone"),
    "another value": (told("runs.0.cell.values.beta", 7.0), "is not the cell that it says"),
    "another axis": (told("runs.0.cell.values.gamma", 1.0), "is not the cell that it says"),
    "another seed": (told("runs.0.cell.replicate", 1), "is not the cell that it says"),
    "a negative place": (told("runs.0.cell.index", -1), "runs.0.cell.index: must be"),
    "a list as value": (told("runs.0.cell.values.beta", []), r"runs.0.cell.values.beta"),
    "one cell twice": (lambda a: one_cell_twice(a), "two of its runs are one cell"),
    "swapped pictures": (told("sweeps.0.inputs", swapped), "is not the cell that it says"),
    "a nameless picture": (
        told("sweeps.0.inputs", lambda items: [i for i in items if i["name"] != "style.png"]),
        "its pictures are not those of its axis style",
    ),
    "a role twice": (told("sweeps.0.inputs", lambda items: items * 2), "one role and position"),
    "an unknown role": (told("sweeps.0.inputs.0.role", "frame"), "sweeps.0.inputs.0.role"),
    "a plan that never ends": (plan_says("replicates", 10**9), "plans 4,000,000,000 runs"),
    "trials without end": (told("sweeps.0.at_once", 20_000), "20,000 trials at a time"),
    "none of its runs": (lambda a: added_sweep(a), "sweep 2: none of its runs is in the archive"),
    "no trials at once": (told("sweeps.0.at_once", 0), "sweeps.0.at_once"),
}


def doubled(archive: bytes) -> bytes:
    return told("sweeps", lambda sweeps: sweeps * 2)(archive)


def added_sweep(archive: bytes) -> bytes:
    return told("sweeps", lambda sweeps: [*sweeps, sweeps[0] | {"id": 2}])(archive)


def one_cell_twice(archive: bytes) -> bytes:
    manifest = json.loads(unpacked(archive)["manifest.json"])
    return told("runs.1.cell", manifest["runs"][0]["cell"])(archive)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    lab = Lab(tmp_path_factory.mktemp("archive"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab.enter(monkeypatch)
        data = export_runs(lab.store, run_ids(lab, full_sweep(lab)))
    lab.store.close()
    return data


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_is_refused_and_nothing_written(
    archive: bytes, other: Store, name: str
) -> None:
    change, words = CASES[name]
    before = contents(other)
    with pytest.raises(ArchiveError, match=words) as caught:
        import_runs(other, change(archive))
    assert "\n" not in str(caught.value)
    assert contents(other) == before


def test_the_unchanged_archive_is_taken(archive: bytes, other: Store) -> None:
    assert len(import_runs(other, archive)) == 4
