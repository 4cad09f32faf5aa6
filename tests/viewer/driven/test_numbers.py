"""Numbers typed into the panels: invalid ones are replaced by valid ones, and the window continues."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from tests.viewer.conftest import DriveWindow, open_document, wait_until
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Sampling
from viewer.panels.path_editor import MAX_TIME
from viewer.playback.thresholded_video import ThresholdedVideo
from viewer.playback.timecode import parse_timecode
from viewer.widgets import numbers
from viewer.widgets.numbers import finite_within, within


def test_bounds() -> None:
    assert within(5000, 16, 512) == 512 and within(-3, 1, 8) == 1 and within(4, 1, 8) == 4
    assert finite_within(float("inf"), 0.0, 9.0, 1.0) == 9.0
    assert finite_within(float("nan"), 0.0, 9.0, 1.0) == 1.0


@pytest.mark.parametrize("text", ["9" * 400 + ":00", "9" * 5000 + ":00"])
def test_a_timecode_beyond_all_numbers_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="frame"):
        parse_timecode(text, 30.0)


@pytest.mark.slow
def test_a_typed_resolution_stays_within_the_slider(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app.settings.recording.folder = str(tmp_path)
    asked: list[tuple[int, float | None, int | None]] = []
    crops: list[Any] = []
    videos: list[Any] = []

    def export(
        video: Any, output: Path, frames: Any, options: Any, points: int | None, report: Any, cancel: Any, crop: Any
    ) -> list[Path]:
        asked.append((options.resolution, options.level, points))
        crops.append(crop)
        videos.append(video)
        return [output]

    monkeypatch.setattr("viewer.dialogs.export.export_meshes", export)

    def look(context: Any) -> None:
        app.window.dialogs.add("export_points")
        context.yield_(4)
        context.item_input_value("//Export point cloud/###Points", -5)
        context.item_input_value("//Export point cloud/###Resolution", 0)
        context.item_input_value("//Export point cloud/###Density", -3.0)
        context.item_click("//Export point cloud/Export")
        wait_until(context, lambda: not app.jobs.running and bool(app.messages.last))
        assert not app.messages.errors, app.messages.errors
        document = open_document(app)
        assert videos == [document.video]
        box = document.crop = (-0.5, -0.5, 0.0), (0.5, 0.5, 1.0)
        document.set_sampling(Sampling(tau1=60.0))
        app.window.dialogs.add("export_mesh")
        context.yield_(4)
        context.item_input_value("//Export mesh/###Resolution", 5000)
        context.item_input_value("//Export mesh/###Density", 25.5)
        context.item_click("//Export mesh/Export")
        wait_until(context, lambda: len(asked) == 2)
        assert asked == [(16, None, 1), (512, 25.5, None)] and crops == [None, box] and not app.messages.errors
        assert isinstance(videos[1], ThresholdedVideo) and videos[1].tau1 == 60.0, "the mesh is what the window shows"

    drive(app, look)


def test_a_fault_of_the_export_is_shown_in_its_dialog(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.window.dialogs.add("export_mesh")
        context.yield_(4)
        context.item_input_value("//Export mesh/###File", "~nobody-of-this-name/a.ply")
        context.item_click("//Export mesh/Export")
        context.yield_(2)
        assert "export_mesh" in app.window.dialogs and not app.jobs.running

    drive(app, look)


@pytest.mark.slow
def test_a_keyframe_stays_at_a_finite_time(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.window.focus_panel("Path")
        for _ in range(2):
            ActionRunner(app).run("path.add")
        path = open_document(app).camera_path
        context.yield_(3)
        for typed, expected in ((1e39, MAX_TIME), (-3.0, MAX_TIME), (2.5, 2.5)):
            context.item_input_value("//Inspector/Path/###Time", typed)
            context.yield_(3)
            assert path.end == expected
        context.item_input_value("//Inspector/Path/###Frame", 1e39)
        context.yield_(3)
        assert path.keyframes[1].frame == 11
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
@pytest.mark.parametrize("typed", [0, 5000])
def test_typed_threads_can_be_had(app: ViewerApp, drive: DriveWindow, tmp_path: Path, typed: int) -> None:
    app.settings_file = tmp_path / "settings.yaml"

    def look(context: Any) -> None:
        app.set_backend("reference", 1)
        app.window.focus_panel("Speed")
        context.yield_(4)
        context.item_input_value("//Inspector/Speed/###Threads", typed)
        context.yield_(3)
        threads = app.settings.rendering.threads
        assert threads is not None and 1 <= threads <= 64 and app.rendering.renderer.threads == threads
        assert not app.messages.errors
        app.save_settings()
        assert not app.messages.errors

    drive(app, look)


def test_a_backend_that_fails_is_reported_and_the_other_one_goes_on(app: ViewerApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such device")

    before, kept = app.rendering.renderer, app.settings.rendering.backend
    monkeypatch.setattr("viewer.app.rendering.create_renderer", broken)
    app.set_backend("cpu", 3)
    assert "no such device" in str(app.messages.errors.pop())
    assert app.rendering.renderer is before and (app.settings.rendering.backend, app.settings.rendering.threads) == (kept, None)


def test_the_range_of_a_color_map_stays_finite(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.settings.view.mode, app.settings.view.automatic_range = "depth", False
        app.window.focus_panel("View")
        context.yield_(4)
        context.item_input_value("//Inspector/View/###Range/$$1", 1e39)
        context.yield_(3)
        assert app.settings.view.high < 1e38
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.slow
def test_a_recording_takes_no_impossible_numbers(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    app.settings.recording.folder = str(tmp_path)

    def look(context: Any) -> None:
        app.window.dialogs.add("recording")
        context.yield_(4)
        context.item_click("//Recording/columns/###Set length")
        for name in ("Seconds", "Frames per second"):
            context.item_input_value(f"//Recording/columns/###{name}", 1e39)
        for index in (0, 1):
            context.item_input_value(f"//Recording/columns/###Pixels/$${index}", -7)
        context.item_click("//Recording/columns/###Only a range of frames")
        context.item_input_value("//Recording/columns/###Frames/$$1", 2_000_000_000)
        context.item_click("//Recording/Start")
        context.yield_(3)
        assert "recording" in app.window.dialogs and not app.jobs.running, "the fault is said in the dialog"
        context.item_input_value("//Recording/###output", "~nobody-of-this-name/a.mp4")
        context.item_click("//Recording/Start")
        context.yield_(3)
        assert "recording" in app.window.dialogs and not app.jobs.running

    drive(app, look)


def test_no_panel_takes_a_number_unchecked() -> None:
    raw = re.compile(r"imgui\.(slider|input|drag)_(int|float|scalar|double)")
    viewer = Path(numbers.__file__).parents[1]
    found = {path.name for path in viewer.rglob("*.py") if raw.search(path.read_text(encoding="utf-8"))}
    assert found == {"numbers.py", "controls.py"}, "take fields and sliders from viewer.widgets"


@pytest.mark.slow
def test_resetting_stays_although_the_camera_panel_is_open(app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        app.set_backend("reference", 1)
        app.window.focus_panel("Camera")
        context.yield_(4)
        context.item_input_value("//Inspector/Camera/###Speed", 7.0)
        context.yield_(2)
        motion, kept = open_document(app).camera.fly_motion, app.settings.navigation
        assert motion.speed == kept.fly_speed == 7.0
        app.window.dialogs.add("settings")
        context.yield_(4)
        context.item_click("//Settings/Reset all settings...")
        context.yield_(4)
        assert kept.fly_speed == 7.0, "it asks first"
        context.item_click("//Settings/Cancel")
        context.yield_(4)
        assert kept.fly_speed == 7.0
        context.item_click("//Settings/Reset all settings...")
        context.yield_(4)
        context.item_click("//Settings/Reset")
        context.yield_(4)
        assert motion.speed == kept.fly_speed == 1.5
        assert app.rendering.backend == "auto" and app.rendering.renderer.name != "reference"

    drive(app, look)
