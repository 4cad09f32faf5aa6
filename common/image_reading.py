"""Read untrusted image files in a child process: decoders are native code, and a crash of one must not end the viewer."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from common.documents import read_limited
from common.errors import InputError
from common.limited_process import LimitedProcess, Limits, call_limited

Decode = Callable[[bytes], Any]
"""Decodes the content of a file; its InputError needs no subject."""

MAX_FILE_BYTES = 1 << 29
"""Largest file that is read."""

FAULTS = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for damaged files."""


def read_image(path: Path, decode: Decode, limits: Limits, process: LimitedProcess | None = None) -> Any:
    """Read an image file and decode it in a child process.

    Args:
        path: the file.
        decode: a function of a module that loads quickly, because the child imports it.
        limits: what decoding may use.
        process: the child to use; None starts one that ends afterwards.

    Returns:
        What `decode` returns.

    Raises:
        InputError: the file is missing, not a regular file or too large, or `decode` refused it, crashed or reached a limit.
    """
    content = read_limited(path, MAX_FILE_BYTES)
    if process is None:
        return call_limited(decode, content, path, limits)
    return process.call(decode, content, path, limits)


@contextlib.contextmanager
def damage_as_input_errors(formats: tuple[str, ...], subject: str | Path = "") -> Iterator[None]:
    """Turn what Pillow raises for a damaged file into an InputError that names the file and the formats which are read."""
    try:
        yield
    except FAULTS as error:
        remedy = f"the formats {', '.join(formats)} are read" if len(formats) > 1 else f"only {formats[0]} is read"
        raise InputError(subject, "cannot be read as an image", remedy) from error
