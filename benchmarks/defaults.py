"""The pictures that decided the defaults: ``python -m benchmarks.defaults WEIGHTS PAINTINGS``.

WEIGHTS is a file of ImageNet's first layers (conv1_1 to conv3_4), PAINTINGS a folder that holds
style_starry_night.jpg and style_the_scream.jpg. Contact sheets are written to docs/images.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from nst_core import StyleTransferConfig, load_image, stylize
from nst_core.image import encode_png

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "images"
SAMPLES = ROOT / "sample_images"
IMAGENET_LAYERS = {
    "content_layers": {"conv3_3": 1.0},
    "style_layers": dict.fromkeys(("conv1_1", "conv2_1", "conv3_1", "conv3_4"), 0.25),
}
CELL = 256


def painted(content: Path, style: Path, settings: dict[str, Any]) -> Image.Image:
    """Run once and return the result."""
    config = StyleTransferConfig(**settings)
    *_, step = stylize(load_image(content), [load_image(style)], config, record_every=50)
    print(content.stem, style.stem, settings, f"{step.seconds:.0f} s", flush=True)
    return Image.open(io.BytesIO(encode_png(step.image()))).convert("RGB")


def sheet(rows: list[list[tuple[str, Image.Image]]], path: Path, cell: int = CELL) -> None:
    """Write rows of captioned pictures as one JPEG."""
    font = ImageFont.load_default(13)
    columns = max(len(row) for row in rows)
    page = Image.new("RGB", (columns * (cell + 8), len(rows) * (cell + 26)), "white")
    draw = ImageDraw.Draw(page)
    for y, row in enumerate(rows):
        for x, (caption, picture) in enumerate(row):
            small = picture.copy()
            small.thumbnail((cell, cell), Image.Resampling.LANCZOS)
            left, top = x * (cell + 8) + 4, y * (cell + 26)
            draw.text((left, top + 4), caption, fill="black", font=font)
            page.paste(small, (left, top + 22))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path, quality=88)
    print(path)


def main() -> None:
    """Make the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--sheet", choices=("256", "beta", "size"), action="append")
    options = parser.parse_args()
    sheets = options.sheet or ["256", "beta", "size"]
    imagenet = {"weights": str(options.weights), **IMAGENET_LAYERS}
    starry = options.paintings / "style_starry_night.jpg"
    scream = options.paintings / "style_the_scream.jpg"
    cat, astronaut = SAMPLES / "content/cat.png", SAMPLES / "content/astronaut.png"
    pairs = [
        (cat, starry),
        (astronaut, SAMPLES / "style/koi_mosaic.jpg"),
        (SAMPLES / "content/rocket.jpg", scream),
        (SAMPLES / "content/coffee.png", SAMPLES / "style/great_swell.jpg"),
    ]
    if "256" in sheets:
        rows = []
        for content, style in pairs:
            rows.append(
                [
                    ("content", Image.open(content).convert("RGB")),
                    ("style", Image.open(style).convert("RGB")),
                    ("ImageNet to conv3_4", painted(content, style, {**imagenet, "size": 256})),
                    ("untrained", painted(content, style, {"weights": "untrained", "size": 256})),
                ]
            )
            sheet(rows, OUT / "defaults_256.jpg")
    if "beta" in sheets:
        rows = [
            [
                (f"beta {beta:.0e}", painted(*pair, {**imagenet, "size": 256, "beta": beta}))
                for beta in (1e6, 1e7, 1e8, 1e9)
            ]
            for pair in pairs[:2]
        ]
        sheet(rows, OUT / "defaults_beta.jpg")
    if "size" in sheets:
        rows = [
            [(f"{size} px", painted(*pair, {**imagenet, "size": size})) for size in (256, 512)]
            for pair in pairs[:2]
        ]
        sheet(rows, OUT / "defaults_size.jpg", cell=512)


if __name__ == "__main__":
    main()
