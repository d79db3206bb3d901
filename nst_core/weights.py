"""Where VGG-19's weights come from, and the encoder made of them.

The order for ``"auto"``: the file named by ``NST_WEIGHTS``; ImageNet's weights where they were
fetched before (by NST Lab or by torch.hub); their download; the weights that ship with NST Lab.
Where those were deleted, the untrained network, which else is used by its name alone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core import calibration
from nst_core.config import LAYERS, StyleTransferConfig
from nst_core.defaults import default_config
from nst_core.download import BackgroundFetch, NoNetworkError, Progress, fetch
from nst_core.errors import WeightsError
from nst_core.paths import weights_folder
from nst_core.shipped import SHIPPED_FILE, SHIPPED_ORIGIN, check_shipped, shipped_path
from nst_core.state_dicts import file_sha256, read_state_dict
from nst_core.vgg import VGG19Encoder, Weights, available_layers, check_layers

logger = logging.getLogger(__name__)

# torchvision's VGG19_Weights.IMAGENET1K_V1; the digits in the name begin the file's SHA-256.
IMAGENET_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
IMAGENET_FILE = "vgg19-dcbb9e9d.pth"
IMAGENET_SHA256_PREFIX = "dcbb9e9d"
IMAGENET_MEGABYTES = 548

_OFFLINE_SECONDS = 24 * 3600.0


def imagenet_url() -> str:
    """Return where ImageNet's weights are fetched: ``NST_WEIGHTS_URL`` (a mirror), or torch's."""
    return os.environ.get("NST_WEIGHTS_URL") or IMAGENET_URL


def imagenet_path() -> Path | None:
    """Return the file of ImageNet's weights if it was fetched, by us or by torch.hub."""
    for folder in (weights_folder(), Path(torch.hub.get_dir()) / "checkpoints"):
        if (folder / IMAGENET_FILE).is_file():
            return folder / IMAGENET_FILE
    return None


def fetch_imagenet() -> Iterator[Progress]:
    """Fetch ImageNet's weights into the data folder; see :func:`nst_core.download.fetch`."""
    with suppress(OSError):
        _offline_marker().unlink()
    yield from fetch(
        imagenet_url(), weights_folder() / IMAGENET_FILE, sha256_prefix=IMAGENET_SHA256_PREFIX
    )


imagenet_fetch = BackgroundFetch(fetch_imagenet)
"""The one download of ImageNet's weights that a server has under way."""


def try_imagenet() -> Iterator[Progress]:
    """Fetch ImageNet's weights where there is a network; end quietly where there is none.

    A network that did not answer is remembered for a day, so that nobody waits for it again.
    ``NST_OFFLINE=1`` never asks.
    """
    if not wants_download():
        return
    try:
        yield from fetch_imagenet()
    except NoNetworkError as error:
        logger.info("%s; going on without ImageNet's weights", error)
        with suppress(OSError):
            _offline_marker().parent.mkdir(parents=True, exist_ok=True)
            _offline_marker().write_text(str(time.time()))


def wants_download(setting: str = "auto") -> bool:
    """Say whether ``setting`` would start a download now."""
    if setting != "auto" or os.environ.get("NST_WEIGHTS") or os.environ.get("NST_OFFLINE"):
        return False
    return imagenet_path() is None and not _known_offline()


def _offline_marker() -> Path:
    return weights_folder() / "no-network"


def _known_offline() -> bool:
    try:
        age = time.time() - float(_offline_marker().read_text())
    except (OSError, ValueError):
        return False
    return 0 <= age < _OFFLINE_SECONDS


def find_weights(
    setting: str = "auto", *, download: bool = True
) -> tuple[Weights, dict[str, Tensor]]:
    """Find, read and check network weights.

    Args:
        setting: ``"auto"``, ``"imagenet"``, ``"textures"`` (those that ship), ``"untrained"``, or
            the path of a state dict with torchvision's names.
        download: whether ``"auto"`` may fetch ImageNet's weights.

    Returns:
        What they are, and the convolutions as ``{torchvision's name: float32 tensor}``.

    Raises:
        WeightsError: the weights asked for are missing, damaged or of wrong shapes.
    """
    if setting == "auto" and download and not os.environ.get("NST_WEIGHTS"):
        for _ in try_imagenet():
            pass
    path, name, origin = _source(setting, download)
    if path is None:
        return _untrained(origin)
    if name == "imagenet":
        _check_imagenet(path)
    state_dict = read_state_dict(path)
    layers = available_layers(state_dict)
    return Weights(name, file_sha256(path), layers, origin, path.resolve()), state_dict


class WeightsInUse(NamedTuple):
    """What a setting takes without a download: its name, its layers, and why, in words.

    ``stamp`` changes where other weights would be taken.
    """

    name: str
    layers: tuple[str, ...]
    origin: str
    stamp: tuple[str, int, int]

    def defaults(self) -> StyleTransferConfig:
        """Return the default settings of a run with these weights."""
        return default_config(self.layers, self.name)


