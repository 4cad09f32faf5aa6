"""Render the images of one video for the window, with a frame cache and a render thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model.camera import Camera
from model.scene import Scene
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from renderer.backend import Renderer, RenderSettings
from renderer.frame_cache import FrameCache
from renderer.scene.renderer import SceneRenderer
from renderer.segments import SegmentRenderer
from renderer.select import backend_for, create_renderer
from viewer.playback.render_worker import RenderWorker, ViewRequest, ViewResult
from viewer.playback.shadows import ShadowRequest


@dataclass(frozen=True)
class RequestQuality:
    """Quality of the window's images."""

    settings: RenderSettings = RenderSettings()
    """Step and thresholds."""
    moving_scale: float = 1.0
    """Size of the first image of a view, relative to the full one."""
    still_scale: float = 1.0
    """Size of the final image while nothing moves, relative to the full one."""
    moving: bool = False
    """Whether something moves now."""
    placeholder: bool = False
    """Whether the nearest cached frame may be shown while the requested one is decoded."""
    shadow: ShadowRequest | None = None
    """The ground on which the shadow lies; None for no shadow."""
    rest_scale: float | None = None
    """Size of one more image after the final one, relative to the full one; None if there is no such image."""
    quick_settings: RenderSettings | None = None
    """Step and thresholds of images that do not last: all while something moves, and those before the final one. None takes
    `settings` for these as well."""


def _renderer_for(video: VolumetricVideo, renderer: Renderer) -> Renderer:
    """Return what renders a video: scenes are composited, segments are blended, and the reference renders other methods."""
    if isinstance(video, Scene):
        return SceneRenderer(SegmentRenderer(renderer))
    if isinstance(video, SegmentedVideo):
        return SegmentRenderer(renderer)
    name = backend_for(video, renderer.name)
    return renderer if name == renderer.name else create_renderer(name, renderer.threads, background=True)


class ViewRenderer:
    """Requests a view only when it has changed, and refines the current image instead of starting over.

    Args:
        renderer: the backend.
        video: the scene.
        cache_bytes: memory budget of decoded frames; None is the renderer's default.
        wake: called from the render thread when an image is ready.
        cache: frames that it shares with others and that somebody else closes; None makes its own.
    """

    def __init__(
        self,
        renderer: Renderer,
        video: VolumetricVideo,
        cache_bytes: int | None,
        wake: Callable[[], None] = lambda: None,
        cache: FrameCache | None = None,
    ) -> None:
        self.renderer = renderer
        self.video = video
        self.cache = FrameCache(_renderer_for(video, renderer), video, cache_bytes) if cache is None else cache
        self._shares_cache = cache is not None
        self.worker = RenderWorker(self.cache, wake)
        self.shown: ViewResult | None = None
        """The newest image."""
        self.error: Exception | None = None
        """The error of the last render; None after a success."""
        self.requested: ViewRequest | None = None
        """The latest request."""
        self._view: tuple[object, ...] | None = None
        self._shown_view: tuple[object, ...] | None = None
        self._target = 0.0
        self._quick = False  # whether the image of `_target` has quick settings
        self._version = 0

    def rearrange(self, scene: Scene) -> None:
        """Render another arrangement of a scene. Parts of frames that are in memory are used again."""
        compositor = self.cache.renderer
        assert isinstance(compositor, SceneRenderer)
        self.video, self._version = scene, self._version + 1
        self.cache.replace_video(scene, lambda frame: compositor.rearranged(scene, frame.time))

    def request(self, time: float, camera: Camera, quality: RequestQuality, tick: int = 0) -> None:
        """Request `time` from `camera` (the view at full size), unless this was requested already."""
        pose = (camera.K.tobytes(), camera.R.tobytes(), camera.T.tobytes())
        view = (self._version, time, camera.width, camera.height, *pose, quality.settings, quality.shadow)
        target = quality.moving_scale if quality.moving else quality.still_scale
        same_view = view == self._view
        if same_view and not quality.moving and quality.rest_scale is not None and self._reached(quality.still_scale):
            target = quality.rest_scale
        quick = quality.moving and quality.quick_settings not in (None, quality.settings)
        finer = self._quick and not quick
        if same_view and ((target == self._target and not finer) or (quality.moving and target < self._target)):
            return
        first = min(quality.moving_scale, target)
        if same_view and self.shown is not None and not self.worker.busy and first <= self.shown.scale <= target:
            first = min(target, self.shown.scale * 2)
        self._view, self._target, self._quick = view, target, quick
        self.requested = ViewRequest(
            time,
            camera,
            quality.settings,
            quality.quick_settings,
            quality.moving,
            first,
            target,
            quality.placeholder,
            quality.shadow,
            self._version,
            tick,
        )
        self.worker.submit(self.requested)

    def _reached(self, scale: float) -> bool:
        """Return whether an image of the current view is shown at this scale or a finer one."""
        return self.shown is not None and self._shown_view == self._view and self.shown.scale >= scale

    @property
    def used_renderer(self) -> Renderer:
        """What renders the video: `renderer`, but the reference for a video of another method."""
        return self.cache.renderer

    @property
    def finished(self) -> bool:
        """Whether `shown` is the final image of the latest request."""
        return self.shown is not None and self.shown.final and self.shown.request is self.requested

    def take_results(self) -> list[ViewResult]:
        """Return the results since the last call, oldest first. The newest good one becomes `shown`."""
        results = [
            result  # errors of earlier arrangements, which may have been longer, are out of date
            for result in self.worker.take_results()
            if result.error is None or result.request.version == self._version
        ]
        for result in results:
            self.error = result.error
            if result.error is None:
                self.shown = result
                self._shown_view = self._view if result.request is self.requested and result.final else None
        return results

    def close(self) -> None:
        """End the threads and wait for them."""
        self.worker.close()
        if not self._shares_cache:
            self.cache.close()
