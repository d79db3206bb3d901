"""Gaussian random fields by the Fourier transform: white noise times an amplitude."""

from __future__ import annotations

from math import sqrt, tau

import torch
import torch.nn.functional as F
from torch import Tensor

from training.textures.batch import Batch, turned


def width(size: int) -> int:
    """Return the width of the torus on which a field is made, of which a crop is a part."""
    return 2 * -(-size * 3 // 4)


def frequencies(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the horizontal (1, 1, W) and vertical (1, W, 1) frequencies, cycles per px."""
    steps = torch.fft.fftfreq(width(batch.size), device=batch.device)
    return steps.view(1, 1, -1), steps.view(1, -1, 1)


def fields(batch: Batch, amplitude: Tensor, *, whole: bool = False) -> tuple[Tensor, Tensor]:
    """Return two independent fields (N, S, S) of mean 0 and variance 1.

    Args:
        batch: the crops.
        amplitude: of each frequency, (T, W, W) with W = width(S), symmetric; that of frequency
            0 is left out.
        whole: return the whole torus (N, W, W), of which the crop is the middle.
    """
    amplitude = amplitude.clone()
    amplitude[:, 0, 0] = 0
    amplitude /= amplitude.square().sum((1, 2), keepdim=True).sqrt().clamp_min(1e-12)
    side = width(batch.size)
    # White noise has a white spectrum: the real and the imaginary part come out independent.
    white = torch.view_as_complex(batch.normal(side, side, 2))
    field = torch.fft.ifft2(white * batch.each_crop(amplitude), norm="forward")
    if not whole:
        field = middle(batch, field)
    return field.real.contiguous(), field.imag.contiguous()


def middle(batch: Batch, field: Tensor) -> Tensor:
    """Return the crops of fields that cover the whole torus, (N, W, W, ...) to (N, S, S, ...)."""
    start = (field.shape[1] - batch.size) // 2
    inside = slice(start, start + batch.size)
    return field[:, inside, inside]


def smooth(batch: Batch, scale: Tensor) -> Tensor:
    """Return the amplitude (T, W, W) of smooth noise, with blobs of about `scale` (T, 1, 1) px."""
    across, down = frequencies(batch)
    return torch.exp(-(across.square() + down.square()) * scale.square())


def elliptic(batch: Batch) -> Tensor:
    """Return frequencies (T, W, W) times "scale", longer by "stretch" along "angle"."""
    along, across = turned(*frequencies(batch), batch.of_texture("angle"))
    stretch = batch.of_texture("stretch").sqrt()
    radius = torch.hypot(along * stretch, across / stretch)
    return radius * batch.of_texture("scale")


def evened(field: Tensor) -> Tensor:
    """Map a standard normal field to [0, 1], where it is uniform."""
    return 0.5 + 0.5 * torch.erf(field / sqrt(2))


def frame(batch: Batch, *, finer: int = 1) -> tuple[Tensor, Tensor]:
    """Return coordinates along and across the texture's "angle", (N, S, S), px.

    The crop lies at a random place. The plane is bent by smooth noise as strong as "warp" says:
    0 leaves it as it is, at 1 it all but folds. "bend" is the noise's scale in px.
    """
    along, across = turned(*batch.pixels(finer), batch.of("angle"))
    place = 512 * batch.uniform(2, 1, 1)
    along, across = along + place[:, 0], across + place[:, 1]
    if not any(recipe.parameters["warp"] for recipe in batch.recipes):
        return along, across
    strength = batch.of("warp") * batch.of("bend") / tau
    moves = torch.stack(fields(batch, smooth(batch, batch.of_texture("bend"))), 1)
    if finer > 1:
        moves = F.interpolate(moves, scale_factor=finer, mode="bilinear")
    return along + strength * moves[:, 0], across + strength * moves[:, 1]
