"""Footage of the procedural scene, rendered when it is needed, seen by random rigs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import cv2
import numpy as np

from model.camera import Camera
from training.captures.description import MaskRule
from training.captures.images import Pixels
from training.captures.procedural_scene import mean_of_blocks, nearest_solids, render_scene, scene_at, surface_points
from training.captures.procedural_shape import Solid
from training.inspection.camera_model import CameraModel
from training.inspection.footage import Calibration, Footage
from training.inspection.reading import CameraReading

FRAMES = 24
"""Frames of one loop of the movement."""


@lru_cache(maxsize=8)
def random_rig(kind: str, count: int, seed: int, side: int = 160, field_of_view: float = 0.68) -> list[Camera]:
    """Return cameras around the scene, on a "dome", a "half circle" or "two rings".

    Places, directions, roll and focal lengths are random.
    """
    random = np.random.default_rng(seed)
    target = np.array([0, 0, 1.0]) + random.normal(0, 0.05, 3)
    cameras = []
    for index in range(count):
        eye = target + _place(kind, index, count, random) * 0.68 / field_of_view
        up = np.array([0, 0, 1]) + random.normal(0, 0.03, 3)
        angle = field_of_view * random.uniform(0.9, 1.1)
        cameras.append(Camera.look_at(eye, target + random.normal(0, 0.05, 3), up, angle, side, side))
    return cameras


@lru_cache(maxsize=200)
def _image(camera: Camera, phase: float) -> np.ndarray:
    """Return the image of a camera, (H, W, 4), float32. Tests of the same rig share it: rendering takes most of their time."""
    image = render_scene(_solids(phase), camera, 2)
    image.flags.writeable = False
    return image


@lru_cache(maxsize=400)
def _coverage(camera: Camera, phase: float) -> np.ndarray:
    """Return the alpha of `_image`, (H, W), in half its time: most tests need masks only."""
    seen = nearest_solids(_solids(phase), camera.resized(2 * camera.width, 2 * camera.height), margin=4)[1] >= 0
    coverage = mean_of_blocks(seen.astype(np.float32), 2)
    coverage.flags.writeable = False
    return coverage


@lru_cache(maxsize=48)
def _solids(phase: float) -> list[Solid]:
    return scene_at(phase)


def _place(kind: str, index: int, count: int, random: np.random.Generator) -> np.ndarray:
    if kind == "dome":
        angle, height = random.uniform(0, 2 * np.pi), random.uniform(0, 1.1)
        return random.uniform(3.2, 4.2) * np.array(
            [np.cos(angle) * np.cos(height), np.sin(angle) * np.cos(height), np.sin(height)]
        )
    if kind == "half circle":
        angle = np.pi * (index + 0.5) / count + random.normal(0, 0.05)
        return random.uniform(3, 4) * np.array([np.cos(angle), np.sin(angle), random.uniform(-0.2, 0.4)])
    angle = 2 * np.pi * (index // 2) / (count // 2) + (index % 2) * 0.2 + random.normal(0, 0.03)
    return 3.5 * np.array([np.cos(angle), np.sin(angle), (-0.1, 0.55)[index % 2]]) + random.normal(0, 0.05, 3)


def footage(
    cameras: list[Camera],
    late: dict[int, float] | None = None,
    change: Callable[[Pixels, int], Pixels] | None = None,
    D: tuple[float, ...] = (),
) -> Footage:
    """Return the footage of a rig.

    Args:
        cameras: the rig; calibrated rightly, T in millimeters.
        late: frames by which cameras are late.
        change: what is done to the masks, given a mask and its camera.
        D: distortion coefficients of the images and of the calibration.
    """

    def phase(frame: int, camera: int) -> float:
        return ((frame - (late or {}).get(camera, 0.0)) / FRAMES) % 1

    @cache
    def covered(frame: int, camera: int) -> np.ndarray:
        return distort(_coverage(cameras[camera], phase(frame, camera)), cameras[camera], D)

    def mask(frame: int, camera: int, rule: MaskRule) -> Pixels:
        pixels = np.where(covered(frame, camera) >= 0.5, 255, 0).astype(np.uint8)
        pixels = pixels if change is None else change(pixels, camera)
        return np.where((pixels > rule.threshold) != rule.inverted, 255, 0).astype(np.uint8)

    def image(frame: int, camera: int) -> Pixels:
        rendered = distort(_image(cameras[camera], phase(frame, camera)), cameras[camera], D)
        return np.round(255 * rendered[..., :3]).astype(np.uint8)

    calibrations = tuple(
        Calibration(f"cam{index}", c.width, c.height, c.K, np.array(D or np.zeros(5)), c.R, 1000 * c.T)
        for index, c in enumerate(cameras)
    )
    readings = tuple(CameraReading(index) for index in range(len(cameras)))
    up = np.array([0, 0, 1.0])
    return Footage(calibrations, readings, FRAMES, up, mask, image, lambda frame: surface_points(scene_at(frame / FRAMES)))


def distort(image: np.ndarray, camera: Camera, D: tuple[float, ...]) -> np.ndarray:
    """Return what a lens with distortion D makes of an image without."""
    if not D:
        return image
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    model = CameraModel(camera.width, camera.height, camera.K, np.eye(3), np.zeros(3), np.array(D))
    directions = model.directions(pixels).astype(np.float64) @ camera.K.T
    places = (directions[:, :2] / directions[:, 2:] - 0.5).astype(np.float32).reshape(camera.height, camera.width, 2)
    return cv2.remap(image, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
