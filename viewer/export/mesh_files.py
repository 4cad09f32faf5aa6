"""Write meshes and point clouds as binary PLY or glTF (.glb)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from common.atomic import atomic_write, check_target
from common.errors import InputError
from viewer.export.glb import INDICES, VERTICES, GlbArray, pack_glb, upright_matrix
from viewer.export.mesh import Mesh, linear_colors
from viewer.export.usd_file import USD_SUFFIXES, load_usd

MESH_SUFFIXES = (".ply", ".glb")
"""Formats that `save_mesh` writes, one frame in each file."""

_POINTS, _TRIANGLES = 0, 4  # primitive modes of glTF


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
        raise InputError(path, "is not a format for single meshes", f"end its name with one of {', '.join(MESH_SUFFIXES)}")
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
    arrays = [
        GlbArray(mesh.vertices.astype(np.float32), VERTICES, bounded=True),
        GlbArray(mesh.normals.astype(np.float32), VERTICES),
        GlbArray(np.rint(linear * 65535).astype(np.uint16), VERTICES, normalized=True),
    ]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}, "material": 0, "mode": _POINTS}
    if len(mesh.faces):
        arrays.append(GlbArray(mesh.faces.astype(np.uint32).reshape(-1), INDICES))
        primitive |= {"indices": 3, "mode": _TRIANGLES}
    document = {
        "extensionsUsed": ["KHR_materials_unlit"],
        "nodes": [{"mesh": 0, "matrix": upright_matrix(up)}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0.0}, "extensions": {"KHR_materials_unlit": {}}}],
    }
    return pack_glb(document, arrays)
