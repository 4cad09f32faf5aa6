"""The window: its layout, its loop, and the sleep between events."""

from __future__ import annotations

import time as clock
from typing import Protocol

from imgui_bundle import hello_imgui, imgui, immapp

from viewer import gl
from viewer.app import ViewerApp
from viewer.panels.timeline import TimelinePanel
from viewer.panels.view import ViewPanel
from viewer.presenter import Presenter


class Panel(Protocol):
    """A part of the window."""

    title: str
    """Name of its dockable window."""

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""


class Window:
    """Connects the app's state with the panels and the window library.

    Args:
        app: the state.
        size: pixels of the window at first.
        keep_layout: whether the layout is read and kept in the user's config folder.
    """

    def __init__(self, app: ViewerApp, size: tuple[int, int] = (1280, 800), keep_layout: bool = True) -> None:
        self.app = app
        self.view = ViewPanel()
        self.panels: list[tuple[Panel, str]] = [(self.view, "MainDockSpace"), (TimelinePanel(), "Bottom")]
        self.presenter: Presenter | None = None
        self._last_update = clock.perf_counter()
        self.params = self._runner_params(size, keep_layout)

    def run(self) -> None:
        """Show the window until it is closed."""
        import glfw  # noqa: PLC0415 - after imgui_bundle, whose libglfw it must share

        self.app.wake = glfw.post_empty_event
        immapp.manual_render.setup_from_runner_params(self.params)
        try:
            while not self.params.app_shall_exit:
                if self.app.sleeps:
                    self._sleep(glfw)
                immapp.manual_render.render()
        finally:
            immapp.manual_render.tear_down()

    def _sleep(self, glfw: object) -> None:
        # Blink of a text cursor and tooltips need a frame now and then; all else comes as an event.
        timeout = 0.4 if imgui.get_io().want_text_input else 5.0
        glfw.wait_events_timeout(timeout)  # type: ignore[attr-defined]
        self.app.redraw(3)
        self._last_update = clock.perf_counter()

    def _runner_params(self, size: tuple[int, int], keep_layout: bool) -> hello_imgui.RunnerParams:
        params = hello_imgui.RunnerParams()
        params.app_window_params.window_title = "MLPVid"
        params.app_window_params.window_geometry.size = size
        params.app_window_params.restore_previous_geometry = keep_layout
        window = params.imgui_window_params
        window.default_imgui_window_type = hello_imgui.DefaultImGuiWindowType.provide_full_screen_dock_space
        window.show_menu_bar = True
        params.renderer_backend_options.open_gl_options = hello_imgui.OpenGlOptions("330", 3, 3, True, True, 0)
        params.fps_idling.enable_idling = False
        params.ini_disable = not keep_layout
        params.ini_folder_type = hello_imgui.IniFolderType.app_user_config_folder
        params.ini_filename = "mlpvid/window.ini"
        params.callbacks.default_icon_font = hello_imgui.DefaultIconFont.font_awesome6
        params.callbacks.post_init = self._start
        params.callbacks.pre_new_frame = self._update
        params.callbacks.before_exit = self._stop
        params.docking_params = self._docking()
        return params

    def _docking(self) -> hello_imgui.DockingParams:
        docking = hello_imgui.DockingParams()
        docking.docking_splits = [hello_imgui.DockingSplit("MainDockSpace", "Bottom", imgui.Dir.down, 0.2)]
        docking.dockable_windows = [self._dockable(panel, space) for panel, space in self.panels]
        return docking

    def _dockable(self, panel: Panel, space: str) -> hello_imgui.DockableWindow:
        window = hello_imgui.DockableWindow(panel.title, space, lambda: panel.draw(self.app))
        window.can_be_closed = panel is not self.view
        if panel is self.view:
            window.imgui_window_flags = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse
        return window

    def _start(self) -> None:
        self.presenter = Presenter(gl.create_context())
        self.view.start(self.presenter)

    def _update(self) -> None:
        now = clock.perf_counter()
        self.app.update(now - self._last_update)
        self._last_update = now

    def _stop(self) -> None:
        if self.presenter is not None:
            self.presenter.release()
