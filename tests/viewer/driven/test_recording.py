"""Record from the window: a path offline, and the screen. The files are decoded and compared with renders."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from tests.viewer.videos import decode
from viewer.actions.runner import ActionRunner
from viewer.app import recording
from viewer.app.app import ViewerApp
from viewer.app.recording import ScreenRecording, fitted_pixels, free_path, offline_job
from viewer.app.window_state import WindowCommand
from viewer.dialogs.recording import RecordingDialog
from viewer.export.image_files import over_background
from viewer.export.record_options import RecordOptions, plan
from viewer.export.summary import size_text
from viewer.export.video_sink import VideoSink
from viewer.window.window import Window
from viewer.work.job import Job


@pytest.mark.slow
def test_offline_recording_shows_what_is_rendered(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    document = open_document(app)
    options = RecordOptions(size=(96, 64), fps=15.0, quality=4)

    def look(context: Any) -> None:
        app.jobs.start(
            offline_job(app.rendering.renderer, document.video, tmp_path / "a.mp4", "orbit", options, app.redraw.notify)
        )
        wait_until(context, lambda: not app.jobs.running)
        assert not app.messages.errors and "6 frames" in app.messages.last

    drive(app, look)
    frames, schedule = decode(tmp_path / "a.mp4"), plan(document.video, "orbit", (96, 64), options)
    assert len(frames) == schedule.count == 6
    for k in (0, 3, 5):
        image = app.rendering.renderer.render(
            app.rendering.renderer.prepare(document.video, schedule.time(k)), schedule.camera(k)
        )
        expected = over_background(image.rgba).astype(float)
        assert np.abs(frames[k] - expected).mean() < 4  # the codec halves the resolution of colors
    assert np.abs(frames[0].astype(float) - frames[5]).mean() > 5


@pytest.mark.slow
def test_the_dialog_starts_a_recording_and_cancelling_keeps_what_is_done(
    app: ViewerApp, drive: DriveWindow, tmp_path: Path
) -> None:
    app.settings.recording.folder = str(tmp_path)

    def look(context: Any) -> None:
        app.window.dialogs.add("recording")
        context.yield_(4)
        context.item_click("//Recording/columns/###Set length")
        context.item_input_value("//Recording/columns/###Seconds", 30.0)
        for index, pixels in enumerate((320, 180)):
            context.item_input_value(f"//Recording/columns/###Pixels/$${index}", pixels)
        context.item_click("//Recording/Start")
        wait_until(context, lambda: bool(app.jobs.running) and app.jobs.running[0].fraction > 0.002)
        context.yield_(3)
        context.item_click("//###jobs/###cancel0")
        wait_until(context, lambda: not app.jobs.running)
        assert "stopped after" in app.messages.last

    drive(app, look)
    (left,) = tmp_path.glob("*.mp4")
    assert len(decode(left)) >= 1


@pytest.mark.slow
def test_the_dialog_says_what_will_be_written(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    app.settings.recording.folder = str(tmp_path)
    said: list[tuple[str, str]] = []
    plain = RecordingDialog._preview

    def outlook(dialog: RecordingDialog, *arguments: Any) -> tuple[str, str]:
        said.append(plain(dialog, *arguments))
        return said[-1]

    def look(context: Any) -> None:
        app.window.dialogs.add("recording")
        context.yield_(4)
        for index, pixels in enumerate((64, 48)):
            context.item_input_value(f"//Recording/columns/###Pixels/$${index}", pixels)
        context.yield_(2)
        expected = "Save 12 frames (0.40 s) of 64 x 48 pixels"
        assert said[-1] == (expected, "")
        context.item_click("//Recording/columns/###Set length")
        context.yield_(2)
        assert said[-1] == (expected, ""), "as long as it would be anyway, until another length is typed"
        context.item_input_value("//Recording/columns/###Seconds", 1.5)
        context.yield_(2)
        assert said[-1][0] == "Save 45 frames (1.50 s) of 64 x 48 pixels"
        context.item_click("//Recording/columns/###Set length")
        context.item_click("//Recording/Start")
        wait_until(context, lambda: not app.jobs.running)
        app.window.dialogs.add("recording")
        context.yield_(4)
        size = size_text((tmp_path / "random-render.mp4").stat().st_size)
        assert said[-1] == (f"{expected}, about {size}", "")
        context.item_click("//Recording/columns/###Only a range of frames")
        context.item_input_value("//Recording/columns/###Frames/$$1", 40)
        context.yield_(2)
        assert "must lie within 0:12" in said[-1][1]
        context.item_click("//Recording/Start")
        context.yield_(2)
        assert not app.jobs.running, "refused"
        screenshot(context, "recording")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecordingDialog, "_preview", outlook)
        drive(app, look)


def recorded_view(context: Any, app: ViewerApp, folder: Path, name: str, as_shown: bool = True) -> np.ndarray:
    """The view as the dialog records it into a folder of PNGs: one frame of a path with one keyframe, as large as the view."""
    app.window.dialogs.add("recording")
    context.yield_(4)
    context.item_click("//Recording/columns/###Format")
    context.item_click("**/PNG sequence")
    for index, pixels in enumerate(app.viewport.size):
        context.item_input_value(f"//Recording/columns/###Pixels/$${index}", pixels)
    if not as_shown:
        context.item_click("//Recording/columns/###As the view shows it")
    context.item_input_value("//Recording/###output", str(folder / name))
    context.item_click("//Recording/Start")
    wait_until(context, lambda: not app.jobs.running)
    assert not app.messages.errors, app.messages.errors
    (path,) = (folder / name).iterdir()
    return np.asarray(Image.open(path)).astype(int)


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two images are equal except for a few pixels: a sample at a threshold may count in only one of them."""
    return bool(np.abs(a - b).mean() < 0.5 and (np.abs(a - b) > 4).mean() < 0.005)