def weights_in_use(setting: str = "auto") -> WeightsInUse:
    """Say which weights a run with ``setting`` would take now, reading no more than it must.

    Raises:
        WeightsError: the weights asked for are missing, damaged or of wrong shapes.
    """
    path, name, origin = _source(setting, False)
    if path is None:
        return WeightsInUse(name, LAYERS, origin, (name, 0, 0))
    try:
        stat = path.stat()
    except OSError:
        raise WeightsError(f"{path}: there is no such weights file; check the path") from None
    stamp = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    return WeightsInUse(name, _layers_of(*stamp), origin, stamp)


class _Source(NamedTuple):
    """The file that a setting takes (None is the untrained network), its name, and why."""

    path: Path | None
    name: str
    origin: str


def _source(setting: str, download: bool) -> _Source:
    """Return what ``setting`` takes; ``download`` says whether a download was tried before."""
    given = os.environ.get("NST_WEIGHTS")
    if setting == "auto" and given:
        return _Source(Path(given), Path(given).name, f"the file {given}, named by NST_WEIGHTS")
    if setting in ("auto", "imagenet"):
        path = imagenet_path()
        if path is not None:
            return _Source(path, "imagenet", "ImageNet (torchvision's IMAGENET1K_V1)")
        if setting == "auto":
            return _last_source(download)
        raise WeightsError(
            "ImageNet's weights are not on this machine; fetch them with "
            "'python -m nst_core weights fetch', or choose weights=textures"
        )
    if setting == "textures":
        return _Source(check_shipped(), "textures", f"{SHIPPED_ORIGIN}, as asked for")
    if setting == "untrained":
        return _Source(None, "untrained", "untrained (random filters), as asked for")
    return _Source(Path(setting), Path(setting).name, f"the file {setting}, as asked for")


def _last_source(download: bool) -> _Source:
    """Return what ``auto`` takes without ImageNet's weights."""
    tried = ""
    if download:
        offline = os.environ.get("NST_OFFLINE")
        tried = " and NST_OFFLINE is set" if offline else " and no network answered"
    why = f"ImageNet's are not here{tried}; 'python -m nst_core weights fetch' gets them"
    if shipped_path() is not None:
        return _Source(check_shipped(), "textures", f"{SHIPPED_ORIGIN}, since {why}")
    missing = f"since {SHIPPED_FILE}, which ships with NST Lab, is missing, and {why}"
    return _Source(None, "untrained", f"untrained (random filters), {missing}")


@lru_cache
def _layers_of(path: str, size: int, modified: int) -> tuple[str, ...]:
    return available_layers(read_state_dict(Path(path)))


def _check_imagenet(path: Path) -> None:
    if not file_sha256(path).startswith(IMAGENET_SHA256_PREFIX):
        raise WeightsError(
            f"{path}: damaged (its SHA-256 does not begin with {IMAGENET_SHA256_PREFIX}); fetch "
            "it anew with 'python -m nst_core weights fetch'"
        )


def _untrained(origin: str) -> tuple[Weights, dict[str, Tensor]]:
    file = weights_folder() / f"untrained-{calibration.UNTRAINED_SEED}-{calibration.VERSION}.pt"
    state_dict = calibration.read_tensors(file)
    if state_dict is None:
        state_dict = calibration.untrained_state_dict()
        calibration.write_tensors(state_dict, file)
    digest = hashlib.sha256()
    for name in sorted(state_dict):
        digest.update(name.encode() + state_dict[name].numpy().tobytes())
    return Weights("untrained", digest.hexdigest(), LAYERS, origin, None), state_dict


def load_encoder(
    layers: Iterable[str] | None = None,
    *,
    weights: str = "auto",
    pooling: str = "average",
    padding: str = "replicate",
    normalize_activations: bool = True,
    device: str | torch.device = "cpu",
    download: bool = True,
) -> VGG19Encoder:
    """Find weights and build the encoder up to the deepest of ``layers``.

    Args:
        layers: names such as ``"conv4_2"``; None takes every layer the weights reach.
        weights: see :func:`find_weights`.
        pooling, padding: see :class:`~nst_core.vgg.VGG19Encoder`.
        normalize_activations: rescale each filter to a mean activation of 1 (Gatys et al. 2016,
            section 2).
        device: where the encoder shall live.
        download: see :func:`find_weights`.

    Returns:
        The encoder; its ``source`` tells which weights it holds.

    Raises:
        LayerError: a layer is deeper than the weights reach.
        WeightsError: see :func:`find_weights`.
    """
    source, state_dict = find_weights(weights, download=download)
    layers = source.layers if layers is None else tuple(layers)
    check_layers(layers, source.layers, source.name)
    if normalize_activations:
        state_dict = calibration.normalized_state_dict(
            state_dict,
            pooling=pooling,
            padding=padding,
            key=source.sha256,
            cache_folder=weights_folder(),
        )
    encoder = VGG19Encoder(state_dict, layers, pooling=pooling, padding=padding, source=source)
    return encoder.to(device)
