"""Starting the window, or what happens instead where there is no display."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from model.errors import InputError
from viewer.settings import RenderingSettings, Settings, load_settings, read_settings, settings_path


def start(options: argparse.Namespace) -> int:
    """Open the window on a bundle; without a display record an orbit, or fail when --window insists."""
    if not options.bundle.is_file():
        raise InputError(options.bundle, "is a folder" if options.bundle.is_dir() else "no such file")
    choose_settings(options.config)
    reason = why_no_window()
    if reason:
        if options.window:
            raise InputError("--window", reason, "the commands --render, --record, --info and --benchmark need none")
        from viewer.headless import record_without_display  # noqa: PLC0415 - the window does not need it

        return record_without_display(options, reason)
    return open_window(options)


def open_window(options: argparse.Namespace) -> int:
    """Show the window until it is closed."""
    from model.bundle import read_bundle  # noqa: PLC0415 - loads PyTorch
    from renderer.select import create_renderer  # noqa: PLC0415 - likewise
    from viewer.app import ViewerApp  # noqa: PLC0415 - likewise
    from viewer.window import Window  # noqa: PLC0415 - likewise

    settings, file, message = choose_settings(options.config)
    video = read_bundle(options.bundle)
    if options.frame is not None:
        video.check_time(options.frame)
    rendering, kept = settings.rendering, replace(settings.rendering)
    rendering.backend, rendering.threads = options.backend or rendering.backend, options.threads or rendering.threads
    app = ViewerApp(create_renderer(rendering.backend, rendering.threads, background=True), settings, file)
    app.say(message)
    try:
        clock = app.add(options.bundle, video, play=options.frame is None).playback
        clock.sub_frame = clock.sub_frame or (options.frame or 0.0) % 1 != 0
        clock.seek(options.frame or 0.0)
        Window(app, options.size or (settings.window.width, settings.window.height)).run()
    finally:
        _forget_options(options, rendering, kept)
        app.close()
    return 0


def _forget_options(options: argparse.Namespace, rendering: RenderingSettings, kept: RenderingSettings) -> None:
    # What the command line asks for holds for this once, unless it was changed in the window since.
    if (rendering.backend, rendering.threads) == (options.backend or kept.backend, options.threads or kept.threads):
        rendering.backend, rendering.threads = kept.backend, kept.threads


def choose_settings(config: Path | None) -> tuple[Settings, Path | None, str]:
    """The settings, where they are kept, and what to tell about them.

    Those of --config are read strictly and never written.
    """
    if config is None:
        settings, message = load_settings()
        return settings, settings_path(), message
    try:
        return read_settings(config), None, ""
    except FileNotFoundError as error:
        raise InputError(config, "no such file") from error


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
