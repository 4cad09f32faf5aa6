"""An open bundle: its playback, camera, camera path, sampling and images."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from common.errors import DamagedData
from model.camera import Camera
from model.scene import Box, PlacedVideo, Scene
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from renderer.backend import Renderer, RenderSettings
from viewer import SCENE_SUFFIX
from viewer.app.files import Stamp, file_stamp
from viewer.app.places import Place
from viewer.app.scene_file import is_plain
from viewer.camera.control import OrbitCamera
from viewer.camera.history import CameraHistory
from viewer.camera_path.path import CameraPath
from viewer.picture.frustums import Frustums
from viewer.playback.clock import Playback
from viewer.playback.damage import damage_at
from viewer.playback.render_worker import ViewResult
from viewer.playback.thresholded_video import ThresholdedVideo, thresholded
from viewer.playback.view_renderer import RequestQuality, ViewRenderer

AHEAD = 8
"""Number of frames to decode ahead of the playhead."""

FRUSTUM_SIZE = 0.08
"""Length of a capture camera's pyramid, as a fraction of the longest side of the scene's box."""


@dataclass(frozen=True)
class Sampling:
    """Step and thresholds instead of the bundle's; None keeps the bundle's value."""

    steps_per_diagonal: int | None = None
    """The step along rays is the box's diagonal divided by this."""
    tau1: float | None = None
    """Cells are skipped where the density is nowhere above this, 1/m."""
    tau2: float | None = None
    """Samples with a weight w at or below this get no color."""

    @property
    def render_settings(self) -> RenderSettings:
        """The part that renderers take; tau1 is applied to the video."""
        return RenderSettings(self.steps_per_diagonal, self.tau2)


