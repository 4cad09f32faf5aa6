"""Mesh files are read back with another program."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from viewer.export.mesh import Mesh
from viewer.export.mesh_files import glb_bytes, ply_bytes, save_mesh


def tetrahedron() -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
    normals = np.array([[-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 10, 0]], np.uint8)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return Mesh(vertices, normals, colors, faces)


def cloud() -> Mesh:
    solid = tetrahedron()
    return Mesh(solid.vertices, solid.normals, solid.colors, np.zeros((0, 3), np.int32))


def glb_parts(data: bytes) -> tuple[dict, bytes]:
    """Return the document and the binary of a .glb, with its lengths checked."""
    magic, version, total = struct.unpack_from("<4sII", data)
    assert (magic, version, total) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and length % 4 == 0
    size, kind = struct.unpack_from("<I4s", data, 20 + length)
    assert kind == b"BIN\0" and size % 4 == 0 and 28 + length + size == total
    return json.loads(data[20 : 20 + length]), data[28 + length :]


@pytest.mark.parametrize("suffix", [".ply", ".glb"])
def test_another_program_reads_the_mesh(tmp_path: Path, suffix: str) -> None:
    trimesh = pytest.importorskip("trimesh")
    path = tmp_path / f"mesh{suffix}"
    save_mesh(path, tetrahedron(), up=(0, 1, 0))
    loaded = trimesh.load(path, force="mesh", process=False)
    assert loaded.is_watertight and loaded.volume == pytest.approx(1.0)
    np.testing.assert_allclose(loaded.faces, tetrahedron().faces)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_another_program_reads_ply_colors_and_normals(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    save_mesh(tmp_path / "mesh.ply", tetrahedron())
    loaded = trimesh.load(tmp_path / "mesh.ply", process=False)
    np.testing.assert_array_equal(loaded.visual.vertex_colors[:, :3], tetrahedron().colors)
    np.testing.assert_allclose(loaded.vertices, tetrahedron().vertices)


def test_ply_by_hand() -> None:
    data = ply_bytes(tetrahedron())
    header, _, body = data.partition(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\nelement vertex 4\n")
    assert len(body) == 4 * (6 * 4 + 3) + 4 * (1 + 3 * 4)
    assert struct.unpack_from("<6f3B", body, 27) == (1, 0, 0, 1, 0, 0, 0, 255, 0)
    assert struct.unpack_from("<B3i", body, 4 * 27) == (3, 0, 2, 1)


def test_glb_by_hand() -> None:
    document, binary = glb_parts(glb_bytes(tetrahedron(), (0, 0, 1)))
    primitive = document["meshes"][0]["primitives"][0]
    assert primitive["mode"] == 4 and document["accessors"][3]["count"] == 12
    assert document["accessors"][0]["max"] == [1, 2, 3]
    view = document["bufferViews"][primitive["attributes"]["COLOR_0"]]
    colors = np.frombuffer(binary[view["byteOffset"] :][: view["byteLength"]], "<u2").reshape(4, 4)
    np.testing.assert_array_equal(colors[0], [65535, 0, 0, 65535])
    assert colors[3, 0] == pytest.approx(0.2158605 * 65535, abs=1), "128 in linear light"
    matrix = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T
    np.testing.assert_allclose(matrix[:3, :3] @ [0, 0, 1], [0, 1, 0], atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_point_clouds() -> None:
    document, _ = glb_parts(glb_bytes(cloud(), (0, 0, 1)))
    assert document["meshes"][0]["primitives"][0]["mode"] == 0
    assert b"element face" not in ply_bytes(cloud())


@pytest.mark.parametrize("name", ["a.obj", "none/a.ply", "folder.glb"])
def test_impossible_names_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.glb").mkdir()
    with pytest.raises(InputError):
        save_mesh(tmp_path / name, tetrahedron())
