"""A bundle open in a tab: its playback, its camera, its path, and the thread that renders it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import Renderer, RenderSettings
from viewer.camera_control import OrbitCamera
from viewer.camera_path import CameraPath
from viewer.frame_cache import FrameCache
from viewer.playback import LoopMode, Playback
from viewer.render_worker import RenderWorker, ViewRequest, ViewResult

AHEAD = 8
"""Frames decoded ahead of the playhead."""


class Document:
    """All state of one open bundle.

    Args:
        path: where it was read from.
        video: its content.
        renderer: what renders it.
        cache_bytes: memory budget of its decoded frames.
        wake: called from the render thread when an image is ready.
    """

    def __init__(
        self, path: Path, video: VolumetricVideo, renderer: Renderer, cache_bytes: int, wake: Callable[[], None]
    ) -> None:
        self.path = path
        self.video = video
        self.renderer = renderer
        self.playback = Playback(video.num_frames, video.metadata.fps)
        self.camera = OrbitCamera(video.bounds, video.metadata.up)
        self.camera_path = CameraPath()
        self.cache = FrameCache(renderer, video, cache_bytes)
        self.worker = RenderWorker(self.cache, wake)
        self.shown: ViewResult | None = None
        """The image on screen."""
        self.error: Exception | None = None
        """The fault of the last render, until the next one goes well."""
        self._submitted: tuple[object, ...] | None = None

    @property
    def title(self) -> str:
        """What the tab says."""
        return self.video.metadata.provenance.get("name") or self.path.stem

    @property
    def shown_time(self) -> float:
        """Frame index of the image on screen."""
        return self.shown.request.time if self.shown else self.playback.time

    def request(self, camera: Camera, settings: RenderSettings, moving_scale: float, still_scale: float, moving: bool) -> None:
        """Have the present instant rendered from `camera`, unless it is already.

        Args:
            camera: the view at full size.
            settings: step and thresholds.
            moving_scale: size of the first image.
            still_scale: size to refine to while nothing moves.
            moving: whether something moves now.
        """
        time = self.playback.time
        view = (time, camera.width, camera.height, camera.K.tobytes(), camera.R.tobytes(), camera.T.tobytes(), settings)
        target = moving_scale if moving else still_scale
        if self._submitted is not None and self._submitted[0] == view and self._submitted[1] == target:
            return
        same_view = self._submitted is not None and self._submitted[0] == view
        first = self._first_scale(moving_scale, target, same_view)
        self._submitted = (view, target)
        self.worker.submit(ViewRequest(time, camera, settings, first, target, self.playback.tick))
        if self.playback.playing:
            self.cache.decode_ahead(self.upcoming(AHEAD))

    def _first_scale(self, moving_scale: float, target: float, same_view: bool) -> float:
        if same_view and self.shown is not None and not self.worker.busy and self.shown.scale < target:
            return min(target, self.shown.scale * 2)
        return min(moving_scale, target)

    def invalidate(self) -> None:
        """Render again even if nothing changed."""
        self._submitted = None

    def take_results(self) -> list[ViewResult]:
        """Results since the last call; the newest becomes `shown`, and the clock learns of it."""
        results = self.worker.take_results()
        for result in results:
            if result.error is not None:
                self.error = result.error
                continue
            self.error = None
            self.shown = result
            self.playback.note_shown(result.request.tick)
        return results

    def upcoming(self, count: int) -> list[float]:
        """The frames that playback comes to next, nearest first, the loop considered."""
        clock = self.playback
        direction, length = (-1 if clock.reverse else 1), clock.range_frames
        if clock.shows_sub_frames or length < 2:
            return []
        times: list[float] = []
        for ahead in range(1, min(count, length - 1) + 1):
            offset = clock.frame - clock.in_point + direction * ahead
            if not 0 <= offset < length and clock.mode is LoopMode.ONCE:
                break
            if clock.mode is LoopMode.PING_PONG:
                period = 2 * length - 2
                offset = offset % period
                offset = offset if offset < length else period - offset
            times.append(float(clock.in_point + offset % length))
        return times

    def close(self) -> None:
        """End its threads."""
        self.worker.close()
        self.cache.close()
