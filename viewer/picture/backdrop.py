"""What is behind a volume in one picture: a color, a picture or a panorama, and the shadow on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import CancelToken, PreparedFrame, Renderer, RenderSettings
from renderer.ground_shadow import GroundShadow, shadow_opacity
from viewer.camera.rotations import basis_of_up
from viewer.picture.background_image import BackgroundImage, panorama_behind, picture_behind, read_background
from viewer.picture.tone import backdrop
from viewer.playback.shadows import ShadowRequest, Shadows
from viewer.settings import DisplaySettings

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Backdrop:
    """The parts of a background that are not settings."""

    camera: Camera
    """The view."""
    up: tuple[float, float, float]
    """Direction of a panorama's upper border."""
    image: BackgroundImage | None = None
    """The picture or panorama; None while it is being read, which shows the background color."""
    shadow: GroundShadow | None = None
    """The shadow of the frame that is shown; None without a shadow."""


def pixels_behind(display: DisplaySettings, behind: Backdrop | None, width: int, height: int) -> Floats:
    """Return the background of an image of this size without the shadow, (H, W, 3) or a shape that broadcasts to it."""
    if behind is None or behind.image is None:
        return backdrop(display, width, height)
    if display.background == "picture":
        return picture_behind(behind.image, width, height)
    if display.background == "panorama":
        return panorama_behind(behind.image, behind.camera.resized(width, height), behind.up, display.panorama_turn)
    return backdrop(display, width, height)


def with_shadow(rgba: Floats, display: DisplaySettings, behind: Backdrop | None) -> Floats:
    """Put the shadow behind (H, W, 4) premultiplied colors, as black with an opacity."""
    if behind is None or behind.shadow is None or not display.has_shadow:
        return rgba
    camera = behind.camera.resized(rgba.shape[1], rgba.shape[0])
    opacity = shadow_opacity(behind.shadow, camera, display.shadow_strength)
    alpha = rgba[..., 3] + (1 - rgba[..., 3]) * opacity
    return np.concatenate([rgba[..., :3], alpha[..., None]], axis=-1).astype(np.float32)


def bytes_behind(display: DisplaySettings) -> int:
    """Return the bytes per pixel that picture, panorama and shadow of an image take at most."""
    return 40 if display.has_image or display.has_shadow else 0


class BackdropMaker:
    """Makes the backdrops of pictures outside the window.

    Args:
        renderer: the backend, which also renders what the shadow needs.
        video: the video.
        display: kind of background and shadow.
        settings: step, threshold and crop box of the picture.
        up: direction that is up; None is the video's.

    Raises:
        InputError: the picture or the panorama cannot be read.
    """

    def __init__(
        self,
        renderer: Renderer,
        video: VolumetricVideo,
        display: DisplaySettings,
        settings: RenderSettings = RenderSettings(),
        up: tuple[float, float, float] | None = None,
    ) -> None:
        self._renderer, self._video, self._display, self._settings = renderer, video, display, settings
        x, y, z = video.metadata.up if up is None else up
        self._up = float(x), float(y), float(z)
        self._image = read_background(Path(display.background_file)) if display.has_image else None
        self._shadows = Shadows()

    def behind(self, frame: PreparedFrame, camera: Camera, cancel: CancelToken | None = None) -> Backdrop | None:
        """Return what is behind a view of a frame that the renderer has prepared; None for a plain background."""
        shadow = None
        if self._display.has_shadow:
            source = self._renderer, self._video, frame, self._settings
            shadow = self._shadows.of_frame(*source, shadow_request(self._up, self._display), cancel=cancel)
        if self._image is None and shadow is None:
            return None
        return Backdrop(camera, self._up, self._image, shadow)


def shadow_request(up: ArrayLike, display: DisplaySettings) -> ShadowRequest:
    """Return the ground of a scene whose direction up (3,) is given, as the settings describe it."""
    x, y, vertical = ((float(a), float(b), float(c)) for a, b, c in basis_of_up(up))
    return ShadowRequest((x, y, vertical), display.ground_offset)
