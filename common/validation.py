"""Check settings and configs with pydantic, and report what is wrong as one `InputError` line."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, StrictFloat, StrictInt, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from common.errors import InputError
from common.numbers import parse_number

T = TypeVar("T")

FIELDS = ConfigDict(extra="forbid", validate_default=True)
"""Config of pydantic dataclasses: unknown fields are errors. Give fields the types `WholeNumber`, `StrictFloat`, `StrictStr`
and `StrictBool`, so that True is not accepted as 1, or "5" as 5."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53 else value


def _quotient(value: object) -> object:
    if not isinstance(value, str):
        return value
    rate = parse_number(value)
    if rate is None:
        raise ValueError("must be a number or a fraction, for example 30000/1001")
    return rate


WholeNumber = Annotated[StrictInt, BeforeValidator(_whole)]
"""An integer; 512.0 and 3e3 are integers, too."""

Rate = Annotated[StrictFloat, BeforeValidator(_quotient)]
"""A float; a text with a fraction such as 30000/1001 is one, too."""

MAX_ENTRIES = 10_000
"""Longest list or mapping in plain data that is validated."""

_LONGEST_NAME = 60
_TYPES = {
    "int_type": "int",
    "int_from_float": "int",
    "float_type": "float",
    "bool_type": "bool",
    "string_type": "str",
}
_FAULTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "dataclass_type": lambda _: "must be a mapping of field names to values",
    "tuple_type": lambda _: "must be a list",
    "too_long": lambda context: f"must have {context['max_length']} entries",
    "literal_error": lambda context: f"must be {context['expected'].replace(chr(39), '')}",
    "value_error": lambda context: str(context["error"]),
    "missing": lambda _: "is missing",
    "finite_number": lambda _: "must be finite",
}
"""Kinds of faults that pydantic names, and their texts."""


def within(low: float, high: float) -> AfterValidator:
    """Return the check of a number from `low` to `high`, for use in ``Annotated[StrictFloat, within(0, 1)]``; NaN fails."""

    def check(value: float) -> float:
        if not low <= value <= high:
            if low == high:
                raise PydanticCustomError("range", f"must be {low:g}")  # type: ignore[arg-type]
            shown = (f"{bound:,.0f}" if abs(bound) >= 10_000 else f"{bound:g}" for bound in (low, high))
            raise PydanticCustomError("range", f"must be {' to '.join(shown)}")  # type: ignore[arg-type]
        return value

    return AfterValidator(check)


def one_of(*allowed: object) -> AfterValidator:
    """Return the check of a value that is one of a few, for use in ``Annotated[StrictInt, one_of(2, 4, 8)]``."""

    def check(value: Any) -> Any:
        if value not in allowed:
            *others, last = map(str, allowed)
            raise PydanticCustomError("range", f"must be {', '.join(others)} or {last}")  # type: ignore[arg-type]
        return value

    return AfterValidator(check)


def validated(kind: type[T], values: object, subject: str) -> T:
    """Build a pydantic dataclass from plain data, as YAML or JSON give it.

    Args:
        kind: a pydantic dataclass.
        values: a mapping of field names to values; nested dataclasses are mappings, too.
        subject: the name of the whole in messages, for instance "settings".

    Raises:
        InputError: `values` is not a mapping, or it has an unknown field or a value of a wrong type or out of range.
    """
    _check_sizes(values, subject)
    try:
        return cast(T, _adapter(kind).validate_python(values))  # type: ignore[arg-type]  # classes are hashable
    except ValidationError as error:
        raise input_error(error, subject, kind) from error


@functools.cache  # making one takes longer than most validations
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _check_sizes(values: object, subject: str) -> None:
    """Refuse long lists and mappings first: pydantic would collect a fault for each of a million entries."""
    pending, seen = [values], set()
    while pending:
        part = pending.pop()
        if isinstance(part, dict | list | tuple) and id(part) not in seen:
            seen.add(id(part))
            if len(part) > MAX_ENTRIES:
                raise InputError(subject, f"has a list or mapping of {len(part):,} entries, more than {MAX_ENTRIES:,}")
            pending.extend(part.values() if isinstance(part, dict) else part)


def input_error(error: ValidationError, subject: str, kind: type[Any] | None = None) -> InputError:
    """Return the first fault that pydantic found as an `InputError`.

    Args:
        error: from pydantic.
        subject: the name of the whole; the fault's field is appended: "settings.window.width".
        kind: the dataclass that was to be built; its field names are listed when an unknown one was given.
    """
    faults = error.errors(include_url=False)
    location, fault = faults[0]["loc"], _fault(faults)
    known = _field_names(kind, location[:-1])
    if faults[0]["type"] == "unexpected_keyword_argument" or (faults[0]["type"] == "invalid_key" and location):
        remedy = f"choose one of {', '.join(known)}" if known else ""
        return InputError(_path(subject, location[:-1]), f"unknown field {_shown(location[-1])!r}", remedy)
    if isinstance(location[-1] if location else "", int) and faults[0]["type"] == "missing":
        location = location[:-1]
    return InputError(_path(subject, location), fault)


def _fault(faults: list[ErrorDetails]) -> str:
    first = faults[0]
    name, location = first["type"], first["loc"]
    if name in _TYPES:
        return _wrong_type(_TYPES[name], first["input"])
    if name == "missing" and isinstance(location[-1], int):  # every entry that a list lacks is reported
        last = [fault["loc"][-1] for fault in faults if fault["loc"][:-1] == location[:-1]][-1]
        return f"must have {int(last) + 1} entries"
    return _FAULTS[name](first.get("ctx", {})) if name in _FAULTS else first["msg"].replace("Input should be", "must be")


def _wrong_type(wanted: str, value: object) -> str:
    if wanted == "float" and type(value) is int:  # beyond all floats
        return "must be finite"
    return f"must be of type {wanted}, not {type(value).__name__}"


def _path(subject: str, location: tuple[int | str, ...]) -> str:
    return subject + "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in location)


def _shown(name: object) -> str:
    text = str(name)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."


def _field_names(kind: Any, location: tuple[int | str, ...]) -> list[str]:
    for name in location:
        kind = getattr(kind, "__pydantic_fields__", {}).get(name)
        kind = getattr(kind, "annotation", None)
    return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
