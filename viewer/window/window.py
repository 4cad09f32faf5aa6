"""The window: main loop, layout, and waiting for events."""

from __future__ import annotations

import contextlib
import time as clock
from collections.abc import Callable
from typing import Any, Protocol

from imgui_bundle import ImVec2, hello_imgui, imgui, immapp

from viewer import PROGRAM
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.window_state import FocusPanel, NameMarker, WindowCommand, WindowRequest
from viewer.dialogs.about import AboutDialog
from viewer.dialogs.errors import ErrorDialog
from viewer.dialogs.export import ExportDialog
from viewer.dialogs.jobs import JobsOverlay
from viewer.dialogs.palette import Palette
from viewer.dialogs.prompts import Prompts
from viewer.dialogs.recording import RecordingDialog
from viewer.dialogs.settings import SettingsDialog
from viewer.dialogs.shortcuts import ShortcutSheet
from viewer.gl import context as gl
from viewer.panels.camera import CameraPanel
from viewer.panels.compare import ComparePanel
from viewer.panels.image import ImagePanel
from viewer.panels.info import InfoPanel
from viewer.panels.maps import MapsPanel
from viewer.panels.menus import draw_menus, draw_message, draw_status
from viewer.panels.path_editor import PathPanel
from viewer.panels.speed import SpeedPanel
from viewer.panels.statistics import StatisticsPanel
from viewer.panels.timeline import TimelinePanel
from viewer.settings import layout_path
from viewer.view.panel import ViewPanel
from viewer.window.capture import WindowCapture
from viewer.window.error_boundary import ErrorBoundary, error_log_path
from viewer.window.keys import Keyboard
from viewer.window.layout import PanelSizes, first_splits, text_scale
from viewer.window.theme import MonitorScale, apply_theme
from viewer.window.title import WindowTitle

SLEEP, SLEEP_TYPING = 2.0, 0.4
"""Longest sleep without an event, seconds. It is shorter while a text cursor blinks."""

TOOLTIP = 0.6
"""Seconds that the window stays awake after the mouse has moved, for tooltips."""

Place = tuple[int, int, int, int]
"""Left, top, width and height of the window, screen units."""


class Panel(Protocol):
    """A dockable part of the window."""

    title: str
    """Title of its dockable window."""

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""


class Dialog(Protocol):
    """Something in front of the window. It knows whether it is open."""

    def draw(self, app: ViewerApp) -> None:
        """Draw if it is open."""


