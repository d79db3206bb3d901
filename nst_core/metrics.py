"""Numbers that compare pictures, whatever the runs were optimised for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


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
        values: dict[str, Any] = {
            name: value
            for name, value in json.loads(text).items()
            if name in cls.__dataclass_fields__
        }
        try:
            layers = {name: tuple(values[name]) for name in ("style_layers", "content_layers")}
            return cls(**values | layers)
        except (KeyError, TypeError) as error:
            raise ValueError(f"these are no metrics ({error})") from None
