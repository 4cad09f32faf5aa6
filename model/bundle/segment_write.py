"""Write several segments to one coded `.mlpvid` file, from videos in memory or from other bundles (docs/long_videos.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.byte_source import Location, name_of
from common.errors import InputError
from common.numbers import counted
from model.bundle.coded_layout import FRAME_TENSORS, decoder_names
from model.bundle.coded_metadata import CodedMetadata
from model.bundle.coded_read import CodedBundle, metadata_with_sound, read_coded
from model.bundle.coded_write import Steps, encode_array, video_arrays, write_tensors
from model.bundle.coding import TensorCode, checksum
from model.bundle.container import blame
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, SCALES_SUFFIX
from model.bundle.read import OpenedBundle, check_tensors, open_any, read_plain_tensor
from model.bundle.segment_table import bounds_of, first_uses, prefix_of
from model.bundle.tensors import open_tensors
from model.config import ModelConfig
from model.hash_levels import hash_levels
from model.segments import Bounds, Segment, check_segments
from model.video import VideoMetadata, VolumetricVideo

Stored = tuple[bytes, TensorCode]
"""The bytes of a tensor in the file, and how they are coded."""


@dataclass(frozen=True)
class SegmentContent:
    """One segment that is to be written, and its decoder."""

    source: str
    """Where it comes from, for messages."""
    config: ModelConfig
    """Hyper-parameters."""
    metadata: VideoMetadata
    """Frame rate, up, cameras, provenance, license."""
    num_frames: int
    """Number of frames."""
    bounds: Bounds
    """Box around the boxes of all frames."""
    stored: Callable[[str], Stored]
    """Returns a tensor by its name without a segment's prefix."""
    decoder: object
    """Names and checksums of the decoder's tensors, or another object that only contents with the same decoder share."""


def contents_of_video(video: VolumetricVideo, steps: Steps) -> SegmentContent:
    """Return a video in memory as a segment.

    Args:
        video: the video.
        steps: how tensors are rounded; those without steps are stored exactly.
    """
    arrays = video_arrays(video)
    levels = tuple(level.entries for level in hash_levels(video.config.hash))

    def stored(name: str) -> Stored:
        return encode_array(arrays[name], name, steps, levels if name == HASH_TABLES else ())

    return SegmentContent(
        "the video", video.config, video.metadata, video.num_frames, bounds_of(video.boxes), stored, video.decoder_weights
    )


def contents_of_file(location: Location) -> tuple[list[SegmentContent], tuple[Segment, ...]]:
    """Return the contents of a bundle in the order of their data, and its segments.

    Tensors of version 2 are copied as they are stored; those of version 1 are stored exactly.

    Raises:
        InputError: it cannot be opened.
    """
    bundle = open_any(location)
    if not isinstance(bundle, CodedBundle):
        return [_content_of_plain(bundle)], (Segment(0, bundle.metadata.num_frames, 0),)
    segments = bundle.metadata.segments
    return [_content_of_segment(bundle, segment) for segment in first_uses(segments)], segments


def _content_of_plain(bundle: OpenedBundle) -> SegmentContent:
    """Return a bundle of version 1 as a segment. Its tensors are read when they are written, so that none stays in memory."""
    metadata, source = bundle.metadata, name_of(bundle.location)
    if metadata.config.method is not None:
        raise InputError(source, "shows another method than the paper's own", "join bundles of the paper's method")
    check_tensors(bundle)
    levels = tuple(level.entries for level in hash_levels(metadata.config.hash))

    def stored(name: str) -> Stored:
        return encode_array(read_plain_tensor(bundle, name), name, {}, levels if name == HASH_TABLES else ())

    names = [n for n in bundle.layout if n.startswith(DECODER_PREFIX) and not n.endswith(SCALES_SUFFIX)]
    decoder = tuple((name, checksum(read_plain_tensor(bundle, name))) for name in sorted(names))
    bounds = bounds_of(read_plain_tensor(bundle, "boxes"))
    return SegmentContent(source, metadata.config, metadata.video, metadata.num_frames, bounds, stored, decoder)


def _content_of_segment(bundle: CodedBundle, segment: Segment) -> SegmentContent:
    prefix, own = prefix_of(segment.data), bundle.metadata.own_decoders

    def stored(name: str) -> Stored:
        full = name if name.startswith(DECODER_PREFIX) and not own else prefix + name
        with open_tensors(bundle.location, bundle.header, bundle.stored) as read:
            payload, code = np.asarray(read(full)), bundle.metadata.codes[full]
        if checksum(payload) != code.xxh3:
            raise InputError(name_of(bundle.location), f"tensor {full} is damaged", "download or export it again")
        return payload.tobytes(), code

    if segment.bounds is None:
        with open_tensors(bundle.location, bundle.header, bundle.stored) as read:
            bounds = bounds_of(read_coded(bundle, read, f"{prefix}boxes"))
    else:
        bounds = segment.bounds
    config, metadata = bundle.metadata.config, metadata_with_sound(bundle)
    decoder = (prefix, bundle) if own else bundle
    return SegmentContent(name_of(bundle.location), config, metadata, segment.num_frames, bounds, stored, decoder)


