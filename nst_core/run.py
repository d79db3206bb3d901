"""One run, start to end: from the store, through ``stylize()``, back into the store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.device import describe_device, resolve_device
from nst_core.encoders import EncoderCache, memory_in_words
from nst_core.errors import CheckpointError, NSTError, OutOfMemoryError, StoreError
from nst_core.image import encode_png, load_image, load_mask
from nst_core.inputs import Inputs
from nst_core.metric_notes import metrics_line
from nst_core.metrics import Metrics, measure
from nst_core.step import Step
from nst_core.store import Run, Store
from nst_core.store.previews import encode_preview
from nst_core.store.queue import ClaimLostError, WorkerId
from nst_core.store.records import State
from nst_core.store.writer import RunWriter
from nst_core.stylize import stylize
from nst_core.vgg import VGG19Encoder

logger = logging.getLogger(__name__)

PREVIEW_EVERY = 1.0  # seconds
CHECKPOINT_EVERY = 5.0  # seconds
CHECKPOINT_RATE = 4e6  # bytes a second at most, on average: L-BFGS keeps 135 MB at 512 px
LOG_EVERY = 1.0  # seconds
LOG_LINES = 60  # about so many lines a run, however many steps it has
MOST_OVERHEAD = 20  # looking may take a twentieth of the time: what is slow is done less often


def load_inputs(store: Store, run: Run) -> Inputs:
    """Decode the pictures and masks of ``run``.

    Raises:
        StoreError: a file is gone or damaged.
        ImageError: one cannot be decoded, or a mask does not fit its picture.
    """
    content = load_image(store.read(run.content.sha256), name=run.content.name)
    styles = [load_image(store.read(item.sha256), name=item.name) for item in run.styles]
    content_mask: Tensor | None = None
    style_masks: list[Tensor | None] = [None] * len(styles)
    for item in run.inputs:
        if item.role == "content mask":
            content_mask = load_mask(store.read(item.sha256), size=content.size, name=item.name)
        elif item.role == "style mask":
            size = styles[item.position].size
            mask = load_mask(store.read(item.sha256), size=size, name=item.name)
            style_masks[item.position] = mask
    return Inputs(content, tuple(styles), content_mask, tuple(style_masks))


def measure_with(encoder: VGG19Encoder, run: Run, inputs: Inputs, image: Tensor) -> Metrics:
    """Measure a picture of ``run``, whose pictures and masks are ``inputs``.

    Args and errors: see :func:`~nst_core.metrics.measure`.

    Raises:
        OutOfMemoryError: the picture does not fit into the memory of the encoder's device.
    """
    height, width = image.shape[-2:]
    with memory_in_words(f"measuring {width} x {height} px on {encoder.mean.device}"):
        return measure(
            image,
            inputs.content.pixels,
            [style.pixels for style in inputs.styles],
            encoder,
            style_weights=run.config.style_weights,
            style_masks=inputs.style_masks,
        )


def execute(
    store: Store,
    run: Run,
    worker: WorkerId,
    *,
    device: str = "auto",
    encoders: EncoderCache | None = None,
    stopping: threading.Event | None = None,
) -> None:
    """Compute a claimed run and write all that comes of it; end it in exactly one state.

    Args:
        device: where this worker computes, in place of the device that the run asked for.
        encoders: what may still be loaded from the run before.
        stopping: once it is set, the run is left ``interrupted``, with a checkpoint.
    """
    writer = RunWriter(store, run, worker)
    stopping = stopping or threading.Event()
    encoders = encoders or EncoderCache()
    with ends_in_words(writer, run, encoders):
        inputs = load_inputs(store, run)
        Execution(run, inputs, writer, device, encoders, stopping).go()


@contextmanager
def ends_in_words(writer: RunWriter, run: Run, encoders: EncoderCache) -> Iterator[None]:
    """Where computing ``run`` raises, end it as failed, and go on after the block."""
    try:
        yield
    except ClaimLostError:
        logger.warning("run %d was taken away; nothing more of it is written", run.id)
    except NSTError as error:
        if isinstance(error, OutOfMemoryError):
            encoders.clear()
        _fail(writer, run, str(error))
    except Exception as error:  # a bug of ours fails the run, and not the worker
        logger.exception("run %d failed", run.id)
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        _fail(
            writer,
            run,
            f"An unexpected error ended the run ({reason}); the worker's log has the rest",
        )


def _fail(writer: RunWriter, run: Run, message: str) -> None:
    logger.info("run %d failed: %s", run.id, message)
    try:
        writer.say(f"failed: {message}")
        writer.end("failed", message)
    except (ClaimLostError, StoreError) as error:
        logger.warning("run %d: its end could not be written (%s)", run.id, error)


class _Rhythm:
    """When something is due again: every so many seconds, less often where it takes long.

    Args:
        together: runs that take their turns at it.
    """

    def __init__(self, seconds: float, together: int) -> None:
        self.seconds = seconds
        self.together = together
        self.next = time.monotonic() + seconds

    def is_due(self) -> bool:
        return time.monotonic() >= self.next

    def done(self, began: float, least: float = 0.0) -> None:
        """Note that it was done from ``began`` to now; ``least`` seconds pass until the next."""
        took = time.monotonic() - began
        overhead = MOST_OVERHEAD * took * self.together
        self.next = time.monotonic() + max(self.seconds, least, overhead)


class Execution:
    """What becomes of a run's steps: losses, previews, snapshots, checkpoints, and its end."""

    def __init__(
        self,
        run: Run,
        inputs: Inputs,
        writer: RunWriter,
        device: str,
        encoders: EncoderCache,
        stopping: threading.Event,
    ) -> None:
        self.store = writer.store
        self.run = run
        self.writer = writer
        self.config = run.config.changed(device=device)
        self.encoders = encoders
        self.stopping = stopping
        self.inputs = inputs
        self.previews = _Rhythm(PREVIEW_EVERY, writer.together)
        self.previews.next = 0.0  # the first picture is shown at once
        self.checkpoints = _Rhythm(CHECKPOINT_EVERY, writer.together)
        self.logged = (0, 0.0)  # step and time of the last line

    def go(self) -> None:
        """Compute until the end, a cancel, or a stop."""
        inputs = self.inputs
        encoder, was_loaded = self.encoders.get(self.config)
        resume = self.checkpoint()
        self.begin(encoder, resume, " (loaded already)" if was_loaded else "")
        steps = stylize(
            inputs.content,
            inputs.styles,
            self.config,
            content_mask=inputs.content_mask,
            style_masks=inputs.style_masks,
            encoder=encoder,
            resume=resume,
        )
        with closing(steps):
            for step in steps:
                if self.after(step):
                    return

    def begin(self, encoder: VGG19Encoder, resume: Checkpoint | None, how: str = "") -> None:
        """Write from where the run goes on, and what computes it; ``how`` ends the log's line."""
        start = resume.index if resume else 0
        device = resolve_device(self.config.device)
        assert encoder.source is not None
        origin = encoder.source.origin
        self.writer.begin(start, describe_device(device), origin)
        self.writer.say(f"{'going on from' if start else 'started at'} step {start} on {device}")
        self.writer.say(f"weights: {origin}{how}")
        self.writer.write()

    def checkpoint(self) -> Checkpoint | None:
        """Return what the run goes on from; None where it begins, or has to begin anew."""
        if self.run.checkpoint is None:
            return None
        try:
            return Checkpoint.from_bytes(self.store.read(self.run.checkpoint))
        except (CheckpointError, StoreError) as error:
            self.writer.say(f"starting anew: {error}")
            return None

    def after(self, step: Step) -> bool:
        """Write what a step brought; return whether it was the last."""
        writer = self.writer
        writer.add(
            step.index, dict(step.history), improvement=step.improvement, seconds=step.seconds
        )
        self._log(step)
        if step.output is not None:  # its picture is the preview too
            kept = self._snapshot(step)
            if step.is_last:
                self._measure(kept)
        elif self.previews.is_due():
            began = time.monotonic()
            writer.preview(encode_preview(step.image()))
            self.previews.done(began)
        if step.is_last:
            saved = step.saved()
            if saved:
                writer.say(saved)
            writer.end("done", saved and f"It {saved}.")
            return True
        if self.checkpoints.is_due():
            began = time.monotonic()
            state = step.checkpoint().to_bytes()
            writer.checkpoint(state)
            self.checkpoints.done(began, len(state) / CHECKPOINT_RATE)
        if writer.is_due:
            writer.write()
        if writer.cancelling or self.stopping.is_set():
            self.leave(step)
            return True
        return False

    def leave(self, step: Step | None) -> None:
        """Keep the picture and the way to go on, and end before the last step.

        Args:
            step: the last that was done; None where none was, since the run went on.
        """
        writer = self.writer
        if step is not None:
            writer.checkpoint(step.checkpoint().to_bytes())  # which sees a cancel of this moment
        state: State = "cancelled" if writer.cancelling else "interrupted"
        if step is not None and state == "cancelled" and step.output is None:
            self._snapshot(step)
        verb = "Cancelled" if state == "cancelled" else "Stopped"
        index = self.store.run(self.run.id).checkpoint_step if step is None else step.index
        message = f"{verb} at step {index} of {self.run.steps}"
        writer.say(message)
        writer.end(state, f"{message}. Resume goes on from there.")

    def _measure(self, result: bytes) -> None:
        """Measure the result as it is kept, unless someone waits for an end.

        The run is done all the same where it cannot be measured.
        """
        if self.writer.cancelling or self.stopping.is_set():
            return
        try:
            encoder = self.encoders.judge(self.config.device)
            pixels = load_image(result, name="the result").pixels
            metrics = measure_with(encoder, self.run, self.inputs, pixels)
        except NSTError as error:
            if isinstance(error, OutOfMemoryError):
                self.encoders.clear()
            self.writer.say(f"not measured: {error}")
            return
        except Exception:  # a bug of ours must not fail what is computed
            logger.exception("the result of run %d was not measured", self.run.id)
            self.writer.say("not measured: an unexpected error; the worker's log has the rest")
            return
        self.writer.say(metrics_line(metrics))
        self.writer.metrics(metrics)

    def _snapshot(self, step: Step) -> bytes:
        """Keep the picture of this step, and return its PNG."""
        picture = step.image()
        # The settings that were asked for; this worker's name for its device is its own affair.
        settings = self.run.config.model_dump(mode="json")
        picture = replace(picture, provenance={**picture.provenance, "config": settings})
        preview = encode_preview(picture)
        data = encode_png(picture)
        self.writer.snapshot(
            data, preview, output=step.output, size=(picture.height, picture.width)
        )
        self.writer.preview(preview)
        return data

    def _log(self, step: Step) -> None:
        index, when = self.logged
        often = max(1, step.total // LOG_LINES)
        is_due = step.index - index >= often and time.monotonic() - when >= LOG_EVERY
        if is_due or step.output is not None or step.is_last:
            self.logged = (step.index, time.monotonic())
            self.writer.say(step_line(step))


def step_line(step: Step) -> str:
    """Say how far a run is: ``step 100/300  total 1.118e+09  improved 55.5 %  3.2 s``."""
    level = f"  level {step.level}/{step.levels}" if step.levels > 1 else ""
    return (
        f"step {step.index}/{step.total}{level}  total {step.losses['total']:.3e}  "
        f"improved {step.improvement:.1f} %  {step.seconds:.1f} s"
    )
