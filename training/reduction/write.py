"""Write rounded videos, with or without segments."""

from __future__ import annotations

from pathlib import Path

from common.errors import InputError
from model.bundle.coded_write import Steps, TooLargeError, encode_array, write_coded
from model.bundle.layout import HASH_TABLES
from model.bundle.read import assemble_video
from model.bundle.segment_write import SegmentContent, Stored, write_segments
from model.hash_levels import hash_levels
from model.segmented_video import SegmentedVideo
from training.reduction.parts import Parts
from training.reduction.search import Reduced, StepSearch

TRIES = 6
"""Number of times that steps are tried until the file has the wanted size."""


def write_rounded(parts: Parts, steps: Steps, path: Path, most: int | None = None) -> None:
    """Write a video whose tensors are rounded to steps, the same ones in all segments. One part at a time is in memory.

    Args:
        parts: the video.
        steps: by tensor, without a segment's prefix.
        path: the new file.
        most: bytes that it may have; None means any number.

    Raises:
        InputError: a segment is damaged, a step is too small, or the file cannot be written.
        TooLargeError: it would have more than `most` bytes.
    """
    video = parts.video
    if isinstance(video, SegmentedVideo):
        contents = [_content(parts, index, steps) for index in range(len(parts))]
        write_segments(contents, video.segments, video.metadata, path, most)
    else:
        write_coded(assemble_video(video.config, video.metadata, parts[0].arrays), path, steps, most)


def _content(parts: Parts, index: int, steps: Steps) -> SegmentContent:
    video, segment = parts.video, parts.segments[index]
    levels = tuple(level.entries for level in hash_levels(video.config.hash))

    def stored(name: str) -> Stored:
        return encode_array(parts[index].arrays[name], name, steps, levels if name == HASH_TABLES else ())

    assert segment.bounds is not None  # bundles with several segments have them
    decoder = (video, index) if parts.own_decoders else video
    return SegmentContent("the video", video.config, video.metadata, segment.num_frames, segment.bounds, stored, decoder)


def write_with_size(search: StepSearch, size: int, path: Path) -> Reduced:
    """Write a file of at most `size` bytes, with the finest steps. No larger one ever replaces the file.

    Raises:
        InputError: even the coarsest steps need more.
    """
    others = 0  # bytes that the prediction does not know: the header, and what the entropy coder adds
    for attempt in range(TRIES):
        reduced = search.reduced(search.for_size(size, others))
        try:
            write_rounded(search.parts, reduced.steps, path, size)
        except TooLargeError as error:
            others += error.size - size + (size << attempt) // 500
        else:
            return reduced
    raise InputError("--target-size", "was not reached", "name another size")
