"""What a session planned of its next sweep, kept apart from the widgets that show it.

As the settings are (see ``settings_state``): widgets vanish with their page, and what a person
typed must not, be it right or wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from nst_core import Axis, AxisSetting, ConfigError, StoredPicture, axis_setting, describe_value
from nst_core import parse_axis as read_axis
from pages._ui.chosen import chosen

PICTURES = ("content", "style")
DRAFT = "sweep_draft"
EXAMPLES = {"integer": "100, 300", "number": "1e3, 1e4, 1e5", "text": "imagenet, textures"}


@dataclass
class AxisDraft:
    """An axis as it is being entered: a list and a range side by side, whichever is shown.

    Attributes:
        name: as :class:`nst_core.Axis` has it.
        slot: tells its widgets from those of other axes, former ones included.
        form: whether a number's ``listed`` counts, or its range.
        listed, low, high: as typed.
        picked: the words or switches that are chosen.
        pictures: the pictures that are chosen.
    """

    name: str
    slot: int = 0
    form: Literal["List", "Range"] = "List"
    listed: str = ""
    low: str = ""
    high: str = ""
    scale: Literal["linear", "log"] = "linear"
    count: int = 3
    picked: list[str] = field(default_factory=list)
    pictures: list[StoredPicture] = field(default_factory=list)

    @property
    def setting(self) -> AxisSetting:
        """What it varies."""
        return axis_setting(self.name)

    @property
    def choices(self) -> tuple[str, ...]:
        """What can be picked: a word's choices, or a switch's; nothing where one types."""
        if self.setting.kind == "switch":
            return ("yes", "no")
        return self.setting.words if self.setting.kind == "word" else ()

    def read(self, *, is_grid: bool) -> Axis:
        """Return the axis that was entered.

        Args:
            is_grid: whether a range is divided; samplers take any value of it.

        Raises:
            ConfigError: there is none yet, or it cannot be used.
        """
        if self.name in PICTURES:
            if len(self.pictures) < 2:
                raise ConfigError("choose two pictures or more")
            return Axis(self.name, tuple(self.by_name))
        if self.choices:
            if not self.picked:
                raise ConfigError("choose at least one")
            return read_axis(f"{self.name}={','.join(self.picked)}")
        if self.form == "Range":
            ends = f"{self.low.strip()}:{self.high.strip()}:{self.scale}"
            return read_axis(f"{self.name}={ends}{f':{self.count}' if is_grid else ''}")
        if not self.listed.strip():
            example = EXAMPLES[self.setting.kind]
            raise ConfigError(f"there are no values: type some, as in {example}")
        return read_axis(f"{self.name}={self.listed}")

    @property
    def by_name(self) -> dict[str, StoredPicture]:
        """Its pictures by the names that the axis gives them, each once."""
        names = unique_names([picture.name for picture in self.pictures])
        return dict(zip(names, self.pictures, strict=True))

    def add_picture(self, picture: StoredPicture) -> None:
        """Choose one more picture; one that is chosen already stays where it is."""
        if picture.sha256 not in (held.sha256 for held in self.pictures):
            self.pictures.append(picture)


@dataclass
class SweepDraft:
    """A sweep as it is being planned; pictures and base settings are the session's own.

    Attributes:
        removed: the axis that was removed last, and where it stood.
        typed, refused: a text that is no axis, and why.
        count: axes so far, for their slots.
    """

    axes: list[AxisDraft] = field(default_factory=list)
    sampler: str = "grid"
    goals: list[str] = field(default_factory=lambda: ["style_distance"])
    directions: dict[str, str | None] = field(default_factory=dict)
    trials: int = 20
    replicates: int = 1
    sampler_seed: int = 0
    removed: tuple[int, AxisDraft] | None = None
    typed: str = ""
    refused: Exception | None = None
    count: int = 0

    @property
    def is_grid(self) -> bool:
        """Whether every combination is run."""
        return self.sampler == "grid"

    def put(self, axis: AxisDraft) -> None:
        """Add an axis, or put it in the place of the one that varies the same."""
        self.count += 1
        axis.slot = self.count
        self.removed = None
        for place, former in enumerate(self.axes):
            if former.name == axis.name:
                self.axes[place] = axis
                return
        self.axes.append(axis)

    def remove(self, axis: AxisDraft) -> None:
        """Take an axis away; :meth:`undo` brings it back."""
        self.removed = (self.axes.index(axis), axis)
        self.axes.remove(axis)

    def undo(self) -> None:
        """Bring back the axis that was removed last."""
        if self.removed is not None:
            self.axes.insert(*self.removed)
            self.removed = None


def draft() -> SweepDraft:
    """Return what this session planned."""
    if DRAFT not in st.session_state:
        st.session_state[DRAFT] = SweepDraft()
    return st.session_state[DRAFT]  # type: ignore[no-any-return]


def draft_of(axis: Axis, pictures: Sequence[StoredPicture] = ()) -> AxisDraft:
    """Return the entries that say ``axis``, the list and the range alike.

    Args:
        pictures: of the values of an axis ``content`` or ``style``.
    """
    found = AxisDraft(axis.name, pictures=list(pictures))
    if found.choices:
        found.picked = [describe_value(value) for value in axis.values]
        return found
    if axis.name in PICTURES:
        return found
    found.form = "List" if axis.values else "Range"
    found.listed = typed_list(axis)
    numbers = [value for value in axis.values if isinstance(value, int | float)]
    low = axis.low if axis.low is not None else min(numbers, default=None)
    high = axis.high if axis.high is not None else max(numbers, default=None)
    found.low = "" if low is None else describe_value(low)
    found.high = "" if high is None else describe_value(high)
    found.scale, found.count = axis.scale, axis.count or max(len(numbers), 2)
    return found


def typed_list(axis: Axis) -> str:
    """Return an axis's values as one types a list of them; nothing for an undivided range."""
    if not axis.values and axis.count is None:
        return ""
    text = str(Axis(axis.name, axis.grid)).partition("=")[2]
    return text.replace(",", ", ") if axis_setting(axis.name).is_number else text


def unique_names(names: Sequence[str]) -> list[str]:
    """Number names that stand twice: ``a.png``, ``a.png (2)``."""
    found: list[str] = []
    for name in names:
        number, own = 1, name
        while own in found:
            number += 1
            own = f"{name} ({number})"
        found.append(own)
    return found


def planned_pictures() -> set[str]:
    """Return the files of all pictures that this session chose, for its next run or sweep."""
    axes = [axis for axis in draft().axes if axis.name in PICTURES]
    return chosen().digests | {picture.sha256 for axis in axes for picture in axis.pictures}
