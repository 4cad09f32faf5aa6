"""The interface at twice its size, in both themes: drawn without a fault; looked at when SCREENSHOTS names a folder."""

from __future__ import annotations

from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image
from viewer.app import ViewerApp


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_twice_the_size(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme, app.settings.window.ui_scale = theme, 2.0

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        app.settings.view.show_cameras = True
        wait_for_image(context, app)
        assert imgui.get_font_size() == pytest.approx(2 * imgui.get_style().font_size_base, rel=0.1)
        for panel in ("Timeline", "Camera path", "Camera", "Speed", "Maps", "Video", "Compare"):
            app.focus_panel = panel
            context.yield_(4)
            screenshot(context, f"scale2-{theme}-{panel}".replace(" ", "-"))
        for dialog in ("recording", "shortcuts", "settings", "palette"):
            app.dialogs.add(dialog)
            context.yield_(5)
            screenshot(context, f"scale2-{theme}-{dialog}")
            app.dialogs.clear()
            context.yield_(3)
        assert not app.errors and open_document(app).shown is not None

    drive(app, look, (2560, 1600))
