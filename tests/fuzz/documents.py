"""Damage the values of documents rather than their bytes: what is still valid JSON reaches the checks behind the parser."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import pickle
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from tests.fuzz.mutations import mutated, overwritten

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 0.5, -0.0, 1e308, -1e308, 5e-324, 1e-30, float("nan"), float("inf"), -float("inf")),
    *(255, 256, 65536, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**19, -(2**63), 1e9, 1e18),
    *("", "a", "0", "nan", "x" * 3000, "\0", "a\nb", "../../x", "/dev/zero", "\u202e", "\U0001f600", "1" * 30),
    *([], {}, [[]], [{}], [0], [0.0] * 5, [None] * 3, {"a": 1}, {"": {}}),
)
"""Values that replace others."""

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTAINERS = {dict, list}
_BYTES = 0.3  # share of documents of which only bytes are damaged


def mutated_json(random_: random.Random, content: bytes, others: Sequence[bytes], reach: int) -> bytes:
    """Return a damaged copy of a JSON document. Parameters are those of `mutated`."""
    return _mutated_text(json.loads, random_, content, others, reach)


def mutated_yaml(random_: random.Random, content: bytes, others: Sequence[bytes], reach: int) -> bytes:
    """Return a damaged copy of a YAML document. Parameters are those of `mutated`."""
    return _mutated_text(_load_yaml, random_, content, others, reach)


def mutated_safetensors(random_: random.Random, content: bytes, others: Sequence[bytes], reach: int) -> bytes:
    """Return a damaged copy of a safetensors file whose header has its right length. Parameters are those of `mutated`."""
    (length,) = struct.unpack("<Q", content[:8].ljust(8, b"\0"))
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        header = None
    if header is None or random_.random() < _BYTES:
        return mutated(random_, content, others, reach)
    data = content[8 + length :]
    if random_.random() < 0.7:
        header = changed(random_, header)
    if random_.random() < 0.5:
        data = overwritten(random_, data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def changed(random_: random.Random, document: Any) -> Any:
    """Return a document with a few odd values. The document itself may be changed, too."""
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        places = _places(document)
        if not places or random_.random() < 0.01:
            return _odd(random_)
        random_.choice(_CHANGES)(random_, *random_.choice(places), places)
    return document


def _mutated_text(
    load: Callable[[bytes], Any], random_: random.Random, content: bytes, others: Sequence[bytes], reach: int
) -> bytes:
    if random_.random() < _BYTES:
        return mutated(random_, content, others, reach)
    try:
        document = load(content)
    except (ValueError, RecursionError):
        return mutated(random_, content, others, reach)
    return json.dumps(changed(random_, document), ensure_ascii=random_.random() < 0.5).encode("utf-8", "surrogatepass")


def _load_yaml(content: bytes) -> Any:
    return pickle.loads(_pickled_yaml(content))


@functools.lru_cache(maxsize=256)  # the pool has fewer contents, and YAML is slow to parse
def _pickled_yaml(content: bytes) -> bytes:
    try:
        return pickle.dumps(yaml.load(content, _YAML))
    except yaml.YAMLError as error:
        raise ValueError from error


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return each container with each of its keys, at all depths."""
    places: list[tuple[Any, Any]] = []
    waiting = [value] if type(value) in _CONTAINERS else []
    while waiting:
        container = waiting.pop()
        parts = container.items() if type(container) is dict else enumerate(container)
        for key, part in parts:
            places.append((container, key))
            if type(part) in _CONTAINERS:
                waiting.append(part)
    return places


def _replace(random_: random.Random, container: Any, key: Any, _: Any) -> None:
    container[key] = _odd(random_)


def _odd(random_: random.Random) -> Any:
    """Return one of `ODD`. It is a copy, because later changes may put something into it."""
    return copy.deepcopy(random_.choice(ODD))


def _scale(random_: random.Random, container: Any, key: Any, _: Any) -> None:
    value = container[key]
    if isinstance(value, int | float) and abs(value) < 1e300:
        other = (-value, value + 1, value - 1, value * 1000, value / 3, float(value), str(value), [value])
        container[key] = random_.choice(other)
    else:
        container[key] = random_.choice(([value], {"a": value}, _odd(random_)))


def _nested(random_: random.Random, container: Any, key: Any, _: Any) -> None:
    """Change a document inside a text."""
    value = container[key]
    if isinstance(value, str):
        with contextlib.suppress(ValueError, RecursionError):  # a text that only begins like a document
            if value[:1] in ("{", "["):
                container[key] = json.dumps(changed(random_, json.loads(value)))
                return
        container[key] = overwritten(random_, value.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    else:
        _scale(random_, container, key, None)


def _delete(random_: random.Random, container: Any, key: Any, _: Any) -> None:
    del container[key]


def _repeat(random_: random.Random, container: Any, key: Any, _: Any) -> None:
    if isinstance(container, list):
        container[key:key] = [container[key]] * random_.choice((1, 2, 100))
    else:
        container[f"{key}{random_.choice('_2 é')}"] = container[key]


def _exchange(random_: random.Random, container: Any, key: Any, places: Sequence[tuple[Any, Any]]) -> None:
    """Put a copy of another value of the document here."""
    other, name = random_.choice(places)
    container[key] = json.loads(json.dumps(other[name]))


_CHANGES = (_replace, _replace, _scale, _nested, _nested, _delete, _repeat, _exchange)
