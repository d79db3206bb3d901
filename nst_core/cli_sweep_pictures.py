"""The pictures of a sweep, from files: all are checked before the store gets one."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from nst_core.axes import Axis
from nst_core.axis_names import PICTURES
from nst_core.errors import ConfigError
from nst_core.image import load_image, load_mask
from nst_core.store import RunInput, Store, StoredPicture
from nst_core.sweep_plan import SweepPlan
from nst_core.sweep_runs import check_sweep


class PictureFile(NamedTuple):
    """A picture of a path, and its record as the store will have it, without a thumbnail."""

    path: str
    record: StoredPicture

    @classmethod
    def read(cls, path: str, *, is_mask: bool = False) -> PictureFile:
        """Decode a file.

        Raises:
            ImageError: it cannot be used.
        """
        picture = load_image(path)
        if is_mask:
            load_mask(path, size=picture.size)  # says where nothing is inside
        height, width = picture.size
        return cls(path, StoredPicture(picture.sha256 or "", picture.name, width, height, ""))

    def keep(self, store: Store) -> StoredPicture:
        """Put it into the store."""
        return store.add_picture(Path(self.path).read_bytes(), self.record.name)


Varied = Mapping[str, Mapping[str, PictureFile]]
"""For an axis ``content`` or ``style``, the picture of each value."""


@dataclass(frozen=True)
class SweepPictures:
    """What a new sweep shows and how it is masked; what an axis varies stands in ``varied``."""

    content: PictureFile | None
    styles: tuple[PictureFile, ...]
    content_mask: PictureFile | None = None
    style_masks: tuple[PictureFile | None, ...] = ()
    varied: Varied = field(default_factory=dict)

    @classmethod
    def read(cls, options: argparse.Namespace, axes: Sequence[Axis]) -> SweepPictures:
        """Read what the command line names.

        Raises:
            ConfigError: a picture is missing, or given twice.
            ImageError: one cannot be used.
        """
        content, styles = _places(options.pictures, [axis.name for axis in axes])
        masks = options.style_mask or []
        if masks and len(masks) != len(styles):
            raise ConfigError(
                f"{len(masks)} style masks for {len(styles)} style pictures; give --style-mask "
                "once for each STYLE, with '-' for all of a picture"
            )
        mask = options.content_mask
        return cls(
            None if content is None else PictureFile.read(content),
            tuple(map(PictureFile.read, styles)),
            None if mask is None else PictureFile.read(mask, is_mask=True),
            tuple(None if m == "-" else PictureFile.read(m, is_mask=True) for m in masks),
            read_varied(axes),
        )

    def check(self, plan: SweepPlan) -> None:
        """Check how pictures, settings and weights go together in every run, as far as it is known.

        Raises:
            NSTError: see :func:`~nst_core.sweep_runs.check_sweep`.
        """
        check_sweep(
            plan,
            self.content.record if self.content else None,
            [style.record for style in self.styles],
            content_mask=self.content_mask.record if self.content_mask else None,
            style_masks=[mask.record if mask else None for mask in self.style_masks],
            pictures={
                axis: {name: file.record for name, file in files.items()}
                for axis, files in self.varied.items()
            },
        )


def _places(paths: Sequence[str], axes: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return the content and the styles among ``paths``; an axis takes the place of its own."""
    missing = [] if "content" in axes else ["CONTENT"]
    missing += [] if "style" in axes else ["STYLE"]
    if len(paths) < len(missing):
        raise ConfigError(
            f"{' and '.join(missing[len(paths) :])} must be given; or vary it, as in "
            "--axis style=a.jpg,b.jpg"
        )
    if "style" in axes and len(paths) > len(missing):
        extra = " ".join(path[:60] for path in paths[len(missing) :])
        raise ConfigError(f"style is varied by its axis and given as {extra} too; leave one out")
    content = None if "content" in axes else paths[0]
    return content, paths if content is None else paths[1:]


def read_varied(
    axes: Sequence[Axis], known: Mapping[str, Mapping[str, RunInput]] | None = None
) -> dict[str, dict[str, PictureFile]]:
    """Read the pictures that axes vary, by short names: the file's own, else the whole path.

    Args:
        known: those that the sweep has already.

    Raises:
        ConfigError: the sweep has another picture of that name.
        ImageError: one cannot be used.
    """
    return {
        axis.name: _named([PictureFile.read(str(path)) for path in axis.values], known, axis.name)
        for axis in axes
        if axis.name in PICTURES
    }


def _named(
    files: Sequence[PictureFile],
    known: Mapping[str, Mapping[str, RunInput]] | None,
    axis: str,
) -> dict[str, PictureFile]:
    times = Counter(file.record.name for file in files)
    there = {name: item.sha256 for name, item in (known or {}).get(axis, {}).items()}
    found = {}
    for file in files:
        name, digest = file.record.name, file.record.sha256
        if times[name] > 1 or there.get(name, digest) != digest:
            name = file.path
        if there.get(name, digest) != digest:
            raise ConfigError(f"{axis}: the sweep has another picture {name!r}; rename this one")
        found[name] = file
    return found


def with_names(axes: Sequence[Axis], varied: Varied) -> tuple[Axis, ...]:
    """Return the axes with pictures by the names that :func:`read_varied` gave them."""
    return tuple(
        replace(axis, values=tuple(varied[axis.name])) if axis.name in varied else axis
        for axis in axes
    )


def keep_varied(store: Store, varied: Varied) -> dict[str, dict[str, StoredPicture]]:
    """Put the pictures that axes vary into the store."""
    return {
        axis: {name: file.keep(store) for name, file in files.items()}
        for axis, files in varied.items()
    }
