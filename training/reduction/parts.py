"""The segments of a video as the reduction reads them, one after another; a video without segments is one part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.bundle.coded_read import Arrays
from model.bundle.coded_write import video_arrays
from model.bundle.layout import HASH_TABLES
from model.bundle.segment_table import first_uses
from model.segmented_video import SegmentedVideo
from model.segments import Segment
from model.video import VolumetricVideo
from training.reduction.read_entries import read_entries


@dataclass(frozen=True, eq=False)
class Part:
    """A segment, and what rendering reads of it."""

    video: VolumetricVideo
    """The segment as a video."""
    arrays: Arrays
    """Its tensors by the names of a file, without a segment's prefix. Entries of the hash tables that are not read are zero."""
    used: NDArray[np.bool_]
    """(3 planes, entries): entries of the hash tables that are read."""


class Parts:
    """The parts of a video. Only a few segments are in memory, and the arrays of the part that was used last.

    Args:
        video: with or without segments.
    """

    def __init__(self, video: VolumetricVideo) -> None:
        self.video = video
        segments = video.segments if isinstance(video, SegmentedVideo) else (Segment(0, video.num_frames, 0),)
        self.segments = tuple(first_uses(segments))
        """The first segment with each data."""
        self._last: tuple[int, Part] | None = None

    @property
    def own_decoders(self) -> bool:
        """Whether each part has a decoder of its own."""
        return isinstance(self.video, SegmentedVideo) and self.video.own_decoders

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[Part]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Part:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if self._last is None or self._last[0] != index:
            self._last = None  # make room first
            self._last = index, self._load(index)
        return self._last[1]

    def _load(self, index: int) -> Part:
        video = self.video
        if isinstance(video, SegmentedVideo):
            video = video.store.get(self.segments[index].data)
        arrays, used = video_arrays(video), read_entries(video)
        arrays[HASH_TABLES] = np.where(used[..., None], arrays[HASH_TABLES], np.float32(0))
        return Part(video, arrays, used)
