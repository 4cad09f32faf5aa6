"""The window, driven by ImGui's test engine without a display."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.viewer.conftest import DriveWindow, screenshot, wait_until
from viewer.app import ViewerApp


def test_shows_an_image_and_refines_it(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = app.document
        wait_until(context, lambda: document.shown is not None and document.shown.scale == app.settings.rendering.render_scale)
        assert document.shown.image.rgba[..., 3].max() > 0.1
        screenshot(context, "first")

    drive(app, look)


def test_drag_orbits(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        before = app.document.camera.state
        context.item_drag_with_delta("//View/###view", (120, 40))
        after = app.document.camera.state
        assert after.distance == before.distance
        np.testing.assert_allclose(after.target, before.target)
        assert np.linalg.norm(after.eye - before.eye) > 0.1

    drive(app, look)
