"""Colours of one picture given to another: pure functions on (1, 3, H, W), float32, [0, 1].

`recolor` is the entry point, before a run (style to the content's palette) and after it (result
to the content's colours). All statistics are computed in float64 on the CPU; results come back
as float32 on the input's device, and no input is modified.

Sources: Gatys, Bethge, Hertzmann, Shechtman, "Preserving Color in Neural Artistic Style
Transfer", arXiv 1606.05897 (covariance matching, luminance only); Pitie and Kokaram, "The
linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007.
"""

from collections.abc import Callable, Collection
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from skimage import color as skcolor
from skimage.exposure import match_histograms
from torch import Tensor

from nst_core.errors import ConfigError, ImageError

ColorMethod = Literal[
    "none", "luminance_yiq", "luminance_lab", "histogram", "cholesky", "pca", "symmetric"
]
COLOR_METHODS: tuple[ColorMethod, ...] = get_args(ColorMethod)
COLOR_TITLES: dict[ColorMethod, str] = {
    "none": "Raw",
    "luminance_yiq": "Luminance only (YIQ)",
    "luminance_lab": "Luminance only (CIELAB)",
    "histogram": "Histogram matching",
    "cholesky": "Covariance match (Cholesky)",
    "pca": "Covariance match (PCA)",
    "symmetric": "Covariance match (symmetric)",
}
CovarianceMethod = Literal["cholesky", "pca", "symmetric"]
LuminanceSpace = Literal["yiq", "lab"]

Array = NDArray[np.floating[Any]]  # float64 but for match_histogram, which is exact in float32

# A direction of colour that varies by less than one level of 8 bits holds only noise.
NOISE_STD = 1 / 255


def recolor(
    image: Tensor,
    reference: Tensor,
    method: ColorMethod,
    *,
    strength: float = 1.0,
    mask: Tensor | None = None,
) -> Tensor:
    """Return `image` with the colours of `reference`, clamped to [0, 1]; "none" returns `image`.

    Args:
        image: (1, 3, H, W), [0, 1].
        reference: (1, 3, H', W'), [0, 1]; for the luminance methods, which go pixel by pixel,
            it is first resized to (H, W) (bicubic, antialiased).
        method: one of COLOR_METHODS.
        strength: 0 leaves `image`, 1 is the full effect, linear in between.
        mask: (1, 1, H, W), [0, 1]: recolour only there. The other methods' statistics are then
            those inside it, in `image` and, where it has the same size, in `reference`.

    Raises:
        ConfigError: the method is unknown or the strength outside [0, 1].
        ImageError: a shape, size or value does not fit, or the mask is black all over.
    """
    _check_choice("color method", method, COLOR_METHODS)
    if not 0 <= strength <= 1:  # also refuses NaN
        raise ConfigError(f"strength is {strength}; it must be from 0 to 1")
    _check_image(image)
    _check_image(reference)
    if mask is not None:
        _check_mask(mask, image)
    if method == "none" or strength == 0:
        return image
    reference_mask = mask if reference.shape == image.shape else None
    if method == "luminance_yiq":
        recolored = luminance_transfer(image, _resized(reference, image), "yiq")
    elif method == "luminance_lab":
        recolored = luminance_transfer(image, _resized(reference, image), "lab")
    elif method == "histogram":
        recolored = match_histogram(image, reference, mask=mask, reference_mask=reference_mask)
    else:
        recolored = match_covariance(
            image, reference, method, mask=mask, reference_mask=reference_mask
        )
    original = image.detach().float()
    weight = torch.tensor(strength) if mask is None else strength * mask.detach().float()
    return torch.lerp(original, recolored.clamp(0, 1), weight.to(original.device))


