"""The height of the ground under a video: its lowest occupied cell in any direction that is up."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.scene import Box, PlacedVideo, Scene
from model.video import VolumetricVideo

FRAMES = 8
"""Number of frames, spread over the video, whose cells are read."""

Array = NDArray[np.float64]


class GroundFinder:
    """Finds the ground under videos. It keeps the outer cells of each video, so that other places and crops cost little."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[VolumetricVideo, Array] = weakref.WeakKeyDictionary()

    def height(self, video: VolumetricVideo, up: ArrayLike, crop: Box | None = None, time: float = 0.0) -> float:
        """Return the height of the lowest occupied cell above the origin, meters along `up`.

        Args:
            video: a video or a scene.
            up: (3,) unit vector.
            crop: the part of the video that is shown, meters; scenes have their own.
            time: frame index that is shown. It counts the first time that a video is asked for: of a long video, only the
                segments in memory have cells.
        """
        placed = (video.shown or video.videos) if isinstance(video, Scene) else (PlacedVideo(video, crop=crop),)
        direction, heights = np.asarray(up, np.float64), []
        for part in placed:
            points = self._points(part, video.time_in(part, time) if isinstance(video, Scene) else time)
            heights.append(float((part.placement.to_scene(points) @ direction).min()))
        return min(heights)

    def _points(self, placed: PlacedVideo, time: float) -> Array:
        points = self._known.get(placed.video)
        if points is None:
            points = self._known[placed.video] = outer_corners(placed.video, time)
        if placed.crop is None:
            return points
        low, high = np.asarray(placed.crop, np.float64)
        inside = points[((points >= low) & (points <= high)).all(1)]
        return inside if len(inside) else np.clip(points, low, high)


def outer_corners(video: VolumetricVideo, time: float = 0.0) -> Array:
    """Return corners of the first and last occupied cells along every axis in some frames, (N, 3) meters.

    The lowest cell in any direction is among them. A video without occupied cells has the corners of its box. Frames of a long
    video that are not in memory have a single cell, and are left out if others have more.

    Args:
        video: a video, not a scene.
        time: frame index of one of the frames.
    """
    count = min(FRAMES, video.num_frames)
    times = [time, *np.linspace(0, video.num_frames - 1, count).astype(int).tolist()]
    frames = [video.box_and_occupancy(float(moment)) for moment in times]
    detailed = [frame for frame in frames if frame[1].size > 1]
    points = np.concatenate([_outer(*frame) for frame in detailed or frames])
    return points if len(points) else np.asarray(video.bounds, np.float64)[[[0, 0, 0], [1, 1, 1]], [0, 1, 2]]


def _outer(box: NDArray[np.float32], occupied: NDArray[np.bool_]) -> Array:
    cells = []
    for axis in range(3):
        lines = np.moveaxis(occupied, axis, 2)
        u, v = np.nonzero(lines.any(2))
        for depth in (lines.argmax(2), occupied.shape[axis] - 1 - lines[..., ::-1].argmax(2)):
            cell = [u, v]
            cell.insert(axis, depth[u, v])
            cells.append(np.ravel_multi_index(cell, occupied.shape))
    index = np.stack(np.unravel_index(np.unique(np.concatenate(cells)), occupied.shape), -1)
    nodes = [n + 1 for n in occupied.shape]
    corners = np.unique([np.ravel_multi_index((index + bits).T, nodes) for bits in np.ndindex(2, 2, 2)])
    low, high = box.astype(np.float64)
    outer: Array = low + np.stack(np.unravel_index(corners, nodes), -1) * (high - low) / np.array(occupied.shape)
    return outer
