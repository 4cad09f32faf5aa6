"""The parts of the check, against OpenCV, the cameras of the renderer, and numbers known in advance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from model.camera import Camera
from tests.training.inspection.rigs import footage, random_rig
from tests.training.scenes import BALL_CENTER, BALL_RADIUS, ball_mask, ring
from training.captures.meta import read_meta
from training.inspection.appearance import color_gains
from training.inspection.camera_model import CameraModel, Rays
from training.inspection.comparison import Comparison
from training.inspection.comparison_findings import unexplained
from training.inspection.consistency import collect, meeting_point
from training.inspection.examine import examine
from training.inspection.findings import Finding, Severity, exit_status
from training.inspection.fix import write_remedies
from training.inspection.hypotheses import size_hypotheses
from training.inspection.measures import measure
from training.inspection.scale import camera_up, nearest_axis
from training.inspection.shared_mistake import GlobalSearch
from training.inspection.silhouette import Silhouette, make_silhouette
from training.inspection.suspects import without_worst
from training.inspection.views import carve


def model_of(camera: Camera, D: tuple[float, ...] = (), fisheye: bool = False) -> CameraModel:
    return CameraModel(camera.width, camera.height, camera.K, camera.R, camera.T, np.array(D), fisheye)


def ball_silhouettes(cameras: list[Camera]) -> list[Silhouette]:
    found = [make_silhouette((ball_mask(c) * 255).astype(np.uint8), 48, c.width, c.height) for c in cameras]
    return [silhouette for silhouette in found if silhouette is not None]


@pytest.fixture
def camera() -> Camera:
    return ring(count=3, size=64)[1]


def test_projection_agrees_with_the_renderer(camera: Camera) -> None:
    points = BALL_CENTER + np.random.default_rng().normal(0, 0.3, (50, 3))
    x, y, front = model_of(camera).project(points.T.astype(np.float32))
    assert front.all()
    assert np.stack([x, y], axis=1) == pytest.approx(camera.project(points)[0], abs=2e-3)


@pytest.mark.parametrize(
    "D", [(-0.2, 0.05, 0.01, -0.02), (0.1, 0.0, 0.0, 0.0, -0.03), (0.1, 0.02, 0.01, 0.0, 0.0, 0.05, 0.0, 0.01)]
)
def test_distortion_agrees_with_opencv_and_is_undone(camera: Camera, D: tuple[float, ...]) -> None:
    model = model_of(camera, D)
    points = BALL_CENTER + np.random.default_rng().normal(0, 0.2, (40, 3))
    x, y, _ = model.project(points.T.astype(np.float32))
    expected = cv2.projectPoints(points, cv2.Rodrigues(camera.R)[0], camera.T, camera.K, np.array(D))[0][:, 0]
    assert np.stack([x, y], axis=1) == pytest.approx(expected, abs=5e-3)
    toward = (points - camera.center) / np.linalg.norm(points - camera.center, axis=1, keepdims=True)
    assert model.directions(np.stack([x, y], axis=1).astype(float)) == pytest.approx(toward, abs=1e-4)


def test_fisheye_agrees_with_opencv(camera: Camera) -> None:
    D = (0.05, -0.01, 0.003, 0.001)
    points = BALL_CENTER + np.random.default_rng().normal(0, 0.3, (40, 3))
    x, y, _ = model_of(camera, D, fisheye=True).project(points.T.astype(np.float32))
    rotation = cv2.Rodrigues(camera.R)[0]
    expected = cv2.fisheye.projectPoints(points[:, None], rotation, camera.T, camera.K, np.array(D))[0][:, 0]
    assert np.stack([x, y], axis=1) == pytest.approx(expected, abs=5e-3)


def test_points_behind_a_camera_are_not_seen(camera: Camera) -> None:
    behind = camera.center - camera.R[2]
    assert not model_of(camera).project(behind[:, None].astype(np.float32))[2].any()


@pytest.mark.parametrize(("D", "fisheye"), [((), False), ((-0.2, 0.05, 0.01, -0.02), False), ((0.05, -0.01, 0.0, 0.0), True)])
def test_points_on_rays_are_projected_like_single_points(camera: Camera, D: tuple[float, ...], fisheye: bool) -> None:
    random = np.random.default_rng()
    starts, directions = BALL_CENTER[:, None, None] + random.normal(0, 0.1, (3, 2, 5)), random.normal(size=(3, 2, 5))
    directions /= np.linalg.norm(directions, axis=0)
    rays = Rays(*(v.astype(np.float32) for v in (starts, directions, random.uniform(-4, 4, (7, 2, 5)))))
    halved = np.diag([0.5, 0.5, 1.0])
    found = model_of(camera, D, fisheye).project(rays, halved)
    x, y, front = model_of(camera, D, fisheye).project(rays.points)
    assert found[0].shape == (7, 2, 5) and np.array_equal(found[2], front) and front.any()
    exact = front & (np.abs(x) < 1e4)  # points beside the camera are not
    assert np.stack(found[:2])[:, exact] == pytest.approx(np.stack([x, y])[:, exact] / 2, rel=1e-3, abs=1e-2)


def test_distances_from_a_mask_by_hand() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :20] = 255
    silhouette = make_silhouette(mask, 8, 120, 80)  # of an image with twice as many pixels along each side
    assert silhouette is not None
    columns, rows = np.array([[10, 41, 51, 119.9, -0.1, 10]]), np.array([[10, 10, 10, 10, 10, 80.1]])
    x, y, _ = silhouette.pixels @ np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)
    found = silhouette.outside(x.astype(np.float32), y.astype(np.float32)) * silhouette.radius
    # The first pixel outside is 1 pixel away, and outlines are exact to 0.75 pixels. Distances are limited to 0.4 radii.
    assert found[:4] == pytest.approx([0, 0.25, 5.25, 0.4 * silhouette.radius], abs=2e-3)
    assert (found[4:] < 0).all()


def test_gaps_above_a_limit_are_only_bounded() -> None:
    found = footage(random_rig("two rings", 8, 3, 48))
    search = GlobalSearch(Comparison(found, [0, 12], 24), found.reading)
    for flip in ("horizontal", "both"):
        exact = search.gap(lambda reading, flip=flip: replace(reading, flip=flip))
        assert search.gap(lambda reading, flip=flip: replace(reading, flip=flip), exact) == exact
        bound = search.gap(lambda reading, flip=flip: replace(reading, flip=flip), exact / 50)
        assert exact / 50 < bound < exact


def test_rays_of_a_ball_meet_in_its_center_and_have_no_gaps() -> None:
    cameras = ring(count=7, size=96)
    models, silhouettes = [model_of(c) for c in cameras], ball_silhouettes(cameras)
    point, distances = meeting_point(models, silhouettes)
    assert point == pytest.approx(BALL_CENTER, abs=0.02) and distances.max() < 0.03
    evidence = collect(models, silhouettes)
    everyone = np.arange(7)
    assert evidence.gaps(everyone).max() < 0.02
    without = evidence.gaps_without_each(everyone)
    for left_out in range(7):
        rest = np.delete(everyone, left_out)
        assert without[rest, :, left_out] == pytest.approx(evidence.gaps(rest), abs=1e-6)


def test_a_gap_is_the_distance_from_the_mask() -> None:
    cameras = ring(count=5, size=96)
    silhouettes = ball_silhouettes(cameras)
    K = cameras[2].K + np.array([[0, 0, 6.0], [0, 0, 0], [0, 0, 0]])  # its mask is 6 pixels off
    models = [model_of(c) for c in cameras]
    models[2] = replace(models[2], K=K)
    gaps = collect(models, silhouettes).gaps(np.arange(5))
    assert 1 < gaps[2].max() * silhouettes[2].radius < 6.5


@pytest.mark.slow
def test_the_hull_of_a_ball(camera: Camera) -> None:
    found = footage(random_rig("dome", 10, 1, 64))
    scene = Comparison(found, [0], 24).scene(0, found.reading, range(10))
    assert scene is not None
    cameras = ring(count=12, size=96)
    ball = replace(scene, models=[model_of(c) for c in cameras], silhouettes=ball_silhouettes(cameras))
    hull = carve(ball, BALL_CENTER - 0.6, BALL_CENTER + 0.6, ignored=0)
    distances = np.linalg.norm(hull.points - BALL_CENTER, axis=1)
    assert BALL_RADIUS - 0.06 < distances.max() < 1.35 * BALL_RADIUS
    assert len(hull.points) * hull.cell**3 > 0.9 * 4 / 3 * np.pi * BALL_RADIUS**3


@pytest.mark.slow
def test_planted_gains_are_measured() -> None:
    planted = {2: np.array([1.3, 1.0, 0.8])}
    found = footage(random_rig("two rings", 10, 3, 128))
    report = examine(found)
    scene = report.comparison.scene(0, found.reading, range(10))
    assert scene is not None and report.size is not None
    images = [np.asarray(found.image(0, i)) for i in range(10)]
    points = carve(scene, report.size.low, report.size.high, ignored=0).points
    plain = color_gains(scene, images, points)
    images[2] = np.clip(images[2] * planted[2], 0, 255).astype(np.uint8)
    assert color_gains(scene, images, points)[2] / plain[2] == pytest.approx(planted[2], rel=0.08)


@pytest.mark.slow
def test_unusual_files_and_images_are_reported() -> None:
    found = footage(random_rig("two rings", 8, 3, 96))
    image = found.image

    def changed(frame: int, camera: int) -> np.ndarray | None:
        pixels = image(frame, camera)
        if pixels is None:
            return None
        return (
            cv2.GaussianBlur(pixels, (0, 0), 4).astype(np.uint8) if camera == 2 else (pixels // 20 if camera == 5 else pixels)
        )

    faulty = replace(
        found,
        image=changed,
        up=np.array([0, 1.0, 0]),
        missing=lambda frame, camera: ["a/b.png"] if (frame, camera) == (3, 1) else [],
        repeats=lambda frame, camera: camera == 4 and frame in (7, 8, 9),
    )
    report = examine(faulty)
    measure(report)
    by_code = {finding.code: finding for finding in report.findings}
    assert "a/b.png" in by_code["missing_files"].title
    assert by_code["frozen"].cameras == ("cam4",) and by_code["up_axis"].remedy == {"up_axis": "z"}
    assert by_code["blurred"].cameras == ("cam2",) and by_code["exposure"].cameras == ("cam5",)
    assert report.status == 3


@pytest.mark.slow
def test_what_depends_on_the_cameras_is_not_known_while_they_disagree() -> None:
    found = replace(footage(random_rig("two rings", 8, 3, 96)), up=np.array([0, 1.0, 0]))
    image = found.image

    def darker_in_one(frame: int, camera: int) -> np.ndarray | None:
        pixels = image(frame, camera)
        return pixels if pixels is None or camera != 2 else pixels // 2

    darker = replace(found, image=darker_in_one)
    codes = {}
    for fault in ([], [unexplained(Severity.UNUSABLE, 0.0, 0.2)]):
        report = examine(darker)
        assert report.cameras_fit
        report.findings += fault
        measure(report)
        codes[report.cameras_fit] = {finding.code for finding in report.findings}
    assert codes == {True: {"up_axis", "color"}, False: {"disagreement"}}


@pytest.mark.parametrize(("factor", "cropped"), [(0.5, False), (0.75, False), (0.9, True), (1.2, True)])
def test_cropping_adds_nothing(factor: float, cropped: bool) -> None:
    found = footage(random_rig("two rings", 4, 3, 48))
    calibrations = [replace(c, K=np.diag([factor, factor, 1]) @ c.K) for c in found.calibrations]
    codes = [h.code for h in size_hypotheses(replace(found, calibrations=tuple(calibrations)), range(4))]
    assert ("crop" in codes) == cropped and "size" in codes


def test_up_is_the_mean_of_the_cameras() -> None:
    up, agreement = camera_up(np.stack([camera.R for camera in ring(count=6)]))
    assert nearest_axis(up) == "z" and agreement > 0.9 and nearest_axis(-up) == "-z"


def test_the_worst_of_many_values_is_left_out() -> None:
    assert without_worst([1.0, 2.0, 3.0, 90.0]) == 2.0 and without_worst([1.0, 3.0]) == 2.0 and without_worst([]) == np.inf


@pytest.mark.parametrize(
    ("severities", "status"),
    [((), 0), ((Severity.NOTE,), 0), ((Severity.NOTE, Severity.SUSPICIOUS), 3), ((Severity.SUSPICIOUS, Severity.UNUSABLE), 2)],
)
def test_the_worst_finding_decides_the_status(severities: tuple[Severity, ...], status: int) -> None:
    assert exit_status([Finding("x", severity, "x.") for severity in severities]) == status


def test_remedies_keep_the_rest_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "meta.yaml"
    file.write_text("# mine\nname: a  # title\npose: world_to_camera\ncameras:\n  '01':\n    flip: both\n# end\nfps: 25\n")
    write_remedies(file, {"pose": "camera_to_world", "cameras": {"01": {"frame_offset": 2}, "02": {"flip": "horizontal"}}})
    text = file.read_text()
    assert "# mine\nname: a  # title\n" in text and "# end\nfps: 25\n" in text and text.count("pose:") == 1
    assert yaml.safe_load(text)["cameras"] == {"01": {"flip": "both", "frame_offset": 2}, "02": {"flip": "horizontal"}}
    meta = read_meta(file)
    assert meta.pose == "camera_to_world" and meta.fps == 25 and meta.cameras["01"].frame_offset == 2


def test_remedies_in_unusual_files(tmp_path: Path) -> None:
    file = tmp_path / "meta.yaml"
    write_remedies(file, {"axes": "opengl"})
    assert yaml.safe_load(file.read_text()) == {"axes": "opengl"}
    file.write_text("{name: x, axes: opencv}")
    write_remedies(file, {"axes": "opengl"})
    assert yaml.safe_load(file.read_text()) == {"name": "x", "axes": "opengl"}


def test_remedies_in_files_of_windows(tmp_path: Path) -> None:
    file = tmp_path / "meta.yaml"
    file.write_bytes(b"# mine\r\nname: x\r\naxes: opencv\r\n")
    write_remedies(file, {"axes": "opengl"})
    assert file.read_bytes() == b"# mine\r\nname: x\r\naxes: opengl\r\n"
    for encoding in ("utf-16", "utf-8-sig"):
        file.write_text("# mine\nname: \u00e9\naxes: opencv\n", encoding=encoding)
        write_remedies(file, {"axes": "opengl"})
        assert yaml.safe_load(file.read_bytes()) == {"name": "\u00e9", "axes": "opengl"} and "# mine" in file.read_text("utf-8")