def screen(context: Any, app: ViewerApp, folder: Path) -> np.ndarray:
    """Return the pixels of the view on screen."""
    wait_for_image(context, app)
    context.yield_(2)
    app.recording.take_screenshot()
    wait_until(context, lambda: not app.recording.screenshot_pending)
    (path,) = folder.glob("*.png")
    pixels = np.asarray(Image.open(path)).astype(int)
    path.unlink()
    return pixels


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["color", "depth", "heads"])
def test_a_recording_shows_what_the_view_shows(app: ViewerApp, drive: DriveWindow, tmp_path: Path, mode: str) -> None:
    app.settings.recording.folder, app.settings.rendering.render_scale = str(tmp_path), 1.0
    view = app.settings.view
    view.exposure, view.gamma, view.background, view.background_color = 0.6, 0.8, "checker", (0.8, 0.3, 0.1)
    view.color_map, app.settings.view.mode = "viridis", mode

    def look(context: Any) -> None:
        shown = screen(context, app, tmp_path)
        document = open_document(app)
        document.camera_path.append(document.playback.time, document.camera.to_camera(*app.viewport.size))
        found = recorded_view(context, app, tmp_path, "as-shown")
        assert found.shape == shown.shape
        assert alike(found, shown)
        if mode != "color":
            return
        stored = recorded_view(context, app, tmp_path, "as-stored", as_shown=False)
        view.exposure, view.gamma = 0.0, 1.0
        neutral = screen(context, app, tmp_path)
        assert alike(stored, neutral) and not alike(stored, found)

    drive(app, look)


