"""The segments of a long video, and how they are blended where one ends and the next one begins (docs/long_videos.md)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.errors import InputError

Bounds = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lower and upper corner, meters."""


@dataclass(frozen=True)
class Segment:
    """Consecutive frames with latents, boxes, occupancy and hash tables of their own; in some videos also with a decoder."""

    first_frame: int
    """Frame of the whole video at which the segment begins."""
    num_frames: int
    """Number of its frames."""
    data: int
    """Number of its tensors. Segments with the same number show the same frames again."""
    bounds: Bounds | None = None
    """Box around the boxes of all its frames; None only if the video has a single segment."""

    @property
    def last_frame(self) -> int:
        """Frame of the whole video that is the segment's last one."""
        return self.first_frame + self.num_frames - 1

    @property
    def frames(self) -> range:
        """Frames of the whole video that the segment has."""
        return range(self.first_frame, self.first_frame + self.num_frames)

    def has(self, time: float) -> bool:
        """Return whether an instant of the video is between its first and its last frame."""
        return self.first_frame <= time <= self.last_frame

    def local(self, time: float) -> float:
        """Return its frame index at the video's frame index `time`. It is held before its first and after its last frame."""
        return min(max(time - self.first_frame, 0.0), self.num_frames - 1.0)


@dataclass(frozen=True)
class SegmentPart:
    """What one segment contributes to an instant of the video."""

    index: int
    """Index of the segment."""
    time: float
    """Frame index in the segment, may be fractional."""
    weight: float
    """Share of its image in the picture, above 0; the shares of an instant add up to 1."""


def parts_at(segments: Sequence[Segment], time: float) -> list[SegmentPart]:
    """Return which segments show an instant: one, or two around a seam, the earlier one first.

    Between the last frame before the next segment begins and the first frame after this one has ended, the picture changes
    linearly from one segment to the next. Segments that share k frames are so blended over k + 1 frame intervals, and those
    that share none over the interval between the last frame of one and the first frame of the other.

    Args:
        segments: as `check_segments` accepts them.
        time: frame index from 0 to the last frame.
    """
    index = segment_at(segments, time)
    if index == 0:
        return [SegmentPart(0, segments[0].local(time), 1.0)]
    before, after = segments[index - 1], segments[index]
    start, end = after.first_frame - 1, before.last_frame + 1
    weight = min(1.0, (time - start) / (end - start))
    if weight == 1.0:
        return [SegmentPart(index, after.local(time), 1.0)]
    earlier = SegmentPart(index - 1, before.local(time), 1.0 - weight)
    return [earlier, SegmentPart(index, after.local(time), weight)]


def segment_at(segments: Sequence[Segment], time: float) -> int:
    """Return the index of the last segment that contributes to the picture at a frame index."""
    low, high = 0, len(segments)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if segments[middle].first_frame - 1 < time else (low, middle)
    return low


def frames_text(frames: range) -> str:
    """Return frames as a text: "frame 7", or "frames 4 to 7"."""
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]} to {frames[-1]}"


def frames_only_in(segments: Sequence[Segment], data: Collection[int]) -> list[range]:
    """Return the frames that only segments with these data have, as ranges in order.

    Args:
        segments: as `check_segments` accepts them.
        data: numbers of data, for instance those of damaged segments.
    """
    result: list[range] = []
    for index, segment in enumerate(segments):
        if segment.data not in data:
            continue
        first, end = segment.first_frame, segment.last_frame + 1
        if index > 0 and segments[index - 1].data not in data:
            first = max(first, segments[index - 1].last_frame + 1)
        if index + 1 < len(segments) and segments[index + 1].data not in data:
            end = min(end, segments[index + 1].first_frame)
        if result and first <= result[-1].stop:
            result[-1] = range(result[-1].start, end)
        elif first < end:
            result.append(range(first, end))
    return result


def check_segments(segments: Sequence[Segment], num_frames: int) -> None:
    """Check that segments are in order, without gaps, and that at most two contribute to any picture.

    Raises:
        InputError: they are not.
    """
    if segments[0].first_frame != 0 or segments[-1].last_frame != num_frames - 1:
        raise InputError("segments", f"do not have the frames 0 to {num_frames - 1}")
    for index, (before, after) in enumerate(pairwise(segments), start=1):
        if not before.first_frame < after.first_frame <= before.last_frame + 1 or after.last_frame <= before.last_frame:
            raise InputError(f"segment {index}", "does not continue the one before it")
        if index > 1 and after.first_frame < segments[index - 2].last_frame + 2:
            raise InputError(f"segment {index}", "begins before the two previous segments have finished blending")
    lengths: dict[int, int] = {}
    for index, segment in enumerate(segments):
        if segment.data > len(lengths):
            raise InputError(f"segment {index}", f"has data {segment.data}, but the next new number is {len(lengths)}")
        if lengths.setdefault(segment.data, segment.num_frames) != segment.num_frames:
            raise InputError(f"segment {index}", f"has {segment.num_frames} frames, but its data have {lengths[segment.data]}")
