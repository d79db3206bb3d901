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
    from nst_core.image import Picture, load_image, load_mask, read_provenance, save_image
    from nst_core.losses import (
        content_loss,
        gram_matrix,
        style_loss,
        style_target,
        total_variation_loss,
    )
    from nst_core.step import Step
    from nst_core.store import (
        LogLine,
        Losses,
        Run,
        RunInput,
        Snapshot,
        Store,
        StoredPicture,
        open_store,
    )
    from nst_core.stylize import stylize
    from nst_core.weights import load_encoder

_HOMES = {
    "COLOR_METHODS": "color",
    "Checkpoint": "checkpoint",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "DeviceError": "errors",
    "DivergenceError": "errors",
    "ImageError": "errors",
    "LAYERS": "config",
    "LayerError": "errors",
    "LogLine": "store",
    "Losses": "store",
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
    "content_loss": "losses",
    "gram_matrix": "losses",
    "load_config": "config",
    "load_encoder": "weights",
    "load_image": "image",
    "load_mask": "image",
    "luminance_transfer": "color",
    "match_covariance": "color",
    "match_histogram": "color",
    "open_store": "store",
    "read_provenance": "image",
    "recolor": "color",
    "save_image": "image",
    "style_loss": "losses",
    "style_target": "losses",
    "stylize": "stylize",
    "total_variation_loss": "losses",
}

__all__ = [
    "COLOR_METHODS",
    "LAYERS",
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "DeviceError",
    "DivergenceError",
    "ImageError",
    "LayerError",
    "LogLine",
    "Losses",
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
    "content_loss",
    "gram_matrix",
    "load_config",
    "load_encoder",
    "load_image",
    "load_mask",
    "luminance_transfer",
    "match_covariance",
    "match_histogram",
    "open_store",
    "read_provenance",
    "recolor",
    "save_image",
    "style_loss",
    "style_target",
    "stylize",
    "total_variation_loss",
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
