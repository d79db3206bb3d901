"""``python -m benchmarks quality``: in what share of a plain loop's time its loss is reached.

The plain loop (``benchmarks/plain.py``) does 300 steps; then ``stylize()`` runs with the settings
that are measured, and every few steps its picture is scaled to the full size and judged by the same
loss, outside the time that counts. Both run one after the other, for each pair and size.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.record import write_record
from nst_core import NSTError, StyleTransferConfig, default_config, load_image, stylize
from nst_core.image import fit_size, resize
from nst_core.loop import encoder_for
from nst_core.weights import weights_in_use

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"
PAIRS = (
    ("cat.png", "night_lake.jpg"),
    ("astronaut.png", "autumn_river.jpg"),
    ("coffee.png", "great_swell.jpg"),
)


def main(arguments: list[str] | None = None) -> None:
    """Measure each pair at each size."""
    parser = _parser()
    options = parser.parse_args(arguments)
    pairs = options.pair or [(SAMPLES / "content" / c, SAMPLES / "style" / s) for c, s in PAIRS]
    results = []
    try:
        config = settings(options)
        for size in options.sizes:
            for content, style in pairs:
                results.append(measure(config.changed(size=size), content, style, options))
                print(line(results[-1]), flush=True)
    except NSTError as error:
        parser.error(str(error))
    reached = [found["share_of_time"] for found in results if found["share_of_time"] is not None]
    if reached:
        print(
            f"median {100 * statistics.median(reached):.0f}% of the plain loop's time, most "
            f"{100 * max(reached):.0f}%, in {len(reached)} of {len(results)}"
        )
    write_record("quality", {"settings": config.model_dump(mode="json"), "results": results},
                 options.output)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks quality", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument(
        "--pair", type=Path, nargs=2, action="append", metavar=("CONTENT", "STYLE"),
        help="a pair of files, in place of three of our samples; repeat it",
    )  # fmt: skip
    parser.add_argument("--weights", default="textures")
    parser.add_argument("--steps", type=int, default=300, help="of the plain loop (default 300)")
    parser.add_argument("--every", type=int, default=5, help="steps between judgements (default 5)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a setting to measure in place of its default; repeat it",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    return parser


def settings(options: argparse.Namespace) -> StyleTransferConfig:
    """Return the paper's defaults as far as the weights go, with what is to be measured."""
    layers = weights_in_use(options.weights).layers
    config = default_config(layers).changed(weights=options.weights, steps=options.steps)
    changes = dict(text.partition("=")[::2] for text in options.set)
    return config.changed(**changes)


def measure(
    config: StyleTransferConfig, content: Path, style: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Run the plain loop, and then ``stylize()`` until it is as good or has done its steps."""
    import torch

    from benchmarks.plain import Plain

    photo, painting = load_image(content), load_image(style)
    size = fit_size(photo.size, config.size)
    start = resize(photo.pixels, size)
    encoder = encoder_for(config, download=False)
    plain = Plain.of(
        encoder, config, start, resize(painting.pixels, fit_size(painting.size, config.size))
    )
    plain.run(start, 2)  # to warm up
    image, seconds = plain.run(start, options.steps)
    with torch.no_grad():
        goal = float(plain.loss(image))
    curve = []
    with closing(stylize(photo, [painting], config, encoder=encoder, record_every=1)) as steps:
        for step in steps:
            if step.index % options.every and not step.is_last:
                continue
            with torch.no_grad():
                loss = float(plain.loss(resize(step.image().pixels, size)))
            curve.append((step.index, step.seconds, loss))
            if loss <= goal:
                break
    index, took, loss = curve[-1]
    is_reached = loss <= goal
    return {
        "size": config.size,
        "content": content.name,
        "style": style.name,
        "plain_loss": goal,
        "plain_seconds": seconds,
        "reached_at_step": index if is_reached else None,
        "share_of_time": took / seconds if is_reached else None,
        "last_loss": loss,
        "curve": curve,
    }


def line(found: dict[str, Any]) -> str:
    """Say a result in a line."""
    pair = f"{found['size']} px, {found['content']} by {found['style']}: "
    if found["share_of_time"] is None:
        over = found["last_loss"] / found["plain_loss"] - 1
        return f"{pair}not reached, {100 * over:.1f}% above after {found['curve'][-1][0]} steps"
    return (
        f"{pair}reached at step {found['reached_at_step']}, in {100 * found['share_of_time']:.0f}% "
        f"of the plain loop's {found['plain_seconds']:.1f} s"
    )


if __name__ == "__main__":
    main()
