"""The next backend takes over when one fails: lost contexts, full memory, refused shaders, GPUs that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest

from renderer.backend import Renderer
from renderer.cuda.driver import CudaFault
from renderer.opengl import programs
from renderer.opengl.gl_thread import GlThread
from renderer.opengl.passes import RenderPasses
from renderer.select import create_renderer
from tests.factories import make_video
from tests.viewer.conftest import DriveWindow, open_document, wait_for_image, wait_until
from viewer.app.app import ViewerApp
from viewer.app.faults import REPORT_IT
from viewer.picture.comparison import Comparison

pytestmark = pytest.mark.slow

Inject = Callable[[pytest.MonkeyPatch], None]


def lose_context(patch: pytest.MonkeyPatch) -> None:
    """Let every draw fail."""

    def fail(*_: Any) -> None:
        raise moderngl.Error("the context was lost")

    patch.setattr(RenderPasses, "render", fail)


def fill_memory(patch: pytest.MonkeyPatch) -> None:
    """Let the driver report that its memory is full."""
    run = GlThread._run

    def report(self: GlThread, function: Callable[[], Any]) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(moderngl.Context, "error", property(lambda _: "GL_OUT_OF_MEMORY"))
            return run(self, function)

    patch.setattr(GlThread, "_run", report)


def refuse_shader(patch: pytest.MonkeyPatch) -> None:
    """Let a shader not compile. The window's first image needs it."""
    read = programs._read
    patch.setattr(programs, "_read", lambda name, seen: read(name, seen) + "\nnonsense here;" * (name == "resolve.frag"))


def fail_like_cuda(patch: pytest.MonkeyPatch) -> None:
    """Raise what the CUDA backend raises after a fault that stays."""

    def fail(*_: Any) -> None:
        raise CudaFault("launch", "CUDA_ERROR_ILLEGAL_ADDRESS").explain()

    patch.setattr(RenderPasses, "render", fail)


FAULTS = {
    "lost context": (lose_context, "the context was lost"),
    "memory full": (fill_memory, "GL_OUT_OF_MEMORY"),
    "sticky fault of CUDA": (fail_like_cuda, "CUDA_ERROR_ILLEGAL_ADDRESS"),
}


def open_app(backend: str) -> ViewerApp:
    """Return the state of a window with a small video."""
    app = ViewerApp(create_renderer(backend, background=True))
    app.settings.rendering.smooth_at_rest = False
    app.settings.playback.autoplay = False
    app.settings.rendering.render_scale = 0.1
    app.documents.add(Path("random.mlpvid"), make_video(num_frames=4))
    return app


def check_picture(app: ViewerApp, renderer: Renderer) -> None:
    """Check that the picture is that of the native renderer."""
    document = open_document(app)
    shown = document.shown
    assert shown is not None and shown.image is not None and app.rendering.renderer is renderer
    size = round(0.1 * app.viewport.size[0]), round(0.1 * app.viewport.size[1])
    expected = renderer.render(renderer.prepare(document.video, document.playback.time), shown.request.camera.resized(*size))
    assert shown.image.size == size
    np.testing.assert_allclose(shown.image.rgba, expected.rgba, atol=1e-6)


@pytest.mark.parametrize(("inject", "text"), list(FAULTS.values()), ids=list(FAULTS))
def test_the_picture_goes_on_while_playing(
    drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, inject: Inject, text: str
) -> None:
    app = open_app("opengl")

    def look(context: Any) -> None:
        wait_for_image(context, app)
        document, failing = open_document(app), app.rendering.renderer
        app.compare.set_source("again", failing, app.documents.front_video, 1 << 24)
        app.compare.mode = Comparison.DIVIDER
        document.playback.play()
        wait_until(context, lambda: document.playback.time >= 1)
        with pytest.MonkeyPatch.context() as patch:
            inject(patch)
            wait_until(context, lambda: app.rendering.renderer is not failing)
        assert app.rendering.renderer.name == "cpu" and document.playback.playing
        document.playback.pause()
        document.playback.seek(2)
        context.yield_(2)
        wait_for_image(context, app)
        check_picture(app, app.rendering.renderer)
        wait_until(context, lambda: app.compare.view_renderer is None or app.compare.psnr is not None)
        faults = [fault for fault in app.messages.errors if "The backend opengl failed" in fault.title]
        assert len(faults) == 1 and "continues with the backend cpu" in faults[0].advice and REPORT_IT not in faults[0].advice
        assert text in caplog.text and app.settings.rendering.backend == "auto", "the user's choice is kept"

    with caplog.at_level(logging.ERROR):
        drive(app, look)
    app.close()


def test_a_shader_that_the_driver_refuses(
    drive: DriveWindow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_shader(monkeypatch)
    app = open_app("opengl")

    def look(context: Any) -> None:
        wait_until(context, lambda: app.rendering.renderer.name == "cpu")
        context.yield_(2)
        wait_for_image(context, app)
        check_picture(app, app.rendering.renderer)
        assert "syntax error" in caplog.text, "the driver's own text"

    with caplog.at_level(logging.ERROR):
        drive(app, look)
    app.close()


def test_without_another_backend_the_window_shows_a_message(drive: DriveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    from common.errors import InputError

    def none_left(*_: Any, **__: Any) -> Renderer:
        raise InputError("backend opengl", "failed, and no other backend is left")

    app = open_app("opengl")

    def look(context: Any) -> None:
        wait_for_image(context, app)
        monkeypatch.setattr("viewer.app.rendering.next_renderer", none_left)
        lose_context(monkeypatch)
        open_document(app).camera.orbit(0.3, 0.1)
        wait_until(context, lambda: len(app.messages.errors) >= 2)
        assert any("no other backend is left" in fault.reason for fault in app.messages.errors)

    drive(app, look)
    app.close()
