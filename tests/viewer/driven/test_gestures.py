"""Gestures of mouse and keyboard in the view, on the timeline, in the path editor, the menus and the speed panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.bundle.info import write_bundle
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from tests.viewer.driven.test_actions import press
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.playback.thresholded_video import ThresholdedVideo

EM = 15.0
"""Height of text at scale 1, screen units."""


def rectangle(context: Any, item: str) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of an item."""
    box = context.item_info(item).rect_full
    return box.min.x, box.min.y, box.max.x, box.max.y


def frame_place(context: Any, app: ViewerApp, frame: float, height: float) -> tuple[float, float]:
    """Return where a frame lies on the timeline's track; `height` from 0, its top, to 1."""
    left, top, right, bottom = rectangle(context, "//Timeline/###track")
    share = frame / (open_document(app).playback.num_frames - 1)
    return left + EM + share * (right - left - 2 * EM), top + height * (bottom - top)


def far_from_the_cameras(context: Any, app: ViewerApp) -> Document:
    """Move the camera away until the capture cameras are in the view. Return the open document."""
    document = open_document(app)
    wait_for_image(context, app)
    document.camera.dolly(-12)
    context.yield_(3)
    return document


def test_a_click_on_a_capture_camera_stands_there(app: ViewerApp, drive: DriveWindow) -> None:
    app.settings.view.show_cameras = True

    def look(context: Any) -> None:
        document = far_from_the_cameras(context, app)
        view, cameras = document.camera.to_camera(*app.viewport.size), document.video.metadata.cameras
        seen = view.K @ (view.R @ cameras[1].center + view.T)
        left, top, _, _ = rectangle(context, "//Picture/###view")
        x, y = seen[:2] / seen[2]
        assert seen[2] > 0 and 0 < x < app.viewport.size[0] and 0 < y < app.viewport.size[1]
        context.mouse_move_to_pos((left + x, top + y))
        context.yield_(3)
        screenshot(context, "capture-camera-under-mouse")
        context.mouse_click(0)
        context.yield_(3)
        assert document.capture_camera == 1
        np.testing.assert_allclose(document.camera.to_camera(64, 48).center, cameras[1].center, atol=1e-9)
        press(context, "camera.undo")
        np.testing.assert_allclose(document.camera.to_camera(*app.viewport.size).center, view.center, atol=1e-9)

    drive(app, look)


def test_a_drag_that_begins_on_a_capture_camera_orbits(app: ViewerApp, drive: DriveWindow) -> None:
    app.settings.view.show_cameras = True

    def look(context: Any) -> None:
        document = far_from_the_cameras(context, app)
        view = document.camera.to_camera(*app.viewport.size)
        seen = view.K @ (view.R @ document.video.metadata.cameras[1].center + view.T)
        left, top, _, _ = rectangle(context, "//Picture/###view")
        x, y = left + seen[0] / seen[2], top + seen[1] / seen[2]
        context.mouse_move_to_pos((x, y))
        context.mouse_down(0)
        context.mouse_move_to_pos((x + 60, y + 10))
        context.mouse_up(0)
        context.yield_(2)
        assert document.capture_camera is None and np.abs(document.camera.to_camera(64, 48).R - view.R).max() > 0.05

    drive(app, look)


