"""Charts of sweeps: what is drawn where, and that it can be drawn without a browser."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nst_core import (
    Cell,
    ConfigError,
    Goal,
    SweepPlan,
    SweepResults,
    chart_svg,
    parallel_coordinates,
    pareto_chart,
    sweep_heat_map,
)
from nst_core.sweep_heat import INKS, SHADES
from nst_core.sweep_scales import ValueScale, axis_scales
from tests.fake_sweeps import Numbers, fake, plan_of, sampled

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: tuple[pd.DataFrame, dict[str, Any]]) -> ET.Element:
    """Return the parsed SVG of a chart."""
    svg = ET.fromstring(chart_svg(*chart))
    assert "NaN" not in ET.tostring(svg, encoding="unicode")
    return svg


def texts(svg: ET.Element) -> list[str]:
    """Return what stands in a chart, the lines of each text joined."""
    return [" ".join(item.itertext()) for item in svg.iter(f"{SVG}text")]


def marks(svg: ET.Element, kind: str) -> list[ET.Element]:
    """Return the marks of a kind: ``line``, ``rect``, ``symbol``, ``rule``."""
    found = []
    for group in svg.iter(f"{SVG}g"):
        if (group.get("class") or "").startswith(f"mark-{kind} role-mark"):
            found += [item for item in group if item.tag == f"{SVG}path"]
    return found


def by_product(cell: Cell) -> Numbers:
    """Return numbers that grow with beta and steps, three decades in all."""
    product = float(cell.values["beta"]) * float(cell.values["steps"])
    return {"total": product + cell.replicate, "style_distance": 1 / product}


def tpe(trials: int = 12) -> SweepResults:
    """Return trials of four axes, one of words."""
    axes = ("beta=1e3:1e7:log", "learning_rate=auto,0.1", "init=content,noise,grey", "steps=4:20")
    goals = Goal("style_distance"), Goal("content_distance")
    plan = plan_of(*axes, sampler="tpe", goals=goals, trials=100)
    random = np.random.default_rng(1)
    points = [
        {
            "beta": float(10 ** random.uniform(3, 7)),
            "learning_rate": ("auto", 0.1)[k % 2],
            "init": ("content", "noise", "grey")[k % 3],
            "steps": int(random.integers(4, 21)),
        }
        for k in range(trials)
    ]
    told = {Cell(0, point).point: k for k, point in enumerate(points)}

    def numbers(cell: Cell) -> Numbers:
        k = told[cell.point]
        return {
            "total": 10.0 ** (k % 4),
            "style_distance": 1 + k,
            "content_distance": 50 - k**2 % 7,
        }

    return fake(plan, numbers, *sampled(plan, *points))


SEARCH = plan_of("steps=1:9", "beta=1:9", sampler="random", trials=3)
GRID = plan_of("beta=1,10,100", "steps=1,2")
NAMES = {
    "grid": fake(GRID, by_product),
    "replicates": fake(plan_of("beta=1,10,100", "steps=1,2", replicates=3), by_product),
    "nothing done": fake(GRID, lambda cell: None),
    "one cell": fake(GRID, by_product, Cell(0, {"beta": 1.0, "steps": 1})),
    "three axes": fake(plan_of("beta=1,10", "steps=1,2", "optimizer=adam,lbfgs"), by_product),
    "one axis": fake(plan_of("steps=1,2,3"), lambda cell: {"total": float(cell.values["steps"])}),
    "one axis, nothing done": fake(plan_of("steps=1,2,3"), lambda cell: None),
    "sampler, nothing done": fake(
        SEARCH, lambda cell: None, *sampled(SEARCH, {"steps": 3, "beta": 2.0})
    ),
    "words": fake(plan_of("init=noise,grey"), lambda cell: {"total": 0.0}),
    "replicates alone": fake(plan_of(replicates=3), lambda cell: {"total": 1.0 + cell.replicate}),
    "sampler": tpe(),
    "many rows": fake(plan_of("seed=0:49:linear:50", "beta=1,2"), lambda cell: {"total": 2.0}),
}


@pytest.mark.parametrize("results", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("kind", ["heat", "parallel", "pareto"])
def test_every_sweep_has_a_chart_over_one_table(kind: str, results: SweepResults) -> None:
    charts = {
        "heat": lambda: sweep_heat_map(results, "total"),
        "parallel": lambda: parallel_coordinates(results),
        "pareto": lambda: pareto_chart(results, "total", "seconds"),
    }
    data, chart = charts[kind]()
    assert '"data"' not in json.dumps(chart)  # one table, of whoever draws it
    assert "datasets" not in chart
    for _, column in data.items():  # as Arrow takes it, on a page
        assert len({type(value) for value in column}) <= 1
    assert drawn((data, chart)).tag == f"{SVG}svg"


# Heat maps


def test_a_grid_is_a_heat_map_with_its_numbers() -> None:
    plan = plan_of("seed=1,10,100", "steps=1,2")

    def product(cell: Cell) -> Numbers:
        return {"total": float(cell.values["seed"]) * float(cell.values["steps"])}

    data, chart = sweep_heat_map(fake(plan, product), "total")
    svg = drawn((data, chart))
    assert {"steps", "seed", "1", "10", "100", "2", "★ 1", "20", "200"} <= set(texts(svg))
    cells = marks(svg, "rect")
    assert len(cells) == 6 + 1  # and the frame of the best
    shades = dict(zip(data["value"], data["shade"], strict=True))
    assert (shades[1.0], shades[200.0]) == (SHADES[0], SHADES[-1])
    assert cells[0].get("fill") == SHADES[0]


def test_numbers_over_a_decade_are_coloured_by_their_logarithm() -> None:
    spread = fake(plan_of("beta=1,10,100", "steps=1,1000"), by_product)
    data, _ = sweep_heat_map(spread, "total")
    shades = dict(zip(data["value"], data["shade"], strict=True))
    assert shades[1e5] == SHADES[-1]
    linear = fake(plan_of("beta=1,2,3", "steps=1,2"), lambda cell: {"total": cell.values["beta"]})  # type: ignore[dict-item]
    data, _ = sweep_heat_map(linear, "total")
    assert dict(zip(data["value"], data["shade"], strict=True))[2.0] == SHADES[2]


def test_ink_stands_out_on_every_shade() -> None:
    def luminance(color: str) -> float:
        samples = [sample / 255 for sample in bytes.fromhex(color[1:])]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in samples]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    many = fake(plan_of("beta=1:500:linear:30", "steps=1,2"), by_product)
    data, _ = sweep_heat_map(many, "total")
    assert set(data["ink"]) == set(INKS)
    for shade, ink in zip(data["shade"], data["ink"], strict=True):
        low, high = sorted([luminance(shade), luminance(ink)])
        assert (high + 0.05) / (low + 0.05) > 4.45  # WCAG 2.2 asks for 4.5, and 3 of large text


def test_replicates_have_means_spreads_and_noise_beside_the_best() -> None:
    values = {1: [1.0, 3.0], 2: [2.0, 4.0], 3: [6.0, 8.0]}
    plan = plan_of("steps=1,2,3", "beta=5", replicates=2)

    def numbers(cell: Cell) -> Numbers:
        return {"style_distance": values[int(cell.values["steps"])][cell.replicate]}

    data, chart = sweep_heat_map(fake(plan, numbers), "style_distance")
    assert data["text"].tolist() == ["★ 2\n± 1", "3\n± 1\n≈ best", "7\n± 1"]
    assert data["runs"].tolist() == ["1, 2", "3, 4", "5, 6"]
    assert "one standard deviation" in chart["title"]["subtitle"][0]
    assert chart["title"]["subtitle"][1].startswith("≈ no further from the best")


def test_missing_cells_are_left_empty_and_keep_their_place() -> None:
    data, chart = sweep_heat_map(
        fake(GRID, by_product, Cell(0, {"beta": 10.0, "steps": 2})), "total"
    )
    assert data[["column", "row"]].to_numpy().tolist() == [["2", "10"]]
    assert {"1", "2", "10", "100"} <= set(texts(drawn((data, chart))))


def test_any_axis_can_be_the_columns() -> None:
    data, _ = sweep_heat_map(fake(GRID, by_product), "total", columns="beta")
    assert sorted(set(data["column"])) == ["1", "10", "100"]
    with pytest.raises(ConfigError, match="'gamma' is no axis"):
        sweep_heat_map(fake(GRID, by_product), "total", columns="gamma")


def test_one_axis_is_a_curve_on_its_scale_with_error_bars() -> None:
    plan = plan_of("beta=1e2:1e6:log:3", replicates=2)
    results = fake(plan, lambda cell: {"ssim": 0.5 + cell.replicate / 10})
    data, chart = sweep_heat_map(results, "ssim")
    assert data["value"].tolist() == [1e2, 1e4, 1e6]
    assert np.allclose(data["high"] - data["mean"], 0.1 / 2**0.5)
    svg = drawn((data, chart))
    (line,) = marks(svg, "line")
    x = [float(pair.split(",")[0]) for pair in (line.get("d") or "")[1:].split("L")]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])  # equal factors are equal steps
    assert len(marks(svg, "rule") or list(svg.iter(f"{SVG}line"))) >= 3


def test_a_curve_of_words_has_no_line_between_them() -> None:
    results = fake(plan_of("init=noise,grey,mix"), lambda cell: {"total": 1.0})
    svg = drawn(sweep_heat_map(results, "total"))
    assert not marks(svg, "line")
    assert {"noise", "grey", "mix"} <= set(texts(svg))


def test_a_spread_below_zero_stays_on_a_log_scale() -> None:
    plan = plan_of("steps=1,2", replicates=2)
    told = {1: [1.0, 5.0], 2: [100.0, 900.0]}
    results = fake(plan, lambda cell: {"total": told[int(cell.values["steps"])][cell.replicate]})
    data, _ = sweep_heat_map(results, "total")
    assert (data["low"] > 0).all()


def test_a_sampler_has_a_small_chart_an_axis() -> None:
    data, chart = sweep_heat_map(tpe(), "style_distance")
    assert np.floor(data["place"]).value_counts().to_dict() == dict.fromkeys(range(4), 12)
    found = texts(drawn((data, chart)))
    assert {"1000", "1e7", "auto", "0.1", "4", "20"} <= set(found)
    assert any("learning_rate" in text for text in found)
    assert (data["sign"] == "★").sum() == 4  # the best trial, in each


def test_a_loss_that_is_weighted_by_an_axis_says_so() -> None:
    data, chart = sweep_heat_map(fake(GRID, by_product), "total")
    assert "weighted by beta itself" in chart["title"]["subtitle"][-1]
    assert not any("★" in text for text in texts(drawn((data, chart))))
    _, chart = sweep_heat_map(fake(GRID, by_product), "style_distance")
    assert "weighted" not in str(chart["title"])


# Scales


@pytest.mark.parametrize(
    ("axis", "value", "share"),
    [
        ("beta=1e2:1e6:log", 1e4, 0.5),
        ("beta=0:10", 2.5, 0.25),
        ("beta=1,10,10000", 100.0, 0.5),  # over decades, though it is a list
        ("beta=2,4,6", 4.0, 0.5),
        ("steps=7", 7, 0.5),
        ("init=noise,grey", "grey", 0.75),
        ("resolution_invariant=yes,no", False, 0.75),
        ("levels=auto,1,2", 1, 0.5),  # a word among numbers makes words of all
    ],
)
def test_where_a_value_stands_on_its_axis(axis: str, value: Any, share: float) -> None:
    name, _, _ = axis.partition("=")
    plan = plan_of(axis, sampler="random", trials=1)
    assert axis_scales(plan)[name].share(value) == pytest.approx(share)


def test_what_has_no_extent_stands_in_the_middle_with_one_label() -> None:
    assert ValueScale(3.0, 3.0).ticks == [(0.5, "3")]
    assert ValueScale(0.0, 2e7).ticks == [(0.0, "0"), (1.0, "2e7")]


# Parallel coordinates


def test_parallel_coordinates_have_a_line_a_trial_across_all_axes() -> None:
    data, chart = parallel_coordinates(tpe())
    lines = data[data["kind"] == "line"]
    assert lines["trial"].nunique() == 12
    places = lines["place"].str.replace("\n", " ").str.strip().unique().tolist()
    assert places == [
        "beta", "learning_rate", "init", "steps", "Total loss", "Style distance",
        "Content distance",
    ]  # fmt: skip
    assert lines["share"].between(0, 1).all()
    for place in ("\nTotal loss", "Style distance", "Content\ndistance"):
        shares = lines.loc[lines["place"].str.strip() == place.strip(), "share"]
        assert (shares.min(), shares.max()) == (0, 1)
    svg = drawn((data, chart))
    assert len(marks(svg, "line")) == 12
    assert {"1000", "1e7", "auto", "content", "noise", "grey", "4", "20", "1", "12"} <= set(
        texts(svg)
    )


def test_a_trial_says_all_its_values_and_its_run() -> None:
    data, chart = parallel_coordinates(fake(GRID, by_product), color="seconds")
    (lines,) = [layer for layer in chart["layer"] if layer["mark"]["type"] == "line"]
    titles = {tip["title"]: tip["field"] for tip in lines["encoding"]["tooltip"]}
    assert list(titles) == ["run", "beta", "steps", "Total loss", "Style distance", "Time, s"]
    row = data[data["trial"] == 3].iloc[0]
    said = [row[field] for field in titles.values()]
    assert said == ["4", "10", "2", "20", "0.05", "1"]


def test_lines_are_coloured_by_a_number_by_its_logarithm_over_decades() -> None:
    _, chart = parallel_coordinates(fake(GRID, by_product))
    assert chart["layer"][0]["encoding"]["color"]["scale"]["type"] == "log"
    _, chart = parallel_coordinates(fake(GRID, by_product), color="seconds")
    assert chart["layer"][0]["encoding"]["color"]["scale"]["type"] == "linear"
    _, chart = parallel_coordinates(fake(GRID, by_product), color="ssim")  # that no trial has
    assert "scale" not in chart["layer"][0]["encoding"]["color"]
    with pytest.raises(ConfigError, match="no number 'beauty'"):
        parallel_coordinates(fake(GRID, by_product), color="beauty")


# Pareto fronts


POINTS = {"a": (1.0, 9.0), "b": (4.0, 4.0), "c": (9.0, 1.0), "d": (6.0, 6.0), "e": (9.0, 9.0)}


def front(x: str, y: str, plan: SweepPlan | None = None) -> Any:
    """Return which of POINTS are on the front, and the chart of all."""
    told = dict(enumerate(POINTS.values(), start=1))
    plan = plan or plan_of(f"steps={','.join(map(str, told))}")
    cells = sampled(plan, *({"steps": steps} for steps in told))

    def numbers(cell: Cell) -> Numbers:
        return dict(zip((x, y), told[int(cell.values["steps"])], strict=True))

    results = fake(plan, numbers, *cells)
    data, chart = pareto_chart(results, x, y)
    names = [name for name, is_front in zip(POINTS, data["is_front"], strict=True) if is_front]
    return names, data, chart


def test_the_front_is_what_no_other_trial_beats() -> None:
    names, data, chart = front("content_distance", "style_distance")
    assert names == ["a", "b", "c"]
    (line,) = marks(drawn((data, chart)), "line")
    steps = (line.get("d") or "").count("L")
    assert steps == 4  # across and down, twice
    assert chart["layer"][0]["mark"]["interpolate"] == "step-after"


def test_more_is_better_where_a_number_or_a_goal_says_so() -> None:
    names, _, chart = front("ssim", "style_distance")
    assert names == ["c"]
    assert chart["layer"][0]["mark"]["interpolate"] == "step-before"
    goals = Goal("sharpness", "maximise"), Goal("colorfulness", "maximise")
    plan = plan_of("steps=1:9", sampler="nsga2", goals=goals, trials=9)
    names, _, _ = front("sharpness", "colorfulness", plan)
    assert names == ["e"]


def test_without_a_direction_there_is_no_front() -> None:
    names, _, chart = front("sharpness", "style_distance")
    assert names == []
    assert chart["title"]["subtitle"] == ["no front: not of both it is known which way is better"]


def test_a_point_stands_at_the_mean_of_its_replicates_and_names_their_runs() -> None:
    plan = plan_of("steps=1,2", replicates=2)
    data, _ = pareto_chart(
        fake(plan, lambda cell: {"total": 1.0 + cell.replicate, "seconds": 4.0}), "total", "seconds"
    )
    assert data["x"].tolist() == [1.5, 1.5]
    assert data["runs"].tolist() == ["1, 2", "3, 4"]
    assert data["x_text"][0] == "1.5 ± 0.7 (2 runs)"
    assert data["is_front"].all()  # equal points do not beat each other
