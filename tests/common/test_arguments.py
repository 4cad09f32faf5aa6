"""Values that programs pass to public functions: what is refused, and what the message says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from common.arguments import checked_kind, checked_number, checked_numbers, checked_whole, shown
from common.errors import InputError

NO_NUMBERS: list[Any] = [
    None,
    True,
    np.bool_(1),
    "1",
    b"1",
    [1],
    {},
    1j,
    float("nan"),
    float("inf"),
    10**400,
    np.array([1.0]),
    object,
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=shown)
def test_what_is_no_number_is_refused(value: Any) -> None:
    for check in (
        lambda: checked_number(value, "speed"),
        lambda: checked_whole(value, "speed", 0, 5),
        lambda: checked_numbers([1, value], "speed", 2, "two numbers"),
    ):
        with pytest.raises(InputError, match=r"^speed: must be ") as caught:
            check()
        assert len(str(caught.value)) < 150


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), np.uint8(3)])
def test_numbers_of_numpy_are_numbers(value: Any) -> None:
    assert checked_number(value, "speed") == 3.0
    assert checked_whole(value, "speed", 1, 3) == 3 and isinstance(checked_whole(value, "speed", 1, 3), int)
    assert checked_numbers(np.array([value, value]), "speed", 2, "two numbers") == (3.0, 3.0)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: checked_whole(2.5, "count", 1, 3), "count: must be a whole number from 1 to 3, not 2.5"),
        (lambda: checked_whole(4, "count", 1, 3), "count: must be a whole number from 1 to 3, not 4"),
        (lambda: checked_numbers("12", "size", 2, "two numbers"), "size: must be two numbers, not '12'"),
        (lambda: checked_numbers((1, 2, 3), "size", 2, "two numbers"), "size: must be two numbers, not (1, 2, 3)"),
        (lambda: checked_kind("x", int, "frame", "an integer"), "frame: must be an integer, not 'x'"),
    ],
)
def test_messages_name_the_argument_and_the_value(check: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check()
    assert str(caught.value) == message


def test_long_values_are_shortened() -> None:
    assert shown("x" * 1000) == "'" + "x" * 39 + "..."
    assert "\n" not in shown(np.eye(4))
