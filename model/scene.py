"""A scene: several volumetric videos, each with its place, its time and a crop box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.streaming.address import Address
from model.box import box_corners
from model.camera import Camera
from model.placement import Placement
from model.video import VolumetricVideo

if TYPE_CHECKING:  # it loads PyTorch, which rendering a scene does not need
    from model.frame import Frame

Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lower and upper corner, meters."""


@dataclass(frozen=True, eq=False)
class PlacedVideo:
    """A video in a scene."""

    video: VolumetricVideo
    """The video."""
    placement: Placement = Placement()
    """Its place and time."""
    crop: Box | None = None
    """The part of it that is shown, meters in its own coordinates; None is all of it."""
    visible: bool = True
    """Whether it is shown. A hidden video counts for the scene's length, but is not decoded."""
    path: Path | Address | None = None
    """Where it was read from; None if it was not read."""

    def corners(self, box: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the corners of the shown part of a box of the video, (8, 3) meters in the scene.

        Args:
            box: (2, 3) meters in the video.
        """
        return self.placement.to_scene(box_corners(self.shown_box(box)))

    def shown_box(self, box: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the part of a (2, 3) box that the crop leaves, meters in the video; without extent if that is nothing."""
        whole = np.asarray(box, np.float64)
        if self.crop is None:
            return whole
        low, high = np.asarray(self.crop, np.float64)
        return np.clip(whole, low, high)


class PlacedCameras(Sequence[Camera]):
    """The cameras of a placed video in the scene. Each is computed when it is needed: there may be very many.

    Args:
        placement: of the video.
        cameras: in the video.
    """

    def __init__(self, placement: Placement, cameras: Sequence[Camera]) -> None:
        self._placement, self._cameras = placement, cameras

    def __len__(self) -> int:
        return len(self._cameras)

    @overload
    def __getitem__(self, index: int) -> Camera: ...

    @overload
    def __getitem__(self, index: slice) -> PlacedCameras: ...

    def __getitem__(self, index: int | slice) -> Camera | PlacedCameras:
        if isinstance(index, slice):
            return PlacedCameras(self._placement, self._cameras[index])
        return self._placement.camera_in_scene(self._cameras[index])


class Scene(VolumetricVideo):
    """Placed videos as one video, whose frame rate, up and number of frames follow from them.

    The time of the scene is that of the first video's frame rate. It begins with the earliest video and ends with the last one.
    Its sound is that of the first video, which begins with it.
    Only `renderer.scene.SceneRenderer` renders it.

    Args:
        videos: the placed videos, at least one.

    Raises:
        InputError: there is none.
    """

    def __init__(self, videos: tuple[PlacedVideo, ...]) -> None:
        if not videos:
            raise InputError("scene", "has no videos")
        if any(placed.video.config.method is not None for placed in videos):
            raise InputError("scene", "has a video of another method than the paper's", "open that video alone")
        first = videos[0].video
        cameras = PlacedCameras(videos[0].placement, first.metadata.cameras)
        self._start = min(placed.placement.time_offset for placed in videos)
        sound = first.metadata.sound
        if sound is not None:
            sound = replace(sound, offset=sound.offset + videos[0].placement.time_offset - self._start)
        # Its videos have the arrays; a long video has none in memory.
        self.config, self.metadata = first.config, replace(first.metadata, cameras=cameras, sound=sound)
        self.videos = videos

    @property
    def shown(self) -> tuple[PlacedVideo, ...]:
        """The visible videos."""
        return tuple(placed for placed in self.videos if placed.visible)

    @property
    def has_maps(self) -> bool:
        """False: only its videos have maps."""
        return False

    @property
    def num_frames(self) -> int:
        """Frames from the start of the earliest video to the end of the last one, at the first video's rate."""
        ends = [
            (placed.placement.time_offset - self._start) * self.metadata.fps
            + (placed.video.num_frames - 1) * self.metadata.fps / placed.video.metadata.fps
            for placed in self.videos
        ]
        return int(np.floor(max(ends) + 1e-6)) + 1

    @property
    def bounds(self) -> NDArray[np.float32]:
        """(2, 3) box around the visible videos at all times, meters in the scene; around all if none is visible."""
        return box_around([placed.corners(placed.video.bounds) for placed in self.shown or self.videos])

    def why_empty(self) -> str:
        """Return why the scene shows nothing at any time, for messages; empty if it may show something."""
        if not self.shown:
            return "all its videos are hidden"
        boxes = [placed.shown_box(placed.video.bounds) for placed in self.shown]
        return "" if any((high > low).all() for low, high in boxes) else "its crop boxes leave nothing of the visible videos"

    def time_in(self, placed: PlacedVideo, time: float) -> float:
        """Return the frame index of a placed video at a frame index of the scene. Outside the video it is held."""
        seconds = time / self.metadata.fps + self._start - placed.placement.time_offset
        frame = round(seconds * placed.video.metadata.fps, 6)  # whole frames are cached under whole numbers
        return float(min(max(frame, 0.0), placed.video.num_frames - 1))

    def is_loaded(self, time: float) -> bool:
        """Return whether all visible videos have the frame at `time` in memory."""
        return all(placed.video.is_loaded(self.time_in(placed, time)) for placed in self.shown)

    def is_damaged(self, time: float) -> bool:
        """Return whether a visible video cannot be shown at `time` because of known damage."""
        return any(placed.video.is_damaged(self.time_in(placed, time)) for placed in self.shown)

    def damaged_frames(self) -> list[range]:
        """Return the scene's frames in which a visible video cannot be shown because of known damage; ranges may overlap."""
        pairs = [(placed, frames) for placed in self.shown for frames in placed.video.damaged_frames()]
        ranges = [self._frames_of(placed, frames) for placed, frames in pairs]
        return sorted((frames for frames in ranges if frames), key=lambda frames: frames.start)

    def _frames_of(self, placed: PlacedVideo, frames: range) -> range:
        """Return the scene's frames at which frames of a placed video are shown. It is held before and after the video."""
        delay = placed.placement.time_offset - self._start
        first, last = ((frame / placed.video.metadata.fps + delay) * self.metadata.fps for frame in (frames[0], frames[-1]))
        start = 0 if frames[0] == 0 else math.ceil(first - 1e-6)
        end = self.num_frames if frames[-1] == placed.video.num_frames - 1 else math.floor(last + 1e-6) + 1
        return range(start, end)

    def load_ahead(self, times: Sequence[float]) -> None:
        """Begin to load what playback needs next of all visible videos."""
        for placed in self.shown:
            placed.video.load_ahead([self.time_in(placed, time) for time in times])

    def decode(self, time: float) -> Frame:
        """Refuse: a scene has no maps of its own."""
        raise InputError("scene", "cannot be decoded as one video", "choose one of its videos")

    def box_and_occupancy(self, time: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the (2, 3) box around the visible videos at `time`, meters, and one occupied cell."""
        self.check_time(time)
        shown = self.shown or self.videos
        boxes = [placed.corners(placed.video.box_and_occupancy(self.time_in(placed, time))[0]) for placed in shown]
        return box_around(boxes), np.ones((1, 1, 1), np.bool_)


def box_around(corners: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """Return the (2, 3) lower and upper corner of the box around several boxes, given by their (8, 3) corners."""
    every = np.concatenate(corners)
    return np.stack([every.min(0), every.max(0)]).astype(np.float32)
