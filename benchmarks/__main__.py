"""``python -m benchmarks step | quality | memory | startup``: what a run costs, as JSON."""

from __future__ import annotations

import sys

from benchmarks import memory, quality, startup, step

KINDS = {"step": step.main, "quality": quality.main, "memory": memory.main, "startup": startup.main}


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    if not arguments or arguments[0] not in KINDS:
        sys.exit(f"usage: python -m benchmarks {{{','.join(KINDS)}}} [--help]")
    KINDS[arguments[0]](arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
