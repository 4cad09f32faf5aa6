"""Render on a background thread. Only the latest request counts. A coarse image comes first and is refined at rest."""

from __future__ import annotations

import math
import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field

from model.camera import Camera
from model.config import ModelConfig
from renderer.backend import CancelToken, PreparedFrame, RenderCancelled, RenderedImage, RenderSettings
from renderer.frame_cache import FrameCache
from renderer.ground_shadow import GroundShadow
from renderer.threads import lower_priority
from viewer.playback.shadows import ShadowRequest, Shadows


@dataclass(frozen=True)
class ViewRequest:
    """One view to render."""

    time: float
    """Frame index."""
    camera: Camera
    """The view at its full size in pixels."""
    settings: RenderSettings = field(default_factory=RenderSettings)
    """Step and thresholds."""
    quick_settings: RenderSettings | None = None
    """Settings of all images but the final one of a still view; None takes `settings` for these as well."""
    moving: bool = False
    """Whether something moves, so that the final image is a quick one too."""
    scale: float = 1.0
    """Size of the first image, relative to the camera's."""
    final_scale: float = 1.0
    """Size that the image is refined to while no newer request comes. No refinement if it is `scale` or less."""
    placeholder: bool = False
    """Whether the nearest cached frame may be shown first, if decoding takes longer than rendering."""
    shadow: ShadowRequest | None = None
    """The ground on which its shadow lies; None for no shadow."""
    version: int = 0
    """Counts the versions of the video. Results of earlier versions than the current one may be out of date."""
    tick: int = 0
    """Returned with the result. The playback clock uses it to count dropped frames."""

    def settings_of(self, final: bool) -> RenderSettings:
        """Return the settings of its final image, or of those before it."""
        quick = self.moving or not final
        return self.quick_settings if quick and self.quick_settings is not None else self.settings

    def scales(self) -> list[float]:
        """Return the sizes to render in turn: the first, then doubled until the final one."""
        sizes = [self.scale]
        while sizes[-1] * 2 < self.final_scale * 0.99:
            sizes.append(sizes[-1] * 2)
        return [*sizes, self.final_scale] if self.final_scale > self.scale else sizes


@dataclass(frozen=True, eq=False)
class ViewResult:
    """The image of a request, or the error that prevented it. Results are equal only to themselves."""

    request: ViewRequest
    """The request."""
    scale: float = 1.0
    """Size of this image relative to the request's camera."""
    final: bool = False
    """Whether no finer image of this request follows."""
    frame: PreparedFrame | None = None
    """The frame that was rendered; None with an error."""
    image: RenderedImage | None = None
    """The pixels; None with an error."""
    render_ms: float = 0.0
    """Milliseconds of the render call, decoding excluded."""
    decoded: bool = False
    """Whether the frame was decoded for this image; the first image of a frame costs more than the others."""
    config: ModelConfig = ModelConfig()
    """Configuration of the video that was rendered."""
    shadow: GroundShadow | None = None
    """The shadow that was requested."""
    error: Exception | None = None
    """The error that prevented the image; None with an image."""


