"""Pairs stylised with several sources of weights, and what a judge says of each result.

A cell is one pair, one source of weights and one beta. Its key tells everything that decides it,
so that cells which a JSON file has already are not computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import torch

from benchmarks.weights_inputs import Pair, Source
from nst_core import (
    Step,
    StyleTransferConfig,
    describe_device,
    load_image,
    measure,
    resolve_device,
    stylize,
)
from nst_core.vgg import VGG19Encoder, Weights


@dataclass(frozen=True)
class Cell:
    """A result and what the judge says of it.

    Attributes:
        key: see :func:`job_of`.
        content, style, weights: names, and ``weights_sha256`` the weights' hash.
        style_distance, content_distance: the judge's, undivided.
        style_left, content_share: both as shares; see :class:`Pair`.
        seconds: spent in the loop.
        torch, device: what computed.
    """

    key: str
    content: str
    style: str
    weights: str
    weights_sha256: str
    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    size: int
    steps: int
    beta: float
    seed: int
    style_distance: float
    content_distance: float
    style_left: float
    content_share: float
    seconds: float
    torch: str
    device: str


@dataclass(frozen=True)
class Job:
    """What makes a cell: a pair, a source, and its settings at one beta; and the cell's key."""

    pair: Pair
    source: Source
    config: StyleTransferConfig
    key: str


def job_of(pair: Pair, source: Source, beta: float, judge: Weights) -> Job:
    """Return the job whose key is a hash of all that decides the cell, but for the machine.

    That is the pictures, the weights, the judge, and all settings (size, steps, layers, beta, seed
    and what is left at its default) besides where to compute.
    """
    config = source.config.changed(beta=beta)
    settings = config.model_dump(mode="json", exclude={"weights", "device"})
    hashes = [pair.content.sha256, pair.style.sha256, source.weights.sha256, judge.sha256]
    text = json.dumps([hashes, settings], sort_keys=True)
    return Job(pair, source, config, hashlib.sha256(text.encode()).hexdigest()[:24])


def paint(job: Job) -> Iterator[Step]:
    """Stylise, step by step."""
    steps = stylize(job.pair.content, [job.pair.style], job.config, encoder=job.source.encoder)
    with closing(steps):
        yield from steps


def judged(job: Job, png: bytes, seconds: float, judge: VGG19Encoder) -> Cell:
    """Measure a result as it is kept, in 8 bits a channel; painting it took ``seconds``."""
    pair, config = job.pair, job.config
    result = load_image(png, name="the result").pixels
    found = measure(result, pair.small.pixels, [pair.style.pixels], judge)
    assert found.content_distance is not None
    return Cell(
        key=job.key,
        content=pair.content.name,
        style=pair.style.name,
        weights=job.source.weights.name,
        weights_sha256=job.source.weights.sha256,
        style_layers=tuple(layer for layer, _ in config.style_layers),
        content_layers=tuple(layer for layer, _ in config.content_layers),
        size=config.size,
        steps=config.steps,
        beta=config.beta,
        seed=config.seed,
        style_distance=found.style_distance,
        content_distance=found.content_distance,
        style_left=found.style_distance / pair.style_distance,
        content_share=found.content_distance / pair.content_distance,
        seconds=seconds,
        torch=str(torch.__version__),
        device=describe_device(resolve_device(config.device)),
    )
