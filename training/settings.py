"""What a training is told: each setting with its default, its range and what it means."""

from __future__ import annotations

from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from nst_core.config import LAYERS
from nst_core.errors import ConfigError, LayerError


def _setting(default: Any, low: float, high: float, help_text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": help_text})


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training; with the device they decide every number in it.

    Raises:
        ConfigError: a value is out of its range.
        LayerError: VGG-19 has no such layer.
    """

    steps: int = _setting(10_000, 1, 10**7, "optimiser steps")
    textures: int = _setting(256, 2, 10**5, "textures in a step, none of them seen before")
    crops: int = _setting(4, 2, 64, "crops of each texture")
    size: int = _setting(96, 32, 512, "height and width of a crop, px")
    seed: int = _setting(0, 0, 2**62, "of the start, the textures and their augmentation")
    layers: str = field(
        default=LAYERS[-1], metadata={"help": f"train {LAYERS[0]} to this layer, and no deeper"}
    )
    rate: float = _setting(1e-3, 1e-6, 1.0, "highest learning rate of AdamW")
    weight_decay: float = _setting(0.02, 0.0, 10.0, "AdamW's, of convolutions and projections")
    warmup: float = _setting(0.03, 0.0, 0.9, "share of the steps in which the rate rises")
    temperature: float = _setting(0.1, 0.005, 10.0, "of the contrastive losses")
    dimensions: int = _setting(48, 2, 512, "channels of which each head takes a Gram matrix")
    jitter: float = _setting(1.25, 1.0, 2.0, "largest factor by which a crop is scaled up or down")
    layer_weight: float = _setting(1.0, 0.0, 1e3, "of the layers' own contrastive losses")
    variance_weight: float = _setting(2.0, 0.0, 1e3, "of filters that vary too little")
    firing_weight: float = _setting(10.0, 0.0, 1e3, "of filters that fire too rarely or too often")
    covariance_weight: float = _setting(1.0, 0.0, 1e3, "of filters that vary alike")

    def __post_init__(self) -> None:
        """Check each setting."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "layers":
                if value not in LAYERS:
                    raise LayerError(f"VGG-19 has no layer {value!r}; it has {', '.join(LAYERS)}")
            elif not one.metadata["low"] <= value <= one.metadata["high"]:
                low, high = (f"{one.metadata[end]:,.6g}" for end in ("low", "high"))
                raise ConfigError(f"{one.name} is {value}; it must be from {low} to {high}")

    @property
    def trained_layers(self) -> tuple[str, ...]:
        """The layers from conv1_1 to `layers`."""
        return LAYERS[: LAYERS.index(self.layers) + 1]

    def to_dict(self) -> dict[str, int | float | str]:
        """Return the settings by name."""
        return asdict(self)

    def to_words(self) -> str:
        """Return the command-line options that give these settings, defaults left out."""
        changed = [one for one in settings() if getattr(self, one.name) != one.default]
        return " ".join(f"{flag(one.name)} {getattr(self, one.name)}" for one in changed)


def settings() -> tuple[Field[Any], ...]:
    """Return the fields of TrainingConfig."""
    return fields(TrainingConfig)


def flag(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