def test_a_marker_is_named_by_the_mouse(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        clock = open_document(app).playback
        clock.toggle_marker(4)
        clock.toggle_marker(9, "landing")
        context.mouse_move_to_pos(frame_place(context, app, 4, 0.72))
        context.mouse_click(1)
        context.yield_(3)
        context.key_chars("jump")
        context.yield_(2)
        screenshot(context, "naming-a-marker")
        context.key_press(imgui.Key.enter)
        context.yield_(3)
        assert clock.markers == {4: "jump", 9: "landing"}
        assert not imgui.is_popup_open("", imgui.PopupFlags_.any_popup), "Enter ends it"

    drive(app, look)


def test_a_marker_is_named_by_the_keyboard(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        from imgui_bundle import imgui

        clock = open_document(app).playback
        clock.seek(6)
        app.window.focus_panel("Path")  # the timeline is behind it
        context.yield_(3)
        press(context, "playback.name_marker")
        context.yield_(4)
        context.key_chars("turn")
        context.key_press(imgui.Key.enter)
        context.yield_(3)
        assert clock.markers == {6: "turn"}
        press(context, "playback.name_marker")
        context.yield_(4)
        context.key_chars("ed")
        context.key_press(imgui.Key.escape)
        context.yield_(3)
        assert clock.markers == {6: "turn"}, "Escape leaves it as it was"
        press(context, "playback.marker")
        assert not clock.markers, "the keys go to the window again"

    drive(app, look)


@pytest.mark.slow
def test_moving_the_playhead_of_the_path_is_undone_as_one_move(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document, actions = open_document(app), ActionRunner(app)
        app.window.focus_panel("Path")
        wait_for_image(context, app)
        actions.run("path.add")
        actions.run("camera.snap_1")
        document.playback.seek(8)
        actions.run("path.add")
        context.yield_(4)
        before = document.camera.state
        left, top, right, bottom = rectangle(context, "//Inspector/Path/###path track")
        scale = (right - left - 1.6 * EM) / 1.1  # the path is 1 s long, a tenth is left free
        for number, second in enumerate((0.3, 0.45, 0.6)):
            context.mouse_move_to_pos((left + 0.8 * EM + second * scale, (top + bottom) / 2))
            if number == 0:
                context.mouse_down(0)
            context.yield_(2)
        context.mouse_up(0)
        context.yield_(2)
        assert document.path_time == pytest.approx(0.6, abs=0.02)
        assert document.playback.time == pytest.approx(document.camera_path.frame(document.path_time), abs=0.126)
        assert document.camera.state is not before
        press(context, "camera.undo")
        assert document.camera.state is before

    drive(app, look)


@pytest.mark.slow
def test_a_keyframe_takes_a_typed_frame_and_time(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        app.window.focus_panel("Path")
        ActionRunner(app).run("path.add")
        ActionRunner(app).run("path.add")
        context.yield_(4)
        context.item_input_value("//Inspector/Path/###Frame", 7.5)
        context.yield_(2)
        assert [k.frame for k in document.camera_path.keyframes] == [0, 7.5]
        context.item_input_value("//Inspector/Path/###Frame", 99.0)
        context.yield_(2)
        assert document.camera_path.keyframes[1].frame == 11, "the last one there is"
        context.item_input_value("//Inspector/Path/###Time", 2.5)
        context.yield_(2)
        assert document.camera_path.end == 2.5 and document.selected_keyframe == 1

    drive(app, look)


@pytest.mark.slow
def test_a_recent_file_is_opened_from_the_menu(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    bundle = tmp_path / "earlier.mlpvid"
    write_bundle(make_video(seed=4, num_frames=2), bundle)
    app.settings.recent_files = (str(bundle), *app.settings.recent_files)

    def look(context: Any) -> None:
        context.item_click("**/File")
        context.yield_(2)
        context.item_click("**/Open recent")
        context.yield_(3)
        screenshot(context, "recent-files")
        context.item_click("**/###" + str(bundle).replace("/", "\\/"))
        wait_until(context, lambda: len(app.documents.all) == 2)
        assert open_document(app).path == bundle and app.settings.recent_files[0] == str(bundle)
        context.item_click("**/File")
        context.yield_(2)
        context.item_click("**/Open recent")
        context.yield_(3)
        context.item_click("**/Clear this list")
        context.yield_(2)
        assert not app.settings.recent_files and not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_tau1_is_set_by_its_slider_and_given_back(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        app.window.focus_panel("Speed")
        wait_for_image(context, app)
        own = int(document.cells(0.0).sum())
        context.item_input_value("//Inspector/Speed/###Density, tau1", 60.0)
        context.yield_(2)
        assert document.sampling.tau1 == pytest.approx(60.0) and isinstance(document.rendered_video, ThresholdedVideo)
        wait_for_image(context, app)
        assert 0 <= int(document.cells(0.0).sum()) < own
        left, top, right, bottom = rectangle(context, "//Inspector/Speed/###Density, tau1")
        context.mouse_move_to_pos((left + 0.6 * (right - left), (top + bottom) / 2))
        context.mouse_down(0)
        context.yield_(2)
        assert document.sampling.tau1 == pytest.approx(60.0), "not while it is held"
        context.mouse_up(0)
        context.yield_(3)
        assert document.sampling.tau1 is not None and document.sampling.tau1 != pytest.approx(60.0)
        context.item_click("//Inspector/Speed/Use the video's values")
        context.yield_(2)
        assert document.sampling.tau1 is None and document.rendered_video is document.video
        assert int(document.cells(0.0).sum()) == own

    drive(app, look)
