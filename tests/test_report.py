"""What a comparison hands out: one PNG, and an HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import io
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from nst_core import (
    METRIC_NOTES,
    ConfigError,
    Metrics,
    Picture,
    Side,
    StyleTransferConfig,
    comparison_html,
    comparison_png,
    difference,
    find_side,
    load_config,
    load_image,
    load_side,
    measure_side,
    metric_rows,
    read_provenance,
    settings_of,
    submit_run,
)
from nst_core.image import encode_png
from tests.lab import SMALL, Lab, picture_bytes
from tests.pages.bench import EVIL

SCRIPT = "<script>alert(1)</script>.png"
QUOTED = "\"'><img src=x onerror=alert(1)>.png"
PLAIN, NAMED = 1, 2  # runs: of ordinary names, and of evil ones with a mask, alpha and no TV
VOID = {"meta", "img", "input", "br"}
MEASURED = Metrics(0.5, 12.345, 4.2e7, 0.0, 0.25, 33.3, "a network", "ab" * 32, (), ())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a lab with two runs that are done."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        lab = Lab(tmp_path_factory.mktemp("lab"))
        lab.enter(monkeypatch)
        lab.submit(outputs=2)
        pixels = load_image(picture_bytes(7, 40, 60)).pixels
        content = lab.store.add_picture(encode_png(Picture(pixels, pixels[:, :1])), SCRIPT)
        style, mask = (
            lab.store.add_picture(picture_bytes(seed, 40, 60), name)
            for seed, name in ((8, EVIL), (9, QUOTED))
        )
        config = StyleTransferConfig(**SMALL).changed(gamma=0.0, seed=7)
        submit_run(lab.store, config, content, [style], content_mask=mask)
        lab.in_process()
    yield lab
    lab.store.close()


class Page(HTMLParser):
    """A page's elements, checked to be closed in order; its texts, tables and images."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.settings: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "pre":
            self.settings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open and self.open[-1] == "pre":
            self.settings[-1] += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def images(self, mime: str) -> list[bytes]:
        """Return the images of a kind, in order."""
        begin = f"data:{mime};base64,"
        sources = [attributes["src"] for tag, attributes in self.elements if tag == "img"]
        found = [source.removeprefix(begin) for source in sources if source.startswith(begin)]
        return [base64.b64decode(data, validate=True) for data in found]

    def row(self, name: str) -> list[str]:
        (found,) = (row[1:] for row in self.rows if row[0] == name)
        return found


def sides(*texts: str) -> list[Side]:
    return [Side.parse(text) for text in texts]


def page_of(lab: Lab, *texts: str, metrics: list[Metrics | None] | None = None) -> Page:
    return Page(comparison_html(lab.store, sides(*texts), metrics or [None] * len(texts)))


# The report


def test_a_report_refers_to_nothing_but_itself(lab: Lab) -> None:
    html = comparison_html(lab.store, sides("1", "1~pca", "1.style-1"), [None] * 3)
    page = Page(html)
    assert "link" not in page.tags
    for _, attributes in page.elements:
        assert not {"href", "srcset", "poster", "action", "data", "background"} & set(attributes)
        assert attributes.get("src", "data:").startswith("data:")
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert not re.search(r"https?:|//|file:|@import|url\(", bare)


def test_every_picture_is_the_sides_own_png(lab: Lab, tmp_path: Path) -> None:
    texts = ["1", "1.step-3", "1~symmetric~80", "1.content", "2~histogram~100~run"]
    shown = page_of(lab, *texts).images("image/png")
    assert len(shown) == len(texts)
    for png, side in zip(shown, sides(*texts), strict=True):
        exhibit = load_side(lab.store, side)
        assert png == encode_png(exhibit.picture)
        assert load_image(png).size == exhibit.picture.size
        if side.picture != "content":
            (tmp_path / "saved.png").write_bytes(png)
            assert load_config(tmp_path / "saved.png") == exhibit.found.run.config
    assert shown[0] == lab.store.read(lab.store.snapshots(PLAIN)[-1].sha256)
    assert "recolor" in read_provenance(shown[2])


def test_every_image_decodes(lab: Lab) -> None:
    page = page_of(lab, "1", "2")
    for mime, count in (("image/png", 4), ("image/jpeg", 5)):  # a pair stands in the wipe as well
        found = page.images(mime)
        assert len(found) == count
        for data in found:
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
    curves = [ET.fromstring(data) for data in page.images("image/svg+xml")]
    titles = [next(t.text for t in c.iter() if "weighted" in (t.text or "")) for c in curves]
    assert titles == [f"weighted loss, {term}" for term in ("total", "content", "style", "tv")]
    assert "B: run 2" in "".join(curves[0].itertext())
    assert "B: run 2" not in "".join(curves[3].itertext())  # its gamma is 0


