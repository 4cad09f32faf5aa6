"""The training views in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from model.camera import Camera
from tests.training.scenes import BALL_CENTER, BALL_RADIUS, ball_capture, ball_mask, ring
from training.captures.opening import open_capture
from training.config import DataConfig, RayConfig, TrainingConfig
from training.loop.dataset import Dataset, letterbox, projected_bounds
from training.loop.scene import selected_frames

BOX = np.stack([BALL_CENTER - BALL_RADIUS, BALL_CENTER + BALL_RADIUS]).astype(np.float32)


def dataset(folder: Path, **rays: object) -> Dataset:
    config = TrainingConfig(rays=RayConfig(**rays))  # type: ignore[arg-type]
    capture = open_capture(folder)
    return Dataset(capture, config, range(capture.num_frames), np.stack([BOX] * capture.num_frames))


def test_frames_contain_the_training_views(tmp_path: Path) -> None:
    data = dataset(ball_capture(tmp_path), region="mask", dilation=2.0)
    assert data.views == [0, 2, 3, 4, 5]
    views = data.frame(0, half=False)
    assert views.pixels.shape == (5, 48, 48, 4)
    mask = ball_mask(ring()[2])
    np.testing.assert_array_equal(views.pixels[1, :, :, 3].numpy() > 0, mask)
    assert len(views.foreground.index) == sum(int(ball_mask(ring()[i]).sum()) for i in data.views)
    assert views.dilated is not None and len(views.dilated.index) > len(views.foreground.index)
    assert views.face is None


def test_half_size_halves_pixels_and_cameras(tmp_path: Path) -> None:
    data = dataset(ball_capture(tmp_path))
    assert data.frame(1, half=True).pixels.shape == (5, 24, 24, 4)
    full, half = data.cameras(False)[0], data.cameras(True)[0]
    np.testing.assert_allclose(half.K[:2], full.K[:2] / 2)
    with ThreadPoolExecutor(2) as pool:
        data.prefetch(True, pool)
    data.forget_half()
    assert data.frame(1, half=True) is not None


def test_a_missing_image_is_reported_before_training(tmp_path: Path) -> None:
    ball_capture(tmp_path)
    (tmp_path / "images/04/000001.png").unlink()
    with pytest.raises(InputError, match=r"images/04/000001\.png: no such file \(frame 1, camera 4\)"):
        dataset(tmp_path)


def test_projected_bounds_by_hand() -> None:
    K = np.array([[10.0, 0, 5], [0, 10, 4], [0, 0, 1]])
    camera = Camera(10, 8, K, np.eye(3), np.zeros(3))
    assert projected_bounds(camera, np.array([[-0.25, -0.125, 1], [0.125, 0.25, 2]], np.float32)) == (2, 2, 7, 7)
    assert projected_bounds(camera, np.array([[-0.2, -0.1, -1], [0.15, 0.25, 2]], np.float32)) == (0, 0, 10, 8)
    assert projected_bounds(camera, np.array([[5, 5, 1], [6, 6, 2]], np.float32)) == (0, 0, 10, 8)
    assert projected_bounds(camera, np.array([[-9, -0.125, 1], [9, 0.125, 1]], np.float32)) == (0, 2, 10, 6)


def test_selected_frames(tmp_path: Path) -> None:
    capture = open_capture(ball_capture(tmp_path, frames=3))
    assert selected_frames(capture, DataConfig()) == range(3)
    assert selected_frames(capture, DataConfig(first_frame=1, num_frames=2)) == range(1, 3)
    for first, count in ((3, None), (1, 3)):
        with pytest.raises(InputError, match="has frames 0 to 2"):
            selected_frames(capture, DataConfig(first_frame=first, num_frames=count))


def test_letterbox_keeps_the_aspect_ratio() -> None:
    image = np.full((30, 60, 3), 200, np.uint8)
    boxed = letterbox(image, 20)
    assert boxed.shape == (20, 20, 3)
    assert (boxed[5:15] == 200).all() and not boxed[:5].any() and not boxed[15:].any()
