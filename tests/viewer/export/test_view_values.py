"""Depth and opacity as numbers: units, limits, files, and the range of depths of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from model.camera import Camera
from tests.factories import make_camera, make_video
from tests.viewer.fakes import FakeRenderer
from tests.viewer.videos import decode
from viewer.camera_path.path import CameraPath, Keyframe
from viewer.export.record_options import RecordOptions
from viewer.export.recorder import record
from viewer.export.view_values import depth_range_of, value_image, with_depth_range
from viewer.settings import DisplaySettings


def test_depth_is_in_millimeters() -> None:
    depth = np.array([[0.0, 1.2344, 1.2346], [65.535, 65.536, 1e9]], np.float32)
    pixels = value_image("depth", np.zeros((2, 3, 4), np.float32), depth)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, [[0, 1234, 1235], [65535, 65535, 65535]])


def test_opacity_is_gray() -> None:
    rgba = np.zeros((1, 3, 4), np.float32)
    rgba[0, :, 3] = 0, 0.5, 1
    pixels = value_image("opacity", rgba, np.zeros((1, 3), np.float32))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, [[0, 128, 255]])


@pytest.mark.parametrize("mode", ["depth", "opacity"])
def test_a_folder_of_numbers(tmp_path: Path, mode: str) -> None:
    """Files hold the values of single renders: the fake renderer's depth is 1 m plus the frame."""
    camera, video, fake = make_camera(32, 24), make_video(num_frames=3), FakeRenderer()
    path = CameraPath([Keyframe(k / 30, float(k), camera) for k in range(3)])
    record(fake, video, tmp_path / "out", path, RecordOptions(display=DisplaySettings(mode=mode), values=True))
    for k in range(3):
        with Image.open(tmp_path / "out" / f"{k:06d}.png") as image:
            assert image.mode == ("I;16" if mode == "depth" else "L")
            stored = np.asarray(image)
        alpha = fake.render(fake.prepare(video, k), camera).opacity
        expected = np.where(alpha > 0, 1000 * (1 + k), 0) if mode == "depth" else np.rint(alpha * 255)
        np.testing.assert_array_equal(stored, expected)


def test_supersampled_depth_is_not_mixed_with_the_empty_background(tmp_path: Path) -> None:
    path = CameraPath([Keyframe(0, 0, make_camera(16, 16))])
    options = RecordOptions(display=DisplaySettings(mode="depth"), values=True, supersampling=4)
    record(FakeRenderer(), make_video(num_frames=1), tmp_path / "out", path, options)
    stored = np.asarray(Image.open(tmp_path / "out" / "000000.png"))
    assert set(np.unique(stored)) == {0, 1000}


def test_a_video_of_masks_is_gray(tmp_path: Path) -> None:
    pytest.importorskip("av")
    camera, fake, video = make_camera(64, 48), FakeRenderer(), make_video(num_frames=1)
    display = DisplaySettings(mode="opacity", color_map="gray")
    record(fake, video, tmp_path / "a.mp4", CameraPath([Keyframe(0, 0, camera)]), RecordOptions(display=display))
    (frame,) = decode(tmp_path / "a.mp4")
    gray = fake.render(fake.prepare(video, 0), camera).opacity * 255
    assert np.abs(frame - gray[..., None]).mean() < 2
    assert np.abs(frame - frame.mean(axis=-1, keepdims=True)).max() <= 2, "no color"


@pytest.mark.parametrize(
    ("output", "options"),
    [
        ("out", RecordOptions(values=True)),
        ("out", RecordOptions(values=True, display=DisplaySettings(mode="depth"), image_format="exr")),
        ("out.mp4", RecordOptions(values=True, display=DisplaySettings(mode="depth"))),
    ],
)
def test_numbers_need_a_folder_of_pngs(tmp_path: Path, output: str, options: RecordOptions) -> None:
    with pytest.raises(InputError, match="numbers"):
        record(FakeRenderer(), make_video(num_frames=1), tmp_path / output, "orbit", options)
    assert not list(tmp_path.iterdir())


def camera_at(z: float) -> Camera:
    return Camera(8, 8, np.diag([8.0, 8.0, 1.0]), np.eye(3), np.array([0.0, 0.0, z]))


def test_the_range_of_depths() -> None:
    box = [[-1, -1, 0], [1, 1, 2]]
    assert depth_range_of([camera_at(3), camera_at(4)], box) == (3.0, 6.0)
    assert depth_range_of([camera_at(-1)], box) == (0.0, 1.0), "inside the box, depth begins at the camera"
    assert depth_range_of([camera_at(-9)], box) == (0.0, 1.0), "behind the camera"


def test_only_an_automatic_range_of_depths_is_fixed() -> None:
    box, cameras = [[-1, -1, 0], [1, 1, 2]], [camera_at(3)]
    found = with_depth_range(DisplaySettings(mode="depth"), cameras, box)
    assert found.value_range == (3.0, 5.0)
    kept = DisplaySettings(mode="depth", automatic_range=False, low=1.0, high=2.0)
    assert with_depth_range(kept, cameras, box) == kept
    assert with_depth_range(DisplaySettings(mode="opacity"), cameras, box).automatic_range
