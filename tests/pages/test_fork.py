"""What a person makes of a run anew, and how it goes."""

from __future__ import annotations

from sqlalchemy import delete

from nst_core import StyleTransferConfig, submit_run
from nst_core.store import tables as t
from tests.lab import SMALL, Lab
from tests.pages.bench import click, keys, open_stylize, popovers, rerun, said
from tests.pages.inputs import MASK, loaded, names, run_now, with_pictures


def test_fork_of_the_settings_puts_them_and_the_pictures_on_the_left(lab: Lab) -> None:
    run_id = lab.submit(steps=11)
    app = loaded(with_pictures(), steps=5)
    app.query_params["run"] = str(run_id)
    click(rerun(app), "fork_settings")
    assert names(app) == ["photo.png", "style.png"]
    assert app.number_input(key="set_steps").value == 11
    assert f"Forked from run {run_id}" in said(app, "caption")
    assert app.toast
    app.number_input(key="set_steps").set_value(12)
    child = lab.run(run_now(rerun(app), lab))
    assert (child.parent_id, child.config.steps) == (run_id, 12)
    assert child.content == lab.run(run_id).content
    assert "Forked" not in said(app, "caption")
    assert lab.run(run_now(app, lab)).parent_id is None
    click(app, "set_undo")
    assert app.number_input(key="set_steps").value == 5


def test_fork_can_be_undone(lab: Lab) -> None:
    run_id = lab.submit(steps=11)
    app = loaded(with_pictures(), steps=5)
    before = names(app)
    app.query_params["run"] = str(run_id)
    click(rerun(app), "fork_settings")
    assert names(app) != before
    click(app, "undo_fork")
    assert names(app) == before
    assert app.number_input(key="set_steps").value == 5
    assert "Forked" not in said(app, "caption")
    assert lab.run(run_now(app, lab)).parent_id is None


def test_fork_of_the_result_makes_it_the_content(lab: Lab) -> None:
    mask = lab.store.add_picture(MASK, "mask.png")
    config = StyleTransferConfig(**SMALL)
    run_id = submit_run(lab.store, config, lab.content, [lab.style], content_mask=mask)
    assert open_stylize(run=str(run_id)).button(key="fork_image").disabled
    lab.in_process()
    app = click(open_stylize(run=str(run_id)), "fork_image")
    assert names(app) == [f"run-{run_id}_step-6.png", "style.png"]
    assert "Mask ✓" not in popovers(app)
    child = lab.run(run_now(app, lab))
    assert child.parent_id == run_id
    assert child.content.sha256 == lab.store.snapshots(run_id)[-1].sha256


def test_fork_of_a_run_whose_pictures_are_gone_says_so(lab: Lab) -> None:
    run_id = lab.submit()
    app = open_stylize(run=str(run_id))
    with lab.store.database.write() as connection:
        connection.execute(delete(t.pictures))
    for file in (lab.folder / "files").rglob("*"):
        if file.is_file():
            file.unlink()
    click(app, "fork_settings")
    assert "any more" in said(app, "error")
    assert not app.toast


def test_delete_asks_first(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    app = click(open_stylize(run=str(run_id)), "delete")
    assert "This cannot be undone." in said(app)
    assert lab.store.count() == 1
    click(app, "delete", "delete_no")
    assert lab.store.count() == 1
    assert app.query_params == {"run": str(run_id)}
    click(app, "delete")
    click(app, "delete", "delete_yes")
    assert lab.store.count() == 0
    assert not app.query_params
    assert "What comes out appears here" in said(app)


def test_run_that_another_tab_deleted_is_said_to_be_gone(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    app = click(open_stylize(run=str(run_id)), "delete")
    lab.store.delete_run(run_id)
    click(app, "delete", "delete_yes")
    assert f"There is no run {run_id}; it was deleted" in said(app, "error")
    assert "What comes out appears here" in said(app)


def test_active_run_is_not_offered_for_deletion(lab: Lab) -> None:
    app = open_stylize(run=str(lab.submit()))
    assert "delete" not in keys(app)


def test_fork_of_a_result_that_another_tab_deleted_is_said(lab: Lab) -> None:
    run_id = lab.submit()
    lab.in_process()
    app = open_stylize(run=str(run_id))
    lab.store.delete_run(run_id)
    click(app, "fork_image")
    assert "any more" in said(app, "error") or "deleted" in said(app, "error")


def test_pictures_that_are_chosen_outlast_a_run_that_is_deleted(lab: Lab) -> None:
    app = loaded(with_pictures())
    run_id = run_now(app, lab)
    lab.in_process()
    click(rerun(app), "delete")
    click(app, "delete", "delete_yes")
    assert names(app) == ["mine.png", "style-0.png"]
    assert "not there any more" not in said(app)
    assert run_now(app, lab) > run_id
    lab.in_process()
    assert lab.store.runs(1)[0].state == "done"
