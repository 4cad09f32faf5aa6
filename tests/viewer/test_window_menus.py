"""The menus: all of them open; looked at when SCREENSHOTS names a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, screenshot, wait_for_image
from viewer.app import ViewerApp
from viewer.panels.menus import MENUS


@pytest.mark.parametrize("theme", ["dark", "light", "high contrast"])
def test_every_menu_opens(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme = theme

    def look(context: Any) -> None:
        wait_for_image(context, app)
        for title in MENUS:
            context.item_click(f"**/{title}")
            context.yield_(4)
            screenshot(context, f"menu-{theme}-{title}".replace(" ", "-"))
            context.popup_close_all()
            context.yield_(2)
        assert not app.errors

    drive(app, look)


def test_a_recent_file_that_is_gone_is_told_and_forgotten(app: ViewerApp, tmp_path: Path) -> None:
    lost = tmp_path / "lost.mlpvid"
    app.settings.recent_files = (str(lost),)
    app.open(lost)
    while not app.errors:
        app.update(0.01)
    assert "lost.mlpvid" in app.errors[0] and not app.settings.recent_files
