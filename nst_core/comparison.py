"""What is put side by side: pictures of runs, each with its own treatment of colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.color import COLOR_METHODS, COLOR_TITLES, ColorMethod
from nst_core.errors import ConfigError, ImageError, RunError
from nst_core.export import recolor_picture, stored_result
from nst_core.image import (
    Picture,
    fit_size,
    have_one_shape,
    load_image,
    load_mask,
    resize,
)
from nst_core.metrics import color_difference_map, ssim
from nst_core.store import Run, RunInput, Snapshot, Store

LETTERS = "ABCDEFGH"
MOST_SIDES = len(LETTERS)
_SIDE = re.compile(
    r"(?P<run>\d{1,9})"
    r"(?:\.(?P<picture>content|style-[1-9]|step-\d{1,9}))?"
    r"(?:~(?P<method>[a-z_]+)(?:~(?P<percent>\d{1,3}))?(?:~(?P<mask>[0-9a-f]{64}|run))?)?",
    re.ASCII,  # no other script's digits
)


@dataclass(frozen=True)
class Side:
    """One side of a comparison, as an address can hold it (``str(side)`` and :meth:`parse`).

    Attributes:
        run_id: the run whose picture it is.
        picture: ``"result"`` (its last picture), ``"step-300"`` (a snapshot), ``"content"``, or
            ``"style-1"`` and so on.
        method: how its colours are brought to the content's; ``"none"`` is raw.
        percent: strength of the treatment, 0 to 100.
        mask: where it is treated: SHA-256 of a mask in the store, ``"run"`` for the run's content
            mask, or ``""`` for everywhere.

    A raw side has 100 and ``""``, whatever was given, so that one address is one side.
    """

    run_id: int
    picture: str = "result"
    method: ColorMethod = "none"
    percent: int = 100
    mask: str = ""

    def __post_init__(self) -> None:
        """Forget how and where nothing is treated."""
        if self.method == "none":
            object.__setattr__(self, "percent", 100)
            object.__setattr__(self, "mask", "")

    @classmethod
    def parse(cls, text: str) -> Side:
        """Read what ``str`` wrote, as ``12``, ``12.step-300`` or ``12.content~symmetric~80``.

        Raises:
            ConfigError: it cannot be read.
        """
        found = _SIDE.fullmatch(text)
        if found is None or found["method"] not in (None, *COLOR_METHODS):
            raise ConfigError(
                f"{text[:80]!r} names no picture to compare; write a run's number and what of it, "
                "as 12, 12.step-300, 12.content, 12.style-1 or 12~symmetric~80"
            )
        percent = int(found["percent"] or 100)
        if percent > 100:
            raise ConfigError(f"a strength of {percent} % is not possible; use 0 to 100")
        method = next(m for m in COLOR_METHODS if m == (found["method"] or "none"))
        return cls(
            int(found["run"]),
            found["picture"] or "result",
            method,
            percent,
            found["mask"] or "",
        )

    def __str__(self) -> str:
        """Return the side as :meth:`parse` reads it."""
        picture = "" if self.picture == "result" else f".{self.picture}"
        if self.method == "none":
            return f"{self.run_id}{picture}"
        mask = f"~{self.mask}" if self.mask else ""
        return f"{self.run_id}{picture}~{self.method}~{self.percent}{mask}"

    @property
    def is_raw(self) -> bool:
        """Whether the picture is as the run made it."""
        return self.method == "none" or self.percent == 0

    @property
    def treatment(self) -> str:
        """What was done to its colours, in words; ``"raw"`` for nothing."""
        if self.is_raw:
            return "raw"
        strength = "" if self.percent == 100 else f" {self.percent} %"
        return f"{COLOR_TITLES[self.method]}{strength}{' in a mask' if self.mask else ''}"

    def treated(self, method: ColorMethod, percent: int = 100, mask: str = "") -> Side:
        """Return this picture with another treatment of its colours."""
        return replace(self, method=method, percent=percent, mask=mask)


def describe_picture(run: Run, picture: str, snapshot: Snapshot | None = None) -> str:
    """Say what one of a run's pictures is: ``"step 300"``, ``"content, cat.png"``."""
    if picture == "content":
        return f"content, {run.content.name}"
    if picture.startswith("style-"):
        position = int(picture.removeprefix("style-")) - 1
        return f"style, {run.styles[position].name}"
    if snapshot is not None:
        return f"step {snapshot.step}"
    return picture.replace("-", " ")


