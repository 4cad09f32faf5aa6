"""Every panel and dialog is drawn. With SCREENSHOTS set to a folder, images of them are saved there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image
from viewer.app.app import ViewerApp

DIALOGS = ("palette", "shortcuts", "settings", "recording", "cameras", "open", "url", "save_path", "load_path", "save_scene")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light", "high contrast"])
def test_every_panel_draws(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme = theme

    def look(context: Any) -> None:
        wait_for_image(context, app)
        for panel in app.window.panels:
            app.window.focus_panel(panel)
            context.yield_(4)
            screenshot(context, f"{theme}-{panel}".replace(" ", "-"))
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_every_dialog_draws_and_closes(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        for name in DIALOGS:
            app.window.dialogs.add(name)
            context.yield_(6)
            screenshot(context, f"dialog-{name}")
            context.key_press(imgui.Key.escape)
            context.yield_(3)
            if name in ("palette", "shortcuts", "open", "url", "save_path", "load_path", "save_scene"):
                assert name not in app.window.dialogs
            app.window.dialogs.discard(name)
            context.yield_(3)
        open_document(app)

    drive(app, look)
