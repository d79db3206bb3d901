"""The pictures of a run: checked once, then scaled to each level's size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from nst_core.color import match_luminance, recolor, to_luminance
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError, ImageError
from nst_core.image import Picture, fit_size, resize
from nst_core.objective import style_shares


class Scaled(NamedTuple):
    """The pictures of a run at one size, on the CPU, after the colour handling before a run.

    Attributes:
        content: ``(1, 3, H, W)``.
        styles: ``(1, 3, H', W')`` each.
        content_mask, style_masks: ``(1, 1, ...)`` of their picture's size, or None.
    """

    content: Tensor
    styles: list[Tensor]
    content_mask: Tensor | None
    style_masks: list[Tensor | None]


@dataclass(frozen=True)
class Inputs:
    """The pictures of a run, checked.

    Attributes:
        content, styles: see :func:`~nst_core.stylize.stylize`.
        content_mask, style_masks: each of its picture's size, or None.
    """

    content: Picture
    styles: tuple[Picture, ...]
    content_mask: Tensor | None
    style_masks: tuple[Tensor | None, ...]

    @classmethod
    def checked(
        cls,
        content: Picture | Tensor,
        styles: Sequence[Picture | Tensor],
        config: StyleTransferConfig,
        content_mask: Tensor | None,
        style_masks: Sequence[Tensor | None] | None,
    ) -> Inputs:
        """Check pictures and masks against each other and the settings.

        Raises:
            ImageError: a picture or mask is of a wrong shape, size or range, or too thin.
            ConfigError: counts do not agree.
        """
        if isinstance(styles, Picture | Tensor):
            styles = [styles]
        if not styles:
            raise ConfigError("a run needs at least one style picture")
        masks = tuple(style_masks) if style_masks is not None else (None,) * len(styles)
        check_counts(config, styles=len(styles), masks=len(masks))
        content = _checked_picture(content, "the content")
        pictures = tuple(_checked_picture(style, "a style picture") for style in styles)
        _check_mask(content_mask, content, "the content")
        for mask, picture in zip(masks, pictures, strict=True):
            _check_mask(mask, picture, "a style picture")
        return cls(content, pictures, content_mask, masks)

    def fingerprint(self) -> str:
        """Return a hash of every picture and mask."""
        digest = hashlib.sha256()
        for tensor in (
            self.content.pixels,
            *(style.pixels for style in self.styles),
            self.content_mask,
            *self.style_masks,
        ):
            digest.update(b"none" if tensor is None else _tensor_hash(tensor).encode())
        return digest.hexdigest()

    def describe(self) -> list[dict[str, str]]:
        """Return role, name and SHA-256 of every picture and mask."""
        listed = [("content", self.content), *(("style", style) for style in self.styles)]
        rows = [
            {
                "role": role,
                "name": picture.name,
                "sha256": picture.sha256 or _tensor_hash(picture.pixels),
            }
            for role, picture in listed
        ]
        masks = [
            ("content mask", self.content_mask),
            *(("style mask", m) for m in self.style_masks),
        ]
        rows += [
            {"role": role, "name": "", "sha256": _tensor_hash(mask)}
            for role, mask in masks
            if mask is not None
        ]
        return rows

    def scaled(self, long_edge: int, config: StyleTransferConfig, *, up_to: int = 0) -> Scaled:
        """Resize everything for a result of ``long_edge`` px, and handle colours.

        Args:
            long_edge: in px.
            config: the settings.
            up_to: long edge in px that a thin content may have, so that the network can see it.

        Raises:
            ImageError: the content or a style would become thinner than the network can see.
        """
        size = fit_size(self.content.size, long_edge, up_to=up_to)
        content = resize(self.content.pixels, size)
        edge, most = (round(each * config.style_scale) for each in (long_edge, up_to))
        styles = [
            resize(style.pixels, fit_size(style.size, edge, up_to=most)) for style in self.styles
        ]
        space = luminance_space(config)
        if space:
            styles = [
                match_luminance(to_luminance(style, space), to_luminance(content, space))
                for style in styles
            ]
            content = to_luminance(content, space)
        elif config.color_before != "none":
            styles = [recolor(style, content, config.color_before) for style in styles]
        return Scaled(
            content,
            styles,
            _resized_mask(self.content_mask, content),
            [_resized_mask(m, s) for m, s in zip(self.style_masks, styles, strict=True)],
        )


def check_counts(config: StyleTransferConfig, *, styles: int, masks: int) -> None:
    """Raise ConfigError unless each style picture has its weight, if any has, and its mask."""
    if config.style_weights and len(config.style_weights) != styles:
        raise ConfigError(
            f"style_weights: {len(config.style_weights)} for {styles} style pictures; give one "
            "weight a picture, or none for equal shares"
        )
    if masks != styles:
        raise ConfigError(f"{masks} style masks for {styles} style pictures; give one a picture")


def luminance_space(config: StyleTransferConfig) -> Literal["yiq", "lab"] | None:
    """Return the space whose luminance alone is optimised, or None where colours are too."""
    if config.color_before == "luminance_yiq":
        return "yiq"
    return "lab" if config.color_before == "luminance_lab" else None


def start_image(scaled: Scaled, config: StyleTransferConfig, random: torch.Generator) -> Tensor:
    """Return the picture that a run starts from, ``(1, 3, H, W)`` of the content's size."""
    content = scaled.content
    if config.init == "content":
        return content
    if config.init == "grey":
        return torch.full_like(content, 0.5)
    if config.init == "style_colors":
        return _style_colors(scaled, config, random)
    noise = torch.rand(content.shape, generator=random)
    share = config.init_mix if config.init == "mix" else 1.0
    return (1 - share) * content + share * noise


