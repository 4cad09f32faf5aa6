"""Read JSON within limits of size, entries and depth. Every fault is an `InputError` that says where it is."""

from __future__ import annotations

import json
import math
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from common.errors import InputError

MAX_JSON_MEBIBYTES = 64
"""Largest JSON file that is read."""

MAX_ENTRIES = 2_000_000
"""Maximum number of brackets and commas in JSON. They bound the memory that its values take: about 100 bytes for each."""

MAX_DEPTH = 64
"""Maximum number of lists and mappings inside each other."""

_MAX_DIGITS = 20
_CONTAINERS = (list, dict)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_json(path: Path) -> Any:
    """Read a JSON file. NaN and infinities, which some programs write, are numbers that the caller must expect.

    Raises:
        InputError: the file is missing, unreadable, larger than `MAX_JSON_MEBIBYTES`, or refused by `parse_json`.
    """
    return parse_json(read_limited(path, MAX_JSON_MEBIBYTES << 20), path, constants=float)


def parse_json(content: str | bytes, subject: str | Path, constants: Callable[[str], Any] = _refuse_constant) -> Any:
    """Parse JSON strictly: no NaN, no repeated names, no huge integers, only valid Unicode. A byte-order mark is accepted.

    Args:
        content: text, or its bytes in UTF-8, UTF-16 or UTF-32.
        subject: what `content` is, for messages.
        constants: makes a value of "NaN", "Infinity" or "-Infinity".

    Raises:
        InputError: it is not such JSON, or has more than `MAX_ENTRIES` or `MAX_DEPTH`.
    """
    try:
        text = content if isinstance(content, str) else decode_text(content)
        opened = text.count("[") + text.count("{")
        if opened + text.count(",") > MAX_ENTRIES:
            raise ValueError(f"it has more than {MAX_ENTRIES:,} entries")
        value = json.loads(text, object_pairs_hook=_unique_names, parse_constant=constants, parse_int=bounded_integer)
        if opened > MAX_DEPTH:
            _check_depth(value)
        if re.search(r"\\u[dD][89a-fA-F]", text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate can be read but not shown
    except (ValueError, RecursionError) as error:
        raise InputError(subject, f"is not valid JSON ({reason_of(error)})") from error
    return value


def check_regular(path: Path) -> None:
    """Raise InputError for a pipe or a device, which could be read forever. Files and folders pass, and what does not exist."""
    if path.exists() and not (stat.S_ISREG(path.stat().st_mode) or path.is_dir()):
        raise InputError(path, "is not a regular file", "name a file")


def read_limited(path: Path, limit: int) -> bytes:
    """Read a whole regular file of at most `limit` bytes.

    Raises:
        InputError: the file is missing, unreadable, a pipe or device, or larger.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise InputError(path, "no such file") from error
    except (OSError, ValueError) as error:  # ValueError: the name has a null character
        raise InputError(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(content) > limit:
        raise InputError(path, f"is larger than {limit >> 20} MiB")
    return content


def decode_text(content: bytes) -> str:
    """Return text in UTF-8, UTF-16 or UTF-32 without its byte-order mark, or raise UnicodeDecodeError."""
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")


def reason_of(error: Exception) -> str:
    """Return what a parser found wrong, as part of a message."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8 or UTF-16"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}: {error.msg}"
    return str(error).partition("\n")[0][:120]


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("it repeats a name")
    return result


def bounded_integer(digits: str) -> int:
    """Return an integer, or raise ValueError if it has too many digits."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"it has a whole number of {len(digits)} digits")
    return int(digits)


def is_whole(value: object, least: float = -math.inf, most: float = math.inf) -> TypeGuard[int]:
    """Return whether a parsed value is an integer from `least` to `most`. Neither true nor 2.0 is one."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_number(value: object, least: float = -sys.float_info.max, most: float = sys.float_info.max) -> TypeGuard[float]:
    """Return whether a parsed value is a finite number from `least` to `most`. True is not one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [part for whole in level for part in _parts(whole) if isinstance(part, _CONTAINERS)]:
        depth += 1
        if depth >= MAX_DEPTH:
            raise RecursionError


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
