"""How this machine computes fastest: measured once, in some seconds, and remembered.

A step is timed with each number of threads and each order of a tensor's values in memory. What is
chosen changes a result by rounding only. Whether bfloat16 would be faster is measured too, but
taken only where a run's settings ask for it, so that a result does not depend on the machine.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.config import LAYERS
from nst_core.device import describe_device
from nst_core.losses import gram_matrix
from nst_core.paths import home, write_atomically
from nst_core.vgg import CHANNELS, VGG19Encoder, weight_names

FILE = "probe.json"
SIZE = 192  # px
SMALL = 64  # px, for bfloat16, which is twenty times slower where a processor lacks it
DEPTH = LAYERS[: LAYERS.index("conv3_1") + 1]
ROUNDS = 3
MOST_LOAD = 0.3  # a core: busy programs of the last minute, beside which nothing is measured
GAIN = 0.9
"""What departs from torch's own choice must take less than this share of its time, since another
program may disturb the measuring and the choice stays."""


class Choice(NamedTuple):
    """How to compute.

    Attributes:
        threads: of torch; 0 leaves them as they are.
        channels_last: whether a position's channels lie side by side in memory.
        bfloat16: how many times faster a step in bfloat16 was than one in float32; 0 where that
            was not measured.
    """

    threads: int = 0
    channels_last: bool = False
    bfloat16: float = 0.0

    def words(self) -> str:
        """Say it."""
        order = "channels last" if self.channels_last else "channels first"
        found = f"{self.threads} threads, {order}" if self.threads else order
        if self.bfloat16 > 1 / GAIN:
            found += f"; precision bfloat16 would be {self.bfloat16:.1f} times as fast"
        return found


_in_use: dict[str, Choice] = {}  # by the device's type


def use_fastest(device: torch.device, tell: Callable[[str], None]) -> None:
    """Compute on ``device`` as measured best in this process from now on.

    It is measured where nothing is remembered of this machine, processor and version of torch, and
    other programs leave it quiet: beside one that keeps the cores busy a single thread looks best,
    and would stay. Never with ``NST_PROBE=off``. Threads are left alone where ``OMP_NUM_THREADS``
    is set.

    Args:
        tell: takes a line, where it was measured.
    """
    if os.environ.get("NST_PROBE") == "off" or device.type not in ("cpu", "cuda"):
        return
    threads = tuple(_thread_counts()) if device.type == "cpu" else (0,)
    key = f"{describe_device(device)}, torch {torch.__version__}, of {threads}"
    choice = _remembered().get(key)
    if choice is None:
        if _is_busy():
            return
        choice = measure(device, threads)
        tell(f"measured what is fastest here: {choice.words()}")
        _remember(key, choice)
    if choice.threads:
        torch.set_num_threads(choice.threads)
    _in_use[device.type] = choice


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the order of an encoder's weights on ``device``, as chosen in this process."""
    chosen = _in_use.get(device.type, Choice())
    return torch.channels_last if chosen.channels_last else torch.contiguous_format


def measure(device: torch.device, threads: Iterable[int]) -> Choice:
    """Time a step in each way, in turns, and return the best.

    Args:
        threads: those to try, torch's own choice first; 0 leaves them as they are.
    """
    before = torch.get_num_threads()
    encoder = _encoder().to(device)
    ways = list(itertools.product(threads, (False, True)))
    took: dict[Choice, float] = {}
    try:
        for _ in range(ROUNDS + 1):  # the first warms up
            for count, channels_last in ways:
                way = Choice(count, channels_last)
                took[way] = min(took.get(way, float("inf")), _step(encoder, way, device))
        usual = next(iter(took))
        best = min(took, key=lambda way: took[way])
        if took[best] > GAIN * took[usual]:
            best = usual
        gain = 0.0
        with suppress(RuntimeError):  # a device may not have it
            high, low = (
                min(_step(encoder, best, device, size=SMALL, bfloat16=low) for _ in range(2))
                for low in (False, True)
            )
            gain = round(high / low, 2)
    finally:
        torch.set_num_threads(before)
    return best._replace(bfloat16=gain)


def _step(
    encoder: VGG19Encoder,
    way: Choice,
    device: torch.device,
    *,
    size: int = SIZE,
    bfloat16: bool = False,
) -> float:
    """Return the seconds of one pass forward and back."""
    if way.threads:
        torch.set_num_threads(way.threads)
    order = torch.channels_last if way.channels_last else torch.contiguous_format
    encoder.to(memory_format=order)
    image = torch.full((1, 3, size, size), 0.5, device=device, requires_grad=True)
    _wait(device)
    began = time.perf_counter()
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        features = encoder(image, DEPTH)
    loss: Tensor = gram_matrix(features[DEPTH[-1]].float()).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _encoder() -> VGG19Encoder:
    """Return a network of the right shape; what it holds does not change its speed."""
    state_dict, inputs = {}, 3
    for layer in DEPTH:
        weight, bias = weight_names(layer)
        state_dict[weight] = torch.full((CHANNELS[layer], inputs, 3, 3), 1 / (9 * inputs))
        state_dict[bias] = torch.zeros(CHANNELS[layer])
        inputs = CHANNELS[layer]
    return VGG19Encoder(state_dict, DEPTH)


def _is_busy() -> bool:
    """Whether other programs keep the processor busy, as far as the system tells."""
    try:
        return os.getloadavg()[0] > MOST_LOAD * (os.cpu_count() or 1)
    except (AttributeError, OSError):  # not on Windows
        return False


def _thread_counts() -> list[int]:
    """Return the numbers of threads to try, torch's own first."""
    usual = torch.get_num_threads()
    if os.environ.get("OMP_NUM_THREADS"):
        return [usual]
    return list(dict.fromkeys([usual, max(1, usual // 2), os.cpu_count() or usual]))


def _remembered() -> dict[str, Choice]:
    with suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads((home() / FILE).read_text())
        return {key: Choice(**choice) for key, choice in found.items()}
    return {}  # nothing, or nothing that can be read


def _remember(key: str, choice: Choice) -> None:
    known = {name: each._asdict() for name, each in _remembered().items()}
    text = json.dumps({**known, key: choice._asdict()}, indent=1)
    with suppress(OSError):  # then it is measured again
        home().mkdir(parents=True, exist_ok=True)
        write_atomically(home() / FILE, text.encode())
