"""Where VGG-19's weights come from, and the encoder made of them.

The order for ``"auto"``: the file named by ``NST_WEIGHTS``; ImageNet's weights where they were
fetched before (by NST Lab or by torch.hub); their download; the untrained network.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import time
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core import calibration
from nst_core.config import LAYERS
from nst_core.download import (
    BackgroundFetch,
    NoNetworkError,
    Progress,
    fetch,
    sha256_of,
)
from nst_core.errors import WeightsError
from nst_core.paths import weights_folder
from nst_core.vgg import (
    CHANNELS,
    VGG19Encoder,
    Weights,
    available_layers,
    check_layers,
    weight_names,
)

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
        setting: ``"auto"``, ``"imagenet"``, ``"untrained"``, or the path of a state dict with
            torchvision's names.
        download: whether ``"auto"`` may fetch ImageNet's weights.

    Returns:
        What they are, and the convolutions as ``{torchvision's name: float32 tensor}``.

    Raises:
        WeightsError: the weights asked for are missing, damaged or of wrong shapes.
    """
    if setting == "untrained":
        return _untrained("untrained (random filters), as asked for")
    if setting == "auto" and download and not os.environ.get("NST_WEIGHTS"):
        for _ in try_imagenet():
            pass
    path, name, origin = _file_in_use(setting)
    if path is None:
        return _untrained(_why_untrained(download))
    return _imagenet(path) if name == "imagenet" else _from_file(path, origin)


def _why_untrained(download: bool) -> str:
    reason = ""
    if download:
        offline = os.environ.get("NST_OFFLINE")
        reason = " and NST_OFFLINE is set" if offline else " and no network answered"
    return (
        f"untrained (random filters), since ImageNet's are not here{reason}; "
        "'python -m nst_core weights fetch' gets them"
    )


class WeightsInUse(NamedTuple):
    """What a setting takes without a download: its name, its layers, and why, in words.

    ``stamp`` changes where other weights would be taken.
    """

    name: str
    layers: tuple[str, ...]
    origin: str
    stamp: tuple[str, int, int]


def weights_in_use(setting: str = "auto") -> WeightsInUse:
    """Say which weights a run with ``setting`` would take now, reading no more than it must.

    Raises:
        WeightsError: the weights asked for are missing, damaged or of wrong shapes.
    """
    if setting == "untrained":
        return WeightsInUse(
            "untrained", LAYERS, "untrained (random filters), as asked for", ("untrained", 0, 0)
        )
    path, name, origin = _file_in_use(setting)
    if path is None:
        return WeightsInUse("untrained", LAYERS, _why_untrained(False), ("untrained", 0, 0))
    try:
        stat = path.stat()
    except OSError:
        raise WeightsError(f"{path}: there is no such weights file; check the path") from None
    stamp = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    return WeightsInUse(name or path.name, _layers_of(*stamp), origin, stamp)


def _file_in_use(setting: str) -> tuple[Path | None, str, str]:
    """Return the file that ``setting`` takes, what it is called (if not by its name), and why."""
    given = os.environ.get("NST_WEIGHTS")
    if setting == "auto" and given:
        return Path(given), "", f"the file {given}, named by NST_WEIGHTS"
    if setting in ("auto", "imagenet"):
        path = imagenet_path()
        if path is None and setting == "imagenet":
            raise WeightsError(
                "ImageNet's weights are not on this machine; fetch them with "
                "'python -m nst_core weights fetch', or choose weights=untrained"
            )
        return path, "imagenet", "ImageNet (torchvision's IMAGENET1K_V1)"
    return Path(setting), "", f"the file {setting}, as asked for"


@lru_cache
def _layers_of(path: str, size: int, modified: int) -> tuple[str, ...]:
    return available_layers(read_state_dict(Path(path)))


def _imagenet(path: Path) -> tuple[Weights, dict[str, Tensor]]:
    if not _hash(path).startswith(IMAGENET_SHA256_PREFIX):
        raise WeightsError(
            f"{path}: damaged (its SHA-256 does not begin with {IMAGENET_SHA256_PREFIX}); fetch "
            "it anew with 'python -m nst_core weights fetch'"
        )
    weights, state_dict = _from_file(path, "ImageNet (torchvision's IMAGENET1K_V1)")
    return replace(weights, name="imagenet"), state_dict


def _from_file(path: Path, origin: str) -> tuple[Weights, dict[str, Tensor]]:
    state_dict = read_state_dict(path)
    layers = available_layers(state_dict)
    return Weights(path.name, _hash(path), layers, origin, path.resolve()), state_dict


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


def _hash(path: Path) -> str:
    stat = path.stat()
    return _hash_once(path.resolve(), stat.st_size, stat.st_mtime_ns)


@lru_cache
def _hash_once(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the convolutions of a state dict, as float32.

    Raises:
        WeightsError: the file is missing, truncated, holds something else than tensors (it is
            never executed), lacks ``conv1_1``, or has a tensor of a wrong shape.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file; check the path")
    try:
        with warnings.catch_warnings():  # torch warns of pickles that it then refuses anyway
            warnings.simplefilter("ignore")
            loaded = torch.load(
                path, weights_only=True, map_location="cpu", mmap=zipfile.is_zipfile(path)
            )
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path}: not a state dict of tensors alone, and so not loaded; save it with "
            "torch.save(model.state_dict(), path)"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise WeightsError(
            f"{path}: cannot be read as network weights ({reason}); it may be truncated: fetch "
            "or save it again"
        ) from None
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{path}: holds a {type(loaded).__name__}, not a state dict")
    return _checked(loaded, path)


def _checked(loaded: Mapping[str, object], path: Path) -> dict[str, Tensor]:
    tensors = {
        name: value
        for name, value in loaded.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    layers = available_layers(tensors)
    if not layers:
        raise WeightsError(
            f"{path}: no convolutions of VGG-19 in it; names must be torchvision's, from "
            "features.0.weight on"
        )
    result, inputs = {}, 3
    for layer in layers:
        outputs = CHANNELS[layer]
        for name, shape in zip(
            weight_names(layer), ((outputs, inputs, 3, 3), (outputs,)), strict=True
        ):
            value = tensors[name]
            if tuple(value.shape) != shape:
                raise WeightsError(
                    f"{path}: {name} ({layer}) has the shape {tuple(value.shape)}, and VGG-19 "
                    f"needs {shape}; these are another network's weights"
                )
            if not value.is_floating_point() or not bool(value.isfinite().all()):
                raise WeightsError(f"{path}: {name} ({layer}) holds values that are not finite")
            result[name] = value.float()
        inputs = outputs
    return result


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
