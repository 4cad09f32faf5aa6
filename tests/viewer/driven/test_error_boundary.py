"""Bugs inside the window are shown once and logged, and the window continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.viewer.conftest import DriveWindow, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.dialogs.settings import SettingsDialog
from viewer.panels.info import InfoPanel
from viewer.panels.statistics import StatisticsPanel
from viewer.window import error_boundary
from viewer.window.capture import WindowCapture
from viewer.window.error_boundary import MAX_LOG_BYTES, error_log_path, log_error
from viewer.work.job import Job


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The log of this test."""
    monkeypatch.setattr(error_boundary.platformdirs, "user_log_dir", lambda name, appauthor: str(tmp_path / "log" / name))
    return error_log_path()


def unbalanced(*_: object) -> None:
    """Begin windows and groups of ImGui without ending them, then fail."""
    from imgui_bundle import ImVec2, imgui

    imgui.push_style_color(imgui.Col_.button, imgui.get_style_color_vec4(imgui.Col_.text))
    imgui.push_style_var(imgui.StyleVar_.frame_padding, ImVec2(1, 1))
    imgui.push_item_width(9)
    imgui.push_id("open")
    imgui.begin_disabled()
    imgui.begin_group()
    imgui.begin_child("child")
    if imgui.begin_table("table", 2):
        imgui.table_next_row()
    imgui.indent()
    raise ZeroDivisionError("a slip")


@pytest.mark.slow
@pytest.mark.parametrize("part", [InfoPanel, StatisticsPanel, SettingsDialog])
def test_a_fault_while_drawing_is_shown_once_and_logged(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, log: Path, part: Any
) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        if title := getattr(part, "title", ""):
            app.window.focus_panel(title)
        if part is SettingsDialog:
            app.window.dialogs.add("settings")
            inside = "_draw_navigation"
        else:
            inside = "draw"
        context.yield_(3)
        monkeypatch.setattr(part, inside, unbalanced)
        wait_until(context, lambda: bool(app.messages.errors))
        assert (
            len(app.messages.errors) == 1
            and "a slip" in str(app.messages.errors[0])
            and str(log) in str(app.messages.errors[0])
        )
        app.messages.errors.clear()
        context.yield_(5)
        assert not app.messages.errors, "once is enough"
        assert log.read_text().count("ZeroDivisionError: a slip") == 1 and "in unbalanced" in log.read_text()
        app.window.dialogs.clear()
        app.window.focus_panel("Camera")
        context.yield_(3)
        context.item_click("//Inspector/Camera/###camera.fit")
        assert not app.messages.errors

    drive(app, look)


@pytest.mark.parametrize("place", ["action", "update", "picture"])
def test_other_faults_do_not_end_the_window(
    app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"a slip in {place}")

    def look(context: Any) -> None:
        from imgui_bundle import imgui

        if place == "action":
            monkeypatch.setattr("viewer.actions.camera.move", fail)
            context.key_press(imgui.Key.u)
        elif place == "update":
            monkeypatch.setattr(Job, "running", property(fail))
            app.jobs.running.append(Job("none", lambda job: ""))
        else:
            monkeypatch.setattr(WindowCapture, "after_drawing", fail)
        wait_until(context, lambda: bool(app.messages.errors))
        app.jobs.running.clear()
        context.yield_(5)  # once is enough
        assert len(app.messages.errors) == 1 and f"a slip in {place}" in str(app.messages.errors[0])

    drive(app, look)


def test_the_log_grows_no_further_than_a_mebibyte(log: Path) -> None:
    for _ in range(3):
        assert log_error(ValueError("x" * MAX_LOG_BYTES), "here", log)
        assert log_error(ValueError("the last"), "there", log)
    assert log.stat().st_size < 2.1 * MAX_LOG_BYTES and "there\nValueError: the last" in log.read_text()


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not log_error(ValueError("x"), "here", tmp_path / "file" / "faults.log")
