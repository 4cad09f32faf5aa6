"""`.mlpvid` files: a whole volumetric video in one safetensors file, format version 1 (docs/format.md)."""

from __future__ import annotations

import math
from typing import Any

from common.byte_source import Location, name_of
from common.errors import InputError
from model.bundle.container import file_checksum
from model.bundle.layout import PARTS, network_shapes
from model.bundle.metadata import FORMAT_VERSION
from model.bundle.read import OpenedBundle, check_tensors, open_checked, read_bundle
from model.bundle.write import write_bundle

__all__ = ["FORMAT_VERSION", "bundle_info", "read_bundle", "write_bundle"]


def bundle_info(location: Location) -> dict[str, Any]:
    """Verify a bundle completely, its checksum included, and describe it.

    Returns:
        Plain data that JSON can hold: `format_version`, `num_frames`, `fps`, `duration` (s), `bounds` (lower and upper
        corner around all frames, m), `up`, `cameras` (their number), `precision`, `parameters` (their number), `config`,
        `bytes` (header, latents, boxes, occupancy, decoder, hash_tables; their sum is `file_size`), `file_size`,
        `provenance`, `license` (its first line), `sha256`, `integrity` ("ok": anything else is an error).

    Raises:
        InputError: as `read_bundle`, or the checksum does not match.
    """
    bundle = open_checked(location)
    _check_integrity(bundle)
    boxes = check_tensors(bundle)
    metadata, video = bundle.metadata, bundle.metadata.video
    return {
        "format_version": FORMAT_VERSION,
        "num_frames": metadata.num_frames,
        "fps": video.fps,
        "duration": metadata.num_frames / video.fps,
        "bounds": [boxes[:, 0].min(0).tolist(), boxes[:, 1].max(0).tolist()],
        "up": list(video.up),
        "cameras": len(video.cameras),
        "precision": metadata.precision,
        "parameters": sum(math.prod(shape) for shape in network_shapes(metadata.config).values()),
        "config": metadata.config.to_dict(),
        "bytes": _bytes_by_part(bundle),
        "file_size": bundle.header.file_size,
        "provenance": video.provenance,
        "license": video.license.strip().split("\n")[0].strip(),
        "sha256": metadata.sha256,
        "integrity": "ok",
    }


def _check_integrity(bundle: OpenedBundle) -> None:
    stored = bundle.metadata.sha256
    if file_checksum(bundle.location, stored) != stored:
        raise InputError(
            name_of(bundle.location), "is corrupted: its checksum does not match its content", "download or export it again"
        )


def _bytes_by_part(bundle: OpenedBundle) -> dict[str, int]:
    totals = dict.fromkeys(PARTS, 0)
    for spec in bundle.layout.values():
        totals[spec.part] += spec.nbytes
    return {"header": bundle.header.data_start, **totals}
