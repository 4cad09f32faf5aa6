"""The window with the OpenGL backend: the renderer's textures are the window's picture, and nothing is copied."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest

from renderer.opengl.gl_thread import GlThread
from renderer.opengl.image import OpenGLImage
from renderer.opengl.renderer import OpenGLRenderer
from renderer.select import create_renderer
from tests.viewer.conftest import DriveWindow, open_document, screenshot, wait_for_image, wait_until
from tests.viewer.gl_traffic import Traffic, renderer_of, shown_image, watch_textures
from tests.waiting import TIMEOUT
from viewer import DISPLAY_MODES
from viewer.app.app import ViewerApp
from viewer.app.compare import image_psnr
from viewer.gl.context import GlfwLoader, copy_screen
from viewer.gl.image_display import ImageDisplay
from viewer.gl.presenter import Presenter
from viewer.picture.comparison import Comparison
from viewer.playback.render_worker import ViewResult, scaled_camera
from viewer.settings import DisplaySettings

pytestmark = pytest.mark.slow

SMALL = (640, 480)
"""Size of a window, pixels, where what is tested does not depend on it: the processor draws it."""

WINDOW = threading.main_thread().name
"""The thread that draws the window."""


def move_through_everything(context: Any, app: ViewerApp) -> None:
    """Orbit with each panel in front, scrub, and play."""
    document = open_document(app)
    for panel in app.window.panels:
        app.window.focus_panel(panel)
        document.camera.orbit(0.1, 0.05)
        app.redraw.record_motion()
        context.yield_(2)
        wait_for_image(context, app)
        context.yield_(2)
    document.playback.begin_scrub()
    for frame in (3, 1, 2):
        document.playback.seek(frame)
        context.yield_(3)
    document.playback.end_scrub()
    wait_for_image(context, app)
    document.playback.play()
    wait_until(context, lambda: document.playback.time >= 2)
    document.playback.pause()
    wait_for_image(context, app)


@pytest.mark.usefixtures("compute_shaders")
def test_the_picture_is_the_native_renderers(gl_app: ViewerApp, drive: DriveWindow) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        document = open_document(gl_app)
        document.playback.play()
        wait_until(context, lambda: document.playback.time >= 1)
        document.playback.pause()
        document.playback.seek(2)
        document.camera.orbit(0.3, 0.1)
        wait_for_image(context, gl_app)
        screenshot(context, "opengl")
        assert document.shown is not None and document.shown.image is not None
        request, image, native = document.shown.request, document.shown.image, create_renderer("cpu")
        camera = scaled_camera(request.camera, request.final_scale)
        expected = native.render(native.prepare(document.video, 2.0), camera, request.settings)
        assert np.abs(image.rgba - expected.rgba).max() <= 3 / 255

    drive(gl_app, look, SMALL)


@pytest.mark.usefixtures("compute_shaders")
def test_no_pixel_is_copied_while_the_window_plays_scrubs_and_orbits(
    gl_app: ViewerApp, drive: DriveWindow, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("show_grid", "show_box", "show_axes", "show_path"):
        setattr(gl_app.settings.view, name, True)
    images: list[int] = []
    finish = OpenGLRenderer._finish

    def count(self: OpenGLRenderer, *arguments: Any) -> OpenGLImage:
        images.append(1)
        return finish(self, *arguments)

    monkeypatch.setattr(OpenGLRenderer, "_finish", count)

    def look(context: Any) -> None:
        for frame in range(4):
            open_document(gl_app).playback.seek(frame)
            wait_for_image(context, gl_app)  # it is decoded and cached now
        assert renderer_of(gl_app).shared and shown_image(gl_app).shared
        traffic.restart()
        images.clear()
        move_through_everything(context, gl_app)
        assert len(images) >= len(gl_app.window.panels) and traffic.draws[WINDOW] > 0
        assert traffic.read.total() == 16 * len(images), "only the sums of the samples are read back"
        assert set(traffic.read) == {"opengl"} and not traffic.written

    drive(gl_app, look, SMALL)


def test_the_windows_thread_never_waits_for_the_renderer(
    gl_app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    callers: Counter[str] = Counter()
    waits: Counter[str] = Counter()

    def count(counter: Counter[str], owner: Any, name: str) -> None:
        method = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            starter = sys._getframe(1).f_back
            starts = starter is not None and starter.f_code is threading.Thread.start.__code__  # it waits for the new thread
            if not starts and arguments[1:] != (0,):
                counter[threading.current_thread().name] += 1
            return method(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        count(callers, GlThread, "run")
        # Everything that waits in Python (queues, futures, events) and for the graphics card.
        for owner, name in ((threading.Condition, "wait"), (threading.Thread, "join"), (moderngl.Context, "finish")):
            count(waits, owner, name)
        for name in ("show_grid", "show_box", "show_axes", "show_cameras", "show_path", "show_cells"):
            setattr(gl_app.settings.view, name, True)
        move_through_everything(context, gl_app)
        for mode in ("depth", "normals", "density_samples", "color"):
            gl_app.settings.view.mode = mode
            wait_until(context, lambda: not gl_app.viewport.making_pixels)
        gl_app.recording.start("screen", gl_app.viewport.size)
        context.yield_(10)
        gl_app.recording.stop()
        wait_until(context, lambda: not gl_app.jobs.running)
        assert callers["render"] > 0 and waits["render"] > 0 and waits["opengl"] > 0
        for name in (WINDOW, threading.current_thread().name):
            assert callers[name] == waits[name] == 0

    gl_app.settings.recording.folder = str(tmp_path)
    drive(gl_app, look, SMALL)


def test_closing_a_bundle_leaves_no_texture(gl_app: ViewerApp, drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    made, closed = watch_textures(monkeypatch), threading.Event()

    def compare_after_closing(*pair: Any) -> float | None:
        assert closed.wait(TIMEOUT)
        return image_psnr(*pair)

    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        for name in ("show_grid", "show_cameras"):
            setattr(gl_app.settings.view, name, True)
        renderer = renderer_of(gl_app)
        gl_app.compare.set_source("again", renderer, gl_app.documents.front_video, 1 << 24)
        gl_app.compare.mode = Comparison.DIVIDER
        move_through_everything(context, gl_app)
        wait_until(context, lambda: gl_app.compare.psnr is not None)
        gl_app.settings.view.mode = "depth"
        context.yield_(2)
        wait_until(context, lambda: not gl_app.viewport.making_pixels)
        monkeypatch.setattr("viewer.app.compare.image_psnr", compare_after_closing)
        open_document(gl_app).camera.orbit(0.3, 0.1)
        wait_until(context, lambda: gl_app.compare._scoring.busy)
        gl_app.documents.close(0)
        context.yield_(3)
        closed.set()
        wait_until(context, lambda: not threads_with_images())
        ours = renderer.run(lambda made_in: made_in)
        names = {name for owner, name in made if owner is ours} - {name for owner, name in made if owner is not ours}
        assert len(names) > 20, "the renderer has made textures"
        assert renderer.run(lambda _: existing(names)) == []

    gc.disable()  # what only the collector could free would stay for an unknown time
    try:
        drive(gl_app, look, SMALL)
    finally:
        gc.enable()


def threads_with_images() -> list[str]:
    """Return the names of the threads that compute something from images; they end after what they are doing."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("view", "compare", "labels"))]


