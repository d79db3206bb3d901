"""What a person sees of a run that waits and goes on, and what can be done with it."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st

from nst_core import DeviceStatus, LocalExecutor, Losses, RunError
from pages._ui import live, runs
from pages._ui.charts import draw_losses
from tests.lab import Lab
from tests.pages.bench import (
    actions,
    badge,
    bar,
    captions,
    click,
    images,
    keys,
    markdown_of,
    open_stylize,
    read,
    rerun,
    said,
)
from tests.pages.working import Working


class Charts(list[tuple[list[int], bool]]):
    """The charts that were drawn: the steps in each, and whether it was by layer."""

    losses: Losses  # of the last


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> Charts:
    drawn = Charts()

    def note(losses: Losses, *, by_layer: bool = False) -> None:
        drawn.losses = losses
        drawn.append((losses.steps.tolist(), by_layer))
        draw_losses(losses, by_layer=by_layer)

    monkeypatch.setattr(live, "draw_losses", note)
    return drawn


# It waits


def test_queued_run_says_when_it_starts(lab: Lab) -> None:
    first, second = lab.submit(), lab.submit()
    app = open_stylize(run=str(first))
    assert badge(app) == "queued"
    assert bar(app) == (0, "Queued: starts in a moment")
    assert actions(app) == ["cancel", "fork_settings", "fork_image", "all_runs"]
    assert images(app)[-1] == lab.store.read(lab.content.thumbnail)
    assert "the first picture comes with the first step" in captions(app)[-1]
    assert "The loss chart begins with the first step." in said(app)
    assert bar(open_stylize(run=str(second)))[1] == "Queued: waits for 1 other run"
    third = lab.submit()
    assert bar(open_stylize(run=str(third)))[1] == "Queued: waits for 2 other runs"


def test_worker_that_cannot_start_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "no worker for cpu could be started (No space left on ![device](x))"
    status = [DeviceStatus("cpu", False, None, problem), DeviceStatus("mps", True, None, "")]
    monkeypatch.setattr(LocalExecutor, "status", lambda self: status)
    app = open_stylize(run=str(lab.submit()))
    (warning,) = app.warning
    assert read(warning.value) == "N" + problem[1:]
    assert not markdown_of(app, "![device]")


def test_page_wakes_the_engine_where_runs_wait(lab: Lab, woken: list[LocalExecutor]) -> None:
    open_stylize()
    assert not woken
    lab.submit()
    open_stylize()
    assert woken


def test_cancel_of_a_run_that_waits_is_at_once(lab: Lab) -> None:
    run_id = lab.submit()
    app = click(open_stylize(run=str(run_id)), f"cancel_{run_id}")
    assert lab.run(run_id).state == "cancelled"
    assert badge(app) == "cancelled"
    assert "Cancelled" in said(app, "info")
    assert not app.main.progress
    assert actions(app) == ["resume", "fork_settings", "fork_image", "delete", "all_runs"]


def test_queue_lists_what_else_is_active(lab: Lab) -> None:
    ids = [lab.submit() for _ in range(3)]
    Working(lab).begin()
    app = open_stylize(run=str(ids[1]))
    assert "Also in the queue" in said(app)
    assert [key for key in keys(app) if key.startswith("open_")] == [
        f"open_{ids[0]}", f"open_{ids[2]}"
    ]  # fmt: skip
    assert "Step 0 of 6" in said(app, "caption")
    assert "waits" in said(app, "caption")
    click(app, f"cancel_short_{ids[2]}")
    assert [lab.run(run_id).state for run_id in ids] == ["running", "queued", "cancelled"]
    assert f"open_{ids[2]}" not in keys(app)
    click(app, f"open_{ids[0]}")
    assert app.query_params == {"run": str(ids[0])}
    assert badge(app) == "running"


def test_cancel_that_comes_too_late_is_said(lab: Lab) -> None:
    run_id, other = lab.submit(), lab.submit()
    app = open_stylize(run=str(other))
    lab.queue.cancel(run_id)  # in another tab
    app.button(key=f"cancel_short_{run_id}").click()
    assert f"open_{run_id}" not in keys(rerun(app))
    lab.change(other, state="failed", message="No memory")
    app.button(key=f"cancel_{other}").click()
    assert badge(rerun(app)) == "failed"


# It goes on


def test_running_run_shows_progress_picture_chart_and_log(lab: Lab, charts: Charts) -> None:
    work = Working(lab) if lab.submit(steps=60) else None
    assert work is not None
    app = open_stylize(run=str(work.run.id))
    assert bar(app) == (0, "Loading the network")
    work.begin()
    work.steps(1, 15, seconds=6)
    preview = work.picture(7)
    rerun(app)
    assert badge(app) == "running"
    value, text = bar(app)
    assert value == 25
    assert text == "Step 15 of 60 · 2.5 steps per second · about 18 seconds left"
    assert images(app)[-1] == preview
    assert captions(app)[-1] == "Step 15"
    assert charts[-1] == (list(range(1, 16)), False)
    assert "total 66.67 · improved 150.0 % · computed for 6.0 seconds" in said(app, "caption")
    assert app.code[-1].value.splitlines() == ["started at step 0", "step 15"]
    assert "Some CPU, 2 cores · weights: the file few.pth" in said(app, "caption")
    assert actions(app) == ["cancel", "fork_settings", "fork_image", "all_runs"]
    assert not app.download_button(key="set_save").disabled


def test_a_run_after_its_last_step_is_being_measured(lab: Lab, charts: Charts) -> None:
    run_id = lab.submit(steps=5)
    work = Working(lab)
    work.begin()
    work.steps(1, 5)
    assert bar(open_stylize(run=str(run_id))) == (100, "Measuring the result")


def test_each_tick_reads_on_and_follows_a_run_that_went_back(lab: Lab, charts: Charts) -> None:
    run_id = lab.submit(steps=60)
    work = Working(lab)
    work.begin()
    work.steps(1, 4)
    app = open_stylize(run=str(run_id))
    work.steps(5, 9)
    rerun(app)
    assert charts[-1][0] == list(range(1, 10))
    rerun(app)
    assert charts[-1][0] == list(range(1, 10))
    work.begin(0)  # after a death
    work.steps(1, 2)
    rerun(app)
    assert charts[-1][0] == [1, 2]
    assert bar(app)[1].startswith("Step 2 of 60")


def test_losses_of_one_run_are_not_those_of_another(lab: Lab, charts: Charts) -> None:
    first, second = lab.submit(steps=60), lab.submit(steps=60)
    for last in (4, 9):
        work = Working(lab)
        work.begin()
        work.steps(1, last)
        work.writer.end("done", "")
    app = open_stylize(run=str(first))
    for run_id in (first, second, first):
        app.query_params["run"] = str(run_id)
        rerun(app)
        expected = lab.store.losses(run_id)
        assert charts.losses.steps.tolist() == expected.steps.tolist()
        assert charts.losses.values.tolist() == expected.values.tolist()


def test_layers_can_be_shown_in_the_chart(lab: Lab, charts: Charts) -> None:
    run_id = lab.submit()
    work = Working(lab)
    work.begin()
    work.steps(1, 3)
    app = open_stylize(run=str(run_id))
    app.button_group(key="loss_view").set_value("Layers")
    rerun(app)
    assert charts[-1] == ([1, 2, 3], True)


def test_cancel_stops_after_the_step_in_progress(lab: Lab) -> None:
    run_id = lab.submit()
    work = Working(lab)
    work.begin()
    work.steps(1, 3)
    app = click(open_stylize(run=str(run_id)), f"cancel_{run_id}")
    assert lab.run(run_id).cancelling
    assert badge(app) == "stopping"
    assert bar(app)[1] == "Stopping after step 4"
    assert app.button(key=f"cancel_{run_id}").disabled
    work.writer.end("cancelled", "Cancelled at step 4 of 6. Resume goes on from there.")
    assert badge(rerun(app)) == "cancelled"
    assert "Cancelled at step 4 of 6. Resume goes on from there." in said(app, "info")


def test_run_that_is_deleted_while_it_is_watched_is_said_to_be_gone(lab: Lab) -> None:
    run_id = lab.submit()
    app = open_stylize(run=str(run_id))
    lab.queue.cancel(run_id)
    lab.store.delete_run(run_id)
    rerun(app)
    assert f"There is no run {run_id}; it was deleted" in said(app, "error")


def test_what_cannot_be_done_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(store: object, run_id: int) -> None:
        raise RunError(f"run {run_id} is done already; there is nothing to cancel")

    monkeypatch.setattr(runs, "cancel_run", too_late)
    run_id = lab.submit()
    app = click(open_stylize(run=str(run_id)), f"cancel_{run_id}")
    assert said(app, "error") == f"Run {run_id} is done already; there is nothing to cancel"
    assert badge(app) == "queued"


# The clock, which AppTest does not have: each of its runs draws the whole page


class Asked(Exception):  # noqa: N818
    """The whole page was asked to be drawn."""


@pytest.mark.parametrize("end", ["done", "deleted"])
def test_tick_that_sees_the_end_draws_the_whole_page(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    def ask(*, scope: str) -> None:
        raise Asked(scope)

    monkeypatch.setattr(st, "rerun", ask)
    run_id = lab.submit()
    lab.change(run_id, state="done")
    if end == "deleted":
        lab.store.delete_run(run_id)
    with pytest.raises(Asked, match="app"):
        live._view(lab.store, run_id, ("running", False), True)


def test_tick_that_sees_another_state_draws_the_whole_page(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*, scope: str) -> None:
        raise Asked(scope)

    monkeypatch.setattr(st, "rerun", ask)
    run_id = lab.submit()
    Working(lab).begin()
    with pytest.raises(Asked, match="app"):
        live._view(lab.store, run_id, ("queued", False), True)
    lab.queue.cancel(run_id)
    with pytest.raises(Asked, match="app"):
        live._view(lab.store, run_id, ("running", False), True)


def test_clock_goes_while_the_run_is_active(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float | None] = []

    def fragment(function: Any, *, run_every: float | None = None) -> Any:
        seen.append(run_every)
        return function

    monkeypatch.setattr(st, "fragment", fragment)
    run_id = lab.submit()
    app = open_stylize(run=str(run_id))
    lab.change(run_id, state="failed")
    rerun(app)
    assert seen == [1.0, None]
