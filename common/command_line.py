"""Shared by all commands: bad usage and bad input end in one line on stderr and exit status 2."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn

from common.errors import InputError
from common.interrupts import INTERRUPTED, Interrupt, raised_signals
from common.numbers import parse_number, parse_whole
from common.streams import OutputError, guarded_streams, print_error, silence

OUTPUT_FAILED = 74
"""Exit status when standard output cannot be written (EX_IOERR of sysexits.h)."""

MAX_THREADS = 1024
"""Maximum number of CPU threads. More is a typing error, but PyTorch would try to start them."""

_MAX_MESSAGE = 290
_BROKEN_PIPE = 1
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


_CALLED: ContextVar[dict[str, str]] = ContextVar("called", default={})  # noqa: B039 - nobody changes it


@contextlib.contextmanager
def called_as(program: str, **texts: str) -> Iterator[None]:
    """Let usage and errors of the parsers that are made in the block name another program, such as `mlpvid train`.

    Args:
        program: its name.
        texts: the `usage` and `description` of these parsers, where their own are not right.
    """
    token = _CALLED.set({"prog": program, **texts})
    try:
        yield
    finally:
        _CALLED.reset(token)


class ArgumentParser(argparse.ArgumentParser):
    """An argparse parser that reports bad usage as one line ``error: ...`` and has the options --debug and --verbose."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **(options | _CALLED.get()))  # type: ignore[arg-type]
        self._given: list[str] = []
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")
        self.add_argument("-v", "--verbose", action="count", default=0, help="log what the program does; -vv logs more")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but refuse the value "--": before Python 3.13, argparse replaces it by an empty list."""
        self._given = arguments = list(sys.argv[1:] if args is None else args)
        for argument in itertools.takewhile(lambda text: text != "--", arguments):
            if argument.startswith("--") and argument.endswith("=--"):
                self.error(f"argument {argument[:-3]}: '--' is not a value")
        return super().parse_known_args(arguments, namespace)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the help or an error. argparse ignores a full standard output, and may fail if its reader is gone."""
        if file is not sys.stdout:
            super()._print_message(message, file)
        elif status := print_text(message):
            raise SystemExit(status)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the usage and exit with status 2."""
        message += self._hint(message)
        raise SystemExit(_ended(f"error: {shortened(f'{message} (see {self.prog} --help)')}", 2))

    def _hint(self, message: str) -> str:
        """Return what to do if argparse took a value such as -5,-1 for an option."""
        found = re.search(r"(--[\w-]+): expected one argument", message)
        for option, value in itertools.pairwise(self._given):
            if found and option == found[1] and re.match(r"-[^-]", value):
                return f"; write {option}={value} if that is its value"
        return ""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit, for instance after --help. Stay quiet if the reader of the output is gone."""
        silence()
        super().exit(status, message)


def print_text(text: str) -> int:
    """Print a text, such as the help, on standard output.

    Returns:
        The exit status: 0, also if the reader of the output is gone, or 74 if standard output cannot be written.
    """
    try:
        with guarded_streams():
            sys.stdout.write(text)
    except BrokenPipeError:
        silence()
    except OutputError as error:
        return _ended(f"error: {error}", OUTPUT_FAILED)
    return 0


def parse_count(text: str) -> int:
    """Parse a whole number, at least 1, for options that count something."""
    value = parse_whole(text)
    if value is None or value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, at least 1")
    return value


def parse_natural(text: str) -> int:
    """Parse a whole number, at least 0, for options that count something of which there may be none."""
    value = parse_whole(text)
    if value is None or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, at least 0")
    return value


def parse_seed(text: str) -> int:
    """Parse a seed of random numbers, 0 to 2^63 - 1."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not 0 <= value < 1 << 63:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, 0 to 2^63 - 1")
    return value


def parse_finite(text: str) -> float:
    """Parse a finite number, such as 25, 3e-3 or 30000/1001."""
    value = parse_number(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def parse_threads(text: str) -> int:
    """Parse a number of CPU threads, 1 to `MAX_THREADS`."""
    value = parse_whole(text)
    if value is None or not 1 <= value <= MAX_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, 1 to {MAX_THREADS}")
    return value


def parse_size(text: str) -> tuple[int, int]:
    """Read "WxH", 1 to 16384 pixels each."""
    first, _, second = text.lower().partition("x")
    width, height = parse_whole(first), parse_whole(second)
    if width is None or height is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write WxH, for example 512x512")
    if not (1 <= width <= 16384 and 1 <= height <= 16384):
        raise argparse.ArgumentTypeError(f"{text!r}: each side must be 1 to 16384 pixels")
    return width, height


def run(command: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """Run a command and return its exit status.

    The status is 0 (or what the command returns) on success; 2 for an `InputError`, a file that the system refuses, or a lack
    of memory or threads, each printed as one ``error:`` line; 74 when standard output cannot be written; 130 after Ctrl-C (143
    after SIGTERM), with the text of the `KeyboardInterrupt` if it has one; and 1, without a message, when the reader of the
    output is gone. With ``--debug`` the traceback is printed before the error.
    """
    try:
        with raised_signals(), guarded_streams(), _logging(getattr(arguments, "verbose", 0)), _without_remarks_on_images():
            return command(arguments) or 0
    except KeyboardInterrupt as interrupt:
        return _ended(str(interrupt) or "interrupted", interrupt.status if isinstance(interrupt, Interrupt) else INTERRUPTED)
    except BrokenPipeError:
        return _ended("", _BROKEN_PIPE)
    except Exception as error:
        message = _explained(error)
        if arguments.debug and message:
            traceback.print_exc()
        if not message:
            raise
        return _ended(f"error: {shortened(message)}", OUTPUT_FAILED if isinstance(error, OutputError) else 2)


def shortened(text: str) -> str:
    """Return a text in one line of at most 290 characters; the middle of a longer one is left out.

    Characters that control terminals or turn the direction of writing are escaped: names of files are not trusted.
    """
    one_line = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), " ".join(text.split()))
    if len(one_line) <= _MAX_MESSAGE:
        return one_line
    return f"{one_line[: _MAX_MESSAGE // 2 - 3]} ... {one_line[3 - _MAX_MESSAGE // 2 :]}"


def _explained(error: Exception) -> str:
    """Return the message for an error that is not a bug of the program; empty for a bug."""
    text = str(error)
    if isinstance(error, InputError):
        return text
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, FileNotFoundError) and _folder_is_gone():
        return "the current folder does not exist any more; change to another one"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "allocate memory" in text):
        return f"there is not enough memory for this ({shortened(text)[:100] or 'out of memory'})"
    if isinstance(error, RuntimeError) and "start new thread" in text:
        return "the system has no more threads for this; use --threads with a smaller number"
    return ""


def _folder_is_gone() -> bool:
    """Return whether the current folder was removed, so that no relative path leads anywhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _ended(message: str, status: int) -> int:
    try:
        if message:
            print_error(message)
    except BrokenPipeError:
        status = _BROKEN_PIPE
    silence()
    return status


@contextlib.contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Write log messages to stderr during a command: warnings; with one -v also the steps, with two the details."""
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


@contextlib.contextmanager
def _without_remarks_on_images() -> Iterator[None]:
    """Leave out Pillow's warnings during a command: on Exif data and palettes, for instance. They name no file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
