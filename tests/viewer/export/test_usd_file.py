"""Animated USD files, read back with Pixar's usd-core."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

from common.errors import InputError
from model.bundle.write import write_bundle
from renderer.backend import CancelToken, RenderCancelled
from tests.factories import make_video
from viewer.cli import main
from viewer.export.mesh import Mesh, MeshOptions
from viewer.export.mesh_export import export_meshes
from viewer.export.usd_file import SURFACE, USD_SUFFIXES, UsdTimes, usd_file

TIMES = UsdTimes(first=12, last=14, fps=24.0)


def random_mesh(seed: int, triangles: bool = True) -> Mesh:
    """Return a mesh whose numbers of vertices and triangles depend on the seed."""
    rng = np.random.default_rng(seed)
    count = 4 + seed
    vertices = rng.normal(size=(count, 3)).astype(np.float32)
    normals = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    faces = rng.integers(0, count, (2 + seed if triangles else 0, 3)).astype(np.int32)
    return Mesh(vertices, normals, rng.integers(0, 256, (count, 3)).astype(np.uint8), faces)


def write(path: Path, triangles: bool = True, up: tuple[float, float, float] = (0, 0, 1)) -> list[Mesh]:
    meshes = [random_mesh(seed, triangles) for seed in range(3)]
    with usd_file(path, TIMES, up, 0.02) as add:
        for frame, mesh in enumerate(meshes, TIMES.first):
            add(frame, mesh)
    return meshes


@pytest.mark.parametrize("suffix", USD_SUFFIXES)
def test_every_frame_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    meshes = write(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "nothing else is left"
    stage = Usd.Stage.Open(str(path))
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (12, 14, 24)
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    surface = UsdGeom.Mesh(stage.GetPrimAtPath(SURFACE))
    assert surface.GetPointsAttr().GetTimeSamples() == [12, 13, 14] and surface.GetSubdivisionSchemeAttr().Get() == "none"
    for frame, mesh in enumerate(meshes, TIMES.first):
        np.testing.assert_allclose(surface.GetPointsAttr().Get(frame), mesh.vertices, atol=1e-6)
        np.testing.assert_allclose(surface.GetNormalsAttr().Get(frame), mesh.normals, atol=1e-6)
        np.testing.assert_array_equal(surface.GetFaceVertexIndicesAttr().Get(frame), mesh.faces.reshape(-1))
        assert list(surface.GetFaceVertexCountsAttr().Get(frame)) == [3] * len(mesh.faces)
        colors = np.asarray(surface.GetDisplayColorPrimvar().Get(frame))
        assert colors.shape == mesh.vertices.shape and surface.GetDisplayColorPrimvar().GetInterpolation() == "vertex"
        np.testing.assert_allclose(np.rint(255 * _to_srgb(colors)), mesh.colors)
        low, high = np.asarray(surface.GetExtentAttr().Get(frame))
        np.testing.assert_allclose([low, high], [mesh.vertices.min(0), mesh.vertices.max(0)], atol=1e-6)


def _to_srgb(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def test_the_color_of_a_vertex_by_hand(tmp_path: Path) -> None:
    """188 of 255 is 50 % of the light."""
    mesh = Mesh(
        np.eye(3, dtype=np.float32),
        np.eye(3, dtype=np.float32),
        np.full((3, 3), 188, np.uint8),
        np.array([[0, 1, 2]], np.int32),
    )
    with usd_file(tmp_path / "a.usda", UsdTimes(0, 0, 30.0), (0, 0, 1), 0.1) as add:
        add(0, mesh)
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    colors = UsdGeom.Mesh(stage.GetPrimAtPath(SURFACE)).GetDisplayColorPrimvar().Get(0)
    np.testing.assert_allclose(colors, 0.5029, atol=1e-4)


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (0.6, 0.0, 0.8)])
def test_up_becomes_z(tmp_path: Path, up: tuple[float, float, float]) -> None:
    write(tmp_path / "a.usdc", up=up)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    matrix = UsdGeom.Xformable(stage.GetPrimAtPath(SURFACE)).ComputeLocalToWorldTransform(12)
    np.testing.assert_allclose(matrix.TransformDir(Gf.Vec3d(*up)), (0, 0, 1), atol=1e-6)
    assert np.linalg.det(np.asarray(matrix)) == pytest.approx(1.0)
    if up == (0.0, 0.0, 1.0):
        np.testing.assert_array_equal(matrix, np.eye(4))


def test_a_point_cloud(tmp_path: Path) -> None:
    meshes = write(tmp_path / "a.usdc", triangles=False)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    points = UsdGeom.Points(stage.GetPrimAtPath(SURFACE))
    np.testing.assert_array_equal(points.GetPointsAttr().Get(13), meshes[1].vertices)
    assert list(points.GetWidthsAttr().Get()) == [pytest.approx(0.02)]


def test_every_frame_is_on_disk_before_the_next(tmp_path: Path) -> None:
    sizes = []
    with usd_file(tmp_path / "a.usdc", TIMES, (0, 0, 1), 0.02) as add:
        for frame in range(12, 15):
            add(frame, random_mesh(5000 + frame))
            sizes.append(sum(file.stat().st_size for file in tmp_path.rglob("surface.usdc")))
    assert np.diff(sizes).min() > 100_000 and (tmp_path / "a.usdc").stat().st_size == sizes[-1]


@pytest.mark.parametrize("suffix", USD_SUFFIXES)
def test_cancelling_leaves_the_old_file_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    token = CancelToken()

    def cancel(done: int, total: int, part: float) -> None:
        if done == 1:
            token.cancel()

    with pytest.raises(RenderCancelled):
        export_meshes(make_video(num_frames=4), path, (0, 3), MeshOptions(resolution=16), progress=cancel, cancel=token)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] and path.read_bytes() == b"old"


def test_what_a_killed_run_leaves_is_removed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), usd_file(tmp_path / "a.usdz", TIMES, (0, 0, 1), 0.02):
        (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
        raise KeyboardInterrupt
    pid = folder.name.split("-")[-3]
    left = folder.with_name(folder.name.replace(f"-{pid}-", "-999999999-"))
    left.mkdir()
    (left / "surface.usdc").write_bytes(b"part")
    write(tmp_path / "a.usdz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.usdz"]


def test_the_command_writes_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, output = tmp_path / "small.mlpvid", tmp_path / "out.usdc"
    write_bundle(make_video(num_frames=4), bundle)
    assert main([str(bundle), "--mesh", str(output), "--frames", "1:3", "--resolution", "16"]) == 0
    assert capsys.readouterr().out == f"1 file written: {output}\n"
    single = export_meshes(make_video(num_frames=4), tmp_path / "one.usda", (1, 2), MeshOptions(resolution=16))
    stages = [Usd.Stage.Open(str(path)) for path in (output, *single)]
    surfaces = [UsdGeom.Mesh(stage.GetPrimAtPath(SURFACE)) for stage in stages]
    assert [surface.GetPointsAttr().GetTimeSamples() for surface in surfaces] == [[1, 2], [1]]
    np.testing.assert_array_equal(*(surface.GetFaceVertexIndicesAttr().Get(1) for surface in surfaces))


def test_without_usd_core_it_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, output = tmp_path / "small.mlpvid", tmp_path / "out.usdz"
    write_bundle(make_video(num_frames=4), bundle)
    monkeypatch.setitem(sys.modules, "pxr", None)
    assert main([str(bundle), "--mesh", str(output)]) == 2
    expected = f"error: {output}: USD needs the package usd-core; pip install usd-core, or write .glb\n"
    assert capsys.readouterr().err.endswith(expected) and not output.exists()


@pytest.mark.parametrize(("name", "frames"), [("a" * 252 + ".ply", (0, 1)), ("a" * 246 + ".ply", (1, 3))])
def test_names_that_are_too_long_are_refused_before_the_work(tmp_path: Path, name: str, frames: tuple[int, int]) -> None:
    def no_progress(*_: object) -> None:
        raise AssertionError("it began")

    with pytest.raises(InputError, match="has a name that is too long"):
        export_meshes(make_video(num_frames=4), tmp_path / name, frames, MeshOptions(resolution=16), progress=no_progress)
