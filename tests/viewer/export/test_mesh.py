"""Extract surfaces of known shapes. They are restricted to occupied cells, and points lie on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.frame import Frame
from model.query import query_color, query_features
from renderer.backend import CancelToken, RenderCancelled
from tests.factories import make_video
from viewer.export import mesh_extraction as module
from viewer.export.mesh import MeshOptions
from viewer.export.mesh_export import export_meshes
from viewer.export.mesh_extraction import default_level, extract_mesh, occupied_nodes, sample_density, sample_points

pytest.importorskip("skimage")

CENTER, RADIUS = np.array([0.5, 0.45, 0.55]), 0.3


def make_frame() -> Frame:
    frame = make_video(occupied=2.0).decode(0.0)
    assert frame.occupancy.all()
    return frame


@pytest.fixture
def ball(monkeypatch: pytest.MonkeyPatch) -> Frame:
    """Return a frame whose density is 100 (1 - r / 0.6) around CENTER, r in box units; 50 at RADIUS."""

    def density(frame: Frame, points: torch.Tensor) -> torch.Tensor:
        radius = torch.linalg.vector_norm(points - torch.tensor(CENTER, dtype=torch.float32), dim=1)
        return torch.relu(100 * (1 - radius / 0.6))

    monkeypatch.setattr(module, "_density", density)
    return make_frame()


def normalized(frame: Frame, points: np.ndarray) -> np.ndarray:
    low, high = frame.box.numpy()
    return (points - low) / (high - low)


def test_surface_of_a_ball(ball: Frame) -> None:
    mesh = extract_mesh(ball, MeshOptions(resolution=48, level=50.0))
    radius = np.linalg.norm(normalized(ball, mesh.vertices) - CENTER, axis=1)
    np.testing.assert_allclose(radius, RADIUS, atol=0.002)
    assert mesh.vertices.dtype == mesh.normals.dtype == np.float32 and mesh.faces.dtype == np.int32
    assert mesh.colors.shape == mesh.vertices.shape and mesh.colors.dtype == np.uint8


def test_normals_and_triangles_face_outwards(ball: Frame) -> None:
    mesh = extract_mesh(ball, MeshOptions(resolution=32, level=50.0))
    outwards = mesh.vertices - mesh.vertices.mean(axis=0)
    assert ((mesh.normals * outwards).sum(1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    size = np.prod(ball.box[1].numpy() - ball.box[0].numpy())
    assert volume == pytest.approx(size * 4 / 3 * np.pi * RADIUS**3, rel=0.03)


def test_triangles_are_closed_even_where_the_box_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_density", lambda frame, points: torch.full((len(points),), 70.0))
    mesh = extract_mesh(make_frame(), MeshOptions(resolution=16, level=35.0))
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_colors_are_those_seen_from_outside() -> None:
    frame = make_frame()
    mesh = extract_mesh(frame, MeshOptions(resolution=24))
    points = torch.from_numpy(normalized(frame, mesh.vertices[:50]).astype(np.float32)).clamp(0, 1)
    with torch.no_grad():
        colors = query_color(frame, points, query_features(frame, points), -torch.from_numpy(mesh.normals[:50]))
    assert np.abs(colors.numpy() * 255 - mesh.colors[:50]).max() <= 1.01
    assert mesh.colors.std() > 1


def test_unoccupied_cells_are_empty(ball: Frame) -> None:
    ball.occupancy[: ball.occupancy.shape[0] // 2] = False
    mesh = extract_mesh(ball, MeshOptions(resolution=48, level=50.0))
    x = normalized(ball, mesh.vertices)[:, 0]
    assert x.min() == pytest.approx(0.5, abs=1 / 24) and x.max() == pytest.approx(0.8, abs=0.01)


def test_only_occupied_nodes_are_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[int] = []

    def density_of_one(frame: Frame, points: torch.Tensor) -> torch.Tensor:
        evaluated.append(len(points))
        return torch.ones(len(points))

    monkeypatch.setattr(module, "_density", density_of_one)
    frame = make_frame()
    frame.occupancy[:] = False
    frame.occupancy[2, 2, 3] = True
    density, spacing = sample_density(frame, 40, lambda part: None, CancelToken())
    assert sum(evaluated) == density.sum() < 0.05 * density.size
    size = (frame.box[1] - frame.box[0]).numpy()
    np.testing.assert_allclose(np.array(spacing) * (np.array(density.shape) - 1), size, rtol=1e-5)
    assert max(density.shape) == 41 and max(spacing) < 1.15 * min(spacing), "voxels are nearly cubes"


def test_occupied_nodes_by_hand() -> None:
    cells = np.array([True, False, False, True]).reshape(4, 1, 1)
    touched = occupied_nodes(cells, (9, 2, 2))  # nodes at 0, 0.5, ..., 4 cells
    np.testing.assert_array_equal(touched[:, 0, 0], [1, 1, 1, 0, 0, 0, 1, 1, 1])


def test_no_surface_is_explained_with_the_range_of_densities(ball: Frame) -> None:
    largest = sample_density(ball, 16, lambda part: None, CancelToken())[0].max()
    assert 90 < largest < 100, "next to CENTER"
    with pytest.raises(InputError) as refused:
        extract_mesh(ball, MeshOptions(resolution=16, level=500.0))
    assert str(refused.value) == (
        f"mesh: frame 0 has no surface at the density 500/m: its densities are 0/m to {largest:.4g}/m; "
        "choose a lower density or another frame"
    )
    ball.occupancy[:] = False
    with pytest.raises(InputError, match=r"no surface at the density .*/m: its densities are 0/m to 0/m"):
        extract_mesh(ball, MeshOptions(resolution=16))


@pytest.mark.parametrize("level", [40.0, 80.0])
def test_the_level_moves_the_surface(ball: Frame, level: float) -> None:
    mesh = extract_mesh(ball, MeshOptions(resolution=48, level=level))
    radius = np.linalg.norm(normalized(ball, mesh.vertices) - CENTER, axis=1)
    assert np.abs(radius - 0.6 * (1 - level / 100)).max() < 0.01


def test_default_level_by_hand() -> None:
    frame = make_frame()
    step = np.linalg.norm((frame.box[1] - frame.box[0]).numpy()) / 96
    assert np.exp(-default_level(frame) * 2 * step) == pytest.approx(0.5)


@pytest.mark.parametrize(("resolution", "level"), [(7, None), (2000, None), (64, 0.0), (64, float("nan"))])
def test_impossible_options_are_refused(resolution: int, level: float | None) -> None:
    with pytest.raises(InputError):
        MeshOptions(resolution, level)


def test_points_lie_on_the_surface_and_are_even(ball: Frame) -> None:
    mesh = extract_mesh(ball, MeshOptions(resolution=32, level=50.0))
    cloud = sample_points(ball, mesh, 5000)
    assert len(cloud.vertices) == 5000 and len(cloud.faces) == 0
    place = normalized(ball, cloud.vertices) - CENTER
    np.testing.assert_allclose(np.linalg.norm(place, axis=1), RADIUS, atol=0.01)
    areas = np.bincount((place > 0) @ [1, 2, 4], minlength=8)
    assert areas.min() > 0.8 * 5000 / 8, "each octant gets its share"
    assert ((cloud.normals * place).sum(1) > 0).all()


def test_progress_and_cancelling(ball: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2000)
    parts: list[float] = []
    extract_mesh(ball, MeshOptions(resolution=32, level=50.0), parts.append)
    assert parts == sorted(parts) and parts[-1] == 1.0 and len(parts) > 5
    token = CancelToken()
    with pytest.raises(RenderCancelled):
        extract_mesh(ball, MeshOptions(resolution=32, level=50.0), lambda part: token.cancel(), token)


def test_export_of_a_range(tmp_path: Path) -> None:
    video = make_video(num_frames=4)
    options, seen = MeshOptions(resolution=16), []
    files = export_meshes(
        video, tmp_path / "m.ply", (1, 3), options, progress=lambda done, total, part: seen.append((done, total))
    )
    assert [p.name for p in files] == ["m-000001.ply", "m-000002.ply"] == sorted(p.name for p in tmp_path.iterdir())
    assert seen[-1] == (2, 2)
    assert export_meshes(video, tmp_path / "one.glb", (0, 1), options) == [tmp_path / "one.glb"]
    (cloud,) = export_meshes(video, tmp_path / "cloud.ply", (0, 1), options, points=100)
    assert b"element vertex 100" in cloud.read_bytes() and b"element face" not in cloud.read_bytes()
    for output, frames, points in (("m.obj", (0, 1), None), ("m.ply", (0, 9), None), ("m.ply", (0, 1), 0)):
        with pytest.raises(InputError):
            export_meshes(video, tmp_path / output, frames, options, points)
