"""View modes whose pixels take long are computed in the background."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from model.frame import Frame
from model.video import VolumetricVideo
from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from tests.waiting import TIMEOUT
from viewer.app.app import ViewerApp
from viewer.picture.views import ViewPixels
from viewer.playback.render_worker import ViewResult
from viewer.settings import DisplaySettings
from viewer.view import panel as view


def test_the_window_goes_on_while_normals_are_made(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    make, gate, threads = view.shown_pixels, threading.Event(), set()

    def slow(result: ViewResult, display: DisplaySettings) -> ViewPixels:
        threads.add(threading.current_thread())
        assert gate.wait(TIMEOUT)
        return make(result, display)

    monkeypatch.setattr(view, "shown_pixels", slow)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        app.settings.view.mode = "normals"
        context.yield_(10)
        assert app.viewport.making_pixels and not gate.is_set(), "the window drew on"
        gate.set()
        wait_until(context, lambda: not app.viewport.making_pixels)
        assert threads and threading.current_thread() not in threads
        app.settings.view.mode = "color"
        context.yield_(4)
        assert not app.viewport.making_pixels and not app.messages.errors

    drive(app, look)


def test_maps_that_cannot_be_decoded_are_reported(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: VolumetricVideo, time: float) -> Frame:
        raise ArithmeticError("no maps today")

    def look(context: Any) -> None:
        wait_for_image(context, app)
        monkeypatch.setattr(VolumetricVideo, "decode", fail)
        open_document(app).playback.pause()
        app.window.focus_panel("Maps")
        context.yield_(5)
        open_document(app).playback.step(1)
        wait_until(context, lambda: bool(app.messages.errors))
        assert [(f.title, f.reason) for f in app.messages.errors] == [
            ("Cannot show the maps", "ArithmeticError: no maps today.")
        ]

    drive(app, look)


def test_a_view_that_fails_is_reported_once(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(result: ViewResult, display: DisplaySettings) -> ViewPixels:
        raise ArithmeticError("no normals today")

    monkeypatch.setattr(view, "shown_pixels", fail)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        app.settings.view.mode = "normals"
        wait_until(context, lambda: bool(app.messages.errors))
        assert [(f.title, f.reason) for f in app.messages.errors] == [
            ("Cannot show normals", "ArithmeticError: no normals today.")
        ]
        app.messages.errors.clear()
        context.yield_(10)
        assert not app.messages.errors and not app.viewport.making_pixels and open_document(app).shown is not None

    drive(app, look)


@pytest.mark.slow
def test_a_picture_at_rest_has_twice_the_pixels(app: ViewerApp, drive: DriveWindow) -> None:
    app.settings.rendering.smooth_at_rest = True

    def size() -> tuple[int, int]:
        shown = open_document(app).shown
        assert shown is not None and shown.image is not None
        return shown.image.size

    def look(context: Any) -> None:
        width, height = app.viewport.size
        wait_for_image(context, app)
        wait_until(context, lambda: size() == (round(0.4 * width), round(0.4 * height)))
        wait_until(context, lambda: app.sleeps)
        app.settings.view.mode = "depth"
        open_document(app).camera.orbit(0.3, 0.0)
        context.yield_(2)
        wait_for_image(context, app)
        assert size() == (round(0.2 * width), round(0.2 * height)), "numbers are not averaged"
        app.rendering.largest_side = round(0.3 * width)
        app.settings.view.mode = "color"
        context.yield_(4)
        wait_for_image(context, app)
        assert size() == (round(0.2 * width), round(0.2 * height)), "the window cannot show a larger image"

    drive(app, look)
