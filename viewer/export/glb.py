"""Binary glTF 2.0 (.glb) from a document and its arrays."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viewer.camera.rotations import basis_of_up

VERTICES, INDICES = 34962, 34963
"""What an array is for a graphics card, in glTF's numbers."""

_COMPONENT_TYPES = {"float32": 5126, "uint16": 5123, "uint32": 5125}
_KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


@dataclass(frozen=True)
class GlbArray:
    """An array of a document."""

    values: NDArray[Any]
    """(N,), (N, 3) or (N, 4), float32, uint16 or uint32; a multiple of four bytes."""
    target: int | None = None
    """`VERTICES`, `INDICES`, or None for other data."""
    normalized: bool = False
    """Whether the range of its integers means 0 to 1."""
    bounded: bool = False
    """Whether its smallest and largest values are stored; glTF requires it of positions and of times."""


def pack_glb(document: dict[str, Any], arrays: list[GlbArray]) -> bytes:
    """Return a binary glTF file.

    Args:
        document: its content, without what this function adds: the version, the only scene with node 0, and the accessors.
        arrays: the arrays, which the document names by their index.
    """
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    contents: list[bytes] = []
    for index, array in enumerate(arrays):
        values, data = array.values, array.values.astype(array.values.dtype.newbyteorder("<")).tobytes()
        view = {"buffer": 0, "byteOffset": sum(map(len, contents)), "byteLength": len(data)}
        views.append(view if array.target is None else view | {"target": array.target})
        component, kind = _COMPONENT_TYPES[values.dtype.name], _KINDS[values[:1].size]
        accessor: dict[str, Any] = {"bufferView": index, "componentType": component, "count": len(values), "type": kind}
        if array.bounded:
            accessor |= {"min": np.atleast_1d(values.min(axis=0)).tolist(), "max": np.atleast_1d(values.max(axis=0)).tolist()}
        accessors.append(accessor | ({"normalized": True} if array.normalized else {}))
        contents.append(data)
    binary = b"".join(contents)
    parts = {"scene": 0, "scenes": [{"nodes": [0]}], "buffers": [{"byteLength": len(binary)}]}
    head = {"asset": {"version": "2.0", "generator": "mlpvid"}}
    whole = head | document | parts | {"bufferViews": views, "accessors": accessors}
    text = json.dumps(whole, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    header = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(binary)) + struct.pack("<I4s", len(text), b"JSON")
    return header + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary


def upright_matrix(up: ArrayLike) -> list[float]:
    """Return glTF's column-major 4 x 4 matrix that rotates `up` to +y. Scenes with z up get the usual (x, z, -y)."""
    first, second, vertical = basis_of_up(up)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([first, vertical, -second])
    return matrix.T.ravel().tolist()
