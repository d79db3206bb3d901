"""What people think of runs, and how runs are found, on both databases."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, update

from nst_core import (
    NUMBER_SETTINGS,
    RUN_ORDERS,
    ConfigError,
    Entry,
    History,
    Metrics,
    RunError,
    RunFilter,
    RunInput,
    Store,
    StyleTransferConfig,
)
from nst_core.store import tables as t
from tests.lab import picture_bytes

METRICS = Metrics(
    ssim=0.5,
    color_difference=12.0,
    style_distance=3.5,
    content_distance=0.25,
    sharpness=0.1,
    colorfulness=40.0,
    network="few",
    network_sha256="a" * 64,
    style_layers=("conv1_1",),
    content_layers=("conv2_1",),
)


class Runs:
    """Runs as a test wants them, named by their numbers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.history = History(store)
        self.pictures = [store.add_picture(picture_bytes(k), f"{k}.png") for k in (1, 2)]

    def add(
        self,
        content: str = "cat.png",
        styles: Iterable[str] = ("lake.jpg",),
        settings: dict[str, Any] | None = None,
        **values: Any,
    ) -> int:
        content_picture, style_picture = (picture.sha256 for picture in self.pictures)
        inputs = [RunInput("content", 0, content_picture, content)]
        inputs += [RunInput("style", k, style_picture, name) for k, name in enumerate(styles)]
        config = StyleTransferConfig(**(settings or {}))
        run_id = self.store.add_run(config, inputs)
        if values:
            with self.store.database.write() as connection:
                connection.execute(update(t.runs).where(t.runs.c.id == run_id).values(**values))
        return run_id

    def snapshot(self, run_id: int, step: int, total: float = 1.0, **metrics: Any) -> None:
        values: dict[str, Any] = {
            "sha256": self.pictures[0].sha256,
            "preview": self.pictures[0].thumbnail,
        }
        values |= {"width": 6, "height": 4, "total": total, "improvement": 1.0, "seconds": 1.0}
        with self.store.database.write() as connection:
            connection.execute(insert(t.snapshots).values(run_id=run_id, step=step, **values))
        if metrics:
            measured = {name: getattr(METRICS, name) for name in Metrics.__dataclass_fields__}
            self.history.keep_metrics(run_id, step, Metrics(**measured | metrics))

    def found(self, order: Any = "oldest", **wanted: Any) -> list[int]:
        """Return what a filter finds, and see that the count agrees."""
        chosen = RunFilter(**wanted)
        ids = numbers(self.history.find(chosen, order=order, limit=1000))
        assert self.history.count(chosen) == len(ids)
        return ids


def numbers(entries: list[Entry]) -> list[int]:
    return [entry.run.id for entry in entries]


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store)


# What people think


def test_stars_and_notes_are_kept(runs: Runs) -> None:
    run_id, other = runs.add(), runs.add()
    runs.history.rate(run_id, 4)
    runs.history.write_notes(run_id, "soft sky, 50 % of 'it'\nsecond line")
    run = runs.store.run(run_id)
    assert (run.rating, run.notes) == (4, "soft sky, 50 % of 'it'\nsecond line")
    assert (runs.store.run(other).rating, runs.store.run(other).notes) == (None, "")
    runs.history.rate(run_id, None)
    assert runs.store.run(run_id).rating is None


@pytest.mark.parametrize("stars", [0, 6, -1])
def test_rating_that_does_not_exist_is_refused(runs: Runs, stars: int) -> None:
    with pytest.raises(RunError, match=f"1 to 5 stars, got {stars}"):
        runs.history.rate(runs.add(), stars)


def test_opinion_of_no_run_is_refused(runs: Runs) -> None:
    with pytest.raises(RunError, match="no run 7"):
        runs.history.rate(7, 3)
    with pytest.raises(RunError, match="no run 7"):
        runs.history.write_notes(7, "x")
    with pytest.raises(RunError, match="run 7 has no picture of step 3"):
        runs.history.keep_metrics(7, 3, METRICS)


def test_metrics_of_the_last_snapshot_are_shown(runs: Runs) -> None:
    measured, unmeasured, without = runs.add(), runs.add(), runs.add()
    runs.snapshot(measured, 10, 9.0, ssim=0.1)
    runs.snapshot(measured, 9, 8.0, ssim=0.9)
    runs.snapshot(unmeasured, 5, 7.0, ssim=0.8)
    runs.snapshot(unmeasured, 6, 6.0)
    entries = {entry.run.id: entry for entry in runs.history.find()}
    assert entries[measured].total == 9.0
    assert entries[measured].metrics == Metrics(**vars(METRICS) | {"ssim": 0.1})
    assert (entries[unmeasured].total, entries[unmeasured].metrics) == (6.0, None)
    assert (entries[without].total, entries[without].metrics) == (None, None)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_metrics_that_are_no_numbers_are_refused(runs: Runs, number: float) -> None:
    run_id = runs.add()
    runs.snapshot(run_id, 1)
    with pytest.raises(RunError, match=f"ssim of run {run_id} is {number}"):
        runs.history.keep_metrics(run_id, 1, Metrics(**vars(METRICS) | {"ssim": number}))
    assert runs.found("ssim") == [run_id]


def test_entry_shows_the_preview_or_else_the_content(runs: Runs) -> None:
    preview = runs.pictures[1].sha256
    begun, waiting = runs.add(preview=preview), runs.add()
    pictures = {entry.run.id: entry.picture for entry in runs.history.find()}
    assert pictures == {begun: preview, waiting: runs.pictures[0].thumbnail}


# Filters


def test_no_filter_finds_all(runs: Runs) -> None:
    ids = [runs.add() for _ in range(3)]
    assert runs.found() == ids
    assert runs.history.count() == 3
    assert numbers(runs.history.find()) == ids[::-1]
    assert runs.history.find()[0].run == runs.store.run(ids[-1])


def test_states(runs: Runs) -> None:
    waiting, done, failed = runs.add(), runs.add(state="done"), runs.add(state="failed")
    assert runs.found(states=("done",)) == [done]
    assert runs.found(states=("failed", "queued")) == [waiting, failed]
    assert runs.found(states=("running",)) == []


def test_dates_are_of_creation_and_half_open(runs: Runs) -> None:
    late, early = runs.add(created_at=200.0), runs.add(created_at=100.0)  # the second was imported
    assert runs.found(since=100.0) == [early, late]
    assert runs.found(since=100.001) == [late]
    assert runs.found(until=200.0) == [early]
    assert runs.found(since=100.0, until=100.0) == []
    assert runs.found(since=-1e300, until=1e300) == [early, late]


def test_names_are_exact(runs: Runs) -> None:
    cat = runs.add("cat.png", ["lake.jpg", "swell.jpg"])
    big = runs.add("Cat.png", ["100%_lake.jpg"])
    assert runs.found(content="cat.png") == [cat]
    assert runs.found(style="swell.jpg") == [cat]
    assert runs.found(style="lake.jpg") == [cat]
    assert runs.found(style="100%_lake.jpg") == [big]
    assert runs.found(style="cat.png") == []
    assert runs.found(content="cat%") == []
    assert runs.found(content="") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50%", [0]),
        ("5%0", []),
        ("a_b", [1]),
        ("aXb", [2]),
        ("it's", [0]),
        ('"quoted"', [1]),
        ("back\\slash", [2]),
        ("CAT", [0, 1]),
        ("lake", [0, 1, 2]),
        ("Sky", [0]),
        ("%", [0]),
        ("_", [1]),
        ("'; DROP TABLE runs; --", []),
        ("cat.png soft", []),
    ],
)
def test_text_is_plain_and_without_case(runs: Runs, text: str, expected: list[int]) -> None:
    ids = [runs.add(notes="soft SKY, it's 50% off"), runs.add(notes='a_b "quoted"')]
    ids.append(runs.add("dog.png", ["Lake.JPG"], notes="aXb back\\slash"))
    assert runs.found(text=text) == [ids[k] for k in expected]


def test_text_knows_capitals_beyond_ascii_on_sqlite(runs: Runs) -> None:
    run_id = runs.add("Äpfel.png", notes="STRASSE größer")
    assert runs.found(text="größer") == [run_id]
    if runs.store.database.is_sqlite:  # a server's rules depend on its locale
        assert runs.found(text="äpfel") == [run_id]
        assert runs.found(text="GRÖSSER") == [run_id]


