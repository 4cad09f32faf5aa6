"""One visitor: a camera, a time and a quality of their own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from common.errors import DamagedData
from model.camera import Camera
from model.video import VolumetricVideo
from viewer.camera.control import OrbitCamera
from viewer.camera.state import state_from_camera
from viewer.picture.backdrop import shadow_request
from viewer.playback.clock import LoopMode, Playback
from viewer.playback.damage import damage_at
from viewer.playback.render_worker import ViewResult
from viewer.playback.resolution import ResolutionController
from viewer.playback.view_renderer import RequestQuality, ViewRenderer
from viewer.serve.poses import MAX_PIXELS, ViserPose, pose_of, same_view
from viewer.serve.shared_frames import SharedFrames
from viewer.settings import Settings

AHEAD = 8
"""Number of frames to decode ahead of the playhead."""

STILL_AFTER = 0.3
"""Seconds after the last move of the camera from which it counts as still."""

SNAP_SECONDS = 10.0
"""Time in which a browser has to take over the view of a capture camera. Views that it sends meanwhile are older ones."""

FIRST_SCALE = 0.25
"""Scale of images while the camera moves, before the speed of the backend is known."""


MIN_SCALE = 0.1
"""Smallest scale that a visitor can choose."""


@dataclass
class Quality:
    """How fine a visitor's images are."""

    still: float = 1.0
    """Scale of images at rest, relative to the canvas."""
    automatic: bool = True
    """Whether the scale while something moves follows the speed of rendering."""
    moving: float = 0.5
    """Scale while something moves, if it is not automatic; relative to the canvas."""
    jpeg_moving: int = 75
    """Quality of JPEG images while something moves, 1 to 100."""
    jpeg_still: int = 92
    """Quality of JPEG images at rest, 1 to 100."""


