"""The safetensors container of a `.mlpvid` file. Its header is read and checked before any memory is allocated."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.byte_source import ByteSource, Location, name_of, opened
from common.documents import is_whole
from common.errors import InputError
from common.installation import training_command
from model.bundle.layout import TensorSpec
from model.bundle.metadata import FORMAT_NAME, parse_object

MAX_HEADER_BYTES = 1 << 22
"""Longest header that is read; enough for about eight thousand cameras."""

_LENGTH_BYTES = 8
_CHUNK = 1 << 20
_FOREIGN = "is not a .mlpvid file"
_MAKE_ONE = (
    f"choose a bundle, or make one: from a trained run with `{training_command('export')} RUN OUT.mlpvid`, from a released "
    f"model with `{training_command('import_release')}`"
)
_INCOMPLETE = "is incomplete"
_FETCH_AGAIN = "download or copy it again"


@dataclass(frozen=True)
class Header:
    """The part of the file before the tensors' bytes."""

    raw: bytes
    """Its bytes in the file, without the length before it."""
    document: str
    """The bundle's own metadata, JSON."""
    entries: dict[str, Any]
    """The header's entry for each tensor, not yet checked."""
    file_size: int | None
    """Bytes of the whole file; None if its source does not tell."""

    @property
    def data_start(self) -> int:
        """Offset of the tensors' bytes in the file."""
        return _LENGTH_BYTES + len(self.raw)


@contextmanager
def blame(location: Location) -> Iterator[None]:
    """Turn input errors about a part of a file into ones that name the file."""
    try:
        yield
    except InputError as error:
        raise InputError(name_of(location), f"{error.subject} {error.fault}", error.remedy) from error


def read_header(location: Location) -> Header:
    """Read the header. Its tensors must then be checked with `check_entries`.

    Raises:
        InputError: the file is missing, a folder, empty, incomplete, or not a safetensors file with a bundle's metadata.
    """
    with opened(location) as source:
        size = source.size
        if size == 0:
            raise InputError(source.name, "is empty", _FETCH_AGAIN)
        raw = _read_raw(source, size)
    with blame(location):
        entries = parse_object(raw, "the header")
    metadata = entries.pop("__metadata__", None)
    document = metadata.get(FORMAT_NAME) if isinstance(metadata, dict) else None
    if not isinstance(document, str):
        fault = f"{_FOREIGN}: it contains tensors, but not the metadata of a bundle"
        raise InputError(source.name, fault, _MAKE_ONE)
    return Header(raw, document, entries, size)


def _read_raw(source: ByteSource, size: int | None) -> bytes:
    start = source.read(0, _LENGTH_BYTES + 1)
    if len(start) <= _LENGTH_BYTES or start[_LENGTH_BYTES:] != b"{":
        raise InputError(source.name, _FOREIGN, _MAKE_ONE)
    (length,) = struct.unpack("<Q", start[:_LENGTH_BYTES])
    if length < len("{}"):
        raise InputError(source.name, _FOREIGN, _MAKE_ONE)
    if length > MAX_HEADER_BYTES:
        raise InputError(source.name, f"has a header of {length:,} bytes, more than {MAX_HEADER_BYTES:,}")
    raw = source.read(_LENGTH_BYTES, length) if size is None or _LENGTH_BYTES + length <= size else b""
    if len(raw) < length:
        there = f", but the file has {size:,}" if size is not None else ""
        raise InputError(source.name, f"{_INCOMPLETE}: its header takes {length:,} bytes{there}", _FETCH_AGAIN)
    return raw


def read_stored_header(source: ByteSource) -> bytes:
    """Read the header, without its length. For a damaged file the result is arbitrary."""
    length = int.from_bytes(source.read(0, _LENGTH_BYTES), "little")
    return source.read(_LENGTH_BYTES, min(length, MAX_HEADER_BYTES))


def check_entries(location: Location, header: Header, layout: Mapping[str, TensorSpec]) -> None:
    """Compare the header's tensor entries and the file's size with what they must be.

    Raises:
        InputError: a tensor is missing, unknown, of the wrong type or shape, misplaced, or beyond the end of the file.
    """
    path = name_of(location)
    missing = sorted(layout.keys() - header.entries.keys())
    if missing:
        raise InputError(path, f"has no tensor {missing[0]}")
    unknown = sorted(header.entries.keys() - layout.keys())
    if unknown:
        raise InputError(path, f"has an unknown tensor {unknown[0][:80]!r}")
    intervals = sorted(_check_entry(path, name, header.entries[name], spec, header.data_start) for name, spec in layout.items())
    end = 0
    for start, stop in intervals:
        if start != end:
            raise InputError(path, "has tensors that overlap or leave gaps")
        end = stop
    if header.file_size is None:
        return
    surplus = header.file_size - header.data_start - end
    if surplus < 0:
        raise InputError(path, f"{_INCOMPLETE}: {-surplus:,} bytes are missing at its end", _FETCH_AGAIN)
    if surplus > 0:
        raise InputError(path, f"has {surplus:,} bytes too many at its end")


def _check_entry(path: str, name: str, entry: object, spec: TensorSpec, data_start: int) -> tuple[int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(path, f"has a malformed entry for tensor {name}")
    if entry["dtype"] != spec.dtype:
        raise InputError(path, f"tensor {name} has type {str(entry['dtype'])[:20]!r}, not {spec.dtype}")
    if not _are_integers(entry["shape"]) or tuple(entry["shape"]) != spec.shape:
        raise InputError(path, f"tensor {name} has shape {str(entry['shape'])[:80]}, not {list(spec.shape)}")
    offsets = entry["data_offsets"]
    if not _are_integers(offsets) or len(offsets) != 2 or not 0 <= offsets[0] <= offsets[1]:
        raise InputError(path, f"has malformed offsets of tensor {name}")
    if offsets[1] - offsets[0] != math.prod(spec.shape) * spec.item_bytes:
        raise InputError(path, f"has {offsets[1] - offsets[0]:,} bytes for tensor {name}, not {spec.nbytes:,}")
    if (data_start + offsets[0]) % spec.item_bytes:
        raise InputError(path, f"tensor {name} does not start at a multiple of its item size")
    return offsets[0], offsets[1]


def _are_integers(values: object) -> bool:
    return isinstance(values, list) and all(map(is_whole, values))


def file_checksum(location: Location, stored: str) -> str:
    """Compute the SHA-256 of the file, with its stored checksum replaced by 64 zeros.

    Args:
        location: a file whose header has been read.
        stored: the 64 digits of the checksum in the header.

    Raises:
        InputError: the file is unreadable, or the digits do not occur exactly once in the header.
    """
    with opened(location) as source:
        raw = read_stored_header(source)
        if raw.count(stored.encode()) != 1:
            raise InputError(source.name, "does not contain its checksum exactly once")
        length = struct.pack("<Q", len(raw))
        digest = hashlib.sha256(length + raw.replace(stored.encode(), b"0" * len(stored)))
        position, buffer = _LENGTH_BYTES + len(raw), memoryview(bytearray(_CHUNK))
        while count := source.read_into(position, buffer):
            digest.update(buffer[:count])
            position += count
    return digest.hexdigest()


def replace_in_header(path: Path, old: str, new: str) -> None:
    """Overwrite a text that occurs once in the header with another of the same length."""
    with path.open("r+b") as stream:
        (length,) = struct.unpack("<Q", stream.read(_LENGTH_BYTES))
        position = stream.read(length).index(old.encode())
        stream.seek(_LENGTH_BYTES + position)
        stream.write(new.encode())
