"""Open the window. Without a display, record a short orbit instead."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from common.installation import is_installed
from common.streaming.address import Address
from model.run.files import is_run
from viewer.app.files import file_stamp, read_video
from viewer.app.places import Place
from viewer.folders import settings_path
from viewer.settings import Settings
from viewer.settings_file import load_settings, read_settings

if TYPE_CHECKING:  # loads PyTorch, which is not needed to report bad settings
    from model.video import VolumetricVideo
    from viewer.app.app import ViewerApp

Chosen = tuple[Settings, Path | None, InputError | None]
"""The settings, their file (None means that they are not saved), and the error in it (None means that it is valid)."""


def start(options: argparse.Namespace) -> int:
    """Open the window on a bundle. Without a display, record an orbit instead, or fail if --window is given."""
    if isinstance(options.bundle, Path) and not (options.bundle.is_file() or options.bundle.is_dir()):
        raise InputError(options.bundle, "no such file")
    chosen = choose_settings(options.config)
    reason = why_no_window()
    if reason:
        if options.window:
            raise InputError("--window", reason, "use --render, --record, --info or --benchmark, which need no display")
        from viewer.commands.headless import record_without_display  # noqa: PLC0415 - the window does not need it

        return record_without_display(options, reason)
    return open_window(options, chosen)


def open_window(options: argparse.Namespace, chosen: Chosen | None = None) -> int:
    """Show the window until it is closed. Return the exit status, which is 1 if something failed while closing.

    Args:
        options: the options of the command line. They apply to this run and are not saved.
        chosen: the settings; by default those that the options name.
    """
    from viewer.window.window import Window  # noqa: PLC0415 - loads PyTorch

    settings, file, fault = chosen or choose_settings(options.config)
    stamp = file_stamp(options.bundle)
    run = isinstance(options.bundle, Path) and is_run(options.bundle)
    awaited = stamp is None and options.frame is None and run
    streamed = isinstance(options.bundle, Address) and options.frame is None  # the window shows the progress
    video = None if awaited or streamed else read_video(options.bundle, config=options.config)
    if video is not None and options.frame is not None:
        video.check_time(options.frame)
    app = make_app(options, settings, file)
    if fault is not None:
        app.messages.show_exception(
            fault, "Cannot use the settings", "Correct the file and rename it back, or continue with the defaults."
        )
    try:
        if run:
            app.window.focus_panel("Training")
        if video is None:
            app.documents.open(options.bundle)
        else:
            app.documents.add(options.bundle, video, options.frame, stamp)
        Window(app, options.size or (settings.window.width, settings.window.height)).run()
    finally:
        closed_well = close(app)
    return 0 if closed_well else 1


def show_video(video: VolumetricVideo, path: Place, backend: str, threads: int | None) -> None:
    """Show a video in the window until the user closes it, with the user's own settings.

    Args:
        video: the video.
        path: where it is from; the window shows its name.
        backend: the name of a backend.
        threads: CPU threads; None means as in the settings.

    Raises:
        InputError: the backend cannot run on this machine.
    """
    from viewer.window.window import Window  # noqa: PLC0415 - loads PyTorch

    settings, file, _ = choose_settings(None)
    chosen = argparse.Namespace(backend=None if backend == "auto" else backend, threads=threads)
    app = make_app(chosen, settings, file)
    try:
        app.documents.add(path, video)
        Window(app, (settings.window.width, settings.window.height)).run()
    finally:
        close(app)


def make_app(options: argparse.Namespace, settings: Settings, file: Path | None) -> ViewerApp:
    """Create the window's state with the renderer that the options or the settings name.

    If the backend in the settings cannot run on this machine, another one is used and the window says so. If the backend on
    the command line cannot run, this fails.
    """
    from renderer.select import create_renderer  # noqa: PLC0415 - loads PyTorch
    from viewer.app.app import ViewerApp  # noqa: PLC0415 - loads PyTorch

    kept, fault = settings.rendering, None
    backend, threads = options.backend or kept.backend, options.threads or kept.threads
    try:
        renderer = create_renderer(backend, threads, background=True)
    except InputError as error:
        if options.backend or backend == "auto":
            raise
        backend, fault = "auto", error
        renderer = create_renderer(backend, threads, background=True)
    app = ViewerApp(renderer, settings, file)
    app.rendering.backend, app.rendering.threads = backend, threads
    if fault is not None:
        advice = f"The viewer uses {renderer.name} now. Your settings still select {kept.backend}."
        app.messages.show_exception(InputError(fault.subject, fault.fault), f"Cannot render with {kept.backend} here", advice)
    return app


def close(app: ViewerApp) -> bool:
    """Close the app and print the errors that occur while it closes, one per line. No window can show them any more.

    Return whether there were none.
    """
    known = list(app.messages.errors)
    app.close()
    faults = [fault for fault in app.messages.errors if fault not in known]
    for fault in faults:
        print(f"error: {' '.join(str(fault).split())}", file=sys.stderr)
    return not faults


def choose_settings(config: Path | None) -> Chosen:
    """Read the settings. Call this once, because a bad file is renamed.

    A file of --config is read strictly and never written.
    """
    if config is None:
        settings, message = load_settings()
        return settings, settings_path(), InputError("settings", message.rstrip(".")) if message else None
    return read_settings(config), None, None


def why_no_window() -> str:
    """Return why no window can be opened here, or an empty string."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "no display" if not os.environ.get("WAYLAND_DISPLAY") else "no X11 display (XWayland is missing)"
    if not is_installed("imgui_bundle"):  # it is not, with Python 3.10
        return "the package imgui-bundle is not installed"
    import imgui_bundle  # noqa: F401, PLC0415 - before glfw: both must share one libglfw
    import glfw  # noqa: PLC0415 # isort: skip

    glfw.ERROR_REPORTING = "ignore"
    if not glfw.init():
        return f"the display cannot be opened{_reported(glfw)}"
    try:
        return _try_context(glfw)
    finally:
        glfw.terminate()


def _try_context(glfw: object) -> str:
    hints = (("VISIBLE", 0), ("CONTEXT_VERSION_MAJOR", 3), ("CONTEXT_VERSION_MINOR", 3))
    for name, value in hints:
        glfw.window_hint(getattr(glfw, name), value)  # type: ignore[attr-defined]
    glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)  # type: ignore[attr-defined]
    glfw.window_hint(glfw.OPENGL_FORWARD_COMPAT, 1)  # type: ignore[attr-defined]
    window = glfw.create_window(64, 64, "", None, None)  # type: ignore[attr-defined]
    if not window:
        reported = _reported(glfw)
        return f"the display has no OpenGL 3.3{reported} (over SSH or VNC, try LIBGL_ALWAYS_SOFTWARE=1)"
    glfw.destroy_window(window)  # type: ignore[attr-defined]
    return ""


def _reported(glfw: object) -> str:
    """Return the reason of GLFW's last failure, after a colon, or an empty string."""
    _, description = glfw.get_error()  # type: ignore[attr-defined]
    return f": {' '.join(description.decode(errors='replace').split())}" if description else ""