def row_of_segments(lengths: Sequence[int], overlap: int = 0, repeats: int = 1) -> tuple[Segment, ...]:
    """Return segments one after another, without bounds.

    Args:
        lengths: number of frames of each.
        overlap: number of frames that neighbors share, at least 0.
        repeats: how often all of them are shown.

    Raises:
        InputError: a segment is too short for the overlap.
    """
    segments, start = [], 0
    for _ in range(repeats):
        for data, length in enumerate(lengths):
            segments.append(Segment(start, length, data))
            start += length - overlap
    check_segments(segments, start + overlap)
    return tuple(segments)


def write_segments(
    contents: Sequence[SegmentContent],
    segments: Sequence[Segment],
    metadata: VideoMetadata,
    path: str | Path,
    most: int | None = None,
) -> None:
    """Write a bundle with several segments atomically. One tensor at a time is in memory.

    The decoder is stored once if all contents have the same one, and otherwise with each segment.

    Args:
        contents: what the data of the segments are.
        segments: where they are in time; their bounds are set here.
        metadata: of the whole video.
        path: the file, usually with the suffix `.mlpvid`.
        most: bytes that it may have; None means any number.

    Raises:
        InputError: configs differ, something cannot be stored, or the file cannot be written.
        TooLargeError: it would have more than `most` bytes.
    """
    num_frames = segments[-1].last_frame + 1
    with blame(path):
        check_segments(segments, num_frames)
    placed = tuple(replace(segment, bounds=contents[segment.data].bounds) for segment in segments)
    for segment in placed:
        content = contents[segment.data]
        if segment.num_frames != content.num_frames:
            raise InputError(content.source, f"has {content.num_frames} frames, not {segment.num_frames}")
        if content.config != contents[0].config:
            raise InputError(content.source, f"has another config than {contents[0].source}", "join parts of one video")
    decoder = decoder_names(contents[0].config)
    own = not _share_decoder(contents, decoder)
    whole = CodedMetadata(contents[0].config, metadata, num_frames, placed, {}, "", own_decoders=own)

    def stored() -> Iterator[tuple[str, Stored]]:
        for name in () if own else decoder:
            yield name, contents[0].stored(name)
        for data, content in enumerate(contents):
            for name in (*(decoder if own else ()), *FRAME_TENSORS, HASH_TABLES):
                yield prefix_of(data) + name, content.stored(name)

    write_tensors(whole, stored(), path, most)


def join_bundles(paths: Sequence[Path], out: Path, overlap: int = 0) -> None:
    """Write the videos of several bundles with the same config one after another to one bundle.

    Metadata (frame rate, cameras, license, sound and so on) are those of the first one.

    Args:
        paths: the bundles; one may have several segments itself.
        out: the new file.
        overlap: number of frames that each bundle shares with the next one; there they are blended.

    Raises:
        InputError: configs or frame rates differ, a bundle is damaged or too short, or `out` cannot be written.
    """
    contents: list[SegmentContent] = []
    segments: list[Segment] = []
    for path in paths:
        added, places = contents_of_file(path)
        start = segments[-1].last_frame + 1 - overlap if segments else 0
        if contents and added[0].metadata.fps != contents[0].metadata.fps:
            raise InputError(path, f"has another frame rate than {paths[0]}")
        segments += [Segment(start + p.first_frame, p.num_frames, len(contents) + p.data) for p in places]
        contents += added
    if overlap:
        _check_overlap(segments, overlap)
    write_segments(contents, segments, contents[0].metadata, out)


def _check_overlap(segments: Sequence[Segment], overlap: int) -> None:
    try:
        check_segments(segments, segments[-1].last_frame + 1)
    except InputError as error:
        fault = f"is too large: the first and the last bundle need {overlap + 1} frames, those in between {2 * overlap + 1}"
        raise InputError(f"overlap of {counted(overlap, 'frame')}", fault, "choose a smaller one") from error


def _share_decoder(contents: Sequence[SegmentContent], names: Sequence[str]) -> bool:
    """Return whether the decoders of all contents are stored alike."""
    first = contents[0]
    others = [content for content in contents if not _is_same_decoder(content.decoder, first.decoder)]
    codes = {name: first.stored(name)[1] for name in names} if others else {}
    return all(content.stored(name)[1] == code for content in others for name, code in codes.items())


def _is_same_decoder(decoder: object, other: object) -> bool:
    """Return whether decoders are known to be the same, so that they need not be coded to compare them, which takes seconds."""
    return decoder is other or (isinstance(decoder, tuple) and decoder == other)
