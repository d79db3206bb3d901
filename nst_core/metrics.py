"""Numbers that compare pictures, whatever the runs were optimised for.

Pictures are ``(1, 3, H, W)`` tensors, RGB in sRGB, ``[0, 1]``, on any device, and are not
modified. What is not the network's is computed in float64 on the CPU. Luminance is the Y of YIQ.
The store keeps :class:`Metrics`, so nothing here loads scikit-image before something is measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import skimage  # its rooms are opened when they are first used
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from nst_core.config import StyleTransferConfig
from nst_core.defaults import default_config
from nst_core.errors import ImageError
from nst_core.image import MIN_EDGE, Size, fit_size

if TYPE_CHECKING:
    from nst_core.vgg import VGG19Encoder

REBLUR = 11
"""Taps of the filter that :func:`sharpness` blurs with: scikit-image's; the paper has 9."""
STRIP_PIXELS = 2**18  # CIEDE2000 needs about thirty numbers a pixel at a time


@dataclass(frozen=True)
class Metrics:
    """What was measured of one picture of a run.

    Attributes:
        ssim: structural similarity of the luminance to the content's, -1 to 1.
        color_difference: mean CIEDE2000 to the content, from 0.
        style_distance, content_distance: from 0; see :func:`measure`.
        sharpness: 0 (blurred) to 1.
        colorfulness: from 0 (grey); 109 and more is extremely colourful.
        network: which weights measured, in words.
        network_sha256: their hash; distances of two networks cannot be compared.
        style_layers, content_layers: what the distances were taken from.

    ``ssim``, ``color_difference`` and ``content_distance`` are None for a picture of another shape
    than the content, such as a style.
    """

    ssim: float | None
    color_difference: float | None
    style_distance: float
    content_distance: float | None
    sharpness: float
    colorfulness: float
    network: str
    network_sha256: str
    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]

    def to_json(self) -> str:
        """Write as JSON, all digits kept."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Metrics:
        """Read what :meth:`to_json` wrote; what a later version added is left out.

        Raises:
            ValueError: the text is none of ours.
        """
        try:
            return _reader().validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            reason = f"{place}: {first['msg']}" if place else first["msg"]
            raise ValueError(f"these are no metrics ({reason})") from None


@cache
def _reader() -> TypeAdapter[Metrics]:
    return TypeAdapter(Metrics)


def ssim(image: Tensor, reference: Tensor) -> float:
    """Return the structural similarity of two luminances, -1 to 1; 1 for the same picture.

    It tells structure alone: what changes only the I and Q of YIQ changes nothing. The window is
    Gaussian, 11 x 11 with a deviation of 1.5, K1 0.01, K2 0.03, as scikit-image says to match
    Wang, Bovik, Sheikh and Simoncelli (2004, IEEE Trans. Image Processing 13(4)).

    Args:
        image, reference: ``(1, 3, H, W)``, ``[0, 1]``.

    Raises:
        ImageError: no picture, two sizes, or an edge under ``MIN_EDGE``.
    """
    _check_pair(image, reference, least=MIN_EDGE)
    similarity = skimage.metrics.structural_similarity(  # type: ignore[no-untyped-call]
        _luminance(image),
        _luminance(reference),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(similarity)


def color_difference_map(image: Tensor, reference: Tensor) -> Tensor:
    """Return CIEDE2000 of each pixel, ``(H, W)``, float32, from 0; about 1 is just noticeable.

    In CIELAB under D65 (Sharma, Wu and Dalal 2005, Color Research and Application 30(1)).

    Args:
        image, reference: ``(1, 3, H, W)``, ``[0, 1]``.

    Raises:
        ImageError: no picture, or two sizes.
    """
    height, width = _check_pair(image, reference)
    ours, theirs = _pixels(image), _pixels(reference)
    rows = max(1, STRIP_PIXELS // width)
    strips = [slice(top, top + rows) for top in range(0, height, rows)]
    to_lab, difference = skimage.color.rgb2lab, skimage.color.deltaE_ciede2000
    parts = [
        difference(to_lab(ours[strip]), to_lab(theirs[strip]))  # type: ignore[no-untyped-call]
        for strip in strips
    ]
    return torch.from_numpy(np.concatenate(parts)).float()


def color_difference(image: Tensor, reference: Tensor) -> float:
    """Return the mean of :func:`color_difference_map`, taken in float64.

    Raises:
        ImageError: see there.
    """
    return float(color_difference_map(image, reference).double().mean())


def sharpness(image: Tensor) -> float:
    """Return 1 minus the blur effect of the luminance: 0 (blurred, or flat) to 1.

    What is sharp changes much when it is blurred once more, by a mean over ``REBLUR`` pixels
    (Crete, Dolmiere, Ladret and Nicolas 2007, Proc. SPIE 6492; scikit-image's ``blur_effect``).
    The blurrier of the two directions counts.

    Args:
        image: ``(1, 3, H, W)``, ``[0, 1]``.

    Raises:
        ImageError: no picture, or an edge under ``MIN_EDGE``.
    """
    _check(image, least=MIN_EDGE)
    luminance = _luminance(image)
    blur = skimage.measure.blur_effect(luminance, h_size=REBLUR)  # type: ignore[no-untyped-call]
    return float(1 - blur)


def colorfulness(image: Tensor) -> float:
    """Return ``sqrt(s_rg^2 + s_yb^2) + 0.3 sqrt(m_rg^2 + m_yb^2)``, from 0 for grey.

    ``m`` and ``s`` are means and deviations of ``rg = R - G`` and ``yb = (R + G)/2 - B``, with
    RGB from 0 to 255 (Hasler and Suesstrunk 2003, Proc. SPIE 5007). Their observers said not
    (0), slightly (15), moderately (33), averagely (45), quite (59), highly (82) and extremely
    (109) colourful.

    Args:
        image: ``(1, 3, H, W)``, ``[0, 1]``.

    Raises:
        ImageError: no picture.
    """
    _check(image)
    red, green, blue = np.moveaxis(255 * _pixels(image), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    deviations, means = opponents.std(axis=(1, 2)), opponents.mean(axis=(1, 2))
    return float(np.hypot(*deviations) + 0.3 * np.hypot(*means))


def measuring_config(layers: Sequence[str]) -> StyleTransferConfig:
    """Return the settings under which a run's loss is the two distances of :func:`measure`.

    Alpha and beta are 1, gamma is 0. The style's layers are those of the paper that are among
    ``layers``, with equal weights; the content's is conv4_2, else the deepest of ``layers``.
    """
    config = default_config(layers)
    style = [layer for layer, _ in config.style_layers]
    return config.changed(alpha=1.0, beta=1.0, gamma=0.0, style_layers=style)


def measure(
    image: Tensor,
    content: Tensor,
    styles: Sequence[Tensor],
    encoder: VGG19Encoder,
    *,
    style_weights: Sequence[float] = (),
    style_masks: Sequence[Tensor | None] = (),
) -> Metrics:
    """Measure a picture against the content and the styles of a run.

    The distances are the losses of :class:`~nst_core.objective.Objective` under
    :func:`measuring_config`, whatever the run was optimised for: the style's is eq. 4 and 5 of
    Gatys et al. (2016, CVPR), the content's eq. 1 times ``512*512 / (H*W)``. They are float32 on
    the encoder's device, as in the charts of a run at alpha = beta = 1. Styles are scaled to the
    long edge of ``image`` and the content to its size, without any handling of colours.

    Args:
        image: ``(1, 3, H, W)``, ``[0, 1]``.
        content: ``(1, 3, H', W')`` of any size. If its shape at the long edge of ``image`` is
            another than ``image``'s, what compares the two is None.
        styles: one or more ``(1, 3, ...)`` of any size.
        encoder: should be the default but for its weights (pooling, padding, normalised
            activations), for the distances to be comparable. The layers it was built with count.
        style_weights: the blend of the styles' statistics; empty is equal shares.
        style_masks: one a style, of its size, 1 where it is the style; or None, or empty.

    Raises:
        ImageError: no picture, a mask that does not fit, or one too thin at that size.
        ConfigError: weights or masks do not agree with the styles.
    """
    from nst_core.inputs import Inputs
    from nst_core.objective import Objective

    size = _check(image, least=MIN_EDGE)
    comparable = _fits(_check(content), size)
    config = measuring_config(encoder.layers).changed(style_weights=tuple(style_weights))
    reference = content if comparable else image
    inputs = Inputs.checked(reference, styles, config, None, style_masks or None)
    scaled, device = inputs.scaled(max(size), config), encoder.mean.device
    with torch.no_grad():
        objective = Objective(
            encoder,
            config,
            scaled.content.to(device),
            [style.to(device) for style in scaled.styles],
            style_masks=[None if mask is None else mask.to(device) for mask in scaled.style_masks],
        )
        values = objective(image.float().to(device)).values.tolist()
    losses = dict(zip(objective.names, values, strict=True))
    source = encoder.source
    return Metrics(
        ssim=ssim(image, scaled.content) if comparable else None,
        color_difference=color_difference(image, scaled.content) if comparable else None,
        style_distance=losses["style"],
        content_distance=losses["content"] if comparable else None,
        sharpness=sharpness(image),
        colorfulness=colorfulness(image),
        network=source.origin if source else "",
        network_sha256=source.sha256 if source else "",
        style_layers=tuple(objective.style_weights),
        content_layers=tuple(objective.content_weights),
    )


def _fits(content: Size, size: Size) -> bool:
    """Whether a content of this size is of ``size`` at the same long edge."""
    try:
        return fit_size(content, max(size)) == size
    except ImageError:  # so thin that it would be no picture
        return False


def _check(image: Tensor, *, least: int = 1) -> Size:
    """Return (height, width) of a picture whose edges are at least ``least`` px."""
    if image.dim() != 4 or image.shape[:2] != (1, 3) or not image.is_floating_point():
        raise ImageError(
            f"a tensor of shape {tuple(image.shape)} and {image.dtype} cannot be measured; give "
            "(1, 3, H, W) floats"
        )
    height, width = image.shape[-2:]
    if min(height, width) < least or image.numel() == 0:
        raise ImageError(
            f"a picture of {width} x {height} px is too small to be measured; each edge must be "
            f"at least {least} px"
        )
    if not bool(((image >= 0) & (image <= 1)).all()):
        raise ImageError("some values of the picture are outside 0 to 1, or NaN; clamp it")
    return height, width


def _check_pair(image: Tensor, reference: Tensor, *, least: int = 1) -> Size:
    size, other = _check(image, least=least), _check(reference, least=least)
    if size != other:
        raise ImageError(
            f"a picture of {size[1]} x {size[0]} px cannot be compared with one of "
            f"{other[1]} x {other[0]} px; resize one of them"
        )
    return size


def _pixels(image: Tensor) -> NDArray[Any]:
    """Return a picture as (H, W, 3), float64."""
    pixels: NDArray[Any] = image.detach().cpu().double()[0].permute(1, 2, 0).numpy()
    return pixels


def _luminance(image: Tensor) -> NDArray[Any]:
    """Return the Y of YIQ, (H, W), float64."""
    luminance: NDArray[Any] = skimage.color.rgb2yiq(_pixels(image))[..., 0]
    return luminance
