"""Drive the window without a display: ImGui's test engine on GLFW's null platform, with OpenGL from EGL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import moderngl
import pytest

from renderer.select import create_renderer
from tests import waiting
from tests.crash_handlers import STDERR
from tests.factories import make_video
from tests.viewer.engine import draw_fewer_pixels, run_engine
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.gl.presenter import Presenter

if TYPE_CHECKING:
    from viewer.window.window import Window

Test = Callable[[Any], None]
DriveWindow = Callable[..., None]

SMALL = (800, 500)
"""Size of a window, pixels, where nothing depends on it: small because the processor draws it, but every menu fits in."""

FIRST = (1280, 800)
"""Size of a window, pixels, that a user sees first."""


def use_null_platform() -> None:
    """Make the next window open without a display."""
    import imgui_bundle  # noqa: F401 - before glfw
    import glfw  # isort: skip

    glfw.init_hint(glfw.PLATFORM, glfw.PLATFORM_NULL)
    if not glfw.init():
        pytest.skip("GLFW has no null platform here")
    glfw.window_hint(glfw.CONTEXT_CREATION_API, glfw.EGL_CONTEXT_API)


@pytest.fixture
def app() -> Iterator[ViewerApp]:
    """The state of a window with a small random video open."""
    state = ViewerApp(create_renderer(background=True))
    state.settings.playback.autoplay = False
    state.settings.window.hints = ()
    state.settings.rendering.smooth_at_rest = False
    state.settings.rendering.render_scale = 0.2  # fast; the tests do not depend on pixels
    state.documents.add(Path("random.mlpvid"), make_video(num_frames=12))
    yield state
    state.close()


@pytest.fixture
def drive(pytestconfig: pytest.Config) -> DriveWindow:
    """Run a test function against a window that shows an app."""
    from imgui_bundle import hello_imgui, imgui

    from viewer.window.window import Window

    def run(app: ViewerApp, test: Test, size: tuple[int, int] = SMALL, keep_layout: bool = False) -> None:
        use_null_platform()
        window = Window(app, size, keep_layout, simulated=True)
        draw_fewer_pixels(window)
        driver_errors = note_driver_errors(window)

        def wrapped(context: Any) -> None:
            io = imgui.test_engine.get_io(hello_imgui.get_imgui_test_engine())
            io.config_watchdog_warning = io.config_watchdog_kill_test = 600.0  # a busy machine is not a fault
            context.yield_(5)
            test(context)

        run_engine(window, wrapped, pytestconfig.stash[STDERR])
        assert not driver_errors, "OpenGL refused something that the window or ImGui drew"

    return run


def note_driver_errors(window: Window) -> set[str]:
    """Return a set that gets the name of OpenGL's error after each frame of the window; nothing may be wrong."""
    errors: set[str] = set()
    read_error = vars(moderngl.Context)["error"].fget  # tests may let the renderer's thread read another error
    take_pictures = window.params.callbacks.before_swap

    def note() -> None:  # everything is drawn, also by ImGui
        take_pictures()
        if window.view.presenter is not None:
            errors.update({read_error(window.view.presenter.context)} - {"GL_NO_ERROR"})

    window.params.callbacks.before_swap = note
    return errors


def screenshot(context: Any, name: str) -> None:
    """Save what the window shows when the environment variable SCREENSHOTS names a folder."""
    from imgui_bundle.immapp import testing

    folder = os.environ.get("SCREENSHOTS")
    if folder:
        testing.capture(context, str(Path(folder) / f"{name}.png"))


def wait_until(context: Any, condition: Callable[[], bool]) -> None:
    """Let the window run until a condition holds; fail when the window seems to hang."""
    waiting.wait_until(condition, context.yield_)


def wait_for_image(context: Any, app: ViewerApp) -> None:
    """Let the window run until the image of the front document is the finest one that was requested."""

    def finished() -> bool:
        document = app.document
        if document is None or document.view_renderer.requested is None:
            return False
        return document.view_renderer.finished and document.view_renderer.requested.time == document.playback.time

    wait_until(context, finished)


def open_document(app: ViewerApp) -> Document:
    """Return the front document; fail if nothing is open."""
    assert app.document is not None
    return app.document


@pytest.fixture
def presenter() -> Iterator[Presenter]:
    """A presenter in its own context."""
    try:
        context = moderngl.create_context(standalone=True, backend="egl", require=330)  # type: ignore[arg-type]
    except Exception as error:
        pytest.skip(f"no OpenGL here: {error}")
    made = Presenter(context)
    yield made
    made.release()
    context.release()
