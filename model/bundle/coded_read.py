"""Read coded `.mlpvid` files, format version 2. Everything is checked before it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.byte_source import Location, name_of
from common.errors import DamagedData, InputError
from model.bundle.coded_layout import coded_layout
from model.bundle.coded_metadata import MINOR_VERSION, CodedMetadata, coded_from_document
from model.bundle.coding import CodedSpec, checksum, decode
from model.bundle.container import Header, blame, check_entries
from model.bundle.layout import DECODER_PREFIX, SOUND, TensorSpec
from model.bundle.metadata import parse_document
from model.bundle.segment_table import SEGMENT_PREFIX, prefix_of
from model.bundle.tensors import TensorReader, check_boxes, open_tensors
from model.sound.stored import VideoSound
from model.video import VideoMetadata

Arrays = dict[str, NDArray[Any]]
"""Decoded tensors by name."""

MAX_ADDED_BYTES = 1 << 40
"""Maximum size of a tensor that a newer minor version has added. It is not read."""

_DAMAGED = "is damaged: its checksum does not match its content"
_AGAIN = "download or export it again"


@dataclass(frozen=True)
class CodedBundle:
    """A coded bundle whose structure has been checked, but whose tensors have not been read."""

    location: Location
    """The file."""
    header: Header
    """The container's header."""
    metadata: CodedMetadata
    """The JSON document."""
    layout: dict[str, CodedSpec]
    """What each tensor must be after decoding."""
    stored: dict[str, TensorSpec]
    """The stored bytes of each tensor. Files of newer minor versions can have tensors that are not in `layout`."""

    def range_of(self, data: int) -> tuple[int, int]:
        """Return the positions of a segment's first byte in the file and after its last one."""
        offsets = [self.header.entries[name]["data_offsets"] for name in self.layout if name.startswith(prefix_of(data))]
        start = self.header.data_start
        return start + min(begin for begin, _ in offsets), start + max(end for _, end in offsets)

    @property
    def largest_segment(self) -> int:
        """Bytes of the largest segment after decoding."""
        sizes = dict.fromkeys((segment.data for segment in self.metadata.segments), 0)
        for name, spec in self.layout.items():
            if name.startswith(SEGMENT_PREFIX):
                sizes[int(name.split(".")[1])] += spec.nbytes
        return max(sizes.values())

    def frames_of(self, name: str) -> list[range]:
        """Return the frames that cannot be shown without a tensor; several ranges if its segment is repeated."""
        own = [segment.frames for segment in self.metadata.segments if name.startswith(prefix_of(segment.data))]
        return own or [range(self.metadata.num_frames)]


def open_coded(location: Location, header: Header) -> CodedBundle:
    """Check everything that does not need a tensor: fields, checksum of the header, sizes.

    Raises:
        InputError: anything of this is wrong.
    """
    with blame(location):
        metadata = coded_from_document(parse_document(header.document))
        layout = coded_layout(metadata)
        _check_codes(metadata, layout)
        if header_checksum(header, metadata.xxh3) != metadata.xxh3:
            raise InputError("the header", _DAMAGED, _AGAIN)
        stored = {name: _stored_spec(header, name, spec.nbytes, spec.part) for name, spec in layout.items()}
        if metadata.minor > MINOR_VERSION:
            added = header.entries.keys() - layout.keys()
            stored |= {name: _stored_spec(header, name, MAX_ADDED_BYTES, "other") for name in added}
    check_entries(location, header, stored)
    return CodedBundle(location, header, metadata, layout, stored)


def read_decoder(bundle: CodedBundle) -> Arrays:
    """Read and decode the decoder that all segments share; nothing if each has its own.

    Raises:
        InputError: a checksum does not match, a tensor cannot be decoded, or the file has changed.
    """
    return _read(bundle, [name for name in bundle.layout if name.startswith(DECODER_PREFIX)], "", lambda: None)


def read_sound(bundle: CodedBundle) -> bytes:
    """Read the sound of a file that has one, as it is stored: Opus in Ogg.

    Raises:
        InputError: its checksum does not match, or the file has changed.
    """
    with open_tensors(bundle.location, bundle.header, bundle.stored) as read:
        return read_coded(bundle, read, SOUND).tobytes()


def metadata_with_sound(bundle: CodedBundle) -> VideoMetadata:
    """Return the metadata of the video. Its sound, if there is one, is read from the file when it is needed."""
    entry = bundle.metadata.sound
    if entry is None:
        return bundle.metadata.video
    name = f"the sound of {name_of(bundle.location)}"
    return replace(bundle.metadata.video, sound=VideoSound(name, lambda: read_sound(bundle), offset=entry.offset))


