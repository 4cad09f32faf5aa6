"""Write and check the JSON document of a `.mlpvid` file (docs/format.md)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from common.documents import is_number, is_whole, parse_json
from common.errors import InputError
from model.bundle.layout import MAX_FRAMES, PRECISIONS, Precision, tensor_layout
from model.camera import Camera
from model.config import ModelConfig
from model.video import VideoMetadata

FORMAT_NAME = "mlpvid"
"""Value of the field `format`, and key of the document in the safetensors metadata."""

PLAIN_VERSION = 1
"""The version that stores arrays as they are."""

CODED_VERSION = 2
"""The version that stores them compressed, with a checksum for each."""

FORMAT_VERSION = CODED_VERSION
"""The newest version that can be read."""

MAX_FRAMES_PER_SECOND = 1e5
"""Highest frame rate; the lowest is its reciprocal."""

# Escape sequences would act on the terminal that shows the text. Tab, line feed, form feed and carriage return are allowed.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
MAX_DOCUMENT_BYTES = 3 << 20
"""Longest document that is written. With its escape sequences and the list of tensors it must fit into the header."""

_SHARED = ("num_frames", "fps", "up", "config", "cameras", "provenance", "license")


@dataclass(frozen=True)
class BundleMetadata:
    """The content of the document."""

    config: ModelConfig
    """Hyper-parameters."""
    video: VideoMetadata
    """Frame rate, up, cameras, provenance, license."""
    num_frames: int
    """T."""
    precision: Precision
    """How network tensors are stored."""
    sha256: str
    """Checksum of the file, 64 lower-case hexadecimal digits."""


def metadata_to_json(metadata: BundleMetadata) -> str:
    """Return the document as ASCII text; raise ValueError when a number is not finite."""
    document = {
        "format": FORMAT_NAME,
        "version": PLAIN_VERSION,
        "sha256": metadata.sha256,
        "precision": metadata.precision,
        **shared_document(metadata.config, metadata.video, metadata.num_frames),
    }
    return json.dumps(document, allow_nan=False)


def shared_document(config: ModelConfig, video: VideoMetadata, num_frames: int) -> dict[str, Any]:
    """Return the fields that the documents of all versions have."""
    return {
        "num_frames": num_frames,
        "fps": float(video.fps),
        "up": [float(coordinate) for coordinate in video.up],
        "config": config.to_dict(),
        "cameras": [camera.to_dict() for camera in video.cameras],
        "provenance": video.provenance,
        "license": video.license,
    }


def checked_document(metadata: BundleMetadata) -> str:
    """Return the document; raise InputError if a reader would refuse it, or if it does not fit into the header."""
    try:
        document = metadata_to_json(metadata)
    except (TypeError, ValueError) as error:
        raise InputError("the metadata", "has a number that is not finite") from error
    if len(document) > MAX_DOCUMENT_BYTES:
        fault = f"takes {len(document):,} bytes, more than {MAX_DOCUMENT_BYTES:,}"
        raise InputError("the metadata", fault, "use fewer cameras")
    metadata_from_json(document)
    return document


def check_storable(config: ModelConfig, video: VideoMetadata, num_frames: int) -> None:
    """Raise InputError unless a bundle can store such a video; to know it before the video is trained."""
    checked_document(BundleMetadata(config, video, num_frames, "float32", "0" * 64))
    tensor_layout(config, num_frames, "float32")


def metadata_from_json(text: str) -> BundleMetadata:
    """Read and check a document of version 1. Unknown fields are ignored.

    Raises:
        InputError: it is not JSON, has another format or version, or a field is missing or wrong.
    """
    document = parse_document(text)
    if document["version"] != PLAIN_VERSION:
        raise InputError(f"format version {document['version']}", f"is not {PLAIN_VERSION}")
    require(document, ("sha256", "precision"))
    config, video, num_frames = shared_metadata(document)
    return BundleMetadata(config, video, num_frames, *_storage(document))


def parse_document(text: str) -> dict[str, Any]:
    """Parse the document, and check only its format and version.

    Raises:
        InputError: it is not JSON, has another format or a newer version.
    """
    document = parse_object(text, "the metadata")
    _check_version(document)
    return document


def require(document: dict[str, Any], names: Iterable[str]) -> None:
    """Raise InputError unless the document has all fields."""
    missing = [name for name in names if name not in document]
    if missing:
        raise InputError("the metadata", f"has no field {missing[0]}")


def shared_metadata(document: dict[str, Any]) -> tuple[ModelConfig, VideoMetadata, int]:
    """Check the fields that the documents of all versions have. Return config, metadata and number of frames.

    Raises:
        InputError: a field is missing or wrong.
    """
    require(document, _SHARED)
    video = VideoMetadata(
        fps=_frame_rate(document["fps"]),
        up=_unit_vector(document["up"]),
        cameras=_cameras(document["cameras"]),
        provenance=_provenance(document["provenance"]),
        license=_text(document["license"], "license"),
    )
    return ModelConfig.from_dict(document["config"]), video, frame_count(document["num_frames"], "num_frames")


def parse_object(text: str | bytes, subject: str) -> dict[str, Any]:
    """Parse a JSON object; raise InputError as `parse_json` does, or if it is something else."""
    value = parse_json(text, subject)
    if not isinstance(value, dict):
        raise InputError(subject, "is not a JSON object")
    return value


def _check_version(document: dict[str, Any]) -> None:
    if document.get("format") != FORMAT_NAME:
        raise InputError("the metadata", f"does not name the format {FORMAT_NAME}")
    version = document.get("version")
    if not is_whole(version, 1):
        raise InputError("the format version", "is not a positive whole number")
    if version > FORMAT_VERSION:
        raise InputError(f"format version {version}", f"is newer than {FORMAT_VERSION}, the newest known", "update the viewer")


def _frame_rate(value: object) -> float:
    fps = _number(value, "fps")
    if not 1 / MAX_FRAMES_PER_SECOND <= fps <= MAX_FRAMES_PER_SECOND:
        raise InputError("fps", f"must be from {1 / MAX_FRAMES_PER_SECOND:g} to {MAX_FRAMES_PER_SECOND:g}")
    return fps


def _unit_vector(value: object) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise InputError("up", "must be a list of three numbers")
    x, y, z = (_number(v, "up") for v in value)
    if not abs(math.hypot(x, y, z) - 1) < 1e-3:
        raise InputError("up", "must have length 1")
    return x, y, z


def _number(value: object, name: str) -> float:
    if not is_number(value):
        raise InputError(name, "must be finite numbers" if name == "up" else "must be a finite number")
    return float(value)


def _cameras(value: object) -> list[Camera]:
    if not isinstance(value, list):
        raise InputError("cameras", "must be a list")
    return [Camera.from_dict(camera, f"camera {index}") for index, camera in enumerate(value)]


def _provenance(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InputError("provenance", "must be an object")
    return {_text(name, "provenance"): _text(text, "provenance") for name, text in value.items()}


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(name, "must be text")
    if _CONTROL.search(value):
        raise InputError(name, "has control characters")
    return value


def frame_count(value: object, name: str) -> int:
    """Return a number of frames from JSON; raise InputError, which names the field, if it is not one."""
    if not is_whole(value, 1, MAX_FRAMES):
        raise InputError(name, f"must be a whole number from 1 to {MAX_FRAMES}")
    return value


def _storage(document: dict[str, Any]) -> tuple[Precision, str]:
    precision, sha256 = document["precision"], document["sha256"]
    if precision not in PRECISIONS:
        raise InputError("precision", f"must be one of {', '.join(PRECISIONS)}")
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError("sha256", "must be 64 lower-case hexadecimal digits")
    return precision, sha256
