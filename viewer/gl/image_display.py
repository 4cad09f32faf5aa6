"""Bring rendered images into the presenter by the shortest way that the machine allows."""

from __future__ import annotations

from renderer.backend import RenderedImage
from viewer.gl.direct_display import DirectDisplay
from viewer.gl.presenter import Presenter
from viewer.picture.scene_depth import surface_depth


class ImageDisplay:
    """Shows CUDA images without a copy through main memory where that works, and uploads all others."""

    def __init__(self) -> None:
        self.direct = DirectDisplay()
        """Copies CUDA images on the graphics card."""
        self._source: tuple[object, ...] = ()

    def follow(self, *source: object) -> None:
        """Try a way that failed again if the images come from another renderer or document than at the last call."""
        if any(a is not b for a, b in zip(source, self._source or (None,) * len(source), strict=True)):
            self._source = source
            self.direct.retry()

    def show(self, presenter: Presenter, slot: int, image: RenderedImage) -> None:
        """Show the color of an image in a slot of the presenter; its surface hides lines."""
        if not self.direct.show(presenter, slot, image):
            textures = presenter.changed_slot(slot)
            textures.upload(image.rgba)
            textures.upload_surface(surface_depth(image))

    def take_notice(self) -> str:
        """Return a message for the user and clear it; empty if there is none."""
        return self.direct.take_notice()

    def release(self) -> None:
        """Release all OpenGL objects. Call this while the context exists."""
        self.direct.release()
