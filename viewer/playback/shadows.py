"""The shadows of frames: the ground under a video is found once, and the last shadows are kept."""

from __future__ import annotations

from dataclasses import dataclass

from model.ground import GroundFinder
from model.video import VolumetricVideo
from renderer.backend import CancelToken, PreparedFrame, Renderer, RenderSettings
from renderer.ground_shadow import GroundPlane, GroundShadow, ground_shadow

KEPT = 128
"""Number of shadows that are kept, at most 256 KB each."""


@dataclass(frozen=True)
class ShadowRequest:
    """On which ground a shadow lies."""

    axes: tuple[tuple[float, float, float], ...]
    """Two horizontal directions and the one up: a right-handed basis of unit vectors."""
    offset: float = 0.0
    """Height of the plane above the lowest occupied cell of the video, meters."""


class Shadows:
    """Computes the shadows of a video's frames. Call it from one thread."""

    def __init__(self) -> None:
        self._ground = GroundFinder()
        self._made: dict[tuple[object, ...], GroundShadow | None] = {}

    def of_frame(
        self,
        renderer: Renderer,
        video: VolumetricVideo,
        frame: PreparedFrame,
        settings: RenderSettings,
        request: ShadowRequest,
        version: int = 0,
        cancel: CancelToken | None = None,
    ) -> GroundShadow | None:
        """Return the shadow of a frame, which is computed if it is not among the last ones; None if it has none.

        Args:
            renderer: the backend.
            video: the video.
            frame: its frame that the backend has prepared.
            settings: step, threshold and crop box of the picture.
            request: the ground.
            version: counts the versions of the video. Shadows of earlier ones are computed again.
            cancel: ends it early, with `RenderCancelled`.
        """
        key = version, frame.time, settings, request
        if key not in self._made:
            height = self._ground.height(video, request.axes[2], settings.crop, frame.time) + request.offset
            plane = GroundPlane(request.axes, height)
            self._made[key] = ground_shadow(renderer, frame, plane, settings, cancel)
            while len(self._made) > KEPT:
                del self._made[next(iter(self._made))]
        return self._made[key]
