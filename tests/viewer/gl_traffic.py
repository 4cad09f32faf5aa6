"""Count what moves between main memory and the graphics card, by thread, and check every draw for errors."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np
import pytest

from renderer.opengl.image import OpenGLImage
from renderer.opengl.renderer import OpenGLRenderer
from tests.viewer.conftest import open_document
from viewer.app.app import ViewerApp

Methods = tuple[tuple[Any, str], ...]

READS: Methods = (
    (moderngl.Texture, "read"),
    (moderngl.TextureArray, "read"),
    (moderngl.Buffer, "read"),
    (moderngl.Framebuffer, "read"),
)
"""Methods that return pixels."""

COPIES: Methods = ((moderngl.Texture, "read_into"), (moderngl.Framebuffer, "read_into"), (moderngl.TextureArray, "read_into"))
"""Methods that copy pixels into a buffer; reading it is counted."""

WRITES: Methods = ((moderngl.Texture, "write"), (moderngl.TextureArray, "write"))
"""Methods whose first argument are pixels, or a buffer of the graphics card."""

DRAWS: Methods = (
    (moderngl.VertexArray, "render"),
    (moderngl.VertexArray, "render_indirect"),
    (moderngl.Framebuffer, "clear"),
    (moderngl.ComputeShader, "run"),
    (moderngl.ComputeShader, "run_indirect"),
)
"""Methods that draw or compute."""


class Traffic:
    """Bytes read back and uploaded since the last `restart`, by the name of the thread."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.read: Counter[str] = Counter()
        """Bytes from the graphics card."""
        self.written: Counter[str] = Counter()
        """Bytes to the graphics card."""
        self.draws: Counter[str] = Counter()
        """Draws and computations, each checked for errors."""
        for owner, name in (*READS, *COPIES):
            patch.setattr(owner, name, self._checked(getattr(owner, name), self._count_read))
        for owner, name in WRITES:
            patch.setattr(owner, name, self._checked(getattr(owner, name), self._count_write))
        for owner, name in DRAWS:
            patch.setattr(owner, name, self._checked(getattr(owner, name), self._count_draw))

    def restart(self) -> None:
        """Forget what was counted."""
        for counter in (self.read, self.written, self.draws):
            counter.clear()

    def _checked(self, method: Callable[..., Any], count: Callable[[tuple[Any, ...], Any], None]) -> Callable[..., Any]:
        def call(owner: Any, *arguments: Any, **options: Any) -> Any:
            result = method(owner, *arguments, **options)
            context = owner.ctx
            assert (code := context.error) == "GL_NO_ERROR", f"{method.__qualname__}: {code}"
            count(arguments, result)
            return result

        return call

    def _count_read(self, arguments: tuple[Any, ...], result: Any) -> None:
        if isinstance(result, bytes):
            self.read[threading.current_thread().name] += len(result)

    def _count_write(self, arguments: tuple[Any, ...], _result: Any) -> None:
        if arguments and not isinstance(arguments[0], moderngl.Buffer):
            self.written[threading.current_thread().name] += np.asarray(memoryview(arguments[0])).nbytes

    def _count_draw(self, _arguments: tuple[Any, ...], _result: Any) -> None:
        self.draws[threading.current_thread().name] += 1


def watch_textures(patch: pytest.MonkeyPatch) -> list[tuple[moderngl.Context, int]]:
    """Return a list that grows by the context and OpenGL's name of each texture that is made from now on."""
    made: list[tuple[moderngl.Context, int]] = []
    for name in ("texture", "texture_array", "texture3d"):
        create = getattr(moderngl.Context, name)

        def note(context: moderngl.Context, *arguments: Any, create: Any = create, **options: Any) -> Any:
            texture = create(context, *arguments, **options)
            made.append((context, texture.glo))
            return texture

        patch.setattr(moderngl.Context, name, note)
    return made


def renderer_of(app: ViewerApp) -> OpenGLRenderer:
    """Return the app's renderer."""
    assert isinstance(app.rendering.renderer, OpenGLRenderer)
    return app.rendering.renderer


def shown_image(app: ViewerApp) -> OpenGLImage:
    """Return the image on the screen."""
    shown = open_document(app).shown
    assert shown is not None and isinstance(shown.image, OpenGLImage)
    return shown.image
