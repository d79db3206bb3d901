"""Paint the eight style pictures: ``python sample_images/style/paint.py [NAME ...]``.

Every picture is drawn by the code beside this file from a fixed seed, so it carries no one
else's rights (CC0 1.0), and anyone can repaint it, alter it, or paint it larger.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from autumn import paint_autumn
from engraving import paint_engraving
from glass import paint_glass
from marbling import paint_marbling
from mosaic import paint_mosaic
from night import paint_night
from PIL import Image
from shapes import paint_shapes
from studio import Sheet
from waves import paint_waves

JPEG_QUALITY = 92  # below 90 the grain that the style losses feed on begins to smear


@dataclass(frozen=True)
class Picture:
    """How one picture is made."""

    paint: Callable[[Sheet, np.random.Generator], Image.Image]
    width: int
    height: int
    seed: int


PICTURES = {
    "night_lake": Picture(paint_night, 1024, 768, seed=11),
    "koi_mosaic": Picture(paint_mosaic, 896, 896, seed=5),
    "great_swell": Picture(paint_waves, 1024, 720, seed=3),
    "autumn_river": Picture(paint_autumn, 1024, 768, seed=7),
    "alpine_engraving": Picture(paint_engraving, 1024, 768, seed=2),
    "red_counterpoint": Picture(paint_shapes, 960, 800, seed=13),
    "poppy_window": Picture(paint_glass, 800, 1024, seed=17),
    "marbled_tulips": Picture(paint_marbling, 800, 1024, seed=19),
}


def paint(name: str, scale: float = 1.0) -> Image.Image:
    """Paint the picture ``name`` at ``scale`` times its full size; raises KeyError if unknown."""
    picture = PICTURES[name]
    sheet = Sheet(picture.width, picture.height, scale)
    return picture.paint(sheet, np.random.default_rng(picture.seed))


def main(argv: Sequence[str] | None = None) -> None:
    """Paint the named pictures, or all of them."""
    parser = argparse.ArgumentParser(description="Paint the style pictures of the sample set.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    parser.add_argument("--scale", type=float, default=1.0, help="times full size (default 1)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to fill")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.names) - set(PICTURES))
    if unknown:
        parser.error(f"no picture named {', '.join(unknown)}; choose from {', '.join(PICTURES)}")
    if options.scale <= 0:
        parser.error(f"--scale must be above 0, not {options.scale}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or PICTURES:
        path = options.out / f"{name}.jpg"
        paint(name, options.scale).save(path, quality=JPEG_QUALITY, subsampling=0)
        print(path)


if __name__ == "__main__":
    main()
