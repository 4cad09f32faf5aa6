"""Write a `VolumetricVideo` to a coded `.mlpvid` file, format version 2 (docs/format.md)."""

from __future__ import annotations

import dataclasses
import json
import secrets
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from common.atomic import atomic_write
from common.errors import InputError
from model.bundle.coded_layout import coded_layout
from model.bundle.coded_metadata import CodedMetadata, coded_to_json
from model.bundle.coded_read import Arrays, CodedBundle, header_checksum, open_coded, read_decoder, read_segment, read_sound
from model.bundle.coding import TensorCode, encode, encode_steps
from model.bundle.container import Header, blame, read_header
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, SOUND
from model.bundle.metadata import FORMAT_NAME
from model.bundle.segment_table import first_uses, prefix_of
from model.bundle.sound_entry import SoundEntry, checked_offset
from model.segments import Segment
from model.sound.stored import MAX_SOUND_BYTES, OPUS, VideoSound
from model.video import VolumetricVideo

Steps = Mapping[str, tuple[float, ...]]
"""Steps of tensors by name, without a segment's prefix: one, or for the hash tables one per level. Other tensors are stored
exactly."""


class TooLargeError(Exception):
    """A file was not written, because it would be larger than it may be.

    Args:
        size: bytes that it would have.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"the file would have {size} bytes")


def video_arrays(video: VolumetricVideo) -> Arrays:
    """Return all tensors of a video by the names of a file, without a segment's prefix."""
    arrays: Arrays = {DECODER_PREFIX + name: values for name, values in video.decoder_weights.items()}
    return arrays | {
        "latents": video.latents,
        "boxes": video.boxes,
        "occupancy": video.occupancy,
        HASH_TABLES: video.hash_tables,
    }


def write_coded(video: VolumetricVideo, path: str | Path, steps: Steps, most: int | None = None) -> None:
    """Write a coded bundle atomically. The same video and steps give the same bytes.

    The file is read back and checked before it gets its name.

    Args:
        video: what to store.
        path: the file, usually with the suffix `.mlpvid`.
        steps: how tensors are rounded; those without steps are stored exactly.
        most: bytes that the file may have; None means any number.

    Raises:
        InputError: the video has something that a bundle cannot store, a step is too small, or the file cannot be written.
        TooLargeError: the file would have more than `most` bytes.
    """
    segment, arrays = Segment(0, video.num_frames, 0), video_arrays(video)
    metadata = CodedMetadata(video.config, video.metadata, video.num_frames, (segment,), {}, "")

    def encoded() -> Iterator[tuple[str, tuple[bytes, TensorCode]]]:
        for name, spec in coded_layout(metadata).items():
            plain = name.removeprefix(prefix_of(0))
            yield name, encode_array(arrays[plain], plain, steps, spec.runs)

    write_tensors(metadata, encoded(), path, most)


def write_tensors(
    metadata: CodedMetadata,
    tensors: Iterable[tuple[str, tuple[bytes, TensorCode]]],
    path: str | Path,
    most: int | None = None,
) -> None:
    """Write a coded bundle atomically from stored bytes. It is read back and checked before it gets its name.

    Args:
        metadata: everything but codes, checksum, minor version and the entry of the sound, which follow from the rest.
        tensors: name, stored bytes and code of each tensor but the sound, in the order of the file. Only one at a time is in
            memory.
        path: the file.
        most: bytes that it may have; None means any number.

    Raises:
        InputError: a reader would refuse the file, or it cannot be written.
        TooLargeError: it would have more than `most` bytes.
    """
    sound = metadata.video.sound
    if sound is None:
        metadata = dataclasses.replace(metadata, sound=None)
    else:
        payload = _opus_bytes(sound)
        metadata = dataclasses.replace(metadata, sound=SoundEntry(len(payload), checked_offset(sound.offset)))
        tensors = chain(tensors, [(SOUND, encode(np.frombuffer(payload, np.uint8), compress=False))])
    with atomic_write(path) as temporary:
        with TemporaryFile(dir=temporary.parent) as payloads:
            with blame(path):
                header = _header(metadata, tensors, payloads)
            payloads.seek(0)
            with temporary.open("wb") as stream:
                stream.write(header)
                shutil.copyfileobj(payloads, stream)
                size = stream.tell()
        if most is not None and size > most:
            raise TooLargeError(size)
        try:
            check_coded(open_coded(temporary, read_header(temporary)))
        except InputError as error:
            raise InputError(path, f"was not written: {error.fault}", error.remedy) from error


def check_coded(bundle: CodedBundle) -> None:
    """Read and check all tensors, one segment at a time; raises as `read_decoder`, `read_segment` and `read_sound` do."""
    read_decoder(bundle)
    if bundle.metadata.sound is not None:
        read_sound(bundle)
    for segment in first_uses(bundle.metadata.segments):
        read_segment(bundle, segment.data)


def _opus_bytes(sound: VideoSound) -> bytes:
    if sound.kind != OPUS:
        raise InputError(sound.name, "is not Opus, the only kind of sound in bundles", "convert it first")
    payload = sound.read()
    if not 0 < len(payload) <= MAX_SOUND_BYTES:
        raise InputError(sound.name, f"takes {len(payload):,} bytes; a bundle can store 1 to {MAX_SOUND_BYTES:,}")
    return payload


def encode_array(values: NDArray[Any], name: str, steps: Steps, runs: tuple[int, ...]) -> tuple[bytes, TensorCode]:
    """Code one tensor as a file stores it; the arguments are those of `model.bundle.coding.encode_steps`.

    Raises:
        InputError: a number is not finite, or a step is too small.
    """
    if values.dtype == np.float32 and not np.isfinite(values).all():
        raise InputError(f"tensor {name}", "holds numbers that are not finite")
    if name not in steps:
        return encode(values)
    try:
        return encode_steps(values, steps[name], runs)
    except InputError as error:
        raise InputError(f"tensor {name}", f"cannot be rounded: {error.subject} {error.fault}", error.remedy) from error


def _header(metadata: CodedMetadata, tensors: Iterable[tuple[str, tuple[bytes, TensorCode]]], payloads: IO[bytes]) -> bytes:
    """Write the stored bytes one after another to `payloads`, and return what comes before them in the file."""
    codes, entries, end = {}, {}, 0
    for name, (payload, code) in tensors:
        codes[name] = code
        entries[name] = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [end, end + len(payload)]}
        payloads.write(payload)
        end += len(payload)
    # Takes the place of the checksum until it is known. Random, so that it occurs only once; it counts as zeros.
    placeholder = secrets.token_hex(8)
    known = dataclasses.replace(metadata, codes=codes, xxh3=placeholder, minor=metadata.needed_minor)
    document = coded_to_json(known)
    raw = json.dumps({"__metadata__": {FORMAT_NAME: document}, **entries}).encode()
    raw += b" " * (-len(raw) % 8)
    digits = header_checksum(Header(raw, document, entries, 0), placeholder)
    raw = raw.replace(placeholder.encode(), digits.encode())
    return struct.pack("<Q", len(raw)) + raw
