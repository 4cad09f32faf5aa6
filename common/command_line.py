"""Shared by all commands: bad usage and bad input end in one line on stderr and exit status 2."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

from common.errors import InputError

MAX_THREADS = 1024
"""Maximum number of CPU threads. More is a typing error, but PyTorch would try to start them."""

_MAX_DIGITS = 18  # fits an int64; Python itself raises an error for thousands of digits
_MAX_MESSAGE = 400
_BROKEN_PIPE = 1
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class ArgumentParser(argparse.ArgumentParser):
    """An argparse parser that reports bad usage as one line ``error: ...`` and has the options --debug and --verbose."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")
        self.add_argument("-v", "--verbose", action="count", default=0, help="log what is done; -vv logs more")

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the usage and exit with status 2."""
        one_line = " ".join(message.split())
        if len(one_line) > _MAX_MESSAGE:
            one_line = f"{one_line[: _MAX_MESSAGE // 2]} ... {one_line[-_MAX_MESSAGE // 2 :]}"
        print(f"error: {one_line} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit, for instance after --help. Stay quiet if the reader of the output is gone."""
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _silence()
        super().exit(status, message)


def is_whole_number(text: str) -> bool:
    """Return whether a text is a whole number, at least 0, with digits only and at most 18 of them."""
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def parse_count(text: str) -> int:
    """Parse a whole number, at least 1, for options that count something."""
    if not is_whole_number(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, at least 1")
    return int(text)


def parse_threads(text: str) -> int:
    """Parse a number of CPU threads, 1 to `MAX_THREADS`."""
    if not is_whole_number(text) or not 1 <= int(text) <= MAX_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, 1 to {MAX_THREADS}")
    return int(text)


def run(command: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """Run a command and return its exit status.

    The status is 0 (or what the command returns) on success; 2 for an `InputError`, which is printed as one ``error:`` line;
    130 after Ctrl-C, with the text of the `KeyboardInterrupt` if it has one; and 1, without a message, when the reader of the
    output is gone. With ``--debug`` the traceback is printed before the error.
    """
    try:
        with _logging(getattr(arguments, "verbose", 0)):
            status = _run(command, arguments)
        sys.stdout.flush()  # otherwise the interpreter fails with an error when it exits
    except BrokenPipeError:
        _silence()
        return _BROKEN_PIPE
    return status


@contextlib.contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Write log messages to stderr during a command: warnings, with one -v what is done, with two the details."""
    root, handler = logging.getLogger(), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    before = root.level
    root.addHandler(handler)
    root.setLevel(_LEVELS[min(verbose, len(_LEVELS) - 1)])
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def _run(command: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    try:
        return command(arguments) or 0
    except InputError as error:
        if arguments.debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or "interrupted", file=sys.stderr)
        return 130


def _silence() -> None:
    """Discard all further output of streams whose reader is gone."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
