"""A bundle open in a tab: its playback, its camera, its path, and its images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.app_feed import Quality, ViewFeed
from viewer.camera_control import OrbitCamera
from viewer.camera_path import CameraPath
from viewer.playback import LoopMode, Playback
from viewer.render_worker import ViewResult

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
        self.playback = Playback(video.num_frames, video.metadata.fps)
        self.camera = OrbitCamera(video.bounds, video.metadata.up)
        self.camera_path = CameraPath()
        self.selected_keyframe: int | None = None
        """Index of the keyframe that the path panel works on."""
        self.path_time = 0.0
        """Seconds on the camera path where its playhead is."""
        self.previewing = False
        """Whether the camera follows the path now."""
        self.capture_camera: int | None = None
        """Index of the capture camera that the view was snapped to last."""
        self.feed = ViewFeed(renderer, video, cache_bytes, wake)
        self.fitted = False
        """Whether the camera was fitted to the view once."""
        self.stamp = file_stamp(path)
        """State of the file when it was read; another one later means that it changed."""
        self._ahead: list[float] = []

    @property
    def title(self) -> str:
        """What the tab says."""
        return self.path.stem

    @property
    def shown(self) -> ViewResult | None:
        """The image on screen."""
        return self.feed.shown

    def request(self, camera: Camera, quality: Quality) -> None:
        """Have the present instant rendered from `camera`, and the next ones decoded while it plays."""
        self.feed.request(self.playback.time, camera, quality, self.playback.tick)
        ahead = self.upcoming(AHEAD) if self.playback.playing else []
        if ahead != self._ahead:
            self._ahead = ahead
            self.feed.cache.decode_ahead(ahead)

    def take_results(self) -> list[ViewResult]:
        """Images that arrived since the last call; the clock learns which frames were shown."""
        results = self.feed.take_results()
        for result in results:
            if result.error is None:
                self.playback.note_shown(result.request.tick)
        return results

    def replace_video(self, video: VolumetricVideo) -> None:
        """Show another version of the bundle; position and camera stay where they can."""
        renderer, budget, wake = self.feed.renderer, self.feed.cache.budget, self.feed.worker.on_result
        self.feed.close()
        self.video = video
        self.playback.reset(video.num_frames, video.metadata.fps)
        self.camera.box = video.bounds.astype("float64")
        self.feed = ViewFeed(renderer, video, budget, wake)
        self.stamp = file_stamp(self.path)

    def replace_renderer(self, renderer: Renderer) -> None:
        """Render with another backend from now on."""
        budget, wake = self.feed.cache.budget, self.feed.worker.on_result
        self.feed.close()
        self.feed = ViewFeed(renderer, self.video, budget, wake)

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
                offset = offset % (2 * length - 2)
                offset = offset if offset < length else 2 * length - 2 - offset
            times.append(float(clock.in_point + offset % length))
        return times

    def close(self) -> None:
        """End its threads."""
        self.feed.close()


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Time of the last change (ns) and size of a file; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
