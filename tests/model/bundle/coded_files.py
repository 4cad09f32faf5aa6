"""Damage files of version 2, and give damaged ones right checksums."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xxhash

from common.errors import InputError
from model.bundle.info import bundle_info, read_bundle
from tests.model.bundle.bundle_files import Pieces, take_apart


def assemble(pieces: Pieces) -> bytes:
    """Return a file of version 2 with the right checksums of its header and its tensors."""
    codes = pieces.document["tensors"]
    for name in pieces.entries.keys() & (codes.keys() if isinstance(codes, dict) else set()):
        codes[name]["xxh3"] = xxhash.xxh3_64_hexdigest(pieces.tensor(name))
    pieces.document["xxh3"] = "fedcba9876543210"
    metadata: dict[str, Any] = {"__metadata__": {"mlpvid": json.dumps(pieces.document)}}
    header = json.dumps(metadata | pieces.entries).encode()
    header += b" " * (-len(header) % 8)
    digits = xxhash.xxh3_64_hexdigest(header.replace(b"fedcba9876543210", b"0" * 16))
    header = header.replace(b"fedcba9876543210", digits.encode())
    return struct.pack("<Q", len(header)) + header + bytes(pieces.data)


def with_checksums(content: bytes) -> bytes:
    """Return a damaged file with right checksums; raise any exception if it is damaged too much."""
    (length,) = struct.unpack("<Q", content[:8].ljust(8, b"\0"))
    entries = json.loads(content[8 : 8 + length])
    document = json.loads(entries.pop("__metadata__")["mlpvid"])
    return assemble(Pieces(document, entries, bytearray(content[8 + length :])))


def corrupt_coded(path: Path, change: Callable[[Pieces], object]) -> None:
    """Split a file into its parts, change them, and write them back with right checksums."""
    pieces = take_apart(path)
    change(pieces)
    path.write_bytes(assemble(pieces))


def check_refused(path: Path, change: Callable[[Pieces], object], fault: str) -> None:
    """Check that a file with a change and right checksums is neither read nor described: the message names it and the fault."""
    corrupt_coded(path, change)
    for action in (read_bundle, bundle_info):
        with pytest.raises(InputError, match=fault) as caught:
            action(path)
        assert str(caught.value).startswith(f"{path}: ")


def replace_payload(pieces: Pieces, name: str, payload: bytes) -> None:
    """Store other bytes for a tensor; the positions of the others change with it."""
    stored = {key: payload if key == name else bytes(pieces.tensor(key)) for key in pieces.entries}
    pieces.data.clear()
    for key, value in stored.items():
        pieces.entries[key] |= {"shape": [len(value)], "data_offsets": [len(pieces.data), len(pieces.data) + len(value)]}
        pieces.data += value
