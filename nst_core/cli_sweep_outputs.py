"""What a sweep leaves beside the store: the contact sheet and the table of its numbers."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path

from nst_core.cli_files import check_output, keep_former
from nst_core.cli_sweep_report import SweepReport
from nst_core.errors import ConfigError
from nst_core.image import encode_png, save_image
from nst_core.paths import write_atomically
from nst_core.store import Store
from nst_core.sweep_plan import SweepPlan
from nst_core.sweep_results import NUMBERS, SweepResults, results_csv


@dataclass(frozen=True)
class SweepOutputs:
    """Where results go, and how the sheet is drawn.

    Attributes:
        sheet, table: a PNG and a CSV file, or None.
        number: of :data:`~nst_core.sweep_results.NUMBERS`, under each picture; None leaves the
            choice.
        columns: the axis along the top; None leaves the choice.
        given: the options that said so, as they are written.
    """

    sheet: Path | None
    table: Path | None
    number: str | None
    columns: str | None
    given: tuple[str, ...]

    @classmethod
    def checked(cls, options: argparse.Namespace, plan: SweepPlan) -> SweepOutputs:
        """Read the options, and check them before anything long begins.

        Raises:
            ConfigError, ImageError: a file cannot be written, or there is no such number or axis.
        """
        number, columns = options.number, options.columns
        if number is not None and number not in NUMBERS:
            raise ConfigError(
                f"--number: there is no number {number[:60]!r}; choose of {', '.join(NUMBERS)}"
            )
        names = [axis.name for axis in plan.axes]
        if columns is not None and columns not in names:
            raise ConfigError(
                f"--columns: {columns[:60]!r} is no axis of this sweep; it varies "
                f"{', '.join(names) or 'nothing'}"
            )
        return cls(
            None if options.output is None else check_output(options.output),
            None if options.csv is None else check_output(options.csv, "CSV"),
            number,
            columns,
            _as_written(options),
        )

    def save(self, store: Store, results: SweepResults, report: SweepReport) -> None:
        """Write what there is by now; different files of the same names are kept aside.

        Raises:
            ImageError, ConfigError: a file cannot be written.
        """
        if self.sheet:
            from nst_core.sweep_sheet import contact_sheet

            picture = contact_sheet(store, results, number=self.number, columns=self.columns)
            former = keep_former(self.sheet, encode_png(picture))
            save_image(picture, self.sheet)
            report.saved(self.sheet, former)
        if self.table:
            report.saved(self.table, save_table(self.table, results_csv(results)))

    def command(self, sweep_id: int) -> str:
        """Return the command that goes on with a sweep and writes the same results."""
        resume = ["python", "-m", "nst_core", "sweep", "--resume", str(sweep_id)]
        return shlex.join([*resume, *self.given])


def _as_written(options: argparse.Namespace) -> tuple[str, ...]:
    pairs = {
        "-o": options.output,
        "--csv": options.csv,
        "--number": options.number,
        "--columns": options.columns,
    }
    return tuple(word for flag, value in pairs.items() if value for word in (flag, value))


def save_table(path: Path, text: str) -> Path | None:
    """Write a table; return where a different one of that name went.

    Raises:
        ConfigError: it cannot be written.
    """
    data = text.encode()
    former = keep_former(path, data)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from None
    return former
