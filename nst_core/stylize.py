"""The optimisation loop: a generator of steps.

Gatys, Ecker and Bethge (2016), "Image Style Transfer Using Convolutional Neural Networks", CVPR.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.config import StyleTransferConfig
from nst_core.errors import ConfigError
from nst_core.image import Picture
from nst_core.inputs import Inputs
from nst_core.loop import Loop
from nst_core.step import Step
from nst_core.vgg import VGG19Encoder


def stylize(
    content: Picture | Tensor,
    styles: Sequence[Picture | Tensor],
    config: StyleTransferConfig | None = None,
    *,
    content_mask: Tensor | None = None,
    style_masks: Sequence[Tensor | None] | None = None,
    encoder: VGG19Encoder | None = None,
    resume: Checkpoint | None = None,
    record_every: int | None = None,
) -> Generator[Step, None, None]:
    """Paint ``content`` in the style of ``styles``.

    Args:
        content: the photograph, ``(1, 3, H, W)`` in ``[0, 1]``.
        styles: one or more style pictures, any sizes. Their statistics are averaged, with
            ``config.style_weights``.
        config: the settings; None takes the defaults.
        content_mask: ``(1, 1, H, W)`` of the content's size, 1 where the picture may change.
        style_masks: one a style, of its size, 1 where its statistics are taken; None is all.
        encoder: a loaded encoder to use (it must fit the settings); None loads one.
        resume: go on from here. On the CPU the bytes are those of an undisturbed run.
        record_every: steps between records; None is 1 on the CPU and 10 on a GPU. Outputs and the
            last step of a level are always recorded. The result does not depend on it.

    Returns:
        A generator of :class:`Step`; nothing is computed before it is asked. Close it (with
        ``contextlib.closing``) to stop early. The same seed and settings give the same bytes on
        the CPU.

    Raises:
        ImageError: a picture or mask is of a wrong shape, size or range, or too thin.
        ConfigError: settings do not go with the pictures, LayerError among them.
        WeightsError, DeviceError: see :func:`~nst_core.weights.load_encoder`.
        CheckpointError: ``resume`` belongs to another run.
        DivergenceError: while running: the loss left the finite numbers.
        OutOfMemoryError: while running: the size does not fit into memory.
    """
    config = config or StyleTransferConfig()
    if record_every is not None and record_every < 1:
        raise ConfigError(f"record_every must be 1 or more, got {record_every}")
    inputs = Inputs.checked(content, styles, config, content_mask, style_masks)
    loop = Loop(inputs, config, encoder, record_every)
    if resume is not None:
        loop.restore(resume)
    return loop.guarded_steps()
