"""The interface at twice its size, in both themes. With SCREENSHOTS set to a folder, images of it are saved there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.viewer.conftest import FIRST, SMALL, DriveWindow, open_document, screenshot, wait_for_image
from viewer.app.app import ViewerApp
from viewer.dialogs.shortcuts import compact_sheet


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_twice_the_size(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme, app.settings.window.ui_scale = theme, 2.0

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        app.settings.view.show_cameras = True
        wait_for_image(context, app)
        assert imgui.get_font_size() == pytest.approx(2 * imgui.get_style().font_size_base, rel=0.1)
        for panel in app.window.panels[1:]:
            app.window.focus_panel(panel)
            context.yield_(4)
            screenshot(context, f"scale2-{theme}-{panel}".replace(" ", "-"))
        for dialog in ("recording", "shortcuts", "settings", "palette"):
            app.window.dialogs.add(dialog)
            context.yield_(5)
            screenshot(context, f"scale2-{theme}-{dialog}")
            app.window.dialogs.clear()
            context.yield_(3)
        assert not app.messages.errors and open_document(app).shown is not None

    drive(app, look, (2 * SMALL[0], 2 * SMALL[1]))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_dialogs_need_no_scrolling(app: ViewerApp, drive: DriveWindow, scale: float) -> None:
    app.settings.window.ui_scale = scale

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        def overflow(title: str) -> float:
            context.yield_(6)
            window = imgui.internal.find_window_by_name(title)
            assert window.pos.y >= 0 and window.pos.y + window.size.y <= FIRST[1]
            return float(window.scroll_max.y)

        app.window.dialogs.add("recording")
        assert overflow("Recording") == 0
        context.item_click("//Recording/columns/###Only a range of frames")
        context.item_click("//Recording/columns/###Set length")
        assert overflow("Recording") == 0, "with all that it may show"
        assert context.item_exists("//Recording/columns/###Frames/$$0")
        app.window.dialogs.clear()
        app.window.dialogs.add("settings")
        assert overflow("Settings") == 0
        app.window.dialogs.clear()
        app.window.dialogs.add("shortcuts")
        assert overflow("Keyboard shortcuts") == 0
        if scale == 2.0:
            for category in compact_sheet():
                context.item_click(f"//Keyboard shortcuts/categories/{category}")
                assert overflow("Keyboard shortcuts") == 0
                screenshot(context, f"shortcuts-{category}")

    drive(app, look, FIRST)
