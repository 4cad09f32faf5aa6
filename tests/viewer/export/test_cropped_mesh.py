"""Meshes and point clouds of cropped videos and of scenes: a ball whose volume and areas are known."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from model.frame import Frame
from model.placement import Placement
from model.scene import Box, PlacedVideo, Scene
from model.video import VolumetricVideo
from renderer.backend import CancelToken
from tests.factories import make_video
from viewer.export import mesh_export
from viewer.export import mesh_extraction as module
from viewer.export.mesh import Mesh, MeshOptions
from viewer.export.mesh_extraction import NoSurface, extract_mesh, occupied_nodes, sample_density, sample_points
from viewer.export.placed_mesh import extract_placed

pytest.importorskip("skimage")

CENTER, RADIUS = np.array([0.0, 0.2, 1.0]), 0.5
"""Of the ball, meters."""

OPTIONS = MeshOptions(resolution=40, level=50.0)


@pytest.fixture
def ball(monkeypatch: pytest.MonkeyPatch) -> VolumetricVideo:
    """Return a video of three equal frames, whose density is 100 (1 - r) with r meters from CENTER: 50 at RADIUS."""

    def density(frame: Frame, points: torch.Tensor) -> torch.Tensor:
        places = frame.box[0] + points * (frame.box[1] - frame.box[0])
        return torch.relu(100 * (1 - torch.linalg.vector_norm(places - torch.tensor(CENTER, dtype=torch.float32), dim=1)))

    monkeypatch.setattr(module, "_density", density)
    return make_video(occupied=2.0)


def box_of(low: tuple[float, float, float], high: tuple[float, float, float]) -> Box:
    return low, high


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def is_closed(mesh: Mesh) -> bool:
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return bool((np.unique(edges, axis=0, return_counts=True)[1] == 2).all())


def assert_inside(points: np.ndarray, crop: Box) -> None:
    low, high = np.asarray(crop, np.float32)
    assert (points >= low).all() and (points <= high).all()


def test_half_of_a_ball_is_cut_at_the_face_of_the_crop_box(ball: VolumetricVideo) -> None:
    crop = box_of((-2, -2, -2), (2, 2, 1.0))
    mesh = extract_mesh(ball.decode(0.0), OPTIONS, crop=crop)
    assert_inside(mesh.vertices, crop)
    cap = mesh.vertices[:, 2] == 1.0
    assert cap.any() and np.linalg.norm(mesh.vertices[~cap] - CENTER, axis=1) == pytest.approx(RADIUS, abs=0.004)
    assert volume(mesh) == pytest.approx(2 / 3 * np.pi * RADIUS**3, rel=0.03) and is_closed(mesh)
    middle = cap & (np.linalg.norm(mesh.vertices - CENTER, axis=1) < 0.3)
    assert mesh.normals[middle][:, 2] == pytest.approx(1.0, abs=0.02), "the cut looks outwards"


def test_nothing_lies_outside_any_crop_box(ball: VolumetricVideo) -> None:
    rng = random.Random(random.SystemRandom().randrange(1 << 32))
    frame = ball.decode(0.0)
    for _ in range(8):
        middle = CENTER + [rng.uniform(-0.3, 0.3) for _ in range(3)]
        size = np.array([rng.uniform(0.05, 1.2) for _ in range(3)])
        crop = box_of(tuple((middle - size / 2).tolist()), tuple((middle + size / 2).tolist()))  # type: ignore[arg-type]
        mesh = extract_mesh(frame, MeshOptions(resolution=16, level=50.0), crop=crop)
        assert_inside(mesh.vertices, crop)
        assert_inside(sample_points(frame, mesh, 300).vertices, crop)
        a, b, c = (mesh.faces[:, i] for i in range(3))
        assert ((a != b) & (b != c) & (c != a)).all() and np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert is_closed(mesh), crop


def test_a_box_inside_of_the_ball_becomes_a_box(ball: VolumetricVideo) -> None:
    crop = box_of((-0.1, 0.1, 0.8), (0.1, 0.3, 1.2))
    mesh = extract_mesh(ball.decode(0.0), MeshOptions(resolution=8, level=50.0), crop=crop)
    assert volume(mesh) == pytest.approx(0.2 * 0.2 * 0.4, rel=1e-4) and is_closed(mesh)
    assert mesh.vertices.min(0) == pytest.approx(crop[0]) and mesh.vertices.max(0) == pytest.approx(crop[1])


def test_without_a_crop_box_nothing_lies_outside_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_density", lambda frame, points: torch.full((len(points),), 70.0))
    frame = make_video(occupied=2.0).decode(0.0)
    mesh = extract_mesh(frame, MeshOptions(resolution=16, level=35.0))
    low, high = frame.box.numpy()
    assert (mesh.vertices >= low).all() and (mesh.vertices <= high).all()
    assert volume(mesh) == pytest.approx(float(np.prod(high - low)), rel=1e-4)


def test_normals_of_flat_voxels_follow_the_ball(ball: VolumetricVideo) -> None:
    crop = box_of((-0.7, -0.7, 0.995), (0.7, 0.9, 1.005))  # three nodes along z
    mesh = extract_mesh(ball.decode(0.0), OPTIONS, crop=crop)
    side = np.abs(mesh.vertices[:, 2] - 1.0) < 1e-4
    outwards = (mesh.vertices[side] - CENTER) / RADIUS
    assert side.any() and (mesh.normals[side] * outwards).sum(1).min() > 0.98


def test_cropped_nodes_by_hand() -> None:
    cells = np.array([True, False, False, True]).reshape(4, 1, 1)
    touched = occupied_nodes(cells, (5, 2, 2), ((0.25, 0, 0), (0.75, 1, 1)))  # nodes at 1, 1.5, ..., 3 cells
    np.testing.assert_array_equal(touched[:, 0, 0], [1, 0, 0, 0, 1])


def test_what_a_crop_box_leaves_empty_is_explained(ball: VolumetricVideo) -> None:
    frame = ball.decode(0.0)
    with pytest.raises(NoSurface, match="crop box contains nothing of frame 0"):
        extract_mesh(frame, OPTIONS, crop=box_of((5, 5, 5), (6, 6, 6)))
    with pytest.raises(NoSurface, match="frame 0 has no surface at the density 50/m"):
        extract_mesh(frame, OPTIONS, crop=box_of((0.55, 0.75, 1.5), (0.6, 0.8, 1.6)))
    point = np.zeros((3, 3), np.float32)
    with pytest.raises(NoSurface, match="no area"):
        sample_points(frame, Mesh(point, point, point.astype(np.uint8), np.array([[0, 1, 2]], np.int32)), 4)


def test_a_grid_beyond_the_memory_is_refused_before_it_is_made(ball: VolumetricVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.memory.available_memory", lambda: 10_000_000)
    with pytest.raises(InputError, match=r"mesh resolution 1024: needs about .* GB of memory"):
        sample_density(ball.decode(0.0), 1024, lambda part: None, CancelToken())


def test_videos_of_a_scene_are_cropped_and_placed(ball: VolumetricVideo) -> None:
    below, above = box_of((-2, -2, -2), (2, 2, 1.0)), box_of((-2, -2, 1.0), (2, 2, 4))
    parts = [
        (PlacedVideo(ball, crop=below), 0.0),
        (PlacedVideo(ball, Placement((3.0, 0, 0), (0, 0, 90), 2.0), above), 1.0),
        (PlacedVideo(ball, crop=box_of((5, 5, 5), (6, 6, 6))), 0.0),
    ]
    mesh = extract_placed(parts, OPTIONS)
    first = mesh.vertices[:, 0] < 1
    assert mesh.vertices[first][:, 2].max() == 1.0 and mesh.vertices[~first][:, 2].min() == pytest.approx(2.0, abs=1e-6)
    center = np.array([3 - 2 * CENTER[1], 2 * CENTER[0], 2 * CENTER[2]])  # turned about z, doubled, moved
    distance = np.linalg.norm(mesh.vertices[~first] - center, axis=1)
    assert distance.max() == pytest.approx(2 * RADIUS, abs=0.01)
    assert volume(mesh) == pytest.approx((1 + 8) * 2 / 3 * np.pi * RADIUS**3, rel=0.03) and is_closed(mesh)
    cloud = extract_placed(parts, OPTIONS, 5000)
    share = (cloud.vertices[:, 0] < 1).mean()
    assert len(cloud.vertices) == 5000 and share == pytest.approx(1 / 5, abs=0.01), "areas are one to four"
    for part in parts[2:]:
        with pytest.raises(NoSurface):
            extract_placed([part], OPTIONS)


def test_the_fault_of_a_scene_has_the_densities_of_its_densest_video(ball: VolumetricVideo) -> None:
    parts = [
        (PlacedVideo(ball, crop=crop), 0.0)
        for crop in (box_of((-2, -2, -2), (-0.5, 2, 1.0)), box_of((-2, -2, -2), (2, 2, 1.0)), box_of((5, 5, 5), (6, 6, 6)))
    ]
    with pytest.raises(NoSurface) as refused:
        extract_placed(parts, MeshOptions(resolution=40, level=500.0))
    with pytest.raises(NoSurface) as whole:
        extract_placed(parts[1:2], MeshOptions(resolution=40, level=500.0))
    assert str(refused.value) == str(whole.value) and refused.value.largest > 80


def test_exports_give_each_video_its_frame_and_its_crop_box(
    ball: VolumetricVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = box_of((-2, -2, -2), (2, 2, 1.0))
    files = mesh_export.export_meshes(ball, tmp_path / "a.ply", (0, 1), OPTIONS, crop=crop)
    assert files[0].read_bytes() != mesh_export.export_meshes(ball, tmp_path / "b.ply", (0, 1), OPTIONS)[0].read_bytes()
    late = PlacedVideo(ball, Placement(time_offset=1 / 30), crop)
    hidden = PlacedVideo(ball, visible=False)
    seen: list[list[tuple[PlacedVideo, float]]] = []

    def extract(parts: list[tuple[PlacedVideo, float]], *_: object) -> Mesh:
        seen.append(parts)
        return extract_mesh(ball.decode(0.0), MeshOptions(resolution=8, level=50.0))

    monkeypatch.setattr("viewer.export.placed_mesh.extract_placed", extract)
    scene = Scene((PlacedVideo(ball), late, hidden))
    mesh_export.export_meshes(scene, tmp_path / "c.ply", (2, 4), OPTIONS)
    assert seen == [[(scene.videos[0], 2.0), (late, 1.0)], [(scene.videos[0], 2.0), (late, 2.0)]]
    with pytest.raises(InputError, match="no visible video"):
        mesh_export.export_meshes(Scene((hidden,)), tmp_path / "d.ply", (0, 1), OPTIONS)
