"""Losses for charts: thinned, together, and drawn as SVG without a browser or a network."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray

from nst_core import Losses, chart_svg, losses_together, thin_losses
from nst_core.charts import MOST_POINTS

SVG = "{http://www.w3.org/2000/svg}"


def losses(count: int, terms: tuple[str, ...] = ("total", "content", "style")) -> Losses:
    """Return losses of which those of term k at step n are n + k / 10."""
    steps = np.arange(1, count + 1)
    return Losses(steps, terms, steps[:, None] + np.arange(len(terms)) / 10)


def of_one_term(*values: float) -> Losses:
    return Losses(np.arange(1, len(values) + 1), ("tv",), np.array(values)[:, None])


def drawn(runs: dict[str, Losses], term: str) -> ET.Element:
    """Return the parsed SVG of one loss of several runs."""
    svg = chart_svg(*losses_together(runs, term))
    assert "<!" not in svg
    return ET.fromstring(svg)


def texts(svg: ET.Element) -> list[str]:
    return [item.text or "" for item in svg.iter(f"{SVG}text")]


def lines(svg: ET.Element) -> list[ET.Element]:
    return [item for item in svg.iter(f"{SVG}path") if "line mark" in str(item.attrib)]


# Thinned


@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 300, 399, 400, 100_000])
def test_thin_losses_keeps_first_and_last_and_is_even(count: int) -> None:
    table = thin_losses(losses(count), ("total", "style"))
    steps = table["step"].to_numpy()
    assert len(steps) == min(count, MOST_POINTS)
    assert (steps[0], steps[-1]) == (1, count)
    gaps = np.diff(steps)
    assert not len(gaps) or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)
    assert list(table.columns) == ["step", "total", "style"]
    assert np.allclose(table["total"], steps)
    assert np.allclose(table["style"], steps + 0.2)


def test_zeros_become_gaps() -> None:
    values = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, -1.0]])
    table = thin_losses(Losses(np.arange(1, 4), ("total", "tv"), values), ("total", "tv"))
    assert table["total"].isna().tolist() == [False, True, False]
    assert table["tv"].isna().tolist() == [True, False, True]


def test_losses_too_large_for_half_precision_stay() -> None:
    values = np.array([[1.118e12], [1e-9]])
    table = thin_losses(Losses(np.arange(1, 3), ("total",), values), ("total",))
    assert np.allclose(table["total"], values[:, 0], rtol=1e-6, atol=0)


def test_no_losses_are_no_rows() -> None:
    table = thin_losses(Losses(), ())
    assert (list(table.columns), len(table)) == (["step"], 0)


# Together


def test_only_runs_that_have_the_term_are_shown_and_keep_their_colours() -> None:
    runs = {"A": losses(4, ("total", "tv")), "B": losses(3, ("total",)), "C": losses(2, ("tv",))}
    data, chart = losses_together(runs, "tv")
    assert list(zip(data["run"], data["step"], strict=True)) == [
        ("A", 1), ("A", 2), ("A", 3), ("A", 4), ("C", 1), ("C", 2),
    ]  # fmt: skip
    assert np.allclose(data["loss"], [1.1, 2.1, 3.1, 4.1, 1, 2])
    colors = chart["encoding"]["color"]
    assert colors["scale"]["domain"] == ["A", "B", "C"]
    assert len(set(colors["scale"]["range"])) == 3
    svg = drawn(runs, "tv")
    assert [text for text in texts(svg) if text in runs] == ["A", "C"]
    strokes = [line.get("stroke") for line in lines(svg)]
    assert strokes == [colors["scale"]["range"][0], colors["scale"]["range"][2]]


def test_each_run_has_at_most_so_many_points_to_its_end() -> None:
    data, _ = losses_together({"A": losses(1000), "B": losses(50)}, "total")
    counts = data.groupby("run")["step"].agg(["count", "min", "max"])
    assert counts.loc["A"].tolist() == [MOST_POINTS, 1, 1000]
    assert counts.loc["B"].tolist() == [50, 1, 50]


def heights(line: ET.Element) -> NDArray[np.float64]:
    """Return the heights of a line's points, from the top, where it is drawn in straight parts."""
    pairs = (line.get("d") or "").replace("M", " ").replace("L", " ").split()
    return np.array([float(pair.split(",")[1]) for pair in pairs])


def test_the_scale_is_logarithmic() -> None:
    (line,) = lines(drawn({"A": of_one_term(1.0, 1e8)}, "tv"))
    (other,) = lines(drawn({"A": of_one_term(1e-9, 1e-3)}, "tv"))
    assert heights(line).tolist() == heights(other).tolist() == [300, 0]
    both = lines(drawn({"A": of_one_term(1.0, 1e8), "B": of_one_term(1e4, 1e4)}, "tv"))
    assert heights(both[1]).tolist() == pytest.approx([150, 150])


def test_a_gap_is_not_drawn() -> None:
    (line,) = lines(drawn({"A": of_one_term(1, 2, 0, 3, 4)}, "tv"))
    assert (line.get("d") or "").count("M") == 2
    (line,) = lines(drawn({"A": of_one_term(1, 2, 3, 4)}, "tv"))
    assert (line.get("d") or "").count("M") == 1


# As SVG


def test_names_are_text_in_the_svg() -> None:
    evil = ["<script>alert(1)</script>", '"><image href="http://evil.example/a.png"/>', "a & b"]
    svg = drawn({name: losses(3) for name in evil}, "total")
    assert [text for text in texts(svg) if text in evil] == evil
    assert {item.tag.removeprefix(SVG) for item in svg.iter()} <= {"svg", "g", "path", "rect",
        "text", "line"}  # fmt: skip


def test_the_svg_refers_to_nothing() -> None:
    svg = drawn({"A": losses(300), "B": losses(30)}, "style")
    for item in svg.iter():
        assert not any("href" in name for name in item.attrib)
        assert not any("url(" in value or "//" in value for value in item.attrib.values())
    assert "weighted loss, style" in texts(svg)


@pytest.mark.parametrize(
    "runs",
    [
        {},
        {"A": Losses()},
        {"A": losses(3, ("total",))},
        {"A": of_one_term(0, 0)},
        {"A": of_one_term(1.0)},
        {f"run {number}": of_one_term(number, 1) for number in range(1, 9)},
    ],
    ids=["no runs", "no losses", "no such term", "zeros", "one step", "eight runs"],
)
def test_a_chart_of_little_or_much_is_drawn(runs: dict[str, Losses]) -> None:
    svg = drawn(runs, "tv")
    assert svg.tag == f"{SVG}svg"
    assert "weighted loss, tv" in texts(svg)
    has_line = [name for name, one in runs.items() if "tv" in one.terms and one.values.any()]
    assert [text for text in texts(svg) if text in runs] == has_line
