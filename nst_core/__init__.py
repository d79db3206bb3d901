"""NST Lab's core: neural style transfer from Python and from the command line.

Names are imported when they are first used, so that ``import nst_core`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nst_core.checkpoint import Checkpoint
    from nst_core.color import (
        COLOR_METHODS,
        luminance_transfer,
        match_covariance,
        match_histogram,
        recolor,
    )
    from nst_core.config import LAYERS, StyleTransferConfig, load_config
    from nst_core.device import available_devices, describe_device, resolve_device
    from nst_core.engine import DeviceStatus, Executor, LocalExecutor, local_executor
    from nst_core.errors import (
        CheckpointError,
        ConfigError,
        DeviceError,
        DivergenceError,
        ImageError,
        LayerError,
        NSTError,
        OutOfMemoryError,
        QueueFullError,
        RunError,
        StalePictureError,
        StoreError,
        WeightsError,
    )
    from nst_core.export import corrected_picture, losses_csv, recolor_picture, snapshots_zip
    from nst_core.image import (
        Picture,
        encode_png,
        load_image,
        load_mask,
        read_provenance,
        save_image,
    )
    from nst_core.losses import (
        content_loss,
        gram_matrix,
        style_loss,
        style_target,
        total_variation_loss,
    )
    from nst_core.metrics import Metrics
    from nst_core.step import Step
    from nst_core.store import (
        History,
        LogLine,
        Losses,
        Run,
        RunInput,
        Snapshot,
        Store,
        StoredPicture,
        encode_preview,
        open_store,
    )
    from nst_core.stylize import stylize
    from nst_core.submit import MOST_STYLES, cancel_run, check_mask_size, resume_run, submit_run
    from nst_core.weights import WeightsInUse, imagenet_fetch, load_encoder, weights_in_use

_HOMES = {
    "COLOR_METHODS": "color",
    "Checkpoint": "checkpoint",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "DeviceError": "errors",
    "DeviceStatus": "engine",
    "DivergenceError": "errors",
    "Executor": "engine",
    "History": "store",
    "ImageError": "errors",
    "LAYERS": "config",
    "LayerError": "errors",
    "LocalExecutor": "engine",
    "LogLine": "store",
    "Losses": "store",
    "MOST_STYLES": "submit",
    "Metrics": "metrics",
    "NSTError": "errors",
    "OutOfMemoryError": "errors",
    "Picture": "image",
    "QueueFullError": "errors",
    "Run": "store",
    "RunError": "errors",
    "RunInput": "store",
    "Snapshot": "store",
    "StalePictureError": "errors",
    "Step": "step",
    "Store": "store",
    "StoreError": "errors",
    "StoredPicture": "store",
    "StyleTransferConfig": "config",
    "WeightsError": "errors",
    "WeightsInUse": "weights",
    "available_devices": "device",
    "cancel_run": "submit",
    "check_mask_size": "submit",
    "content_loss": "losses",
    "corrected_picture": "export",
    "describe_device": "device",
    "encode_png": "image",
    "encode_preview": "store",
    "gram_matrix": "losses",
    "imagenet_fetch": "weights",
    "load_config": "config",
    "load_encoder": "weights",
    "load_image": "image",
    "load_mask": "image",
    "local_executor": "engine",
    "losses_csv": "export",
    "luminance_transfer": "color",
    "match_covariance": "color",
    "match_histogram": "color",
    "open_store": "store",
    "read_provenance": "image",
    "recolor": "color",
    "recolor_picture": "export",
    "resolve_device": "device",
    "resume_run": "submit",
    "save_image": "image",
    "snapshots_zip": "export",
    "style_loss": "losses",
    "style_target": "losses",
    "stylize": "stylize",
    "submit_run": "submit",
    "total_variation_loss": "losses",
    "weights_in_use": "weights",
}

__all__ = [
    "COLOR_METHODS",
    "LAYERS",
    "MOST_STYLES",
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "DeviceError",
    "DeviceStatus",
    "DivergenceError",
    "Executor",
    "History",
    "ImageError",
    "LayerError",
    "LocalExecutor",
    "LogLine",
    "Losses",
    "Metrics",
    "NSTError",
    "OutOfMemoryError",
    "Picture",
    "QueueFullError",
    "Run",
    "RunError",
    "RunInput",
    "Snapshot",
    "StalePictureError",
    "Step",
    "Store",
    "StoreError",
    "StoredPicture",
    "StyleTransferConfig",
    "WeightsError",
    "WeightsInUse",
    "available_devices",
    "cancel_run",
    "check_mask_size",
    "content_loss",
    "corrected_picture",
    "describe_device",
    "encode_png",
    "encode_preview",
    "gram_matrix",
    "imagenet_fetch",
    "load_config",
    "load_encoder",
    "load_image",
    "load_mask",
    "local_executor",
    "losses_csv",
    "luminance_transfer",
    "match_covariance",
    "match_histogram",
    "open_store",
    "read_provenance",
    "recolor",
    "recolor_picture",
    "resolve_device",
    "resume_run",
    "save_image",
    "snapshots_zip",
    "style_loss",
    "style_target",
    "stylize",
    "submit_run",
    "total_variation_loss",
    "weights_in_use",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nst_core' has no attribute {name!r}")
    value = getattr(import_module(f"nst_core.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Python binds a module to its package once it is imported, and one is called stylize too."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "stylize" and isinstance(value, ModuleType):
            value = value.stylize
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
