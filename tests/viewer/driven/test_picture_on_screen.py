"""The view reaches the screen at its place, the right way up and with its own colors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.viewer.conftest import DriveWindow, open_document, wait_for_image
from viewer.app.app import ViewerApp
from viewer.gl.context import read_screen
from viewer.window.window import Window

Pixels = np.ndarray


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_the_window_shows_the_pixels_of_the_view(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, scale: float
) -> None:
    app.recording.with_interface = True  # otherwise the interface would cover a corner, see `draw_fewer_pixels`
    app.settings.rendering.render_scale, app.settings.view.show_grid = scale, False
    app.settings.view.background_color = (0.8, 0.3, 0.1)
    shown: list[tuple[Pixels, Pixels]] = []
    take_pictures = Window._take_pictures

    def compare(window: Window) -> None:
        left, top, width, height = (round(value) for value in app.viewport.place)
        if window.view.presenter is not None and window.view.presenter.texture is not None:
            screen = read_screen(*app.recording.window_pixels)
            shown.append((screen[top : top + height, left : left + width], window.view.presenter.read()))
        take_pictures(window)

    monkeypatch.setattr(Window, "_take_pictures", compare)

    def look(context: Any) -> None:
        open_document(app).playback.pause()
        wait_for_image(context, app)
        context.yield_(3)

    drive(app, look)
    on_screen, view = (pixels.astype(int) for pixels in shown[-1])
    assert on_screen.shape == view.shape
    differs = (np.abs(on_screen - view) > 2).any(axis=-1)
    assert differs.mean() < 0.05, "only the gizmo is drawn over the view"
    np.testing.assert_allclose(on_screen[-1, 0], np.array([0.8, 0.3, 0.1]) * 255, atol=2)
    assert (np.abs(view - on_screen[-1, 0]) > 20).any(), "the picture is not empty"
