"""Captures for tests: the shared small one, or a ball of one color seen by a ring of cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.camera import Camera
from training.make_capture import CaptureSize, make_capture

SHARED_TINY = Path(__file__).resolve().parents[3] / "shared" / "captures" / "tiny"
"""A small capture next to the checkout, if there is one."""

BALL_CENTER = np.array([0.1, -0.2, 1.0])
BALL_RADIUS = 0.4
BALL_COLOR = (200, 100, 50)


def small_capture(folder: Path) -> Path:
    """Return the shared small capture, or a procedural one of the same size, made in `folder`, if there is none."""
    if SHARED_TINY.is_dir():
        return SHARED_TINY
    made = folder / "procedural"
    if not made.is_dir():
        make_capture(made, CaptureSize(frames=8, cameras=8, width=128, height=128))
    return made


def ring(count: int = 6, size: int = 48) -> list[Camera]:
    """Return cameras on a circle of 3 m around the ball, at alternating heights."""
    cameras = []
    for index in range(count):
        angle = 2 * np.pi * index / count
        eye = BALL_CENTER + np.array([3 * np.cos(angle), 3 * np.sin(angle), 0.8 if index % 2 else -0.4])
        cameras.append(Camera.look_at(eye, BALL_CENTER, (0, 0, 1), 0.6, size, size))
    return cameras


def ball_mask(camera: Camera, center: NDArray[np.float64] = BALL_CENTER) -> NDArray[np.bool_]:
    """Return which pixel centers see the ball, (H, W), from the distance of their rays to its center."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(camera.K).T @ camera.R
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    offset = center - camera.center
    along = rays @ offset
    return (offset @ offset - along**2) < BALL_RADIUS**2


def annotations_of(cameras: list[Camera], frames: int, pixel_center: float = 0.5) -> dict[str, Any]:
    """Return the content of `annots.npy` for cameras whose first pixel's center is at `pixel_center`."""
    shift = np.array([[0, 0, pixel_center - 0.5], [0, 0, pixel_center - 0.5], [0, 0, 0]])
    return {
        "cams": {
            "K": [c.K + shift for c in cameras],
            "D": [np.zeros((5, 1)) for _ in cameras],
            "R": [c.R for c in cameras],
            "T": [c.T.reshape(3, 1) * 1000 for c in cameras],
        },
        "ims": [{"ims": [f"images/{v:02d}/{t:06d}.png" for v in range(len(cameras))]} for t in range(frames)],
    }


def write_annotations(folder: Path, content: object) -> None:
    """Write `annots.npy` as numpy pickles it."""
    np.save(folder / "annots.npy", np.array(content, dtype=object), allow_pickle=True)


def ball_capture(folder: Path, frames: int = 2, meta: str = "pixel_center: 0.5\ntest_cameras: [1]\n", **options: int) -> Path:
    """Write a capture of the ball on black, without vertices. The ball gets darker from frame to frame."""
    cameras = ring(**options)
    folder.mkdir(parents=True, exist_ok=True)
    write_annotations(folder, annotations_of(cameras, frames))
    (folder / "meta.yaml").write_text(meta)
    for index, camera in enumerate(cameras):
        mask = ball_mask(camera)
        for frame in range(frames):
            for kind, pixels in (("images", mask[..., None] * (np.array(BALL_COLOR) // (frame + 1))), ("mask", mask * 255)):
                path = folder / kind / f"{index:02d}" / f"{frame:06d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder
