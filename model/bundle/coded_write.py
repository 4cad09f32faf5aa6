"""Write a `VolumetricVideo` to a coded `.mlpvid` file, format version 2 (docs/format.md)."""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.atomic import atomic_write
from common.errors import InputError
from model.bundle.coded_layout import coded_layout
from model.bundle.coded_metadata import CodedMetadata, Segment, coded_to_json
from model.bundle.coded_read import Arrays, header_checksum, open_coded, read_arrays
from model.bundle.coding import TensorCode, encode, encode_steps
from model.bundle.container import Header, blame, read_header
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES
from model.bundle.metadata import FORMAT_NAME
from model.video import VolumetricVideo

Steps = Mapping[str, tuple[float, ...]]
"""Steps of tensors by name, without a segment's prefix: one, or for the hash tables one per level. Other tensors are stored
exactly."""


def video_arrays(video: VolumetricVideo) -> Arrays:
    """Return all tensors of a video by the names of a file, without a segment's prefix."""
    arrays: Arrays = {DECODER_PREFIX + name: values for name, values in video.decoder_weights.items()}
    return arrays | {
        "latents": video.latents,
        "boxes": video.boxes,
        "occupancy": video.occupancy,
        HASH_TABLES: video.hash_tables,
    }


def write_coded(video: VolumetricVideo, path: str | Path, steps: Steps) -> None:
    """Write a coded bundle atomically. The same video and steps give the same bytes.

    The file is read back and checked before it gets its name.

    Args:
        video: what to store.
        path: the file, usually with the suffix `.mlpvid`.
        steps: how tensors are rounded; those without steps are stored exactly.

    Raises:
        InputError: the video has something that a bundle cannot store, a step is too small, or the file cannot be written.
    """
    with blame(path):
        header, payloads = _encoded(video, steps)
    with atomic_write(path) as temporary:
        with temporary.open("wb") as stream:
            stream.write(header)
            for payload in payloads:
                stream.write(payload)
        try:
            read_arrays(open_coded(temporary, read_header(temporary)))
        except InputError as error:
            raise InputError(path, f"was not written: {error.fault}", error.remedy) from error


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


def _encoded(video: VolumetricVideo, steps: Steps) -> tuple[bytes, list[bytes]]:
    segment, arrays = Segment(0, video.num_frames, 0), video_arrays(video)
    empty = CodedMetadata(video.config, video.metadata, video.num_frames, (segment,), {}, "0" * 16)
    codes, payloads, entries, end = {}, [], {}, 0
    for name, spec in coded_layout(empty).items():
        plain = name.removeprefix(segment.prefix)
        payload, codes[name] = encode_array(arrays[plain], plain, steps, spec.runs)
        entries[name] = {"dtype": "U8", "shape": [len(payload)], "data_offsets": [end, end + len(payload)]}
        payloads.append(payload)
        end += len(payload)
    # Takes the place of the checksum until it is known. Random, so that it occurs only once; it counts as zeros.
    placeholder = secrets.token_hex(8)
    document = coded_to_json(CodedMetadata(video.config, video.metadata, video.num_frames, (segment,), codes, placeholder))
    raw = json.dumps({"__metadata__": {FORMAT_NAME: document}, **entries}).encode()
    raw += b" " * (-len(raw) % 8)
    digits = header_checksum(Header(raw, document, entries, 0), placeholder)
    raw = raw.replace(placeholder.encode(), digits.encode())
    return struct.pack("<Q", len(raw)) + raw, payloads
