"""The page of a sweep: what it says of each state, and what its buttons do."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from nst_core import (
    Goal,
    RunError,
    StyleTransferConfig,
    SweepPlan,
    Sweeps,
    cancel_sweep,
    load_image,
    load_results,
    parse_axis,
    submit_sweep,
)
from tests.lab import SMALL, Lab, picture_bytes
from tests.pages.bench import (
    EVIL,
    bar,
    click,
    download,
    keys,
    markdown_of,
    open_page,
    read,
    rerun,
    said,
)
from tests.pages.working import Working

SWEEP = "pages/2_Sweep.py"
TWO = ("beta=1e3,1e6", "steps=3,5")


def submit(lab: Lab, *axes: str, pictures: Any = None, **plan: Any) -> int:
    """Queue a small sweep."""
    base = StyleTransferConfig(**SMALL | plan.pop("base", {}))
    made = SweepPlan(base, tuple(map(parse_axis, axes)), **plan)
    return submit_sweep(lab.store, made, lab.content, [lab.style], pictures=pictures)


def open_sweep(sweep_id: int | str) -> AppTest:
    return open_page(SWEEP, sweep=str(sweep_id))


def sheet(app: AppTest) -> dict[str, Any]:
    """Return what the contact sheet is given."""
    (found,) = (node for node in app._tree if node.type == "bidi_component")
    data: dict[str, Any] = json.loads(found.proto.json)
    return data


def tiles(app: AppTest) -> list[dict[str, Any]]:
    return [tile for row in sheet(app)["cells"] for tile in row if tile]


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def ids(lab: Lab, sweep_id: int) -> list[int]:
    return [run.entry.run.id for run in load_results(lab.store, sweep_id).runs]


def test_without_sweeps_there_is_the_builder_alone(lab: Lab) -> None:
    app = open_page(SWEEP)
    assert "sweep_start" in keys(app)
    assert "Latest sweeps" not in said(app)


def test_the_sheet_fills_as_runs_end(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    app = open_sweep(sweep_id)
    assert "Sweep 1: photo in style — beta x steps" in said(app)
    assert bar(app) == (0, "Starting: 0 of 4 done")
    data = sheet(app)
    assert (data["rows"], data["columns"]) == (["1000", "1e6"], ["3", "5"])
    assert (data["rowAxis"], data["columnAxis"]) == ("beta", "steps")
    assert [tile["words"] for tile in tiles(app)] == ["waits"] * 4

    working = Working(lab)
    working.begin()
    working.steps(1, 2)
    working.picture(3)
    rerun(app)
    first = tiles(app)[0]
    assert (first["words"], round(first["progress"], 3)) == ("step 2 of 3", 0.667)
    assert first["picture"] in sheet(app)["pictures"]
    assert bar(app)[1].startswith("Running: 0 of 4 done")
    working.execute()
    rerun(app)
    assert (tiles(app)[0]["state"], tiles(app)[0]["words"]) == ("done", "")

    lab.in_process()
    rerun(app)  # the live part sees the end, and the page is drawn anew
    assert bar(app) == (100, "Done: all 4 runs")
    assert [tile["run"] for tile in tiles(app)] == ids(lab, sweep_id)
    assert "resume_sweep" not in keys(app)
    assert "cancel_sweep" not in keys(app)


def test_numbers_stand_under_pictures_and_the_best_is_marked(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    app = open_sweep(sweep_id)
    app.selectbox(key=f"sweep_number_{sweep_id}").select("content")
    rerun(app)
    runs = load_results(lab.store, sweep_id).runs
    numbers = [run.numbers["content"] for run in runs]
    assert [tile["number"] for tile in tiles(app)] == [f"{number:.4g}" for number in numbers]
    best = numbers.index(min(numbers))
    assert [tile["mark"] for tile in tiles(app)] == ["best" if k == best else "" for k in range(4)]
    assert "★ best, the lowest" in said(app, "caption")


def test_a_loss_that_an_axis_weighs_has_no_best(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    app = open_sweep(sweep_id)
    assert app.selectbox(key=f"sweep_number_{sweep_id}").value == "style_distance"
    app.selectbox(key=f"sweep_number_{sweep_id}").select("total")
    rerun(app)
    assert {tile["mark"] for tile in tiles(app)} == {""}
    assert "weighted by beta itself" in said(app, "caption")
    assert "so nothing is marked as best" in said(app, "caption")


def test_another_axis_may_be_on_top(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    app = open_sweep(sweep_id)
    app.selectbox(key=f"sweep_columns_{sweep_id}").select("beta")
    rerun(app)
    data = sheet(app)
    assert (data["rows"], data["columns"]) == (["3", "5"], ["1000", "1e6"])
    assert [tile["title"] for tile in tiles(app)] == [
        "beta 1000, steps 3", "beta 1e6, steps 3", "beta 1000, steps 5", "beta 1e6, steps 5",
    ]  # fmt: skip


def test_replicates_show_a_mean_with_its_spread_and_noise_is_explained(lab: Lab) -> None:
    sweep_id = submit(
        lab,
        "beta=1e3,1001",
        replicates=2,
        base={"init": "noise", "steps": 2, "seed": 4, "optimizer": "adam"},
    )
    lab.in_process()
    app = open_sweep(sweep_id)
    app.selectbox(key=f"sweep_number_{sweep_id}").select("content")
    rerun(app)
    assert all("±" in tile["number"] for tile in tiles(app))
    assert sorted(tile["mark"] for tile in tiles(app)) == ["best", "noise"]
    assert "no further from the best than runs of one cell" in said(app, "caption")
    first = [tile["run"] for tile in tiles(app)]
    app.selectbox(key=f"sweep_replicate_{sweep_id}").select(1)
    rerun(app)
    assert [tile["run"] for tile in tiles(app)] == [run_id + 1 for run_id in first]


def test_pictures_are_sent_once_and_again_when_asked_for(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    app = open_sweep(sweep_id)
    pictures = sheet(app)["pictures"]
    assert set(pictures) == {tile["picture"] for tile in tiles(app)}
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures.values())
    rerun(app)
    assert sheet(app)["pictures"] == {}
    key = next(iter(pictures))
    app.session_state["sheet_sent"].discard(key)  # as the browser's question does
    rerun(app)
    assert sheet(app)["pictures"] == {key: pictures[key]}


def test_cancel_says_stopping_and_resume_brings_what_is_missing(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    working = Working(lab)
    working.begin()
    app = click(open_sweep(sweep_id), "cancel_sweep")
    assert "Stopping…" in labels(app)
    assert bar(app)[1] == "Stopping… · 0 of 4 done · 1 still at work"
    assert "resume_sweep" not in keys(app)
    stopped = ["cancelled at step 0"] * 3
    assert [tile["words"] for tile in tiles(app)] == ["stopping", *stopped]
    working.execute(stopping=True)
    rerun(app)
    lab.in_process()
    rerun(app)
    assert bar(app)[1] == "Cancelled: 0 of 4 done, 4 are missing"
    assert "Resume 4 missing runs" in labels(app)
    click(app, "resume_sweep")
    assert "cancel_sweep" in keys(app)
    lab.in_process()
    rerun(app)
    assert bar(app)[1] == "Done: all 4 runs"


def test_a_failed_cell_says_why_as_plain_text(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    first = ids(lab, sweep_id)[0]
    lab.change(first, state="failed", message=f"{EVIL} is broken")
    lab.in_process()
    app = open_sweep(sweep_id)
    assert tiles(app)[0]["words"] == f"failed: {EVIL} is broken"
    assert bar(app)[1] == "Stopped: 3 of 4 done, 1 is missing, 1 of them failed"
    assert "Resume 1 failed run" in labels(app)
    assert f"Beta 1000, steps 3: {EVIL} is broken" in said(app, "warning")
    assert markdown_of(app, EVIL) == []


def test_where_all_failed_it_is_an_error(lab: Lab) -> None:
    sweep_id = submit(lab, "steps=3,5")
    for run_id in ids(lab, sweep_id):
        lab.change(run_id, state="failed", message="the network is missing")
    app = open_sweep(sweep_id)
    assert bar(app)[1] == "Failed: all 2 runs"
    assert "Steps 3; steps 5: the network is missing" in said(app, "error")
    assert [tile["state"] for tile in tiles(app)] == ["failed", "failed"]


def test_an_interrupted_sweep_can_go_on(lab: Lab) -> None:
    sweep_id = submit(lab, "steps=3,5")
    for run_id in ids(lab, sweep_id):
        lab.change(run_id, state="interrupted", message="The server stopped")
    app = open_sweep(sweep_id)
    assert bar(app)[1] == "Stopped: 0 of 2 done, 2 are missing"
    click(app, "resume_sweep")
    lab.in_process()
    rerun(app)
    assert bar(app)[1] == "Done: all 2 runs"


def test_a_deleted_run_is_missing_and_comes_back(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    lab.store.delete_run(ids(lab, sweep_id)[1])
    app = open_sweep(sweep_id)
    assert [tile["words"] for tile in tiles(app)] == ["", "missing", "", ""]
    assert tiles(app)[1]["run"] is None
    click(app, "resume_sweep")
    lab.in_process()
    rerun(app)
    assert bar(app)[1] == "Done: all 4 runs"


def test_extend_says_what_it_adds_and_runs_that_alone(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    before = ids(lab, sweep_id)
    app = open_sweep(sweep_id)
    assert app.button(key="extend_go").disabled
    app.text_input(key="extend_beta").input("1e4, 1e5")
    rerun(app)
    assert "Adds 4 runs" in said(app, "caption")
    click(app, "extend_go")
    results = load_results(lab.store, sweep_id)
    assert results.planned == 8
    assert results.states == {"done": 4, "queued": 4}
    assert set(before) < set(ids(lab, sweep_id))
    assert sheet(app)["rows"] == ["1000", "1e6", "10000", "1e5"]


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("beta", "much", "'much' is no number"),
        ("steps", "7:1:linear:3", "the lower end first"),
        ("beta", "1:1e6:log:500", "This sweep has"),
    ],
)
def test_what_cannot_extend_it_is_one_line(lab: Lab, field: str, text: str, words: str) -> None:
    sweep_id = submit(lab, *TWO)
    app = open_sweep(sweep_id)
    app.text_input(key=f"extend_{field}").input(text)
    rerun(app)
    assert words in said(app, "error")
    assert len(app.error) == 1
    assert app.button(key="extend_go").disabled


def test_more_trials_go_on_where_a_sampler_stopped(lab: Lab) -> None:
    sweep_id = submit(lab, "beta=1e3:1e6:log", sampler="tpe", goals=(Goal("total"),), trials=2)
    lab.in_process()
    app = open_sweep(sweep_id)
    assert bar(app)[1] == "Done: all 2 runs"
    assert sheet(app)["isFlow"]
    assert "beta, 2 trials (TPE)" in said(app, "subheader")
    app.number_input(key=f"extend_trials_{sweep_id}").set_value(3)
    rerun(app)
    assert "Adds 1 run" in said(app, "caption")
    click(app, "extend_go")
    lab.in_process()
    rerun(app)
    assert bar(app)[1] == "Done: all 3 runs"


def test_between_two_trials_the_page_goes_on_watching(lab: Lab) -> None:
    """A sampler takes a moment to choose; the page must not take that for the end."""
    sweep_id = submit(lab, "beta=1e3:1e6:log", sampler="tpe", goals=(Goal("total"),), trials=2)
    (first,) = ids(lab, sweep_id)
    lab.change(first, state="done", ended_at=load_results(lab.store, sweep_id).sweep.created_at)
    app = open_sweep(sweep_id)
    assert bar(app)[1] == "Choosing the next trial: 1 of 2 done"
    assert "cancel_sweep" in keys(app)
    lab.change(first, ended_at=1.0)
    app = open_sweep(sweep_id)
    assert bar(app)[1] == "Stopped: 1 of 2 done, 1 is missing"
    assert "Resume 1 missing run" in labels(app)


def test_delete_asks_first_and_takes_the_runs_along(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    app = open_sweep(sweep_id)
    assert app.button(key="delete_sweep").disabled
    lab.in_process()
    app = click(open_sweep(sweep_id), "delete_sweep")
    assert "Its 4 runs go with it" in said(app)
    click(app, "delete_sweep", "delete_sweep_yes")
    with pytest.raises(RunError):
        Sweeps(lab.store).get(sweep_id)
    assert lab.store.count() == 0
    assert "sweep" not in app.query_params
    assert "sweep_start" in keys(app)


def test_another_sweep_begins_with_its_pictures_settings_and_axes(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO, base={"size": 48})
    app = click(open_sweep(sweep_id), "new_from_sweep")
    assert "sweep" not in app.query_params
    assert app.session_state["chosen"].content.name == "photo.png"
    assert "size 48 px" in said(app, "caption")
    assert [axis.name for axis in app.session_state["sweep_draft"].axes] == ["beta", "steps"]


def test_pictures_that_the_next_sweep_varies_outlive_a_sweep_that_is_deleted(lab: Lab) -> None:
    other = lab.store.add_picture(picture_bytes(3), "third.png")
    pictures = {"style": {"style.png": lab.style, "third.png": other}}
    sweep_id = submit(lab, "style=style.png,third.png", pictures=pictures)
    cancel_sweep(lab.store, sweep_id)
    app = click(open_sweep(sweep_id), "new_from_sweep")
    app.query_params["sweep"] = str(sweep_id)
    click(click(rerun(app), "delete_sweep"), "delete_sweep", "delete_sweep_yes")
    assert lab.store.count() == 0
    assert lab.store.picture(other.sha256).name == "third.png"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("77", "There is no sweep 77"),
        ("abc", "'abc' is no sweep's number"),
        ("1e3", "'1e3' is no sweep's number"),
        ("9" * 40, "is no sweep's number"),
        (EVIL, "is no sweep's number"),
    ],
)
def test_an_address_without_sweep_says_so_and_lists_them(lab: Lab, wanted: str, words: str) -> None:
    submit(lab, *TWO)
    app = open_sweep(wanted)
    assert words in said(app, "error")
    assert "Latest sweeps" in said(app)
    assert markdown_of(app, EVIL) == []
    click(app, "open_sweep_1")
    assert app.query_params["sweep"] == "1"
    assert "Sweep 1: photo in style" in said(app, "subheader")


def test_the_list_says_how_far_each_sweep_is(lab: Lab) -> None:
    submit(lab, "steps=3,5")
    lab.in_process()
    submit(lab, *TWO)
    said_now = said(open_page(SWEEP))
    assert "Sweep 1: steps" in said_now
    assert "photo in style · done: all 2 runs" in said_now
    assert "photo in style · waits: 0 of 4 done" in said_now


def test_the_csv_has_the_numbers_of_the_store(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    file = download(open_sweep(sweep_id), "sweep_csv")
    assert (file.name, file.mime) == ("sweep-1.csv", "text/csv")
    rows = list(csv.DictReader(io.StringIO(file.data.decode())))
    totals = [run.numbers["total"] for run in load_results(lab.store, sweep_id).runs]
    assert [float(row["total"]) for row in rows] == totals


def test_the_contact_sheet_comes_as_one_png(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    lab.in_process()
    file = download(open_sweep(sweep_id), "sweep_png")
    assert (file.name, file.mime) == ("sweep-1.png", "image/png")
    height, width = load_image(file.data).size
    assert width > 2 * 48
    assert height > 2 * 32


def test_the_plan_is_told(lab: Lab) -> None:
    sweep_id = submit(lab, "beta=1e3,1e6", replicates=2)
    app = open_sweep(sweep_id)
    app.session_state[f"sweep_tabs_{sweep_id}"] = "Plan"
    rerun(app)
    (table,) = app.table
    plan = {read(name): read(text) for name, text in table.value[""].items()}
    assert plan["varied: beta"] == "1000,1e6"
    assert plan["chosen by"] == "Grid: every combination"
    assert (plan["replicates"], plan["size"], plan["content"]) == ("2", "32", "photo.png")
    assert "Every seed gives the same picture" in said(app, "info")


@pytest.mark.parametrize("tab", ["Heat map", "Parallel coordinates", "Pareto front", "Table"])
@pytest.mark.parametrize("kind", ["grid", "tpe", "replicates"])
def test_every_tab_draws_every_kind_of_sweep(lab: Lab, tab: str, kind: str) -> None:
    if kind == "grid":
        sweep_id = submit(lab, *TWO)
    elif kind == "tpe":
        goals = (Goal("total"), Goal("content_distance"))
        sweep_id = submit(lab, "beta=1e3:1e6:log", sampler="tpe", goals=goals, trials=2)
    else:
        sweep_id = submit(lab, replicates=2, base={"init": "noise"})
    app = open_sweep(sweep_id)
    app.session_state[f"sweep_tabs_{sweep_id}"] = tab
    rerun(app)  # without any number yet
    lab.in_process()
    rerun(app)
    assert not app.error
    drawn = len(app.dataframe) if tab == "Table" else len(app.get("vega_lite_chart"))
    assert drawn == (0 if (kind, tab) == ("replicates", "Parallel coordinates") else 1)


def test_stylize_links_a_cell_to_its_sweep(lab: Lab) -> None:
    sweep_id = submit(lab, *TWO)
    run_id = ids(lab, sweep_id)[0]
    app = open_page("pages/1_Stylize.py", run=str(run_id))
    assert f"Run {run_id} is a cell of sweep {sweep_id}: beta 1000, steps 3" in said(app, "caption")
    (link,) = (node for node in app.get("page_link") if "sweep" in node.proto.query_string)
    assert link.proto.query_string == f"sweep={sweep_id}"
