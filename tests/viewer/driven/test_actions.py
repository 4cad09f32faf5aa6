"""Every action has a function, and every shortcut does what its action says; asserted on state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer import DISPLAY_MODES
from viewer.actions.action import next_stop
from viewer.actions.camera import SIDES
from viewer.actions.chords import Chord
from viewer.actions.runner import ActionRunner
from viewer.actions.table import ACTIONS, BY_NAME
from viewer.actions.window import UI_SCALES
from viewer.app.app import ViewerApp
from viewer.picture.comparison import Comparison
from viewer.playback.clock import LoopMode
from viewer.window.keys import blocked, imgui_chord


def press(context: Any, name: str, index: int = 0) -> None:
    """Press a chord of an action."""
    context.key_press(imgui_chord(BY_NAME[name].chords[index]))
    context.yield_(2)


def test_fly_keys_push_in_all_six_directions() -> None:
    axes = {action.fly_axis for action in ACTIONS if action.name.startswith("fly.")}
    assert axes == {(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)}
    assert all(action.held == action.name.startswith("fly.") for action in ACTIONS)


def test_actions_need_no_document() -> None:
    from renderer.select import create_renderer

    empty = ViewerApp(create_renderer(background=True))
    runner = ActionRunner(empty)
    for action in ACTIONS:
        if not action.held and action.name != "file.open_demo":
            runner.run(action.name)
    assert not empty.messages.errors


def test_blocked_keys() -> None:
    assert blocked(Chord("Space"), typing=True, navigating=False)
    assert blocked(Chord("C", ctrl=True), typing=True, navigating=False)
    assert not blocked(Chord("P", ctrl=True), typing=True, navigating=False)
    assert not blocked(Chord("F1"), typing=True, navigating=False)
    assert blocked(Chord("Space"), typing=False, navigating=True)
    assert not blocked(Chord("K"), typing=False, navigating=True)


def test_next_stop() -> None:
    assert next_stop(UI_SCALES, 1.0, 1) == 1.25
    assert next_stop(UI_SCALES, 1.1, -1) == 1.0
    assert next_stop(UI_SCALES, 4.0, 1) == 4.0


@pytest.mark.slow
def test_playback_keys(app: ViewerApp, drive: DriveWindow) -> None:  # noqa: PLR0915 - one line per key
    def look(context: Any) -> None:
        clock = open_document(app).playback
        press(context, "playback.toggle")
        assert clock.playing
        press(context, "playback.toggle")
        assert not clock.playing
        clock.seek(3)
        press(context, "playback.next")
        assert clock.frame == 4
        press(context, "playback.next", 1)
        assert clock.frame == 5
        press(context, "playback.previous")
        assert clock.frame == 4
        press(context, "playback.skip")
        assert clock.frame == 11
        clock.seek(4)
        press(context, "playback.in")
        clock.seek(9)
        press(context, "playback.out")
        assert (clock.in_point, clock.out_point) == (4, 9)
        press(context, "playback.start")
        assert clock.frame == 4
        press(context, "playback.end")
        assert clock.frame == 9
        clock.seek(6)
        press(context, "playback.marker")
        assert list(clock.markers) == [6]
        press(context, "playback.previous")
        press(context, "playback.next_marker")
        assert clock.frame == 6
        press(context, "playback.next_marker")
        assert clock.frame == 9
        press(context, "playback.previous_marker")
        assert clock.frame == 6
        screenshot(context, "range-and-marker")
        press(context, "playback.clear_range")
        assert (clock.in_point, clock.out_point) == (0, 11)
        press(context, "playback.reverse")
        assert clock.reverse
        press(context, "playback.loop")
        assert clock.mode is LoopMode.PING_PONG
        press(context, "playback.faster")
        assert clock.speed == 1.5
        press(context, "playback.slower")
        press(context, "playback.slower")
        assert clock.speed == 0.5
        press(context, "playback.normal_speed")
        assert clock.speed == 1.0
        press(context, "playback.sub_frame")
        assert clock.sub_frame

    drive(app, look)


@pytest.mark.slow
def test_camera_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        camera, cameras = document.camera, document.video.metadata.cameras
        press(context, "camera.snap_2")
        np.testing.assert_array_equal(camera.to_camera(64, 48).K, cameras[1].K)
        press(context, "camera.next")
        assert document.capture_camera == 2
        press(context, "camera.next")
        assert document.capture_camera == 0
        press(context, "camera.previous")
        assert document.capture_camera == 2
        press(context, "camera.copy")
        copied = app.window.read_clipboard()
        press(context, "camera.fit")
        assert camera.state.snapped is None
        app.window.write_clipboard(copied)
        press(context, "camera.paste")
        np.testing.assert_allclose(camera.to_camera(64, 48).R, cameras[2].R, atol=1e-12)
        press(context, "camera.undo")
        assert camera.state.snapped is None
        press(context, "camera.redo")
        np.testing.assert_allclose(camera.state.rotation, cameras[2].R, atol=1e-9)
        for number, (side, _) in enumerate(SIDES):
            press(context, f"camera.from_{side}")
            forward = camera.state.forward[number // 2]
            assert forward == pytest.approx(-1.0 if number % 2 == 0 else 1.0)
        press(context, "camera.roll_lock")
        assert not camera.roll_locked
        app.window.write_clipboard("nonsense")
        press(context, "camera.paste")
        assert app.messages.errors[0].title == "Cannot paste camera" and "clipboard" in app.messages.errors[0].reason.lower()

    drive(app, look)


def test_focus_lands_on_the_surface(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        wait_for_image(context, app)
        assert document.shown is not None and document.shown.image is not None
        box = context.item_info("//Picture/###view").rect_full
        context.mouse_move_to_pos(((box.min.x + box.max.x) / 2, (box.min.y + box.max.y) / 2))
        depth = document.shown.image.depth
        meters = float(depth[depth.shape[0] // 2, depth.shape[1] // 2])
        assert meters > 0
        press(context, "camera.focus")
        assert document.camera.state.distance == pytest.approx(meters, rel=0.05)

    drive(app, look)


@pytest.mark.slow
def test_flying_moves_and_settles(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        camera = open_document(app).camera
        before = camera.state
        from imgui_bundle import imgui

        context.key_down(imgui.Key.w)
        wait_until(context, lambda: bool(np.linalg.norm(camera.state.eye - before.eye) > 0.05))
        context.key_up(imgui.Key.w)
        wait_until(context, lambda: not camera.fly_motion.moving)
        moved = camera.state.eye - before.eye
        assert moved @ before.forward == pytest.approx(np.linalg.norm(moved), rel=1e-6)
        np.testing.assert_array_equal(camera.state.rotation, before.rotation)

    drive(app, look)


@pytest.mark.slow
def test_view_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        view = app.settings.view
        wait_for_image(context, app)
        for mode in DISPLAY_MODES:
            press(context, f"view.{mode}")
            assert app.settings.view.mode == mode
            screenshot(context, f"mode-{mode}")
        names = ("box", "cameras", "axes", "grid", "path")
        for name in names:
            before = getattr(view, f"show_{name}")
            press(context, f"view.{name}")
            assert getattr(view, f"show_{name}") is not before
        press(context, "view.cells")
        assert app.settings.view.show_cells
        view.show_grid = True
        press(context, "view.color")
        screenshot(context, "overlays")
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_path_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        app.window.focus_panel("Path")
        press(context, "path.add")
        press(context, "camera.snap_1")
        document.playback.seek(8)
        press(context, "path.add")
        assert [k.frame for k in document.camera_path.keyframes] == [0, 8]
        document.playback.seek(5)
        press(context, "path.replace")
        assert document.camera_path.keyframes[1].frame == 5
        screenshot(context, "path")
        before = document.camera.state
        press(context, "path.previous")
        assert document.selected_keyframe == 0 and document.playback.time == 0
        press(context, "path.previous")
        press(context, "path.next")
        assert document.selected_keyframe == 1 and document.playback.time == 5
        press(context, "camera.undo")
        press(context, "camera.undo")
        press(context, "camera.undo")
        assert document.camera.state is before
        document.selected_keyframe = 1
        press(context, "path.preview")
        wait_until(context, lambda: 0 < document.playback.time < 5 and document.previewing)
        press(context, "path.preview")
        assert not document.previewing
        press(context, "path.remove")
        assert len(document.camera_path) == 1
        context.item_click("//Inspector/Path/###path.orbit")
        assert len(document.camera_path) == 13

    drive(app, look)


def test_keyframes_can_be_dragged(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        app.window.focus_panel("Path")
        ActionRunner(app).run("path.add")
        ActionRunner(app).run("path.add")
        context.yield_(3)
        box = context.item_info("//Inspector/Path/###path track").rect_full
        em = 16.0
        left, width = box.min.x + 0.8 * em, box.max.x - box.min.x - 1.6 * em
        scale = width / 1.1  # the path is 1 s long, a tenth is left free
        middle = (box.min.y + box.max.y) / 2
        context.mouse_move_to_pos((left + scale, middle))
        context.mouse_down(0)
        context.yield_(2)
        context.mouse_move_to_pos((left + scale * 0.5, middle))
        context.yield_(2)
        context.mouse_up(0)
        assert 0.3 < document.camera_path.keyframes[1].time < 0.7
        context.yield_(2)
        press(context, "camera.undo")
        assert document.camera_path.keyframes[1].time == 1, "the drag is one edit"

    drive(app, look)


def test_window_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        press(context, "help.shortcuts")
        assert "shortcuts" in app.window.dialogs
        press(context, "help.shortcuts")
        assert "shortcuts" not in app.window.dialogs
        press(context, "window.larger")
        assert app.settings.window.ui_scale == 1.25
        press(context, "window.smaller")
        assert app.settings.window.ui_scale == 1.0
        press(context, "window.hide_ui")
        assert app.window.hide_interface
        context.yield_(4)
        screenshot(context, "without-interface")
        press(context, "window.hide_ui")
        assert not app.window.hide_interface
        press(context, "window.copy_statistics")
        assert "Backend" in app.window.read_clipboard()
        press(context, "file.render_path")
        assert "recording" in app.window.dialogs
        app.window.dialogs.clear()
        press(context, "view.split")
        assert app.compare.mode is Comparison.DIVIDER

    drive(app, look)


def test_palette_runs_a_command(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        press(context, "help.palette")
        context.yield_(3)
        context.key_chars_append("ping-pong")
        context.yield_(2)
        screenshot(context, "palette")
        from imgui_bundle import imgui

        context.key_press(imgui.Key.enter)
        context.yield_(2)
        assert open_document(app).playback.mode is LoopMode.PING_PONG
        assert not app.window.dialogs

    drive(app, look)


def test_saves_a_screenshot_with_its_camera(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    app.settings.recording.folder = str(tmp_path)

    def look(context: Any) -> None:
        from viewer.export.image_files import read_png_camera

        wait_for_image(context, app)
        press(context, "file.screenshot")
        wait_until(context, lambda: not app.recording.screenshot_pending)
        app.recording.with_interface = True
        press(context, "file.screenshot")
        wait_until(context, lambda: not app.recording.screenshot_pending)
        files = sorted(tmp_path.glob("*.png"))
        assert len(files) == 2
        camera = open_document(app).camera.to_camera(*app.viewport.size)
        np.testing.assert_allclose(read_png_camera(files[0]).R, camera.R)
        from PIL import Image

        sizes = {Image.open(file).size for file in files}
        assert sizes == {app.viewport.size, app.recording.window_pixels}

    drive(app, look)
