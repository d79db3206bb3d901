"""Files of network weights: a state dict with torchvision's names, checked before it is used."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from nst_core.download import sha256_of
from nst_core.errors import WeightsError
from nst_core.vgg import CHANNELS, available_layers, weight_names


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, computed once a process while it stays as it is.

    Raises:
        OSError: the file cannot be read.
    """
    stat = path.stat()
    return _sha256_once(path.resolve(), stat.st_size, stat.st_mtime_ns)


@lru_cache
def _sha256_once(path: Path, size: int, modified: int) -> str:
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
