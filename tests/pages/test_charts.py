"""What the loss chart is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nst_core import Losses, thin_losses
from pages._ui.charts import TITLES, loss_spec, shown_terms

NAMES = ("total", "content", "style", "tv", "content/conv4_2", "style/conv1_1")


def losses(count: int, terms: tuple[str, ...] = NAMES) -> Losses:
    """Return losses of which those of term k at step n are n + k / 10."""
    steps = np.arange(1, count + 1)
    return Losses(steps, terms, steps[:, None] + np.arange(len(terms)) / 10)


def spec(found: Losses, *, by_layer: bool = False) -> dict[str, Any]:
    terms = shown_terms(found, by_layer=by_layer)
    return loss_spec(tuple(terms.items()))


def rows(found: Losses, *, by_layer: bool = False) -> list[dict[str, Any]]:
    terms = shown_terms(found, by_layer=by_layer)
    table = thin_losses(found, tuple(terms)).rename(columns=terms)
    return [dict(row) for row in table.to_dict("records")]


def test_chart_shows_the_total_and_the_weighted_terms_on_a_log_scale() -> None:
    drawn = spec(losses(3))
    lines, rule = drawn["layer"]
    assert lines["encoding"]["y"]["scale"]["type"] == "log"
    assert lines["transform"][0]["fold"] == list(TITLES.values())
    assert set(rows(losses(3))[0]) == {"step", *TITLES.values()}
    assert [row["step"] for row in rows(losses(3))] == [1, 2, 3]
    tips = [tip["title"] for tip in rule["encoding"]["tooltip"]]
    assert tips == ["step", *TITLES.values()]


def test_chart_by_layer_shows_each_share() -> None:
    drawn = spec(losses(3), by_layer=True)
    names = ["content conv4_2", "style conv1_1"]
    assert drawn["layer"][0]["transform"][0]["fold"] == names
    found = rows(losses(3), by_layer=True)[0]
    assert set(found) == {"step", *names}
    assert found["style conv1_1"] == pytest.approx(1.5)


@pytest.mark.parametrize("terms", [("total", "tv"), ("total", "style", "style/conv1_1")])
def test_chart_leaves_out_terms_that_do_not_count(terms: tuple[str, ...]) -> None:
    fold = spec(losses(3, terms))["layer"][0]["transform"][0]["fold"]
    assert fold == [TITLES[term] for term in terms if term in TITLES]
    layers = [term.replace("/", " ") for term in terms if "/" in term]
    assert spec(losses(3, terms), by_layer=True)["layer"][0]["transform"][0]["fold"] == layers


def test_chart_of_one_step_and_of_zeros_is_drawn() -> None:
    assert len(rows(losses(1))) == 1
    zeros = Losses(np.arange(1, 3), NAMES, np.zeros((2, len(NAMES))))
    assert np.isnan(rows(zeros)[0]["total"])
