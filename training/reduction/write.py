"""Write rounded videos, with or without segments."""

from __future__ import annotations

from pathlib import Path

from common.errors import InputError
from model.bundle.coded_write import Steps, encode_array, write_coded
from model.bundle.layout import HASH_TABLES
from model.bundle.read import assemble_video
from model.bundle.segment_write import SegmentContent, Stored, write_segments
from model.hash_levels import hash_levels
from model.segmented_video import SegmentedVideo
from training.reduction.parts import Parts
from training.reduction.search import Reduced, StepSearch

TRIES = 6
"""Number of times that a file is written until its size is the wanted one."""


def write_rounded(parts: Parts, steps: Steps, path: Path) -> None:
    """Write a video whose tensors are rounded to steps, the same ones in all segments. One part at a time is in memory.

    Args:
        parts: the video.
        steps: by tensor, without a segment's prefix.
        path: the new file.

    Raises:
        InputError: a segment is damaged, a step is too small, or the file cannot be written.
    """
    video = parts.video
    if isinstance(video, SegmentedVideo):
        write_segments([_content(parts, index, steps) for index in range(len(parts))], video.segments, video.metadata, path)
    else:
        write_coded(assemble_video(video.config, video.metadata, parts[0].arrays), path, steps)


def _content(parts: Parts, index: int, steps: Steps) -> SegmentContent:
    video, segment = parts.video, parts.segments[index]
    levels = tuple(level.entries for level in hash_levels(video.config.hash))

    def stored(name: str) -> Stored:
        return encode_array(parts[index].arrays[name], name, steps, levels if name == HASH_TABLES else ())

    assert segment.bounds is not None  # bundles with several segments have them
    return SegmentContent("the video", video.config, video.metadata, segment.num_frames, segment.bounds, stored, video)


def write_with_size(search: StepSearch, size: int, path: Path) -> Reduced:
    """Write a file of at most `size` bytes, with the finest steps.

    Raises:
        InputError: even the coarsest steps need more.
    """
    limit = size
    for attempt in range(TRIES):
        reduced = search.reduced(search.for_size(limit))
        write_rounded(search.parts, reduced.steps, path)
        surplus = path.stat().st_size - size
        if surplus <= 0:
            return reduced
        limit -= surplus + (size << attempt) // 500  # the prediction knows neither the header nor what the entropy coder adds
    raise InputError("--target-size", "was not reached", "name another size")
