"""Carve hulls of a ball whose masks are known exactly, and find their boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from model.camera import Camera
from tests.training.scenes import BALL_CENTER, BALL_RADIUS, ball_capture, ball_mask, ring
from training.captures.boxes import consistent_hull, frame_box, frame_boxes
from training.captures.hull import carve_hull, hull_box, mask_coverage, mask_distance, seen_space
from training.captures.opening import open_capture
from training.captures.procedural_scene import render_scene, scene_at, surface_points
from training.make_capture import CaptureSize, ring_of_cameras

BOX = np.stack([BALL_CENTER - 1, BALL_CENTER + 1])


def masks(cameras: list[Camera]) -> list[np.ndarray]:
    return [ball_mask(camera).astype(np.uint8) for camera in cameras]


def centers(resolution: int) -> np.ndarray:
    axes = (np.arange(resolution) + 0.5) / resolution
    return BOX[0] + np.stack(np.meshgrid(axes, axes, axes, indexing="ij"), axis=-1) * 2


def test_the_hull_holds_the_ball_and_little_more() -> None:
    cameras = ring(12, 96)
    hull = carve_hull(cameras, masks(cameras), BOX, 32, margin=0)
    distance = np.linalg.norm(centers(32) - BALL_CENTER, axis=-1)
    assert hull[distance < BALL_RADIUS].all()
    assert not hull[distance > BALL_RADIUS + 0.25].any()


def test_any_point_seen_on_every_mask_is_in_the_hull() -> None:
    cameras = ring(5, 40)
    hull = carve_hull(cameras, masks(cameras), BOX, 48, margin=0)
    points = np.random.default_rng().uniform(BOX[0], BOX[1], (4000, 3))
    inside = np.ones(len(points), dtype=bool)
    for camera, mask in zip(cameras, masks(cameras), strict=True):
        column, row = np.floor(camera.project(points)[0]).astype(int).T
        visible = (column >= 0) & (column < 40) & (row >= 0) & (row < 40)
        inside &= visible & (mask[row.clip(0, 39), column.clip(0, 39)] > 0)
    cells = np.floor((points - BOX[0]) / 2 * 48).astype(int)
    assert inside.sum() > 20
    assert hull[tuple(cells[inside].T)].all()


def test_a_margin_only_adds() -> None:
    cameras = ring(6, 40)
    tight, wide = (carve_hull(cameras, masks(cameras), BOX, 32, margin) for margin in (0.0, 3.0))
    assert (wide | ~tight).all() and wide.sum() > tight.sum()


def test_what_no_view_sees_stays_unless_views_are_asked_for() -> None:
    away = Camera.look_at((9, 0, 0), (20, 0, 0), (0, 0, 1), 0.6, 40, 40)
    empty = [np.zeros((40, 40), np.uint8)]
    assert carve_hull([away], empty, BOX, 16, 0).all()
    assert not carve_hull([away], empty, BOX, 16, 0, min_views=1).any()


def test_an_empty_mask_carves_everything_it_sees() -> None:
    cameras = ring(4, 40)
    assert not carve_hull(cameras, [np.zeros((40, 40), np.uint8)] * 4, hull_box(np.ones((2, 2, 2), bool), BOX / 4), 16, 5).any()


def test_distances_to_a_mask() -> None:
    mask = np.zeros((5, 7), np.uint8)
    mask[2, 3] = 255
    distance = mask_distance(mask)
    assert distance[2, 3] == 0 and distance[2, 5] == pytest.approx(2, abs=0.1) and distance[0, 3] == pytest.approx(2, abs=0.1)
    assert mask_distance(np.zeros((3, 3), np.uint8)).min() > 1e6


def test_the_box_of_a_hull_by_hand() -> None:
    hull = np.zeros((4, 4, 4), bool)
    hull[1, 2, 0] = hull[2, 2, 3] = True
    np.testing.assert_allclose(hull_box(hull, np.array([[0, 0, 0], [4, 8, 4]])), [[1, 4, 0], [3, 6, 4]])
    np.testing.assert_allclose(hull_box(np.zeros((2, 2, 2), bool), BOX), BOX)


def test_the_box_of_a_hull_keeps_its_precision() -> None:
    hull = np.zeros((3, 3, 3), bool)
    hull[1, 1, 1] = True
    assert hull_box(hull, BOX.astype(np.float32)).dtype == np.float32


def test_the_seen_space_is_around_what_the_cameras_look_at() -> None:
    space = seen_space(ring(8))
    np.testing.assert_allclose(space.mean(0), BALL_CENTER, atol=1e-6)
    assert 2.9 < (space[1, 0] - space[0, 0]) / 2 < 3.3


def test_boxes_from_vertices(tmp_path: Path) -> None:
    folder = ball_capture(tmp_path / "ball")
    (folder / "vertices").mkdir()
    np.save(folder / "vertices" / "000000.npy", np.array([[0, 0, 0], [1, 2, 3.0]]))
    np.save(folder / "vertices" / "000001.npy", np.array([[-1, 0, 0], [1, 1, 4.0]]))
    capture = open_capture(folder)
    np.testing.assert_allclose(frame_box(capture, 0, 0.1), [[-0.1, -0.1, -0.1], [1.1, 2.1, 3.1]])
    union = frame_boxes(capture, range(2), 0.0, union=True)
    np.testing.assert_allclose(union, [[[-1, 0, 0], [1, 2, 4]]] * 2)


def test_boxes_from_masks(tmp_path: Path) -> None:
    capture = open_capture(ball_capture(tmp_path / "ball", count=10, size=64))
    box = frame_box(capture, 0, 0.0)
    exact = np.stack([BALL_CENTER - BALL_RADIUS, BALL_CENTER + BALL_RADIUS])
    assert (box[0] <= exact[0] + 0.02).all() and (box[1] >= exact[1] - 0.02).all()  # a pixel is 0.03 m wide
    assert np.abs(box - exact).max() < 0.25


def narrow_cameras(count: int, height: int = 96) -> list[Camera]:
    """Return cameras around the procedural scene that see little more than it, so that few of them see the space around it."""
    size = CaptureSize(frames=1, cameras=count, width=64, height=height)
    return ring_of_cameras(size, [surface_points(scene_at(0.1))])


def test_four_cameras_give_a_tight_box() -> None:
    cameras, points = narrow_cameras(4), surface_points(scene_at(0.1))
    seen = [(255 * (render_scene(scene_at(0.1), camera, 2)[..., 3] >= 0.5)).astype(np.uint8) for camera in cameras]
    box = seen_space(cameras)
    assert consistent_hull(cameras, seen, box)[0] == 4
    half = hull_box(carve_hull(cameras, seen, box, 64, 0.5, min_views=2), box)
    tight = hull_box(carve_hull(cameras, seen, box, 64, 0.5, min_views=4), box)
    assert (tight[0] <= points.min(0)).all() and (tight[1] >= points.max(0)).all()
    assert np.prod(tight[1] - tight[0]) < 0.5 * np.prod(half[1] - half[0])


def test_parts_that_some_cameras_do_not_see_are_not_cut_off() -> None:
    """Two of eight cameras see only the upper half. All views together would cut off the legs."""
    points = surface_points(scene_at(0.1))
    cameras = narrow_cameras(8)
    for index in (2, 5):
        full = cameras[index]
        cameras[index] = Camera(full.width, full.height // 2, full.K, full.R, full.T)
    seen = [(255 * (render_scene(scene_at(0.1), camera, 2)[..., 3] >= 0.5)).astype(np.uint8) for camera in cameras]
    box = seen_space(cameras)
    views, _ = consistent_hull(cameras, seen, box)
    assert views == 6
    found = hull_box(carve_hull(cameras, seen, box, 64, 0.5, views), box)
    assert found[0, 2] <= points[:, 2].min() and found[1, 2] >= points[:, 2].max()


def test_coverage_is_the_share_of_the_mask() -> None:
    camera = Camera.look_at((0, -4, 0), (0, 0, 0), (0, 0, 1), 0.6, 80, 80)
    cube, box = np.ones((16, 16, 16), dtype=bool), np.array([[-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]])
    full = np.full((80, 80), 255, np.uint8)
    side = 2 * camera.project([0.5, -0.5, 0])[0][0] - 80  # of the nearest face's image
    share = mask_coverage([camera], [full], cube, box)[0]
    assert (side / 80) ** 2 <= share < ((side + 6) / 80) ** 2
    assert mask_coverage([camera], [full], ~cube, box)[0] == 0
    assert mask_coverage([camera], [np.zeros_like(full)], cube, box)[0] == 1


def test_masks_without_common_space_are_refused(tmp_path: Path) -> None:
    folder = ball_capture(tmp_path / "ball")
    for index in range(6):
        path = folder / "mask" / f"{index:02d}" / "000001.png"
        Image.new("L", (48, 48)).save(path)
    with pytest.raises(InputError, match="masks of frame 1"):
        frame_box(open_capture(folder), 1)
