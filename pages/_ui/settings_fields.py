"""What each setting looks like on a page; limits, defaults and help come from the config itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Literal

from nst_core import COLOR_TITLES, StyleTransferConfig, exact_number
from pages._ui.errors import plain

LABELS = {
    "alpha": "Content weight (alpha)",
    "beta": "Style weight (beta)",
    "gamma": "Smoothness (gamma)",
    "steps": "Steps",
    "size": "Long edge (px)",
    "outputs": "Pictures to keep",
    "optimizer": "Optimiser",
    "lr_schedule": "Rate schedule",
    "init": "Start image",
    "init_mix": "Share of noise",
    "color_before": "Colour handling before the run",
    "normalize_activations": "Normalise activations",
    "weights": "Network weights",
}
"""Where the field's own name would not say it; other fields are labelled by name and unit."""

WORDS: dict[str, str] = {
    "adam": "Adam",
    "lbfgs": "L-BFGS",
    "cosine": "Cosine down to 0",
    "plateau": "Halved if stalled",
    "content": "Content",
    "style_colors": "Noise in style colours",
    "mix": "Mix with noise",
    **{method: title for method, title in COLOR_TITLES.items() if method != "none"},
    "gram": "Gram matrices",
    "covariance": "Means and covariances",
    "wasserstein": "2-Wasserstein",
    "patches": "Patches of pixels",
    "replicate": "Border colour",
    "float32": "float32",
    "bfloat16": "bfloat16",
}
"""Where a choice's own word is a code; other choices are shown as they are spelt."""

WIDEST_INTEGER = 2**53 - 1
"""JavaScript counts exactly up to here; a number beyond it must travel as text."""

Shape = Literal[
    "choice", "switch", "integer", "number", "text", "integer text", "number text", "json"
]


@dataclass(frozen=True)
class Setting:
    """One field of the config, as a widget needs it."""

    name: str
    label: str
    help: str
    shape: Shape
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    word: str | None = None
    """A word that may stand in place of the number: an empty entry means it."""


def catalogue() -> Mapping[str, Setting]:
    """Every setting of the config by its name, in the config's order."""
    return _catalogue(StyleTransferConfig)


@lru_cache(maxsize=4)
def _catalogue(config: type[StyleTransferConfig]) -> dict[str, Setting]:
    properties: dict[str, dict[str, Any]] = config.model_json_schema()["properties"]
    return {name: _setting(name, schema) for name, schema in properties.items()}


def _setting(name: str, schema: dict[str, Any]) -> Setting:
    unit = schema.get("unit", "")
    label = LABELS.get(name) or name.replace("_", " ").capitalize()
    if unit and unit not in label.lower():
        label += f" ({unit})"
    members = schema.get("anyOf", [schema])
    words = [member["const"] for member in members if "const" in member]
    others = [member for member in members if "const" not in member]
    common: dict[str, Any] = {
        "name": name,
        "label": label,
        "help": plain(schema.get("description", "")),
    }
    if len(others) != 1 or len(words) > 1:
        return Setting(**common, shape="json")
    shape, limits = _shape(others[0])
    if words and shape not in {"integer", "number"}:
        shape = "json"
    return Setting(**common, shape=shape, word=words[0] if words else None, **limits)


def _shape(schema: dict[str, Any]) -> tuple[Shape, dict[str, Any]]:
    """Choose the widget for a JSON type; JSON itself is the answer to types not thought of."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    limits = {"low": low, "high": high}
    kind = schema.get("type")
    if kind == "string" and "enum" in schema:
        return "choice", {"choices": tuple(schema["enum"])}
    if kind == "boolean":
        return "switch", {}
    if kind == "string":
        return "text", {}
    if kind == "integer":
        whole = low is not None and high is not None and abs(high) <= WIDEST_INTEGER
        return ("integer", limits) if whole else ("integer text", {})
    if kind == "number":
        # Beyond four figures an entry box would show 100000000 where 1e8 is meant.
        tame = low is not None and high is not None and high <= 1e4
        return ("number", limits) if tame else ("number text", limits)
    return "json", {}


def words_for(choice: str) -> str:
    """Return how a choice is called on a page."""
    return WORDS.get(choice) or choice.replace("_", " ").capitalize()


def shown(setting: Setting, value: Any) -> Any:
    """Return what the widget holds for a value of the config, or for what was typed instead."""
    if setting.word is not None and value == setting.word:
        return None
    if setting.shape == "json":
        return value if isinstance(value, str) else json.dumps(value, default=str)
    if setting.shape.endswith("text") and not isinstance(value, str):
        return exact_number(value)
    return value


def meant(setting: Setting, entry: Any) -> Any:
    """Return what an entry means; what cannot be read stays as typed, for the config to refuse."""
    if entry is None:
        return setting.word
    tight = "".join(entry.split()) if isinstance(entry, str) else entry
    try:
        if setting.shape == "json":
            return json.loads(entry)
        if setting.shape == "integer text":
            return int(tight)
        if setting.shape == "number text" and isfinite(float(tight)):
            return float(tight)
    except ValueError:
        pass
    return entry
