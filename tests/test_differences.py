"""Settings that differ: every setting, read back as it was, and pictures told by their bytes."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest

from nst_core import (
    COLOR_METHODS,
    LAYERS,
    Run,
    SettingRow,
    StyleTransferConfig,
    describe_value,
    exact_number,
    settings_of,
)
from nst_core.store import RunInput

CONTENT = RunInput("content", 0, "c" * 64, "cat.png")
STYLE = RunInput("style", 0, "a" * 64, "night.jpg")
SECOND = RunInput("style", 1, "b" * 64, "waves.jpg")


def run(number: int = 1, *inputs: RunInput, **settings: object) -> Run:
    """Return a run that is done, of CONTENT and STYLE unless told otherwise."""
    config = StyleTransferConfig(**settings)
    return Run(
        number, "done", config, None, 0.0, 0.0, 1.0, "", 300, 300, 1.0, 50.0, {}, None, None, None,
        0, "a cpu", "the untrained network", inputs=inputs or (CONTENT, STYLE),
    )  # fmt: skip


def row(rows: list[SettingRow], name: str) -> SettingRow:
    (found,) = (row for row in rows if row.name == name)
    return found


def differing(*runs: Run) -> list[str]:
    return [row.name for row in settings_of(runs) if row.differs]


# Settings


def test_every_setting_has_its_row_in_the_configs_order() -> None:
    names = [row.name for row in settings_of([run()])]
    assert names == [
        "content image",
        "style images",
        *StyleTransferConfig.model_fields,
        "network",
        "computed on",
    ]
    assert all(len(row.values) == 1 and row.values[0] for row in settings_of([run()]))


def test_one_run_twice_differs_in_nothing() -> None:
    assert differing(run()) == differing(run(1), run(1)) == differing(*[run()] * 8) == []
    assert all(len(set(row.values)) == 1 for row in settings_of([run(1), run(1)]))
    assert differing() == []


OTHER: dict[str, object] = {
    "alpha": 2.0,
    "beta": 1.0000000000000002e8,
    "gamma": 10.000000000000002,
    "content_layers": {"conv4_2": 1.0, "conv1_1": 0.0},
    "style_layers": {"conv1_1": 0.2, "conv2_1": 0.20000000000000004},
    "style_weights": (0.5,),
    "resolution_invariant": False,
    "style_statistic": "covariance",
    "weights": "other.pth",
    "normalize_activations": False,
    "pooling": "max",
    "padding": "zeros",
    "size": 511,
    "style_scale": 1.0000000000000002,
    "init": "noise",
    "init_mix": 0.49999999999999994,
    "color_before": "pca",
    "optimizer": "lbfgs",
    "learning_rate": 0.02,
    "lr_schedule": "cosine",
    "steps": 301,
    "levels": 1,
    "averaging": 5e-324,
    "stop_below": 1e-12,
    "stop_window": 51,
    "outputs": 2,
    "seed": 2**63 - 1,
    "precision": "float32",
    "device": "cpu",
}


@pytest.mark.parametrize("name", StyleTransferConfig.model_fields)
def test_what_differs_is_named_however_little_it_is(name: str) -> None:
    other = run(2, **{name: OTHER[name]})
    assert differing(run(1), other) == [name]
    assert differing(run(1), run(3), other, run(4)) == [name]
    first, second = row(settings_of([run(1), other]), name).values
    assert first != second


def test_network_and_machine_are_compared() -> None:
    other = replace(run(2), weights="ImageNet's", device="a gpu")
    assert differing(run(1), other) == ["network", "computed on"]
    waiting = replace(run(2), weights=None, device=None)
    assert row(settings_of([run(1), waiting]), "network").values == ("the untrained network", "")


# Values


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (10, "10"),
        (0.013, "0.013"),
        (0.001, "0.001"),
        (1 / 3, "0.3333333333333333"),
        (99999.0, "99999"),
        (100000, "100000"),
        (1e5, "1e5"),
        (1e8, "1e8"),
        (3.7e7, "3.7e7"),
        (1.3e-4, "1.3e-4"),
        (-1.3e-4, "-1.3e-4"),
        (123456.789, "1.23456789e5"),
        (2**63 - 1, "9223372036854775807"),
        (5e-324, "5e-324"),
        (sys.float_info.max, "1.7976931348623157e308"),
    ],
)
def test_numbers_are_short_and_exact(number: float, text: str) -> None:
    assert exact_number(number) == text
    assert type(number)(text) == number


def test_any_number_is_read_back() -> None:
    chance = random.Random(0)
    for _ in range(5000):
        number = chance.choice([-1, 1]) * chance.random() * 10 ** chance.uniform(-30, 30)
        number = float(f"{number:.{chance.randint(1, 17)}g}")
        assert float(exact_number(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "none"),
        ("auto", "auto"),
        ((), "none"),
        ((0.25, 1e8), "0.25, 1e8"),
        (StyleTransferConfig().content_layers, "conv4_2: 1"),
    ],
)
def test_values_are_in_words(value: object, text: str) -> None:
    assert describe_value(value) == text


def test_settings_are_read_back_from_their_rows() -> None:
    chance = random.Random(0)
    for _ in range(50):
        settings = {
            "beta": 10 ** chance.uniform(-3, 12),
            "size": chance.randint(32, 8192),
            "learning_rate": chance.choice(["auto", chance.uniform(1e-9, 10)]),
            "style_layers": {layer: chance.random() for layer in chance.sample(LAYERS, 4)},
            "style_weights": tuple(chance.random() for _ in range(chance.randint(0, 4))),
            "color_before": chance.choice(COLOR_METHODS),
            "seed": chance.randrange(2**63),
        }
        given = run(1, **settings)
        texts = {name: row(settings_of([given]), name).values[0] for name in settings}
        layers = dict(part.split(": ") for part in texts["style_layers"].split(", "))
        weights = texts["style_weights"].replace("none", "")
        again = run(1, **{**texts, "style_layers": layers, "style_weights": weights})
        assert again.config == given.config


# Pictures


def test_the_same_bytes_are_the_same_picture_whatever_their_name() -> None:
    renamed = run(2, CONTENT._replace(name="katze.png"), STYLE)
    found = row(settings_of([run(1), renamed]), "content image")
    assert found == SettingRow("content image", ("cat.png", "katze.png"), False)


def test_pictures_of_one_name_are_told_apart_by_their_hash() -> None:
    other = run(2, CONTENT, STYLE._replace(sha256="d" * 64))
    found = row(settings_of([run(1), other]), "style images")
    assert found.values == ("night.jpg (aaaaaaaa)", "night.jpg (dddddddd)")
    assert found.differs
    assert differing(run(1), other) == ["style images"]


def test_the_order_of_styles_counts() -> None:
    first = run(1, CONTENT, STYLE, SECOND)
    turned = run(2, CONTENT, SECOND._replace(position=0), STYLE._replace(position=1))
    found = row(settings_of([first, turned]), "style images")
    assert found.values == ("night.jpg + waves.jpg", "waves.jpg + night.jpg")
    assert found.differs
    fewer = row(settings_of([first, run(2)]), "style images")
    assert (fewer.values[1], fewer.differs) == ("night.jpg", True)


def test_masks_have_a_row_where_there_is_one_and_say_what_they_are_of() -> None:
    pictures = (CONTENT, STYLE, SECOND)
    mask = RunInput("content mask", 0, "e" * 64, "half.png")
    first, second = (RunInput("style mask", position, "e" * 64, "half.png") for position in (0, 1))
    runs = [run(1, *pictures), run(2, *pictures, mask), run(3, *pictures, mask, second)]
    found = row(settings_of(runs), "masks")
    assert found.values == ("none", "content: half.png", "content: half.png + style 2: half.png")
    assert found.differs
    moved = row(settings_of([run(1, *pictures, first), run(2, *pictures, second)]), "masks")
    assert moved.values == ("style 1: half.png", "style 2: half.png")
    assert moved.differs
    assert not row(settings_of([runs[2], runs[2]]), "masks").differs
    assert "masks" not in [row.name for row in settings_of(runs[:1])]
