"""Which runs of the same pictures may be optimised together, and how many fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from nst_core.config import StyleTransferConfig
from nst_core.cost import picture_bytes
from nst_core.errors import ConfigError
from nst_core.image import fit_size
from nst_core.loop import layers_for
from nst_core.objective import has_style
from nst_core.optim import history_bytes
from nst_core.pyramid import levels_of
from nst_core.vgg import deepest

MEMORY_SHARE = 0.8
"""Share of the free memory that a batch may take; the rest is for the convolutions' workspace."""


def can_share(a: StyleTransferConfig, b: StyleTransferConfig) -> bool:
    """Whether runs with these settings, of the same pictures and masks, may go together.

    They must agree in size and the sizes of their levels, in the network (weights, normalisation,
    pooling, padding, precision, device) and in how deep they look into it: the pass goes to the
    deepest layer of any, and layers on the way there cost nothing more. All else may differ, steps
    included: a run that ends leaves the batch, and one that is done with a level waits there for
    the others.

    A run from the content without a style goes alone: its gradient there is 0 in flat parts, the
    rounding of a batch would take its place, and Adam makes whole steps of it.

    Raises:
        ConfigError: there are more levels than the size allows.
    """
    return not differences(a, b)


def batches(configs: Sequence[StyleTransferConfig], most: int) -> list[list[int]]:
    """Divide runs of the same pictures into batches that may go together.

    Args:
        configs: the settings of each.
        most: runs in a batch; those of a kind are divided evenly.

    Returns:
        Indices into ``configs``, each once, ascending in a batch; batches by their first.

    Raises:
        ConfigError: ``most`` is under 1, or a config has more levels than its size allows.
    """
    if most < 1:
        raise ConfigError(f"most must be 1 or more, got {most}")
    kinds: dict[tuple[object, ...], list[int]] = {}
    for k, config in enumerate(configs):
        alone = (k,) if _loner(config) else ()
        kinds.setdefault((*_pass(config).values(), *alone), []).append(k)
    found: list[list[int]] = []
    for kind in kinds.values():
        count = -(-len(kind) // most)
        ends = [len(kind) * n // count for n in range(count + 1)]
        found += [kind[start:end] for start, end in pairwise(ends)]
    return sorted(found)


def differences(a: StyleTransferConfig, b: StyleTransferConfig) -> list[str]:
    """Return the settings that keep two runs from going together."""
    first, second = _pass(a), _pass(b)
    found = [name for name in first if first[name] != second[name]]
    return found + sorted({_loner(config) for config in (a, b)} - {""})


def _loner(config: StyleTransferConfig) -> str:
    """Return why a run must go alone, or nothing."""
    at_content = config.init == "content" or (config.init == "mix" and config.init_mix == 0)
    return "no style, from the content" if at_content and not has_style(config) else ""


def _pass(config: StyleTransferConfig) -> dict[str, object]:
    """Return what decides the pass through the network."""
    plan = levels_of(config)
    return {
        "size": config.size,
        "levels": tuple(level.long_edge for level in plan),
        "deepest layer": deepest(layers_for(config)),
        "weights": config.weights,
        "normalize_activations": config.normalize_activations,
        "pooling": config.pooling,
        "padding": config.padding,
        "precision": config.precision == "bfloat16",
        "device": config.device,
    }


def batch_size(
    config: StyleTransferConfig,
    content_size: tuple[int, int],
    layers: Sequence[str],
    device: torch.device,
) -> int:
    """Return how many runs fit into the memory at hand in one batch; at least 1.

    On a CUDA GPU, ``MEMORY_SHARE`` of what is free over :func:`~nst_core.cost.picture_bytes` and
    :func:`~nst_core.optim.history_bytes`.
    Elsewhere 1: on a CPU one picture keeps the cores busy (``benchmarks/README.md`` has the
    measurement), and on an Apple GPU, which shares the system's memory, nothing has been measured
    yet.

    Args:
        config: settings of any of the runs.
        content_size: (height, width) of the content, before it is scaled.
        layers: the layers that the runs look at.
    """
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    size = fit_size(content_size, config.size)
    each = picture_bytes(size, layers) + history_bytes(config, size)
    return max(1, int(MEMORY_SHARE * free) // each)
