"""The list of segments in the document of a coded `.mlpvid` file, from and to JSON (docs/format.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.documents import is_number, is_whole
from common.errors import InputError
from model.bundle.layout import MAX_FRAMES
from model.bundle.tensors import MAX_COORDINATE
from model.segments import Bounds, Segment, check_segments

SEGMENT_PREFIX = "segments."
"""Start of the names of tensors that belong to a segment."""

SEGMENTS_MINOR_VERSION = 1
"""The minor version of files with several segments. Files with one have minor version 0, and the bytes that they always had."""


OWN_DECODERS_MINOR_VERSION = 3
"""The minor version of files whose segments have a decoder each."""


def prefix_of(data: int) -> str:
    """Return the start of the names of a segment's tensors."""
    return f"{SEGMENT_PREFIX}{data}."


def first_uses(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Yield the segments that bring tensors of their own, in the order of the file; the others repeat one of them."""
    known = 0
    for segment in segments:
        if segment.data == known:
            known += 1
            yield segment


def bounds_of(boxes: NDArray[np.float32]) -> Bounds:
    """Return the box around boxes, (T, 2, 3) meters."""
    low, high = boxes[:, 0].min(0).tolist(), boxes[:, 1].max(0).tolist()
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def segments_to_list(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Return the JSON of the segments. A single segment has no bounds: its boxes are read with it."""
    shared = ("first_frame", "num_frames", "data")
    names = shared if len(segments) == 1 else (*shared, "bounds")
    return [{name: getattr(segment, name) for name in names} for segment in segments]


def segments_from_json(value: object, num_frames: int, minor: int) -> tuple[Segment, ...]:
    """Check the field `segments` of a document.

    Args:
        value: parsed JSON.
        num_frames: the video's.
        minor: the file's minor version.

    Raises:
        InputError: it is wrong.
    """
    if not isinstance(value, list) or not value:
        raise InputError("segments", "must be a list with at least one entry")
    if len(value) > 1 and minor < SEGMENTS_MINOR_VERSION:
        raise InputError("the video", f"has {len(value):,} segments, but its minor version {minor} allows one")
    if not all(isinstance(entry, dict) for entry in value):
        raise InputError("segments", "must be a list of objects")
    if len(value) == 1:
        numbers = [value[0].get(name) for name in ("first_frame", "num_frames", "data")]
        if not all(map(is_whole, numbers)) or numbers != [0, num_frames, 0]:
            raise InputError("segments", f"must be one segment with first_frame 0, num_frames {num_frames} and data 0")
        return (Segment(0, num_frames, 0),)
    segments = tuple(_segment(entry, f"segment {index}") for index, entry in enumerate(value))
    check_segments(segments, num_frames)
    return segments


def _segment(entry: dict[str, Any], subject: str) -> Segment:
    first, count, data = (entry.get(name) for name in ("first_frame", "num_frames", "data"))
    if not (is_whole(first, 0, MAX_FRAMES) and is_whole(count, 1, MAX_FRAMES) and is_whole(data, 0, MAX_FRAMES)):
        raise InputError(subject, "must have first_frame, num_frames and data, whole numbers")
    return Segment(first, count, data, _bounds(entry.get("bounds"), subject))


def _bounds(value: object, subject: str) -> Bounds:
    corners = value if isinstance(value, list) and len(value) == 2 else ()
    corners = [tuple(corner) for corner in corners if isinstance(corner, list) and len(corner) == 3 and all(map(_fits, corner))]
    if len(corners) != 2 or not all(low < high for low, high in zip(*corners, strict=True)):
        raise InputError(subject, "must have bounds, a lower and an upper corner in meters")
    return tuple(map(float, corners[0])), tuple(map(float, corners[1]))  # type: ignore[return-value]


def _fits(value: object) -> bool:
    return is_number(value, -MAX_COORDINATE, MAX_COORDINATE)
