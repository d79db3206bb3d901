"""The settings that a new run begins with, by the network weights in use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from nst_core.config import LAYERS, StyleTransferConfig

USUAL: Mapping[str, Mapping[str, Any]] = {
    "textures": {"content_layers": {"conv3_1": 1.0}, "style_statistic": "patches"},
}
"""Where some weights look better with other settings than the paper's; ``docs/defaults.md`` has
the pictures and figures."""

UNFIT = {"style_statistic": {"style_layers", "optimizer"}}
"""Settings that a person chose for another statistic than the usual one."""


def default_config(layers: Iterable[str] = LAYERS, weights: str = "") -> StyleTransferConfig:
    """Return the defaults, kept to the ``layers`` that network weights offer.

    Style layers that are not among them are left out, and where that leaves none, each of
    ``layers`` has an equal share; the content's layer becomes the deepest. Without ``layers``
    the defaults are as they are.

    Args:
        layers: those on offer.
        weights: the name of the weights, as ``weights_in_use`` tells it: with ``"textures"`` the
            content's layer is conv3_1, and the style's statistic ``"patches"``.
    """
    config, layers = StyleTransferConfig(), tuple(layers)
    config = config.changed(**USUAL.get(weights, {}))
    if not layers:
        return config
    style = {name: share for name, share in config.style_layers if name in layers}
    content = {name: share for name, share in config.content_layers if name in layers}
    deepest = max(layers, key=LAYERS.index)
    return config.changed(
        style_layers=style or dict.fromkeys(layers, 1 / len(layers)),
        content_layers=content or {deepest: 1.0},
    )


def with_usual(
    config: StyleTransferConfig, weights: str, given: Collection[str]
) -> StyleTransferConfig:
    """Return ``config`` with the settings that suit some weights, but for those ``given``.

    The style's statistic is left as it is where the style's layers or the optimiser were given,
    which would not go with another.

    Args:
        weights: their name, as for :func:`default_config`.
        given: names of settings that a person chose.
    """
    usual = {
        name: value
        for name, value in USUAL.get(weights, {}).items()
        if name not in given and not UNFIT.get(name, set()) & set(given)
    }
    return config.changed(**usual) if usual else config
