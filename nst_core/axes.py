"""What a sweep varies: a setting, the weight of one layer, or a picture, over values or a range."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from nst_core.axis_names import PICTURES, AxisSetting, axis_setting
from nst_core.config import LAYERS, StyleTransferConfig
from nst_core.errors import ConfigError

Value = bool | int | float | str
Scale = Literal["linear", "log"]
Record = TypeVar("Record")

MOST_VALUES = 10_000  # of one axis; far beyond what a person looks at
SIGNIFICANT = 12  # digits of a grid's inner values: 0.3, where floats add up to 0.30000000000000004
FORMS = "write beta=1e3:1e6:log:5, steps=100,300 or style_layers.conv1_1=0:1:linear:3"


@dataclass(frozen=True)
class Axis:
    """What is varied, and over what: listed values, or a range.

    Values become the config's own types (``100.0`` steps are ``100``). Integers of a range are
    rounded, and each stands once.

    Attributes:
        name: a setting, ``style_layers.conv1_1``, ``content`` or ``style``; see
            :func:`~nst_core.axis_names.axis_setting`.
        values: in the order in which they are shown; empty for a range.
        low, high: the range's ends, themselves included.
        scale: how a range is divided; ``log`` begins above 0.
        count: how many values of the range a grid takes, 2 to 10,000; samplers need none.

    Raises:
        ConfigError: the name or a value is none of the config's, a value stands twice, or the
            range is none.
    """

    # What pydantic's reader is told; the class itself is a plain dataclass.
    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    values: tuple[Value, ...] = ()
    low: int | float | None = None
    high: int | float | None = None
    scale: Scale = "linear"
    count: int | None = None

    def __post_init__(self) -> None:
        """Check everything, and take the config's types."""
        setting = axis_setting(self.name)
        no_range = (self.low, self.high, self.count) == (None, None, None)
        if self.values:
            if not no_range:
                raise ConfigError(f"{self.name}: give values or a range, not both")
            object.__setattr__(self, "values", _check_values(setting, self.values))
        elif no_range:
            raise ConfigError(f"{self.name}: there are no values; {FORMS}")
        else:
            self._check_range(setting)

    def _check_range(self, setting: AxisSetting) -> None:
        name = self.name
        if not setting.is_number:
            example = ",".join(setting.words) or {"switch": "yes,no"}.get(setting.kind, "a,b")
            raise ConfigError(f"{name}: only numbers have a range; list values: {name}={example}")
        if self.low is None or self.high is None:
            raise ConfigError(f"{name}: a range has two ends, as in {name}=1:10:linear:3")
        if self.scale not in get_args(Scale):
            raise ConfigError(f"{name}: a range is linear or log, got {str(self.scale)[:60]!r}")
        setting = setting._replace(words=())  # no range ends at auto
        low, high = (_check_value(setting, end) for end in (self.low, self.high))
        assert not isinstance(low, str)
        assert not isinstance(high, str)
        if low == high:
            raise ConfigError(
                f"{name}: both ends are {value_text(low)}; write {name}={value_text(low)} for one "
                "value"
            )
        if self.scale == "log" and min(low, high) <= 0:
            raise ConfigError(
                f"{name}: a log range begins above 0, got {value_text(min(low, high))}; raise it, "
                "or take linear"
            )
        if low > high:
            raise ConfigError(
                f"{name}: the range runs from {value_text(low)} down to {value_text(high)}; write "
                "the lower end first"
            )
        if self.count is not None and not (
            type(self.count) is int and 2 <= self.count <= MOST_VALUES
        ):
            raise ConfigError(
                f"{name}: a range takes 2 to {MOST_VALUES} values, got {self.count!r}; write "
                f"{name}={value_text(low)} for one"
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def __str__(self) -> str:
        """Write it as :func:`~nst_core.axis_text.parse_axis` reads it."""
        if self.values:
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(map(value_text, self.values))
            return f"{self.name}={line.getvalue()}"
        parts = [value_text(end) for end in self._ends]
        parts += [self.scale, *([] if self.count is None else [str(self.count)])]
        return f"{self.name}={':'.join(parts)}"

    @property
    def _ends(self) -> tuple[int | float, int | float]:
        if self.low is None or self.high is None:
            raise ConfigError(f"{self.name}: it lists values and has no range")
        return self.low, self.high

    @property
    def is_integer(self) -> bool:
        """Whether its range is of whole numbers."""
        return axis_setting(self.name).kind == "integer"

    @cached_property
    def grid(self) -> tuple[Value, ...]:
        """Its values in a grid, both ends of a range exactly.

        Raises:
            ConfigError: it is a range without a count.
        """
        if self.values:
            return self.values
        low, high = self._ends
        if self.count is None:
            raise ConfigError(
                f"{self.name}: say how many values a grid takes of the range, as in {self}:5"
            )
        if isinstance(low, int) and isinstance(high, int) and self.scale == "linear":
            return tuple(dict.fromkeys(_whole_steps(low, high, self.count)))
        space = np.geomspace if self.scale == "log" else np.linspace
        inner = [float(f"{x:.{SIGNIFICANT}g}") for x in space(low, high, self.count)[1:-1].tolist()]
        if self.is_integer:
            inner = [round(x) for x in inner]
        return tuple(dict.fromkeys([low, *(min(max(x, low), high) for x in inner), high]))

    @property
    def size(self) -> int | None:
        """How many values a sampler can take of it; None where it is a range of real numbers."""
        if self.values:
            return len(self.values)
        low, high = self._ends
        return int(high - low) + 1 if self.is_integer else None

    def at(self, share: float) -> Value:
        """Return the value at ``share`` of it, 0 up to (but not including) 1, on its scale.

        Uniform shares draw listed values, and whole numbers on a linear range, equally often.
        """
        if self.values:
            return self.values[int(share * len(self.values))]
        low, high = self._ends
        if self.is_integer and self.scale == "linear":
            return min(int(low) + int(share * (high - low + 1)), high)
        half = 0.5 if self.is_integer else 0  # so that the ends are not half as likely as the rest
        if self.scale == "log":
            first, last = math.log(low - half), math.log(high + half)
            drawn = math.exp(first + share * (last - first))
        else:
            drawn = low + share * (high - low)
        return min(max(round(drawn) if self.is_integer else drawn, low), high)

    def holds(self, value: object) -> bool:
        """Whether a sampler could have taken ``value``."""
        if self.values:
            return any(type(value) is type(own) and value == own for own in self.values)
        low, high = self._ends
        kinds: tuple[type, ...] = (int,) if self.is_integer else (int, float)
        return type(value) in kinds and low <= value <= high  # type: ignore[operator]

    def to_json(self) -> str:
        """Write as JSON, all digits kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Axis:
        """Read what :meth:`to_json` wrote.

        Raises:
            ConfigError: the text is none of ours, or the axis cannot be used.
        """
        return read_record(cls, text, "axis")


def _check_values(setting: AxisSetting, values: Iterable[Value]) -> tuple[Value, ...]:
    values = tuple(values)
    if len(values) > MOST_VALUES:
        raise ConfigError(
            f"{setting.name}: {len(values)} values are too many; list {MOST_VALUES} at most"
        )
    checked = tuple(_check_value(setting, value) for value in values)
    value, times = Counter(checked).most_common(1)[0]
    if times > 1:
        raise ConfigError(f"{setting.name}: {value_text(value)} stands twice; list it once")
    return checked


def _check_value(setting: AxisSetting, value: Value) -> Value:
    """Return a value as the config holds it."""
    name = setting.name
    if setting.is_number and value not in setting.words and not _is_number(value):
        words = f", nor {' or '.join(setting.words)}" if setting.words else ""
        raise ConfigError(f"{name}: {str(value)[:60]!r} is no number{words}")
    if setting.kind == "switch" and not isinstance(value, bool):
        raise ConfigError(f"{name}: must be yes or no, got {str(value)[:60]!r}")
    if setting.kind == "text" and not (
        isinstance(value, str) and value and value.isprintable() and value == value.strip()
    ):
        raise ConfigError(
            f"{name}: must be a text without line breaks or spaces around it, got "
            f"{str(value)[:60]!r}"
        )
    held = _held(name, value)
    return held + 0.0 if isinstance(held, float) else held  # so that -0 is 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _held(name: str, value: Value) -> Value:
    """Return what the config makes of one value; it says what is wrong with it."""
    if name in PICTURES:
        return value
    field, _, layer = name.partition(".")
    if layer:  # beside another layer, since a config without any weight is refused
        other = LAYERS[1 if layer == LAYERS[0] else 0]
        config = StyleTransferConfig(**{field: {layer: value, other: 1.0}})
        weights: dict[str, float] = dict(getattr(config, field))
        return weights[layer]
    held: Value = getattr(StyleTransferConfig(**{name: value}), name)
    return held


def _whole_steps(low: int, high: int, count: int) -> list[int]:
    """Divide exactly, where floats would lose digits of a seed; halves are rounded up."""
    parts = count - 1
    return [low + (2 * (high - low) * k + parts) // (2 * parts) for k in range(count)]


def value_text(value: Value) -> str:
    """Write a value as people type it: ``1e3``, ``yes``, ``lbfgs``."""
    from nst_core.differences import describe_value  # above the store, which keeps axes

    return describe_value(value)


def read_record(kind: type[Record], data: object, what: str) -> Record:
    """Read a record of JSON's text, or of what JSON's text holds.

    Raises:
        ConfigError: it is none of ours, or cannot be used.
    """
    try:
        if isinstance(data, str):
            data = json.loads(data)
        record: Record = _adapter(kind).validate_python(data)  # type: ignore[arg-type]  # hashable
        return record
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"this is no {what}: it is no JSON") from None
    cause = (first.get("ctx") or {}).get("error")
    if isinstance(cause, ConfigError):
        raise type(cause)(str(cause))
    place = ".".join(str(part) for part in first["loc"])
    raise ConfigError(f"this is no {what} ({f'{place}: ' if place else ''}{first['msg']})")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
