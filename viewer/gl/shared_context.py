"""OpenGL contexts that share textures with the window's, for renderers that work on other threads."""

from __future__ import annotations

import logging
import warnings
import weakref
from typing import Any

import imgui_bundle  # noqa: F401 - before glfw: both must share one libglfw
import moderngl
import numpy as np
from imgui_bundle import glfw_utils

from common.errors import InputError
from renderer.opengl.renderer import OpenGLRenderer
from viewer.gl.context import GlfwLoader

_log = logging.getLogger(__name__)

VERSIONS = ((4, 3), (3, 3))
"""Versions of OpenGL to ask for, in turn. Some drivers give exactly the requested version, and renderers use compute shaders
if they have them."""


class SharedContext:
    """A hidden window whose context shares textures with the window's. Make it, and destroy it, on the window's thread.

    Raises:
        InputError: the driver makes no such context.
    """

    def __init__(self) -> None:
        window = glfw_utils.glfw_window_hello_imgui()
        self._window: Any = next(filter(None, (_hidden_window(window, *version) for version in VERSIONS)), None)
        if self._window is None:
            raise InputError("OpenGL", "the driver makes no second context that shares textures with the window's")
        self.released = False
        """Whether no thread uses it any more."""

    def create(self) -> moderngl.Context:
        """Make it current in the calling thread, and wrap it."""
        import glfw  # noqa: PLC0415 - only after imgui_bundle

        glfw.make_context_current(self._window)
        return moderngl.create_context(require=330, context=GlfwLoader())  # type: ignore[arg-type]

    def release(self, context: moderngl.Context) -> None:
        """End its use in the calling thread."""
        import glfw  # noqa: PLC0415 - only after imgui_bundle

        context.release()
        no_window: Any = None
        glfw.make_context_current(no_window)
        self.released = True

    def destroy(self) -> None:
        """Destroy it after `release`."""
        import glfw  # noqa: PLC0415 - only after imgui_bundle

        glfw.destroy_window(self._window)


def _hidden_window(share: Any, major: int, minor: int) -> Any:
    """Make a window that is never shown and shares textures with another one; None when the driver cannot."""
    import glfw  # noqa: PLC0415 - only after imgui_bundle

    hints = {
        glfw.VISIBLE: 0,
        glfw.CONTEXT_CREATION_API: glfw.get_window_attrib(share, glfw.CONTEXT_CREATION_API),
        glfw.CONTEXT_VERSION_MAJOR: major,
        glfw.CONTEXT_VERSION_MINOR: minor,
        glfw.OPENGL_PROFILE: glfw.OPENGL_CORE_PROFILE,
        glfw.OPENGL_FORWARD_COMPAT: 1,
    }
    glfw.default_window_hints()
    for hint, value in hints.items():
        glfw.window_hint(hint, value)
    no_monitor: Any = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glfw warns of versions that the driver lacks
        made = glfw.create_window(1, 1, "", no_monitor, share)
    glfw.default_window_hints()
    return made


class SharedContexts:
    """The contexts of all OpenGL renderers of a window. Call all methods on the window's thread.

    Args:
        context: the window's context.
    """

    def __init__(self, context: moderngl.Context) -> None:
        self._context = context
        self._blank = context.texture((1, 1), 4)
        self._used: list[tuple[weakref.ref[OpenGLRenderer], SharedContext]] = []

    def share(self, renderer: OpenGLRenderer) -> str:
        """Move a renderer into a context that shares textures with the window's.

        Returns:
            Why that is impossible; then the renderer keeps its context and reads its images back. Empty after a success.
        """
        try:
            source = SharedContext()
            self._used.append((weakref.ref(renderer), source))
            renderer.share(source)
            self._prove(renderer)
        except Exception as error:  # every driver has its own reasons
            _log.warning("the window cannot show the renderer's textures: %s", error)
            renderer.fetch_images = True
            if renderer.shared:
                renderer.share(None)
            return " ".join(str(error).split())
        renderer.fetch_images = False
        return ""

    def destroy_unused(self) -> None:
        """Destroy the contexts whose renderers are gone."""
        for entry in [entry for entry in self._used if entry[1].released]:
            self._used.remove(entry)
            entry[1].destroy()

    def close(self) -> None:
        """Close all renderers, since their contexts end with the window's."""
        for reference, _ in self._used:
            if (renderer := reference()) is not None:
                renderer.close()
        self.destroy_unused()
        self._blank.release()

    def _prove(self, renderer: OpenGLRenderer) -> None:
        """Send one pixel from the renderer's context to the window's: some drivers report success and share nothing."""
        color = np.array([0.25, 0.5, 0.75, 1.0], np.float32)

        def draw(context: moderngl.Context) -> moderngl.Texture:
            texture = context.texture((1, 1), 4, dtype="f4")
            context.framebuffer([texture]).clear(*color.tolist())
            context.finish()
            return texture

        texture = renderer.run(draw)
        arrived = np.frombuffer(self._context.external_texture(texture.glo, (1, 1), 4, 0, "f4").read(), np.float32)
        # The renderer deletes its textures. ImGui restores what was bound, and a deleted texture cannot be bound.
        self._blank.use(self._context.default_texture_unit)
        if not np.array_equal(arrived, color):
            raise InputError("OpenGL", "the driver reported success, but the window cannot read the renderer's textures")
