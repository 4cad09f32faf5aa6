"""Tell players that an MP4 file is a panorama or in stereo: the boxes `st3d` and `sv3d` of Spherical Video V2.

FFmpeg writes them only from side data of its streams, which PyAV cannot set. So they are added to the finished file. The boxes
belong into the description of the video's samples. Everything around them grows, and the tables of positions follow.

https://github.com/google/spatial-media/blob/master/docs/spherical-video-v2-rfc.md
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.errors import InputError
from viewer.export.projection import Projection

MAX_MOOV = 1 << 28
"""Largest table of contents that is read, bytes."""

_PATH = (b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_SAMPLE_ENTRY = 78
"""Bytes of a video's sample entry before the boxes in it."""

_QUARTER = 1 << 30
"""A quarter of the sphere's width, in 1 / 2^32."""


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    end: int
    header: int = 8


def spherical_boxes(projection: Projection) -> bytes:
    """Return the boxes of a projection: `st3d` (mono or side by side), and `sv3d` (equirectangular) for spherical images."""
    stereo = _full_box(b"st3d", bytes([2 if len(projection.eyes) == 2 else 0]))
    if not projection.spherical:
        return stereo
    crop = _QUARTER if projection.name == "vr180" else 0  # at the left and at the right of each eye's image
    header = _full_box(b"svhd", b"MLPVid\0")
    pose = _full_box(b"prhd", struct.pack(">iii", 0, 0, 0))
    bounds = _full_box(b"equi", struct.pack(">IIII", 0, 0, crop, crop))
    return stereo + _box(b"sv3d", header + _box(b"proj", pose + bounds))


def add_spherical_metadata(path: Path, projection: Projection) -> None:
    """Add the boxes to a finished MP4 file, in place, whose table of contents is before its samples (`faststart`).

    Args:
        path: the file; it is unusable if this fails, so it should be a temporary one.
        projection: the kind of the images.

    Raises:
        InputError: the file is not such an MP4 file.
    """
    added = spherical_boxes(projection)
    with path.open("rb") as file:
        moov = next((box for box in _file_boxes(file, path.stat().st_size) if box.kind == b"moov"), None)
        if moov is None or moov.end - moov.start > MAX_MOOV:
            raise InputError(path, "is not an MP4 file with a table of contents")
        file.seek(moov.start)
        content = file.read(moov.end - moov.start)
    changed = _with_boxes(content, added, path)
    larger = path.with_name(f"{path.name}.spherical")
    try:
        with path.open("rb") as source, larger.open("wb") as target:
            _copy(source, target, moov.start)
            target.write(changed)
            source.seek(moov.end)
            shutil.copyfileobj(source, target, 1 << 20)
        larger.replace(path)
    finally:
        larger.unlink(missing_ok=True)


def _with_boxes(moov: bytes, added: bytes, path: Path) -> bytes:
    """Return a table of contents with boxes added to the first sample entry, for samples that are behind it."""
    content = bytearray(moov)
    parents, children = [_Box(b"moov", 0, len(moov))], (8, len(moov))
    for kind in _PATH:
        found = next((box for box in _boxes(moov, *children) if box.kind == kind), None)
        if found is None:
            raise InputError(path, f"has no {kind.decode()} in its table of contents")
        parents.append(found)
        children = found.start + 8, found.end
    entry = next(_boxes(moov, children[0] + 8, children[1]), None)
    if entry is None or entry.end - entry.start < 8 + _SAMPLE_ENTRY:
        raise InputError(path, "has no description of its video")
    stbl = parents[4]
    for table in _boxes(moov, stbl.start + 8, stbl.end):
        if table.kind in (b"stco", b"co64"):
            _shift(content, table, len(added), path)
    for box in (*parents, entry):
        struct.pack_into(">I", content, box.start, box.end - box.start + len(added))
    return bytes(content[: entry.end]) + added + bytes(content[entry.end :])


def _shift(content: bytearray, table: _Box, distance: int, path: Path) -> None:
    letter, size = ("I", 4) if table.kind == b"stco" else ("Q", 8)
    (count,) = struct.unpack_from(">I", content, table.start + 12)
    count = min(count, (table.end - table.start - 16) // size)
    places = struct.unpack_from(f">{count}{letter}", content, table.start + 16)
    if max(places, default=0) + distance >= 1 << 8 * size:
        raise InputError(path, "is too large for the positions in its table of contents", "record a shorter video")
    struct.pack_into(f">{count}{letter}", content, table.start + 16, *(place + distance for place in places))


def _boxes(content: bytes, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, start)
        if size < 8 or start + size > end:
            return
        yield _Box(kind, start, start + size)
        start += size


def _file_boxes(file: BinaryIO, length: int) -> Iterator[_Box]:
    start = 0
    while start + 8 <= length:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        if size < 8:
            return
        yield _Box(kind, start, start + size)
        start += size


def _copy(source: BinaryIO, target: BinaryIO, length: int) -> None:
    while length > 0 and (chunk := source.read(min(length, 1 << 20))):
        target.write(chunk)
        length -= len(chunk)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full_box(kind: bytes, content: bytes) -> bytes:
    return _box(kind, b"\0\0\0\0" + content)