def existing(names: set[int]) -> list[int]:
    """Return the textures among these names that the current context still has."""
    is_texture = ctypes.CFUNCTYPE(ctypes.c_ubyte, ctypes.c_uint)(GlfwLoader().load("glIsTexture"))
    return [name for name in names if is_texture(name)]


def test_view_modes_and_the_psnr_need_no_pixels(
    gl_app: ViewerApp, drive: DriveWindow, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: OpenGLImage, name: str) -> bytes:
        raise AssertionError(f"{name} is read back")

    shown: list[tuple[int, ViewResult, str]] = []
    show_mode = ImageDisplay.show_mode

    def note(self: ImageDisplay, presenter: Presenter, slot: int, result: ViewResult, display: DisplaySettings) -> None:
        show_mode(self, presenter, slot, result, display)
        shown.append((slot, result, display.mode))

    monkeypatch.setattr(ImageDisplay, "show_mode", note)

    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        monkeypatch.setattr(OpenGLImage, "_bytes", refuse)
        traffic.restart()
        gl_app.compare.set_source("again", renderer_of(gl_app), gl_app.documents.front_video, 1 << 24)
        gl_app.compare.mode = Comparison.DIVIDER
        for mode in DISPLAY_MODES[1:]:
            gl_app.settings.view.mode = mode
            open_document(gl_app).camera.orbit(0.2, 0.1)
            wait_for_image(context, gl_app)
            expected = (0, open_document(gl_app).shown, mode)
            wait_until(context, lambda expected=expected: expected in shown)  # type: ignore[misc]
            screenshot(context, f"opengl {mode}")
        wait_until(context, lambda: (gl_app.compare.psnr or 0) > 60)
        assert not gl_app.messages.errors and traffic.read[WINDOW] == 0

    drive(gl_app, look, SMALL)


