"""Bring rendered images into the presenter in the most direct way that the machine allows."""

from __future__ import annotations

from renderer.backend import RenderedImage
from renderer.opengl.image import OpenGLImage
from viewer.gl.direct_display import DirectDisplay
from viewer.gl.mode_pass import components
from viewer.gl.presenter import Presenter
from viewer.gl.shared_context import SharedContexts
from viewer.picture.options import VIEWS
from viewer.playback.render_worker import ViewResult, scaled_camera
from viewer.settings import DisplaySettings


class ImageDisplay:
    """Shows textures of OpenGL renderers as they are, copies CUDA images on the card where that works, uploads all others."""

    def __init__(self) -> None:
        self.contexts: SharedContexts | None = None
        """The contexts of OpenGL renderers that share textures with the window's; set by the window."""
        self.direct = DirectDisplay()
        """Copies CUDA images on the graphics card."""
        self._source: tuple[object, ...] = ()

    def follow(self, *source: object) -> None:
        """Try again what failed before if the images come from another renderer or document than at the last call.

        Call it in every frame: it also destroys the contexts of renderers that are gone.
        """
        if self.contexts is not None:
            self.contexts.destroy_unused()
        if any(a is not b for a, b in zip(source, self._source or (None,) * len(source), strict=True)):
            self._source = source
            self.direct.retry()

    def show(self, presenter: Presenter, slot: int, image: RenderedImage) -> None:
        """Show the color of an image in a slot of the presenter; its surface hides lines."""
        if in_textures(image):
            assert isinstance(image, OpenGLImage)
            presenter.changed_slot(slot).show(image.textures.rgba, image.textures.depth, keep=image)
        elif not self.direct.show(presenter, slot, image):
            presenter.changed_slot(slot).keep(image.rgba, image.depth)

    def show_mode(self, presenter: Presenter, slot: int, result: ViewResult, display: DisplaySettings) -> None:
        """Show a view mode of an image whose textures a renderer shares with the window."""
        image, frame, view = result.image, result.frame, VIEWS[display.mode]
        assert isinstance(image, OpenGLImage) and frame is not None
        made = presenter.context.texture(image.size, components(view), dtype="f4")
        made.repeat_x = made.repeat_y = False
        camera = scaled_camera(result.request.camera, result.scale)
        presenter.modes.draw(made, view, image.textures, camera, frame, result.config, display.head_plane)
        self.show(presenter, slot, image)
        presenter.changed_slot(slot).show_made(made)

    def depth_at(self, presenter: Presenter, image: RenderedImage, column: int, row: int) -> float:
        """Return one pixel of an image's depth, meters. Of the image in the first slot, only this pixel is read back."""
        slot = presenter.slots[0]
        return slot.depth_at(column, row) if slot.holds(image) else float(image.depth[row, column])

    def take_notice(self) -> str:
        """Return a message for the user and clear it; empty if there is none."""
        return self.direct.take_notice()

    def release(self) -> None:
        """Release all OpenGL objects. Call this while the context exists."""
        self.direct.release()
        if self.contexts is not None:
            self.contexts.close()
        self.contexts = None


def in_textures(image: RenderedImage) -> bool:
    """Return whether the window's context has the textures of an image."""
    return isinstance(image, OpenGLImage) and image.shared
