"""The settings of a run: every default, range, unit and help text is written here, once.

Widgets, the command line and ``docs/settings.md`` read them from the fields of
:class:`StyleTransferConfig`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from nst_core.errors import ConfigError, ImageError, LayerError

LAYERS: tuple[str, ...] = tuple(
    f"conv{block}_{index}"
    for block, depth in enumerate((2, 2, 4, 4, 4), start=1)
    for index in range(1, depth + 1)
)
"""VGG-19's convolutions in order (Simonyan and Zisserman 2014, table 1, column E)."""


class LayerWeight(NamedTuple):
    """A layer's name and its share in a loss (``>= 0``)."""

    layer: str
    weight: float


def _read_layer_weights(value: object) -> object:
    """Accept a mapping, pairs, names alone (equal shares), or ``"conv1_1=0.5,conv2_1=0.5"``."""
    if isinstance(value, str):
        items = [item.strip() for item in value.split(",") if item.strip()]
        if any("=" in item for item in items):
            value = [tuple(part.strip() for part in item.partition("=")[::2]) for item in items]
        else:
            value = items
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Iterable):
        return value
    pairs: list[Any] = list(value)
    if all(isinstance(item, str) for item in pairs):
        pairs = [(name, 1 / len(pairs)) for name in pairs]
    for item in pairs:
        if isinstance(item, list | tuple) and len(item) != 2:
            raise LayerError(f"{list(item)} is not a layer and its weight, as in conv1_1=0.2")
        name = item[0] if isinstance(item, list | tuple) and item else item
        if name not in LAYERS:
            raise LayerError(f"VGG-19 has no layer {name!r}; it has {', '.join(LAYERS)}")
    names = [item[0] for item in pairs]
    if len(set(names)) < len(names):
        raise LayerError(f"each layer may stand once, got {', '.join(names)}")
    return tuple(sorted(pairs, key=lambda pair: LAYERS.index(pair[0])))


Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LayerWeights = Annotated[
    tuple[Annotated[LayerWeight, Field()], ...],
    BeforeValidator(_read_layer_weights),
    PlainSerializer(lambda pairs: dict(pairs), return_type=dict[str, float]),
]


def _split_numbers(value: object) -> object:
    if isinstance(value, str):
        return [part for part in value.replace(",", " ").split() if part]
    return value


def _field(default: Any, help_text: str, *, unit: str = "", **limits: Any) -> Any:
    return Field(
        default, description=help_text, json_schema_extra={"unit": unit} if unit else None, **limits
    )


