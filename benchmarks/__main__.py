"""``python -m benchmarks``: seconds a step and peak memory, as JSON."""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure each size in a process of its own, so that peaks do not mix."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--steps", type=int, default=20, help="counted steps (default 20)")
    parser.add_argument("--warmup", type=int, default=3, help="steps before (default 3)")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", default="untrained")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options, options.one)))
        return
    results = []
    for size in options.sizes:
        command = [sys.executable, "-m", "benchmarks", *sys.argv[1:], "--one", str(size)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(output.splitlines()[-1]))
        print(
            "{size} px: {median_seconds:.3f} s a step (from {min_seconds:.3f} to "
            "{max_seconds:.3f}), peak memory {peak_megabytes:.0f} MB".format(**results[-1])
        )
    write_record("step", {"results": results}, options.output)


def write_record(name: str, results: dict[str, Any], output: Path | None) -> None:
    """Write ``results`` and the machine as JSON, to ``output`` or a new file, and print where."""
    path = output or RESULTS / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **results}, indent=2) + "\n")
    print(path)


def measure(options: argparse.Namespace, size: int) -> dict[str, Any]:
    """Run the default settings on a square picture; time single steps after a warm-up."""
    import resource

    import torch

    from nst_core import StyleTransferConfig, stylize

    steps = options.warmup + options.steps
    config = StyleTransferConfig(
        size=size, steps=steps, levels=1, optimizer=options.optimizer,
        device=options.device, weights=options.weights,
    )  # fmt: skip
    random = torch.Generator().manual_seed(0)
    content, style = (torch.rand((1, 3, size, size), generator=random) for _ in range(2))
    # reading the loss back at each step synchronises
    seconds = [step.seconds for step in stylize(content, [style], config, record_every=1)]
    single = [after - before for before, after in itertools.pairwise(seconds)]
    counted = single[options.warmup - 1 :]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_megabytes = peak / (1e6 if sys.platform == "darwin" else 1e3)
    found = {
        "size": size,
        "optimizer": config.optimizer,
        "steps": len(counted),
        "median_seconds": statistics.median(counted),
        "min_seconds": min(counted),
        "max_seconds": max(counted),
        "peak_megabytes": peak_megabytes,
    }
    if torch.cuda.is_available():
        found["peak_gpu_megabytes"] = torch.cuda.max_memory_allocated() / 1e6
    return found


def machine() -> dict[str, str]:
    """Name the machine."""
    import platform

    import torch

    from nst_core.device import describe_device, resolve_device

    return {
        "device": describe_device(resolve_device()),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "system": platform.platform(),
    }


if __name__ == "__main__":
    main()
