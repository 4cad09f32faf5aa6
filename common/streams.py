"""Guard standard output and error: they may be closed or full, lose their reader, or lack characters of a file's name."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from common.errors import InputError


class OutputError(InputError):
    """Standard output is closed or full."""


class _Guarded:
    """A standard stream. A write that fails is an error of the command, or is ignored.

    Args:
        stream: None when it was closed before the program started.
        required: whether a failed write is an `OutputError`. Otherwise the text is dropped.
            A reader that is gone raises BrokenPipeError either way.
    """

    def __init__(self, stream: TextIO | None, required: bool) -> None:
        self._stream, self._required = stream, required

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        """Write a text. Characters that the stream's encoding lacks are escaped."""
        with self._faults():
            if self._stream is None:
                raise OSError("it is closed")
            try:
                self._stream.write(text)
            except UnicodeEncodeError as error:
                self._stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
        return len(text)

    def flush(self) -> None:
        """Pass everything on to the system."""
        with self._faults():
            if self._stream is not None:
                self._stream.flush()

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._required:
                raise OutputError("standard output", f"cannot be written ({error.strerror or error})") from error


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard both streams while a command runs, and reserve their descriptors.

    Otherwise the next file that is opened would get the number of a closed stream, and libraries would log into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, _Guarded(sys.stdout, True)), cast(TextIO, _Guarded(sys.stderr, False))
    try:
        yield
        sys.stdout.flush()  # otherwise the interpreter fails with an error when it exits
    finally:
        sys.stdout, sys.stderr = before


def print_error(text: str) -> None:
    """Print one line on standard error, if it can be written; raise BrokenPipeError if its reader is gone."""
    print(text, file=_Guarded(sys.stderr, required=False))


def silence() -> None:
    """Discard all further output of streams that cannot be written any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