class RenderWorker:
    """A thread that renders the latest request.

    The first image of a request is always finished, so that the view keeps moving however fast requests come. The next
    request cancels refinements.

    Args:
        cache: provides prepared frames and the renderer.
        on_result: called on the render thread when a result is ready, to wake the window.
    """

    def __init__(self, cache: FrameCache, on_result: Callable[[], None] = lambda: None) -> None:
        self.cache = cache
        self.on_result = on_result
        self._changed = threading.Condition()
        self._request: ViewRequest | None = None
        self._results: list[ViewResult] = []
        self._refining: CancelToken | None = None
        self._closing = CancelToken()
        self._busy = False
        self._shown_time: float | None = None
        self._prepare_ms = self._render_ms = 0.0
        self._began: float | None = None  # when the request began whose first image is being made
        self._first_seconds = 0.0  # from the beginning of the last request to its first image
        self._shadows = Shadows()
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a request waits or is being rendered."""
        with self._changed:
            return self._busy or self._request is not None

    @property
    def image_in(self) -> float:
        """Seconds until the first image of a request is expected, if it takes as long as the last one did.

        Negative if it takes longer, and infinite if no first image is being made.
        """
        began = self._began
        return math.inf if began is None else began + self._first_seconds - clock.perf_counter()

    @property
    def has_results(self) -> bool:
        """Whether `take_results` has something to return."""
        return bool(self._results)

    def submit(self, request: ViewRequest) -> None:
        """Request a view. A waiting request is replaced and a running refinement is cancelled."""
        with self._changed:
            self._request = request
            if self._refining is not None:
                self._refining.cancel()
            self._changed.notify_all()

    def take_results(self) -> list[ViewResult]:
        """Return the results since the last call, oldest first."""
        with self._changed:
            results, self._results = self._results, []
            return results

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until nothing is left to render. Return False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and self._request is None, timeout)

    def close(self) -> None:
        """Cancel the current work and wait for the thread to end."""
        with self._changed:
            self._closing.cancel()
            if self._refining is not None:
                self._refining.cancel()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        lower_priority()
        while True:
            with self._changed:
                self._busy, self._began = False, None
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._request is not None or self._closing.cancelled)
                if self._closing.cancelled:
                    return
                request, self._request, self._busy = self._request, None, True
            assert request is not None
            self._began = clock.perf_counter()
            try:
                self._render(request)
            except RenderCancelled:
                continue
            except Exception as error:  # the window shows it; the thread continues
                self._publish(ViewResult(request, final=True, error=error))

    def _render(self, request: ViewRequest) -> None:
        decoded = request.time not in self.cache
        if decoded and request.placeholder and self._show_placeholder(request):
            return
        start = clock.perf_counter()
        frame = self.cache.get(request.time)
        if decoded:
            self._prepare_ms = (clock.perf_counter() - start) * 1000
        scales = request.scales()
        for index, scale in enumerate(scales):
            token = self._token(refinement=index > 0)
            self._show(request, frame, scale, token, final=index == len(scales) - 1, decoded=decoded and index == 0)

    def _show_placeholder(self, request: ViewRequest) -> bool:
        """Show the nearest cached frame unless it is on screen. Return whether a newer request has come."""
        frame = self.cache.nearest(request.time)
        if frame is None or frame.time == self._shown_time or self._prepare_ms < self._render_ms:
            return False
        self._show(request, frame, request.scale, self._closing, final=False)
        with self._changed:
            return self._request is not None

    def _show(
        self, request: ViewRequest, frame: PreparedFrame, scale: float, token: CancelToken, final: bool, decoded: bool = False
    ) -> None:
        shadow = None
        if request.shadow is not None:
            source = self.cache.renderer, self.cache.video, frame
            shadow = self._shadows.of_frame(*source, request.settings, request.shadow, request.version, self._closing)
        start = clock.perf_counter()
        settings = request.settings_of(final)
        image = self.cache.renderer.render(frame, scaled_camera(request.camera, scale), settings, cancel=token)
        image.finish()  # here, so that the window's thread never waits for a graphics card
        elapsed = (clock.perf_counter() - start) * 1000
        if scale == request.scale:
            self._render_ms = elapsed
        self._shown_time = frame.time
        self._publish(ViewResult(request, scale, final, frame, image, elapsed, decoded, self.cache.video.config, shadow=shadow))

    def _token(self, refinement: bool) -> CancelToken:
        if not refinement:
            return self._closing
        with self._changed:
            self._refining = CancelToken()
            if self._request is not None or self._closing.cancelled:
                raise RenderCancelled
            return self._refining

    def _publish(self, result: ViewResult) -> None:
        if self._began is not None:
            self._first_seconds, self._began = clock.perf_counter() - self._began, None
        with self._changed:
            self._results = [*self._results[-3:], result]
        self.on_result()


def scaled_camera(camera: Camera, scale: float) -> Camera:
    """Return the same view with `scale` times the pixels along each side, at least 8."""
    return camera.resized(max(8, round(camera.width * scale)), max(8, round(camera.height * scale)))
