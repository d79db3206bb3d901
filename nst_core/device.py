"""Which device computes, and what it is called."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

import torch

from nst_core.errors import DeviceError

UNKNOWN_MEMORY = 8 * 2**30
CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")


def available_devices() -> list[str]:
    """Return the names of this machine's devices, the best first."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a setting into a device of this machine.

    Args:
        name: ``"auto"`` (the first GPU, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or
            ``"mps"``.

    Raises:
        DeviceError: this machine has no such device.
    """
    devices = available_devices()
    if name == "auto":
        return torch.device(devices[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in devices:
        raise DeviceError(
            f"this machine has no device {name!r}; it has {', '.join(devices)} (or choose auto)"
        )
    return torch.device(wanted)


def describe_device(device: torch.device) -> str:
    """Say what a device is, as a person would: ``"NVIDIA H100 (78 GiB)"``, ``"CPU, 8 cores"``."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name} ({properties.total_memory / 2**30:.0f} GiB)"
    if device.type == "mps":
        return "Apple GPU"
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads in use"
    return f"{_processor()}, {cores}, {total_memory(device) / 2**30:.0f} GiB of memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)


def total_memory(device: torch.device) -> int:
    """Return a device's memory in bytes; ``UNKNOWN_MEMORY`` where the system does not say.

    Of the CPU it is the machine's, or what the process's control group may have of it.
    """
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    found = []
    with suppress(AttributeError, OSError, ValueError):  # no POSIX
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):  # no Linux, or no limit
        found.append(int(CONTROL_GROUP.read_text()))
    return min(found, default=UNKNOWN_MEMORY)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