def test_evil_names_are_text(lab: Lab) -> None:
    page = page_of(lab, "2", "2.content", "2.style-1")
    plain = page_of(lab, "1", "1.content", "1.style-1")
    assert page.tags == plain.tags
    assert "script" not in page.tags
    assert not [name for _, attributes in page.elements for name in attributes if name[:2] == "on"]
    for name in (SCRIPT, EVIL, QUOTED):
        assert name in page.text
    alts = [attributes["alt"] for tag, attributes in page.elements if tag == "img"]
    assert f"B: Run 2 · content, {SCRIPT} · raw" in alts
    assert QUOTED in alts


def test_the_settings_load_again(lab: Lab, tmp_path: Path) -> None:
    page = page_of(lab, "2", "1", "2~pca")
    assert len(page.settings) == 2
    for text, run_id in zip(page.settings, (NAMED, PLAIN), strict=True):
        (tmp_path / "settings.json").write_text(text)
        assert load_config(tmp_path / "settings.json") == lab.run(run_id).config


def test_settings_that_differ_are_marked(lab: Lab) -> None:
    html = comparison_html(lab.store, sides("1", "2"), [None, None])
    marked = re.findall(r'<tr class="differs"><td>([^<]*)</td>', html)
    runs = [lab.run(PLAIN), lab.run(NAMED)]
    assert marked == [row.name for row in settings_of(runs) if row.differs]
    assert {"content image", "masks", "gamma", "seed"} <= set(marked)
    page = Page(html)
    assert page.row("gamma") == ["10", "0"]
    assert page.row("masks") == ["none", f"content: {QUOTED}"]


def test_letters_follow_the_order_of_the_sides(lab: Lab) -> None:
    page = page_of(lab, "2", "1", "2~pca")
    captions = [a["alt"] for tag, a in page.elements if tag == "img" and "Run" in a["alt"]]
    assert captions == [
        "A: Run 2 · step 6 · raw",
        "B: Run 1 · step 6 · raw",
        "C: Run 2 · step 6 · Covariance match (PCA)",
    ]
    assert ["", "A", "B", "C", ""] in page.rows
    assert ["", "A, C: run 2", "B: run 1"] in page.rows
    assert "Comparison of run 2 and run 1" in page.text


def test_metrics_stand_in_order_and_what_was_not_measured_is_a_dash(lab: Lab) -> None:
    no_content = replace(MEASURED, ssim=None, color_difference=None, content_distance=None)
    page = page_of(lab, "1", "1.style-1", "2", metrics=[MEASURED, no_content, None])
    assert page.row("SSIM")[:3] == ["0.500", "-", "-"]
    assert page.row("Style distance")[:3] == ["4.20e+07", "4.20e+07", "-"]
    assert page.row("Content distance")[:3] == ["0", "-", "-"]
    assert page.row("Steps")[:3] == ["6", "-", "6"]
    assert page.row("Time computed")[1] == "-"
    for info in METRIC_NOTES:
        assert info.text in page.text


def test_networks_that_differ_are_named_and_one_is_named_once(lab: Lab) -> None:
    other = replace(MEASURED, network_sha256="cd" * 32)  # another file of the same name
    one = page_of(lab, "1", "1~pca", metrics=[MEASURED, MEASURED]).text
    two = page_of(lab, "1", "1~pca", metrics=[other, MEASURED]).text
    warning = "Distances of two networks cannot be compared."
    assert "measured with a network (SHA-256 abababab)." in one
    assert warning not in one
    assert "a network (SHA-256 abababab); and with a network (SHA-256 cdcdcdcd)." in two
    assert warning in two
    assert "Distances measured" not in page_of(lab, "1", "1~pca").text


def test_a_pair_has_a_wipe_and_its_difference(lab: Lab) -> None:
    page = page_of(lab, "1", "1~pca")
    a, b = (load_side(lab.store, side).picture for side in sides("1", "1~pca"))
    found = difference(a, b)
    assert f"SSIM {found.ssim:.3f}, mean CIEDE2000 {found.mean:.2f}." in page.text
    assert "input" in page.tags
    three = page_of(lab, "1", "1~pca", "2")
    assert "CIEDE2000 0" not in three.text
    assert "Between A and B" not in three.text
    assert "input" not in three.tags