class Document:
    """All state of an open bundle.

    Args:
        path: file or address that it was read from.
        video: its content.
        renderer: backend to render it with.
        cache_bytes: memory budget of its decoded frames; None is the renderer's default.
        wake: called from the render thread when an image is ready.
        stamp: state of the file before it was read; default: its current one.
    """

    def __init__(
        self,
        path: Place,
        video: VolumetricVideo,
        renderer: Renderer,
        cache_bytes: int | None,
        wake: Callable[[], None],
        stamp: Stamp = None,
    ) -> None:
        self.path = path
        self.video = video
        self.playback = Playback(video.num_frames, video.metadata.fps)
        self.camera = OrbitCamera(video.bounds, video.metadata.up)
        self.camera_path = CameraPath()
        self.selected_keyframe: int | None = None
        """Index of the keyframe that the path panel edits."""
        self.path_time = 0.0
        """Position of the camera path's playhead, seconds."""
        self.previewing = False
        """Whether the camera follows the path."""
        self.capture_camera: int | None = None
        """Index of the capture camera that was chosen last."""
        self.view_renderer = ViewRenderer(renderer, video, cache_bytes, wake)
        self.fitted = False
        """Whether the camera has its first position."""
        self.stamp = stamp or file_stamp(path)
        """State of the file when it was read; a different state later means that it changed."""
        self.sampling = Sampling()
        """Step and thresholds; change them with `set_sampling`."""
        self.crop: Box | None = None
        """The part of a video that is open alone, meters; None is all of it. Scenes have one for each video."""
        self.arranged = False
        """Whether the arrangement of the videos differs from the file."""
        self.selected_video = 0
        """Index of the video of the scene that the section Scene edits."""
        self.damage_found = ""
        """Which frames are damaged, as a sentence, while the user has to decide whether to play the rest; otherwise empty."""
        self._plays_rest = self._resumes = False
        self._ahead: list[float] = []
        self._ending: list[threading.Thread] = []
        self._frustums: tuple[VolumetricVideo, Frustums] | None = None

    @property
    def capture_frustums(self) -> Frustums:
        """The pyramids of the capture cameras."""
        if self._frustums is None or self._frustums[0] is not self.video:
            size = float(np.ptp(self.camera.box, axis=0).max()) * FRUSTUM_SIZE
            self._frustums = self.video, Frustums(self.video.metadata.cameras, size)
        return self._frustums[1]

    @property
    def title(self) -> str:
        """Title of the tab."""
        return self.path.stem

    @property
    def shown(self) -> ViewResult | None:
        """The image on screen."""
        return self.view_renderer.shown

    def show_first(self, view: str, width: int, height: int) -> None:
        """Move the camera to its first position; `view` is one of `viewer.settings.INITIAL_VIEWS`."""
        cameras = self.video.metadata.cameras
        if view == "capture camera" and cameras:
            self.capture_camera = 0
            self.camera.snap_to(cameras[0])
        else:
            self.camera.fit(width, height)
        self.camera.history = CameraHistory()
        self.fitted = True

    def request(self, camera: Camera, quality: RequestQuality) -> None:
        """Request an image of the current time, and decode the next frames during playback."""
        if self.playback.scrubbing:
            quality = replace(quality, placeholder=True)
        self.view_renderer.request(self.playback.time, camera, quality, self.playback.tick)
        ahead = self.playback.upcoming(AHEAD) if self.playback.playing else []
        if ahead != self._ahead:
            self._ahead = ahead
            self.view_renderer.cache.decode_ahead(ahead)

    def take_results(self) -> list[ViewResult]:
        """Return the images that arrived since the last call, and let the clock count shown frames.

        A damaged frame counts as shown, because its placeholder is.
        """
        results = self.view_renderer.take_results()
        for result in results:
            if result.error is None or isinstance(result.error, DamagedData):
                self.playback.record_shown(result.request.tick)
        return results

    def replace_video(self, video: VolumetricVideo, stamp: Stamp = None) -> None:
        """Show another version of the bundle. Position, range and camera stay where possible.

        Args:
            video: the new content.
            stamp: state of the file before it was read; default: its current one.
        """
        if isinstance(self.video, Scene) and not isinstance(video, Scene):  # the scene was made here from the file
            kept = tuple(replace(p, video=video) if p.path == self.path else p for p in self.video.videos)
            video = Scene(kept)
        elif isinstance(video, Scene):
            self.arranged, self.selected_video = False, min(self.selected_video, len(video.videos) - 1)
        before, self.video = self.video, video
        self.damage_found, self._plays_rest = "", False
        self.playback.reset(video.num_frames, video.metadata.fps)
        self.camera.box = video.bounds.astype("float64")
        if not np.array_equal(before.metadata.up, video.metadata.up):  # otherwise the user's choice stays
            self.camera.set_up(video.metadata.up)
        self._restart(self.view_renderer.renderer)
        self.stamp = stamp or file_stamp(self.path)

    @property
    def placed(self) -> tuple[PlacedVideo, ...]:
        """The videos of the scene; a video that is open alone is one."""
        if isinstance(self.video, Scene):
            return self.video.videos
        return (PlacedVideo(self.video, crop=self.crop, path=self.path),)

    def arrange(self, videos: tuple[PlacedVideo, ...]) -> None:
        """Show these videos instead of the current ones. Frames that are in memory are used again.

        Raises:
            InputError: the list is empty, or a video of another method than the paper's is not alone and in its own place.
        """
        alone = is_plain(videos) and not self.path.name.endswith(SCENE_SUFFIX)
        video = videos[0].video if alone else Scene(videos)
        before, self.video, self.crop = self.video, video, videos[0].crop if alone else None
        self.arranged, self.selected_video = True, min(self.selected_video, len(videos) - 1)
        if video is before:
            return
        if (video.num_frames, video.metadata.fps) != (before.num_frames, before.metadata.fps):
            self.playback.reset(video.num_frames, video.metadata.fps)
        self.camera.box = video.bounds.astype("float64")
        if isinstance(before, Scene) and isinstance(video, Scene):
            self.view_renderer.rearrange(video)
            self._ahead = []
        else:
            self._restart(self.view_renderer.renderer)

    @property
    def render_settings(self) -> RenderSettings:
        """What renderers take besides the video: sampling and crop box."""
        return replace(self.sampling.render_settings, crop=self.crop)

    def replace_renderer(self, renderer: Renderer) -> None:
        """Render with another backend from now on."""
        self._restart(renderer)

    def set_sampling(self, sampling: Sampling) -> None:
        """Render with another step and other thresholds."""
        before, self.sampling = self.sampling, sampling
        if sampling.tau1 != before.tau1:
            self._restart(self.view_renderer.renderer)

    def stop_at_damage(self, time: float) -> None:
        """Stop because the frame at a time is damaged, and ask whether to play the rest, unless the user has decided."""
        if self._plays_rest or self.damage_found:
            return
        self.damage_found, self._resumes = self.damage_at(time), self.playback.playing
        self.playback.pause()

    def play_rest(self) -> None:
        """Continue in spite of damaged frames."""
        self.damage_found, self._plays_rest = "", True
        if self._resumes:
            self.playback.play()

    def damage_at(self, time: float) -> str:
        """Return the damaged frames at a time as a sentence such as "Frames 4 to 7 are damaged."; empty if there are none."""
        return damage_at(self.video, time)

    @property
    def rendered_video(self) -> VolumetricVideo:
        """The video to render: with a higher tau1, it has fewer occupied cells."""
        return self.view_renderer.video

    @property
    def buffering(self) -> bool:
        """Whether the picture waits for a part of the video that is not in memory."""
        return not self.view_renderer.video.is_loaded(self.playback.time)

    def cells(self, time: float) -> NDArray[np.bool_]:
        """Return the occupied cells at a time, (X, Y, Z) bool; the bundle's own until those for tau1 are found.

        Of a segment that is not in memory, this is one cell.
        """
        video, own_time = self._part_at(time)
        while isinstance(video, ThresholdedVideo):
            known = video.known_cells(own_time)
            if known is not None:
                return known
            video = video.source
        return video.box_and_occupancy(own_time)[1]

    def knows_cells(self, time: float) -> bool:
        """Return whether `cells` will return the same at this time from now on."""
        video, own_time = self._part_at(time)
        if isinstance(video, ThresholdedVideo):
            return video.known_cells(own_time) is not None
        return video.is_loaded(own_time)

    def _part_at(self, time: float) -> tuple[VolumetricVideo, float]:
        """Return the rendered video and the time, or the segment that shows it and its own time, if that is in memory."""
        video = self.view_renderer.video
        loaded = video.loaded_part(time) if isinstance(video, SegmentedVideo) else None
        return loaded or (video, time)

    def _restart(self, renderer: Renderer) -> None:
        before = self.view_renderer
        budget, wake = before.cache.budget, before.worker.on_result
        self._end(before)
        tau1 = self.sampling.tau1
        video = self.video if tau1 is None or not self.video.has_maps else thresholded(self.video, tau1)
        self.view_renderer = ViewRenderer(renderer, video, budget, wake)
        if renderer is before.renderer:
            self.view_renderer.shown = before.shown  # until the first image of the new video
        self._ahead = []

    def _end(self, renderer: ViewRenderer) -> None:
        # On another thread: a frame that is being decoded is finished first, and the window does not wait for it.
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        self._ending.append(threading.Thread(target=renderer.close, name="end of rendering", daemon=True))
        self._ending[-1].start()

    def close(self) -> None:
        """End its threads."""
        self.view_renderer.close()
        for thread in self._ending:
            thread.join()
