"""How much memory a run will take, said before it begins."""

from __future__ import annotations

from typing import NamedTuple

from nst_core.config import StyleTransferConfig
from nst_core.cost import picture_bytes, plan_strips, room_on
from nst_core.device import resolve_device, total_memory
from nst_core.image import Size, fit_size
from nst_core.loop import layers_for
from nst_core.optim import history_bytes
from nst_core.patches import patch_bytes
from nst_core.strips import Strips

PROGRAM_BYTES = 900_000_000
"""What Python, torch and the network take before a picture comes; 0.86 to 0.97 GB were measured."""
HISTORY_SHARE = 0.2
"""Share of a device's memory that L-BFGS may take to look back, beside the picture."""


class MemoryNeed(NamedTuple):
    """What a run will take of a device's memory.

    Attributes:
        bytes: about, the program and the network included.
        limit: what it may take.
        strips: how the picture goes through the network; ``strips.blocks`` is 0 for whole.
    """

    bytes: int
    limit: int
    strips: Strips

    @property
    def fits(self) -> bool:
        """Whether that is there."""
        return self.bytes <= self.limit

    def words(self) -> str:
        """Say it: ``"takes about 1.2 GB of memory"``."""
        found = f"takes about {self.bytes / 1e9:.1f} GB of memory"
        if self.strips.blocks:
            found += ", strip by strip"
        if not self.fits:
            found += f", where {self.limit / 1e9:.1f} GB may be taken: lower the size"
        return found


def memory_need(config: StyleTransferConfig, content_size: Size) -> MemoryNeed:
    """Say beforehand how much memory a run takes, at its finest level.

    Args:
        config: the settings.
        content_size: (height, width) of the content, before it is scaled.

    Raises:
        ConfigError: ``NST_MEMORY`` is no number above 0.
        DeviceError: this machine has no such device.
        ImageError: the picture would become too thin.
    """
    device = resolve_device(config.device)
    size, layers = fit_size(content_size, config.size), layers_for(config)
    room = room_on(device)
    strips = plan_strips(size, layers, room)
    pairs = history_bytes(config, size)
    needed = PROGRAM_BYTES + picture_bytes(size, layers, strips) + pairs
    if config.style_statistic == "patches":
        needed += patch_bytes(size)
    beside = min(pairs, int(HISTORY_SHARE * total_memory(device)))
    return MemoryNeed(needed, PROGRAM_BYTES + room.most + beside, strips)
