"""What a sweep can vary, by the names of the settings panel, and values to begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nst_core import (
    LAYERS,
    ConfigError,
    StyleTransferConfig,
    axis_setting,
    axis_settings,
    describe_value,
    parse_axis,
)
from pages._ui.settings_fields import catalogue
from pages._ui.sweep_axes_state import PICTURES, AxisDraft, draft_of

FACTORS = {
    "alpha": 10,
    "beta": 10,
    "gamma": 10,
    "style_scale": 2,
    "learning_rate": 4,
    "steps": 2,
    "stop_window": 2,
}
"""How far below and above the base setting a range begins and ends."""
LISTS = {
    "init_mix": "0.25, 0.5, 0.75",
    "averaging": "0, 0.9, 0.99",
    "stop_below": "0, 0.1, 1",
    "outputs": "1, 2",
    "weights": "imagenet, textures",
}
"""Values to begin with where a range around the base setting would say little."""
PICTURE_NOTES = {
    "content": "Each picture is the content of runs of its own, in place of the one chosen.",
    "style": "Each picture is the one style of runs of its own, in place of those chosen.",
}


class AxisField(NamedTuple):
    """What can be varied: its name in the core, its label and its help."""

    name: str
    label: str
    help: str

    @property
    def code(self) -> str:
        """Its name where the label does not say it, else nothing."""
        words = self.label.lower().replace("(", "").replace(")", "").split()
        is_said = "." in self.name or self.name in (*PICTURES, *words, "_".join(words))
        return "" if is_said else self.name

    @property
    def title(self) -> str:
        """Its label with its name, to be found by either."""
        return f"{self.label} · {self.code}" if self.code else self.label


def axis_fields(layers: Sequence[str]) -> Mapping[str, AxisField]:
    """Return what can be varied by name: pictures, settings, then the weights of ``layers``."""
    names = [setting.name for setting in axis_settings()]
    names += [f"style_layers.{layer}" for layer in LAYERS if layer in layers]
    names += [f"content_layers.{layer}" for layer in LAYERS if layer in layers]
    return {name: axis_field(name) for name in names}


def axis_field(name: str) -> AxisField:
    """Return what is varied by a name that ``axis_setting`` knows."""
    if name in PICTURES:
        return AxisField(name, f"{name.capitalize()} image", PICTURE_NOTES[name])
    setting, _, layer = name.partition(".")
    if layer:
        whose = "Style" if setting == "style_layers" else "Content"
        words = f"Weight of {layer} in the {whose.lower()} loss; the other layers keep theirs."
        return AxisField(name, f"{whose} layer {layer}", words)
    return AxisField(name, catalogue()[setting].label, catalogue()[setting].help)


def first_values(name: str, base: StyleTransferConfig) -> AxisDraft:
    """Return an axis with values to begin with, around the base setting; pictures have none."""
    setting = axis_setting(name)
    if name in PICTURES:
        return AxisDraft(name)
    if setting.kind == "word":
        fitting = (word for word in setting.words if _fits(base, name, word))
        return draft_of(parse_axis(f"{name}={','.join(fitting)}"))
    if setting.kind == "switch":
        return draft_of(parse_axis(f"{name}=yes,no"))
    return draft_of(parse_axis(f"{name}={_values(name, base)}"))


def _fits(base: StyleTransferConfig, name: str, word: str) -> bool:
    try:
        base.changed(**{name: word})
    except ConfigError:
        return False
    return True


def _values(name: str, base: StyleTransferConfig) -> str:
    """Return values as an axis's text has them."""
    group, _, layer = name.partition(".")
    if layer:  # 0 only where another layer is left
        others = any(share for other, share in getattr(base, group) if other != layer)
        return "0, 0.5, 1" if others else "0.5, 1, 2"
    if name in LISTS:
        return LISTS[name]
    value = getattr(base, name)
    if name == "seed":
        first = min(value, 2**63 - 3)
        return f"{first}, {first + 1}, {first + 2}"
    if name == "levels":
        most = min(3, (base.size // 32).bit_length())  # a level begins at 32 px or more
        return ", ".join(str(level) for level in range(1, most + 1))
    if name == "size":
        low = max(32, value // 2)
        return f"{low}, {value}" if low < value else f"{low}, {2 * low}"
    if name not in FACTORS:  # a new setting
        return describe_value(value)
    if value == "auto":
        value = 1 if base.optimizer_in_use == "lbfgs" else 0.02
    return _around(name, value or getattr(StyleTransferConfig(), name), FACTORS[name])


def _around(name: str, value: float, factor: int) -> str:
    """Return a log range around ``value`` that stays within the setting's limits."""
    field = catalogue()[name]
    low, high = max(value / factor, field.low), min(value * factor, field.high)
    if field.shape == "integer":
        low, high = round(low) or 1, round(high)
    return f"{describe_value(low)}:{describe_value(high)}:log:3"