class Visitor:
    """Call all methods from one thread.

    Args:
        frames: the decoded frames.
        settings: how videos start, and what images look like at first.
        wake: called from the render thread when an image is ready.
    """

    def __init__(self, frames: SharedFrames, settings: Settings, wake: Callable[[], None]) -> None:
        self.display = dataclasses.replace(settings.view)
        """What each pixel shows."""
        self.quality = Quality(settings.rendering.render_scale, settings.rendering.dynamic_resolution)
        """How fine the images are."""
        self.camera: Camera | None = None
        """The view in the canvas's size; None until the browser has sent one."""
        self.resolution = ResolutionController(settings.rendering.target_fps)
        """Finds the scale while something moves."""
        self._measured = False
        self._snapped: Camera | None = None
        self._arrived = False  # whether the browser shows the view of `_snapped`
        self._late: Camera | None = None  # what it has sent instead, usually from before it was told
        self._snap_time = -math.inf
        self._moved = self._updated = -math.inf
        self._wake = wake
        self._frames = frames
        self._renderer = self._new_renderer()
        self.playback = Playback(frames.video.num_frames, frames.video.metadata.fps)
        """The visitor's time."""
        self.playback.mode, self.playback.speed = LoopMode(settings.playback.mode), settings.playback.speed
        if settings.playback.autoplay:
            self.playback.play()
        self._field_of_view = math.radians(settings.navigation.field_of_view)

    @property
    def video(self) -> VolumetricVideo:
        """The video."""
        return self._frames.video

    @property
    def up(self) -> tuple[float, float, float]:
        """Direction that is up in the world."""
        x, y, z = map(float, self.video.metadata.up)
        return x, y, z

    @property
    def moving(self) -> bool:
        """Whether the video plays, or the camera moved a moment ago."""
        return self.playback.playing or self.playback.scrubbing or self._updated - self._moved < STILL_AFTER

    @property
    def snapped(self) -> bool:
        """Whether the view is that of a capture camera."""
        return self._snapped is not None

    @property
    def error(self) -> Exception | None:
        """Why the last image could not be rendered; None after a success, and for frames that are known to be damaged."""
        error = self._renderer.error
        return None if isinstance(error, DamagedData) and self.video.damaged_frames() else error

    @property
    def damage(self) -> str:
        """Which damaged frames are due now, as a sentence; empty if the frame is not damaged."""
        return damage_at(self.video, self.playback.time)

    @property
    def rendering(self) -> bool:
        """Whether an image is being rendered or waits for `update`."""
        return self._renderer.worker.busy or self._renderer.worker.has_results

    def move(self, camera: Camera, now: float) -> None:
        """Take over the view of the browser; `now` is in seconds."""
        exact = self._snapped
        if exact is None:
            self._moved = self._moved if self.camera is None else now
            self.camera = camera
        elif same_view(camera, exact):
            self._arrived = True
            self.camera = exact.fitted(camera.width, camera.height)  # with the intrinsics that browsers cannot have
        elif self._arrived:
            self._snapped, self._moved, self.camera = None, now, camera
        else:
            self._late = camera

    def overview(self, width: int, height: int) -> ViserPose:
        """Return a view of the whole scene for a canvas of this size in pixels."""
        self._snapped = None
        camera = OrbitCamera(self.video.bounds, self.video.metadata.up)
        camera.set_field_of_view(self._field_of_view)
        camera.fit(width, height)
        return pose_of(camera.state, camera.up, width, height)

    def snap_to(self, index: int, width: int, height: int) -> ViserPose:
        """Return the view of a capture camera for a canvas; it is exact until the next move.

        Args:
            index: of the capture camera.
            width, height: of the canvas, pixels.

        Raises:
            IndexError: there is no such camera.
        """
        camera = self.video.metadata.cameras[index]
        self._snapped, self._arrived, self._late, self._snap_time = camera, False, None, self._updated
        self.camera = camera.fitted(width, height)
        orbit = OrbitCamera(self.video.bounds, self.video.metadata.up)
        return pose_of(state_from_camera(camera, orbit.box.mean(axis=0)), orbit.up, width, height)

    def update(self, now: float) -> ViewResult | None:
        """Advance the time, request an image if the view has changed, and return the newest one if there is a new one.

        Args:
            now: monotonic time, seconds.
        """
        if math.isfinite(self._updated):
            self.playback.advance(now - self._updated)
        self._updated = now
        if self._snapped is not None and not self._arrived and now - self._snap_time > SNAP_SECONDS:
            self._snapped, self.camera = None, self._late or self.camera
        results = []
        for result in self._renderer.take_results():
            if result.error is None or isinstance(result.error, DamagedData):  # its time passes like that of others
                self.playback.record_shown(result.request.tick)
            if result.error is None:
                self._measure(result)
                results.append(result)
        if self.camera is not None:
            self._renderer.request(self.playback.time, self.camera, self._request_quality(self.camera), self.playback.tick)
            ahead = self.playback.upcoming(AHEAD) if self.playback.playing else []
            self._frames.plan(self, [self.playback.time, *ahead])
        return results[-1] if results else None

    def seconds_to_next(self) -> float:
        """Return the seconds until something changes if nobody does anything; infinite if nothing does."""
        still = self._moved + STILL_AFTER - self._updated
        return min(self.playback.seconds_to_next, still if still > 0 else math.inf)

    def replace_frames(self, frames: SharedFrames) -> None:
        """Show another version of the video. Camera, time and range stay where possible."""
        self._end()
        self._frames = frames
        self.playback.reset(frames.video.num_frames, frames.video.metadata.fps)
        self._renderer = self._new_renderer()

    def close(self) -> None:
        """End the visitor's render thread."""
        self._end()

    def _end(self) -> None:
        self._renderer.close()
        self._frames.plan(self, ())

    def _new_renderer(self) -> ViewRenderer:
        shared = self._frames
        return ViewRenderer(shared.renderer, shared.video, None, self._wake, shared.cache)

    def _request_quality(self, camera: Camera) -> RequestQuality:
        quality = self.quality
        still = within(quality.still, MIN_SCALE, math.sqrt(MAX_PIXELS / (camera.width * camera.height)))
        automatic = self.resolution.scale if self._measured else FIRST_SCALE
        moving = still * automatic if quality.automatic else within(quality.moving, MIN_SCALE, still)
        shadow = shadow_request(self.up, self.display) if self.display.has_shadow else None
        held = self.playback.scrubbing
        return RequestQuality(moving_scale=moving, still_scale=still, moving=self.moving, placeholder=held, shadow=shadow)

    def _measure(self, result: ViewResult) -> None:
        if result.decoded or result.scale != result.request.scale:
            return
        self._measured = True
        pixels = (self.resolution.scale * result.request.final_scale / result.scale) ** 2
        self.resolution.measure(result.render_ms / 1000 * pixels, self.resolution.scale)


def within(value: float, low: float, high: float) -> float:
    """Return a number that a browser sent, within limits; the lower one for what is not a number."""
    return min(max(value, low), high) if value == value else low  # noqa: PLR0124 - NaN differs from itself
