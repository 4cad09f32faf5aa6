"""Pictures, panoramas and the ground shadow in the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp

pytestmark = pytest.mark.display


def test_panorama_shadow_and_a_missing_file(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    view, folder = app.settings.view, tmp_path / "shots"
    folder.mkdir()
    app.settings.recording.folder = str(folder)
    sky = np.zeros((32, 64, 3), np.uint8)
    sky[:16], sky[16:] = (60, 120, 240), (200, 190, 180)
    Image.fromarray(sky).save(tmp_path / "sky.png")

    def saved(context: Any) -> np.ndarray:
        """Return a screenshot."""
        count = len(list(folder.iterdir()))
        app.recording.take_screenshot()
        wait_until(context, lambda: len(list(folder.glob("*.png"))) > count)
        return np.asarray(Image.open(max(folder.glob("*.png"), key=lambda path: path.stat().st_mtime_ns))).astype(int)

    def use(context: Any) -> None:
        document = open_document(app)
        document.camera.look_along((1.0, 0.0, 0.0))
        app.window.focus_panel("Image")
        wait_for_image(context, app)
        view.background = "panorama"
        context.yield_(3)
        assert saved(context)[2, 2].max() < 40, "without a file, the color stays"
        context.item_click("//Inspector/Image/###file")
        context.yield_(2)
        assert "background" in app.window.dialogs
        app.window.dialogs.discard("background")
        view.background_file = str(tmp_path / "sky.png")
        wait_until(context, lambda: app.backgrounds.image(view) is not None)
        lit = saved(context)
        assert lit[2, 2] == pytest.approx((60, 120, 240), abs=2) and lit[-3, 2] == pytest.approx((200, 190, 180), abs=2)
        context.item_click("//Inspector/Image/###Ground shadow")
        wait_until(context, lambda: document.shown is not None and document.shown.shadow is not None)
        wait_for_image(context, app)
        shaded = saved(context)
        screenshot(context, "panorama-and-shadow")
        assert (lit - shaded).max() > 20 and (shaded - lit).max() < 10, "it only darkens"
        assert not app.messages.errors
        view.background_file = str(tmp_path / "none.png")
        wait_until(context, lambda: bool(app.messages.errors))
        assert "none.png" in str(app.messages.errors[0]) and view.background == "color"

    drive(app, use, (640, 480))
