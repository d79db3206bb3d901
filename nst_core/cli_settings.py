"""Every setting of a run as an option of the command line, and read back from there."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any, get_args

from pydantic.fields import FieldInfo

from nst_core.config import StyleTransferConfig, load_config
from nst_core.defaults import with_usual

_PREFIX = "set_"  # of settings among a command's other options


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for every setting."""
    settings = parser.add_argument_group("settings")
    for name, field in StyleTransferConfig.model_fields.items():
        _add_setting(settings, name, field)


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as options, as text, by their names."""
    return {
        name.removeprefix(_PREFIX): value
        for name, value in vars(options).items()
        if name.startswith(_PREFIX)
    }


def read_settings(options: argparse.Namespace) -> StyleTransferConfig:
    """Return the settings of ``--config``, or the defaults, with those given as options.

    Raises:
        ConfigError: the file cannot be used, or a value.
    """
    base = load_config(options.config) if options.config else StyleTransferConfig()
    return base.changed(**given_settings(options))


def with_usual_settings(
    config: StyleTransferConfig, options: argparse.Namespace, further: Collection[str] = ()
) -> StyleTransferConfig:
    """Return ``config`` with the settings that suit the weights in use.

    But for those that an option names, and not at all with ``--config``. ImageNet's weights are
    to be fetched before, if they are to be fetched at all.

    Args:
        further: settings named otherwise, as by an axis of a sweep.

    Raises:
        WeightsError: the weights asked for cannot be used.
    """
    if options.config:
        return config
    from nst_core.weights import weights_in_use  # loads torch, and --help does without

    name = weights_in_use(config.weights).name
    return with_usual(config, name, {*given_settings(options), *further})


def _add_setting(group: Any, name: str, field: FieldInfo) -> None:
    flag = "--" + name.replace("_", "-")
    shared = {"dest": f"{_PREFIX}{name}", "default": argparse.SUPPRESS, "help": setting_help(field)}
    if field.annotation is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **shared)
    else:
        group.add_argument(flag, metavar=_metavar(field), **shared)


def setting_help(field: FieldInfo) -> str:
    """Return a setting's help text with its range, unit and default, for ``%``-formatting."""
    limits = "" if _choices(field) else setting_range(field)  # choices stand beside the flag
    details = [part for part in (limits, f"default {setting_default(field)}") if part]
    return f"{field.description} ({'; '.join(details)})".replace("%", "%%")


def setting_range(field: FieldInfo) -> str:
    """Return a setting's range or choices: ``"from 1 to 10"``, ``"adam or lbfgs"``, or nothing."""
    choices = _choices(field)
    if choices:
        return " or ".join(choices)
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
    found = []
    for limit in field.metadata:
        for bound, text in words.items():
            value = getattr(limit, bound, None)
            if value is not None and value < 2**31:
                found.append(text.format(f"{value:g}"))
    return " ".join(found)


def setting_default(field: FieldInfo) -> str:
    """Return a setting's default with its unit, as it is written on the command line."""
    value = field.default
    unit = (field.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    if isinstance(value, dict):
        value = ",".join(f"{layer}={weight:g}" for layer, weight in value.items())
    elif isinstance(value, bool):
        value = "on" if value else "off"
    elif isinstance(value, float):
        value = f"{value:g}".replace("e+0", "e")
    elif value == ():
        value = "empty"
    return f"{value} {unit}".strip()


def _choices(field: FieldInfo) -> list[str]:
    choices = get_args(field.annotation)
    return list(choices) if all(isinstance(choice, str) for choice in choices) else []


def _metavar(field: FieldInfo) -> str:
    choices = _choices(field)
    if choices:
        return "{" + ",".join(choices) + "}"
    if isinstance(field.default, dict):
        return "LAYER=WEIGHT,..."
    if field.default == ():
        return "W,W,..."
    return "TEXT" if field.annotation is str else "N"
