"""Textures and uniforms of a picture, a panorama and a shadow behind the image."""

from __future__ import annotations

import moderngl
import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from renderer.ground_shadow import GroundShadow
from viewer.picture.backdrop import Backdrop
from viewer.picture.background_image import BackgroundImage, panorama_level, panorama_rays, picture_level, picture_scale
from viewer.settings import DisplaySettings

IMAGE_UNIT, SHADOW_UNIT = 3, 4
"""Texture units, after those of the images and the color map."""

Uniforms = dict[str, object]


class BackdropTextures:
    """Uploads what is behind the image when it changes.

    Args:
        context: the window's OpenGL context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._largest = int(context.info["GL_MAX_TEXTURE_SIZE"])
        self._image: tuple[NDArray[np.uint8], moderngl.Texture] | None = None
        self._shadow: tuple[GroundShadow, moderngl.Texture] | None = None

    def bind(self, behind: Backdrop, display: DisplaySettings, width: int, height: int) -> Uniforms:
        """Bind the textures and return the uniforms of present.frag for a view of this size in pixels."""
        uniforms: Uniforms = {"background_image": IMAGE_UNIT, "shadow": SHADOW_UNIT}
        camera = behind.camera.resized(width, height)
        if behind.image is not None:
            uniforms.update(self._bind_image(behind.image, camera, behind.up, display))
        if behind.shadow is not None:
            uniforms.update(self._bind_shadow(behind.shadow, camera))
            uniforms["shadow_strength"] = display.shadow_strength
        return uniforms

    def _bind_image(
        self, image: BackgroundImage, camera: Camera, up: tuple[float, float, float], display: DisplaySettings
    ) -> Uniforms:
        size, around = (camera.width, camera.height), display.background == "panorama"
        pixels = panorama_level(image, camera, self._largest) if around else picture_level(image, *size, self._largest)
        if self._image is None or self._image[0] is not pixels:
            self._release_image()
            data = np.ascontiguousarray(pixels).tobytes()
            self._image = pixels, self._context.texture((pixels.shape[1], pixels.shape[0]), 3, data, alignment=1)
        texture = self._image[1]
        texture.repeat_x, texture.repeat_y = around, False
        texture.use(IMAGE_UNIT)
        if around:
            return {"panorama_rays": _columns(panorama_rays(camera.resized(1, 1), up, display.panorama_turn))}
        return {"picture_scale": picture_scale(pixels, *size)}

    def _bind_shadow(self, shadow: GroundShadow, camera: Camera) -> Uniforms:
        if self._shadow is None or self._shadow[0] is not shadow:
            self._release_shadow()
            rows, columns = shadow.darkness.shape
            texture = self._context.texture((columns, rows), 1, shadow.darkness.tobytes(), dtype="f4")
            texture.repeat_x = texture.repeat_y = False
            self._shadow = shadow, texture
        self._shadow[1].use(SHADOW_UNIT)
        basis = shadow.plane.basis
        return {
            "ground_rays": _columns(basis @ camera.resized(1, 1).pixel_to_world),
            "ground_eye": tuple((basis @ camera.center - (*shadow.corner, shadow.plane.height)).tolist()),
            "shadow_size": shadow.size,
        }

    def release(self) -> None:
        """Release the textures."""
        self._release_image()
        self._release_shadow()

    def _release_image(self) -> None:
        if self._image is not None:
            self._image[1].release()
        self._image = None

    def _release_shadow(self) -> None:
        if self._shadow is not None:
            self._shadow[1].release()
        self._shadow = None


def _columns(matrix: NDArray[np.float64]) -> tuple[float, ...]:
    """Return a matrix as OpenGL takes it, column by column."""
    return tuple(matrix.T.ravel().tolist())
