"""Keyboard focus moves between text fields, controls, panels and tabs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot
from tests.viewer.driven.test_actions import press
from viewer.actions.chords import Chord
from viewer.app.app import ViewerApp
from viewer.window.keys import Keyboard, imgui_chord


def test_text_fields_keep_their_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        clock = open_document(app).playback
        context.item_click("//Timeline/###frame")
        context.key_chars("k")
        context.key_press(imgui_chord(Chord("Space")))
        context.yield_(2)
        assert not clock.playing and len(open_document(app).camera_path) == 0

    drive(app, look)


def test_tab_moves_between_controls_and_escape_gives_the_keys_back(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        clock = open_document(app).playback
        context.window_focus("//Timeline")
        context.key_press(imgui.Key.tab)
        context.yield_(3)
        assert imgui.get_io().nav_visible
        context.key_press(imgui.Key.escape)
        context.yield_(3)
        assert not imgui.get_io().nav_visible
        press(context, "playback.toggle")
        assert clock.playing

    drive(app, look)


@pytest.mark.slow
def test_panels_and_controls_are_reached_by_keyboard(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        for _ in range(app.window.panels.index("Speed")):
            press(context, "window.next_panel")
        assert app.window.panel == "Speed"
        context.yield_(3)
        before = app.settings.rendering.dynamic_resolution
        for _ in range(2):  # from the header of the section to its first control
            context.key_press(imgui.Key.tab)
            context.yield_(3)
        context.key_press(imgui.Key.space)
        context.yield_(3)
        assert app.settings.rendering.dynamic_resolution is not before
        assert not open_document(app).playback.playing
        context.key_press(imgui.Key.escape)
        press(context, "window.previous_panel")
        assert app.window.panel == "Path"

    drive(app, look)


def test_tabs_change_by_keyboard(app: ViewerApp, drive: DriveWindow) -> None:
    first = open_document(app)
    second = app.documents.add(Path("second.mlpvid"), make_video(seed=2, num_frames=2))

    def look(context: Any) -> None:
        for name in ("file.next_tab", "file.previous_tab"):
            for chord in range(2):
                before = app.document
                press(context, name, chord)
                assert app.document is (first if before is second else second)
        screenshot(context, "tabs-by-keyboard")
        context.yield_(30)
        assert app.document is second
        press(context, "file.close")
        assert app.documents.all == [first]

    drive(app, look)


def test_the_panels_are_those_of_the_window(app: ViewerApp) -> None:
    from viewer.window.window import Window

    window = Window(app, keep_layout=False, simulated=True)
    assert (window.view.title, window.timeline.title, *(section.title for section in window.sections)) == app.window.panels
    described = (Path(__file__).parents[3] / "docs" / "viewer.md").read_text(encoding="utf-8")
    assert all(f"\n| {title} | " in described for title in app.window.sections)


def test_the_display_server_is_asked_for_the_focus_only_while_a_fly_key_is_held(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(context: Any) -> None:
        import glfw

        keyboard, held, asked, focused = Keyboard(physical=True), set[int](), list[int](), [1]

        def ask(window: object, attribute: int) -> int:
            asked.append(attribute)
            return focused[0]

        with monkeypatch.context() as patched:
            patched.setattr(glfw, "get_key", lambda window, key: glfw.PRESS if key in held else glfw.RELEASE)
            patched.setattr(glfw, "get_window_attrib", ask)
            assert keyboard.fly_direction() == (0, 0, 0) and asked == []
            held.add(glfw.KEY_W)
            assert keyboard.fly_direction() == (0, 0, 1) and asked == [glfw.FOCUSED]
            focused[0] = 0
            assert keyboard.fly_direction() == (0, 0, 0)

    drive(app, look)
