"""An axis as people type it: ``beta=1e3:1e6:log:5``, ``steps=100,300``."""

from __future__ import annotations

import csv
import re
from typing import get_args

from nst_core.axes import FORMS, Axis, Scale, Value
from nst_core.axis_names import AxisSetting, axis_setting
from nst_core.errors import ConfigError

SWITCHES = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}
# ASCII alone: Python would read other scripts' digits and 1_000 too.
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,4})?", re.A | re.I)


def parse_axis(text: str) -> Axis:
    """Read an axis: ``beta=1e3:1e6:log:5``, ``steps=100,300``, ``optimizer=adam,lbfgs``.

    Ranges are ``low:high``, then ``linear`` or ``log``, then how many values a grid takes. Words
    with a comma stand in double quotes, as in CSV; switches are ``yes`` and ``no``.

    Raises:
        ConfigError: it is no axis, or one that cannot be used.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ConfigError(f"{text[:60]!r} is no axis; {FORMS}")
    setting = axis_setting(name)
    if setting.is_number and ":" in rest:
        return _parse_range(setting, rest)
    return Axis(name, tuple(_read(setting, item) for item in _split(name, rest)))


def _parse_range(setting: AxisSetting, text: str) -> Axis:
    low, high, *more = (part.strip() for part in text.split(":"))
    scale, *counts = more or ["linear"]
    if scale not in get_args(Scale) or len(counts) > 1:
        raise ConfigError(
            f"{setting.name}: a range is low:high:linear:count or low:high:log:count, got "
            f"{text[:60]!r}"
        )
    if counts and not (counts[0].isascii() and counts[0].isdigit() and len(counts[0]) < 20):
        raise ConfigError(
            f"{setting.name}: the number of values must be a whole number, got {counts[0][:60]!r}"
        )
    setting = setting._replace(words=())  # no range ends at auto
    return Axis(
        setting.name,
        low=_read_number(setting, low),
        high=_read_number(setting, high),
        scale=scale,  # type: ignore[arg-type]  # one of them, as was checked
        count=int(counts[0]) if counts else None,
    )


def _split(name: str, text: str) -> list[str]:
    try:
        (items,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):  # ValueError: nothing, or several lines
        items = [] if not text else [""]
    if not items:
        raise ConfigError(f"{name}: there are no values; {FORMS}")
    if "" in (items := [item.strip() for item in items]):
        raise ConfigError(f"{name}: a value is missing or its quotes do not close in {text[:60]!r}")
    return items


def _read(setting: AxisSetting, text: str) -> Value:
    if setting.is_number and text not in setting.words:
        return _read_number(setting, text)
    if setting.kind == "switch":
        return SWITCHES.get(text.lower(), text)
    return text


def _read_number(setting: AxisSetting, text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        words = f", nor {' or '.join(setting.words)}" if setting.words else ""
        raise ConfigError(f"{setting.name}: {text[:60]!r} is no number{words}")
    return int(text) if text.lstrip("+-").isdigit() else float(text)
