"""The decoded frames that all visitors and recordings share."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, PreparedFrame, Region, RenderedImage, Renderer, RenderSettings
from renderer.frame_cache import FrameCache


class SharedFrames:
    """One frame cache for everybody: a frame is decoded once, and the frames that visitors need next are decoded in turn.

    It is a `Renderer`, too, whose `prepare` takes frames from the cache.

    Args:
        renderer: the backend.
        video: the video.
        budget: bytes for the frames; None is the renderer's default.
    """

    def __init__(self, renderer: Renderer, video: VolumetricVideo, budget: int | None) -> None:
        self.renderer, self.video = renderer, video
        self.name, self.device, self.threads = renderer.name, renderer.device, renderer.threads
        self.cache = FrameCache(renderer, video, budget)
        self._plans: dict[object, tuple[float, ...]] = {}
        self._lock = threading.Lock()

    def prepare(self, video: VolumetricVideo, time: float) -> PreparedFrame:
        """Return a frame of the shared video; see `renderer.backend.Renderer.prepare`."""
        return self.cache.get(time) if video is self.video else self.renderer.prepare(video, time)

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view; see `renderer.backend.Renderer.render`."""
        return self.renderer.render(frame, camera, settings, cancel=cancel, region=region)

    def plan(self, visitor: object, times: Sequence[float]) -> None:
        """Set what a visitor needs next, most urgent first; nothing ends the plan. The frames of all visitors take turns."""
        with self._lock:
            if times:
                self._plans[visitor] = tuple(times)
            else:
                self._plans.pop(visitor, None)
            turns = chain.from_iterable(zip_longest(*self._plans.values()))
            self.cache.decode_ahead([time for time in turns if time is not None])

    def close(self) -> None:
        """End the thread that decodes ahead and remove all frames."""
        self.cache.close()
