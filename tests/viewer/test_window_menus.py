"""The menus: all of them open; looked at when SCREENSHOTS names a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from imgui_bundle import imgui

from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image
from viewer.app import MESSAGE_SECONDS, ViewerApp
from viewer.app_actions import ActionRunner
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


def test_keys_belong_to_an_open_menu_and_escape_closes_it(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        document = open_document(app)
        document.playback.pause()
        context.item_click("**/File")
        context.yield_(2)
        context.key_press(imgui.Key.space)
        context.key_press(int(imgui.Key.mod_ctrl) | int(imgui.Key.w))
        context.yield_(3)
        assert not document.playback.playing and app.document is document
        assert imgui.is_popup_open("", imgui.PopupFlags_.any_popup_id | imgui.PopupFlags_.any_popup_level)
        context.key_press(imgui.Key.escape)
        context.yield_(3)
        assert not imgui.is_popup_open("", imgui.PopupFlags_.any_popup_id | imgui.PopupFlags_.any_popup_level)
        context.key_press(imgui.Key.space)
        context.yield_(3)
        assert document.playback.playing

    drive(app, look)


def test_commands_without_a_video_say_why_they_do_nothing(app: ViewerApp) -> None:
    app.close_document(0)
    assert app.document is None
    runner = ActionRunner(app)
    for name in ("file.screenshot", "file.render_path", "path.orbit", "playback.toggle", "file.export_mesh"):
        app.message = ""
        runner.run(name)
        assert app.status == "Open a video first" and not app.dialogs, name


def test_what_was_said_leaves_the_status_bar_again(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("viewer.app.clock.monotonic", lambda: now[0])
    app.say("Camera copied")
    now[0] += MESSAGE_SECONDS - 0.1
    assert app.status == "Camera copied"
    now[0] += 0.2
    assert app.status == ""
