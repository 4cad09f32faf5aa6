"""Write meshes and point clouds as binary PLY or glTF (.glb)."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.atomic import atomic_write, check_target
from common.errors import InputError
from viewer.camera.rotations import basis_of_up
from viewer.export.mesh import Mesh, linear_colors
from viewer.export.usd_file import USD_SUFFIXES, load_usd

MESH_SUFFIXES = (".ply", ".glb")
"""Formats that `save_mesh` writes, one frame in each file."""

_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125  # component types of glTF
_POINTS, _TRIANGLES = 0, 4  # primitive modes of glTF
_ARRAY_BUFFER, _INDEX_BUFFER = 34962, 34963  # targets of glTF's buffer views


def check_mesh_path(path: Path) -> None:
    """Raise InputError unless `save_mesh` or `usd_file` can write there, before anything is computed."""
    if path.suffix.lower() not in (*MESH_SUFFIXES, *USD_SUFFIXES):
        names = ", ".join((*MESH_SUFFIXES, *USD_SUFFIXES))
        raise InputError(path, "is not a supported mesh format", f"end its name with one of {names}")
    check_target(path)
    if path.suffix.lower() in USD_SUFFIXES:
        load_usd(path)


def save_mesh(path: Path, mesh: Mesh, up: ArrayLike = (0.0, 0.0, 1.0)) -> None:
    """Write a mesh (or, without faces, a point cloud) atomically in the format that the suffix names.

    PLY keeps the world axes. glTF requires y up, so its node rotates `up` to y. Its colors are linear and unlit.

    Raises:
        InputError: the suffix is unknown, or the file cannot be written.
    """
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise InputError(path, "is not a format of single meshes", f"end its name with one of {', '.join(MESH_SUFFIXES)}")
    data = ply_bytes(mesh) if path.suffix.lower() == ".ply" else glb_bytes(mesh, up)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def ply_bytes(mesh: Mesh) -> bytes:
    """Return the mesh as binary little-endian PLY: position, normal, color, then triangles."""
    floats = ("x", "y", "z", "nx", "ny", "nz")
    vertex = np.dtype([*((name, "<f4") for name in floats), *((name, "u1") for name in ("red", "green", "blue"))])
    table = np.zeros(len(mesh.vertices), vertex)
    for names, values in ((floats[:3], mesh.vertices), (floats[3:], mesh.normals), (vertex.names[6:], mesh.colors)):  # type: ignore[index]
        for i, name in enumerate(names):
            table[name] = values[:, i]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property float {name}" for name in floats]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    body = table.tobytes()
    if len(mesh.faces):
        lines += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices"]
        faces = np.zeros(len(mesh.faces), np.dtype([("count", "u1"), ("indices", "<i4", 3)]))
        faces["count"], faces["indices"] = 3, mesh.faces
        body += faces.tobytes()
    return ("\n".join([*lines, "end_header"]) + "\n").encode() + body


def glb_bytes(mesh: Mesh, up: ArrayLike) -> bytes:
    """Return the mesh as binary glTF 2.0, unlit. Vertex colors are converted to linear light, as the format requires."""
    linear = np.concatenate([linear_colors(mesh.colors), np.ones((len(mesh.colors), 1))], axis=1)
    arrays: list[tuple[NDArray, dict[str, Any]]] = [
        (mesh.vertices.astype("<f4"), {"componentType": _FLOAT, "type": "VEC3"}),
        (mesh.normals.astype("<f4"), {"componentType": _FLOAT, "type": "VEC3"}),
        (np.rint(linear * 65535).astype("<u2"), {"componentType": _UNSIGNED_SHORT, "type": "VEC4", "normalized": True}),
    ]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}, "material": 0, "mode": _POINTS}
    if len(mesh.faces):
        arrays.append((mesh.faces.astype("<u4").reshape(-1), {"componentType": _UNSIGNED_INT, "type": "SCALAR"}))
        primitive |= {"indices": 3, "mode": _TRIANGLES}
    views, accessors, offset = [], [], 0
    for index, (array, description) in enumerate(arrays):
        target = _INDEX_BUFFER if index == 3 else _ARRAY_BUFFER
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target})
        accessors.append({"bufferView": index, "count": len(array), **description})
        offset += array.nbytes  # all of them are multiples of four bytes
    accessors[0] |= {"min": mesh.vertices.min(axis=0).tolist(), "max": mesh.vertices.max(axis=0).tolist()}
    document = {
        "asset": {"version": "2.0", "generator": "mlpvid"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "matrix": upright_matrix(up)}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0.0}, "extensions": {"KHR_materials_unlit": {}}}],
        "buffers": [{"byteLength": offset}],
        "bufferViews": views,
        "accessors": accessors,
    }
    return pack_glb(document, b"".join(array.tobytes() for array, _ in arrays))


def pack_glb(document: dict[str, Any], binary: bytes) -> bytes:
    """Return a binary glTF file of a document and its buffer, whose length is a multiple of four bytes."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    header = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
    return header + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary


def upright_matrix(up: ArrayLike) -> list[float]:
    """Return glTF's column-major 4 x 4 matrix that rotates `up` to +y. Scenes with z up get the usual (x, z, -y)."""
    first, second, vertical = basis_of_up(up)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([first, vertical, -second])
    return matrix.T.ravel().tolist()
