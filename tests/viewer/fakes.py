"""A fake renderer that instantly returns smooth images of its time and camera."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, Region, RenderedImage, RenderSettings


@dataclass
class FakeFrame:
    """A prepared frame of `FakeRenderer`."""

    time: float
    box: NDArray[np.float32] = field(default_factory=lambda: np.array([[-1, -1, 0], [1, 1, 2]], np.float32))
    nbytes: int = 1
    decode_ms: float = 0.0
    bake_ms: float = 0.0


class FakeRenderer:
    """Implements `renderer.backend.Renderer` and records its calls."""

    name = "fake"
    device = "none"
    threads = 1

    def __init__(self) -> None:
        self.prepared: list[float] = []
        self.cameras: list[Camera] = []

    def prepare(self, video: VolumetricVideo, time: float) -> FakeFrame:
        """Record the time."""
        video.check_time(time)
        self.prepared.append(time)
        return FakeFrame(time)

    def render(
        self,
        frame: FakeFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Return a disc with soft edges whose color gradient turns with time and camera; its depth is the time."""
        self.cameras.append(camera)
        if cancel is not None:
            cancel.check()
        y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
        x, y = x / camera.width, y / camera.height
        alpha = np.clip(4.0 - 8.0 * np.hypot(x - 0.5, y - 0.5), 0.0, 1.0)
        phase = 0.2 * frame.time + camera.center[0]
        color = np.stack([0.5 + 0.5 * np.sin(3 * x + phase), 0.5 + 0.5 * np.cos(2 * y + phase), x * y], axis=-1)
        rgba = np.concatenate([color * alpha[..., None], alpha[..., None]], axis=-1).astype(np.float32)
        depth = np.where(alpha > 0, 1.0 + frame.time, 0.0).astype(np.float32)
        counts = np.zeros((camera.height, camera.width, 2), np.uint16)
        return RenderedImage(rgba, depth, counts)
