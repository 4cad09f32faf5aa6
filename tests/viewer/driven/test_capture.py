"""Screenshots and screen recordings at awkward moments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from tests.viewer.driven.test_actions import press
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.export.image_files import over_background, read_png_camera


@pytest.fixture(autouse=True)
def folder(app: ViewerApp, tmp_path: Path) -> Path:
    """Return the output folder."""
    app.settings.recording.folder = str(tmp_path)
    return tmp_path


def frames_of(path: Path) -> int:
    """Return how many frames a video has."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_recording_begun_before_the_first_image(app: ViewerApp, drive: DriveWindow, folder: Path) -> None:
    document = open_document(app)
    hidden, take = [True], document.view_renderer.take_results
    document.view_renderer.take_results = lambda: [] if hidden[0] else take()  # type: ignore[method-assign]

    def look(context: Any) -> None:
        assert document.shown is None
        press(context, "file.record_screen")
        press(context, "file.screenshot")
        context.yield_(5)
        assert app.recording.screen is not None and app.recording.screenshot_pending and not app.messages.errors
        hidden[0] = False
        wait_for_image(context, app)
        wait_until(context, lambda: not app.recording.screenshot_pending)
        wait_until(context, lambda: app.recording.screen is not None and app.recording.screen.seconds > 0.1)
        press(context, "file.record_screen")
        wait_until(context, lambda: not app.jobs.running)  # encoding takes its time on a loaded machine
        assert not app.messages.errors

    drive(app, look, (640, 400))
    (video,) = folder.glob("*.mp4")
    assert frames_of(video) > 0 and len(list(folder.glob("*.png"))) == 1


def test_a_recording_stops_although_its_video_is_closed(app: ViewerApp, drive: DriveWindow, folder: Path) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        press(context, "file.record_screen")
        wait_until(context, lambda: app.recording.screen is not None and app.recording.screen.seconds > 0.1)
        press(context, "file.close")
        assert app.document is None and app.recording.screen is not None
        press(context, "file.record_screen")
        assert app.recording.screen is None
        wait_until(context, lambda: not app.jobs.running)  # encoding takes its time on a loaded machine
        press(context, "file.record_screen")
        assert app.recording.screen is None and not app.messages.errors

    drive(app, look, (640, 400))
    (video,) = folder.glob("*.mp4")
    assert frames_of(video) > 0


@pytest.mark.slow
def test_a_screenshot_while_the_path_is_previewed_is_taken_at_once(app: ViewerApp, drive: DriveWindow, folder: Path) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        document = open_document(app)
        ActionRunner(app).run("path.orbit")
        ActionRunner(app).run("path.preview")
        wait_until(context, lambda: document.previewing)
        press(context, "file.screenshot")
        wait_until(context, lambda: len(list(folder.glob("*.png"))) == 1)
        assert document.previewing and not app.recording.screenshot_pending

    drive(app, look)


def test_a_screenshot_of_what_cannot_be_rendered_is_dropped(
    app: ViewerApp, drive: DriveWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, app)
        document = open_document(app)
        render = app.rendering.renderer.render

        def fail(*_: object, **__: object) -> None:
            raise MemoryError("too large")

        monkeypatch.setattr(app.rendering.renderer, "render", fail)
        document.camera.orbit(0.1, 0.0)
        press(context, "file.screenshot")
        wait_until(context, lambda: "No screenshot" in app.messages.last and bool(app.messages.errors))
        assert not app.recording.screenshot_pending
        monkeypatch.setattr(app.rendering.renderer, "render", render)
        app.messages.errors.clear()
        document.camera.orbit(0.1, 0.0)
        wait_for_image(context, app)
        context.yield_(5)

    drive(app, look)
    assert not list(folder.glob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize("playing", ["video", "path"])
def test_a_screenshot_has_full_size_while_dynamic_resolution_is_coarse(
    app: ViewerApp, drive: DriveWindow, folder: Path, monkeypatch: pytest.MonkeyPatch, playing: str
) -> None:
    app.settings.rendering.render_scale, app.settings.rendering.smooth_at_rest = 1.0, False
    app.settings.view.background, app.settings.view.background_color = "color", (0.0, 0.0, 0.0)
    app.settings.view.show_grid = False
    monkeypatch.setattr(type(app.rendering.resolution), "scale", property(lambda _: 0.25, lambda _, value: None), raising=False)

    def look(context: Any) -> None:
        document = open_document(app)
        wait_for_image(context, app)
        if playing == "path":
            ActionRunner(app).run("path.orbit")
            ActionRunner(app).run("path.preview")
        else:
            document.playback.play()
        wait_until(context, lambda: document.shown is not None and document.shown.scale < 0.5)
        press(context, "file.screenshot")
        wait_until(context, lambda: not app.recording.screenshot_pending)
        wait_until(context, lambda: document.shown is not None and document.shown.scale < 0.5)  # playing is coarse again

    drive(app, look, (640, 400))
    (path,) = folder.glob("*.png")
    picture, video = Image.open(path), open_document(app).video
    camera, frame = read_png_camera(path), float(picture.text["mlpvid:frame"])  # type: ignore[attr-defined]
    assert picture.size == app.viewport.size
    renderer = app.rendering.renderer
    prepared, (width, height) = renderer.prepare(video, frame), picture.size
    fine = over_background(renderer.render(prepared, camera).rgba).astype(float)
    coarse = over_background(renderer.render(prepared, camera.resized(width // 4, height // 4)).rgba)
    enlarged = np.asarray(Image.fromarray(coarse).resize(picture.size, Image.Resampling.BILINEAR)).astype(float)
    pixels = np.asarray(picture).astype(float)
    error, error_if_coarse = np.abs(pixels - fine).mean(), np.abs(pixels - enlarged).mean()
    assert error < 0.25 and error < 0.5 * error_if_coarse
