"""The window, driven by ImGui's test engine without a display: open, scrub, play, orbit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.bundle.info import write_bundle
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from viewer.app.app import ViewerApp


def center_of(context: Any, reference: str) -> tuple[float, float, float, float]:
    """Return left, top, width and height of an item."""
    box = context.item_info(reference).rect_full
    return box.min.x, box.min.y, box.max.x - box.min.x, box.max.y - box.min.y


def test_shows_an_image_and_refines_it(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        document = open_document(app)
        wait_for_image(context, app)
        assert document.shown is not None and document.shown.image is not None
        assert document.shown.scale == app.settings.rendering.render_scale
        assert document.shown.image.rgba[..., 3].max() > 0.1
        screenshot(context, "first")

    drive(app, look)


def test_opens_a_bundle_and_reports_a_broken_one(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    write_bundle(make_video(seed=1, num_frames=2), tmp_path / "second.mlpvid")
    (tmp_path / "broken.mlpvid").write_bytes(b"not a bundle")

    def look(context: Any) -> None:
        app.documents.open(tmp_path / "second.mlpvid")
        wait_until(context, lambda: len(app.documents.all) == 2)
        assert open_document(app).video.num_frames == 2
        wait_for_image(context, app)
        screenshot(context, "two-tabs")
        app.documents.open(tmp_path / "broken.mlpvid")
        wait_until(context, lambda: bool(app.messages.errors))
        assert app.messages.errors[0].title == "Cannot open broken.mlpvid" and "not a" not in app.messages.errors[0].advice
        context.yield_(3)
        screenshot(context, "error")
        context.item_click("//###fault/Close")
        assert not app.messages.errors

    drive(app, look)


def test_scrubbing_moves_the_clock_and_holds_it(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        clock = open_document(app).playback
        clock.play()
        left, top, width, height = center_of(context, "//Timeline/###track")
        context.mouse_move_to_pos((left + width * 0.25, top + height * 0.2))
        context.mouse_down(0)
        context.yield_(2)
        assert clock.scrubbing and not clock.playing
        context.mouse_move_to_pos((left + width * 0.75, top + height * 0.2))
        context.yield_(2)
        assert clock.frame in (8, 9)
        context.mouse_up(0)
        context.yield_(2)
        assert not clock.scrubbing and clock.playing

    drive(app, look)


@pytest.mark.slow
def test_play_button_and_frame_number(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        clock = open_document(app).playback
        context.item_click("//Timeline/###playback.toggle")
        assert clock.playing
        wait_until(context, lambda: clock.frame > 0)
        context.item_click("//Timeline/###playback.toggle")
        assert not clock.playing
        context.item_click("//Timeline/###frame")
        context.key_chars_replace_enter("7")
        assert clock.frame == 7
        wait_for_image(context, app)
        shown = open_document(app).shown
        assert shown is not None and shown.request.time == 7

    drive(app, look)


def test_left_drag_orbits_right_drag_pans_wheel_dollies(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        camera = open_document(app).camera
        left, top, width, height = center_of(context, "//Picture/###view")
        before = camera.state
        context.item_drag_with_delta("//Picture/###view", (120, 40))
        assert camera.state.distance == before.distance
        np.testing.assert_allclose(camera.state.target, before.target)
        assert np.linalg.norm(camera.state.eye - before.eye) > 0.1

        context.mouse_move_to_pos((left + width / 2, top + height / 2))
        before = camera.state
        context.mouse_down(1)
        context.mouse_move_to_pos((left + width / 2 + 60, top + height / 2))
        context.mouse_up(1)
        context.yield_(2)
        assert np.linalg.norm(camera.state.target - before.target) > 0.01
        np.testing.assert_allclose(camera.state.rotation, before.rotation)

        before = camera.state
        context.mouse_wheel_y(2)
        context.yield_(2)
        assert camera.state.distance == pytest.approx(before.distance * np.exp(-0.2))
        context.key_press(int(imgui_key("mod_ctrl")) | int(imgui_key("z")))
        assert camera.state.distance == pytest.approx(before.distance)

    drive(app, look)


def imgui_key(name: str) -> Any:
    """Return a key of ImGui by its name."""
    from imgui_bundle import imgui

    return getattr(imgui.Key, name)


def test_the_title_names_the_file_in_front(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        import glfw
        from imgui_bundle import glfw_utils

        def title() -> str:
            context.yield_(3)
            return str(glfw.get_window_title(glfw_utils.glfw_window_hello_imgui()))

        assert title() == "random.mlpvid – MLPVid"
        app.documents.add(Path("other ä.mlpvid"), make_video(num_frames=1))
        assert title() == "other ä.mlpvid – MLPVid"
        app.documents.show(0)
        assert title() == "random.mlpvid – MLPVid"
        app.documents.close(1)
        app.documents.close(0)
        assert title() == "MLPVid"

    drive(app, look)
