"""``python -m benchmarks step``: seconds a step, and the share of the machine's peak.

The default settings on square noise, each size in a process of its own: some steps to warm up, then
the counted ones, timed one by one; reading the loss back at each synchronises. Operations are those
of the convolutions, forward and back, which Gram matrices and the rest exceed by about a twentieth.
The peak is that of a large matrix product in the same precision, in the same process.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

from benchmarks.peak import peak_operations
from benchmarks.processes import measured_each, peak_bytes, spread
from benchmarks.record import write_record


def main(arguments: list[str] | None = None) -> None:
    """Measure each size."""
    options = _parser().parse_args(arguments)
    if options.one:
        print(json.dumps(measure(options, options.one)))
        return
    results = measured_each("step", options, PASSED, line)
    write_record("step", {"results": results}, options.output)


PASSED = ("steps", "warmup", "optimizer", "statistic", "precision", "device", "weights")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks step", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--steps", type=int, default=20, help="counted steps (default 20)")
    parser.add_argument("--warmup", type=int, default=3, help="steps before (default 3)")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--statistic", default="gram", help="the style's (default gram)")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default="textures")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser


def line(found: dict[str, Any]) -> str:
    """Say a result in a line."""
    seconds = found["seconds"]
    return (
        f"{found['size']} px: {seconds['median']:.3f} s a step (from {seconds['min']:.3f} to "
        f"{seconds['max']:.3f}), {found['operations'] / 1e9:.0f} GFLOP, "
        f"{100 * found['share_of_peak']:.0f}% of {found['peak_operations'] / 1e9:.0f} GFLOP/s, "
        f"{found['peak_bytes'] / 1e9:.2f} GB"
    )


def measure(options: argparse.Namespace, size: int) -> dict[str, Any]:
    """Time single steps after a warm-up, and the machine's peak."""
    import torch

    from nst_core import StyleTransferConfig, resolve_device, stylize
    from nst_core.cost import plan_strips, room_on, step_operations
    from nst_core.loop import layers_for

    config = StyleTransferConfig(
        size=size, steps=options.warmup + options.steps, levels=1, optimizer=options.optimizer,
        style_statistic=options.statistic, precision=options.precision, device=options.device,
        weights=options.weights,
    )  # fmt: skip
    random = torch.Generator().manual_seed(0)
    content, style = (torch.rand((1, 3, size, size), generator=random) for _ in range(2))
    took = [step.seconds for step in stylize(content, [style], config, record_every=1)]
    single = [after - before for before, after in itertools.pairwise(took)]
    seconds = spread(single[options.warmup - 1 :])
    device, layers = resolve_device(config.device), layers_for(config)
    strips = plan_strips((size, size), layers, room_on(device))
    operations = step_operations((size, size), layers, strips)
    most = peak_bytes()  # before the matrices of the peak
    dtype = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    peak = peak_operations(device, dtype)
    found = {
        "size": size,
        "settings": {name: getattr(options, name) for name in PASSED},
        "strips": strips._asdict(),
        "seconds": seconds,
        "operations": operations,
        "peak_operations": peak,
        "share_of_peak": operations / seconds["median"] / peak,
        "peak_bytes": most,
    }
    if device.type == "cuda":
        found["peak_gpu_bytes"] = torch.cuda.max_memory_allocated(device)
    return found


if __name__ == "__main__":
    main()