def test_a_pair_of_two_shapes_has_no_difference(lab: Lab) -> None:
    tall = lab.store.add_picture(picture_bytes(11, 64, 40), "tall.png")
    run_id = lab.submit(tall)
    page = page_of(lab, "1", f"{run_id}.content")
    assert "Between A and B" not in page.text
    assert "tall.png, 20 x 32 px" in " ".join(page.text.split()).replace(" · raw", "")


@pytest.mark.parametrize("texts", [["1"], ["1", "1"], ["1", "2"] * 4, ["1"] * 8])
def test_any_number_of_sides_makes_a_report_and_a_png(texts: list[str], lab: Lab) -> None:
    page = page_of(lab, *texts)
    pictures = len(texts) + (2 if len(texts) == 2 else 0)
    assert len(page.images("image/png")) == pictures
    assert len(page.settings) == len(set(texts))
    assert f"{'ABCDEFGH'[len(texts) - 1]}" in page.rows[0]
    assert load_image(comparison_png(lab.store, sides(*texts))).height > 2 * 21


def test_a_run_without_losses_is_reported(lab: Lab) -> None:
    run_id = lab.submit()
    page = page_of(lab, f"{run_id}.content", f"{run_id}.style-1")
    assert page.images("image/svg+xml") == []
    assert "Losses" not in page.text
    assert len(page_of(lab, "2").images("image/svg+xml")) == 3  # gamma is 0
    assert page.row("network") == [""]


def test_a_picture_in_two_roles_is_listed_in_both(lab: Lab) -> None:
    run_id = lab.submit(lab.style)
    page = page_of(lab, f"{run_id}.content", "1.content")
    listed = re.findall(r"(content|style): (\w+\.png)SHA-256 ([0-9a-f]{64})", page.text)
    assert sorted((role, name) for role, name, _ in listed) == [
        ("content", "photo.png"),
        ("content", "style.png"),
        ("style", "style.png"),
    ]
    assert {digest for _, _, digest in listed} == {lab.content.sha256, lab.style.sha256}


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs a system with time zones")
def test_the_time_is_utc(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-14")
    time.tzset()
    try:
        text = page_of(lab, "1").text
    finally:
        monkeypatch.undo()
        time.tzset()
    found = re.search(r", (\d{4}-\d\d-\d\d \d\d:\d\d) UTC\.", text)
    assert found is not None
    made = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=3)


# The PNG


def test_the_png_says_what_stands_in_it_and_has_every_pixel(lab: Lab, tmp_path: Path) -> None:
    texts = ["1", "1~pca~80", "1.content"]
    png = comparison_png(lab.store, sides(*texts))
    parts = read_provenance(png)["comparison"]
    assert [part["side"] for part in parts] == texts
    assert StyleTransferConfig(**parts[1]["config"]) == lab.run(PLAIN).config
    assert parts[1]["recolor"]["method"] == "pca"
    assert set(parts[2]) == {"side"}
    sheet = load_image(png).pixels
    for index, side in enumerate(sides(*texts)):
        left = 12 + index * (32 + 12)
        own = load_image(encode_png(load_side(lab.store, side).picture)).pixels
        assert sheet[..., 12:33, left : left + 32].equal(own)
    (tmp_path / "comparison.png").write_bytes(png)
    with pytest.raises(ConfigError, match=r"comparison\.png: holds no settings"):
        load_config(tmp_path / "comparison.png")


def test_a_png_of_evil_names_is_made(lab: Lab) -> None:
    png = comparison_png(lab.store, sides("2", "2.content", "2.style-1", "2~pca~100~run"))
    assert len(read_provenance(png)["comparison"]) == 4


# Metrics


def test_a_table_of_metrics_has_a_column_a_picture() -> None:
    rows = metric_rows([MEASURED, None])
    assert [row.text for row in rows] == [info.text for info in METRIC_NOTES]
    values = {row.title: row.values for row in rows}
    assert values["Colour difference (ΔE00)"] == ("12.35", "-")
    assert values["Content distance"] == ("0", "-")
    assert all(row.values == () for row in metric_rows([]))


def test_a_raw_side_has_the_metrics_of_its_snapshot_and_a_treated_one_its_own(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.enter(monkeypatch)
    kept = lab.store.snapshots(PLAIN)[-1].metrics
    assert kept is not None
    raw, weak, treated, content = (
        measure_side(lab.store, find_side(lab.store, side))
        for side in sides("1", "1~histogram~0", "1~histogram", "1.content")
    )
    assert raw == weak == kept
    assert lab.store.snapshots(PLAIN)[-1].metrics == kept
    assert treated.color_difference is not None
    assert kept.color_difference is not None
    assert treated.color_difference < kept.color_difference
    assert content.ssim == pytest.approx(1)
    assert content.color_difference == 0
    assert content.content_distance == pytest.approx(0)