def enlarged(image: Tensor, content: Tensor, config: StyleTransferConfig) -> Tensor:
    """Return what a finer level starts from: the coarser one's result at the content's size.

    Enlarging brings no grain; as far as the run started from the content, that of the content is
    added, which the coarser level could not hold.

    Args:
        image: ``(1, 3, h, w)``, the result of the level before.
        content: ``(1, 3, H, W)``, as the level has it.
    """
    coarse, fine = ((x.shape[-2], x.shape[-1]) for x in (image, content))
    share = {"content": 1.0, "mix": 1 - config.init_mix}.get(config.init, 0.0)
    grain = content - resize(resize(content, coarse), fine)
    return (resize(image, fine) + share * grain).clamp(0, 1)


def _style_colors(scaled: Scaled, config: StyleTransferConfig, random: torch.Generator) -> Tensor:
    """Draw each pixel from the styles' pixels, by their blend weights."""
    shape = scaled.content.shape
    count = shape[-2] * shape[-1]
    shares = torch.tensor(style_shares(config, len(scaled.styles)))
    which = torch.multinomial(shares, count, replacement=True, generator=random)
    place = torch.rand(count, generator=random)
    pixels = torch.empty(3, count)
    for index, style in enumerate(scaled.styles):
        palette = style[0].flatten(1)
        chosen = which == index
        pixels[:, chosen] = palette[:, (place[chosen] * palette.shape[1]).long()]
    return pixels.view(shape)


def _resized_mask(mask: Tensor | None, picture: Tensor) -> Tensor | None:
    if mask is None:
        return None
    return resize(mask.float().cpu(), (picture.shape[-2], picture.shape[-1]))


def _checked_picture(image: Picture | Tensor, what: str) -> Picture:
    picture = image if isinstance(image, Picture) else Picture(image)
    pixels = picture.pixels
    if pixels.dim() != 4 or pixels.shape[:2] != (1, 3) or not pixels.is_floating_point():
        raise ImageError(
            f"{what} is a tensor of shape {tuple(pixels.shape)} and {pixels.dtype}; give "
            "(1, 3, H, W) floats"
        )
    if not bool(((pixels >= 0) & (pixels <= 1)).all()):
        raise ImageError(f"{what} has values outside 0 to 1, or NaN; scale it to [0, 1]")
    return replace(picture, pixels=pixels.detach().float().cpu())


def _check_mask(mask: Tensor | None, picture: Picture, what: str) -> None:
    if mask is None:
        return
    if mask.shape != (1, 1, *picture.size):
        raise ImageError(
            f"the mask of {what} is a tensor of shape {tuple(mask.shape)}; it must be "
            f"{(1, 1, *picture.size)}, the size of its picture"
        )
    if not bool(((mask >= 0) & (mask <= 1)).all()) or not mask.any():
        raise ImageError(f"the mask of {what} must hold values from 0 to 1, and not be 0 all over")


def _tensor_hash(tensor: Tensor) -> str:
    values = tensor.detach().float().cpu().contiguous()
    return hashlib.sha256(str(tuple(values.shape)).encode() + values.numpy().tobytes()).hexdigest()
