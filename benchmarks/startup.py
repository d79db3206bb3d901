"""``python -m benchmarks startup``: how long a person waits before anything happens.

Whole processes, one that is not counted and then the counted ones: the import of ``nst_core``, the
command line's help, torch alone for comparison, the names that a notebook imports, and the first
step of a small run, which loads the network.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.processes import spread, wall_seconds
from benchmarks.record import write_record

NAMES = "from nst_core import StyleTransferConfig, load_image, save_image, stylize"
FIRST_STEP = f"""
{NAMES}
import torch
picture = torch.rand(1, 3, 64, 64)
next(stylize(picture, [picture], StyleTransferConfig(size=64, weights="textures")))
"""
COMMANDS = {
    "import nst_core": ["-c", "import nst_core"],
    "python -m nst_core --help": ["-m", "nst_core", "--help"],
    "import torch": ["-c", "import torch"],
    "the names of a notebook": ["-c", NAMES],
    "the first step": ["-c", FIRST_STEP],
}


def main(arguments: list[str] | None = None) -> None:
    """Measure each command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="counted processes (default 5)")
    parser.add_argument("-o", "--output", type=Path, help="the JSON file")
    options = parser.parse_args(arguments)
    results = {}
    for name, command in COMMANDS.items():
        found = spread(wall_seconds([sys.executable, *command], options.rounds))
        results[name] = found
        print(f"{name}: {found['median']:.2f} s (from {found['min']:.2f} to {found['max']:.2f})")
    write_record("startup", {"rounds": options.rounds, "seconds": results}, options.output)


if __name__ == "__main__":
    main()
