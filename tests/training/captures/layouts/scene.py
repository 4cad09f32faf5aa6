"""The procedural scene as a few random cameras record it, for tests that write it in a layout and read it back."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.errors import InputError
from model.camera import Camera
from training.captures.capture import Capture
from training.captures.opening import open_capture
from training.captures.procedural_scene import render_scene, scene_at, surface_points

Pixels = NDArray[np.uint8]
Name = Callable[[int, int], str]


@dataclass(frozen=True)
class Recording:
    """What cameras see of the scene."""

    cameras: list[Camera]
    """The cameras, no two of which have the same focal lengths and center."""
    rgba: list[list[Pixels]]
    """(H, W, 4) per frame and camera: color on black, and the mask, 0 or 255."""
    vertices: list[NDArray[np.float32]]
    """Points of the surface per frame."""

    def color(self, frame: int, camera: int) -> Pixels:
        """Return the image, (H, W, 3)."""
        return np.ascontiguousarray(self.rgba[frame][camera][..., :3])

    def mask(self, frame: int, camera: int) -> Pixels:
        """Return the mask, (H, W)."""
        return np.ascontiguousarray(self.rgba[frame][camera][..., 3])

    def each(self) -> list[tuple[int, int]]:
        """Return all pairs of frame and camera."""
        return [(frame, camera) for frame in range(len(self.rgba)) for camera in range(len(self.cameras))]


def random_rig(rng: np.random.Generator, sizes: list[tuple[int, int]], centered: bool = False) -> list[Camera]:
    """Return cameras around the scene, of these sizes, with random positions and intrinsics."""
    cameras = []
    for index, (width, height) in enumerate(sizes):
        angle = 2 * np.pi * (index + rng.uniform(-0.2, 0.2)) / len(sizes)
        eye = (3.4 * np.cos(angle), 3.4 * np.sin(angle), rng.uniform(0.4, 2.2))
        camera = Camera.look_at(eye, (0, 0, 0.95), (rng.uniform(-0.1, 0.1), 0, 1), 0.85, width, height)
        change = np.diag([rng.uniform(0.96, 1.0), rng.uniform(0.96, 1.0), 1.0])
        K = camera.K @ change + np.array([[0, 0, rng.uniform(-1, 1)], [0, 0, rng.uniform(-1, 1)], [0, 0, 0]])
        cameras.append(camera if centered else Camera(width, height, K, camera.R, camera.T))
    return cameras


@functools.cache
def record(
    sizes: tuple[tuple[int, int], ...] = ((48, 56),) * 4, frames: int = 2, centered: bool = False, seed: int | None = None
) -> Recording:
    """Record the scene once per process and arguments, with a rig of this seed or a new random one."""
    cameras = random_rig(np.random.default_rng(seed), list(sizes), centered)
    rgba, vertices = [], []
    for frame in range(frames):
        solids = scene_at(frame / 8)
        rgba.append([_recorded(render_scene(solids, camera, subpixels=2)) for camera in cameras])
        vertices.append(surface_points(solids))
    return Recording(cameras, rgba, vertices)


def _recorded(image: NDArray[np.float32]) -> Pixels:
    mask = image[..., 3:] >= 0.5
    return np.round(255 * np.concatenate([image[..., :3] * mask, mask], axis=-1)).astype(np.uint8)


def save(path: Path, pixels: Pixels) -> None:
    """Write an image in the format of its ending; JPEG in the best quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(pixels, "JPEG" if path.suffix == ".jpg" else "PNG"))


