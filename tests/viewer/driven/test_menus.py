"""The menus: all of them open. With SCREENSHOTS set to a folder, images of them are saved there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from imgui_bundle import imgui

from tests.viewer.conftest import SMALL, DriveWindow, open_document, screenshot, wait_for_image
from viewer import __version__
from viewer.actions.runner import ActionRunner
from viewer.actions.table import ACTIONS
from viewer.app.app import ViewerApp
from viewer.app.messages import MESSAGE_SECONDS
from viewer.dialogs.jobs import time_left
from viewer.panels.menus import MENUS
from viewer.picture.options import shown_pixels
from viewer.widgets.controls import sentence_case


@pytest.mark.slow
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
        assert not app.messages.errors

    drive(app, look)


def test_every_action_has_its_menu_and_lines_separate_groups() -> None:
    assert {action.category for action in ACTIONS} == {*MENUS, "Fly"}
    for title in MENUS:
        first, *others = [action for action in ACTIONS if action.category == title]
        assert not first.starts_group, "a line above the first item separates nothing"
        assert any(action.starts_group for action in others), title


def test_choices_are_written_as_sentences() -> None:
    assert sentence_case(["ping-pong", "cpu", "high contrast", "reference"]) == [
        "Ping-pong", "CPU", "High contrast", "Reference",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_about_shows_the_license_of_the_video(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    open_document(app).video.metadata.license = "Free as in freedom. " * 300
    app.settings.window.theme = theme

    def look(context: Any) -> None:
        context.item_click("**/Help")
        context.item_click("**/###help.about")
        context.yield_(5)
        screenshot(context, f"about-{theme}")
        window = imgui.internal.find_window_by_name("About MLPVid")
        assert window.pos.y >= 0 and window.pos.y + window.size.y <= SMALL[1]
        context.item_click("//About MLPVid/Copy")
        assert (
            "Apache License 2.0" in app.window.read_clipboard()
            and "random.mlpvid: Free as in freedom." in app.window.read_clipboard()
        )
        context.item_click("//About MLPVid/Close")
        context.yield_(2)
        assert not app.window.dialogs
        app.documents.close(0)
        app.window.dialogs.add("about")
        context.yield_(5)
        context.key_press(imgui.Key.escape)
        context.yield_(2)
        assert not app.window.dialogs

    drive(app, look)


def test_the_version_is_that_of_the_project() -> None:
    project = Path(__file__).resolve().parents[3] / "pyproject.toml"
    assert f'\nversion = "{__version__}"\n' in project.read_text(encoding="utf-8")


def test_a_recent_file_that_is_gone_is_reported_and_removed(app: ViewerApp, tmp_path: Path) -> None:
    lost = tmp_path / "lost.mlpvid"
    app.settings.recent_files = (str(lost),)
    app.documents.open(lost)
    while not app.messages.errors:
        app.update(0.01)
    assert app.messages.errors[0].title == "Cannot open lost.mlpvid" and not app.settings.recent_files


@pytest.mark.slow
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


def test_commands_without_a_video_say_why_they_are_unavailable(app: ViewerApp) -> None:
    app.documents.close(0)
    assert app.document is None
    runner = ActionRunner(app)
    for name in ("file.screenshot", "file.render_path", "path.orbit", "playback.toggle", "file.export_mesh"):
        app.messages.last = ""
        runner.run(name)
        assert app.messages.status == "Open a video first" and not app.window.dialogs, name


def test_a_message_leaves_the_status_bar_again(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("viewer.app.messages.time.monotonic", lambda: now[0])
    app.messages.set_status("Camera copied")
    now[0] += MESSAGE_SECONDS - 0.1
    assert app.messages.status == "Camera copied"
    now[0] += 0.2
    assert app.messages.status == ""


def test_remaining_times_in_words() -> None:
    assert [time_left(s) for s in (-1.0, 0.4, 59.4, 60.0, 394.0, 3900.0)] == [
        "0 s", "0 s", "59 s", "1:00 min", "6:34 min", "1:05:00 h",
    ]  # fmt: skip


def test_the_hidden_interface_says_how_it_comes_back(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        for _ in range(2):
            context.key_press(imgui.Key.h)
            context.yield_(4)
            screenshot(context, f"hidden-{app.window.hide_interface}")
            assert app.messages.status == ("Press H to show the interface again" if app.window.hide_interface else "")
        assert not app.window.hide_interface

    drive(app, look)


@pytest.mark.slow
def test_a_fixed_range_begins_as_the_automatic_one(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        app.settings.view.mode = "depth"
        app.window.focus_panel("View")
        context.yield_(6)
        wait_for_image(context, app)
        shown = open_document(app).shown
        assert shown is not None
        legend = shown_pixels(shown, app.settings.view).legend
        context.item_click("//Inspector/View/###Automatic range")
        context.yield_(3)
        assert legend is not None and not app.settings.view.automatic_range
        low, high = app.settings.view.low, app.settings.view.high
        assert (low, high) == pytest.approx((legend.low, legend.high)) and low > 1

    drive(app, look)
