"""Actions that cannot run are gray in menus, palette and panels, and their keys do nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from imgui_bundle import imgui

from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image
from viewer.actions.runner import ActionRunner
from viewer.actions.table import ACTIONS, BY_NAME
from viewer.app.app import ViewerApp
from viewer.window.keys import imgui_chord

WITHOUT_VIDEO = {
    *("file.open", "file.open_url", "file.open_demo", "file.open_workspace", "file.clear_cache", "file.quit"),
    *("view.watch", "view.inspect", "view.direct"),
    *(action.name for action in ACTIONS if action.category in ("Window", "Help", "Fly") and action.name != "help.cameras"),
}
"""Actions that can run while no video is open."""


def test_without_a_video(app: ViewerApp) -> None:
    app.documents.close(0)
    runner = ActionRunner(app)
    assert {action.name for action in ACTIONS if not runner.unavailable_reason(action.name)} == WITHOUT_VIDEO
    assert {runner.unavailable_reason(name) for name in ("path.add", "view.depth", "camera.undo")} == {"Open a video first"}


def test_every_reason_is_shown(app: ViewerApp) -> None:
    for condition in {action.enabled for action in ACTIONS}:
        assert condition.predicate(app) == (condition.unavailable_reason(app) == ""), condition


def allowed(app: ViewerApp, *names: str) -> list[bool]:
    """Return which of these actions can be run."""
    return [not ActionRunner(app).unavailable_reason(name) for name in names]


def test_undo_and_redo(app: ViewerApp) -> None:
    runner, names = ActionRunner(app), ("camera.undo", "camera.redo")
    assert allowed(app, *names) == [False, False]
    before = open_document(app).camera.state
    runner.run("camera.undo")
    assert app.messages.status == "There is nothing to undo" and open_document(app).camera.state is before
    runner.run("camera.snap_1")
    assert allowed(app, *names) == [True, False]
    runner.run("camera.undo")
    assert allowed(app, *names) == [False, True]


def test_path_actions_need_keyframes(app: ViewerApp) -> None:
    names = ("path.next", "path.previous", "path.preview", "path.save", "path.replace", "path.remove")
    runner = ActionRunner(app)
    assert allowed(app, *names) == [False] * 6
    runner.run("path.save")
    assert not app.window.dialogs
    runner.run("path.add")
    assert allowed(app, *names) == [True] * 6
    open_document(app).selected_keyframe = None
    assert allowed(app, *names) == [True] * 4 + [False] * 2


def test_tabs_range_and_cameras(app: ViewerApp) -> None:
    assert allowed(app, "file.next_tab", "playback.clear_range", "camera.next", "camera.snap_3") == [False, False, True, True]
    assert allowed(app, "camera.snap_4", "playback.next") == [False, True]
    open_document(app).playback.set_out_point(5)
    app.documents.add(Path("second.mlpvid"), make_video(num_frames=1))
    assert allowed(app, "file.next_tab", "playback.clear_range", "playback.next") == [True, False, False]
    app.documents.show(0)
    assert allowed(app, "playback.clear_range") == [True]


def disabled(context: Any, reference: str) -> bool:
    """Return whether a control is gray."""
    return bool(context.item_info(reference).item_flags & imgui.ItemFlags_.disabled)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_gray_in_menus_and_panels(app: ViewerApp, drive: DriveWindow, theme: str) -> None:
    app.settings.window.theme = theme

    def look(context: Any) -> None:
        wait_for_image(context, app)
        app.window.focus_panel("Camera")
        context.item_click("**/Path")
        context.yield_(4)
        screenshot(context, f"gray-{theme}")
        assert disabled(context, "**/###path.preview") and not disabled(context, "**/###path.add")
        context.popup_close_all()
        context.yield_(2)
        undo, fit = (f"//Inspector/Camera/###camera.{name}" for name in ("undo", "fit"))
        assert disabled(context, undo) and not disabled(context, fit)
        ActionRunner(app).run("camera.snap_1")
        context.yield_(3)
        assert not disabled(context, undo)

    drive(app, look)


def test_gray_in_the_palette(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.window.dialogs.add("palette")
        context.yield_(4)
        context.key_chars_append("preview path")
        context.yield_(3)
        screenshot(context, "gray-palette")
        context.key_press(imgui.Key.enter)
        context.yield_(3)
        assert app.window.dialogs == {"palette"} and not open_document(app).previewing and not app.messages.status
        assert disabled(context, "//Command palette/###path.preview")
        app.window.dialogs.clear()
        context.yield_(3)
        context.key_press(imgui_chord(BY_NAME["path.preview"].chords[0]))
        context.yield_(3)
        assert not open_document(app).previewing and app.messages.status == "The camera path is empty. Press K to add this view"

    drive(app, look)
