"""Axes: as they are typed, as they are kept, the values they stand for, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from nst_core.axes import Axis
from nst_core.axis_names import axis_setting, axis_settings
from nst_core.axis_text import parse_axis
from nst_core.config import LAYERS, StyleTransferConfig
from nst_core.errors import ConfigError, LayerError

TYPED: list[tuple[str, tuple[Any, ...]]] = [
    ("beta=1e3:1e6:log:4", (1e3, 1e4, 1e5, 1e6)),
    ("alpha=0:0.3:linear:4", (0.0, 0.1, 0.2, 0.3)),
    ("steps=100,300", (100, 300)),
    ("steps=3e2,100.0", (300, 100)),
    ("steps=10:20:linear:3", (10, 15, 20)),
    ("steps=10:12:linear:9", (10, 11, 12)),
    ("steps=1:100:log:3", (1, 10, 100)),
    ("steps=1:4:log:9", (1, 2, 3, 4)),
    ("seed=0:9223372036854775807:linear:2", (0, 2**63 - 1)),
    ("optimizer=adam,lbfgs", ("adam", "lbfgs")),
    ("normalize_activations=yes,no", (True, False)),
    ("normalize_activations=OFF", (False,)),
    ("learning_rate=auto,0.05", ("auto", 0.05)),
    ("levels=auto,2", ("auto", 2)),
    ("style_layers.conv1_1=0:1:linear:3", (0.0, 0.5, 1.0)),
    ("content_layers.conv4_2=1", (1.0,)),
    ("weights=auto,imagenet", ("auto", "imagenet")),
    ('style="night, lake.jpg",cat.jpg', ("night, lake.jpg", "cat.jpg")),
    ('style="a ""quoted"" name",b=c.jpg', ('a "quoted" name', "b=c.jpg")),
    ("style=C:/a.jpg,b.jpg", ("C:/a.jpg", "b.jpg")),
    ("  gamma = 1 , -0 ", (1.0, 0.0)),
]


@pytest.mark.parametrize(("text", "values"), TYPED)
def test_an_axis_is_read_and_written_back(text: str, values: tuple[Any, ...]) -> None:
    axis = parse_axis(text)
    assert axis.grid == values
    assert [type(value) for value in axis.grid] == [type(value) for value in values]
    assert parse_axis(str(axis)) == Axis.from_json(axis.to_json()) == axis


def test_a_range_without_count_is_written_back() -> None:
    axis = parse_axis("beta=1e3:1e6")
    assert str(axis) == "beta=1000:1e6:linear"
    assert parse_axis(str(axis)) == Axis.from_json(axis.to_json()) == axis
    with pytest.raises(ConfigError, match="how many values a grid takes"):
        _ = axis.grid


def test_a_zero_has_no_sign() -> None:
    assert math.copysign(1, float(parse_axis("gamma=-0.0").grid[0])) == 1


@pytest.mark.parametrize("count", [2, 3, 7, 100])
@pytest.mark.parametrize(("low", "high"), [(1 / 3, 1e7 / 3), (0.1 + 0.2, 7e11 / 9)])
def test_log_ranges_are_geometric_and_hold_both_ends(low: float, high: float, count: int) -> None:
    grid = [float(value) for value in Axis("beta", (), low, high, "log", count).grid]
    assert (grid[0], grid[-1], len(grid)) == (low, high, count)
    ratios = np.array(grid[1:]) / grid[:-1]
    np.testing.assert_allclose(ratios, (high / low) ** (1 / (count - 1)), rtol=1e-10)


def test_whole_numbers_are_rounded_and_stand_once() -> None:
    grid = parse_axis("steps=1:1000:log:50").grid
    assert len(set(grid)) == len(grid) < 50
    assert list(grid) == sorted(grid)
    exact = {round(1000 ** (k / 49)) for k in range(50)}
    assert set(grid) == exact


def test_a_long_range_of_seeds_keeps_its_digits() -> None:
    low, high = 2**62 + 1, 2**62 + 9
    assert Axis("seed", (), low, high, "linear", 3).grid == (low, low + 4, high)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no axis; write beta=1e3:1e6:log:5"),
        ("beta", "'beta' is no axis"),
        ("=1", "'=1' is no axis"),
        ("betta=1", "there is no setting 'betta' to vary; choose one of content, style, alpha"),
        ("be ta=1", "there is no setting 'be ta'"),
        ("Beta=1", "there is no setting 'Beta'"),
        ("x" * 5000 + "=1", "there is no setting 'xxx"),
        ("steps=", "steps: there are no values; write"),
        ("steps=  ", "steps: there are no values; write"),
        ("beta=1,,2", "beta: a value is missing or its quotes do not close in '1,,2'"),
        ("beta=1,", "beta: a value is missing"),
        ('style="a', "style: a value is missing or its quotes do not close"),
        ("style=a\nb", "style: a value is missing or its quotes do not close in 'a\\nb'"),
        ("beta=a lot", "beta: 'a lot' is no number"),
        ("beta=1 000", "beta: '1 000' is no number"),
        ("beta=1_000", "beta: '1_000' is no number"),
        ("beta=0x10", "beta: '0x10' is no number"),
        ("beta=\u0661\u0662", "is no number"),
        ("beta=1e3:\u0661\u0662:log:3", "is no number"),
        ("beta=1:9:log:\u0663", "the number of values must be a whole number"),
        ("beta=nan", "beta: 'nan' is no number"),
        ("beta=1:inf:log:3", "beta: 'inf' is no number"),
        ("beta=1e400", "beta: must be a finite number, got inf"),
        ("beta=-1", "beta: must be greater than or equal to 0, got -1"),
        ("init_mix=0:2:linear:3", "init_mix: must be less than or equal to 1, got 2"),
        ("averaging=0:1:linear:3", "averaging: must be less than 1, got 1"),
        ("steps=1.5", "steps: must be a valid integer"),
        ("steps=" + "9" * 5000, "is no number"),
        ("seed=9223372036854775808", "seed: must be less than or equal to 9223372036854775807"),
        ("learning_rate=slow", "learning_rate: 'slow' is no number, nor auto"),
        ("learning_rate=auto:1", "learning_rate: 'auto' is no number"),
        ("optimizer=sgd", "optimizer: must be 'auto', 'adam' or 'lbfgs', got 'sgd'"),
        ("optimizer=adam,adam", "optimizer: adam stands twice; list it once"),
        ("beta=1,1.0", "beta: 1 stands twice"),
        ("normalize_activations=maybe", "normalize_activations: must be yes or no, got 'maybe'"),
        ("normalize_activations=yes,on", "normalize_activations: yes stands twice"),
        ("beta=1e6:1e3:log:4", "beta: the range runs from 1e6 down to 1000; write the lower"),
        ("beta=1e3:0:log:4", "beta: a log range begins above 0, got 0; raise it, or take linear"),
        ("beta=0:1e3:log:4", "beta: a log range begins above 0, got 0"),
        ("beta=5:5:linear:3", "beta: both ends are 5; write beta=5 for one value"),
        ("beta=1:5:linear:1", "beta: a range takes 2 to 10000 values, got 1"),
        ("beta=1:5:linear:0", "beta: a range takes 2 to 10000 values, got 0"),
        ("beta=1:5:linear:1000000000", "beta: a range takes 2 to 10000 values"),
        ("beta=1:5:linear:-3", "beta: the number of values must be a whole number, got '-3'"),
        ("beta=1:5:7", "beta: a range is low:high:linear:count or low:high:log:count"),
        ("beta=1:5:cubic:3", "beta: a range is low:high:linear:count"),
        ("beta=1:5:log:3:4", "beta: a range is low:high:linear:count"),
        ("beta=:5:log:3", "beta: '' is no number"),
        ("style_layers.conv9_1=1", "VGG-19 has no layer 'conv9_1'; it has conv1_1"),
        ("style_layers.=1", "VGG-19 has no layer ''"),
        ("style_layers.conv1_1=-1", "style_layers: the weight of conv1_1 must be 0 or more"),
        ("style_layers=conv1_1", "vary the weight of one layer, as in style_layers.conv1_1="),
        ("alpha.conv1_1=1", "there is no setting 'alpha.conv1_1'"),
        ("style_weights=1,2", "style_weights: it is a list and cannot be varied"),
        ("device=cpu,cuda", "device: it says where a run computes, not what"),
    ],
)
def test_a_bad_axis_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_axis(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"name": "beta"}, "beta: there are no values"),
        ({"name": "beta", "values": (1.0,), "low": 1}, "give values or a range, not both"),
        ({"name": "beta", "low": 1}, "beta: a range has two ends"),
        ({"name": "beta", "count": 3}, "beta: a range has two ends"),
        ({"name": "beta", "low": 1, "high": 2, "scale": "cubic"}, "linear or log, got 'cubic'"),
        ({"name": "beta", "low": 1, "high": 2, "count": 2.5}, "2 to 10000 values, got 2.5"),
        ({"name": "beta", "low": 1, "high": 2, "count": True}, "2 to 10000 values, got True"),
        ({"name": "beta", "low": 1, "high": math.nan}, "beta: must be a finite number, got nan"),
        ({"name": "beta", "low": True, "high": 5}, "beta: 'True' is no number"),
        ({"name": "beta", "values": ("5",)}, "beta: '5' is no number"),
        ({"name": "steps", "values": (True,)}, "steps: 'True' is no number"),
        ({"name": "steps", "values": (10**400,)}, "steps: must be less than or equal to"),
        ({"name": "steps", "values": range(1, 10_002)}, "10001 values are too many"),
        ({"name": "steps", "low": 1, "high": 9.5}, "steps: must be a valid integer"),
        ({"name": "pooling", "low": 1, "high": 2}, "list values: pooling=max,average"),
        ({"name": "resolution_invariant", "low": 0, "high": 1}, "resolution_invariant=yes,no"),
        ({"name": "resolution_invariant", "values": (1,)}, "must be yes or no, got '1'"),
        ({"name": "style", "values": ("a\nb",)}, "style: must be a text without line breaks"),
        ({"name": "style", "values": (" a",)}, "style: must be a text without line breaks"),
        ({"name": "style", "values": ("",)}, "style: must be a text"),
        ({"name": "style", "values": (3,)}, "style: must be a text"),
    ],
)
def test_a_bad_axis_from_python_is_said_in_one_line(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Axis(**parts)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_layer_is_a_layer_error() -> None:
    with pytest.raises(LayerError):
        parse_axis("content_layers.conv6_1=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no axis: it is no JSON"),
        ("[" * 100_000, "this is no axis: it is no JSON"),
        ("[]", "this is no axis"),
        ("{}", "this is no axis (name: Field required)"),
        ('{"name": 3, "values": [1]}', "this is no axis (name: "),
        ('{"name": "beta", "values": [null]}', "this is no axis (values.0"),
        ('{"name": "beta", "value": [1]}', "this is no axis (value: "),
        ('{"name": "beta", "values": [NaN]}', "beta: must be a finite number, got nan"),
        ('{"name": "beta", "values": []}', "beta: there are no values"),
    ],
)
def test_json_of_another_kind_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Axis.from_json(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_axis_cannot_be_changed_and_can_be_a_key() -> None:
    axis = parse_axis("beta=1,2")
    with pytest.raises(dataclasses.FrozenInstanceError):
        axis.name = "alpha"  # type: ignore[misc]
    assert hash(axis) == hash(Axis("beta", (1, 2)))


def test_every_setting_can_be_varied_or_says_why_not() -> None:
    offered = {setting.name: setting for setting in axis_settings()}
    assert list(offered)[:2] == ["content", "style"]
    for name in StyleTransferConfig.model_fields:
        if name not in offered:
            with pytest.raises(ConfigError, match=f"^{name}: "):
                axis_setting(name)
    refused = set(StyleTransferConfig.model_fields) - set(offered)
    assert refused == {"content_layers", "style_layers", "style_weights", "device"}
    assert offered["learning_rate"][1:] == ("number", ("auto",))
    assert offered["levels"][1:] == ("integer", ("auto",))
    assert offered["pooling"][1:] == ("word", ("max", "average"))
    assert offered["resolution_invariant"].kind == "switch"
    assert offered["weights"].kind == "text"
    for layer in LAYERS:
        assert axis_setting(f"style_layers.{layer}").is_number


SHARES = (np.arange(60_000) + 0.5) / 60_000


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("optimizer=lbfgs,adam", ["lbfgs", "adam"]),
        ("beta=1,5,2", [1.0, 5.0, 2.0]),
        ("steps=7:12:linear", list(range(7, 13))),
    ],
)
def test_even_shares_draw_each_value_as_often(text: str, values: list[Any]) -> None:
    axis = parse_axis(text)
    drawn = [axis.at(share) for share in SHARES]
    assert axis.size == len(values)
    for value in values:
        assert drawn.count(value) == pytest.approx(len(drawn) / len(values), rel=1e-3)
    assert all(axis.holds(value) for value in drawn)


@pytest.mark.parametrize(
    ("text", "share", "value"),
    [
        ("beta=1e2:1e6:log", 0.25, 1e3),
        ("beta=1e2:1e6:log", 0.5, 1e4),
        ("alpha=1:3:linear", 0.25, 1.5),
        ("steps=1:10000:log", 0.5, round(math.sqrt(0.5 * 10000.5))),
    ],
)
def test_a_share_lies_on_the_scale(text: str, share: float, value: float) -> None:
    assert parse_axis(text).at(share) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["beta=0.1:0.3:log", "steps=3:100:log", "alpha=0.1:0.7:linear", "seed=5:9223372036854775807"],
)
def test_shares_never_leave_the_range(text: str) -> None:
    axis = parse_axis(text)
    low, high = axis.at(0.0), axis.at(math.nextafter(1, 0))
    assert axis.low is not None
    assert axis.high is not None
    assert low == pytest.approx(axis.low)
    assert high == pytest.approx(axis.high)
    assert axis.holds(low)
    assert axis.holds(high)


@pytest.mark.parametrize(
    ("text", "value", "held"),
    [
        ("steps=1:9", 9, True),
        ("steps=1:9", 10, False),
        ("steps=1:9", 5.0, False),
        ("steps=1:9", True, False),
        ("beta=1:9", 4.2, True),
        ("beta=1:9", "4", False),
        ("normalize_activations=yes", True, True),
        ("normalize_activations=yes", 1, False),
        ("normalize_activations=yes", False, False),
    ],
)
def test_an_axis_holds_what_a_sampler_could_take(text: str, value: object, held: bool) -> None:
    assert parse_axis(text).holds(value) is held
