"""The safetensors container of a `.mlpvid` file. Its header is read and checked before any memory is allocated."""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from common.errors import InputError
from model.bundle.layout import TensorSpec
from model.bundle.metadata import FORMAT_NAME, parse_object

MAX_HEADER_BYTES = 1 << 22
"""Longest header that is read; enough for about eight thousand cameras."""

_LENGTH_BYTES = 8
_CHUNK = 1 << 20
_FOREIGN = "is not an .mlpvid file"
_MAKE_ONE = (
    "choose a bundle, or make one: from a trained run with `python -m training.export RUN OUT.mlpvid`, from a released model "
    "with `python -m training.import_release`"
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
    file_size: int
    """Bytes of the whole file."""

    @property
    def data_start(self) -> int:
        """Offset of the tensors' bytes in the file."""
        return _LENGTH_BYTES + len(self.raw)


@contextmanager
def blame(path: str | Path) -> Iterator[None]:
    """Turn input errors about a part of a file into ones that name the file."""
    try:
        yield
    except InputError as error:
        raise InputError(path, f"{error.subject} {error.fault}", error.remedy) from error


@contextmanager
def open_bundle(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Raises:
        InputError: it is missing, a folder, not a regular file, or unreadable, also while it is being read.
    """
    file = Path(path)
    if file.is_dir():
        raise InputError(path, "is a folder", "name a .mlpvid file")
    if file.exists() and not file.is_file():
        raise InputError(path, "is not a regular file")
    try:
        with file.open("rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "check its name and folder") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error


def read_header(path: str | Path) -> Header:
    """Read the header. Its tensors must then be checked with `check_entries`.

    Raises:
        InputError: the file is missing, a folder, empty, incomplete, or not a safetensors file with a bundle's metadata.
    """
    with open_bundle(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise InputError(path, "is empty", _FETCH_AGAIN)
        raw = _read_raw(path, stream, size)
    with blame(path):
        entries = parse_object(raw, "the header")
    metadata = entries.pop("__metadata__", None)
    document = metadata.get(FORMAT_NAME) if isinstance(metadata, dict) else None
    if not isinstance(document, str):
        raise InputError(path, f"{_FOREIGN}: it contains tensors, but not the metadata of a bundle", _MAKE_ONE)
    return Header(raw, document, entries, size)


def _read_raw(path: str | Path, stream: BinaryIO, size: int) -> bytes:
    start = stream.read(_LENGTH_BYTES + 1)
    if len(start) <= _LENGTH_BYTES or start[_LENGTH_BYTES:] != b"{":
        raise InputError(path, _FOREIGN, _MAKE_ONE)
    (length,) = struct.unpack("<Q", start[:_LENGTH_BYTES])
    if length < len("{}"):
        raise InputError(path, _FOREIGN, _MAKE_ONE)
    if length > MAX_HEADER_BYTES:
        raise InputError(path, f"has a header of {length:,} bytes, more than {MAX_HEADER_BYTES:,}")
    if _LENGTH_BYTES + length > size:
        raise InputError(path, f"{_INCOMPLETE}: its header takes {length:,} bytes, but the file has {size:,}", _FETCH_AGAIN)
    return start[_LENGTH_BYTES:] + stream.read(length - 1)


def read_stored_header(stream: BinaryIO) -> bytes:
    """Read the header, without its length, of a file that is open at its start. For a damaged file the result is arbitrary."""
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    return stream.read(min(length, MAX_HEADER_BYTES))


def check_entries(path: str | Path, header: Header, layout: Mapping[str, TensorSpec]) -> None:
    """Compare the header's tensor entries and the file's size with what they must be.

    Raises:
        InputError: a tensor is missing, unknown, of the wrong type or shape, misplaced, or beyond the end of the file.
    """
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
    surplus = header.file_size - header.data_start - end
    if surplus < 0:
        raise InputError(path, f"{_INCOMPLETE}: {-surplus:,} bytes are missing at its end", _FETCH_AGAIN)
    if surplus > 0:
        raise InputError(path, f"has {surplus:,} bytes too many at its end")


def _check_entry(path: str | Path, name: str, entry: object, spec: TensorSpec, data_start: int) -> tuple[int, int]:
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
    return isinstance(values, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in values)


def file_checksum(path: str | Path, stored: str) -> str:
    """Compute the SHA-256 of the file, with its stored checksum replaced by 64 zeros.

    Args:
        path: a file whose header has been read.
        stored: the 64 digits of the checksum in the header.

    Raises:
        InputError: the file is unreadable, or the digits do not occur exactly once in the header.
    """
    with open_bundle(path) as stream:
        raw = read_stored_header(stream)
        if raw.count(stored.encode()) != 1:
            raise InputError(path, "does not contain its checksum exactly once")
        length = struct.pack("<Q", len(raw))
        digest = hashlib.sha256(length + raw.replace(stored.encode(), b"0" * len(stored)))
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def replace_in_header(path: Path, old: str, new: str) -> None:
    """Overwrite a text that occurs once in the header with another of the same length."""
    with path.open("r+b") as stream:
        (length,) = struct.unpack("<Q", stream.read(_LENGTH_BYTES))
        position = stream.read(length).index(old.encode())
        stream.seek(_LENGTH_BYTES + position)
        stream.write(new.encode())
