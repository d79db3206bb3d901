"""What a training is told: each setting with its default, its range and what it means."""

from __future__ import annotations

from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, ClassVar

from nst_core.config import LAYERS
from nst_core.errors import ConfigError, LayerError


def setting(default: Any, low: float, high: float, help_text: str) -> Any:
    """Return a field with a range."""
    return field(default=default, metadata={"low": low, "high": high, "help": help_text})


def layer_setting(verb: str) -> Any:
    """Return the field that says how deep."""
    return field(
        default=LAYERS[-1], metadata={"help": f"{verb} {LAYERS[0]} to this layer, and no deeper"}
    )


class Settings:
    """Settings of one kind of training; with the device they decide every number in it.

    A subclass is a frozen dataclass of :func:`setting` and one :func:`layer_setting`, ``layers``.

    Raises:
        ConfigError: a value is out of its range.
        LayerError: VGG-19 has no such layer.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    layers: str

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
    def chosen_layers(self) -> tuple[str, ...]:
        """The layers from conv1_1 to `layers`."""
        return LAYERS[: LAYERS.index(self.layers) + 1]

    def to_dict(self) -> dict[str, int | float | str]:
        """Return the settings by name."""
        return asdict(self)

    def to_words(self) -> str:
        """Return the command-line options that give these settings, defaults left out."""
        changed = [one for one in fields(self) if getattr(self, one.name) != one.default]
        return " ".join(f"{flag(one.name)} {getattr(self, one.name)}" for one in changed)


@dataclass(frozen=True)
class TrainingConfig(Settings):
    """The settings of a training by backpropagation.

    Raises:
        ConfigError, LayerError: see Settings.
    """

    steps: int = setting(10_000, 1, 10**7, "optimiser steps")
    textures: int = setting(256, 2, 10**5, "textures in a step, none of them seen before")
    crops: int = setting(4, 2, 64, "crops of each texture")
    size: int = setting(96, 32, 512, "height and width of a crop, px")
    seed: int = setting(0, 0, 2**62, "of the start, the textures and their augmentation")
    layers: str = layer_setting("train")
    rate: float = setting(1e-3, 1e-6, 1.0, "highest learning rate of AdamW")
    weight_decay: float = setting(0.02, 0.0, 10.0, "AdamW's, of convolutions and projections")
    warmup: float = setting(0.03, 0.0, 0.9, "share of the steps in which the rate rises")
    temperature: float = setting(0.1, 0.005, 10.0, "of the contrastive losses")
    dimensions: int = setting(48, 2, 512, "channels of which each head takes a Gram matrix")
    jitter: float = setting(1.25, 1.0, 2.0, "largest factor by which a crop is scaled up or down")
    layer_weight: float = setting(1.0, 0.0, 1e3, "of the layers' own contrastive losses")
    variance_weight: float = setting(2.0, 0.0, 1e3, "of filters that vary too little")
    firing_weight: float = setting(10.0, 0.0, 1e3, "of filters that fire too rarely or too often")
    covariance_weight: float = setting(1.0, 0.0, 1e3, "of filters that vary alike")


@dataclass(frozen=True)
class ClusterConfig(Settings):
    """The settings of a clustering, layer by layer.

    Raises:
        ConfigError, LayerError: see Settings.
    """

    textures: int = setting(400, 1, 10**5, "textures, one crop of each")
    size: int = setting(96, 64, 512, "height and width of a crop, px")
    seed: int = setting(0, 0, 2**62, "of the crops, the patches, the clusters and the random share")
    layers: str = layer_setting("cluster")
    patches: int = setting(12_000, 1_000, 10**7, "patches that are clustered in a layer")
    rounds: int = setting(8, 1, 1000, "of k-means")
    whitening: float = setting(
        0.5, 1e-6, 1e6, "variance that whitening adds, in the mean variance: lower is whiter"
    )
    colors: int = setting(16, 6, 48, "filters for colours; conv1_1 has 64 in all")
    random_share: float = setting(0.5, 0.0, 1.0, "of the other filters that are random")
    zoom: float = setting(4.0, 1.0, 16.0, "largest factor by which a crop is enlarged")
    choice: float = setting(1.5, 1.0, 8.0, "filters made for each that is kept, the steadiest")
    lowest: float = setting(-1.0, -10.0, 10.0, "threshold of a cluster, in its deviation, from")
    highest: float = setting(0.5, -10.0, 10.0, "the same, to")


def flag(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
