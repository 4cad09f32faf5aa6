"""What all commands share: bad usage and bad input end in one line on stderr and exit status 2."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from model.errors import InputError


class ArgumentParser(argparse.ArgumentParser):
    """An argparse parser that reports bad usage as one line ``error: ...`` and knows ``--debug``."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        """Print the fault of the usage and exit with status 2."""
        one_line = " ".join(message.split())
        print(f"error: {one_line} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def run(command: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """Run a command and turn what goes wrong into the contract's exit status.

    Returns 0 (or what the command returns) on success, 2 with one ``error:`` line for an `InputError`, 130 when the user
    interrupted. With ``--debug`` an error's traceback precedes its line.
    """
    try:
        return command(arguments) or 0
    except InputError as error:
        if arguments.debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
