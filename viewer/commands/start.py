"""Starting the window, or what happens instead where there is no display."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from viewer.app.file_stamp import file_stamp
from viewer.settings import Settings, load_settings, read_settings, settings_path

if TYPE_CHECKING:  # loads PyTorch, which faults of the settings do without
    from viewer.app.app import ViewerApp

Chosen = tuple[Settings, Path | None, InputError | None]
"""Settings, where they are kept, and what was wrong with them."""


def start(options: argparse.Namespace) -> int:
    """Open the window on a bundle; without a display record an orbit, or fail when --window insists."""
    if not options.bundle.is_file():
        raise InputError(options.bundle, "is a folder" if options.bundle.is_dir() else "no such file")
    chosen = choose_settings(options.config)
    reason = why_no_window()
    if reason:
        if options.window:
            raise InputError("--window", reason, "the commands --render, --record, --info and --benchmark need none")
        from viewer.commands.headless import record_without_display  # noqa: PLC0415 - the window does not need it

        return record_without_display(options, reason)
    return open_window(options, chosen)


def open_window(options: argparse.Namespace, chosen: Chosen | None = None) -> int:
    """Show the window until it is closed; returns the exit status, 1 when something failed while it closed.

    Args:
        options: of the command line; what they say holds for this run and is not kept.
        chosen: the settings; default: those that the options name.
    """
    from model.bundle.info import read_bundle  # noqa: PLC0415 - loads PyTorch
    from viewer.window.window import Window  # noqa: PLC0415 - likewise

    settings, file, fault = chosen or choose_settings(options.config)
    stamp = file_stamp(options.bundle)
    video = read_bundle(options.bundle)
    if options.frame is not None:
        video.check_time(options.frame)
    app = make_app(options, settings, file)
    if fault is not None:
        app.report(fault, "Cannot use the settings", "They start anew; the old file is kept beside them.")
    try:
        clock = app.add(options.bundle, video, options.frame is None, stamp).playback
        clock.sub_frame = clock.sub_frame or (options.frame or 0.0) % 1 != 0
        clock.seek(options.frame or 0.0)
        Window(app, options.size or (settings.window.width, settings.window.height)).run()
    finally:
        closed_well = close(app)
    return 0 if closed_well else 1


def make_app(options: argparse.Namespace, settings: Settings, file: Path | None) -> ViewerApp:
    """The window's state with the renderer that options or settings name.

    A backend of the settings that cannot run here, since they came from another machine, gives way to one that can; that is
    told in the window. One that is asked for on the command line is insisted on.
    """
    from renderer.select import create_renderer  # noqa: PLC0415 - loads PyTorch
    from viewer.app.app import ViewerApp  # noqa: PLC0415 - likewise

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
    app.backend, app.threads = backend, threads
    if fault is not None:
        advice = f"{renderer.name} renders now; the settings still ask for {kept.backend}."
        app.report(InputError(fault.subject, fault.fault), f"Cannot render with {kept.backend} here", advice)
    return app


def close(app: ViewerApp) -> bool:
    """Close the app and print what went wrong meanwhile, a line each: there is no window to show it any more."""
    known = list(app.errors)
    app.close()
    faults = [fault for fault in app.errors if fault not in known]
    for fault in faults:
        print(f"error: {' '.join(str(fault).split())}", file=sys.stderr)
    return not faults


def choose_settings(config: Path | None) -> Chosen:
    """The settings, where they are kept, and what was wrong with them; a bad file is set aside, so this is to be asked once.

    Those of --config are read strictly and never written.
    """
    if config is None:
        settings, message = load_settings()
        return settings, settings_path(), InputError("settings", message.rstrip(".")) if message else None
    return read_settings(config), None, None


def why_no_window() -> str:
    """Why no window can be opened here; empty when one can."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "no display" if not os.environ.get("WAYLAND_DISPLAY") else "no X11 display (XWayland is missing)"
    import imgui_bundle  # noqa: F401, PLC0415 - before glfw: both must share one libglfw
    import glfw  # noqa: PLC0415 # isort: skip

    glfw.ERROR_REPORTING = "ignore"
    if not glfw.init():
        return "the display cannot be opened"
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
        return "the display has no OpenGL 3.3 (over SSH or VNC, LIBGL_ALWAYS_SOFTWARE=1 may give it)"
    glfw.destroy_window(window)  # type: ignore[attr-defined]
    return ""
