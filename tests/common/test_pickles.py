"""The part that restricted unpicklers share refuses what they do not replace."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import pytest

from common.pickles import PlainKeysUnpickler, check_opcodes


def test_plain_values_are_read() -> None:
    value = {"a": [1, 2.5, "text"], 3: {"b": (None, True)}}
    assert PlainKeysUnpickler(pickle.dumps(value)).load() == value


@pytest.mark.parametrize("value", [len, OrderedDict(a=1), ValueError("x")])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_classes_and_functions_are_refused(value: object, protocol: int) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"uses (builtins|__builtin__|collections|exceptions)\."):
        PlainKeysUnpickler(pickle.dumps(value, protocol)).load()


@pytest.mark.parametrize("key", [(1, 2), None, frozenset()])
def test_keys_with_parts_are_refused(key: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        PlainKeysUnpickler(pickle.dumps({key: 1})).load()


def test_too_many_or_unknown_instructions_are_refused() -> None:
    body = pickle.dumps([1, 2], 2)
    known = frozenset({"PROTO", "EMPTY_LIST", "BINPUT", "MARK", "BININT1", "APPENDS", "STOP"})
    check_opcodes(body, known, 8)
    with pytest.raises(pickle.UnpicklingError, match="more than 7 instructions"):
        check_opcodes(body, known, 7)
    with pytest.raises(pickle.UnpicklingError, match="uses BININT1"):
        check_opcodes(body, known - {"BININT1"}, 8)
    with pytest.raises(pickle.UnpicklingError, match="memo slot"):
        check_opcodes(body.replace(b"q\x00", b"q\x09"), known, 8)
