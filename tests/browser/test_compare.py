"""Compare in a real browser: the viewer's pixels under mouse, keys and fingers; what is shared."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from nst_core import Picture, Side, color_difference, encode_png, load_side, submit_run
from nst_core.config import StyleTransferConfig
from tests.browser.server import PATIENCE, Server, Visitor
from tests.lab import SMALL, Lab
from tests.pages.bench import EVIL

expect.set_options(timeout=PATIENCE)
RED, BLUE = (200, 30, 40), (20, 60, 190)


class Exhibition(NamedTuple):
    """What there is to compare: a run that is done, and one whose pictures have one colour each."""

    lab: Lab
    done: int
    plain: int


@pytest.fixture(scope="module")
def exhibition(server: Server) -> Iterator[Exhibition]:
    with pytest.MonkeyPatch.context() as patch:
        lab = Lab(server.home)
        lab.enter(patch)
        done = lab.submit(size=96, outputs=2)
        lab.in_process()
        red, blue = (
            lab.store.add_picture(flat(color), name)
            for color, name in ((RED, EVIL), (BLUE, "blue.png"))
        )
        plain = submit_run(lab.store, StyleTransferConfig(**SMALL), red, [blue])
        lab.queue.cancel(plain)
        yield Exhibition(lab, done, plain)
        lab.store.close()


def flat(color: tuple[int, int, int], height: int = 200, width: int = 300) -> bytes:
    pixels = torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, height, width) / 255
    return encode_png(Picture(pixels.contiguous()))


def open_compare(visitor: Visitor, query: str) -> Page:
    page = visitor.open(f"/Compare?{query}")
    settle(page)
    return page


def settle(page: Page) -> None:
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def panes(page: Page) -> Locator:
    """Return the viewer's panes, once every picture is there."""
    expect(page.locator(".pane img").first).to_be_attached()
    for image in page.locator(".pane img").all():
        expect(image).to_have_js_property("complete", True)
    return page.locator(".pane")


def pixel(pane: Locator, share: float) -> tuple[int, ...]:
    """Return what a person sees at a share of a pane's width, at half of its height."""
    with Image.open(io.BytesIO(pane.screenshot())) as shot:
        found = shot.convert("RGB").getpixel((round(share * (shot.width - 1)), shot.height // 3))
        assert isinstance(found, tuple)
        return found


def is_color(found: tuple[int, ...], color: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= 3 for a, b in zip(found, color, strict=True))


def drag(page: Page, pane: Locator, start: float, end: float) -> None:
    box = pane.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], height, steps=5)
    page.mouse.up()


def test_one_run_is_shown_raw_and_corrected_at_first(
    visitor: Visitor, exhibition: Exhibition
) -> None:
    page = visitor.open("/Compare")
    page.wait_for_url("**/Compare?view=side&a=*")
    settle(page)
    expect(panes(page)).to_have_count(2)
    expect(page.locator(".tag.a")).to_have_text(re.compile(r"^ARun \d+ · step 6 · raw$"))
    expect(page.locator(".tag.b")).to_contain_text("Luminance only (YIQ)")
    assert visitor.context.pages[0].evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_wipe_follows_mouse_and_keys(visitor: Visitor, exhibition: Exhibition) -> None:
    run = exhibition.plain
    page = open_compare(visitor, f"view=wipe&a={run}.content&b={run}.style-1")
    pane = panes(page)
    assert is_color(pixel(pane, 0.3), RED)
    assert is_color(pixel(pane, 0.75), BLUE)
    drag(page, pane, 0.5, 0.8)
    assert is_color(pixel(pane, 0.75), RED)
    assert is_color(pixel(pane, 0.85), BLUE)
    slider = page.get_by_role("slider", name="Wipe between A and B")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowLeft")  # a percent each
    assert is_color(pixel(pane, 0.67), RED)
    assert is_color(pixel(pane, 0.73), BLUE)
    slider.press("End")
    assert is_color(pixel(pane, 0.97), RED)
    page.locator(".stage").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert is_color(pixel(pane, 0.97), BLUE)


