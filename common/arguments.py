"""Check what programs pass to public functions: a wrong value is an `InputError` that names it, not a later failure."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any, TypeVar

from common.errors import InputError

T = TypeVar("T")

_SHOWN = 40


def checked_number(value: object, subject: str, wanted: str = "a finite number") -> float:
    """Return a finite number; NumPy's numbers are numbers, too, but truth values and text are not.

    Args:
        value: what was passed.
        subject: its name, for messages.
        wanted: what it must be, for messages.

    Raises:
        InputError: it is anything else.
    """
    number = _real(value)
    if number is None:
        raise InputError(subject, f"must be {wanted}, not {shown(value)}")
    return number


def checked_whole(value: object, subject: str, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`; 2.0 is one, too. Parameters and errors are those of `checked_number`."""
    number = _real(value)
    if number is None or not number.is_integer() or not low <= number <= high:
        raise InputError(subject, f"must be a whole number from {low} to {high}, not {shown(value)}")
    return int(number)


def checked_numbers(values: object, subject: str, count: int, wanted: str) -> tuple[float, ...]:
    """Return a sequence of finite numbers as a tuple; other parameters and errors are those of `checked_number`."""
    try:
        items = list(values) if isinstance(values, Iterable) and not isinstance(values, str | bytes) else []
    except TypeError:  # an array without axes
        items = []
    found = [_real(item) for item in items]
    if len(found) != count or None in found:
        raise InputError(subject, f"must be {wanted}, not {shown(values)}")
    return tuple(number for number in found if number is not None)


def checked_kind(value: object, kind: type[T], subject: str, wanted: str) -> T:
    """Return a value if it is of a class; other parameters and errors are those of `checked_number`."""
    if not isinstance(value, kind):
        raise InputError(subject, f"must be {wanted}, not {shown(value)}")
    return value


def shown(value: Any) -> str:
    """Return a value as text in one short line, for messages."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _real(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
