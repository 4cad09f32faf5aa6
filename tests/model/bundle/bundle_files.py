"""Bundles for tests: a tiny valid one, and tools to damage its parts."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle.info import write_bundle
from model.config import DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig
from model.video import VolumetricVideo
from tests.factories import make_video


def tiny_config() -> ModelConfig:
    """Return the smallest config that has every kind of tensor."""
    return ModelConfig(
        hash=HashEncodingConfig(num_levels=2, log2_table_size=6, base_resolution=3, finest_resolution=6),
        decoder=DecoderConfig(latent_channels=4, backbone_channels=(3, 2), color_channels=(2,), color_kernel_size=1),
        occupancy=OccupancyConfig(resolution=(3, 2, 3)),
        feature_plane_resolution=8,
        density_map_resolution=4,
        color_map_resolution=4,
        mlp_planes=("xz",),
        view_encoding="spherical_harmonics",
    )


def tiny_video(num_frames: int = 2) -> VolumetricVideo:
    """Return a random video of `tiny_config`, about 50 KB."""
    return make_video(seed=3, num_frames=num_frames, config=tiny_config())


def tiny_bundle(folder: Path, precision: Any = "float32") -> Path:
    """Return a valid file."""
    path = folder / "tiny.mlpvid"
    write_bundle(tiny_video(), path, precision)
    return path


@dataclass
class Pieces:
    """The parts of a bundle."""

    document: dict[str, Any]
    """The bundle's own metadata."""
    entries: dict[str, Any]
    """Header entries of the tensors."""
    data: bytearray
    """The tensors' bytes."""

    def tensor(self, name: str) -> memoryview:
        """Return the bytes of one tensor, writable."""
        start, stop = self.entries[name]["data_offsets"]
        return memoryview(self.data)[start:stop]


def take_apart(path: Path) -> Pieces:
    """Read a bundle with only struct and json."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entries = json.loads(content[8 : 8 + length])
    document = json.loads(entries.pop("__metadata__")["mlpvid"])
    return Pieces(document, entries, bytearray(content[8 + length :]))


def put_together(pieces: Pieces, path: Path) -> None:
    """Write a bundle with only struct and json, and the right checksum."""
    pieces.document["sha256"] = "0" * 64
    content = _assemble(pieces)
    pieces.document["sha256"] = hashlib.sha256(content).hexdigest()
    path.write_bytes(_assemble(pieces))


def _assemble(pieces: Pieces) -> bytes:
    metadata = {"__metadata__": {"mlpvid": json.dumps(pieces.document)}}
    header = json.dumps(metadata | pieces.entries).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(pieces.data)


def corrupt(path: Path, change: Callable[[Pieces], object]) -> None:
    """Split a bundle into its parts, change them, and write them back to the file."""
    pieces = take_apart(path)
    change(pieces)
    put_together(pieces, path)


def resized(pieces: Pieces, name: str, shape: list[int]) -> None:
    """Change the shape and the bytes of a tensor, so that everything else stays consistent."""
    sizes = {"F32": 4, "F16": 2, "I8": 1, "U8": 1}
    old = {key: bytes(pieces.tensor(key)) for key in pieces.entries}
    entry = pieces.entries[name]
    old[name] = old[name].ljust(math.prod(shape) * sizes[entry["dtype"]], b"\0")[: math.prod(shape) * sizes[entry["dtype"]]]
    entry["shape"] = shape
    pieces.data.clear()
    for key, value in old.items():
        pieces.entries[key]["data_offsets"] = [len(pieces.data), len(pieces.data) + len(value)]
        pieces.data += value


def set_float(pieces: Pieces, name: str, index: int, value: float) -> None:
    """Overwrite one entry of a float32 tensor."""
    struct.pack_into("<f", pieces.data, pieces.entries[name]["data_offsets"][0] + 4 * index, value)


def same_tensors(a: VolumetricVideo, b: VolumetricVideo) -> bool:
    """Return whether all stored data of two videos is equal, bit for bit."""
    pairs: list[tuple[Any, Any]] = [
        (a.latents, b.latents),
        (a.boxes, b.boxes),
        (a.occupancy, b.occupancy),
        (a.hash_tables, b.hash_tables),
    ]
    left, right = a.decoder_weights, b.decoder_weights
    if left.keys() != right.keys():
        return False
    return all(np.array_equal(x, y) for x, y in pairs) and all(np.array_equal(left[name], right[name]) for name in left)