def test_text_that_no_database_takes_is_searched_as_it_was_kept(runs: Runs) -> None:
    run_id = runs.add("ca\0t\udcff.png")
    assert runs.found(text="ca\0t\udcff") == [run_id]
    assert runs.found(content="ca\0t\udcff.png") == [run_id]


@pytest.mark.parametrize(
    ("setting", "low", "high", "expected"),
    [
        ("beta", 1e5, 3.7e6, [0, 1]),
        ("beta", 100000.00000000001, 3.7e6, [1]),  # the next float
        ("beta", 100000.0000001, None, [1, 2]),
        ("beta", None, 3.6999999999999995e6, [0]),
        ("beta", None, None, [0, 1, 2]),
        ("beta", 4e6, 1e5, []),
        ("beta", -(10**40), 10**40, [0, 1, 2]),
        ("gamma", 1 / 3, 1 / 3, [0]),
        ("gamma", -5, 0, [1]),
        ("steps", 20, 20, [1]),
        ("steps", 19.5, 199.5, [1]),
        ("steps", 200, None, [0, 2]),
        ("seed", 2**63 - 1, None, [0]),
        ("seed", 2**63 - 2, 2**63 - 2, [1]),
        ("seed", 2**63, None, []),
        ("learning_rate", 0.5, 0.5, [1]),
        ("learning_rate", None, 10, [1]),  # the others are at auto
        ("levels", 1, 6, [2]),
        ("averaging", None, 0.0, [0, 1, 2]),
    ],
)
def test_setting_within_a_range(
    runs: Runs, setting: str, low: float | None, high: float | None, expected: list[int]
) -> None:
    settings: list[dict[str, Any]] = [
        {"beta": 1e5, "gamma": 1 / 3, "seed": 2**63 - 1},
        {"beta": 3.7e6, "gamma": 0, "steps": 20, "seed": 2**63 - 2, "learning_rate": 0.5},
        {"beta": 1e12, "levels": 2},
    ]
    ids = [runs.add(settings=item) for item in settings]
    assert runs.found(setting=setting, low=low, high=high) == [ids[k] for k in expected]


def test_setting_of_a_later_version_was_at_its_default(runs: Runs) -> None:
    old = runs.add(config='{"steps": 20}')
    assert runs.found(setting="beta", low=1e8, high=1e8) == [old]
    assert runs.found(setting="beta", high=9e7) == []
    assert runs.found(setting="learning_rate", low=0) == []


@pytest.mark.parametrize("setting", NUMBER_SETTINGS)
def test_every_number_of_the_config_can_be_asked_for(runs: Runs, setting: str) -> None:
    run_id = runs.add(settings={"learning_rate": 0.5, "levels": 1})
    value = getattr(runs.store.run(run_id).config, setting)
    assert runs.found(setting=setting, low=value, high=value) == [run_id]
    assert runs.found(setting=setting, low=value + 1) == []


@pytest.mark.parametrize(
    "setting", ["pooling", "style_layers", "style_weights", "device", "no", ""]
)
def test_setting_without_a_number_is_refused_in_words(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"is no setting with a number; choose one of alpha, "):
        RunFilter(setting=setting)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, -(10**301)])
@pytest.mark.parametrize("name", ["low", "high", "since", "until"])
def test_limit_that_is_no_number_is_refused_in_words(name: str, number: float) -> None:
    limits: dict[str, Any] = {name: number}
    with pytest.raises(ConfigError, match=f"{name} must be a finite number"):
        replace(RunFilter(setting="beta"), **limits)


