"""``python -m benchmarks quality``: in what share of a plain loop's time its loss is reached.

The plain loop (``benchmarks/plain.py``) does 300 steps, and ``stylize()`` all of its own with the
settings that are measured. They take turns, so that whatever else the machine does disturbs both.
Every few steps the picture of ``stylize()`` is scaled to the full size and judged by the plain
loop's loss, outside the time that counts.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections import deque
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
    config = default_config(layers).changed(weights=options.weights)
    changes = dict(text.partition("=")[::2] for text in options.set)
    return config.changed(**changes)


def measure(
    config: StyleTransferConfig, content: Path, style: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Run the plain loop and ``stylize()`` in turns, and see when the second was as good."""
    import torch

    from benchmarks.plain import Plain

    photo, painting = load_image(content), load_image(style)
    size = fit_size(photo.size, config.size)
    start = resize(photo.pixels, size)
    encoder = encoder_for(config, download=False)
    plain = Plain.of(
        encoder, config, start, resize(painting.pixels, fit_size(painting.size, config.size))
    )
    deque(plain.run(start, 2), maxlen=0)  # to warm up
    curve: list[tuple[int, float, float]] = []
    image, seconds, done = start, 0.0, 0
    loop = plain.run(start, options.steps)
    with closing(stylize(photo, [painting], config, encoder=encoder, record_every=1)) as steps:
        for step in steps:
            if step.index % options.every == 0 or step.is_last:
                with torch.no_grad():
                    loss = float(plain.loss(resize(step.image().pixels, size)))
                curve.append((step.index, step.seconds, loss))
            turn = options.steps * step.index // step.total - done
            done += turn
            for painted, took in itertools.islice(loop, turn):
                image, seconds = painted, seconds + took
    with torch.no_grad():
        goal = float(plain.loss(image))
    reached = next(((index, took) for index, took, loss in curve if loss <= goal), None)
    return {
        "size": config.size,
        "content": content.name,
        "style": style.name,
        "plain_loss": goal,
        "plain_seconds": seconds,
        "reached_at_step": reached and reached[0],
        "share_of_time": reached and reached[1] / seconds,
        "last_loss": curve[-1][2],
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
