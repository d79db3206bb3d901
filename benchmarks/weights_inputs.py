"""What weights are measured on and with: pairs of pictures, sources of weights, and a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from torch import Tensor

from nst_core import (
    ConfigError,
    Picture,
    StyleTransferConfig,
    load_image,
    measure,
    resolve_device,
    weights_in_use,
)
from nst_core.image import Size, fit_size, resize
from nst_core.loop import encoder_for
from nst_core.metrics import measuring_config
from nst_core.vgg import VGG19Encoder, Weights

UNTRAINED, REFERENCE = "untrained", "imagenet"
SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"
PAIRS = (  # of the paintings' folder, or else of our samples
    ("content_tubingen.jpg", "style_starry_night.jpg"),  # brushed oil
    ("cat.png", "koi_mosaic.jpg"),  # mosaic
    ("cameraman.png", "style_great_wave.jpg"),  # a grey photograph, a flat print
    ("content_golden_gate.jpg", "style_the_scream.jpg"),  # both upright
    ("coffee.png", "alpine_engraving.jpg"),  # a colourful photograph, nearly grey lines
    ("content_lion.jpg", "poppy_window.jpg"),  # stained glass, upright
    ("rocket.jpg", "style_shipwreck.jpg"),  # dark oil, soft
    ("astronaut.png", "autumn_river.jpg"),  # dabs of pure colour
)


@dataclass(frozen=True)
class Pair:
    """A content and a style with what their distances are divided by.

    Attributes:
        content, style: as they were read.
        small: the content at the size of the results, where every run starts.
        style_distance: the judge's, of the content picture: what style left is a share of.
        content_distance: the judge's, between the content and the style picture, which is scaled
            until it covers the content's size and cropped around its middle: what content is a
            share of. It depends on no source of weights.
    """

    content: Picture
    style: Picture
    small: Picture
    style_distance: float
    content_distance: float

    @property
    def name(self) -> str:
        """Return both names without endings, and without what only tells their roles."""
        content = Path(self.content.name).stem.removeprefix("content_")
        style = Path(self.style.name).stem.removeprefix("style_")
        return f"{content} by {style}"


@dataclass(frozen=True)
class Source:
    """Network weights and the settings they are used with."""

    name: str
    encoder: VGG19Encoder
    config: StyleTransferConfig

    @property
    def weights(self) -> Weights:
        """Return which weights these are."""
        assert self.encoder.source is not None
        return self.encoder.source


def load_judge(path: Path, device: str) -> VGG19Encoder:
    """Load the network that measures, as deep as measuring needs."""
    config = measuring_config(weights_in_use(str(path)).layers)
    return encoder_for(config.changed(weights=str(path))).to(resolve_device(device))


def load_source(name: str, setting: str, settings: Mapping[str, Any]) -> Source:
    """Load weights with their own defaults, but for ``settings``.

    Args:
        setting: what the setting ``weights`` takes; a style statistic may follow, as in ``@gram``.

    Raises:
        LayerError, WeightsError: the settings name layers that they have not, or they are bad.
    """
    path, _, statistic = setting.rpartition("@")
    if path and statistic in get_args(
        StyleTransferConfig.model_fields["style_statistic"].annotation
    ):
        setting, settings = path, {**settings, "style_statistic": statistic}
    config = weights_in_use(setting).defaults().changed(**{"weights": setting, **settings})
    return Source(name, encoder_for(config, download=False), config)


def load_pair(content: Path, style: Path, size: int, judge: VGG19Encoder) -> Pair:
    """Read two pictures, and have the judge measure what their results are compared with."""
    photo, painting = load_image(content), load_image(style)
    small = resize(photo.pixels, fit_size(photo.size, size))
    start = measure(small, small, [painting.pixels], judge)
    covered = cover(painting.pixels, (small.shape[-2], small.shape[-1]))
    end = measure(covered, small, [painting.pixels], judge)
    assert end.content_distance is not None
    return Pair(photo, painting, Picture(small), start.style_distance, end.content_distance)


def cover(image: Tensor, size: Size) -> Tensor:
    """Scale ``(1, 3, H, W)`` until it covers ``size`` (height, width); crop around its middle."""
    scale = max(size[0] / image.shape[-2], size[1] / image.shape[-1])
    height, width = (
        max(edge, round(length * scale))
        for edge, length in zip(size, image.shape[-2:], strict=True)
    )
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return resize(image, (height, width))[..., top : top + size[0], left : left + size[1]]


def load_sources(judge: Path, further: Sequence[str], settings: Mapping[str, Any]) -> list[Source]:
    """Load every source, the untrained first and the judge's weights, the reference, last.

    Args:
        further: the sources between, each as ``NAME=SETTING``.
        settings: what is the same for all.

    Raises:
        ConfigError: a source has no name of its own, or a setting is bad.
        WeightsError: weights cannot be used.
    """
    named = [(UNTRAINED, UNTRAINED)]
    for text in further:
        name, _, setting = text.partition("=")
        if not (name and setting):
            raise ConfigError(f"--weights {text}: give a name and a source, as in new=new.pth")
        named.append((name, setting))
    named.append((REFERENCE, str(judge)))
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise ConfigError(f"each source needs a name of its own, got {', '.join(names)}")
    return [load_source(name, setting, settings) for name, setting in named]


def listed_pairs(paintings: Path | None, count: int) -> list[tuple[Path, Path]]:
    """Return the files of the first ``count`` of ``PAIRS``.

    Raises:
        ConfigError: there are not so many, or it was not said where the paintings are.
    """
    if paintings is None:
        raise ConfigError("name the folder of the paintings by --paintings, or pairs by --pair")
    if not 1 <= count <= len(PAIRS):
        raise ConfigError(f"--pairs must be 1 to {len(PAIRS)}, got {count}")
    return [
        (_file(paintings, "content", content), _file(paintings, "style", style))
        for content, style in PAIRS[:count]
    ]


def _file(paintings: Path, role: str, name: str) -> Path:
    return paintings / name if name.startswith(f"{role}_") else SAMPLES / role / name