def test_states_and_stars_that_do_not_exist_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="there is no state 'gone'; it is one of queued, "):
        RunFilter(states=("done", "gone"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="stars must be 1 to 5, got 0"):
        RunFilter(stars=0)


def test_stars_are_at_least(runs: Runs) -> None:
    ids = [runs.add(rating=stars) for stars in (None, 2, 3, 5)]
    assert runs.found(stars=3) == ids[2:]
    assert runs.found(stars=1) == ids[1:]


def test_filters_together_are_all_met(runs: Runs) -> None:
    wanted: dict[str, Any] = {
        "states": ("done",), "since": 50.0, "until": 150.0, "content": "cat.png",
        "style": "lake.jpg", "text": "good", "setting": "beta", "low": 1e4, "high": 1e6,
        "stars": 4,
    }  # fmt: skip
    good: dict[str, Any] = {"state": "done", "created_at": 100.0, "notes": "good", "rating": 4}
    settings = {"beta": 1e5}
    ids = [runs.add(settings=settings, **good)]
    for change in ({"state": "failed"}, {"created_at": 40.0}, {"created_at": 150.0},
                   {"notes": "bad"}, {"rating": 3}):  # fmt: skip
        runs.add(settings=settings, **good | change)
    runs.add("dog.png", settings=settings, **good)
    runs.add(styles=["swell.jpg"], settings=settings, **good)
    runs.add(settings={"beta": 1e7}, **good)
    assert runs.found(**wanted) == ids


# Order and pages


def test_order_puts_the_best_first_and_what_has_none_last(runs: Runs) -> None:
    first = runs.add(created_at=1.0, rating=2, seconds=5.0)
    second = runs.add(created_at=3.0, rating=5, seconds=9.0)
    third = runs.add(created_at=2.0)
    runs.snapshot(first, 1, 10.0, ssim=0.4, style_distance=2e-7, content_distance=None)
    runs.snapshot(second, 1, 9.0, ssim=-0.1, style_distance=1e5, content_distance=0.5)
    expected = {
        "newest": [second, third, first],
        "oldest": [first, third, second],
        "rating": [second, first, third],
        "style_distance": [first, second, third],
        "content_distance": [second, third, first],
        "ssim": [first, second, third],
        "total": [second, first, third],
        "seconds": [second, first, third],
    }
    assert expected.keys() == RUN_ORDERS.keys()
    assert {order: runs.found(order) for order in RUN_ORDERS} == expected


@pytest.mark.parametrize("order", [order for order in RUN_ORDERS if order != "oldest"])
def test_ties_are_newest_first(runs: Runs, order: str) -> None:
    ids = [runs.add(created_at=at, rating=3) for at in (2.0, 3.0, 1.0, 3.0)]
    for run_id in ids:
        runs.snapshot(run_id, 1, ssim=0.5)
    assert runs.found(order) == [ids[3], ids[1], ids[0], ids[2]]


def test_unknown_order_is_refused_in_words(runs: Runs) -> None:
    with pytest.raises(ConfigError, match="no order 'best'; it is one of newest, oldest"):
        runs.history.find(order="best")  # type: ignore[arg-type]


def test_pages_follow_each_other(runs: Runs) -> None:
    ids = [runs.add() for _ in range(7)][::-1]
    pages = [numbers(runs.history.find(limit=3, offset=k)) for k in (0, 3, 6, 9)]
    assert pages == [ids[:3], ids[3:6], ids[6:], []]
    assert numbers(runs.history.find(limit=0)) == []
    assert numbers(runs.history.find(limit=-1)) == []
    assert numbers(runs.history.find(limit=2, offset=-5)) == ids[:2]
    assert runs.history.find(limit=10**30, offset=10**30) == []


def test_entries_come_in_the_order_that_was_asked_for(runs: Runs) -> None:
    first, third = runs.add(), runs.add(state="done")
    asked = [third, 999, first, 2**40, -1]
    assert numbers(runs.history.entries(asked)) == [third, first]
    assert list(runs.history.states(asked)) == [third, first]
    assert runs.history.entries([]) == []
    assert runs.history.states(asked) == {third: "done", first: "queued"}
    assert runs.history.states([]) == {}


def test_names_are_those_of_runs_in_the_alphabets_order(runs: Runs) -> None:
    assert runs.history.names("content") == []
    runs.add("zebra.png", ["a.jpg", "b.jpg"])
    runs.add("Cat.png", ["b.jpg"])
    runs.add("cat.png", ["B.jpg"])
    assert runs.history.names("content") == ["Cat.png", "cat.png", "zebra.png"]
    assert runs.history.names("style") == ["a.jpg", "B.jpg", "b.jpg"]
    assert runs.history.names("content mask") == []
