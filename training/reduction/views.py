"""Compare renderings of a changed video with those of the original."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import Renderer
from training.captures.boxes import box_mask

FRAMES = 4
"""Number of frames that are rendered of a whole video."""

VIEWS = 2
"""Number of cameras for each of them."""

PIXELS = 192
"""Longer side of an image, pixels."""


class Views:
    """Some views of a video, and how it looks in them.

    Args:
        video: the original.
        renderer: any backend.
        frames: number of frames that are rendered, `FRAMES` at most.
        first: number of frames that other parts of the video have; the cameras continue after theirs.
    """

    def __init__(self, video: VolumetricVideo, renderer: Renderer, frames: int = FRAMES, first: int = 0) -> None:
        self._renderer = renderer
        cameras = video.metadata.cameras or _around(video)
        times = np.linspace(0, video.num_frames - 1, frames + 2)[1:-1].round().astype(int) if video.num_frames > 1 else [0]
        self._views: list[tuple[float, Camera, NDArray[np.bool_]]] = []
        for index, frame in enumerate(sorted(set(map(int, times))), start=first):
            box = video.box_and_occupancy(float(frame))[0].astype(np.float64)
            for view in range(VIEWS):
                camera = _small(cameras[(index * VIEWS + view) * len(cameras) // (FRAMES * VIEWS) % len(cameras)])
                inside = box_mask(camera, box)
                if inside.any():
                    self._views.append((float(frame), camera, inside))
        self._originals = self._render(video)

    def __len__(self) -> int:
        return len(self._views)

    def error(self, video: VolumetricVideo) -> float:
        """Return the mean squared difference of color to the original, inside the projected box; 0 without views."""
        if not self._views:
            return 0.0
        pairs = zip(self._render(video), self._originals, strict=True)
        return float(np.mean([np.mean((ours - original) ** 2) for ours, original in pairs]))

    def _render(self, video: VolumetricVideo) -> list[NDArray[np.float32]]:
        images, prepared, time = [], None, -1.0
        for frame, camera, inside in self._views:
            if prepared is None or frame != time:
                prepared, time = self._renderer.prepare(video, frame), frame
            images.append(self._renderer.render(prepared, camera).rgba[..., :3][inside])
        return images


def _small(camera: Camera) -> Camera:
    factor = min(1.0, PIXELS / max(camera.width, camera.height))
    return camera.resized(max(1, round(camera.width * factor)), max(1, round(camera.height * factor)))


def _around(video: VolumetricVideo) -> list[Camera]:
    """Return eight cameras around the scene, for videos without cameras of their own."""
    lower, upper = video.bounds
    center, radius, up = (lower + upper) / 2, float(np.linalg.norm(upper - lower)) / 2, np.array(video.metadata.up)
    side = np.cross(up, np.eye(3)[int(np.abs(up).argmin())])
    side /= np.linalg.norm(side)
    forward = np.cross(up, side)
    angles = np.arange(8) * math.pi / 4
    positions = [center + 2.2 * radius * (0.95 * (math.cos(a) * side + math.sin(a) * forward) + 0.3 * up) for a in angles]
    return [Camera.look_at(position, center, tuple(up), 0.9, PIXELS, PIXELS) for position in positions]
