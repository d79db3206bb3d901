"""What a person sees and does with the pictures of the next run."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.lab import Lab, picture_bytes
from tests.pages.bench import (
    EVIL,
    STYLIZE,
    captions,
    click,
    drop,
    images,
    keys,
    markdown_of,
    open_stylize,
    popovers,
    read,
    rerun,
    said,
    visit,
)
from tests.pages.inputs import (
    LAKE,
    MASK,
    PHOTO,
    WAVES,
    blends,
    loaded,
    names,
    run_now,
    style_buttons,
    with_pictures,
)


def test_uploads_are_kept_at_once_and_shown_with_names_and_sizes(lab: Lab) -> None:
    app = with_pictures()
    assert names(app) == ["mine.png", "style-0.png"]
    assert "48 x 32 px" in said(app, "caption")
    assert "32 x 40 px" in said(app, "caption")
    kept = {picture.name: picture for picture in lab.store.pictures()}
    assert lab.store.read(kept["mine.png"].sha256) == PHOTO
    thumbnails = [lab.store.read(lab.store.picture(kept[name].sha256).thumbnail)
                  for name in names(app)]  # fmt: skip
    assert images(app) == thumbnails
    assert not app.button(key="run").disabled


def test_another_content_takes_the_place_of_the_first(lab: Lab) -> None:
    app = drop(with_pictures(), "upload_content", WAVES, "waves.png")
    assert names(app) == ["waves.png", "style-0.png"]


@pytest.mark.parametrize("slot", ["content", "style"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"just words", "not a picture"),
        (b"", "empty"),
        (PHOTO[: len(PHOTO) // 2], "cut short"),
        (picture_bytes(1, 8, 64), "16 px"),
    ],
)
def test_file_that_is_no_picture_is_refused_in_words(
    lab: Lab, slot: str, data: bytes, reason: str
) -> None:
    app = drop(open_stylize(), f"upload_{slot}", data, EVIL)
    (error,) = app.error
    assert EVIL in read(error.value)
    assert reason in error.value.replace("\\", "").lower(), error.value
    assert not markdown_of(app, EVIL)
    assert app.button(key="run").disabled
    drop(app, f"upload_{slot}", PHOTO, "good.png")
    assert not app.error
    assert names(app) == ["good.png"]


def test_names_are_text_wherever_they_stand(lab: Lab) -> None:
    app = open_stylize()
    drop(app, "upload_content", PHOTO, EVIL)
    drop(app, "upload_style", LAKE, EVIL)
    drop(app, "upload_content_mask", MASK, EVIL)
    assert names(app) == [EVIL, EVIL]
    assert EVIL in captions(app)
    assert not markdown_of(app, EVIL)
    loaded(app)
    run_id = run_now(app, lab)
    assert EVIL.removesuffix(".png") in said(app, "subheader")
    stem = EVIL.removesuffix(".png")
    assert not markdown_of(app, stem)
    lab.in_process()
    assert not markdown_of(rerun(app), stem)
    assert not markdown_of(click(app, "all_runs"), stem)
    for source in ("Earlier pictures", "Results of runs"):
        pick_from(app, "pick_style", source)
        assert app.button(key="take_0")
        assert not markdown_of(app, stem)
    waiting = run_now(rerun(app), lab)
    for page in (open_stylize(run=str(run_id)), open_stylize()):
        assert stem in read(page.button(key=f"open_{waiting}").label)
        assert not markdown_of(page, stem)


def test_pictures_outlast_a_visit_to_another_page(lab: Lab) -> None:
    app = with_pictures(LAKE, WAVES)
    first, second = blends(app)
    app.number_input(key=second).set_value(3.0)
    drop(app, "upload_content_mask", MASK, "mask.png")
    visit(app, "Home.py")
    visit(app, STYLIZE)
    assert names(app) == ["mine.png", "style-0.png", "style-1.png"]
    assert [app.number_input(key=key).value for key in (first, second)] == [1, 3]
    assert "mask.png" in captions(app)
    assert not app.button(key="run").disabled


# Masks


def test_masks_reach_the_run(lab: Lab) -> None:
    app = loaded(with_pictures(LAKE, WAVES))
    drop(app, "upload_content_mask", MASK, "inside.png")
    second = style_buttons(app, "remove_style_")[1].removeprefix("remove_")
    drop(app, f"upload_{second}_mask", picture_bytes(8, 36, 36), "part.png")
    assert popovers(app).count("Mask ✓") == 2
    run = lab.run(run_now(app, lab))
    masks = [item[:2] + item[3:] for item in run.inputs if "mask" in item.role]
    assert masks == [("content mask", 0, "inside.png"), ("style mask", 1, "part.png")]
    click(app, "content_unmask")
    click(app, f"{second}_unmask")
    assert not any("mask" in item.role for item in lab.run(run_now(app, lab)).inputs)


@pytest.mark.parametrize("slot", ["content", "style"])
def test_mask_of_another_size_is_refused_and_the_page_goes_on(lab: Lab, slot: str) -> None:
    app = loaded(with_pictures())
    remove = style_buttons(app, "remove_style_")[0]
    key = "content" if slot == "content" else remove.removeprefix("remove_")
    drop(app, f"upload_{key}_mask", WAVES, "odd.png")
    assert "dd.png: the mask is 36 x 36 px and its picture" in said(app, "error")
    assert "Mask ✓" not in popovers(app)
    assert not any("mask" in item.role for item in lab.run(run_now(app, lab)).inputs)


def test_another_content_drops_the_mask_of_the_first(lab: Lab) -> None:
    app = drop(with_pictures(), "upload_content_mask", MASK, "mask.png")
    assert "Mask ✓" in popovers(app)
    drop(app, "upload_content", PHOTO, "the same.png")
    assert "Mask ✓" in popovers(app)
    drop(app, "upload_content", WAVES, "other.png")
    assert "Mask ✓" not in popovers(app)


# The picker


def pick_from(app: AppTest, opener: str, source: str) -> AppTest:
    """Open the picker and turn to a source."""
    click(app, opener)
    app.button_group(key="pick_from").set_value(source)
    return click(app, opener)


def test_samples_can_be_chosen(lab: Lab) -> None:
    app = click(open_stylize(), "pick_content")
    labels = [read(app.button(key=key).label) for key in keys(app) if key.startswith("take_")]
    assert labels == ["astronaut", "cameraman", "cat", "coffee", "hubble deep field", "rocket"]
    click(app, "pick_content", "take_2")
    assert names(app) == ["cat.png"]
    click(app, "pick_style")
    click(app, "pick_style", "take_0")
    assert names(app) == ["cat.png", "alpine_engraving.jpg"]
    assert not app.button(key="run").disabled


def test_earlier_pictures_can_be_chosen(lab: Lab) -> None:
    app = pick_from(open_stylize(), "pick_content", "Earlier pictures")
    shown = [read(app.button(key=key).label) for key in keys(app) if key.startswith("take_")]
    assert shown == ["style.png", "photo.png"]  # the last chosen first
    click(app, "pick_content", "take_1")
    assert names(app) == ["photo.png"]
    assert [picture.name for picture in lab.store.pictures()] == ["photo.png", "style.png"]


def test_results_of_runs_can_be_chosen(lab: Lab) -> None:
    app = pick_from(open_stylize(), "pick_style", "Results of runs")
    assert "Nothing here yet" in said(app, "info")
    run_id = lab.submit()
    lab.in_process()
    pick_from(app, "pick_style", "Results of runs")
    assert f"Run {run_id}: photo in style" in read(app.button(key="take_0").label)
    click(app, "pick_style", "take_0")
    assert names(app) == [f"run-{run_id}_step-6.png"]
    result = lab.store.read(lab.store.snapshots(run_id)[-1].sha256)
    assert lab.store.read(lab.store.pictures(1)[0].sha256) == result


@pytest.mark.parametrize("source", ["Earlier pictures", "Results of runs"])
def test_picker_goes_on_where_a_file_is_gone(lab: Lab, source: str) -> None:
    lab.submit()
    lab.in_process()
    digests = {lab.content.thumbnail, lab.store.runs(1)[0].preview}
    for file in (lab.folder / "files").rglob("*"):
        if file.name in digests:
            file.unlink()
    pick_from(open_stylize(), "pick_content", source)
