"""The parameters with which the window library opens the window: title, size, OpenGL, and where it keeps its layout."""

from __future__ import annotations

import contextlib

from imgui_bundle import hello_imgui

from viewer import PROGRAM
from viewer.folders import layout_path


def runner_parameters(size: tuple[int, int], keep_layout: bool) -> hello_imgui.RunnerParams:
    """Return the parameters of the viewer's window, without callbacks.

    Args:
        size: first width and height of the window, screen units.
        keep_layout: restore and save the window's place and layout.
    """
    params = hello_imgui.RunnerParams()
    if keep_layout:  # the window library does not create the folder
        with contextlib.suppress(OSError):
            layout_path().parent.mkdir(parents=True, exist_ok=True)
    params.app_window_params.window_title = PROGRAM
    params.app_window_params.window_geometry.size = size
    params.app_window_params.restore_previous_geometry = keep_layout
    window = params.imgui_window_params
    window.default_imgui_window_type = hello_imgui.DefaultImGuiWindowType.no_default_window
    window.show_menu_bar = window.show_status_bar = False
    window.remember_theme = window.remember_status_bar_settings = False  # layouts of old versions have another status bar
    params.renderer_backend_options.open_gl_options = hello_imgui.OpenGlOptions("330", 3, 3, True, True, 0)
    params.fps_idling.enable_idling = False
    params.ini_disable = not keep_layout
    params.ini_folder_type = hello_imgui.IniFolderType.absolute_path
    params.ini_filename = str(layout_path()) if keep_layout else ""
    return params
