"""``python -m training cluster``: a clustering, watched from a terminal."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from torch import Tensor

from nst_core.cli_files import check_output, interrupts
from nst_core.errors import CheckpointError, ConfigError
from nst_core.paths import write_atomically
from nst_core.vgg import CHANNELS, weight_names
from training.cli_bar import progress_bar
from training.cli_settings import check_given, given_settings
from training.clusters import Learned, learn
from training.evaluate import score
from training.export import description, write_weights
from training.settings import ClusterConfig


def run_cluster(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Learn filters as the command line asks; return the exit code.

    Args:
        options: of the command.
        say: prints a line.

    Raises:
        NSTError: bad input, or a file that cannot be written.
    """
    path = check_output(options.to, "pth")
    part = path.with_suffix(".part")
    config, weights, told = _begun(options, part)
    bar = progress_bar(
        TextColumn("{task.fields[words]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("filters"),
    )
    filters = {layer: CHANNELS[layer] for layer in config.chosen_layers}
    done = sum(filters[one["layer"]] for one in told)
    task = bar.add_task("", total=sum(filters.values()), completed=done, words="")
    with closing(learn(config, weights)) as layers, interrupts() as interrupted, bar:
        for one in layers:
            weights |= dict(zip(weight_names(one.layer), (one.weight, one.bias), strict=True))
            told.append(_told(one))
            bar.update(task, advance=filters[one.layer], words=one.layer)
            say(f"{one.layer}  {one.seconds:.0f} s  {_words(told[-1])}")
            is_last = one.layer == config.layers
            _save(part, config, weights, told)
            if interrupted and not is_last:
                say(f"stopped after {one.layer}; the same command with --resume goes on")
                return 130
    written = {name: value.half().float() for name, value in weights.items()}
    found = description("cluster --to FILE.pth", config, config.textures)
    found |= {"filters": told, "held_out": {"gram": score(written)}}
    found = write_weights(weights, path, found)
    part.unlink(missing_ok=True)
    say(f"saved {path}, {found['bytes'] / 1e6:.1f} MB, and {path.with_suffix('.json').name}")
    say(f"sha256   {found['sha256']}")
    return 0


def _begun(
    options: argparse.Namespace, part: Path
) -> tuple[ClusterConfig, dict[str, Tensor], list[dict[str, Any]]]:
    """Return the settings, and what was learned before."""
    if not options.resume:
        if part.exists():
            raise ConfigError(
                f"{part}: a clustering was stopped here; add --resume to go on, or delete it"
            )
        return ClusterConfig(**given_settings(options, ClusterConfig)), {}, []
    if not part.is_file():
        raise CheckpointError(f"{part}: there is no clustering to go on with; check the path")
    try:
        values = torch.load(part, weights_only=True, map_location="cpu")
        config = ClusterConfig(**values["config"])
        weights, told = dict(values["weights"]), list(values["told"])
    except Exception:  # damaged pickles and archives raise almost anything
        raise CheckpointError(f"{part}: is damaged; delete it and start anew") from None
    check_given(options, config, part, begun="begun", elsewhere="with another --to")
    return config, weights, told


def _save(
    part: Path, config: ClusterConfig, weights: dict[str, Tensor], told: list[dict[str, Any]]
) -> None:
    buffer = io.BytesIO()
    torch.save({"config": config.to_dict(), "weights": weights, "told": told}, buffer)
    with suppress(OSError):  # the end says it, and until then nothing is lost
        write_atomically(part, buffer.getvalue())


def _told(one: Learned) -> dict[str, Any]:
    """Return what of a layer stands beside the weights."""
    return {
        "layer": one.layer,
        "firing": round(one.firing, 4),
        "seldomest": round(one.seldomest, 4),
        "nearness": [round(value, 4) for value in one.nearness],
    }


def _words(told: dict[str, Any]) -> str:
    return "answers at {firing:.1%} of places, its rarest filter at {seldomest:.1%}".format(**told)
