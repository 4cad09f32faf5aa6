"""The window keeps drawing while the renderer works; `pace_window.py` measures how fast."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from renderer.backend import RenderedImage
from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from tests.waiting import TIMEOUT
from viewer.app.app import ViewerApp

FRAMES = 30


@pytest.mark.slow
def test_the_window_draws_on_while_an_image_is_rendered(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer_class = type(app.rendering.renderer)
    render, held, go_on = renderer_class.render, threading.Event(), threading.Event()
    go_on.set()

    def wait_and_render(self: Any, *arguments: Any, **options: Any) -> RenderedImage:
        if not go_on.is_set():
            held.set()
            assert go_on.wait(TIMEOUT)
        return render(self, *arguments, **options)

    monkeypatch.setattr(renderer_class, "render", wait_and_render)

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        def turn() -> None:
            document.camera.orbit(0.02, 0.0)
            app.redraw.record_motion()
            context.yield_()

        document = open_document(app)
        wait_for_image(context, app)
        go_on.clear()
        turn()
        wait_until(context, held.is_set)
        first_image, first_frame = document.view_renderer.shown, imgui.get_frame_count()
        assert first_image is not None
        for _ in range(FRAMES):
            turn()
        assert imgui.get_frame_count() - first_frame >= FRAMES and document.view_renderer.shown is first_image
        go_on.set()
        wait_for_image(context, app)
        newest = document.view_renderer.shown
        assert newest is not None and newest is not first_image
        np.testing.assert_allclose(newest.request.camera.R, document.camera.to_camera(*app.viewport.size).R)

    drive(app, look)
