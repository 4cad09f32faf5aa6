"""Write and check the JSON document of a coded `.mlpvid` file, format version 2 (docs/format.md)."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

from common.documents import is_number, is_whole
from common.errors import InputError
from model.bundle.coding import ENCODINGS, MAX_STEP, TensorCode
from model.bundle.layout import MAX_FRAMES
from model.bundle.metadata import (
    CODED_VERSION,
    FORMAT_NAME,
    MAX_DOCUMENT_BYTES,
    parse_document,
    require,
    shared_document,
    shared_metadata,
)
from model.bundle.segment_table import OWN_DECODERS_MINOR_VERSION, SEGMENTS_MINOR_VERSION, segments_from_json, segments_to_list
from model.bundle.sound_entry import SOUND_MINOR_VERSION, SoundEntry, sound_from_json, sound_to_dict
from model.config import ModelConfig
from model.segments import Segment
from model.video import VideoMetadata

MINOR_VERSION = OWN_DECODERS_MINOR_VERSION
"""The newest minor version that is known completely."""

_log = logging.getLogger(__name__)
_DIGITS = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class CodedMetadata:
    """The content of the document."""

    config: ModelConfig
    """Hyper-parameters."""
    video: VideoMetadata
    """Frame rate, up, cameras, provenance, license."""
    num_frames: int
    """T."""
    segments: tuple[Segment, ...]
    """The segments in order; together they have all frames."""
    codes: dict[str, TensorCode]
    """How each tensor is stored, by name."""
    xxh3: str
    """Checksum of the header, 16 lower-case hexadecimal digits."""
    minor: int = 0
    """The file's minor version."""
    sound: SoundEntry | None = None
    """The sound, if there is one."""
    own_decoders: bool = False
    """Whether each segment has a decoder of its own, instead of one that all share."""

    @property
    def needed_minor(self) -> int:
        """The lowest minor version that has everything in this file."""
        if self.own_decoders:
            return OWN_DECODERS_MINOR_VERSION
        if self.sound is not None:
            return SOUND_MINOR_VERSION
        return 0 if len(self.segments) == 1 else SEGMENTS_MINOR_VERSION


def coded_to_json(metadata: CodedMetadata) -> str:
    """Return the document as ASCII text.

    Raises:
        InputError: a reader would refuse it, or it does not fit into the header.
    """
    document = {
        "format": FORMAT_NAME,
        "version": CODED_VERSION,
        "minor": metadata.minor,
        "xxh3": metadata.xxh3,
        **shared_document(metadata.config, metadata.video, metadata.num_frames),
        "segments": segments_to_list(metadata.segments),
        **({"own_decoders": True} if metadata.own_decoders else {}),
        **({} if metadata.sound is None else {"sound": sound_to_dict(metadata.sound)}),
        "tensors": {name: _code_to_dict(code) for name, code in metadata.codes.items()},
    }
    try:
        text = json.dumps(document, allow_nan=False)
    except ValueError as error:
        raise InputError("the metadata", "has a number that is not finite") from error
    if len(text) > MAX_DOCUMENT_BYTES:
        fault = f"takes {len(text):,} bytes, more than {MAX_DOCUMENT_BYTES:,}"
        raise InputError("the metadata", fault, "use fewer cameras, or longer segments")
    coded_from_document(parse_document(text))
    return text


def coded_from_document(document: dict[str, Any]) -> CodedMetadata:
    """Check a parsed document of version 2. Unknown fields are ignored; a newer minor version is logged.

    Raises:
        InputError: a field is missing or wrong.
    """
    require(document, ("minor", "xxh3", "segments", "tensors"))
    minor = document["minor"]
    if not is_whole(minor, 0, MAX_FRAMES):
        raise InputError("the minor version", "is not a whole number")
    if minor > MINOR_VERSION:
        _log.warning("%s", newer_minor(minor))
    codes = document["tensors"]
    if not isinstance(codes, dict):
        raise InputError("tensors", "must be an object")
    config, video, num_frames = shared_metadata(document)
    # A newer minor version may add tensors, and store them in ways that are unknown here.
    parsed = {name: _code(name, code) for name, code in codes.items() if minor <= MINOR_VERSION or _is_known(code)}
    segments = segments_from_json(document["segments"], num_frames, minor)
    # In older minor versions, `sound` and `own_decoders` are unknown fields, which are ignored.
    stated = document.get("sound") if minor >= SOUND_MINOR_VERSION else None
    sound = sound_from_json(stated, is_newer=minor > MINOR_VERSION)
    own_decoders = document.get("own_decoders", False) if minor >= OWN_DECODERS_MINOR_VERSION else False
    if not isinstance(own_decoders, bool):
        raise InputError("own_decoders", "must be true or false")
    digits = _checksum(document["xxh3"], "xxh3")
    return CodedMetadata(config, video, num_frames, segments, parsed, digits, minor, sound, own_decoders)


def newer_minor(minor: int) -> str:
    """Return the notice for a file with a newer minor version; empty if this version is known."""
    if minor <= MINOR_VERSION:
        return ""
    known = f"{CODED_VERSION}.{MINOR_VERSION}"
    return f"format version {CODED_VERSION}.{minor} is newer than {known}, the newest known: parts that are new are not used"


def _code_to_dict(code: TensorCode) -> dict[str, Any]:
    result = {"encoding": code.encoding, "dtype": code.dtype, "shape": list(code.shape), "xxh3": code.xxh3}
    return result | ({"steps": list(code.steps), "integers": code.integers} if code.encoding == "steps" else {})


def _is_known(value: object) -> bool:
    return isinstance(value, dict) and value.get("encoding") in ENCODINGS


def _code(name: str, value: object) -> TensorCode:
    subject = f"tensor {name[:80]!r}"
    if not isinstance(value, dict) or value.get("encoding") not in ENCODINGS:
        raise InputError(subject, f"must have an encoding, one of {', '.join(ENCODINGS)}")
    digits, dtype, shape = _checksum(value.get("xxh3"), f"{subject}: xxh3"), value.get("dtype"), value.get("shape")
    if not isinstance(dtype, str) or not isinstance(shape, list) or not all(map(is_whole, shape)):
        raise InputError(subject, "must have a dtype and a shape")
    if value["encoding"] != "steps":
        return TensorCode(value["encoding"], dtype, tuple(shape), digits)
    steps, integers = value.get("steps"), value.get("integers")
    if integers not in ("I8", "I16"):
        raise InputError(subject, "must have integers, I8 or I16")
    if not isinstance(steps, list) or not steps or not all(is_number(step, most=MAX_STEP) and step > 0 for step in steps):
        raise InputError(subject, f"must have steps, a list of numbers above 0, at most {MAX_STEP:g}")
    return TensorCode("steps", dtype, tuple(shape), digits, tuple(float(step) for step in steps), integers)


def _checksum(value: object, name: str) -> str:
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise InputError(name, "must be 16 lower-case hexadecimal digits")
    return value
