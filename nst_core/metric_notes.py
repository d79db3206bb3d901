"""What the metrics are called, how they are written, and what they say."""

from __future__ import annotations

from typing import NamedTuple

from nst_core.metrics import Metrics


class MetricInfo(NamedTuple):
    """What a page says of a metric.

    Attributes:
        name: the field of :class:`Metrics`.
        title: its name in words.
        unit: of the number, or ``""``.
        digits: how the number is written, for ``format()``.
        text: what it is, its range and source, and which way is closer.
    """

    name: str
    title: str
    unit: str
    digits: str
    text: str


METRIC_NOTES: tuple[MetricInfo, ...] = (
    MetricInfo(
        "ssim",
        "SSIM",
        "",
        ".3f",
        "Structural similarity of the luminance to the content's, -1 to 1 (Wang et al. 2004); "
        "higher is closer to the content, 1 is the same structure.",
    ),
    MetricInfo(
        "color_difference",
        "Colour difference",
        "ΔE00",
        ".2f",
        "Mean CIEDE2000 to the content, from 0, where about 1 is just noticeable (Sharma, Wu and "
        "Dalal 2005); lower is closer to the content's colours.",
    ),
    MetricInfo(
        "style_distance",
        "Style distance",
        "",
        ".2e",
        "Gram loss to the style with the paper's layers, whatever the run was optimised for, "
        "from 0 (Gatys et al. 2016, eq. 5); lower is closer to the style.",
    ),
    MetricInfo(
        "content_distance",
        "Content distance",
        "",
        ".2e",
        "Feature loss to the content at conv4_2 (or the deepest layer there is), scaled to 512 x "
        "512 px, from 0 (Gatys et al. 2016, eq. 1); lower is closer to the content.",
    ),
    MetricInfo(
        "sharpness",
        "Sharpness",
        "",
        ".3f",
        "How much another blur would still take from the edges, 0 (blurred) to 1 (Crete et al. "
        "2007); compare it with the content's.",
    ),
    MetricInfo(
        "colorfulness",
        "Colourfulness",
        "",
        ".1f",
        "0 not, 15 slightly, 33 moderately, 45 averagely, 59 quite, 82 highly, 109 extremely "
        "colourful (Hasler and Suesstrunk 2003); compare it with the content's.",
    ),
)
"""The metrics as they stand on a page, in order."""


def metrics_line(metrics: Metrics) -> str:
    """Say what was measured: ``measured: SSIM 0.412, colour difference 14.20 ΔE00, ...``."""
    parts = []
    for info in METRIC_NOTES:
        value = getattr(metrics, info.name)
        if value is not None:
            title = info.title if info.title.isupper() else info.title.lower()
            parts.append(f"{title} {value:{info.digits}} {info.unit}".rstrip())
    return f"measured: {', '.join(parts)}"
