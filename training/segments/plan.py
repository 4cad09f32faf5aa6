"""Which frames each segment of a long capture has, and which segments a command trains."""

from __future__ import annotations

from common.errors import InputError
from common.numbers import parse_whole
from model.segments import Segment, check_segments

KEYFRAME_STEPS, LATER_STEPS = 2.0, 1 / 3
"""Lengths of the keyframes' run and of each segment's run, as multiples of a whole run's.

All segments use the decoder of the keyframes, so it is worth a longer run. Each segment begins with the one before it.
"""


MOST_OWN_DECODERS = 300
"""Most segments with a decoder each: what a bundle says about their tensors has to fit into its header."""


def plan_segments(num_frames: int, longest: int, overlap: int) -> list[Segment]:
    """Divide frames into as few segments as possible, of nearly equal length.

    Args:
        num_frames: of the capture.
        longest: largest number of frames of a segment.
        overlap: frames that neighbors share.

    Raises:
        InputError: segments of this length are too short for the overlap, or there is only one.
    """
    if longest <= overlap:
        raise InputError("--overlap", f"must be below --segment-frames, which is {longest}")
    count = -(-max(1, num_frames - overlap) // (longest - overlap))
    if count < 2:
        raise InputError("the capture", f"has {num_frames} frames, which fit into one segment", "use training.train")
    base, extra = divmod(num_frames + (count - 1) * overlap, count)
    segments, start = [], 0
    for index in range(count):
        length = base + (index < extra)
        segments.append(Segment(start, length, index))
        start += length - overlap
    try:
        check_segments(segments, num_frames)
    except InputError as error:
        raise InputError("--overlap", f"is too large for segments of {base} frames", "use longer segments") from error
    return segments


def parse_range(text: str | None, count: int) -> range:
    """Parse "A:B" as segments A to B - 1; None is all. Raise InputError if there are no such segments."""
    if text is None:
        return range(count)
    first, colon, last = text.partition(":")
    start, end = parse_whole(first or "0"), parse_whole(last or str(count))
    if not colon or start is None or end is None:
        raise InputError(f"--segments {text}", "must be A:B")
    chosen = range(start, end)
    if not chosen or chosen[-1] >= count:
        raise InputError(f"--segments {text}", f"must be a range within 0:{count}")
    return chosen