def pictures_of(run: Run, snapshots: Sequence[Snapshot]) -> list[str]:
    """Return what a :class:`Side` may name of a run: its result first, then the rest."""
    steps = [f"step-{item.step}" for item in reversed(snapshots[:-1])]
    styles = [f"style-{item.position + 1}" for item in run.styles]
    return [*(["result"] if snapshots else []), *steps, "content", *styles]


class FoundSide(NamedTuple):
    """Where a side's picture is, before anything is decoded.

    Attributes:
        snapshot: which of the run's pictures it is, None for a content or style.
        stamp: changes when the picture would; all files are known by their hash.
    """

    side: Side
    run: Run
    snapshot: Snapshot | None
    stamp: str

    @property
    def name(self) -> str:
        """What it is, without its run: ``"step 300"``, ``"content, cat.png"``."""
        return describe_picture(self.run, self.side.picture, self.snapshot)

    @property
    def label(self) -> str:
        """What stands on it: ``"Run 12 · step 300 · raw"``."""
        return f"Run {self.run.id} · {self.name} · {self.side.treatment}"


class Exhibit(NamedTuple):
    """A side with its picture.

    Attributes:
        found: whose picture it is, and which.
        picture: the pixels, colours treated. A content or a style is as large as the run saw it.
    """

    found: FoundSide
    picture: Picture


def find_side(store: Store, side: Side) -> FoundSide:
    """Look for a side's picture.

    Raises:
        RunError: the run, or this picture of it, is not there (any more).
    """
    run = store.run(side.run_id)
    snapshots = store.snapshots(run.id)
    snapshot = _snapshot(side.picture, snapshots)
    if snapshot is None and side.picture not in pictures_of(run, snapshots):
        raise RunError(_not_there(run, side.picture, snapshots))
    own = _input(run, side.picture).sha256 if snapshot is None else snapshot.sha256
    return FoundSide(side, run, snapshot, f"{side} {own} {run.content.sha256} {run.config.size}")


def load_side(store: Store, side: Side) -> Exhibit:
    """Load a side's picture and treat its colours.

    Raises:
        RunError: the run, or this picture of it, is not there (any more).
        StoreError, ImageError: a file is gone or cannot be read; a mask does not fit.
    """
    found = find_side(store, side)
    run, snapshot = found.run, found.snapshot
    picture = _raw(store, run, side.picture, snapshot)
    if side.is_raw:
        return Exhibit(found, picture)
    treated = recolor_picture(
        picture,
        load_image(store.read(run.content.sha256), name=run.content.name),
        side.method,
        strength=side.percent / 100,
        mask=_mask(store, run, side.mask, picture),
    )
    return Exhibit(found, treated)


def _not_there(run: Run, picture: str, snapshots: Sequence[Snapshot]) -> str:
    there = ", ".join(pictures_of(run, snapshots))
    what = "no result yet" if picture == "result" else f"no picture {picture}"
    return f"run {run.id} has {what}; choose one of {there}"


def _snapshot(picture: str, snapshots: Sequence[Snapshot]) -> Snapshot | None:
    if picture == "result":
        return snapshots[-1] if snapshots else None
    return next((item for item in snapshots if picture == f"step-{item.step}"), None)


def _raw(store: Store, run: Run, what: str, snapshot: Snapshot | None) -> Picture:
    if snapshot is not None:
        return stored_result(store, snapshot.sha256, describe_picture(run, what, snapshot))
    item = _input(run, what)
    picture = load_image(store.read(item.sha256), name=item.name)
    scale = 1.0 if what == "content" else run.config.style_scale
    size = fit_size(picture.size, round(run.config.size * scale))
    alpha = None if picture.alpha is None else resize(picture.alpha, size)
    return replace(picture, pixels=resize(picture.pixels, size), alpha=alpha)


