"""Damage files in the ways that accidents and attackers do."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Sequence

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, (1 << 64) - 1)
"""Values that are written over others, as little-endian numbers of 1 to 8 bytes."""

TEXTS = (
    *(b"0", b"-1", b"1e308", b"1e-400", b"NaN", b"Infinity", b"9" * 400, b"null", b"true", b'""', b"[]", b"{}", b"[" * 90),
    *(b"3e-3", b"512.0", b"0x10", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"&a ", b"*a", b"!!int ", b"<<: ", b"../../x"),
)
"""Texts that replace values of JSON and YAML, or are inserted anywhere."""

_VALUE = re.compile(rb"-?\d[\d.eE+-]*|\"[^\"]*\"|true|false|null")


def mutated(random_: random.Random, content: bytes, others: Sequence[bytes], reach: int) -> bytes:
    """Return a damaged copy.

    Args:
        random_: source of all choices.
        content: what is damaged.
        others: contents of the same kind, of which pieces may be taken.
        reach: only the first bytes are damaged, up to this many; what follows has no structure.
    """
    head, tail = bytearray(content[:reach]), content[reach:]
    for _ in range(random_.choice((1, 1, 1, 2, 3, 8))):
        head = random_.choice(_MUTATIONS)(random_, head, others)
    return bytes(head) + (tail if random_.random() < 0.95 else tail[: random_.randrange(len(tail) + 1)])


def overwritten(random_: random.Random, content: bytes) -> bytes:
    """Return a damaged copy of the same length."""
    data = bytearray(content)
    for _ in range(random_.choice((1, 1, 2, 8))):
        size = random_.choice((0, 1, 2, 4, 8, 32))
        if not size:
            data = _flip(random_, data, ())
        elif size < len(data):
            place, other = random_.randrange(len(data) - size + 1), random_.randrange(len(data) - size + 1)
            number = (random_.choice(NUMBERS) & ((1 << 8 * size) - 1)).to_bytes(size, random_.choice(("little", "big")))
            data[place : place + size] = random_.choice((number, data[other : other + size]))
    return bytes(data)


def _flip(random_: random.Random, head: bytearray, _: Sequence[bytes]) -> bytearray:
    if head:
        head[random_.randrange(len(head))] ^= 1 << random_.randrange(8)
    return head


def _number(random_: random.Random, head: bytearray, _: Sequence[bytes]) -> bytearray:
    size, place = random_.choice((1, 2, 4, 8)), random_.randrange(len(head) + 1)
    head[place : place + size] = (random_.choice(NUMBERS) & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return head


def _text(random_: random.Random, head: bytearray, _: Sequence[bytes]) -> bytearray:
    place = random_.randrange(len(head) + 1)
    head[place:place] = random_.choice(TEXTS)
    return head


def _value(random_: random.Random, head: bytearray, _: Sequence[bytes]) -> bytearray:
    values = _values(bytes(head))
    if values:
        (first, last), (start, end) = random_.choice(values), random_.choice(values)
        head[first:last] = random_.choice((*TEXTS, head[start:end]))
    return head


@functools.lru_cache(maxsize=64)  # most damage begins with the same few contents, and searching a large one takes milliseconds
def _values(content: bytes) -> tuple[tuple[int, int], ...]:
    return tuple(found.span() for found in _VALUE.finditer(content))


def _cut(random_: random.Random, head: bytearray, _: Sequence[bytes]) -> bytearray:
    first, last = sorted(random_.randrange(len(head) + 1) for _ in range(2))
    del head[first : min(last, first + 64) if random_.random() < 0.9 else last]
    return head


def _repeat(random_: random.Random, head: bytearray, _: Sequence[bytes]) -> bytearray:
    first = random_.randrange(len(head) + 1)
    piece = head[first : first + random_.randrange(1, 64)]
    head[first:first] = piece * random_.choice((1, 1, 2, 20))
    return head


def _splice(random_: random.Random, head: bytearray, others: Sequence[bytes]) -> bytearray:
    other = random_.choice(others)
    first, place = random_.randrange(len(other) + 1), random_.randrange(len(head) + 1)
    head[place : place + random_.randrange(64)] = other[first : first + random_.randrange(64)]
    return head


_MUTATIONS = (_flip, _number, _text, _value, _value, _cut, _repeat, _splice)
