"""What command lines of the project have in common: one line an error, and exit codes.

Exit codes: 0 done; 2 bad input or work that could not go on, with one line on standard error that
says what and what to do; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from nst_core.errors import NSTError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and end."""
        self.exit(2, f"error: {message}; see '{self.prog} --help'\n")


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Run the command that ``arguments`` name, by its ``run`` default; return the exit code.

    Args:
        parser: of all commands.
        arguments: without the program's name; None takes ``sys.argv``.
    """
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except NSTError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped at once; what was saved before stays", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone: so do we, without a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
