"""The machine's own limit: a large matrix product in the precision of the network."""

from __future__ import annotations

import statistics
import time

import torch

ROUNDS = 7


def peak_operations(device: torch.device, dtype: torch.dtype) -> float:
    """Return the floating-point operations a second of a product of two square matrices.

    The median of seven rounds, after two that are not counted. Matrices have 2048 rows on a CPU
    and 8192 on a GPU.
    """
    edge = 8192 if device.type == "cuda" else 2048
    a, b = (torch.rand((edge, edge), device=device, dtype=torch.float32).to(dtype) for _ in "ab")
    seconds = []
    for _ in range(ROUNDS + 2):
        wait_for(device)
        began = time.perf_counter()
        a @ b
        wait_for(device)
        seconds.append(time.perf_counter() - began)
    return 2 * float(edge) ** 3 / statistics.median(seconds[2:])


def wait_for(device: torch.device) -> None:
    """Return when the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