def _input(run: Run, what: str) -> RunInput:
    return run.content if what == "content" else run.styles[int(what.removeprefix("style-")) - 1]


def _mask(store: Store, run: Run, mask: str, picture: Picture) -> Tensor | None:
    """Return a side's mask, scaled to its picture, of whose shape it must be."""
    if not mask:
        return None
    name = "the mask"
    if mask == "run":
        item = next((item for item in run.inputs if item.role == "content mask"), None)
        if item is None:
            raise RunError(f"run {run.id} has no content mask; choose another mask, or none")
        mask, name = item.sha256, item.name
    data = store.read(mask)
    size = load_image(data, name=name).size
    if not have_one_shape(size, picture.size):
        raise ImageError(
            f"{' '.join(name.split())}: a mask of {size[1]} x {size[0]} px has another shape than "
            f"its picture of {picture.width} x {picture.height} px; choose one of that shape"
        )
    return resize(load_mask(data, size=size, name=name), picture.size)


def letters_of(found: Sequence[FoundSide]) -> dict[int, str]:
    """Return under which letters each run stands, by its id, as ``"A"`` or ``"A, B"``."""
    letters: dict[int, list[str]] = {}
    for letter, item in zip(LETTERS, found, strict=False):
        letters.setdefault(item.run.id, []).append(letter)
    return {run_id: ", ".join(found) for run_id, found in letters.items()}


class Difference(NamedTuple):
    """How two pictures differ.

    Attributes:
        map: CIEDE2000 of each pixel, ``(H, W)``, float32, from 0.
        mean: its mean.
        ssim: structural similarity of their luminance, -1 to 1.
    """

    map: Tensor
    mean: float
    ssim: float


def difference(a: Picture, b: Picture) -> Difference:
    """Return the CIEDE2000 difference of two pictures of one shape, at the smaller one's size.

    Raises:
        ConfigError: their shapes differ by more than rounding.
    """
    small, large = sorted(
        (a, b), key=lambda picture: (picture.height * picture.width, picture.size)
    )
    if not have_one_shape(small.size, large.size):
        raise ConfigError(
            f"pictures of {a.width} x {a.height} and {b.width} x {b.height} px have different "
            "shapes, so there is no pixel of one for each of the other; compare two of one shape"
        )
    other = resize(large.pixels, small.size)
    found = color_difference_map(small.pixels, other)
    return Difference(found, float(found.double().mean()), ssim(small.pixels, other))


def heat_map(difference: Tensor, most: float) -> Tensor:
    """Draw a map of differences: dark where there is none, white from ``most`` on.

    The colours are a cubehelix (Green 2011): their lightness grows evenly, so that they can be
    read in grey as well.

    Args:
        difference: ``(H, W)``, from 0.
        most: the difference that is drawn in white, above 0.

    Returns:
        ``(1, 3, H, W)``, float32, in ``[0, 1]``.
    """
    return cubehelix((difference / most).clamp(0, 1)).unsqueeze(0)


def cubehelix(values: Tensor) -> Tensor:
    """Return the colours of ``values`` in ``[0, 1]``, any shape, as ``(3, *shape)``.

    Green 2011, "A colour scheme for the display of astronomical intensity images", eq. 2, with
    start 0.3, half a rotation backwards, hue 1.2 and gamma 1.
    """
    angle = 2 * torch.pi * (0.3 / 3 + 1 - 0.5 * values)
    amplitude = 1.2 * values * (1 - values) / 2
    cosine, sine = angle.cos(), angle.sin()
    red = values + amplitude * (-0.14861 * cosine + 1.78277 * sine)
    green = values + amplitude * (-0.29227 * cosine - 0.90649 * sine)
    blue = values + amplitude * (1.97294 * cosine)
    return torch.stack([red, green, blue]).clamp(0, 1)
