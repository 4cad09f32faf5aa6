"""The procedural capture: its layout, its cameras, and the solids it is made of."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments.plan import capture_subject
from model.camera import Camera
from tests.command_runs import run_main
from training.captures.opening import open_capture
from training.captures.procedural_scene import pixel_directions, render_scene, scene_at, surface_points
from training.captures.procedural_shape import Solid
from training.make_capture import CaptureSize, main, make_capture, ring_of_cameras

WHITE, RED = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "capture"
    make_capture(out, CaptureSize(frames=3, cameras=5, width=64, height=48))
    return out


def test_the_capture_reader_reads_it(folder: Path) -> None:
    capture = open_capture(folder)
    assert (capture.num_frames, len(capture.cameras)) == (3, 5)
    assert capture.test_cameras == [1] and capture.train_cameras == [0, 2, 3, 4]
    assert capture.meta.pixel_center == 0.5 and capture.meta.loop
    expected = ring_of_cameras(CaptureSize(3, 5, 64, 48), [surface_points(scene_at(f / 3)) for f in range(3)])
    for camera, made in zip(capture.cameras, expected, strict=True):
        assert (camera.width, camera.height) == (64, 48)
        for name in ("K", "R", "T"):
            np.testing.assert_allclose(getattr(camera, name), getattr(made, name), atol=1e-9)


def test_frames_of_a_repeated_movement_are_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Camera] = []

    def counted(solids: list[Solid], camera: Camera) -> np.ndarray:
        rendered.append(camera)
        return render_scene(solids, camera)

    monkeypatch.setattr("training.make_capture.render_scene", counted)
    make_capture(tmp_path / "repeated", CaptureSize(frames=6, cameras=2, width=16, height=16, speed=3))
    assert len(rendered) == 2 * 2, "two phases, two cameras"
    for kind, suffix in (("images", "jpg"), ("mask", "png")):
        for camera in ("00", "01"):
            files = [(tmp_path / "repeated" / kind / camera / f"{frame:06d}.{suffix}").read_bytes() for frame in range(6)]
            assert files[0] != files[1] and files == 3 * files[:2]


def test_surface_points_project_onto_the_mask_and_fill_it(folder: Path) -> None:
    capture = open_capture(folder)
    for frame in range(3):
        points = capture.vertices(frame)
        assert points is not None
        for index, camera in enumerate(capture.cameras):
            rows, columns = np.nonzero(capture.mask(frame, index))
            pixels, _ = camera.project(points)
            # The outline of the points is that of the mask within one pixel. Half a pixel's shift or a mirror would fail.
            np.testing.assert_allclose(pixels.min(0), [columns.min(), rows.min()], atol=1.3)
            np.testing.assert_allclose(pixels.max(0), [columns.max() + 1, rows.max() + 1], atol=1.3)


def test_a_colored_ball_is_found_where_its_center_projects() -> None:
    camera = Camera.look_at((2.0, -3.0, 1.5), (0.1, 0.2, 0.9), (0, 0, 1), 0.6, 80, 60)
    center = np.array([0.3, 0.1, 1.2])
    ball = Solid("sphere", 0.02 * np.eye(3), center, "plain", (RED, RED))
    alpha = render_scene([ball], camera)[..., 3]
    y, x = np.mgrid[0:60, 0:80] + 0.5
    found = [(x * alpha).sum() / alpha.sum(), (y * alpha).sum() / alpha.sum()]
    np.testing.assert_allclose(found, camera.project(center)[0], atol=0.03)


def test_the_middle_pixels_ray_is_the_optical_axis() -> None:
    camera = Camera.look_at((2.0, -3.0, 1.5), (0, 0, 1), (0, 0, 1), 0.6, 3, 3)
    directions = pixel_directions(camera.pixel_to_world, np.array([1]), np.array([1]))
    np.testing.assert_allclose(directions[0], camera.R[2], atol=1e-12)


def test_coverage_is_that_of_a_half_covered_pixel() -> None:
    K = np.array([[10.0, 0, 2], [0, 10, 2], [0, 0, 1]])
    camera = Camera(4, 4, K, np.eye(3), np.zeros(3))
    # Its face at z = 10 reaches from x = -9 to 0.5: pixel columns 0 and 1 whole, half of column 2.
    box = Solid("cube", np.diag([4.75, 9.0, 1.0]), np.array([-4.25, 0, 11]), "plain", (WHITE, WHITE))
    np.testing.assert_allclose(render_scene([box], camera)[1, :, 3], [1, 1, 0.5, 0])


def test_nearer_solids_hide_farther_ones_in_either_order() -> None:
    camera = Camera.look_at((0, -4, 0), (0, 0, 0), (0, 0, 1), 0.8, 16, 16)
    near = Solid("sphere", np.eye(3) * 0.5, np.array([0, -1.0, 0]), "plain", (RED, RED))
    far = Solid("cube", np.eye(3), np.array([0, 1.0, 0]), "plain", (WHITE, WHITE))
    first, second = render_scene([near, far], camera), render_scene([far, near], camera)
    np.testing.assert_array_equal(first, second)
    assert first[8, 8, 0] > 0.3 and first[8, 8, 1] < 0.3


@pytest.mark.parametrize("kind", ["sphere", "cube"])
def test_intersections_lie_on_the_surface_and_normals_face_the_ray(kind: str) -> None:
    random = np.random.default_rng(3)
    A, c = random.normal(size=(3, 3)) * 0.5 + np.eye(3), random.normal(size=3)
    solid = Solid(kind, A, c, "plain", (RED, RED))  # type: ignore[arg-type]
    origin = c + 8 * np.array([0.48, -0.6, 0.64])
    directions = c + random.normal(size=(500, 3)) - origin
    t = solid.distances(origin, directions)
    hit = np.isfinite(t)
    normals = solid.normals(origin + t[hit, None] * directions[hit])
    assert 30 < hit.sum() < 500
    q = np.linalg.solve(A, (origin + t[hit, None] * directions[hit] - c).T).T
    radius = np.linalg.norm(q, axis=1) if kind == "sphere" else np.abs(q).max(axis=1)
    np.testing.assert_allclose(radius, 1, atol=1e-9)
    assert ((normals * directions[hit]).sum(1) <= 1e-9).all()
    # Rays that miss never get inside: the closest of many points on them is outside.
    steps = np.linspace(0, 3, 400)[:, None, None]
    q = (origin + steps * directions[~hit] - c) @ np.linalg.inv(A).T
    radius = np.linalg.norm(q, axis=-1) if kind == "sphere" else np.abs(q).max(axis=-1)
    assert (radius > 1 - 1e-9).all()


@pytest.mark.parametrize("kind", ["sphere", "cube"])
def test_surface_points_reach_the_extent_of_the_solid(kind: str) -> None:
    A = np.array([[0.5, 0.2, 0], [-0.1, 0.4, 0.3], [0, 0.1, 0.6]])
    points = Solid(kind, A, np.zeros(3), "plain", (RED, RED)).surface_points  # type: ignore[arg-type]
    extent = np.linalg.norm(A, axis=1) if kind == "sphere" else np.abs(A).sum(axis=1)
    np.testing.assert_allclose(points.max(0), extent)
    np.testing.assert_allclose(points.min(0), -extent)


def test_the_movement_loops() -> None:
    start, end = surface_points(scene_at(0.0)), surface_points(scene_at(1.0))
    np.testing.assert_allclose(start, end, atol=1e-6)
    assert np.abs(surface_points(scene_at(0.5)) - start).max() > 0.1


def test_speed_repeats_the_movement_in_other_steps() -> None:
    frames, speed = 7, int(np.random.default_rng().choice([2, 3, 5]))
    slow, fast = CaptureSize(frames, 8).phases, CaptureSize(frames, 8, speed=speed).phases
    assert (
        fast == [slow[frame * speed % frames] for frame in range(frames)] and sorted(fast) == slow
    )  # the same poses, all of them
    assert CaptureSize(40, 8, speed=3).phases[:2] == [0, 0.075] and CaptureSize(6, 8, speed=3).phases == [0, 0.5] * 3


def test_a_fast_capture_moves_further_per_frame_and_has_test_cameras(tmp_path: Path) -> None:
    def distance(speed: int) -> float:
        """Return how far the surface points move from one frame to the next, at most, meters."""
        phases = CaptureSize(20, 4, speed=speed).phases
        moved = [np.abs(surface_points(scene_at(b)) - surface_points(scene_at(a))).max() for a, b in itertools.pairwise(phases)]
        return float(max(moved))

    assert distance(3) > 2 * distance(1)
    assert main([str(tmp_path / "fast"), "--frames", "2", "--cameras", "4", "--size", "16x16", "--speed", "3"]) == 0
    subject = capture_subject(tmp_path / "fast", None, None)  # as experiments.run opens it
    assert subject.name == "juggler_speed_3" and open_capture(tmp_path / "fast").test_cameras == [1]


def test_a_failure_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fail_at_the_third_image(*arguments: object) -> np.ndarray:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return np.zeros((32, 32, 4), dtype=np.float32)

    monkeypatch.setattr("training.make_capture.render_scene", fail_at_the_third_image)
    with pytest.raises(KeyboardInterrupt):
        make_capture(tmp_path / "capture", CaptureSize(2, 2, 32, 32))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        make_capture(tmp_path, CaptureSize(1, 2, 16, 16))
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_a_folder_that_cannot_be_replaced_is_refused_before_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.make_capture.surface_points", None)  # a call would fail
    monkeypatch.chdir(tmp_path)
    for out in (Path(), tmp_path):
        with pytest.raises(InputError, match="is the current folder"):
            make_capture(out, CaptureSize(1, 2, 16, 16))
    (tmp_path / "link").symlink_to(tmp_path / "none")
    with pytest.raises(InputError, match="is a link"):
        make_capture(tmp_path / "link", CaptureSize(1, 2, 16, 16))
    assert [p.name for p in tmp_path.iterdir()] == ["link"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frames", "0"],
        ["--cameras", "1"],
        ["--size", "8x64"],
        ["--size", "64"],
        ["--size", "99999x64"],
        ["--speed", "0"],
        ["--speed", "1001"],
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    result = run_main(main, tmp_path / "out", *arguments)
    assert result.returncode == 2 and list(tmp_path.iterdir()) == []
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out"), "--frames", "1", "--cameras", "2", "--size", "16x24"]) == 0
    assert "1 frame, 2 cameras, 16x24" in capsys.readouterr().out
    assert open_capture(tmp_path / "out").cameras[1].height == 24
