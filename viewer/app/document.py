"""A bundle open in a tab: its playback, its camera, its path, and its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import Renderer
from viewer.app.file_stamp import Stamp, file_stamp
from viewer.camera.control import OrbitCamera
from viewer.camera.history import CameraHistory
from viewer.camera_path.path import CameraPath
from viewer.playback.clock import LoopMode, Playback
from viewer.playback.render_worker import ViewResult
from viewer.playback.thresholded_video import ThresholdedVideo
from viewer.playback.view_renderer import RequestQuality, ViewRenderer

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
        stamp: state of the file before it was read; default: its present one.
    """

    def __init__(
        self,
        path: Path,
        video: VolumetricVideo,
        renderer: Renderer,
        cache_bytes: int,
        wake: Callable[[], None],
        stamp: Stamp = None,
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
        self.feed = ViewRenderer(renderer, video, cache_bytes, wake)
        self.fitted = False
        """Whether the camera was fitted to the view once."""
        self.stamp = stamp or file_stamp(path)
        """State of the file when it was read; another one later means that it changed."""
        self.tau1: float | None = None
        """Density up to which cells count as empty, 1/m, instead of the bundle's; None: as the bundle says."""
        self._ahead: list[float] = []

    @property
    def title(self) -> str:
        """What the tab says."""
        return self.path.stem

    @property
    def shown(self) -> ViewResult | None:
        """The image on screen."""
        return self.feed.shown

    def show_first(self, view: str, width: int, height: int) -> None:
        """Put the camera where the video is seen from at first; `view` is one of `viewer.settings.INITIAL_VIEWS`."""
        cameras = self.video.metadata.cameras
        if view == "capture camera" and cameras:
            self.capture_camera = 0
            self.camera.snap_to(cameras[0])
        else:
            self.camera.fit(width, height)
        self.camera.history = CameraHistory()
        self.fitted = True

    def request(self, camera: Camera, quality: RequestQuality) -> None:
        """Have the present instant rendered from `camera`, and the next ones decoded while it plays."""
        if self.playback.scrubbing:
            quality = replace(quality, placeholder=True)
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

    def replace_video(self, video: VolumetricVideo, stamp: Stamp = None) -> None:
        """Show another version of the bundle; position, range and camera stay where they can.

        Args:
            video: the new content.
            stamp: state of the file before it was read; default: its present one.
        """
        before, self.video = self.video, video
        self.playback.reset(video.num_frames, video.metadata.fps)
        self.camera.box = video.bounds.astype("float64")
        if not np.array_equal(before.metadata.up, video.metadata.up):  # else the user's choice stays
            self.camera.set_up(video.metadata.up)
        self._start_anew(self.feed.renderer)
        self.stamp = stamp or file_stamp(self.path)

    def replace_renderer(self, renderer: Renderer) -> None:
        """Render with another backend from now on."""
        self._start_anew(renderer)

    def set_tau1(self, tau1: float | None) -> None:
        """Skip cells whose density is nowhere above `tau1`, 1/m; None: those that the bundle says."""
        if tau1 != self.tau1:
            self.tau1 = tau1
            self._start_anew(self.feed.renderer)

    @property
    def rendered_video(self) -> VolumetricVideo:
        """What is rendered: the video, or with fewer cells than it has."""
        return self.feed.video

    def cells(self, time: float) -> Tensor:
        """(X, Y, Z) bool: the occupied cells at a time, the bundle's own while those of tau1 are being found."""
        video = self.feed.video
        known = video.known_cells(time) if isinstance(video, ThresholdedVideo) else None
        return self.video.box_and_occupancy(time)[1] if known is None else known

    def _start_anew(self, renderer: Renderer) -> None:
        budget, wake = self.feed.cache.budget, self.feed.worker.on_result
        self.feed.close()
        video = self.video if self.tau1 is None else ThresholdedVideo(self.video, self.tau1)
        self.feed = ViewRenderer(renderer, video, budget, wake)
        self._ahead = []

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
