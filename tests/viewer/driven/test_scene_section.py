"""The section Scene, the gizmo and the handles of the crop box, with mouse and keyboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.bundle.info import write_bundle
from model.placement import Placement
from model.scene import PlacedVideo, Scene
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.dialogs.prompts import PROMPTS
from viewer.picture.placement_gizmo import face_centers
from viewer.view.placement_gizmo import middle

pytestmark = pytest.mark.display


@pytest.fixture(autouse=True)
def small_images(app: ViewerApp) -> None:
    """Render quickly; the tests do not depend on pixels."""
    app.settings.rendering.render_scale = 0.1


def on_screen(app: ViewerApp, point: np.ndarray) -> tuple[float, float]:
    """Return where a point of the scene is on the screen."""
    left, top, width, _ = app.viewport.place
    camera = open_document(app).camera.to_camera(*app.viewport.size)
    x, y = camera.project(point)[0] * width / app.viewport.size[0]
    return left + float(x), top + float(y)


def drag(context: Any, start: tuple[float, float], end: tuple[float, float], in_steps: bool = False) -> None:
    """Drag with the left button, with Ctrl if in steps."""
    from imgui_bundle import imgui

    context.mouse_move_to_pos(start)
    context.yield_(2)
    context.mouse_down(0)
    context.yield_(2)
    if in_steps:
        context.key_down(imgui.Key.mod_ctrl)
        context.yield_(2)
    context.mouse_move_to_pos(end)
    context.yield_(2)
    context.mouse_up(0)
    context.key_up(imgui.Key.mod_ctrl)
    context.yield_(3)


def over_gizmo(context: Any, x: float, y: float) -> bool:
    """Move the mouse, and return whether it is on the gizmo."""
    from imgui_bundle import imguizmo

    context.mouse_move_to_pos((x, y))
    context.yield_(2)
    return bool(imguizmo.im_guizmo.is_over())


def two(app: ViewerApp) -> Document:
    """Show a scene of two videos of which the second one is selected."""
    video = make_video(num_frames=4)
    document = app.documents.add(
        Path("two.mlpvid-scene"), Scene((PlacedVideo(video), PlacedVideo(video, Placement((3.0, 0, 0)))))
    )
    document.selected_video = 1
    return document


def test_fields_list_and_keys(app: ViewerApp, drive: DriveWindow) -> None:
    def use(context: Any) -> None:
        from imgui_bundle import imgui

        document = two(app)
        app.window.focus_panel("Scene")
        wait_for_image(context, app)
        context.item_input_value("//Inspector/Scene/###Scale", 0.5)
        context.item_input_value("//Inspector/Scene/###Position/$$1", 0.25)
        assert document.placed[1].placement == Placement((3.0, 0.25, 0), scale=0.5)
        context.key_press(imgui.Key.mod_ctrl | imgui.Key.z)
        context.yield_(3)
        assert document.placed[1].placement == Placement((3.0, 0, 0), scale=0.5), "one field is undone"
        context.item_click("//Inspector/Scene/$$0/###visible")
        assert [placed.visible for placed in document.placed] == [False, True]
        context.item_click("//Inspector/Scene/$$0/###entry")
        context.item_click("//Inspector/Scene/$$1/###remove")
        context.yield_(2)
        assert len(document.placed) == 1 and document.selected_video == 0
        for key, tool in ((imgui.Key.m, "move"), (imgui.Key.r, "rotate"), (imgui.Key.s, "scale"), (imgui.Key.c, "crop")):
            context.key_press(imgui.Key.mod_alt | key)
            context.yield_(2)
            assert app.scenes.tool == tool
        context.key_press(imgui.Key.mod_alt | imgui.Key.c)
        context.yield_(2)
        assert app.scenes.tool == "" and not app.messages.errors

    drive(app, use)


def test_the_gizmo_moves_the_selected_video(app: ViewerApp, drive: DriveWindow) -> None:
    def use(context: Any) -> None:
        document = two(app)
        wait_for_image(context, app)
        app.scenes.toggle_tool("move")
        context.yield_(4)
        screenshot(context, "gizmo")
        before, camera = document.placed[1], document.camera.state
        x, y = on_screen(app, before.placement.to_scene(middle(before)))
        drag(context, (x, y), (x + 60, y - 40))  # the white circle moves in the plane of the screen
        wait_for_image(context, app)
        after = document.placed[1]
        moved = on_screen(app, after.placement.to_scene(middle(after)))
        assert moved == (pytest.approx(x + 60, abs=3), pytest.approx(y - 40, abs=3))
        assert document.camera.state is camera, "the camera stays"
        assert document.placed[0].placement == Placement() and after.placement.scale == 1.0
        document.camera.undo()
        assert document.placed[1].placement == before.placement
        drag(context, (x + 200, y + 150), (x + 260, y + 150))
        assert document.camera.state is not camera, "beside the gizmo, the mouse orbits"

    drive(app, use)


def test_with_ctrl_the_gizmo_moves_turns_and_scales_in_steps(app: ViewerApp, drive: DriveWindow) -> None:
    def use(context: Any) -> None:
        document = two(app)
        document.arrange((document.placed[0], PlacedVideo(document.placed[0].video, Placement((0.51, 0.02, 0.13), scale=0.53))))
        document.selected_video = 1
        wait_for_image(context, app)
        before = document.placed[1].placement
        x, y = on_screen(app, before.to_scene(middle(document.placed[1])))
        app.scenes.toggle_tool("move")
        context.yield_(4)
        drag(context, (x, y), (x + 83, y - 47), in_steps=True)
        moved = (np.array(document.placed[1].placement.position) - before.position) / 0.05  # the video is 1.1 m high
        assert np.abs(moved).max() > 0.5 and moved == pytest.approx(np.rint(moved), abs=1e-3)
        document.camera.undo()
        assert document.placed[1].placement == before
        app.scenes.toggle_tool("scale")
        context.yield_(4)
        drag(context, (x, y), (x + 61, y), in_steps=True)
        tenths = document.placed[1].placement.scale / 0.1
        assert tenths > 6.5 and tenths == pytest.approx(round(tenths), abs=1e-3)
        document.camera.undo()
        app.scenes.toggle_tool("rotate")
        context.yield_(4)
        radius = next(r for r in range(150, 10, -2) if over_gizmo(context, x + r, y))  # of the ring in the plane of the screen
        drag(context, (x + radius, y), (x + radius * np.cos(0.7), y - radius * np.sin(0.7)), in_steps=True)
        turn = document.placed[1].placement.matrix @ before.matrix.T
        assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(45.0, abs=0.05), "0.7 radians are 40 degrees"
        assert not app.messages.errors

    drive(app, use)


def test_a_face_of_the_crop_box_follows_the_mouse(app: ViewerApp, drive: DriveWindow) -> None:
    def use(context: Any) -> None:
        document = open_document(app)
        wait_for_image(context, app)
        app.scenes.toggle_tool("crop")
        context.yield_(4)
        screenshot(context, "crop")
        low, high = (np.array(corner) for corner in document.video.bounds.astype(float))
        top = face_centers((tuple(low), tuple(high)))[1, 2]
        target = top - (0, 0, 0.5)
        drag(context, on_screen(app, top), on_screen(app, target))
        wait_for_image(context, app)
        assert document.crop is not None and document.crop[1][2] == pytest.approx(target[2], abs=0.02)
        assert document.crop[0] == pytest.approx(low, abs=1e-3) and document.crop[1][:2] == pytest.approx(high[:2], abs=1e-3)
        assert not isinstance(document.video, Scene) and not app.messages.errors
        document.camera.undo()
        assert document.crop is None

    drive(app, use)


def test_videos_are_added_and_scenes_saved_with_the_file_browser(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    first, second = make_video(num_frames=4), make_video(seed=2, num_frames=4)
    write_bundle(first, tmp_path / "a.mlpvid")
    write_bundle(second, tmp_path / "b.mlpvid")
    app.settings.recording.folder = str(tmp_path)
    browsers = {name: f"//{PROMPTS[name].title}###{name}" for name in ("add_video", "save_scene")}

    def use(context: Any) -> None:
        document = app.documents.add(tmp_path / "a.mlpvid", first)
        app.window.focus_panel("Scene")
        wait_for_image(context, app)
        context.item_click("//Inspector/Scene/Add video...###file.add_video")
        context.yield_(4)
        context.item_click("**/###b.mlpvid")
        context.item_click(f"{browsers['add_video']}/Add")
        wait_until(context, lambda: len(document.placed) == 2)
        context.yield_(3)
        context.item_click("//Inspector/Scene/Save scene...###file.save_scene")
        context.yield_(4)
        context.item_input_value(f"{browsers['save_scene']}/##file_input", "both")
        context.yield_(4)
        saved = json.loads((tmp_path / "both.mlpvid-scene").read_text())
        assert saved["videos"] == [{"bundle": "a.mlpvid"}, {"bundle": "b.mlpvid"}]
        assert document.title == "both" and app.settings.recent_files[0] == str(tmp_path / "both.mlpvid-scene")
        assert not app.messages.errors

    drive(app, use)