def luminance_transfer(image: Tensor, reference: Tensor, space: LuminanceSpace) -> Tensor:
    """Return `image`'s luminance with `reference`'s chroma, both (1, 3, H, W).

    In YIQ the result is not clipped, so its Y is `image`'s exactly; in CIELAB colours outside
    sRGB are clipped to it, as scikit-image does.

    Raises:
        ImageError: the two sizes differ.
        ConfigError: the space is unknown.
    """
    _check_choice("luminance space", space, _SPACES)
    if image.shape != reference.shape:
        raise ImageError(
            f"luminance transfer needs pictures of one size, not {tuple(image.shape[-2:])} and "
            f"{tuple(reference.shape[-2:])} (height, width); resize one of them"
        )
    to_space, to_rgb = _SPACES[space]
    converted = to_space(_array(reference))
    converted[..., 0] = to_space(_array(image))[..., 0]
    return _tensor(to_rgb(converted), image)


def to_luminance(image: Tensor, space: LuminanceSpace = "yiq") -> Tensor:
    """Return the grey picture (1, 3, H, W) of `image`'s luminance: Y of YIQ, or L of CIELAB."""
    _check_choice("luminance space", space, _SPACES)
    to_space, to_rgb = _SPACES[space]
    converted = to_space(_array(image))
    converted[..., 1:] = 0
    grey = to_rgb(converted).mean(axis=-1, keepdims=True)  # CIELAB's grey is neutral to 1e-4 only
    return _tensor(grey.repeat(3, axis=-1), image)


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """Return `style` in grey, its luminance with `content`'s mean and deviation, in [0, 1].

    For runs on luminance alone (Gatys et al., arXiv 1606.05897, luminance-only transfer):
    L' = (L - mean_style) * std_content / std_style + mean_content, with L the Y of YIQ. A style
    that varies less than NOISE_STD is not stretched beyond what that deviation would be.
    """
    luminance = _array(to_luminance(style))
    target = _array(to_luminance(content))
    gain = target.std() / max(luminance.std(), NOISE_STD)
    matched = (luminance - luminance.mean()) * gain + target.mean()
    return _tensor(matched.clip(0, 1), style)


def match_histogram(
    image: Tensor,
    reference: Tensor,
    *,
    mask: Tensor | None = None,
    reference_mask: Tensor | None = None,
) -> Tensor:
    """Give each channel of `image` (1, 3, H, W) the histogram of `reference` (1, 3, H', W').

    Without masks it equals skimage.exposure.match_histograms. With `mask` (1, 1, H, W) only
    pixels where it is above 0 are counted and changed; `reference_mask` does so for `reference`.
    """
    matched = _array(image).astype(np.float32)
    inside = _inside(matched, mask)
    palette = _array(reference).astype(np.float32)
    palette = palette[_inside(palette, reference_mask)]
    matched[inside] = match_histograms(matched[inside], palette, channel_axis=-1)
    return _tensor(matched, image)


def match_covariance(
    image: Tensor,
    reference: Tensor,
    method: CovarianceMethod,
    *,
    mask: Tensor | None = None,
    reference_mask: Tensor | None = None,
) -> Tensor:
    """Give `image` (1, 3, H, W) the mean and covariance of `reference` (1, 3, H', W') in RGB.

    x' = A (x - mean) + mean_ref, with S and R the covariances of `image` and `reference`:

    - cholesky: A = L_R L_S^-1, with S = L_S L_S^T (Gatys et al., arXiv 1606.05897)
    - pca: A = R^1/2 S^-1/2 (the same, "image analogies")
    - symmetric: A = S^-1/2 (S^1/2 R S^1/2)^1/2 S^-1/2, of all such maps the one that moves
      colours least (Monge-Kantorovich; Pitie and Kokaram 2007)

    The result is not clipped. With masks (1, 1, H, W), pixels count by their weight in them; the
    map is applied to all.

    S is regularised: its eigenvalues are raised to at least NOISE_STD^2, which leaves a picture
    with colour in all three directions as it is. A direction without colour (of a grey or flat
    picture) is thereby not stretched from its noise, and as S only grows, the result varies in
    no direction more than `reference` does.

    Raises:
        ConfigError: the method is unknown.
    """
    _check_choice("covariance method", method, get_args(CovarianceMethod))
    pixels = _array(image)
    mean, covariance = _moments(pixels, mask)
    mean_ref, covariance_ref = _moments(_array(reference), reference_mask)
    transform = _color_map(covariance, covariance_ref, method)
    return _tensor((pixels - mean) @ transform.T + mean_ref, image)