def test_only_one_pixel_is_read_for_the_point_under_the_cursor(gl_app: ViewerApp, drive: DriveWindow, traffic: Traffic) -> None:
    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        image = shown_image(gl_app)
        rows, columns = np.nonzero(image.opacity > 0.9)
        row, column = int(rows[len(rows) // 2]), int(columns[len(rows) // 2])
        expected = float(image.depth[row, column])
        image._arrays.clear()
        traffic.restart()
        found = read_in_window(context, gl_app, lambda: gl_app.viewport.depth_at(image, column, row))
        assert found == expected > 0 and traffic.read == {WINDOW: 4}

    drive(gl_app, look, SMALL)


def read_in_window(context: Any, app: ViewerApp, function: Callable[[], float]) -> float:
    """Run a function on the window's thread, where its context is current, and return its result."""
    results: list[float] = []
    update = app.update

    def once(*arguments: Any) -> None:
        update(*arguments)
        if not results:
            results.append(function())

    app.update = once  # type: ignore[method-assign, assignment]
    wait_until(context, lambda: bool(results))
    app.update = update  # type: ignore[method-assign]
    return results[0]


@pytest.mark.parametrize("with_interface", [False, True])
def test_a_screen_recording_reads_one_picture_late_through_two_buffers_in_turn(
    gl_app: ViewerApp,
    drive: DriveWindow,
    traffic: Traffic,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    with_interface: bool,
) -> None:
    used: list[int] = []
    read_into = moderngl.Framebuffer.read_into

    def note(self: moderngl.Framebuffer, buffer: moderngl.Buffer, **options: Any) -> Any:
        used.append(buffer.glo)
        return read_into(self, buffer, **options)

    def note_screen(width: int, height: int, buffer: moderngl.Buffer) -> None:
        used.append(buffer.glo)
        copy_screen(width, height, buffer)

    def refuse(*_: Any, **__: Any) -> bytes:
        raise AssertionError("the window waits for its own picture")

    def look(context: Any) -> None:
        wait_for_image(context, gl_app)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(moderngl.Framebuffer, "read_into", note)
            patch.setattr(moderngl.Framebuffer, "read", refuse)
            patch.setattr("viewer.gl.context.read_screen", refuse)
            patch.setattr("viewer.gl.presenter.copy_screen", note_screen)
            gl_app.recording.with_interface = with_interface
            gl_app.recording.start("screen", gl_app.viewport.size)
            wait_until(context, lambda: len(used) >= 6)
            gl_app.recording.stop()
            wait_until(context, lambda: not gl_app.jobs.running)
        assert len(set(used)) == 2 and used[:6:2] == [used[0]] * 3 and used[1:6:2] == [used[1]] * 3
        assert not gl_app.messages.errors and len(list(tmp_path.glob("*.mp4"))) == 1

    gl_app.settings.recording.folder = str(tmp_path)
    drive(gl_app, look, SMALL)
