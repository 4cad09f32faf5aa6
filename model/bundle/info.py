"""Describe and verify `.mlpvid` files (docs/format.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.byte_source import Location, name_of
from common.errors import InputError
from model.bundle.coded_metadata import newer_minor
from model.bundle.coded_read import CodedBundle, check_against_header, decode_stored, read_coded
from model.bundle.container import file_checksum
from model.bundle.layout import PARTS, network_shapes
from model.bundle.metadata import CODED_VERSION, FORMAT_VERSION, PLAIN_VERSION
from model.bundle.read import OpenedBundle, check_tensors, open_any, read_bundle
from model.bundle.segment_table import first_uses, prefix_of
from model.bundle.sound_entry import sound_to_dict
from model.bundle.tensors import open_tensors
from model.bundle.write import write_bundle
from model.segments import frames_text

__all__ = ["FORMAT_VERSION", "Damage", "bundle_info", "find_damage", "read_bundle", "write_bundle"]


WHOLE_FILE = "the file"
"""The damaged part of a version 1 bundle, which has one checksum."""


@dataclass(frozen=True)
class Damage:
    """A part of a file that is not as it was written."""

    part: str
    """The tensor, or what else is damaged."""
    frames: range
    """The frames that cannot be shown without it."""
    fault: str
    """What is wrong with it."""

    def __str__(self) -> str:
        return f"{self.part}, {frames_text(self.frames)}: {self.fault}"


def find_damage(location: Location) -> tuple[list[Damage], int]:
    """Compare a whole file with its checksums, and decode everything.

    Returns:
        What is damaged, and the number of parts that have a checksum. Version 1 has one checksum for the whole file.

    Raises:
        InputError: the file cannot be opened, because its header is damaged or it is not a bundle, or it cannot be read to its
            end, for instance because a connection broke.
    """
    return _damage_in(location, open_any(location))


def _damage_in(location: Location, bundle: OpenedBundle | CodedBundle) -> tuple[list[Damage], int]:
    if isinstance(bundle, OpenedBundle):
        stored, frames = bundle.metadata.sha256, range(bundle.metadata.num_frames)
        if file_checksum(location, stored) != stored:
            return [Damage(WHOLE_FILE, frames, "its checksum does not match its content")], 1
        check_tensors(bundle)
        return [], 1
    damaged = []
    with open_tensors(location, bundle.header, bundle.stored) as read:
        for name in bundle.layout:
            content = read(name)  # a connection that breaks is not damage
            try:
                values = decode_stored(bundle, name, content)
                check_against_header(bundle, name, values)
            except InputError as error:
                fault = error.fault.removeprefix(f"tensor {name}").lstrip(": ")
                damaged += [Damage(f"tensor {name}", frames, fault) for frames in bundle.frames_of(name)]
    return damaged, len(bundle.layout) + 1


def bundle_info(location: Location, verify: bool = True) -> dict[str, Any]:
    """Describe a bundle, and verify it completely, its checksums included.

    Args:
        location: the bundle.
        verify: without it, only the header and the boxes are read, which takes little time over a network.

    Returns:
        Plain data that JSON can hold: `format_version` (of the file), `num_frames`, `fps`, `duration` (s), `bounds` (lower and
        upper corner around all frames, m), `up`, `cameras` (their number), `precision` ("steps": rounded to steps and
        compressed), `parameters` (their number), `config`, `bytes` (header, latents, boxes, occupancy, decoder, hash_tables;
        their sum is `file_size`), `file_size`, `bytes_per_frame`, `provenance`, `license` (its first line), `integrity`
        ("ok", or "not checked" without `verify`: anything else is an error). Version 1 also has `sha256`; version 2 has
        `minor_version`, `xxh3`, `segments` (their number), `segment_list` if there are several (for each `first_frame`,
        `num_frames`, `data` and `bytes`, which are 0 if it repeats an earlier one), `own_decoders` if each segment has its own
        decoder (`parameters` are then those of one segment), `sound` if there is one (`codec`, `bytes`,
        `offset`, s), and `notice` if the minor version is newer than this program.

    Raises:
        InputError: as `read_bundle`, or a checksum does not match.
    """
    bundle = open_any(location)
    if verify:
        _check_integrity(location, bundle)
    metadata, video = bundle.metadata, bundle.metadata.video
    size = bundle.header.file_size or sum(_bytes_by_part(bundle).values())
    return {
        **_version(bundle),
        "num_frames": metadata.num_frames,
        "fps": video.fps,
        "duration": metadata.num_frames / video.fps,
        "bounds": _bounds(bundle),
        "up": list(video.up),
        "cameras": len(video.cameras),
        "parameters": sum(math.prod(shape) for shape in network_shapes(metadata.config).values()),
        "config": metadata.config.to_dict(),
        "bytes": _bytes_by_part(bundle),
        "file_size": size,
        "bytes_per_frame": round(size / metadata.num_frames),
        "provenance": video.provenance,
        "license": video.license.strip().split("\n")[0].strip(),
        "integrity": "ok" if verify else "not checked",
    }


def _version(bundle: OpenedBundle | CodedBundle) -> dict[str, Any]:
    if isinstance(bundle, OpenedBundle):
        return {"format_version": PLAIN_VERSION, "precision": bundle.metadata.precision, "sha256": bundle.metadata.sha256}
    minor, notice = bundle.metadata.minor, newer_minor(bundle.metadata.minor)
    segments = bundle.metadata.segments
    exact = all(code.encoding != "steps" for code in bundle.metadata.codes.values())
    return {
        "format_version": CODED_VERSION,
        "minor_version": minor,
        **({"notice": notice} if notice else {}),
        "precision": "float32" if exact else "steps",
        "segments": len(segments),
        **({"segment_list": _segment_list(bundle)} if len(segments) > 1 else {}),
        **({"own_decoders": True} if bundle.metadata.own_decoders else {}),
        **({} if bundle.metadata.sound is None else {"sound": sound_to_dict(bundle.metadata.sound)}),
        "xxh3": bundle.metadata.xxh3,
    }


def _bounds(bundle: OpenedBundle | CodedBundle) -> list[list[float]]:
    """Return the box around all frames. With several segments the header has it."""
    if isinstance(bundle, CodedBundle) and len(bundle.metadata.segments) > 1:
        low, high = zip(*(segment.bounds for segment in bundle.metadata.segments if segment.bounds), strict=True)
        return [np.min(low, axis=0).tolist(), np.max(high, axis=0).tolist()]
    boxes = _boxes(bundle)
    return [boxes[:, 0].min(0).tolist(), boxes[:, 1].max(0).tolist()]


def _boxes(bundle: OpenedBundle | CodedBundle) -> NDArray[np.float32]:
    if isinstance(bundle, OpenedBundle):
        with bundle.tensors() as read:
            return read("boxes")
    with open_tensors(bundle.location, bundle.header, bundle.stored) as read:
        return read_coded(bundle, read, prefix_of(0) + "boxes")


def _segment_list(bundle: CodedBundle) -> list[dict[str, int]]:
    """Return first frame, number of frames, data and stored bytes of each segment; repeated ones take no bytes again."""
    new = {id(segment) for segment in first_uses(bundle.metadata.segments)}
    result = []
    for segment in bundle.metadata.segments:
        prefix = prefix_of(segment.data)
        size = sum(spec.nbytes for name, spec in bundle.stored.items() if name.startswith(prefix)) if id(segment) in new else 0
        result.append(
            {"first_frame": segment.first_frame, "num_frames": segment.num_frames, "data": segment.data, "bytes": size}
        )
    return result


def _check_integrity(location: Location, bundle: OpenedBundle | CodedBundle) -> None:
    damaged, _ = _damage_in(location, bundle)
    if damaged:
        first = damaged[0]
        fault = first.fault if first.part == WHOLE_FILE else str(first)
        raise InputError(name_of(location), f"is corrupted: {fault}", "download or export it again")


def _bytes_by_part(bundle: OpenedBundle | CodedBundle) -> dict[str, int]:
    totals = dict.fromkeys(PARTS, 0)
    for spec in (bundle.layout if isinstance(bundle, OpenedBundle) else bundle.stored).values():
        totals[spec.part] = totals.get(spec.part, 0) + spec.nbytes
    return {"header": bundle.header.data_start, **totals}