def encode(pixels: Pixels, kind: str) -> bytes:
    """Return the bytes of an image file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    return stream.getvalue()


def as_jpeg(pixels: Pixels) -> Pixels:
    """Return an image as JPEG gives it back."""
    return np.asarray(Image.open(io.BytesIO(encode(pixels, "JPEG"))))


def save_views(recording: Recording, image_name: Name, mask_name: Name | None) -> None:
    """Write all images and masks under names that depend on frame and camera."""
    for frame, camera in recording.each():
        save(Path(image_name(frame, camera)), recording.color(frame, camera))
        if mask_name is not None:
            save(Path(mask_name(frame, camera)), recording.mask(frame, camera))


def check_cameras(capture: Capture, recording: Recording, scale: float = 1.0) -> None:
    """Compare the cameras to 1e-5, all in the same order."""
    assert len(capture.cameras) == len(recording.cameras)
    for camera, expected in zip(capture.cameras, recording.cameras, strict=True):
        assert (camera.width, camera.height) == (expected.width, expected.height)
        np.testing.assert_allclose(camera.K, expected.K, atol=1e-5)
        np.testing.assert_allclose(camera.R, expected.R, atol=1e-5)
        np.testing.assert_allclose(camera.T * scale, expected.T, atol=1e-5)


def check_capture(capture: Capture, recording: Recording, jpeg: bool = False) -> None:
    """Compare cameras, images and masks with what was recorded, and one image with a rendering by the camera that was read."""
    check_cameras(capture, recording)
    assert capture.num_frames == len(recording.rgba)
    for frame, camera in recording.each():
        view, mask = capture.view(frame, camera), recording.mask(frame, camera)
        expected = recording.color(frame, camera)
        expected = as_jpeg(expected) if jpeg else expected
        np.testing.assert_array_equal(capture.color(frame, camera), expected)
        if capture.has_masks:
            np.testing.assert_array_equal(view.mask, mask)
            np.testing.assert_array_equal(view.color, expected * (mask[..., None] > 0))
    last = len(recording.cameras) - 1
    assert render_psnr(capture.cameras[last], capture.color(1, last), scene_at(1 / 8)) > 25


def render_psnr(camera: Camera, image: Pixels, solids: list[Any]) -> float:
    """Return the PSNR of an image of the scene against a rendering by a camera, in decibels."""
    rendered = render_scene(solids, camera, subpixels=2)
    error = rendered[..., :3] - image.astype(np.float64) / 255
    return float(-10 * np.log10((error**2).mean()))


def bend(pixels: Pixels, camera: Camera, D: NDArray[np.float64], fisheye: bool = False) -> Pixels:
    """Return an image as the camera would record it with a distorting lens: OpenCV's own inverse of the undistortion."""
    y, x = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    seen = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    K = camera.K - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    undistorted = (cv2.fisheye if fisheye else cv2).undistortPoints(seen, K, D, P=K)
    where = undistorted.reshape(camera.height, camera.width, 2).astype(np.float32)
    return cv2.remap(pixels, where[..., 0], where[..., 1], cv2.INTER_LINEAR).astype(np.uint8)


def spoil(rng: np.random.Generator, content: bytes) -> bytes:
    """Return a damaged file: cut, with changed bytes, or with a number or word replaced."""
    damaged = bytearray(content)
    kind = rng.integers(4)
    if kind == 0:
        return bytes(damaged[: rng.integers(len(damaged))])
    if kind == 1:
        for _ in range(rng.integers(1, 8)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        return bytes(damaged)
    start = int(rng.integers(len(damaged)))
    words = [b"nan", b"1e999", b"-1", b"99999999999999999999", b"../../x", b"[[[[", b'"', b"\x00", b"{}", b" ", b"\n", b"0"]
    word = words[rng.integers(len(words))]
    return bytes(damaged[:start]) + word + bytes(damaged[start + (len(word) if kind == 2 else 0) :])


def check_hostile(folder: Path, names: list[str], runs: int = 60) -> None:
    """Damage each of these files many times: every outcome but a capture or an InputError of one line fails the test."""
    rng = np.random.default_rng(20260101)
    refused = 0
    for name in names:
        path = folder / name
        content = path.read_bytes()
        for _ in range(runs):
            path.write_bytes(spoil(rng, content))
            try:
                capture = open_capture(folder, needs_masks=False)
                assert all(camera.width <= 1 << 14 for camera in capture.cameras)
            except InputError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 2000
        path.write_bytes(content)
    assert refused > 0


def check_links(folder: Path, name: str) -> None:
    """Replace a file by a link to a copy outside of the capture: the capture must be refused."""
    path = folder / name
    outside = folder.with_name(folder.name + "_outside")
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the capture"):
        open_capture(folder, needs_masks=False)
    path.unlink()
    path.write_bytes(outside.read_bytes())