class StyleTransferConfig(BaseModel):
    """Everything that decides what a run computes, besides its pictures.

    Frozen and hashable; unknown keys are refused; JSON both ways (``model_dump_json``,
    :func:`load_config`). Layer weights are kept as ``(layer, weight)`` pairs in the network's
    order and written as JSON objects.

    Raises:
        ConfigError: a value is out of its range, unknown, or does not go with another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    # What is minimised
    alpha: float = _field(
        1.0,
        "Weight of the content term: higher keeps more of the photograph.",
        ge=0,
        le=1e12,
        allow_inf_nan=False,
    )
    beta: float = _field(
        1e8,
        "Weight of the style term: higher brings more of the style.",
        ge=0,
        le=1e12,
        allow_inf_nan=False,
    )
    gamma: float = _field(
        10.0,
        "Weight of total variation: higher is smoother, 0 keeps every grain.",
        ge=0,
        le=1e12,
        allow_inf_nan=False,
    )
    content_layers: LayerWeights = _field(
        {"conv4_2": 1.0}, "Layers that hold the content, each with its weight."
    )
    style_layers: LayerWeights = _field(
        dict.fromkeys(("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), 0.2),
        "Layers whose statistics are the style, each with its weight.",
    )
    style_weights: Annotated[tuple[Weight, ...], BeforeValidator(_split_numbers)] = _field(
        (), "Blend of several style pictures, one weight each; empty is equal shares."
    )
    resolution_invariant: bool = _field(
        True,
        "Scale alpha and gamma by 512*512 / (height*width), so that a look found at 256 px is "
        "the look at 1024 px. Off is the paper to the letter.",
    )
    style_statistic: Literal["gram", "covariance", "wasserstein", "patches"] = _field(
        "gram",
        "What of the style is compared. Of each style layer: Gram matrices (Gatys 2016), means and "
        "covariances, or the 2-Wasserstein distance between Gaussians. Or, without a network, "
        "patches of 7 x 7 pixels at four scales by the sliced Wasserstein distance (Elnekave and "
        "Weiss 2022); the style layers then have no part in it.",
    )

    # The network
    weights: str = _field(
        "auto",
        "Network weights: auto (the first found), imagenet, textures (which ship with NST Lab), "
        "untrained, or the path of a file.",
        min_length=1,
    )
    normalize_activations: bool = _field(
        True,
        "Rescale each filter to a mean activation of 1 (Gatys 2016, section 2), so that one set "
        "of weights means the same for every source of network weights.",
    )
    pooling: Literal["max", "average"] = _field(
        "average",
        "How the network is pooled: average as the paper's figures, or max as it was trained.",
    )
    padding: Literal["zeros", "replicate"] = _field(
        "replicate",
        "What the first convolution sees beyond the border: zeros as trained, or the border's "
        "own colour, which leaves no frame.",
    )

    # Pictures
    size: int = _field(512, "Long edge of the result.", unit="px", ge=32, le=8192)
    style_scale: float = _field(
        1.0,
        "Size of the style pictures relative to the result: smaller gives finer strokes.",
        ge=0.25,
        le=4,
        allow_inf_nan=False,
    )
    init: Literal["content", "noise", "grey", "style_colors", "mix"] = _field(
        "content",
        "Picture to start from: the content, noise, flat grey, noise in the style's colours, or "
        "a mix of content and noise.",
    )
    init_mix: float = _field(
        0.5,
        "Share of noise where init is mix: 0 is the content, 1 is noise.",
        ge=0,
        le=1,
        allow_inf_nan=False,
    )
    color_before: Literal[
        "none",
        "luminance_yiq",
        "luminance_lab",
        "histogram",
        "cholesky",
        "pca",
        "symmetric",
    ] = _field(
        "none",
        "Colour handling before the run (Gatys 2016, Preserving color): recolour the style to "
        "the content's palette, or run on luminance alone and keep the content's colours.",
    )

    # The optimisation
    optimizer: Literal["auto", "adam", "lbfgs"] = _field(
        "auto",
        "L-BFGS as in the paper, which takes about a third of Adam's steps and more memory, or "
        "Adam. auto is L-BFGS, and Adam where the style's statistic is patches.",
    )
    learning_rate: Literal["auto"] | Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = (
        _field(
            "auto",
            "Step size, above 0 up to 10: in intensity (0 to 1) for Adam, a factor on the "
            "quasi-Newton step for L-BFGS. auto is 0.02 for Adam and 1 for L-BFGS.",
        )
    )
    lr_schedule: Literal["constant", "cosine", "plateau"] = _field(
        "constant",
        "Learning rate over a level: constant, cosine down to 0, or halved when the loss stalls.",
    )
    steps: int = _field(
        200,
        "Optimiser steps, shared out over the levels; the finest gets twice those of each other.",
        unit="steps",
        ge=1,
        le=100_000,
    )
    levels: Literal["auto"] | Annotated[int, Field(ge=1, le=6)] = _field(
        "auto",
        "Coarse-to-fine levels, 1 to 6, each half the size of the next. auto is one below 128 px "
        "(1024 px where the style's statistic is patches) and one more at each doubling.",
    )
    averaging: float = _field(
        0.0,
        "Decay of the exponential average over iterates that makes the result; 0 takes the last.",
        ge=0,
        lt=1,
        allow_inf_nan=False,
    )
    stop_below: float = _field(
        0.0,
        "Stop when the last window improved the loss by less than this, at the finest level; 0 "
        "runs all steps.",
        unit="%",
        ge=0,
        le=100,
        allow_inf_nan=False,
    )
    stop_window: int = _field(
        20, "Window over which the improvement is judged.", unit="steps", ge=10, le=10_000
    )
    outputs: int = _field(
        1,
        "Pictures to keep, evenly over the steps at the full size; the last is the result.",
        ge=1,
        le=10,
    )
    seed: int = _field(0, "Seed of everything random.", ge=0, le=2**63 - 1)

    # The machine
    precision: Literal["auto", "float32", "bfloat16"] = _field(
        "auto",
        "Arithmetic of the convolutions; losses are float32 always. auto is float32.",
    )
    device: str = _field(
        "auto",
        "Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, mps.",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?)$",
    )

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise _config_error(error) from None

    @field_validator("content_layers", "style_layers", mode="after")
    @classmethod
    def _check_layer_weights(cls, pairs: tuple[LayerWeight, ...]) -> tuple[LayerWeight, ...]:
        for layer, weight in pairs:
            if not 0 <= weight <= 1e12:
                raise ConfigError(f"the weight of {layer} must be 0 or more, got {weight}")
        return pairs

    @model_validator(mode="after")
    def _check_together(self) -> StyleTransferConfig:
        if self.alpha == self.beta == self.gamma == 0:
            raise ConfigError("alpha, beta and gamma are all 0: raise one, or nothing is optimised")
        for term, weight, layers in (
            ("alpha", self.alpha, "content_layers"),
            ("beta", self.beta, "style_layers"),
        ):
            if term == "beta" and self.style_statistic == "patches":
                continue
            if weight > 0 and not any(share > 0 for _, share in getattr(self, layers)):
                raise ConfigError(
                    f"{layers} has no layer with a weight above 0: add one, or set {term} to 0"
                )
        if self.style_statistic == "patches" and self.optimizer == "lbfgs":
            raise ConfigError(
                "style_statistic patches looks in new directions in each step, which L-BFGS cannot "
                "follow: take auto, adam, or another statistic"
            )
        if self.style_weights and not any(self.style_weights):
            raise ConfigError("style_weights are all 0: raise one")
        if self.outputs > self.steps:
            raise ConfigError(
                f"{self.outputs} outputs need at least as many steps, got {self.steps}: "
                "raise steps or lower outputs"
            )
        if self.levels != "auto" and self.levels > self.steps:
            raise ConfigError(
                f"{self.levels} levels need at least as many steps, got {self.steps}: "
                "raise steps or lower levels"
            )
        return self

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Validate as pydantic does, raising ConfigError."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise _config_error(error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Validate JSON as pydantic does, raising ConfigError."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise _config_error(error) from None

    @property
    def optimizer_in_use(self) -> Literal["adam", "lbfgs"]:
        """The optimiser that computes: what ``optimizer`` says, or what its ``auto`` means."""
        if self.optimizer != "auto":
            return self.optimizer
        return "adam" if self.style_statistic == "patches" else "lbfgs"

    def changed(self, **settings: Any) -> StyleTransferConfig:
        """Return a copy with ``settings`` replaced, all checks made again."""
        return type(self)(**{**self.model_dump(), **settings})


def _config_error(error: ValidationError) -> ConfigError:
    """Say a pydantic error in one line of words."""
    first = error.errors(include_url=False)[0]
    cause = (first.get("ctx") or {}).get("error")
    name = str(first["loc"][0]) if first["loc"] else ""
    if isinstance(cause, ConfigError):
        return type(cause)(f"{name}: {cause}" if name else str(cause))
    if first["type"] == "extra_forbidden":
        known = ", ".join(StyleTransferConfig.model_fields)
        return ConfigError(f"there is no setting {name!r}; the settings are {known}")
    # A union reports one error a member; together they name every choice.
    if name == "device":
        return ConfigError(
            f"device: must be auto, cpu, cuda, cuda:1 or mps, got {first['input']!r}"
        )
    reasons = dict.fromkeys(
        item["msg"].replace("Input should be", "must be")
        for item in error.errors(include_url=False)
        if item["loc"][:1] == first["loc"][:1]
    )
    return ConfigError(f"{name}: {' or '.join(reasons)}, got {first['input']!r}")


def load_config(path: str | os.PathLike[str]) -> StyleTransferConfig:
    """Read settings from a JSON file, or from a PNG that NST Lab wrote.

    Raises:
        ConfigError: the file is missing, is neither of the two, or holds bad settings.
    """
    from nst_core.image import read_provenance  # so that reading JSON needs no Pillow

    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if data.startswith(b"\x89PNG"):
        try:
            settings = read_provenance(data).get("config")
        except ImageError as error:
            raise ConfigError(f"{path}: {error}") from None
    else:
        try:
            settings = json.loads(data)
        except ValueError:
            raise ConfigError(
                f"{path}: neither JSON nor a PNG written by NST Lab; give one of these"
            ) from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: holds no settings; give a JSON object of settings")
    try:
        return StyleTransferConfig(**settings)
    except ConfigError as error:
        raise type(error)(f"{path}: {error}") from None