@pytest.mark.slow
def test_the_screen_is_recorded_at_a_steady_rate(
    app: ViewerApp, drive: DriveWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.settings.recording.folder, now = str(tmp_path), [0.0]
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def look(context: Any) -> None:
        wait_for_image(context, app)
        ActionRunner(app).run("file.record_screen")
        for seconds in (0.03, 0.06, 0.2, 0.21, 0.9, 1.3):  # as a busy machine draws its frames
            now[0] = seconds
            context.yield_()
        now[0] = 1.5
        ActionRunner(app).run("file.record_screen")
        wait_until(context, lambda: not app.jobs.running)
        (path,) = tmp_path.glob("*.mp4")
        assert len(decode(path)) == 45, "1.5 seconds of 30 frames"
        assert "45 frames" in app.messages.last

    drive(app, look)


@pytest.mark.slow
def test_a_full_disk_ends_the_screen_recording_and_is_reported(
    app: ViewerApp, drive: DriveWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.settings.recording.folder = str(tmp_path)
    plain = VideoSink.write

    def write(sink: VideoSink, pixels: np.ndarray, depth: Any = None) -> None:
        if sink.frames == 10:
            with sink._guarded():
                raise OSError(28, "No space left on device")
        plain(sink, pixels)

    monkeypatch.setattr(VideoSink, "write", write)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        ActionRunner(app).run("file.record_screen")
        wait_until(context, lambda: bool(app.messages.errors))
        assert app.recording.screen is None
        assert "No space left on device" in str(app.messages.errors[0])

    drive(app, look)
    (left,) = tmp_path.glob("*.mp4")
    kept = len(decode(left))
    assert kept in (9, 10), "the muxer holds the newest one until the next comes"
    assert f"{kept} finished frames are kept in {left}" in str(app.messages.errors[0])


@pytest.mark.slow
def test_closing_waits_for_work_or_stops_it(
    app: ViewerApp, drive: DriveWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.settings.recording.folder, gate, write = str(tmp_path), threading.Event(), VideoSink.write
    requests: list[object] = []

    def slow(sink: VideoSink, pixels: np.ndarray, depth: Any = None) -> None:
        gate.wait()
        write(sink, pixels)

    monkeypatch.setattr(VideoSink, "write", slow)

    def look(context: Any) -> None:
        wait_for_image(context, app)
        ActionRunner(app).run("file.record_screen")
        wait_until(context, lambda: app.recording.screen is not None and app.recording.screen.seconds > 0.3)
        monkeypatch.setattr(app.window, "request", requests.append)  # the window must not close during the test
        assert not app.closing.request() and app.recording.screen is None
        context.yield_(4)
        screenshot(context, "closing")
        context.item_click("//Closing###closing/Keep the viewer open")
        assert not app.closing.requested and len(app.jobs.running) == 1 and not requests
        assert not app.closing.request()
        context.yield_(2)
        context.item_click("//Closing###closing/Stop now")
        assert app.closing.stopping
        gate.set()  # the frame that was being encoded
        wait_until(context, lambda: bool(requests))
        assert requests == [WindowCommand.QUIT] and app.closing.request()

    drive(app, look)
    assert "finished frame" in app.messages.last or "no frame was finished" in app.messages.last


def test_the_window_stays_open_while_work_is_under_way(app: ViewerApp) -> None:
    window, gate, kept = Window(app, keep_layout=False, simulated=True), threading.Event(), []

    def work(_: Job) -> str:
        gate.wait()
        return "done"

    assert not window.ends(lambda: kept.append(1))
    job = Job("Exporting", work)
    app.jobs.start(job)
    window.params.app_shall_exit = True
    assert not window.ends(lambda: kept.append(1)) and kept == [1] and app.closing.requested
    gate.set()
    job.wait()
    window.params.app_shall_exit = True
    assert window.ends(lambda: kept.append(2)) and kept == [1]


def test_a_closing_viewer_completes_a_recording_and_cancels_longer_work(app: ViewerApp, tmp_path: Path) -> None:
    def endless(job: Job) -> str:
        while not job.cancel.cancelled:
            time.sleep(0.01)
        return "cancelled"

    app.jobs.start(Job("Exporting", endless))
    app.recording.screen = ScreenRecording(tmp_path / "a.mp4", (32, 32), 30)
    app.recording.screen.add(np.full((32, 32, 3), 90, np.uint8))
    app.close()
    assert not app.messages.errors and [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_helpers(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert free_path(tmp_path, "a", ".mp4").name == "a-2.mp4"
    pixels = np.full((3, 5, 3), 7, np.uint8)
    assert fitted_pixels(pixels, 4, 6).shape == (6, 4, 3) and fitted_pixels(pixels, 4, 6)[3:].max() == 0


def test_two_recordings_at_once_have_two_names(tmp_path: Path) -> None:
    picture = np.full((32, 32, 3), 90, np.uint8)
    first = ScreenRecording(tmp_path / "a-screen.mp4", (32, 32), 30)
    assert free_path(tmp_path, "a-screen", ".mp4").name == "a-screen-2.mp4"
    with pytest.raises(InputError, match="is being written by process"):
        ScreenRecording(tmp_path / "a-screen.mp4", (32, 32), 30)
    second = ScreenRecording(free_path(tmp_path, "a-screen", ".mp4"), (32, 32), 30)
    for recording_ in (first, second):
        recording_.add(picture)
    first.abort()
    second.finish()
    assert {path.name for path in tmp_path.iterdir()} == {"a-screen.partial.mp4", "a-screen-2.mp4"}
    assert free_path(tmp_path, "a-screen", ".mp4").name == "a-screen.mp4"
