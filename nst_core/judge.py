"""Pictures of runs measured on demand, with a network that stays loaded."""

from __future__ import annotations

import threading

from nst_core.encoders import EncoderCache
from nst_core.image import Picture, fit_size, load_image, resize
from nst_core.metrics import Metrics, measuring_config
from nst_core.run import load_inputs, measure_with
from nst_core.store import History, Run, Snapshot, Store
from nst_core.vgg import VGG19Encoder

_encoders = EncoderCache()
_lock = threading.Lock()  # the sessions of a server share one network


def judge_encoder(device: str = "auto") -> VGG19Encoder:
    """Return the network that measures, kept for the next call.

    It has the weights that ``auto`` takes without a download, default pooling, padding and
    normalisation, and is as deep as measuring needs. Other weights in use are loaded anew.

    Raises:
        WeightsError, DeviceError, OutOfMemoryError: see
            :meth:`~nst_core.encoders.EncoderCache.judge`.
    """
    with _lock:
        return _encoders.judge(device)


def measure_picture(store: Store, run: Run, picture: Picture) -> Metrics:
    """Measure any picture against the content and the styles of ``run``.

    Args:
        picture: a snapshot, also in other colours, or the content, or a style. One that is larger
            than the run's size is measured at that size, as the run saw it.

    Raises:
        StoreError: a picture of the run is gone.
        ImageError: one cannot be decoded, or would be too thin.
        WeightsError: the network's weights cannot be used.
        OutOfMemoryError: the picture does not fit into the device's memory.
    """
    inputs = load_inputs(store, run)
    pixels = picture.pixels
    if max(picture.size) > run.config.size:
        pixels = resize(pixels, fit_size(picture.size, run.config.size))
    return measure_with(judge_encoder(), run, inputs, pixels)


def measured_snapshot(store: Store, run: Run, snapshot: Snapshot) -> Metrics:
    """Return what was measured of a picture that ``run`` kept, measuring it where it was not.

    What other weights measured is measured anew. What is measured is kept in the store.

    Raises:
        RunError: the picture was deleted meanwhile.
        StoreError, ImageError, WeightsError, OutOfMemoryError: see :func:`measure_picture`.
    """
    if snapshot.metrics is not None and _is_by(judge_encoder(), snapshot.metrics):
        return snapshot.metrics
    name = f"step {snapshot.step} of run {run.id}"
    metrics = measure_picture(store, run, load_image(store.read(snapshot.sha256), name=name))
    History(store).keep_metrics(run.id, snapshot.step, metrics)
    return metrics


def _is_by(encoder: VGG19Encoder, metrics: Metrics) -> bool:
    """Whether ``encoder`` would measure the same."""
    config = measuring_config(encoder.layers)
    theirs = (metrics.network_sha256, metrics.style_layers, metrics.content_layers)
    return theirs == (
        encoder.source.sha256 if encoder.source else "",
        tuple(layer for layer, _ in config.style_layers),
        tuple(layer for layer, _ in config.content_layers),
    )
