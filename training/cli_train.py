"""``python -m training train``: a training, watched from a terminal."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import torch
from rich.progress import BarColumn, TextColumn
from torch import Tensor

from nst_core.cli_files import interrupts
from nst_core.device import describe_device, is_out_of_memory, resolve_device
from nst_core.errors import ConfigError, OutOfMemoryError
from nst_core.weights import find_weights
from training.checkpoint import NAME, Checkpoint, load_checkpoint, save_checkpoint
from training.cli_bar import progress_bar
from training.cli_settings import check_given, given_settings
from training.settings import TrainingConfig
from training.train import Record, Trainer

LINE_EVERY = 30.0  # seconds; of lines where no terminal shows a bar


def run_train(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Train as the command line asks; return the exit code.

    Args:
        options: of the command.
        say: prints a line.

    Raises:
        NSTError: bad input, or a training that could not go on.
    """
    if options.record_every is not None and options.record_every < 1:
        raise ConfigError(f"--record-every is {options.record_every}; give 1 or more")
    folder = Path(options.out)
    device = resolve_device(options.device)
    trainer, start = (
        _resumed(options, folder, device) if options.resume else _begun(options, folder, device)
    )
    words = ", ".join(start.values()) or "random filters"
    say(
        f"from {words}, step {trainer.step} of {trainer.config.steps}, on {describe_device(device)}"
    )
    try:
        return _watch(trainer, options, folder, start, say)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        config = trainer.config
        raise OutOfMemoryError(
            f"{config.textures * config.crops} crops of {config.size} px do not fit into memory; "
            "give fewer --textures or --crops, or a smaller --size"
        ) from None


def _begun(
    options: argparse.Namespace, folder: Path, device: torch.device
) -> tuple[Trainer, Mapping[str, str]]:
    config = TrainingConfig(**given_settings(options, TrainingConfig))
    if (folder / NAME).exists():
        raise ConfigError(
            f"{folder}: holds a training already; add --resume to go on with it, or choose "
            "another folder"
        )
    state_dict: dict[str, Tensor] | None = None
    start: dict[str, str] = {}
    if options.start:
        weights, state_dict = find_weights(options.start, download=False)
        start = {"name": weights.name, "sha256": weights.sha256}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder"
        ) from None
    return Trainer(config, device, start=state_dict, compiled=options.compile), start


def _resumed(
    options: argparse.Namespace, folder: Path, device: torch.device
) -> tuple[Trainer, Mapping[str, str]]:
    if options.start:
        raise ConfigError("--start does not go with --resume; leave one of them out")
    checkpoint: Checkpoint = load_checkpoint(folder)
    check_given(options, checkpoint.config, folder, begun="trained", elsewhere="in another folder")
    return checkpoint.trainer(device, compiled=options.compile), checkpoint.start


def _watch(
    trainer: Trainer,
    options: argparse.Namespace,
    folder: Path,
    start: Mapping[str, str],
    say: Callable[[str], None],
) -> int:
    """Walk through the training, with a bar or lines, and save what it comes to."""
    every = options.record_every or (1 if trainer.device.type == "cpu" else 20)
    saved = told = time.monotonic()
    bar = progress_bar(
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
    )
    task = bar.add_task("", total=trainer.config.steps, completed=trainer.step, words="")
    with closing(trainer.run(record_every=every)) as records, interrupts() as interrupted, bar:
        for record in records:
            now = time.monotonic()
            is_last = record.step == trainer.config.steps
            bar.update(task, completed=record.step, words=_words(record))
            if bar.disable and (now - told > LINE_EVERY or is_last):
                say(f"step {record.step}/{trainer.config.steps}  {_words(record)}")
                told = now
            if interrupted or is_last or now - saved > 60 * options.save_every:
                save_checkpoint(trainer, folder, start)
                saved = now
            if interrupted and not is_last:
                break
    if trainer.step < trainer.config.steps:
        say(
            f"stopped after step {trainer.step}; go on with "
            f"'python -m training train --out {folder} --resume'"
        )
        return 130
    say(f"trained; 'python -m training export {folder} --to FILE.pth' writes the weights")
    return 0


def _words(record: Record) -> str:
    return (
        f"loss {record.total:.3f}  accuracy {record.accuracy:.1%}  "
        f"{record.crops_per_second:.0f} crops/s"
    )
