"""What of a run can be varied: its settings, the weights of its layers, and its pictures."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

from nst_core.config import LAYERS, StyleTransferConfig
from nst_core.errors import ConfigError, LayerError

Kind = Literal["integer", "number", "word", "switch", "text"]

PICTURES = ("content", "style")
LAYER_FIELDS = ("content_layers", "style_layers")
NO_AXES = {
    "content_layers": "vary the weight of one layer, as in content_layers.conv4_2=0.5,1",
    "style_layers": "vary the weight of one layer, as in style_layers.conv1_1=0:1:linear:3",
    "style_weights": "it is a list and cannot be varied; vary the picture, as in style=a.jpg,b.jpg",
    "device": "it says where a run computes, not what, and cannot be varied; leave it out",
}


class AxisSetting(NamedTuple):
    """Something that can be varied.

    Attributes:
        name: as an axis spells it: ``beta``, ``style_layers.conv1_1``, ``content``.
        kind: integer and number take ranges; word, switch (yes or no) and text only lists.
        words: what a word may be, or what may stand in a number's place, such as ``auto``.
    """

    name: str
    kind: Kind
    words: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it may be a range."""
        return self.kind in ("integer", "number")


def axis_settings() -> tuple[AxisSetting, ...]:
    """Return the pictures and settings that can be varied, in the config's order.

    Layers' weights, such as ``style_layers.conv1_1``, can be varied beside these.
    """
    return tuple(_settings().values())


@cache
def _settings() -> dict[str, AxisSetting]:
    found = {name: AxisSetting(name, "text") for name in PICTURES}
    for name, schema in StyleTransferConfig.model_json_schema()["properties"].items():
        if name not in NO_AXES:
            found[name] = _setting(name, schema)
    return found


def _setting(name: str, schema: dict[str, Any]) -> AxisSetting:
    members = schema.get("anyOf", [schema])
    words = [member["const"] for member in members if "const" in member]
    kinds: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "switch"}
    for member in members:
        if member.get("type") in kinds:
            return AxisSetting(name, kinds[member["type"]], tuple(words))
    choices = schema.get("enum", ())
    return AxisSetting(name, "word" if choices else "text", tuple(choices))


def axis_setting(name: str) -> AxisSetting:
    """Return what an axis of this name varies.

    Raises:
        ConfigError: there is nothing of this name, or it cannot be varied; LayerError where
            VGG-19 has no such layer.
    """
    field, dot, layer = name.partition(".")
    if dot and field in LAYER_FIELDS:
        if layer not in LAYERS:
            raise LayerError(
                f"{field}: VGG-19 has no layer {layer[:60]!r}; it has {', '.join(LAYERS)}"
            )
        return AxisSetting(name, "number")
    if name in NO_AXES:
        raise ConfigError(f"{name}: {NO_AXES[name]}")
    if name not in _settings():
        raise ConfigError(
            f"there is no setting {name[:60]!r} to vary; choose one of {', '.join(_settings())}, "
            "or a layer's weight as in style_layers.conv1_1"
        )
    return _settings()[name]
