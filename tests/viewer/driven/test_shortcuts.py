"""Shortcuts of files, paths, the window and flying, pressed in the window; asserted on state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.bundle.info import write_bundle
from tests.factories import make_video
from tests.viewer.conftest import FIRST, DriveWindow, open_document, screenshot, wait_for_image, wait_until
from tests.viewer.driven.test_actions import press
from viewer.actions.camera import FLY
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.app.path_edits import take_path
from viewer.camera.control import OrbitCamera
from viewer.camera.state import CameraState
from viewer.camera_path.path import CameraPath
from viewer.dialogs.shortcuts import Sheet, compact_sheet, matching, window_size
from viewer.picture.comparison import Comparison
from viewer.window.keys import imgui_key


def test_f5_reads_the_file_again(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    path = tmp_path / "a.mlpvid"
    write_bundle(make_video(seed=1, num_frames=3), path)

    def look(context: Any) -> None:
        app.documents.open(path)
        wait_until(context, lambda: len(app.documents.all) == 2)
        document, before = open_document(app), open_document(app).video
        press(context, "file.reload")
        wait_until(context, lambda: document.video is not before)
        assert document.video.num_frames == 3 and len(app.documents.all) == 2 and not app.messages.errors

    drive(app, look)


def test_dialogs_open_by_their_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        press(context, "file.open_url")
        assert app.window.dialogs == {"url"}
        context.item_click("//Open a URL/Cancel")
        assert not app.window.dialogs
        press(context, "window.settings")
        assert app.window.dialogs == {"settings"}
        context.yield_(3)
        context.window_focus("//Settings")
        context.key_press(imgui.Key.escape)
        context.yield_(2)
        assert not app.window.dialogs

    drive(app, look)


def run_from_palette(context: Any, name: str) -> None:
    """Run an action that has no key in the same way as the keyboard does."""
    from imgui_bundle import imgui

    press(context, "help.palette")
    context.yield_(3)
    context.key_chars_append(BY_NAME[name].label)
    context.yield_(2)
    context.key_press(imgui.Key.enter)
    context.yield_(3)


def test_points_are_exported(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    app.settings.recording.folder = str(tmp_path)

    def look(context: Any) -> None:
        run_from_palette(context, "file.export_points")
        assert app.window.dialogs == {"export_points"}
        context.item_input_value("//Export point cloud/###Resolution", 16)
        context.item_input_value("//Export point cloud/###Points", 50)
        context.item_click("//Export point cloud/Export")
        wait_until(context, lambda: not app.jobs.running and bool(app.messages.last))
        (file,) = tmp_path.glob("*.ply")
        assert b"element vertex 50\n" in file.read_bytes()[:400]

    drive(app, look)


def hold_until(context: Any, key: str, condition: Callable[[], bool]) -> None:
    """Hold a key until a condition holds."""
    context.key_down(imgui_key(key))
    wait_until(context, condition)
    context.key_up(imgui_key(key))
    context.yield_(2)


@pytest.mark.slow
def test_steps_are_repeated_while_the_key_is_held(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        clock = open_document(app).playback
        clock.seek(11)
        press(context, "playback.skip_back")
        assert clock.frame == 1
        hold_until(context, ".", lambda: clock.frame > 3)
        forward = clock.frame
        hold_until(context, ",", lambda: clock.frame < forward - 1)
        context.key_hold(imgui_key("R"), 0.6)
        context.yield_(2)
        assert clock.reverse, "turned around once, not back and forth"

    drive(app, look)


def test_level(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        camera = open_document(app).camera
        camera.roll(0.7)
        assert abs(camera.state.right @ camera.up) > 0.1
        press(context, "camera.level")
        assert camera.state.right @ camera.up == pytest.approx(0.0, abs=1e-9)

    drive(app, look)


@pytest.mark.slow
def test_a_spiral_is_made_and_a_path_loaded(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        run_from_palette(context, "path.spiral")
        spiral = document.camera_path
        assert len(spiral) > 2 and document.selected_keyframe == 0
        spiral.save(tmp_path / "spiral.json")
        take_path(document, CameraPath())
        run_from_palette(context, "path.load")
        assert app.window.dialogs == {"load_path"}
        context.item_input_value("//Load a camera path###load_path/##file_input", str(tmp_path / "spiral.json"))
        wait_until(context, lambda: len(document.camera_path) > 0)
        assert [k.time for k in document.camera_path.keyframes] == [k.time for k in spiral.keyframes]
        assert not app.window.dialogs and not app.messages.errors

    drive(app, look)


def test_difference(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.compare.set_source("itself", app.rendering.renderer, app.documents.front_video, 1 << 28)
        press(context, "view.difference")
        assert app.compare.mode is Comparison.DIFFERENCE
        wait_for_image(context, app)
        wait_until(context, lambda: app.compare.psnr is not None)
        press(context, "view.difference")
        assert app.compare.mode is Comparison.NONE

    drive(app, look)


@pytest.mark.slow
def test_the_layout_is_reset(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        def place() -> tuple[float, float]:
            app.window.focus_panel("Camera")
            context.yield_(10)
            header = context.item_info("//Inspector/###section Camera").rect_full.min
            return header.x, header.y

        press(context, "view.inspect")
        before = place()
        context.item_drag_with_delta("//Inspector/###edge", (-150, 0))
        app.settings.window.show_section("View", False)
        assert place()[0] < before[0] - 100
        run_from_palette(context, "window.reset_layout")
        context.yield_(2)
        assert app.settings.window.layout == "watch"
        press(context, "view.inspect")
        assert place() == before and not app.window.requests

    drive(app, look, FIRST)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scale"), [((1280, 800), 1.0), ((1280, 800), 2.0), ((1920, 1080), 1.5), ((400, 300), 1.0)])
def test_no_chord_of_the_sheet_is_cut(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], scale: float
) -> None:
    from imgui_bundle import imgui

    app.settings.window.ui_scale = scale
    beyond: list[str] = []

    def write(text: str, original: Any = imgui.text_disabled) -> None:
        if imgui.internal.get_current_window().root_window.name == "Keyboard shortcuts":
            right = imgui.get_cursor_screen_pos().x + imgui.calc_text_size(text).x
            beyond.extend([text] if right > imgui.get_window_pos().x + imgui.get_window_width() else [])
        original(text)

    monkeypatch.setattr("viewer.dialogs.shortcuts.imgui.text_disabled", write)

    def look(context: Any) -> None:
        press(context, "help.shortcuts")
        context.yield_(4)
        categories = list(compact_sheet())
        in_tabs = context.item_exists(f"//Keyboard shortcuts/categories/{categories[0]}")
        for category in categories if in_tabs else categories[:1]:
            if context.item_exists(f"//Keyboard shortcuts/categories/{category}"):
                context.item_click(f"//Keyboard shortcuts/categories/{category}")
            context.yield_(2)
            screenshot(context, f"sheet-{size[0]}-{scale}-{category}")
        assert not beyond

    drive(app, look, size)


@pytest.mark.slow
def test_the_sheet_is_searched(app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = {"File": [("Ctrl+O", "Open..."), ("F5", "Reload")], "Path": [("K", "Add keyframe")]}
    assert matching(sheet, "open") == {"File": [("Ctrl+O", "Open...")]} == matching(sheet, "CTRL file")
    assert matching(sheet, "key path") == {"Path": [("K", "Add keyframe")]} and matching(sheet, "nothing") == {}
    measured: list[Sheet] = []

    def measure(sheet: Sheet, width: float, height: float) -> tuple[float, float]:
        measured.append(sheet)
        return window_size(sheet, width, height)

    monkeypatch.setattr("viewer.dialogs.shortcuts.window_size", measure)

    def look(context: Any) -> None:
        press(context, "help.shortcuts")
        context.yield_(4)
        at_first = len(measured)
        context.item_input_value("//Keyboard shortcuts/###search", "marker")
        context.yield_(3)
        screenshot(context, "sheet-searched")
        context.item_input_value("//Keyboard shortcuts/###search", "there is no such thing")
        context.yield_(3)
        assert not app.messages.errors and "shortcuts" in app.window.dialogs
        assert 0 < len(measured) == at_first and all(sheet is compact_sheet() for sheet in measured), "not for every frame"

    drive(app, look)


@pytest.mark.slow
def test_fly_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        camera = open_document(app).camera
        for action in FLY:
            before = camera.state
            hold_until(context, action.keys, partial(moved_from, camera, before))
            wait_until(context, lambda: not camera.fly_motion.moving)
            moved = before.rotation @ (camera.state.eye - before.eye)
            np.testing.assert_allclose(moved / np.linalg.norm(moved), np.array(action.fly_axis), atol=1e-6, err_msg=action.name)

    drive(app, look)


def moved_from(camera: OrbitCamera, before: CameraState) -> bool:
    """Return whether a camera is more than 5 cm away from where it was."""
    return bool(np.linalg.norm(camera.state.eye - before.eye) > 0.05)
