"""``python -m nst_core stylize``: a run, watched from a terminal."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from nst_core.checkpoint import Checkpoint
from nst_core.cli_files import check_output, interrupts, keep_former, show_download
from nst_core.cli_settings import with_usual_settings
from nst_core.config import StyleTransferConfig
from nst_core.device import describe_device, resolve_device
from nst_core.errors import ConfigError
from nst_core.image import Picture, encode_png, load_image, load_mask, save_image
from nst_core.inputs import Inputs
from nst_core.loop import encoder_for
from nst_core.memory import MemoryNeed, memory_need
from nst_core.probe import use_fastest
from nst_core.pyramid import levels_of, share_of_work
from nst_core.step import Step
from nst_core.stylize import stylize
from nst_core.vgg import VGG19Encoder
from nst_core.weights import try_imagenet, wants_download


def run_stylize(options: argparse.Namespace, config: StyleTransferConfig) -> int:
    """Run ``stylize`` as the command line asks; return the exit code.

    Raises:
        NSTError: bad input, or a run that could not go on.
    """
    is_silent = options.quiet or options.json
    output = check_output(options.output)
    content = load_image(options.content)
    styles = [load_image(style) for style in options.styles]
    content_mask = (
        load_mask(options.content_mask, size=content.size) if options.content_mask else None
    )
    style_masks = _style_masks(options.style_mask or [], styles)
    resume = Checkpoint.load(options.resume) if options.resume else None
    # before a download of half a gigabyte begins
    Inputs.checked(content, styles, config, content_mask, style_masks)
    if wants_download(config.weights):
        show_download(try_imagenet(), quiet=is_silent)
    config = with_usual_settings(config, options)
    use_fastest(resolve_device(config.device), lambda line: None if is_silent else print(line))
    encoder = encoder_for(config)
    steps = stylize(
        content,
        styles,
        config,
        content_mask=content_mask,
        style_masks=style_masks,
        encoder=encoder,
        resume=resume,
    )
    report = _Report(options, config, output)
    report.start(encoder, memory_need(config, content.size))
    with closing(steps), interrupts() as interrupted, report.bar:
        for step in steps:
            report.step(step)
            if step.output is not None:
                report.output(step)
            elif interrupted:
                report.stopped(step)
            if interrupted and not step.is_last:
                return 130
    return 0


def _style_masks(names: list[str], styles: list[Picture]) -> list[Tensor | None] | None:
    if not names:
        return None
    if len(names) != len(styles):
        raise ConfigError(
            f"{len(names)} style masks for {len(styles)} style pictures; give --style-mask once "
            "for each, with '-' for all of a picture"
        )
    return [
        None if name == "-" else load_mask(name, size=style.size)
        for name, style in zip(names, styles, strict=True)
    ]


class _Report:
    """What a person, or a program with ``--json``, reads of a run."""

    def __init__(
        self, options: argparse.Namespace, config: StyleTransferConfig, output: Path
    ) -> None:
        self.config = config
        self.path = output
        self.json = options.json
        self.quiet = options.quiet
        self.bar = Progress(
            TextColumn("step {task.fields[step]}/{task.fields[steps]}"),
            BarColumn(),
            TextColumn("{task.fields[loss]}  {task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
            disable=self.quiet or self.json or not sys.stderr.isatty(),
            redirect_stdout=sys.stdout.isatty(),
        )
        self.plan = levels_of(config)
        # in shares of the work, since a step of a coarse level is a small one
        self.task = self.bar.add_task("", total=1.0, step=0, steps=config.steps, loss="", speed="")
        self.begun: tuple[int, float] | None = None

    def start(self, encoder: VGG19Encoder, memory: MemoryNeed) -> None:
        """Say what will compute, and how much memory that takes."""
        device = resolve_device(self.config.device)
        source = encoder.source
        if source is None:
            return
        self._say(
            {
                "event": "start",
                "device": str(device),
                "weights": source.name,
                "weights_sha256": source.sha256,
                "steps": self.config.steps,
                "memory_bytes": memory.bytes,
            },
            f"weights: {source.origin}\n"
            f"device: {describe_device(device)}; a run of this size {memory.words()}",
        )

    def step(self, step: Step) -> None:
        """Move the bar."""
        if self.begun is None:
            self.begun = (step.index, step.seconds)
        steps, seconds = step.index - self.begun[0], step.seconds - self.begun[1]
        self.bar.update(
            self.task,
            completed=share_of_work(self.plan, step.index),
            step=step.index,
            loss=f"loss {step.losses['total']:.4g}",
            speed=f"{steps / seconds:.2f} steps/s" if seconds else "",
        )
        if self.json:
            self._say(
                {
                    "event": "step",
                    "step": step.index,
                    "steps": step.total,
                    "level": step.level,
                    "size": list(step.size),
                    "losses": dict(step.losses),
                    "improvement": step.improvement,
                    "seconds": step.seconds,
                },
                "",
            )

    def output(self, step: Step) -> None:
        """Save a picture of the run and say so."""
        number = self.config.outputs if step.is_last else step.output
        path = self.path
        if not step.is_last:
            path = path.with_name(f"{path.stem}_{number}{path.suffix}")
        self._save(step, path, f"iteration {number} of {self.config.outputs}")
        saved = step.saved()
        if saved:
            self._say({"event": "stopped early", "step": step.index, "why": saved}, f"it {saved}")

    def stopped(self, step: Step) -> None:
        """Keep the picture of an interrupted run, and the way to go on with it."""
        self._save(step, self.path, "stopped")
        checkpoint = self.path.with_suffix(".checkpoint")
        step.checkpoint().save(checkpoint)
        self._say(
            {"event": "stopped", "step": step.index, "checkpoint": str(checkpoint)},
            f"go on with the same command and --resume {checkpoint}",
        )

    def _save(self, step: Step, path: Path, what: str) -> None:
        picture = step.image()
        former = keep_former(path, encode_png(picture))
        save_image(picture, path)
        self._say(
            {
                "event": "saved",
                "step": step.index,
                "path": str(path),
                "seconds": step.seconds,
                "loss": step.losses["total"],
                "improvement": step.improvement,
                "former": str(former) if former else None,
            },
            f"{what} (step {step.index}/{step.total})  loss {step.losses['total']:.3e}  "
            f"improvement {step.improvement:.1f} %  saved {path}  {step.seconds:.1f} s"
            + (f"  (the former one is now {former})" if former else ""),
        )

    def _say(self, record: dict[str, object], line: str) -> None:
        if self.quiet:
            return
        print(json.dumps(record) if self.json else line, flush=True)
