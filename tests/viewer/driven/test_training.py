"""A run opens while it trains: each new checkpoint is loaded, and the section Training shows curves and views."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.run.files import CHECKPOINT
from model.run.video import StoredRun, read_run
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from tests.viewer.runs import write_checkpoint, write_log, write_scene, write_view
from viewer.app import files as app_files
from viewer.app.app import ViewerApp
from viewer.panels.training import TrainingPanel
from viewer.playback.run_video import RunVideo


@pytest.fixture
def run(app: ViewerApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a run without a checkpoint, in a window that looks for changes at every update."""
    monkeypatch.setattr(app_files, "WATCH_INTERVAL", 0.0)
    while app.documents.all:
        app.documents.close(0)
    folder = tmp_path / "run"
    write_scene(folder, make_video(num_frames=6))
    for frame in (1, 3):
        write_view(folder, frame, 2, 40)
    return folder


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> list[TrainingPanel]:
    """Return a list that gets the section Training of each new window."""
    made: list[TrainingPanel] = []

    class Remembered(TrainingPanel):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("viewer.window.window.TrainingPanel", Remembered)
    return made


def step_of(app: ViewerApp) -> int:
    video = open_document(app).video
    assert isinstance(video, RunVideo)
    return video.run.step


@pytest.mark.slow
def test_a_run_is_watched_while_it_trains(
    app: ViewerApp, drive: DriveWindow, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def read(folder: Path) -> StoredRun:
        threads.append(threading.current_thread())
        return read_run(folder)

    monkeypatch.setattr(app_files, "read_run", read)
    app.documents.open(run)

    def look(context: Any) -> None:
        app.window.focus_panel("Training")
        write_log(run, 10)
        context.yield_(5)
        assert app.document is None and app.documents.awaited == [run]
        write_checkpoint(run, make_video(num_frames=6), 10)
        wait_until(context, lambda: app.document is not None)
        wait_for_image(context, app)
        document = open_document(app)
        document.playback.seek(3)
        document.camera.orbit(0.4, 0.2)
        wait_for_image(context, app)
        before, shown = document.camera.to_camera(200, 100).to_dict(), document.shown
        write_checkpoint(run, make_video(seed=1, num_frames=6), 20)
        wait_until(context, lambda: step_of(app) == 20)
        assert document.shown is not None, "the picture is empty until the first image of the new checkpoint"
        wait_for_image(context, app)
        assert document.playback.time == 3 and document.camera.to_camera(200, 100).to_dict() == before
        assert document.shown is not shown and document.video.num_frames == 6
        assert threading.main_thread() not in threads and len(threads) == 2

    drive(app, look)


@pytest.mark.slow
def test_curves_and_views_follow_the_run(app: ViewerApp, drive: DriveWindow, run: Path, panels: list[TrainingPanel]) -> None:
    write_checkpoint(run, make_video(num_frames=6), 10)
    write_log(run, 10)
    app.documents.open(run)

    def look(context: Any) -> None:
        wait_until(context, lambda: app.document is not None)
        app.window.focus_panel("Training")
        wait_until(context, lambda: panels[0]._log is not None and "step" in panels[0]._log.measurements.last)
        log, view = panels[0]._log, panels[0]._view
        assert log is not None and view is not None
        write_log(run, 20, end="")  # a half-written line
        context.yield_(5)
        assert log.measurements.last["step"] == 10
        with (run / "log.jsonl").open("a") as file:
            file.write("\n")
        wait_until(context, lambda: log.measurements.last["step"] == 20)
        np.testing.assert_array_equal(log.measurements.curves["held_back_psnr"], [[10, 20], [10, 11]])
        wait_until(context, lambda: view.rendered is not None)
        assert view._renderer is None, "it keeps frames that are not needed any more"
        assert view.captured is not None and view.rendered is not None
        assert view.captured.shape == view.rendered.pixels.shape == (24, 32, 4)
        error = np.mean((view.rendered.pixels[..., :3] / 255 - 40 / 255) ** 2)
        assert view.rendered.psnr == pytest.approx(-10 * np.log10(error), abs=0.1)
        screenshot(context, "training")
        shown = view.rendered
        write_checkpoint(run, make_video(seed=1, num_frames=6), 20)
        wait_until(context, lambda: step_of(app) == 20)
        wait_until(context, lambda: view.rendered is not None and view.rendered is not shown)
        app.window.dialogs.add("cameras")
        context.yield_(4)
        screenshot(context, "cameras")
        app.window.dialogs.discard("cameras")
        assert not app.messages.errors

    drive(app, look)


def test_a_damaged_checkpoint_is_a_dialog_and_the_old_one_stays(app: ViewerApp, drive: DriveWindow, run: Path) -> None:
    write_checkpoint(run, make_video(num_frames=6), 10)
    app.documents.open(run)

    def look(context: Any) -> None:
        wait_until(context, lambda: app.document is not None)
        (run / CHECKPOINT).write_bytes(b"damaged")
        wait_until(context, lambda: bool(app.messages.errors))
        assert "checkpoint.safetensors is damaged" in app.messages.errors[0].reason and step_of(app) == 10
        write_checkpoint(run, make_video(num_frames=6), 30)
        wait_until(context, lambda: step_of(app) == 30)

    drive(app, look)


def test_a_folder_that_is_not_a_run_opens_a_dialog(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    def look(context: Any) -> None:
        app.documents.open(tmp_path)
        wait_until(context, lambda: bool(app.messages.errors))
        assert "not that of a training run" in app.messages.errors[0].reason
        assert "scene.safetensors" in app.messages.errors[0].advice

    drive(app, look)