def _color_map(covariance: Array, covariance_ref: Array, method: CovarianceMethod) -> Array:
    """Return the A (3, 3) of `match_covariance`."""
    covariance = _spectral(covariance, lambda values: values.clip(min=NOISE_STD**2))
    if method == "cholesky":
        # A floor far below what can be seen: a grey reference has no Cholesky factor.
        covariance_ref = _spectral(covariance_ref, lambda values: values.clip(min=1e-12))
        return np.linalg.cholesky(covariance_ref) @ np.linalg.inv(np.linalg.cholesky(covariance))
    whitening = np.linalg.inv(_root(covariance))
    if method == "pca":
        return _root(covariance_ref) @ whitening
    root = _root(covariance)
    return whitening @ _root(root @ covariance_ref @ root) @ whitening


def _moments(pixels: Array, mask: Tensor | None) -> tuple[Array, Array]:
    """Return mean (3,) and covariance (3, 3) of (H, W, 3), weighted by `mask`."""
    colors = pixels.reshape(-1, 3)
    weights = np.ones(len(colors)) if mask is None else _array(mask).reshape(-1)
    mean = np.average(colors, axis=0, weights=weights)
    centred = colors - mean
    return mean, (centred.T * weights) @ centred / weights.sum()


def _spectral(matrix: Array, function: Callable[[Array], Array]) -> Array:
    """Apply `function` to the eigenvalues of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix)
    result: Array = (vectors * function(values)) @ vectors.T
    return result


def _root(matrix: Array) -> Array:
    """Return the symmetric square root of a positive semi-definite matrix."""
    return _spectral(matrix, lambda values: np.sqrt(values.clip(min=0)))


def _lab_to_rgb(lab: Array) -> Array:
    """Convert as skimage does, which clips negative Z with a warning: here they do not arise."""
    lab[..., 2] = np.minimum(lab[..., 2], 200 * (lab[..., 0] + 16) / 116 - 1e-9)
    rgb: Array = skcolor.lab2rgb(lab)
    return rgb


_SPACES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "yiq": (skcolor.rgb2yiq, skcolor.yiq2rgb),
    "lab": (skcolor.rgb2lab, _lab_to_rgb),
}


def _resized(reference: Tensor, image: Tensor) -> Tensor:
    size = image.shape[-2:]
    if reference.shape[-2:] == size:
        return reference
    return F.interpolate(reference, size, mode="bicubic", antialias=True).clamp(0, 1)


def _inside(pixels: Array, mask: Tensor | None) -> NDArray[np.bool_]:
    return np.ones(pixels.shape[:2], bool) if mask is None else _array(mask)[..., 0] > 0


def _array(image: Tensor) -> Array:
    """Return (1, C, H, W) as a float64 array (H, W, C), to be read only."""
    array: Array = image.detach().cpu().double()[0].permute(1, 2, 0).numpy()
    return array


def _tensor(pixels: Array, like: Tensor) -> Tensor:
    """Return (H, W, 3) as (1, 3, H, W), float32, on the device of `like`."""
    planes = torch.from_numpy(pixels).float().permute(2, 0, 1).unsqueeze(0)
    return planes.contiguous().to(like.device)


def _check_choice(what: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise ConfigError(f"{what} {value!r} is unknown; use one of {', '.join(choices)}")


def _check_image(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[:2] != (1, 3) or image.numel() == 0:
        raise ImageError(f"a tensor of shape {tuple(image.shape)} is no picture; give (1, 3, H, W)")
    if not image.isfinite().all():
        raise ImageError(
            "some values of the picture are NaN or infinite; recolouring needs numbers"
        )


def _check_mask(mask: Tensor, image: Tensor) -> None:
    if mask.shape != (1, 1, *image.shape[-2:]):
        raise ImageError(
            f"the mask's shape is {tuple(mask.shape)} and must be {(1, 1, *image.shape[-2:])}, "
            "the picture's; resize it"
        )
    if not ((mask >= 0) & (mask <= 1)).all():
        raise ImageError("some values of the mask are outside 0 to 1; scale it to that range")
    if not mask.any():
        raise ImageError("the mask is black all over; paint white what is inside")