def read_segment(bundle: CodedBundle, data: int, check: Callable[[], None] = lambda: None) -> Arrays:
    """Read and decode the tensors of a segment, without its prefix in their names: with the decoder, if it has its own.

    Args:
        bundle: the opened file.
        data: number of the segment's tensors.
        check: called before each tensor; may raise to end the reading.

    Raises:
        DamagedData: a checksum does not match, a tensor cannot be decoded, or a box is not ordered.
        InputError: a box is beyond the segment's bounds, or the file has changed.
    """
    prefix = prefix_of(data)
    return _read(bundle, [name for name in bundle.layout if name.startswith(prefix)], prefix, check)


def check_against_header(bundle: CodedBundle, name: str, values: NDArray[Any]) -> None:
    """Raise InputError, which names the file, if a tensor's values contradict the header: boxes beyond their bounds."""
    if not name.endswith(".boxes"):
        return
    for segment in bundle.metadata.segments:
        if segment.bounds is None or name != f"{prefix_of(segment.data)}boxes":
            continue
        low, high = np.array(segment.bounds, np.float32)
        if (values[:, 0] < low).any() or (values[:, 1] > high).any():
            fault = f"tensor {name}: boxes extend beyond the bounds of frames {segment.first_frame} to {segment.last_frame}"
            raise InputError(name_of(bundle.location), fault, _AGAIN)


def read_arrays(bundle: CodedBundle) -> Arrays:
    """Read and decode all tensors of a bundle with a single segment, without the prefix of the segment in their names.

    Raises:
        InputError: as `read_decoder` and `read_segment`.
    """
    return read_decoder(bundle) | read_segment(bundle, 0)


def _read(bundle: CodedBundle, names: list[str], prefix: str, check: Callable[[], None]) -> Arrays:
    arrays = {}
    with open_tensors(bundle.location, bundle.header, bundle.stored) as read:
        for name in names:
            check()
            values = arrays[name.removeprefix(prefix)] = read_coded(bundle, read, name)
            check_against_header(bundle, name, values)
    return arrays


def read_coded(bundle: CodedBundle, read: TensorReader, name: str) -> NDArray[Any]:
    """Read, check and decode one tensor.

    Raises:
        DamagedData: its checksum does not match, it cannot be decoded, or a box is not ordered.
        InputError: the file has changed.
    """
    return decode_stored(bundle, name, read(name))


def decode_stored(bundle: CodedBundle, name: str, stored: NDArray[Any]) -> NDArray[Any]:
    """Check and decode the stored bytes of one tensor.

    Raises:
        DamagedData: its checksum does not match, it cannot be decoded, or a box is not ordered.
    """
    code = bundle.metadata.codes[name]
    if checksum(stored) != code.xxh3:
        raise DamagedData(name_of(bundle.location), f"tensor {name} {_DAMAGED}", _AGAIN)
    try:
        values = decode(stored, code, bundle.layout[name])
    except InputError as error:
        raise DamagedData(name_of(bundle.location), f"tensor {name}: {error.subject} {error.fault}", error.remedy) from error
    if name.endswith(".boxes"):
        try:
            check_boxes(name_of(bundle.location), values)
        except InputError as error:
            raise DamagedData(error.subject, error.fault, error.remedy) from error
    return values


def header_checksum(header: Header, digits: str) -> str:
    """Return the XXH3 of a header, whose stored checksum counts as zeros.

    Raises:
        InputError: the stored digits do not occur exactly once.
    """
    if header.raw.count(digits.encode()) != 1:
        raise InputError("the header", "does not contain its checksum exactly once")
    return checksum(header.raw.replace(digits.encode(), b"0" * len(digits)))


def _check_codes(metadata: CodedMetadata, layout: dict[str, CodedSpec]) -> None:
    for name, spec in layout.items():
        code = metadata.codes.get(name)
        if code is None:
            raise InputError("the metadata", f"does not say how tensor {name} is stored")
        if (code.dtype, code.shape) != (spec.dtype, spec.shape):
            stored, wanted = (f"{dtype} {list(shape)}" for dtype, shape in ((code.dtype, code.shape), (spec.dtype, spec.shape)))
            raise InputError(f"tensor {name}", f"is {stored[:80]}, not {wanted}")
        if code.encoding != "steps":
            continue
        if spec.dtype != "F32" or name.endswith(".boxes"):
            raise InputError(f"tensor {name}", "cannot be rounded to steps")
        if len(code.steps) not in (1, len(spec.runs)):
            raise InputError(f"tensor {name}", f"has {len(code.steps)} steps")


def _stored_spec(header: Header, name: str, decoded: int, part: str) -> TensorSpec:
    entry = header.entries.get(name)
    if entry is None:
        raise InputError("the header", f"has no tensor {name}")
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if not isinstance(shape, list) or len(shape) != 1 or isinstance(shape[0], bool) or not isinstance(shape[0], int):
        raise InputError("the header", f"has a malformed entry for tensor {name[:80]!r}")
    if not 0 < shape[0] <= decoded + (decoded >> 7) + 1024:  # what does not compress grows a little
        raise InputError("the header", f"has {shape[0]:,} bytes for tensor {name[:80]!r}, which holds {decoded:,}")
    return TensorSpec("U8", (shape[0],), part)
