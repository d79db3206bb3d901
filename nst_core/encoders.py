"""Networks that stay loaded: that of the last run, and the one that measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from nst_core.config import StyleTransferConfig
from nst_core.device import is_out_of_memory, resolve_device
from nst_core.errors import OutOfMemoryError
from nst_core.loop import encoder_for, layers_for
from nst_core.metrics import measuring_config
from nst_core.vgg import VGG19Encoder
from nst_core.weights import WeightsInUse, weights_in_use


class _Kept(NamedTuple):
    weights: WeightsInUse
    build: tuple[object, ...]
    encoder: VGG19Encoder


class EncoderCache:
    """The network of the last run, kept for the next, and beside it the one that measures.

    Where one network can be both, there is only one.
    """

    def __init__(self) -> None:
        self._run: _Kept | None = None
        self._judge: _Kept | None = None

    def get(self, config: StyleTransferConfig) -> tuple[VGG19Encoder, bool]:
        """Return the encoder that ``config`` asks for, and whether it was loaded already.

        Raises:
            LayerError, WeightsError: see :func:`~nst_core.weights.load_encoder`.
        """
        weights = weights_in_use(config.weights)
        kept = self._find(config, lambda found: found == weights)  # the log says why these
        if kept is not None:
            return kept, True
        self._run = None  # the memory is given back before more is taken
        self._run = _Kept(weights, _build(config), encoder_for(config, download=False))
        return self._run.encoder, False

    def judge(self, device: str = "auto") -> VGG19Encoder:
        """Return the encoder that measures: the default, with the weights that ``auto`` takes now.

        It is the last run's where that is the same and deep enough. Nothing is downloaded.

        Args:
            device: where it shall compute; see :func:`~nst_core.device.resolve_device`.

        Raises:
            WeightsError: the weights named by ``NST_WEIGHTS`` cannot be used.
            DeviceError: this machine has no such device.
            OutOfMemoryError: it does not fit beside what is there.
        """
        weights = weights_in_use("auto")
        config = measuring_config(weights.layers).changed(device=device)
        kept = self._find(config, lambda found: found.stamp == weights.stamp)
        if kept is not None:
            return kept
        self._judge = None
        with memory_in_words(f"the network that measures, on {device},"):
            encoder = encoder_for(config, download=False).to(resolve_device(device))
        self._judge = _Kept(weights, _build(config), encoder)
        return encoder

    def _find(
        self, config: StyleTransferConfig, is_same: Callable[[WeightsInUse], bool]
    ) -> VGG19Encoder | None:
        needed = set(layers_for(config))
        for kept in (self._run, self._judge):
            if kept is None or kept.build != _build(config) or not is_same(kept.weights):
                continue
            if needed <= set(kept.encoder.layers):
                return kept.encoder
        return None

    def clear(self) -> None:
        """Give the memory back."""
        self._run = self._judge = None


def _build(config: StyleTransferConfig) -> tuple[object, ...]:
    """Return what tells two networks of the same weights apart."""
    return config.pooling, config.padding, config.normalize_activations, config.device


@contextmanager
def memory_in_words(what: str) -> Iterator[None]:
    """Say it in words where ``what`` needs more memory than there is.

    Raises:
        OutOfMemoryError: in place of torch's and Python's own errors.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"{what} did not fit into memory; take a smaller picture, or wait until nothing else "
            "computes"
        ) from None