def test_the_wipe_follows_a_finger(
    the_browser: Browser, server: Server, exhibition: Exhibition
) -> None:
    run = exhibition.plain
    visitor = Visitor(the_browser, server)
    visitor.context.close()
    context = the_browser.new_context(has_touch=True, viewport={"width": 800, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{server.url}/Compare?view=wipe&a={run}.content&b={run}.style-1")
    pane = panes(page)
    box = pane.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    assert is_color(pixel(pane, 0.1), RED)
    assert is_color(pixel(pane, 0.3), BLUE)
    context.close()


def test_both_sides_have_one_zoom(visitor: Visitor, exhibition: Exhibition) -> None:
    page = open_compare(visitor, f"a={exhibition.done}&b={exhibition.done}.content")
    panes(page)
    page.get_by_role("button", name="Larger (+)").click()
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    first, second = page.locator(".pane img").all()
    moved = first.evaluate("image => image.style.transform")
    assert re.fullmatch(r"translate\(-\d+(\.\d+)?%, -\d+(\.\d+)?%\) scale\(1\.5\)", moved)
    assert second.evaluate("image => image.style.transform") == moved
    page.keyboard.press("0")
    assert first.evaluate("image => image.style.transform") == "translate(0%, 0%) scale(1)"
    page.keyboard.press("1")
    expect(page.locator(".percent")).to_have_text("100 %")


def test_the_zoom_stays_over_views_and_reruns(visitor: Visitor, exhibition: Exhibition) -> None:
    page = open_compare(visitor, f"a={exhibition.done}&b={exhibition.done}.content")
    panes(page)
    page.get_by_role("button", name="Larger (+)").click()
    for view, mode in (("Wipe", "wipe"), ("Difference", "single"), ("Side by side", "side")):
        page.get_by_role("radio", name=view).click()
        expect(page.locator(".stage")).to_have_attribute("data-mode", mode)
        assert "scale(1.5)" in page.locator(".pane img").first.evaluate("i => i.style.transform")


def test_a_narrower_picture_hides_the_other_one(visitor: Visitor, exhibition: Exhibition) -> None:
    lab, _, plain = exhibition
    flat_green = flat((30, 160, 60), height=200, width=100)
    green = lab.store.add_picture(flat_green, "green.png")
    tall = submit_run(lab.store, StyleTransferConfig(**SMALL), green, [green])
    lab.queue.cancel(tall)
    page = open_compare(visitor, f"view=wipe&a={plain}.content&b={tall}.content")
    pane = panes(page)
    assert is_color(pixel(pane, 0.1), RED)
    assert is_color(pixel(pane, 0.55), (30, 160, 60))
    assert not is_color(pixel(pane, 0.95), RED)  # beside B, where B has nothing


def test_one_to_one_is_a_pixel_of_the_screen(
    the_browser: Browser, server: Server, exhibition: Exhibition
) -> None:
    context = the_browser.new_context(device_scale_factor=2)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{server.url}/Compare?a={exhibition.done}&b={exhibition.done}.content")
    first = panes(page).first
    page.locator(".stage").focus()
    page.keyboard.press("1")
    expect(page.locator(".percent")).to_have_text("100 %")
    image = first.locator("img")
    shown = image.evaluate("image => image.getBoundingClientRect().width")
    assert shown * 2 == pytest.approx(image.evaluate("image => image.naturalWidth"), abs=1)
    context.close()


def test_the_other_one_is_shown_while_nothing_blinks(
    the_browser: Browser, server: Server, exhibition: Exhibition
) -> None:
    run = exhibition.plain
    context = the_browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{server.url}/Compare?view=blink&a={run}.content&b={run}.style-1")
    pane = panes(page)
    expect(page.locator(".player")).to_have_text("Blink")
    assert is_color(pixel(pane, 0.5), RED)
    page.get_by_role("button", name="Show the other one (left and right)").click()
    assert is_color(pixel(pane, 0.5), BLUE)
    page.locator(".stage").focus()
    page.keyboard.press("ArrowLeft")
    assert is_color(pixel(pane, 0.5), RED)
    context.close()


def test_blinking_alternates_and_pauses(visitor: Visitor, exhibition: Exhibition) -> None:
    run = exhibition.plain
    page = open_compare(visitor, f"view=blink&a={run}.content&b={run}.style-1")
    pane = panes(page)
    expect(page.locator(".tag.b")).to_be_visible()
    expect(page.locator(".tag.a")).to_be_visible()
    page.get_by_role("button", name="Pause or go on (space)").click()
    is_b = page.locator(".tag.b").is_visible()
    assert is_color(pixel(pane, 0.5), BLUE if is_b else RED)
    expect(page.locator(".player")).to_have_text("Blink")


def test_the_mean_of_the_difference_is_the_metric(visitor: Visitor, exhibition: Exhibition) -> None:
    lab, run, _ = exhibition
    page = open_compare(visitor, f"view=difference&a={run}.content&b={run}~pca~100")
    pictures = [
        load_side(lab.store, Side.parse(text)).picture.pixels
        for text in (f"{run}.content", f"{run}~pca~100")
    ]
    mean = page.get_by_test_id("stMetricValue")
    expect(mean).to_have_text(f"{color_difference(*pictures):.2f}")
    row = page.get_by_role("row").filter(has_text="Colour difference")
    expect(row.get_by_role("cell").nth(1)).to_have_text(f"{color_difference(*pictures):.2f}")


def test_another_method_changes_the_picture_and_the_address(
    visitor: Visitor, exhibition: Exhibition
) -> None:
    run = exhibition.done
    page = open_compare(visitor, f"a={run}&b={run}~luminance_yiq~100")
    panes(page)
    before = page.locator(".pane img").last.get_attribute("src")
    page.locator("[class*=st-key-B_method_]").get_by_role("combobox").click()
    page.get_by_role("option", name="Histogram matching").click()
    expect(page.locator(".tag.b")).to_contain_text("Histogram matching")
    expect(page.locator(".pane img").last).not_to_have_attribute("src", before or "")
    page.wait_for_url(f"**/Compare?view=side&a={run}&b={run}~histogram~100")


def test_the_address_opens_the_same_comparison(visitor: Visitor, exhibition: Exhibition) -> None:
    run = exhibition.done
    page = open_compare(visitor, f"a={run}&b={run}.content")
    panes(page)
    page.locator(".st-key-lab_symmetric_B").get_by_role("button").click()
    page.wait_for_url(f"**b={run}~symmetric~100")
    expect(page.locator(".tag.b")).to_contain_text("Covariance match (symmetric)")
    page.get_by_role("radio", name="Wipe").click()
    page.wait_for_url("**view=wipe**")
    settle(page)
    panes(page)
    shown = [image.get_attribute("src") for image in page.locator(".pane img").all()]
    again = visitor.context.new_page()
    again.goto(page.url)
    settle(again)
    panes(again)
    assert [image.get_attribute("src") for image in again.locator(".pane img").all()] == shown
    assert again.url == page.url
    expect(again.get_by_role("slider", name="Wipe between A and B")).to_be_visible()


def test_the_report_opens_without_a_network(
    visitor: Visitor, the_browser: Browser, exhibition: Exhibition, tmp_path: Path
) -> None:
    page = open_compare(visitor, f"a={exhibition.done}&b={exhibition.plain}.content")
    with page.expect_download() as download:
        page.locator(".st-key-export_html").get_by_role("button").first.click()
    path = tmp_path / "report.html"
    download.value.save_as(path)
    context = the_browser.new_context(offline=True)
    requests: list[str] = []
    report = context.new_page()
    report.on("request", lambda request: requests.append(request.url))
    report.goto(path.as_uri())
    widths = report.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 2 + 2 + 4  # the pair, the wipe, the curves
    assert all(width > 0 for width in widths)
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    wiped = report.locator("#wipe img").last
    report.get_by_role("slider").fill("80")
    assert wiped.evaluate("image => image.style.clipPath") == "inset(0px 0px 0px 80%)"
    context.close()


def test_back_and_forward_lead_to_former_comparisons(
    visitor: Visitor, exhibition: Exhibition
) -> None:
    run = exhibition.done
    page = open_compare(visitor, f"view=side&a={run}&b={run}.content")
    panes(page)
    page.get_by_role("radio", name="Wipe").click()
    page.wait_for_url("**view=wipe**")
    page.locator(".st-key-lab_pca_B").get_by_role("button").click()
    page.wait_for_url(f"**b={run}~pca~100")
    for move, view, words in (
        (page.go_back, "Wipe", "content, photo.png"),
        (page.go_back, "Side by side", "content, photo.png"),
        (page.go_forward, "Wipe", "content, photo.png"),
        (page.go_forward, "Wipe", "Covariance match (PCA)"),
    ):
        move()
        expect(page.get_by_role("radio", name=view)).to_be_checked()
        expect(page.locator(".tag.b")).to_contain_text(words)


def test_quick_clicks_leave_page_and_address_agreed(
    visitor: Visitor, exhibition: Exhibition
) -> None:
    run = exhibition.done
    page = open_compare(visitor, f"view=side&a={run}&b={run}~pca~100")
    panes(page)
    percent = page.locator("[class*=st-key-B_percent_]").get_by_role("slider")
    for tries in range(1, 4):
        for view in ("Wipe", "Blink", "Side by side", "Wipe"):
            percent.press("ArrowLeft")
            page.get_by_role("radio", name=view).click()
        page.wait_for_url(f"**/Compare?view=wipe&a={run}&b={run}~pca~{100 - 4 * tries}")
        settle(page)
        expect(page.get_by_role("radio", name="Wipe")).to_be_checked()
        expect(page.locator(".stage")).to_have_attribute("data-mode", "wipe")
        expect(page.locator(".tag.b")).to_contain_text(f"{100 - 4 * tries} %")


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_stands_beyond_the_page(
    the_browser: Browser, server: Server, exhibition: Exhibition, width: int
) -> None:
    visitor = Visitor(the_browser, server, width)
    for query in (f"a={exhibition.done}&b={exhibition.plain}.content",
                  f"view=grid&runs={exhibition.done}"):  # fmt: skip
        page = open_compare(visitor, query)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    visitor.close()
