"""What a person sees and does in the history of runs."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from nst_core import History, Metrics, StyleTransferConfig
from pages._ui import history_view
from pages._ui.history_table import merged
from pages._ui.history_view import View, read_query, write_query
from tests.lab import Lab, picture_bytes
from tests.pages.bench import (
    EVIL,
    HOME,
    STYLIZE,
    badge,
    click,
    download,
    drop,
    images,
    keys,
    markdown_of,
    popovers,
    read,
    rerun,
    said,
    visit,
)

RUNS = "pages/4_Runs.py"
METRICS = Metrics(
    ssim=0.625,
    color_difference=12.0,
    style_distance=0.0035,
    content_distance=0.25,
    sharpness=0.1,
    colorfulness=40.0,
    network="few",
    network_sha256="a" * 64,
    style_layers=("conv1_1",),
    content_layers=("conv2_1",),
)


def open_runs(**query: Any) -> AppTest:
    """Open the page in a new tab."""
    app = AppTest.from_file(str(HOME), default_timeout=60)
    app.query_params.update(query)
    return visit(app, RUNS)


def ended(lab: Lab, count: int = 1, **changes: Any) -> list[int]:
    """Return runs that ended, without having been computed."""
    ids = [lab.submit(**changes) for _ in range(count)]
    for run_id in ids:
        lab.change(run_id, state="cancelled")
    return ids


def table(app: AppTest) -> pd.DataFrame:
    return app.dataframe[0].value


def shown(app: AppTest) -> list[int]:
    """Return the runs in the table, in order."""
    return table(app)["run"].tolist() if app.dataframe else []


def ticked(app: AppTest) -> list[int]:
    """Return the runs that are ticked in the table, as the browser draws it."""
    state = app.session_state[app.dataframe[0].key or ""]
    return [shown(app)[row] for row in state["selection"]["rows"]]


def tick(app: AppTest, ids: Iterable[int]) -> AppTest:
    """Tick exactly these rows of the table, as a hand does."""
    put_ticks(app, ids)
    return rerun(app)


def put_ticks(app: AppTest, ids: Iterable[int]) -> None:
    rows = [shown(app).index(run_id) for run_id in ids]
    selection = {"rows": rows, "columns": [], "cells": []}
    app.session_state[app.dataframe[0].key or ""] = {"selection": selection}


def field(app: AppTest, kind: str, label: str) -> Any:
    """Return the widget of a kind with a label."""
    (found,) = (widget for widget in getattr(app, kind) if widget.label == label)
    return found


def choose(app: AppTest, kind: str, label: str, value: Any) -> AppTest:
    field(app, kind, label).set_value(value)
    return rerun(app)


def delete(app: AppTest) -> AppTest:
    """Delete the ticked runs, and say yes."""
    click(app, "delete_runs")
    return click(app, "delete_runs", "delete_yes")


def notes(app: AppTest) -> Any:
    return field(app, "text_area", "Notes")


# What there is to see


def test_empty_store_says_how_to_begin(lab: Lab) -> None:
    app = open_runs()
    assert "No runs yet" in said(app)
    assert "Make the first one on Stylize" in [link.value for link in app.page_link]
    assert popovers(app) == ["Import"]
    assert not app.dataframe


def test_table_says_what_a_run_is_and_came_to(lab: Lab) -> None:
    run_id = lab.submit(alpha=2.0, beta=3.7e6, gamma=0.5)
    lab.in_process()
    last = lab.store.snapshots(run_id)[-1]
    history = History(lab.store)
    history.keep_metrics(run_id, last.step, METRICS)
    history.rate(run_id, 4)
    history.write_notes(run_id, "soft\nsky")
    app = open_runs()
    (row,) = table(app).to_dict("records")
    expected = {
        "run": run_id, "state": "done", "content": "photo.png", "style": "style.png",
        "rating": "★★★★", "notes": "soft sky", "steps": 6, "size": 32, "alpha": 2.0,
        "beta": 3.7e6, "gamma": 0.5, "style_distance": 0.0035, "content_distance": 0.25,
        "ssim": 0.625, "seconds": lab.run(run_id).seconds,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["created"].timestamp() == pytest.approx(lab.run(run_id).created_at, abs=1e-3)
    assert "1 to 1 of 1 runs" in said(app)


def test_waiting_run_is_shown_with_its_content_and_without_figures(lab: Lab) -> None:
    lab.submit()
    (row,) = table(open_runs()).to_dict("records")
    assert (row["state"], row["rating"], row["notes"]) == ("queued", "", "")
    assert all(pd.isna(row[name]) for name in ("style_distance", "ssim", "seconds"))
    picture = Image.open(io.BytesIO(base64.b64decode(row["picture"].partition("base64,")[2])))
    assert (picture.format, picture.size) == ("JPEG", (48, 32))


def test_thumbnail_is_the_preview_made_small(lab: Lab) -> None:
    (run_id,) = ended(lab)
    buffer = io.BytesIO()
    Image.new("RGB", (1024, 512), (250, 10, 10)).save(buffer, "JPEG")
    with lab.store.database.write() as connection:
        preview = lab.store.keep(connection, buffer.getvalue())
    lab.change(run_id, preview=preview)
    url = table(open_runs())["picture"][0]
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition("base64,")[2])))
    assert picture.size == (96, 48)
    pixel = picture.getpixel((40, 20))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 240
    assert max(pixel[1:]) < 20


def test_run_whose_files_are_gone_or_broken_is_listed_without_a_picture(lab: Lab) -> None:
    gone, broken = ended(lab, 2)
    with lab.store.database.write() as connection:
        no_picture = lab.store.keep(connection, b"no picture")
    lab.change(broken, preview=no_picture)
    (lab.folder / "files" / lab.content.thumbnail[:2] / lab.content.thumbnail).unlink()
    app = open_runs()
    assert shown(app) == [broken, gone]
    assert table(app)["picture"].isna().all()
    assert "not there any more" in said(tick(app, [gone]))


def test_evil_names_and_notes_are_text(lab: Lab) -> None:
    content = lab.store.add_picture(picture_bytes(3), EVIL)
    run_id = lab.submit(content)
    config = lab.run(run_id).config.changed(weights=EVIL)
    message = f"cannot read {EVIL}"
    lab.change(run_id, state="failed", message=message, config=config.model_dump_json())
    History(lab.store).write_notes(run_id, EVIL)
    app = tick(open_runs(content=EVIL, text=EVIL, state=EVIL), [run_id])
    assert table(app)["content"].tolist() == [EVIL]
    assert notes(app).value == EVIL
    assert f"annot read {EVIL}" in said(app)
    assert f"weights: **{EVIL}**" in said(app)
    click(app, "delete_runs")
    drawn_as_text = ("dataframe", "selectbox", "text_area")
    assert [found for found in markdown_of(app, EVIL)
            if not found.startswith(drawn_as_text)] == []  # fmt: skip


# Pages, order and filters


def test_fifty_runs_a_page(lab: Lab) -> None:
    ids = ended(lab, 103)[::-1]
    app = open_runs()
    assert shown(app) == ids[:50]
    assert "1 to 50 of 103 runs" in said(app)
    app.pagination[0].set_value(3)
    rerun(app)
    assert shown(app) == ids[100:]
    assert "101 to 103 of 103 runs" in said(app)
    assert app.query_params["page"] == "3"
    assert shown(open_runs(page="3")) == ids[100:]
    assert shown(open_runs(page="99")) == ids[100:]
    choose(app, "selectbox", "Sort by", "oldest")
    assert shown(app) == ids[::-1][:50]
    assert "page" not in app.query_params


def test_filters_are_in_the_address_and_come_back_with_it(lab: Lab) -> None:
    first, second, third = ended(lab, 3)
    lab.change(first, state="done", notes="soft SKY", rating=4)
    lab.change(second, rating=2)
    app = open_runs()
    choose(app, "multiselect", "State", ["done"])
    choose(app, "text_input", "Search", " sky ")
    choose(app, "selectbox", "Content", "photo.png")
    choose(app, "selectbox", "Style", "style.png")
    choose(app, "selectbox", "Rating", 3)
    choose(app, "selectbox", "Setting", "beta")
    choose(app, "text_input", "At least", "1e4")
    choose(app, "text_input", "At most", "2e5")
    assert shown(app) == [first]
    asked = {name: app.query_params[name] for name in app.query_params}
    assert asked == {
        "text": "sky", "state": "done", "content": "photo.png", "style": "style.png",
        "stars": "3", "setting": "beta", "low": "10000", "high": "2e5",
    }  # fmt: skip
    again = open_runs(**asked)
    assert shown(again) == [first]
    assert field(again, "text_input", "Search").value == "sky"
    assert field(again, "multiselect", "State").value == ["done"]
    assert "only rated ★★★ or better, only beta at least 10000, only beta at most 2e5" in said(
        again
    )
    assert not again.warning
    click(again, "clear")
    assert shown(again) == [third, second, first]
    assert not again.query_params
    assert field(again, "text_input", "Search").value == ""
    assert "clear" not in keys(again)


def test_filters_stay_over_other_pages_and_follow_a_new_address(lab: Lab) -> None:
    first, second = ended(lab, 2)
    lab.change(first, state="failed")
    app = choose(open_runs(), "multiselect", "State", ["failed"])
    visit(app, "Home.py")
    app.query_params.clear()
    visit(app, RUNS)
    assert shown(app) == [first]
    assert app.query_params["state"] == "failed"
    app.query_params["state"] = ["cancelled"]  # as by the browser's Back
    assert shown(rerun(app)) == [second]
    assert field(app, "multiselect", "State").value == ["cancelled"]
    app.query_params.clear()
    assert shown(rerun(app)) == [second, first]


def test_dates_are_the_browsers_days(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    before, within, after = ended(lab, 3)
    for run_id, at in ((before, 1790002799.0), (within, 1790002800.0), (after, 1790089200.0)):
        lab.change(run_id, created_at=at)  # midnight in Tokyo is 1790002800, 2026-09-22
    from zoneinfo import ZoneInfo

    monkeypatch.setattr(history_view, "zone", lambda: ZoneInfo("Asia/Tokyo"))
    assert shown(open_runs(**{"from": "2026-09-22"})) == [after, within]
    assert shown(open_runs(to="2026-09-22")) == [within, before]
    assert shown(open_runs(**{"from": "2026-09-22", "to": "2026-09-22"})) == [within]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"state": "gone"}, "state 'gone': it is one of queued, running"),
        ({"sort": "best"}, "sort 'best': it is one of newest, oldest"),
        ({"stars": "6"}, "stars '6': it is 1 to 5"),
        ({"stars": "²"}, "stars '²': it is 1 to 5"),
        ({"from": "yesterday"}, "from 'yesterday': a day is written as 2026-01-31"),
        ({"to": "0001-01-01"}, "a day is written as"),
        ({"setting": "pooling"}, "setting 'pooling': it is one of alpha, beta"),
        ({"setting": "beta", "low": "many"}, "low 'many': 'many' is no number"),
        ({"setting": "beta", "high": "nan"}, "'nan' is no number"),
        ({"setting": "beta", "high": "1" * 400}, "is no number"),
        ({"page": "-1"}, "page '-1': it is 1 to"),
        ({"page": "9" * 5000}, "it is 1 to"),
        ({"state": EVIL}, EVIL[:40]),
    ],
)
def test_bad_address_is_said_and_left_out(lab: Lab, query: dict[str, str], words: str) -> None:
    (run_id,) = ended(lab)
    app = open_runs(**query)
    assert words in said(app, "warning")
    assert not markdown_of(app, EVIL)
    assert shown(app) == [run_id]
    choose(app, "selectbox", "Sort by", "oldest")
    assert not app.warning


def test_number_that_is_none_is_said_beside_its_field(lab: Lab) -> None:
    (run_id,) = ended(lab)
    app = choose(open_runs(), "selectbox", "Setting", "seed")
    choose(app, "text_input", "At least", "![x](http://a)")
    assert "is no number; write it as 0.5 or 1e8" in said(app, "caption")
    assert not markdown_of(app, "![x](http://a)")
    assert shown(app) == [run_id]


def test_view_is_written_and_read_back() -> None:
    view = View(
        text="a&b=c %_", states=("done", "failed"), content="", style="é.png", order="ssim",
        stars=2, setting="seed", low=2**63 - 1, high=1e-5, page=3,
    )  # fmt: skip
    assert read_query(write_query(view)) == (view, [])
    assert write_query(View()) == {}


def test_no_match_says_so_and_offers_all(lab: Lab) -> None:
    (run_id,) = ended(lab)
    app = open_runs(text="nowhere")
    assert "No run is like this" in said(app, "info")
    assert shown(click(app, "clear")) == [run_id]


# Ticks


@pytest.mark.parametrize(
    ("kept", "rows", "expected"),
    [
        ([], [], []),
        ([], [2, 0], [5, 7]),
        ([7], [0, 2], [7, 5]),
        ([9, 7], [], [9]),
        ([9, 6], [1], [9, 6]),
        ([9], [0, 8], [9, 5]),
    ],
)
def test_ticks_of_a_table_are_merged(kept: list[int], rows: list[int], expected: list[int]) -> None:
    assert merged(kept, [5, 6, 7], rows) == expected


def test_ticks_survive_paging_filters_and_other_pages(lab: Lab) -> None:
    ids = ended(lab, 60)[::-1]
    lab.change(ids[3], state="done")
    app = tick(open_runs(), [ids[3], ids[1]])
    app.pagination[0].set_value(2)
    rerun(app)
    assert "**2 ticked**, 2 not on this page" in said(app)
    assert ticked(app) == []
    tick(app, [ids[55]])
    assert "**3 ticked**, 2 not on this page" in said(app)
    choose(app, "multiselect", "State", ["done"])
    assert ticked(app) == [ids[3]]
    tick(app, [])
    click(app, "clear")
    assert ticked(app) == [ids[1]]
    visit(app, "Home.py")
    app.query_params.clear()
    visit(app, RUNS)
    assert ticked(app) == [ids[1]]
    assert "**2 ticked**, 1 not on this page" in said(app)
    click(app, "untick")
    assert ticked(app) == []
    assert "Nothing ticked" in said(app)


def test_tick_stays_with_its_run_when_rows_move(lab: Lab) -> None:
    first, second = ended(lab, 2)
    app = tick(open_runs(), [first])
    (third,) = ended(lab)
    rerun(app)
    assert shown(app) == [third, second, first]
    assert ticked(app) == [first]
    lab.store.delete_run(second)
    assert ticked(rerun(app)) == [first]
    lab.store.delete_run(first)
    assert "Nothing ticked" in said(rerun(app))
    assert ticked(app) == []


# Actions


def test_actions_ask_for_ticks(lab: Lab) -> None:
    ids = ended(lab, 10)[::-1]
    app = open_runs()

    def possible() -> set[str]:
        buttons = {"open", "compare", "fork_run", "delete_runs"} & set(keys(app))
        found = {key for key in buttons if not app.button(key=key).disabled}
        proto: Any = app.download_button(key="export_runs").proto
        return found if proto.disabled else found | {"export"}

    assert possible() == set()
    tick(app, ids[:1])
    assert possible() == {"open", "compare", "fork_run", "delete_runs", "export"}
    tick(app, ids[:8])
    assert possible() == {"compare", "delete_runs", "export"}
    tick(app, ids[:9])
    assert possible() == {"delete_runs", "export"}
    lab.change(ids[0], state="running")
    rerun(app)
    assert possible() == {"delete_runs"}
    assert f"Run {ids[0]} is still at work" in app.download_button(key="export_runs").proto.help


def test_open_goes_to_the_run(lab: Lab) -> None:
    first, _ = ended(lab, 2)
    app = click(tick(open_runs(), [first]), "open")
    assert app.query_params == {"run": str(first)}
    assert badge(app) == "cancelled"


def test_compare_names_the_ticked_in_the_order_of_their_ticks(lab: Lab) -> None:
    first, second, third = ended(lab, 3)
    app = tick(tick(open_runs(), [first]), [third, first])
    app.button(key="compare").click()
    app.run()
    assert app.query_params["runs"] == f"{first},{third}"
    assert str(second) not in app.query_params["runs"]


def test_fork_puts_pictures_and_settings_into_the_next_run(lab: Lab) -> None:
    first, _ = [*ended(lab, beta=3.7e6), *ended(lab)]
    app = click(tick(open_runs(), [first]), "fork_run")
    assert f"Forked from run {first}" in said(app)
    assert {"photo.png", "style.png"} <= {text.value for text in app.text}
    click(app, "run")
    run = lab.store.runs(1)[0]
    assert (run.parent_id, run.config) == (first, lab.run(first).config)


def test_fork_of_a_run_whose_pictures_are_gone_says_so(lab: Lab) -> None:
    (run_id,) = ended(lab)
    app = tick(open_runs(), [run_id])
    with lab.store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM pictures")
    (lab.folder / "files" / lab.content.sha256[:2] / lab.content.sha256).unlink()
    click(app, "fork_run")
    assert "is not in" in said(app, "error")
    assert shown(app) == [run_id]


def test_delete_asks_and_deletes_the_ticked_alone(lab: Lab) -> None:
    first, second, third, fourth = ended(lab, 4)
    app = tick(open_runs(), [first, third])
    click(app, "delete_runs")
    words = said(app)
    assert "2 runs go with them: Run" in words
    assert f"Run {first}: photo in style" in words
    assert f"Run {third}: photo in style" in words
    click(app, "delete_runs", "delete_no")
    assert lab.store.count() == 4
    (newer,) = ended(lab)  # rows move before the answer
    delete(app)
    assert shown(app) == [newer, fourth, second]
    assert "Nothing ticked" in said(app)
    assert [run.id for run in lab.store.runs()] == [newer, fourth, second]


def test_delete_leaves_active_runs_and_says_so(lab: Lab) -> None:
    (done,) = ended(lab)
    waiting = lab.submit()
    app = tick(open_runs(), [waiting])
    click(app, "delete_runs")
    assert f"Run {waiting}: photo in style: still at work, and will stay" in said(app, "warning")
    assert "delete_yes" not in keys(app)
    delete(tick(app, [waiting, done]))
    assert shown(app) == [waiting]
    assert ticked(app) == [waiting]


def test_delete_of_a_run_that_began_again_meanwhile_is_refused(lab: Lab) -> None:
    first, second = ended(lab, 2)
    app = tick(open_runs(), [first, second])
    click(app, "delete_runs")
    app.button(key="delete_runs").click()
    app.button(key="delete_yes").click()
    lab.queue.resume(second)
    rerun(app)
    assert [run.id for run in lab.store.runs()] == [second]
    assert lab.run(second).state == "queued"


def test_delete_keeps_pictures_chosen_for_the_next_run(lab: Lab) -> None:
    first, second = ended(lab, 2)
    app = click(tick(open_runs(), [first]), "fork_run")
    visit(app, RUNS)
    delete(tick(app, [first, second]))
    assert lab.store.count() == 0
    visit(app, STYLIZE)
    assert not app.button(key="run").disabled
    assert lab.store.read(lab.content.sha256)


def test_deletion_clears_neither_filters_nor_order(lab: Lab) -> None:
    first, second = ended(lab, 2)
    app = delete(tick(open_runs(state="cancelled", sort="oldest"), [first]))
    assert shown(app) == [second]
    assert app.query_params == {"state": "cancelled", "sort": "oldest"}


def test_export_and_import_bring_back_a_run(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    History(lab.store).write_notes(run_id, "keep me")
    before = lab.run(run_id)
    app = tick(open_runs(), [run_id])
    file = download(app, "export_runs")
    assert file[:2] == (f"run-{run_id}.zip", "application/zip")
    drop(app, "runs_file", file.data, "archive.zip")
    (run, _) = lab.store.runs()
    assert shown(app) == [run.id, run_id]
    assert "Imported 1 run" in [item.value for item in app.success]
    assert f"Run {run.id}" in [link.value for link in app.page_link]
    assert (run.notes, run.created_at, run.config) == ("keep me", before.created_at, before.config)
    assert lab.store.count() == 2  # the file was taken once
    click(app, "dismiss_import")
    assert not app.success


def test_import_of_something_else_is_said_in_words(lab: Lab) -> None:
    app = drop(open_runs(), "runs_file", b"no archive", f"{EVIL}.zip")
    (error,) = app.error
    assert "archive" in error.value.lower() or "zip" in error.value.lower()
    assert not markdown_of(app, EVIL)
    assert "No runs yet" in said(app)
    assert not click(app, "dismiss_import").error


# Stars and notes


def test_rating_and_notes_are_kept_and_seen_in_a_new_session(lab: Lab) -> None:
    first, second = ended(lab, 2)
    app = tick(open_runs(), [first])
    app.feedback[0].set_value(3)
    rerun(app)
    assert table(app)["rating"].tolist() == ["", "★★★★"]
    notes(app).set_value("soft sky\n*keep*")
    rerun(app)
    assert table(app)["notes"].tolist() == ["", "soft sky *keep*"]
    assert (lab.run(first).rating, lab.run(first).notes) == (4, "soft sky\n*keep*")
    assert (lab.run(second).rating, lab.run(second).notes) == (None, "")
    again = tick(open_runs(), [first])
    assert (again.feedback[0].value, notes(again).value) == (3, "soft sky\n*keep*")
    again.feedback[0].set_value(None)
    rerun(again)
    assert lab.run(first).rating is None
    assert notes(again).value == "soft sky\n*keep*"


def test_saving_keeps_the_widget_in_which_a_person_may_type_on(lab: Lab) -> None:
    ids = ended(lab)
    app = tick(open_runs(), ids)
    before = notes(app).key
    notes(app).set_value("one")
    assert notes(rerun(app)).key == before
    app.feedback[0].set_value(1)
    assert notes(rerun(app)).key == before


def test_what_another_window_wrote_is_shown(lab: Lab) -> None:
    (run_id,) = ended(lab)
    app = tick(open_runs(), [run_id])
    History(lab.store).write_notes(run_id, "from elsewhere")
    History(lab.store).rate(run_id, 5)
    rerun(app)
    assert (notes(app).value, app.feedback[0].value) == ("from elsewhere", 4)
    assert lab.run(run_id).notes == "from elsewhere"
    assert "another window" not in said(app)


def test_two_windows_at_once_lose_no_words(lab: Lab) -> None:
    (run_id,) = ended(lab)
    app = tick(open_runs(), [run_id])
    History(lab.store).write_notes(run_id, f"theirs {EVIL}")
    notes(app).set_value("mine")
    rerun(app)
    assert lab.run(run_id).notes == notes(app).value == "mine"
    assert f"theirs {EVIL}" in said(app, "text")
    click(app, "dismiss_overwritten")
    assert "theirs" not in said(app, "text")


def test_notes_are_kept_when_another_row_is_ticked_with_the_same_click(lab: Lab) -> None:
    first, second = ended(lab, 2)
    app = tick(open_runs(), [first])
    notes(app).set_value("last words")
    tick(app, [second])
    assert (lab.run(first).notes, lab.run(second).notes) == ("last words", "")
    assert notes(app).value == ""
    assert notes(tick(app, [first])).value == "last words"


def test_opinion_of_a_run_that_was_deleted_is_said(lab: Lab) -> None:
    first, _ = ended(lab, 2)
    app = tick(open_runs(), [first])
    lab.store.delete_run(first)
    notes(app).set_value("too late")
    rerun(app)
    assert f"here is no run {first}" in said(app, "error")


# One run


def test_detail_says_what_was_set_and_measured(lab: Lab) -> None:
    run_id = lab.submit(pooling="max")
    lab.in_process()
    last = lab.store.snapshots(run_id)[-1]
    History(lab.store).keep_metrics(run_id, last.step, METRICS)
    app = tick(open_runs(), [run_id])
    words = read(said(app, "markdown"))
    assert f"Run {run_id}: photo in style" in words
    assert badge(app) == "done"
    assert "pooling: **max**" in words
    assert "beta: **1e5**" in words.replace("100000", "1e5")
    assert "gamma" not in words
    assert StyleTransferConfig().gamma == lab.run(run_id).config.gamma
    assert "SSIM: **0.625**" in words
    assert "Measured by: **few**" in words
    preview = lab.run(run_id).preview
    assert preview is not None
    assert lab.store.read(preview) in images(app)


def test_ticked_run_that_is_filtered_out_is_still_shown(lab: Lab) -> None:
    first, second = ended(lab, 2)
    lab.change(first, state="done")
    app = tick(open_runs(), [first])
    choose(app, "multiselect", "State", ["cancelled"])
    assert shown(app) == [second]
    assert "**1 ticked**, 1 not on this page" in said(app)
    assert f"Run {first}: photo in style" in read(said(app, "markdown"))
