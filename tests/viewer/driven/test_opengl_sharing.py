"""The window's context is shared with the OpenGL backend: what is tried, what happens if it fails, and its limits."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from common.errors import InputError
from renderer.backend import RenderedImage
from tests.viewer.conftest import DriveWindow, open_document, wait_for_image
from tests.viewer.gl_traffic import Traffic, renderer_of, shown_image
from viewer.app.app import ViewerApp
from viewer.gl import shared_context
from viewer.gl.image_display import ImageDisplay
from viewer.gl.presenter import Presenter
from viewer.gl.screen_pixels import ScreenPixels

pytestmark = pytest.mark.slow

WINDOW = threading.main_thread().name
"""The thread that draws the window."""


@pytest.mark.parametrize("fault", ["no context", "nothing arrives"])
def test_a_context_that_cannot_be_shared_is_told_once_and_images_are_uploaded_once(
    gl_app: ViewerApp,
    drive: DriveWindow,
    traffic: Traffic,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    def refuse(*_: Any) -> None:
        raise InputError("OpenGL", "the driver says no")

    displayed: list[int] = []
    converted: list[int] = []
    show, write = ImageDisplay.show, ScreenPixels.write

    def count(self: ScreenPixels, texture: Any, *arguments: Any) -> Any:
        converted.append(texture.size[0] * texture.size[1])
        return write(self, texture, *arguments)

    def note(self: ImageDisplay, presenter: Presenter, slot: int, image: RenderedImage) -> None:
        displayed.append(image.size[0] * image.size[1])
        show(self, presenter, slot, image)

    monkeypatch.setattr(ImageDisplay, "show", note)
    monkeypatch.setattr(ScreenPixels, "write", count)
    target = "SharedContext.__init__" if fault == "no context" else "SharedContexts._prove"
    monkeypatch.setattr(f"viewer.gl.shared_context.{target}", refuse)

    def look(context: Any) -> None:
        assert "Images are copied through main memory: OpenGL: the driver says no" in gl_app.messages.last
        wait_for_image(context, gl_app)
        gl_app.messages.set_status("")
        context.yield_(2)
        traffic.restart()
        displayed.clear()
        converted.clear()
        open_document(gl_app).camera.orbit(0.3, 0.1)
        context.yield_(2)
        wait_for_image(context, gl_app)
        context.yield_(2)
        assert converted == displayed, "the pixels of the screen are made from each image, once"
        assert traffic.written == {WINDOW: sum(displayed) * 4}, "the depth of each image, once"
        assert set(traffic.read) == {"opengl"}, "the window's thread reads nothing back"
        gl_app.set_backend("opengl", None)
        wait_for_image(context, gl_app)
        assert gl_app.messages.last == "", "it is told once"
        assert sum("main memory" in record.getMessage() for record in caplog.records) == 1

    with caplog.at_level(logging.WARNING):
        drive(gl_app, look)


@pytest.mark.usefixtures("compute_shaders")
@pytest.mark.parametrize("refused", [(), ((4, 3),)])
def test_a_shared_context_with_compute_shaders_is_tried_first(
    gl_app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, refused: tuple[tuple[int, int], ...]
) -> None:
    asked: list[tuple[int, int]] = []
    make = shared_context._hidden_window

    def note(share: Any, major: int, minor: int) -> Any:
        asked.append((major, minor))
        return None if (major, minor) in refused else make(share, major, minor)

    monkeypatch.setattr(shared_context, "_hidden_window", note)

    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        assert renderer_of(gl_app).shared and asked == [(4, 3), (3, 3)][: len(refused) + 1]

    drive(gl_app, look)


def test_images_respect_the_largest_texture(gl_app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        assert gl_app.rendering.largest_side >= 1024, "every driver has 1024"
        gl_app.rendering.largest_side = 64
        gl_app.settings.rendering.render_scale = 2.0
        open_document(gl_app).camera.orbit(0.1, 0.0)
        context.yield_(2)
        wait_for_image(context, gl_app)
        assert max(shown_image(gl_app).size) == 64

    drive(gl_app, look)
