"""The window's renderer and the resolution of its images."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from common.errors import InputError
from model.camera import MAX_IMAGE_SIDE
from renderer.backend import DeviceFailed, Renderer, RenderSettings
from renderer.select import create_renderer, next_renderer
from viewer.app.messages import Messages
from viewer.playback.render_worker import ViewResult
from viewer.playback.resolution import MIN_SCALE, ResolutionController, aimed_rate
from viewer.playback.view_renderer import RequestQuality
from viewer.settings import RenderingSettings

_log = logging.getLogger(__name__)

FIRST_SCALE = 0.2
"""Size of the very first image relative to the view, before the backend's speed is known."""

ADVICE = "Choose another backend in the section Speed."
"""What to do when nothing can be rendered."""

REST_PIXELS = 12_000_000
"""Maximum number of pixels of an image at rest. A larger one would need too much memory."""

QUICK_THRESHOLD = 2 / 255
"""tau2 of images that do not last, while dynamic resolution makes them smaller than the view. Samples of less weight get no
color. That takes a seventh less time and changes a picture far less than as many pixels fewer."""

PATIENCE = 4.0
"""Longest expected time of a first image, in frames of the target rate."""


class Rendering:
    """Owns the renderer, the choice of backend and threads, and dynamic resolution.

    The settings apply to the next start. The command line may have chosen something else for this run.

    Args:
        renderer: the backend in use.
        settings: quality and speed that the user chose; backend and threads are stored there when the user changes them.
        messages: shows errors.
    """

    def __init__(self, renderer: Renderer, settings: RenderingSettings, messages: Messages) -> None:
        self.renderer = renderer
        self.settings = settings
        self._messages = messages
        self.backend, self.threads = settings.backend, settings.threads
        """What the renderer was created from."""
        self.resolution = ResolutionController(settings.target_fps)
        self._milliseconds_full_size: float | None = None
        self.largest_side = MAX_IMAGE_SIDE
        """Most pixels along a side of an image that the window can show; set by the window."""
        self._adapt: Callable[[Renderer], str] = lambda renderer: ""
        self._told = ""

    def follow_window(self, adapt: Callable[[Renderer], str]) -> None:
        """Adapt the renderer, and each one that is chosen later, to the window.

        Args:
            adapt: adapts a renderer that has rendered nothing yet; returns a message for the user, or an empty string.
        """
        self._adapt = adapt
        self._show_notice(adapt(self.renderer))

    def create(self, backend: str, threads: int | None) -> Renderer:
        """Create a renderer that is adapted to the window. It raises what `create_renderer` raises."""
        return self._adapted(create_renderer(backend, threads, background=True))

    def take_over(self, fault: DeviceFailed) -> bool:
        """Continue with the next backend after the current one failed; a dialog explains it. Return False if there is none.

        The settings keep the backend that the user chose.
        """
        failed = self.renderer
        _log.error("the backend %s failed: %s", failed.name, fault, exc_info=fault)
        try:
            self.renderer = self._adapted(next_renderer(failed.name, self.threads, background=True))
        except Exception as error:  # any error of a driver or a missing part
            self._messages.show_exception(error, f"Cannot continue after {failed.name} failed", ADVICE)
            return False
        advice = f"The viewer continues with the backend {self.renderer.name}. The settings keep your choice for next time."
        self._messages.show_exception(InputError(fault.subject, fault.fault), f"The backend {failed.name} failed", advice)
        self.resolution.restart()
        return True

    def _adapted(self, renderer: Renderer) -> Renderer:
        self._show_notice(self._adapt(renderer))
        return renderer

    def _show_notice(self, notice: str) -> None:
        if notice and notice != self._told:
            self._told = notice
            _log.warning("%s", notice)
            self._messages.set_status(notice)

    @property
    def cache_bytes(self) -> int | None:
        """Memory budget for the decoded frames of one video; None is the default of its renderer."""
        chosen = self.settings.cache_mebibytes
        return None if chosen is None else chosen << 20

    def choose(self, backend: str, threads: int | None) -> bool:
        """Create another renderer. Return whether that worked; if not, the error is shown."""
        try:
            self.renderer = self.create(backend, threads)
        except Exception as error:  # any error of a driver or a missing part; the current renderer stays
            advice = f"Choose another backend. The viewer keeps using {self.renderer.name}."
            self._messages.show_exception(error, f"Cannot render with {backend}", advice)
            return False
        if backend != self.backend:
            self.settings.backend = self.backend = backend
        if threads != self.threads:
            self.settings.threads = self.threads = threads
        self.resolution.restart()
        return True

    def apply_settings(self, video_fps: float | None) -> None:
        """Let dynamic resolution follow the settings and what moves; for `video_fps`, see `aimed_rate`."""
        self.resolution.enabled = self.settings.dynamic_resolution
        self.resolution.target_fps = aimed_rate(self.settings.target_fps, video_fps)

    def quality(self, render_settings: RenderSettings, moving: bool, side: int, tau2: float = 0.0) -> RequestQuality:
        """Return how fine the next image has to be.

        Args:
            render_settings: step and thresholds of images that last.
            moving: whether something moves.
            side: pixels along the longer side of the view.
            tau2: the bundle's own, which `render_settings` may replace.
        """
        scale = min(self.settings.render_scale, self.largest_side / side)
        moving_scale = min(self.resolution.scale * scale, self._affordable_scale())
        quick = None
        if self.resolution.scale < 1:
            chosen = tau2 if render_settings.weight_threshold is None else render_settings.weight_threshold
            quick = replace(render_settings, weight_threshold=max(chosen, QUICK_THRESHOLD))
        return RequestQuality(render_settings, moving_scale, scale, moving, quick_settings=quick)

    def rest_scale(self, scale: float, size: tuple[int, int]) -> float | None:
        """Return the scale at rest for a view of this size whose still images have `scale`; None if that would be too large."""
        pixels = size[0] * size[1] * (2 * scale) ** 2
        fits = 2 * scale * max(size) <= self.largest_side and pixels <= REST_PIXELS
        return 2 * scale if self.settings.smooth_at_rest and fits else None

    def measure(self, result: ViewResult) -> None:
        """Let dynamic resolution learn from a first image; the time for another size is converted to the current one."""
        self._milliseconds_full_size = result.render_ms / result.scale**2
        request = result.request
        slow = request.quick_settings is not None and result.final and not request.moving  # an image that lasts
        if result.scale == request.scale and not result.decoded and not slow:
            wanted = self.resolution.scale * self.settings.render_scale
            pixels = 1.0 if abs(result.scale - wanted) < 1e-9 else (wanted / result.scale) ** 2
            self.resolution.measure(result.render_ms / 1000 * pixels, self.resolution.scale)

    def _affordable_scale(self) -> float:
        # Until dynamic resolution has measured enough, keep a slow backend from starting with an image that takes seconds.
        if self._milliseconds_full_size is None:
            return FIRST_SCALE
        longest = PATIENCE * 1000 / self.settings.target_fps
        return max(MIN_SCALE / 2, math.sqrt(longest / max(self._milliseconds_full_size, 1e-6)))
