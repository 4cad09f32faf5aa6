"""Continue with the next backend when one fails, for images and recordings outside the window."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, DeviceFailed, PreparedFrame, Region, RenderedImage, Renderer, RenderSettings
from renderer.scene.renderer import SceneRenderer
from renderer.segments import SegmentRenderer
from renderer.select import next_renderer

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class FallbackFrame:
    """A frame that is prepared again when another backend has to render it.

    Args:
        renderer: the backend that prepared it.
        video: its video.
        frame: what the backend prepared.
    """

    def __init__(self, renderer: Renderer, video: VolumetricVideo, frame: PreparedFrame) -> None:
        self._renderer, self._video, self._frame = renderer, video, frame

    def of(self, renderer: Renderer) -> PreparedFrame:
        """Return the frame in the form of a backend."""
        if renderer is not self._renderer:
            self._frame = renderer.prepare(self._video, self._frame.time)
            self._renderer = renderer
        return self._frame

    @property
    def time(self) -> float:
        """Frame index."""
        return self._frame.time

    @property
    def box(self) -> NDArray[np.float32]:
        """(2, 3) corners, meters."""
        return self._frame.box

    @property
    def nbytes(self) -> int:
        """Bytes of memory it occupies."""
        return self._frame.nbytes

    @property
    def decode_ms(self) -> float:
        """Milliseconds spent on decoding."""
        return self._frame.decode_ms

    @property
    def bake_ms(self) -> float:
        """Milliseconds spent on baking."""
        return self._frame.bake_ms


class FallbackRenderer:
    """A `Renderer` that replaces its backend by the next one when it fails. It renders scenes and long videos, too.

    It may be called from several threads if the backend may.

    Args:
        renderer: the first backend.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._lock = threading.Lock()
        self._use(renderer)
        self.note = ""
        """One line that says what failed and what renders now; empty while nothing has failed."""

    def _use(self, renderer: Renderer) -> None:
        self._renderer = SceneRenderer(SegmentRenderer(renderer))
        self.name, self.device, self.threads = renderer.name, renderer.device, renderer.threads

    def prepare(self, video: VolumetricVideo, time: float) -> FallbackFrame:
        """Decode and bake a frame; see `renderer.backend.Renderer.prepare`."""
        return self._attempt(lambda renderer: FallbackFrame(renderer, video, renderer.prepare(video, time)))

    def render(
        self,
        frame: FallbackFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view and begin to read it; see `renderer.backend.Renderer.render`."""

        def render(renderer: Renderer) -> RenderedImage:
            image = renderer.render(frame.of(renderer), camera, settings, cancel=cancel, region=region)
            image.start_reading()
            return image

        return self._attempt(render)

    def opacity(
        self,
        frame: FallbackFrame,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
    ) -> NDArray[np.float32]:
        """Return the opacity of a view; see `renderer.scene.renderer.SceneRenderer.opacity`."""
        return self._attempt(lambda renderer: renderer.opacity(frame.of(renderer), camera, settings, cancel=cancel))

    def _attempt(self, action: Callable[[SceneRenderer], Result]) -> Result:
        while True:
            renderer = self._renderer
            try:
                return action(renderer)
            except DeviceFailed as fault:
                _log.exception("the backend %s failed", renderer.name)
                self._replace(renderer, fault)

    def _replace(self, failed: SceneRenderer, fault: DeviceFailed) -> None:
        """Continue with the next backend, unless another thread that met the same failure has chosen it already."""
        with self._lock:
            if self._renderer is failed:
                self._use(next_renderer(failed.name, self.threads))
                self.note = f"{fault.subject}: {' '.join(fault.fault.split())}; the backend {self.name} takes over"
