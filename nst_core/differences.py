"""Which settings of several runs differ, in words that can be read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from nst_core.config import StyleTransferConfig
from nst_core.store import Run, RunInput


class SettingRow(NamedTuple):
    """A setting of several runs.

    Attributes:
        name: the setting's name, as the config, the command line and the JSON have it.
        values: one a run, as text.
        differs: whether they are not all the same.
    """

    name: str
    values: tuple[str, ...]
    differs: bool


def settings_of(runs: Sequence[Run]) -> list[SettingRow]:
    """Return pictures, settings and network of ``runs``, a row each, in the config's order."""
    rows = [
        _pictures("content image", runs, ("content",)),
        _pictures("style images", runs, ("style",)),
    ]
    if any(item.role.endswith("mask") for run in runs for item in run.inputs):
        rows.append(_pictures("masks", runs, ("content mask", "style mask")))
    for name in StyleTransferConfig.model_fields:
        rows.append(_row(name, [getattr(run.config, name) for run in runs]))
    rows.append(_row("network", [run.weights or "" for run in runs]))
    rows.append(_row("computed on", [run.device or "" for run in runs]))
    return rows


def _row(name: str, values: Iterable[Any]) -> SettingRow:
    texts = tuple(map(describe_value, values))
    return SettingRow(name, texts, len(set(texts)) > 1)


def _pictures(name: str, runs: Sequence[Run], roles: tuple[str, ...]) -> SettingRow:
    """Compare pictures by their bytes; of one name and other bytes, the hash tells them apart."""
    each = [[item for item in run.inputs if item.role in roles] for run in runs]
    hashes = {tuple((item.role, item.position, item.sha256) for item in items) for items in each}
    bytes_of: dict[str, set[str]] = {}
    for item in (item for items in each for item in items):
        bytes_of.setdefault(item.name, set()).add(item.sha256)
    return SettingRow(name, tuple(_names(items, bytes_of) for items in each), len(hashes) > 1)


def _names(items: Iterable[RunInput], bytes_of: Mapping[str, set[str]]) -> str:
    named = (
        f"{_masked(item)}{item.name}"
        + (f" ({item.sha256[:8]})" if len(bytes_of[item.name]) > 1 else "")
        for item in items
    )
    return " + ".join(named) or "none"


def _masked(item: RunInput) -> str:
    """Say what a mask is of: the same mask on another picture is another setting."""
    if item.role == "content mask":
        return "content: "
    return f"style {item.position + 1}: " if item.role == "style mask" else ""


def describe_value(value: Any) -> str:
    """Write a setting's value as people type it: ``1e8``, ``yes``, ``conv1_1: 0.2, ...``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return exact_number(value)
    if isinstance(value, tuple):
        if value and hasattr(value[0], "layer"):
            return ", ".join(f"{layer}: {exact_number(weight)}" for layer, weight in value)
        return ", ".join(map(describe_value, value)) or "none"
    return "none" if value is None else str(value)


def exact_number(number: float) -> str:
    """Write a number as short as reads back the same: ``1e8``, ``3.7e7``, ``0.013``, ``10``."""
    if number == 0:
        return "0"
    if isinstance(number, int) or 1e-3 <= abs(number) < 1e5:
        return repr(number).removesuffix(".0")
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    head, tail = digits[0], "".join(map(str, digits[1:]))
    power = int(exponent) + len(tail)
    return f"{'-' * sign}{head}{'.' * bool(tail)}{tail}e{power}"
