"""``python -m benchmarks memory``: what a run takes of memory, and what was said before.

Square noise, one level, each size in a process of its own; the peak of the process, and on a GPU
what torch had of it. L-BFGS keeps a pair of pictures a step, up to twenty.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.processes import measured_each, peak_bytes
from benchmarks.record import write_record


def main(arguments: list[str] | None = None) -> None:
    """Measure each size."""
    options = _parser().parse_args(arguments)
    if options.one:
        height, width = (int(edge) for edge in options.one.split("x"))
        print(json.dumps(measure(options, height, width)))
        return
    results = measured_each("memory", options, PASSED, line)
    write_record("memory", {"results": results}, options.output)


PASSED = ("steps", "optimizer", "statistic", "device", "weights")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument(
        "--sizes", nargs="+", default=["256x256", "512x512", "1024x1024"], metavar="HxW"
    )
    parser.add_argument("--steps", type=int, default=2, help="of each size (default 2)")
    parser.add_argument("--optimizer", default="auto")
    parser.add_argument("--statistic", default="gram", help="the style's (default gram)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default="textures")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


def line(found: dict[str, Any]) -> str:
    """Say a result in a line."""
    strips = found["strips"]
    way = f"{strips['blocks']} blocks in strips of {strips['length']} px"
    return (
        f"{found['height']}x{found['width']}: {found['peak_bytes'] / 1e9:.2f} GB, said "
        f"{found['said_bytes'] / 1e9:.2f} GB, {way if strips['blocks'] else 'whole'}, "
        f"{found['seconds']:.1f} s for {found['steps']} steps"
    )


def measure(options: argparse.Namespace, height: int, width: int) -> dict[str, Any]:
    """Run a few steps."""
    import torch

    from nst_core import StyleTransferConfig, memory_need, resolve_device, stylize

    config = StyleTransferConfig(
        size=max(height, width), steps=options.steps, levels=1, device=options.device,
        optimizer=options.optimizer, style_statistic=options.statistic, weights=options.weights,
    )  # fmt: skip
    random = torch.Generator().manual_seed(0)
    content, style = (torch.rand((1, 3, height, width), generator=random) for _ in range(2))
    need = memory_need(config, (height, width))
    *_, last = stylize(content, [style], config)
    device = resolve_device(config.device)
    on_gpu = device.type == "cuda"
    return {
        "height": height,
        "width": width,
        "steps": last.index,
        "statistic": options.statistic,
        "strips": need.strips._asdict(),
        "said_bytes": need.bytes,
        "limit_bytes": need.limit,
        "peak_bytes": torch.cuda.max_memory_allocated(device) if on_gpu else peak_bytes(),
        "seconds": last.seconds,
    }


if __name__ == "__main__":
    main()