class Window:
    """Connects the app's state with the panels and the window library.

    Args:
        app: the state.
        size: first width and height of the window.
        keep_layout: whether the layout is read from and saved to the user's config folder.
        simulated: whether a test drives the window. Then keys come from ImGui, and file dialogs are the viewer's own.
    """

    def __init__(
        self, app: ViewerApp, size: tuple[int, int] = (1280, 800), keep_layout: bool = True, simulated: bool = False
    ) -> None:
        self.app = app
        self.actions = ActionRunner(app)
        self.view = ViewPanel(self.actions)
        self.maps = MapsPanel()
        self.timeline = TimelinePanel(self.actions)
        self.panels: list[tuple[Panel, str]] = [
            (self.view, "MainDockSpace"),
            (self.timeline, "Bottom"),
            (PathPanel(self.actions), "Bottom"),
            (ImagePanel(self.actions), "Right"),
            (CameraPanel(self.actions), "Right"),
            (self.maps, "Right"),
            (InfoPanel(), "Right"),
            (StatisticsPanel(self.actions), "RightBottom"),
            (SpeedPanel(), "RightBottom"),
            (ComparePanel(), "RightBottom"),
        ]
        self.dialogs: list[Dialog] = [
            Palette(self.actions),
            ShortcutSheet(),
            AboutDialog(),
            SettingsDialog(),
            RecordingDialog(self.actions),
            ExportDialog(),
            Prompts(native=not simulated),
            JobsOverlay(),
            ErrorDialog(),
        ]
        self._errors = ErrorBoundary(app.messages, error_log_path())
        self._keyboard = Keyboard(physical=not simulated)
        self._capture = WindowCapture(app)
        self._panel_sizes = PanelSizes()
        self._scale = MonitorScale()
        self._title = WindowTitle()
        self._theme: tuple[str, float] | None = None
        self._full_screen = False
        self._fly_direction = (0.0, 0.0, 0.0)
        self._before_full_screen: Place | None = None
        self._last_update = self._last_motion = clock.perf_counter()
        self.params = self._runner_params(size, keep_layout)

    def run(self) -> None:
        """Show the window until it is closed."""
        import glfw  # noqa: PLC0415 - after imgui_bundle, whose libglfw it must share

        immapp.manual_render.setup_from_runner_params(self.params, immapp.AddOnsParams())
        self.app.redraw.wake = glfw.post_empty_event
        try:
            while not self.params.app_shall_exit:
                while self.app.sleeps:
                    self.sleep(glfw.wait_events_timeout, imgui.get_io().want_text_input)
                immapp.manual_render.render()
        finally:
            self.app.redraw.wake = lambda: None
            immapp.manual_render.tear_down()

    def sleep(self, wait: Callable[[float], None], typing: bool = False) -> None:
        """Wait for an event. If none comes, draw nothing unless a file changed.

        Args:
            wait: waits for this many seconds, or until an event comes.
            typing: whether a text cursor blinks.
        """
        longest, began = SLEEP_TYPING if typing else SLEEP, clock.perf_counter()
        wait(longest)
        self._last_update = clock.perf_counter()
        nothing_came = 0.99 < (self._last_update - began) / longest < 1.05  # otherwise an event may have woken it
        if typing or not nothing_came or input_waits():
            self.app.redraw.request(3)
        else:
            with self._errors.working("The viewer"):
                self.app.documents.reload_changed()

    # Set-up

    def _runner_params(self, size: tuple[int, int], keep_layout: bool) -> hello_imgui.RunnerParams:
        params = hello_imgui.RunnerParams()
        if keep_layout:  # the window library does not create the folder
            with contextlib.suppress(OSError):
                layout_path().parent.mkdir(parents=True, exist_ok=True)
        params.app_window_params.window_title = PROGRAM
        params.app_window_params.window_geometry.size = size
        params.app_window_params.restore_previous_geometry = keep_layout
        window = params.imgui_window_params
        window.default_imgui_window_type = hello_imgui.DefaultImGuiWindowType.provide_full_screen_dock_space
        window.show_menu_bar, window.show_menu_app = True, False
        window.show_menu_view = False
        window.show_status_bar, window.show_status_fps = True, False
        window.remember_theme = False
        params.renderer_backend_options.open_gl_options = hello_imgui.OpenGlOptions("330", 3, 3, True, True, 0)
        params.fps_idling.enable_idling = False
        params.ini_disable = not keep_layout
        params.ini_folder_type = hello_imgui.IniFolderType.absolute_path
        params.ini_filename = str(layout_path()) if keep_layout else ""
        params.docking_params = self._docking(size)
        self._set_callbacks(params.callbacks)
        return params

    def _set_callbacks(self, callbacks: hello_imgui.RunnerCallbacks) -> None:
        callbacks.default_icon_font = hello_imgui.DefaultIconFont.font_awesome6
        callbacks.post_init_add_platform_backend_callbacks = self._listen
        callbacks.post_init = self._start
        callbacks.pre_new_frame = self._update
        callbacks.show_menus = self._draw_menus
        callbacks.show_status = self._draw_status
        callbacks.show_gui = self._draw_front
        callbacks.before_swap = self._take_pictures
        callbacks.before_exit = self._stop

    def _docking(self, size: tuple[int, int]) -> hello_imgui.DockingParams:
        docking = hello_imgui.DockingParams()
        docking.docking_splits = first_splits(size, self.app.settings.window.ui_scale)
        docking.dockable_windows = [self._dockable(panel, space) for panel, space in self.panels]
        return docking

    def _dockable(self, panel: Panel, space: str) -> hello_imgui.DockableWindow:
        window = hello_imgui.DockableWindow(panel.title, space, lambda: self._draw_panel(panel))
        window.can_be_closed = False  # the menu Window hides panels; tabs have more room without a cross
        if panel is self.view:
            window.imgui_window_flags = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse
        return window

    def _start(self) -> None:
        context = gl.create_context()
        self.view.open(self.app, context)
        if not self.params.ini_disable:
            self._panel_sizes.load()
        self.maps.textures = gl.ImageTextures(context)
        self._capture.presenter = self.view.presenter
        imgui_context: Any = (
            imgui.get_current_context()
        )  # its own Ctrl+Tab would conflict with the tabs; F6 goes through the panels
        imgui_context.config_nav_windowing_key_next = imgui_context.config_nav_windowing_key_prev = 0
        self.app.window.read_clipboard, self.app.window.write_clipboard = imgui.get_clipboard_text, imgui.set_clipboard_text

    def _listen(self) -> None:
        import glfw  # noqa: PLC0415 - after imgui_bundle
        from imgui_bundle import glfw_utils  # noqa: PLC0415 - needs glfw

        window: Any = glfw_utils.glfw_window_hello_imgui()
        self._on_drop: Any = lambda _, paths: self.drop(paths)
        set_drop_callback: Any = glfw.set_drop_callback  # its annotation names a wrong signature
        set_drop_callback(window, self._on_drop)
        self._keyboard.modifiers.listen(window)

    def drop(self, paths: list[str]) -> None:
        """Open files that were dropped on the window: bundles, camera paths, screenshots that contain a camera."""
        from viewer.app.drop import take_dropped  # noqa: PLC0415 - rarely needed

        for path in paths:
            with self._errors.working("Dropped files"):
                take_dropped(self.app, path)

    # Every frame

    def _update(self) -> None:
        with self._errors.working("The viewer"):
            self._advance()

    def _advance(self) -> None:
        now = clock.perf_counter()
        seconds, self._last_update = now - self._last_update, now
        if seconds < 0.5:
            self.app.statistics.window_ms.append(seconds * 1000)
        self._stay_awake(now)
        self._apply_settings()
        self.app.update(seconds, self._fly_direction)
        self._title.follow(self.app.document)

    def _stay_awake(self, now: float) -> None:
        # ImGui processes quick events one per frame: events of a fast click may wait although no new ones come.
        if input_waits():
            self.app.redraw.request(3)
        # A tooltip appears a moment after the mouse has stopped, when no event wakes the window any more.
        io = imgui.get_io()
        if io.mouse_delta.x or io.mouse_delta.y:
            self._last_motion = now
        if now - self._last_motion < TOOLTIP and io.want_capture_mouse:
            self.app.redraw.request(1)

    def _apply_settings(self) -> None:
        chosen = self.app.settings.window
        self._apply_theme(chosen.theme, chosen.ui_scale * self._scale.since_start(imgui.get_main_viewport().dpi_scale))
        imgui.get_style().hover_stationary_delay = 0.15 if chosen.show_tooltips else 1e9
        self.params.fps_idling.vsync_to_monitor = chosen.vsync
        self.params.imgui_window_params.show_menu_bar = not self.app.window.hide_interface
        self.params.imgui_window_params.show_status_bar = not self.app.window.hide_interface
        for request in self.app.window.take_requests():
            self._carry_out(request)
        if self._full_screen != self.app.window.full_screen:
            self._full_screen = self.app.window.full_screen
            self._before_full_screen = set_full_screen(self._full_screen, self._before_full_screen)

    def _carry_out(self, request: WindowRequest) -> None:
        if request is WindowCommand.QUIT:
            self.params.app_shall_exit = True
        elif request is WindowCommand.RESET_LAYOUT:
            shown = imgui.get_io().display_size
            self.params.docking_params.docking_splits = first_splits((int(shown.x), int(shown.y)), text_scale())
            self.params.docking_params.layout_reset = True
        elif isinstance(request, FocusPanel):
            self._focus(request.title)
        elif isinstance(request, NameMarker):
            self._focus(self.timeline.title)
            self.timeline.name_marker(request.frame)

    def _focus(self, title: str) -> None:
        self.params.docking_params.focus_dockable_window(title)
        self.app.window.panel = title

    def _apply_theme(self, theme: str, scale: float) -> None:
        if self._theme != (theme, scale):
            self._theme = (theme, scale)
            apply_theme(theme, scale)
            # Areas that no window covers, such as the corners of the status bar, have the color of the bars.
            self.params.imgui_window_params.background_color = imgui.get_style_color_vec4(imgui.Col_.menu_bar_bg)
            self.app.redraw.request()
        if self._panel_sizes.follow(panel.title for panel, _ in self.panels):
            self.app.redraw.request()

    def _draw_panel(self, panel: Panel) -> None:
        if self.app.window.hide_interface and panel is self.view:
            return
        with self._errors.drawing(panel.title):
            panel.draw(self.app)

    def _draw_menus(self) -> None:
        with self._errors.drawing("Menus"):
            draw_menus(self.app, self.actions, self.params.docking_params.dockable_windows)

    def _draw_status(self) -> None:
        with self._errors.drawing("Status bar"):
            draw_status(self.app)

    def _draw_front(self) -> None:
        with self._errors.drawing("Keyboard"):
            self._take_keys()
        if self.app.window.hide_interface:
            with self._errors.drawing(self.view.title):
                self._draw_view_alone()
        for dialog in self.dialogs:
            with self._errors.drawing(type(dialog).__name__):
                dialog.draw(self.app)

    def _take_keys(self) -> None:
        for action in self._keyboard.pressed():
            self.actions.run(action.name)
        self._fly_direction = self._keyboard.fly_direction()

    def _take_pictures(self) -> None:
        with self._errors.working("Screenshots and recordings"):
            self._capture.after_drawing()

    def _draw_view_alone(self) -> None:
        viewport = imgui.get_main_viewport()
        imgui.set_next_window_pos(viewport.pos)
        imgui.set_next_window_size(viewport.size)
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_docking | imgui.WindowFlags_.no_saved_settings
        imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(0, 0))
        imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
        imgui.begin("View alone", None, flags | imgui.WindowFlags_.no_move)
        imgui.pop_style_var(2)
        self.view.draw(self.app)
        draw_message(self.app)
        imgui.end()

    def _stop(self) -> None:
        if not self.params.ini_disable:
            self._panel_sizes.save()
        self.maps.close()
        self.view.close(self.app)
        if self.maps.textures is not None:
            self.maps.textures.release()
        self.maps.textures = None


def input_waits() -> bool:
    """Return whether ImGui has input that it has not processed yet."""
    context: Any = imgui.get_current_context()
    return context is not None and len(context.input_events_queue) > 0


def set_full_screen(full: bool, before: Place | None) -> Place | None:
    """Fill the screen with the window, or make it a window again.

    Args:
        full: whether to fill the screen.
        before: the window's place before it filled the screen.

    Returns:
        The window's place, if it fills the screen now.
    """
    import glfw  # noqa: PLC0415 - after imgui_bundle
    from imgui_bundle import glfw_utils  # noqa: PLC0415 - needs glfw

    window: Any = glfw_utils.glfw_window_hello_imgui()
    no_monitor: Any = None
    monitor = glfw.get_primary_monitor()
    if not monitor:
        return before
    if full:
        place = (*glfw.get_window_pos(window), *glfw.get_window_size(window))
        mode = glfw.get_video_mode(monitor)
        glfw.set_window_monitor(window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
        return place
    if before is not None:
        glfw.set_window_monitor(window, no_monitor, *before, 0)
    return None
