"""What a person does in the history of runs, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from nst_core import History
from tests.browser.server import PATIENCE, Server, Visitor
from tests.lab import Lab, picture_bytes, until
from tests.pages.bench import EVIL

expect.set_options(timeout=PATIENCE)
HEAD, ROW = 36, 56  # px


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    """Return the store that the server uses, with 60 runs that ended."""
    lab = Lab(server.home)
    for _ in range(60):
        lab.change(lab.submit(), state="cancelled")
    yield lab
    lab.store.close()


def table(page: Page) -> tuple[float, float]:
    """Return the upper left corner of the table, once it is drawn."""
    settle(page)
    canvas = page.locator("[class*=st-key-runs_table_] canvas").first
    canvas.wait_for()
    box = canvas.bounding_box()
    assert box is not None
    return box["x"], box["y"]


def press(page: Page, key: str) -> None:
    """Press the button with a key; one that is being replaced is there twice for a moment."""
    page.locator(f".st-key-{key}").last.get_by_role("button").click()


def search(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Search")


def settle(page: Page) -> None:
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def tick(page: Page, row: int) -> None:
    """Click the box at the left of a row."""
    x, y = table(page)
    page.mouse.click(x + 16, y + HEAD + ROW * row + ROW / 2)


def see(page: Page, words: str) -> None:
    expect(page.get_by_text(words, exact=True).first).to_be_visible()


def open_table(visitor: Visitor, query: str = "") -> Page:
    page = visitor.open(f"/Runs{query}")
    table(page)
    return page


def test_ticks_follow_their_runs_over_pages_and_sorting(visitor: Visitor, lab: Lab) -> None:
    ids = [run.id for run in lab.store.runs(60)]
    page = open_table(visitor)
    tick(page, 1)
    see(page, f"Run {ids[1]}: photo in style")
    tick(page, 3)
    see(page, "2 ticked")
    page.get_by_label("Page 2", exact=True).click()
    see(page, "51 to 60 of 60 runs")
    see(page, "2 ticked")
    tick(page, 0)
    see(page, "3 ticked")
    page.get_by_label("Page 1", exact=True).click()
    see(page, "1 to 50 of 60 runs")
    tick(page, 1)  # takes the tick away: it was drawn as ticked
    see(page, "2 ticked")
    x, y = table(page)
    page.mouse.click(x + 132, y + HEAD / 2)  # sorts this page by number, upwards
    expect(page.get_by_test_id("glide-cell-2-0").last).to_have_text(str(ids[49]))
    tick(page, 0)
    see(page, "3 ticked")
    with page.expect_navigation(url="**/Compare?runs=*"):
        press(page, "compare")
    asked = page.url.rpartition("=")[2].replace("%2C", ",")
    assert asked == f"{ids[3]},{ids[50]},{ids[49]}"


def test_untick_all_and_coming_back(visitor: Visitor, lab: Lab) -> None:
    page = open_table(visitor)
    tick(page, 2)
    see(page, "1 ticked")
    page.get_by_role("link", name="Home", exact=True).click()
    see(page, "Latest runs")
    page.get_by_role("link", name="Runs", exact=True).click()
    see(page, "1 ticked")
    tick(page, 2)
    see(page, "Nothing ticked")
    tick(page, 2)
    see(page, "1 ticked")
    press(page, "untick")
    see(page, "Nothing ticked")
    tick(page, 2)
    see(page, "1 ticked")


def test_notes_and_stars_are_kept_and_typing_goes_on(visitor: Visitor, lab: Lab) -> None:
    (run_id,) = (run.id for run in lab.store.runs(1))
    lab.change(run_id, state="running", worker="w", place="p", lease_until=time.time() + 3600)
    page = open_table(visitor)
    tick(page, 0)
    field = page.get_by_label("Notes", exact=True)
    field.fill("half a")
    lab.change(run_id, state="done", worker=None, place=None, lease_until=None)
    expect(page.locator(".st-key-detail").get_by_text("done")).to_be_visible()
    expect(field).to_have_value("half a")
    field.press_sequentially(" sentence")
    page.get_by_role("button", name="Rate 4 out of 5", exact=False).or_(
        page.locator("[data-testid=stFeedback] button").nth(3)
    ).first.click()
    until(lambda: lab.run(run_id).rating == 4)
    until(lambda: lab.run(run_id).notes == "half a sentence")
    see(page, "1 ticked")
    other = open_table(visitor)
    tick(other, 0)
    expect(other.get_by_label("Notes", exact=True)).to_have_value("half a sentence")


def test_filter_is_in_the_address_and_survives_reload_and_back(visitor: Visitor, lab: Lab) -> None:
    page = open_table(visitor)
    search(page).fill("photo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/Runs?text=photo")
    search(page).fill("nowhere")
    page.keyboard.press("Enter")
    see(page, "No run is like this. Loosen a filter, or clear them all above.")
    page.reload()
    see(page, "No run is like this. Loosen a filter, or clear them all above.")
    expect(search(page)).to_have_value("nowhere")
    page.go_back()
    table(page)
    expect(search(page)).to_have_value("photo")
    press(page, "clear")
    page.wait_for_url("**/Runs")
    expect(search(page)).to_have_value("")


def test_evil_names_load_nothing(visitor: Visitor, lab: Lab) -> None:
    content = lab.store.add_picture(picture_bytes(3), EVIL)
    run_id = lab.submit(content)
    lab.change(run_id, state="cancelled", message=EVIL)
    History(lab.store).write_notes(run_id, EVIL)
    page = open_table(visitor, "?state=nonsense%20![x](http://evil.example/b.png)")
    see(page, "1 to 50 of 61 runs")
    tick(page, 0)
    see(page, "1 ticked")
    press(page, "delete_runs")
    expect(page.get_by_text("Delete this run?")).to_be_visible()
    press(page, "delete_no")
    expect(page.get_by_text("Delete this run?")).to_have_count(0)
    settle(page)  # else the list would be drawn anew under the click that opens it, and close
    page.locator("[class*=st-key-runs_Content_]").get_by_role("combobox").click()
    page.get_by_role("option", name=EVIL).click()
    see(page, "1 to 1 of 1 runs")
    press(page, "delete_runs")
    press(page, "delete_yes")
    see(page, "No run is like this. Loosen a filter, or clear them all above.")
    assert run_id not in [run.id for run in lab.store.runs()]


@pytest.mark.parametrize("width", [800, 1280])
def test_page_does_not_scroll_sideways(visitor: Visitor, lab: Lab, width: int) -> None:
    page = open_table(visitor)
    page.set_viewport_size({"width": width, "height": 900})
    tick(page, 0)
    see(page, "1 ticked")
    sizes = page.evaluate(
        """() => [document.documentElement.scrollWidth,
                  ...[...document.querySelectorAll('[data-testid=stMain]')]
                     .map(part => part.scrollWidth)]"""
    )
    assert max(sizes) <= width
