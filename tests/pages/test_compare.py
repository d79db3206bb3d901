"""Compare as a person meets it: what is beside what, under which address, what is said of it."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from nst_core import (
    COLOR_METHODS,
    Side,
    color_difference,
    difference,
    encode_png,
    encode_preview,
    load_image,
    load_side,
    measure_picture,
    read_provenance,
)
from tests.lab import Lab, picture_bytes
from tests.pages.bench import (
    EVIL,
    click,
    download,
    drop,
    images,
    keys,
    markdown_of,
    open_page,
    read,
    rerun,
    said,
    visit,
)

COMPARE = "pages/3_Compare.py"


@pytest.fixture
def run_id(lab: Lab) -> int:
    """Return a run that is done, with two pictures."""
    run_id = lab.submit(outputs=2)
    lab.in_process()
    return run_id


def open_compare(**query: str) -> AppTest:
    return open_page(COMPARE, **query)


def address(app: AppTest) -> dict[str, str]:
    found = app.query_params.items()
    return {key: value if isinstance(value, str) else value[0] for key, value in found}


def box(app: AppTest, name: str) -> str:
    """Return what a select box shows, by its key without the generation."""
    (found,) = (b for b in app.selectbox if re.fullmatch(rf"{name}(_\d+)+", b.key or ""))
    shown = found.format_func(found.value) if found.value is not None else ""
    return str(shown)


def choose(app: AppTest, name: str, value: object) -> AppTest:
    (found,) = (b for b in app.selectbox if re.fullmatch(rf"{name}(_\d+)+", b.key or ""))
    if value is None:  # which AppTest takes for a box that is cleared
        found.select_index(0)
    else:
        found.select(value)
    return rerun(app)


def table(app: AppTest, row: str) -> pd.DataFrame:
    """Return the table that has a row of this name, as it is read."""
    for found in app.table:
        frame = found.value.rename(index=read).map(read)
        if row in frame.index:
            return frame
    raise AssertionError(f"no table has a row {row!r}")


def test_an_empty_bench_says_what_there_will_be(lab: Lab) -> None:
    app = open_compare()
    assert "Nothing to compare yet" in said(app)
    assert not app.selectbox


def test_the_default_pair_is_the_newest_run_raw_and_corrected(lab: Lab, run_id: int) -> None:
    second = lab.submit()
    lab.in_process()
    waiting = lab.submit()
    app = open_compare()
    assert address(app) == {"view": "side", "a": f"{second}", "b": f"{second}~luminance_yiq~100"}
    assert f"Run {second}" in box(app, "A_run")
    assert box(app, "A_method") == "Raw"
    assert box(app, "B_method") == "Luminance only (YIQ)"
    assert f"Run {waiting}" in " ".join(app.selectbox[0].options)


def test_an_address_is_shown_as_it_was(lab: Lab, run_id: int) -> None:
    steps = [item.step for item in lab.store.snapshots(run_id)]
    query = {"view": "wipe", "a": f"{run_id}.step-{steps[0]}~pca~35", "b": f"{run_id}.style-1"}
    app = open_compare(**query)
    assert address(app) == query
    assert box(app, f"A_picture_{run_id}") == f"step {steps[0]}"
    assert box(app, "A_method") == "Covariance match (PCA)"
    assert app.slider(key="A_percent_1").value == 35
    assert box(app, f"B_picture_{run_id}") == "style, style.png"


@pytest.mark.parametrize(("state", "written"), [("done", "1"), ("cancelled", "1.step-6")])
def test_a_step_stays_one_where_the_run_may_go_on(
    lab: Lab, run_id: int, state: str, written: str
) -> None:
    lab.change(run_id, state=state)
    app = open_compare(a=f"{run_id}.step-6", b=f"{run_id}.content")
    assert address(app)["a"] == written
    assert address(rerun(app))["a"] == written


def test_a_choice_is_written_into_the_address(lab: Lab, run_id: int) -> None:
    app = choose(open_compare(), "A_method", "histogram")
    app = choose(app, f"B_picture_{run_id}", "content")
    query = address(app)
    assert (query["a"], query["b"]) == (
        f"{run_id}~histogram~100",
        f"{run_id}.content~luminance_yiq~100",
    )
    again = open_compare(**query)
    assert address(again) == query
    assert box(again, "A_method") == "Histogram matching"


def test_swap_exchanges_the_sides(lab: Lab, run_id: int) -> None:
    app = open_compare(a=f"{run_id}.content", b=f"{run_id}~pca~40")
    click(app, "swap")
    assert address(app) == {"view": "side", "a": f"{run_id}~pca~40", "b": f"{run_id}.content"}
    assert box(app, "A_method") == "Covariance match (PCA)"


def test_the_choice_stays_while_other_pages_are_visited(lab: Lab, run_id: int) -> None:
    app = choose(open_compare(), "A_method", "cholesky")
    before = address(app)
    app.query_params.clear()
    visit(app, "pages/1_Stylize.py")
    app.query_params.clear()
    visit(app, COMPARE)
    assert address(app) == before
    assert box(app, "A_method") == "Covariance match (Cholesky)"


def test_swap_takes_what_was_chosen_last(lab: Lab, run_id: int) -> None:
    app = choose(open_compare(a=str(run_id), b=f"{run_id}.content"), "A_method", "histogram")
    click(app, "swap")
    assert address(app)["a"] == f"{run_id}.content"
    assert address(app)["b"] == f"{run_id}~histogram~100"


@pytest.mark.parametrize("button", ["swap", "lab_pca_B"])
def test_a_choice_and_a_button_at_once_are_both_taken(lab: Lab, run_id: int, button: str) -> None:
    app = open_compare(a=str(run_id), b=f"{run_id}.content")
    (method,) = (b for b in app.selectbox if re.fullmatch(r"A_method_\d+", b.key or ""))
    method.select("histogram")
    click(app, button)
    chosen = f"{run_id}~histogram~100"
    assert address(app)["b" if button == "swap" else "a"] == chosen
    assert address(app)["a" if button == "swap" else "b"] != chosen


def test_a_click_with_an_address_of_a_moment_ago_loses_nothing(lab: Lab, run_id: int) -> None:
    app = open_compare(a=str(run_id), b=f"{run_id}.content")
    before = address(app)
    choose(app, "A_method", "histogram")
    app.query_params.clear()
    app.query_params.update(before)  # the browser has not heard of the new one yet
    choose(app, "B_method", "pca")
    assert address(app) == {
        "view": "side",
        "a": f"{run_id}~histogram~100",
        "b": f"{run_id}.content~pca~100",
    }


def test_an_address_of_another_page_keeps_what_was_chosen(lab: Lab, run_id: int) -> None:
    app = choose(open_compare(), "A_method", "cholesky")
    before = address(app)
    app.query_params.clear()
    app.query_params["run"] = str(run_id)
    assert address(rerun(app)) == before
    assert box(app, "A_method") == "Covariance match (Cholesky)"


def test_the_page_runs_opens_after_compare(lab: Lab, run_id: int) -> None:
    app = open_compare()
    app.query_params.clear()
    visit(app, "pages/4_Runs.py")
    assert "compare" in keys(app)
    assert "swap" not in keys(app)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"a": "nonsense"}, "names no picture to compare"),
        ({"a": "77"}, "There is no run 77"),
        ({"a": "1.step-5"}, "no picture step-5"),
        ({"a": "1~sepia"}, "names no picture to compare"),
        ({"a": "1", "view": "sideways"}, "There is no view 'sideways'"),
        ({"runs": "1,x"}, "'x' is no run's number"),
        ({"runs": "1,2,3,4,5,6,7,8,9"}, "9 runs are too many side by side; choose 8"),
        ({"runs": "1,77,78"}, "There is no run 77"),
        ({"a": "1", "b": "1~pca~100~" + "0" * 64}, "is not in"),
    ],
)
def test_an_address_that_cannot_be_shown_says_why(
    lab: Lab, run_id: int, query: dict[str, str], words: str
) -> None:
    assert run_id == 1
    app = open_compare(**query)
    assert words in read(said(app, "error"))


def test_starting_over_leads_to_the_newest_run(lab: Lab, run_id: int) -> None:
    app = open_compare(a="77")
    click(app, "start_over")
    assert address(app)["a"] == str(run_id)
    assert not app.error


def test_a_run_that_was_deleted_meanwhile_is_said(lab: Lab, run_id: int) -> None:
    other = lab.submit()
    lab.in_process()
    app = open_compare(a=str(other), b=str(run_id))
    lab.store.delete_run(other)
    assert f"There is no run {other}" in read(said(rerun(app), "error"))
    click(app, "start_over")
    assert address(app)["a"] == str(run_id)


def test_only_settings_that_differ_are_listed(lab: Lab, run_id: int) -> None:
    other = lab.submit(outputs=2, beta=3e5)
    lab.in_process()
    app = open_compare(a=str(run_id), b=str(other))
    shown = table(app, "beta")
    assert list(shown.index) == ["beta"]
    assert shown.loc["beta"].tolist() == ["1e5", "3e5"]
    app.toggle(key="all_settings").set_value(True)
    everything = table(rerun(app), "beta")
    assert {"alpha", "steps", "content image", "style images"} <= set(everything.index)


def test_one_run_has_one_set_of_settings(lab: Lab, run_id: int) -> None:
    assert "One run, so one set of settings" in said(open_compare(a=str(run_id)))


def test_metrics_are_those_of_the_pictures_shown(lab: Lab, run_id: int) -> None:
    side = Side.parse(f"{run_id}~symmetric~60")
    app = open_compare(a=str(run_id), b=str(side))
    shown = table(app, "SSIM")
    run = lab.run(run_id)
    for column, found in (("A", Side(run_id)), ("B", side)):
        expected = measure_picture(lab.store, run, load_side(lab.store, found).picture)
        assert shown.loc["SSIM", column] == f"{expected.ssim:.3f}"
        assert shown.loc["Style distance", column] == f"{expected.style_distance:.2e}"
        assert shown.loc["Sharpness", column] == f"{expected.sharpness:.3f}"
    assert shown.loc["Steps", "A"] == str(run.step)
    assert "Wang et al. 2004" in shown.loc["SSIM"].iloc[-1]
    assert "conv2_1" in said(app, "caption")  # what the distances were taken from


def test_the_mean_of_the_difference_is_the_metric(lab: Lab, run_id: int) -> None:
    app = open_compare(view="difference", a=f"{run_id}.content", b=str(run_id))
    pictures = [load_side(lab.store, Side.parse(f"{run_id}{what}")).picture.pixels
                for what in (".content", "")]  # fmt: skip
    (shown,) = (item for item in app.metric if item.label == "Mean CIEDE2000")
    assert shown.value == f"{color_difference(*pictures):.2f}"
    measured = table(app, "Colour difference (ΔE00)")
    assert measured.loc["Colour difference (ΔE00)", "B"] == shown.value


def test_pictures_of_other_shapes_have_no_difference(lab: Lab) -> None:
    lab.style = lab.store.add_picture(picture_bytes(5, height=64, width=32), "tall.png")
    run_id = lab.submit()
    lab.in_process()
    app = open_compare(view="difference", a=f"{run_id}.style-1", b=str(run_id))
    assert "have different shapes" in read(said(app, "error"))
    assert table(app, "SSIM").loc["SSIM", "A"] == "-"


def test_the_lab_shows_every_method_and_puts_one_on_a_side(lab: Lab, run_id: int) -> None:
    app = open_compare(a=str(run_id), b=f"{run_id}.content")
    drawn = images(app)[-len(COLOR_METHODS) :]
    for method, data in zip(COLOR_METHODS, drawn, strict=True):
        treated = load_side(lab.store, Side(run_id).treated(method)).picture
        assert data == encode_preview(treated)
    assert len(set(drawn)) == len(COLOR_METHODS)
    app.slider(key="lab_percent").set_value(70)
    rerun(app)
    click(app, "lab_cholesky_B")
    assert address(app) == {"view": "side", "a": str(run_id), "b": f"{run_id}~cholesky~70"}
    assert app.slider(key="lab_percent").value == 70
    assert app.slider(key="B_percent_2").value == 70


def test_a_mask_that_is_dropped_in_treats_a_part(lab: Lab, run_id: int) -> None:
    app = open_compare(a=str(run_id))
    mask = load_image(picture_bytes(9)).pixels.mul(0)
    mask[..., :24] = 1  # the left half
    drop(app, "upload_lab", encode_png(mask), "left.png")
    digest = load_image(encode_png(mask)).sha256
    assert box(app, "lab_where") == "In left.png"  # at once
    click(app, "lab_histogram_B")
    assert address(app)["b"] == f"{run_id}~histogram~100~{digest}"
    raw = load_side(lab.store, Side(run_id)).picture.pixels
    masked = load_side(lab.store, Side.parse(address(app)["b"])).picture.pixels
    half = raw.shape[-1] // 2
    assert raw[..., half + 1 :].equal(masked[..., half + 1 :])
    assert not raw[..., :half].equal(masked[..., :half])


def test_a_mask_can_be_taken_off_and_put_on_again(lab: Lab, run_id: int) -> None:
    mask = lab.store.add_picture(picture_bytes(9), "mask.png").sha256
    app = open_compare(a=f"{run_id}~pca~100~{mask}", b=str(run_id))
    for ticked in (False, True):
        app.checkbox[0].set_value(ticked)
        rerun(app)
        assert address(app)["a"] == f"{run_id}~pca~100" + (f"~{mask}" if ticked else "")


def test_a_mask_that_does_not_fit_is_said_once(lab: Lab, run_id: int) -> None:
    app = open_compare(a=str(run_id), b=f"{run_id}.content")
    drop(app, "upload_lab", picture_bytes(9, height=48, width=48), "square.png")
    assert len(app.error) == 1
    assert "has another shape" in read(said(app, "error"))
    assert "lab_none_B" in keys(app)  # which needs no mask


def test_a_mask_that_is_no_picture_is_refused(lab: Lab, run_id: int) -> None:
    app = drop(open_compare(a=str(run_id)), "upload_lab", b"text", "mask.png")
    assert "mask.png" in read(said(app, "error"))


def test_the_grid_shows_up_to_eight_runs_in_one_treatment(lab: Lab, run_id: int) -> None:
    others = [lab.submit(beta=beta) for beta in (2e5, 3e5, 4e5)]
    lab.in_process()
    runs = [run_id, *others]
    app = open_compare(runs=",".join(map(str, runs)))
    assert address(app) == {"view": "grid", "runs": ",".join(map(str, runs))}
    for index, found in enumerate(runs):
        assert images(app)[index] == encode_preview(load_side(lab.store, Side(found)).picture)
    assert table(app, "beta").loc["beta"].tolist() == ["1e5", "2e5", "3e5", "4e5"]
    assert list(table(app, "SSIM").columns) == ["A", "B", "C", "D"]  # no room for more
    assert "Wang et al. 2004" in said(app, "markdown")
    choose(app, "grid_method", "luminance_lab")
    assert address(app)["colors"] == "luminance_lab~100"
    again = open_compare(**address(app))
    treated = load_side(lab.store, Side(run_id).treated("luminance_lab")).picture
    assert images(again)[0] == encode_preview(treated)
    click(again, "grid_B")
    assert address(again) == {"run": str(others[0])}


def test_a_pair_of_ticked_runs_opens_side_by_side(lab: Lab, run_id: int) -> None:
    other = lab.submit(beta=3e5)
    lab.in_process()
    query = address(open_compare(runs=f"{run_id},{other}"))
    assert query == {"view": "side", "a": str(run_id), "b": str(other)}


def test_a_file_name_cannot_draw_anything(lab: Lab) -> None:
    content = lab.store.add_picture(picture_bytes(3), EVIL)
    lab.submit(content)
    lab.submit(content, beta=2e5)
    lab.in_process()
    assert not markdown_of(open_compare(a="1.content", b="2"), EVIL)
    assert not markdown_of(open_compare(runs="1,2", view="grid"), EVIL)


def test_the_exports_hold_what_is_compared(lab: Lab, run_id: int) -> None:
    app = open_compare(a=str(run_id), b=f"{run_id}~pca~50")
    png = download(app, "export_png")
    assert (png.name, png.mime) == (f"comparison-{run_id}.png", "image/png")
    parts = read_provenance(png.data)["comparison"]
    assert [part["side"] for part in parts] == [str(run_id), f"{run_id}~pca~50"]
    report = download(app, "export_html")
    assert (report.name, report.mime) == (f"comparison-{run_id}.html", "text/html")
    text = report.data.decode()
    assert table(app, "SSIM").loc["SSIM", "B"] in text
    assert "Covariance match (PCA) 50 %" in text


def test_a_run_without_a_picture_can_be_looked_at(lab: Lab, run_id: int) -> None:
    waiting = lab.submit()
    app = choose(open_compare(), "A_run", waiting)
    assert box(app, f"A_picture_{waiting}") == "content, photo.png"
    assert address(app)["a"] == f"{waiting}.content"
    assert not app.error


def test_files_that_are_gone_are_said_and_the_rest_is_there(lab: Lab, run_id: int) -> None:
    snapshot = lab.store.snapshots(run_id)[-1]
    lab.store.files.remove(snapshot.sha256)
    app = open_compare(a=str(run_id), b=f"{run_id}.content")
    assert "is not in" in read(said(app, "error", "warning"))
    assert "swap" in keys(app)


def test_the_difference_of_equal_pictures_is_nothing(lab: Lab, run_id: int) -> None:
    picture = load_side(lab.store, Side(run_id)).picture
    assert difference(picture, picture).mean == 0
    app = open_compare(view="difference", a=str(run_id), b=str(run_id))
    (shown,) = (item for item in app.metric if item.label == "Mean CIEDE2000")
    assert shown.value == "0.00"


def test_the_scale_of_the_difference_is_in_the_address(lab: Lab, run_id: int) -> None:
    query = {"view": "difference", "a": str(run_id), "b": f"{run_id}.content"}
    app = choose(open_compare(**query), "white", 20.0)
    assert address(app) == {**query, "white": "20"}
    again = open_compare(**address(app))
    assert address(again) == address(app)
    assert box(again, "white") == "20"
    choose(again, "white", None)
    assert address(again) == query
