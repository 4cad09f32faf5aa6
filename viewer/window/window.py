"""The window: main loop, layout, and waiting for events."""

from __future__ import annotations

import contextlib
import time as clock
from collections.abc import Callable
from typing import Any, Protocol

from imgui_bundle import hello_imgui, imgui, immapp

from common.interrupts import Interrupt, collected_signals
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.pacing import SLEEP
from viewer.app.window_state import FocusPanel, NameMarker, WindowCommand, WindowRequest
from viewer.dialogs.about import AboutDialog
from viewer.dialogs.cameras import CamerasDialog
from viewer.dialogs.closing import ClosingDialog
from viewer.dialogs.damage import DamageDialog
from viewer.dialogs.errors import ErrorDialog
from viewer.dialogs.export import ExportDialog
from viewer.dialogs.hints import Hints
from viewer.dialogs.jobs import JobsOverlay
from viewer.dialogs.palette import Palette
from viewer.dialogs.prompts import Prompts
from viewer.dialogs.recording import RecordingDialog
from viewer.dialogs.recovery import RecoveryDialog
from viewer.dialogs.settings import SettingsDialog
from viewer.dialogs.shortcuts import ShortcutSheet
from viewer.gl import context as gl
from viewer.panels.camera import CameraPanel
from viewer.panels.compare import ComparePanel
from viewer.panels.image import ImagePanel
from viewer.panels.info import InfoPanel
from viewer.panels.maps import MapsPanel
from viewer.panels.menus import draw_menus, draw_message
from viewer.panels.path_editor import PathPanel
from viewer.panels.path_track import PathTrack
from viewer.panels.scene import ScenePanel
from viewer.panels.speed import SpeedPanel
from viewer.panels.statistics import StatisticsPanel
from viewer.panels.status import StatusBar
from viewer.panels.timeline import TimelinePanel, timeline_height
from viewer.panels.toolbar import Toolbar
from viewer.panels.training import TrainingPanel
from viewer.panels.view import ViewSection
from viewer.view.panel import ViewPanel
from viewer.window.capture import WindowCapture
from viewer.window.error_boundary import ErrorBoundary, error_log_path
from viewer.window.full_screen import Geometry, set_full_screen
from viewer.window.inspector import Inspector, Panel, inspector_width
from viewer.window.keys import Keyboard
from viewer.window.layout import Place, Places, divide
from viewer.window.parameters import runner_parameters
from viewer.window.parts import FIXED, PICTURE, SCROLLING, THIN, PartStyle, begin_part, thin_height
from viewer.window.theme import MonitorScale, apply_theme
from viewer.window.title import WindowTitle

SLEEP_TYPING = 0.4
"""Longest sleep while a text cursor blinks, seconds."""

TOOLTIP = 0.6
"""Seconds that the window stays awake after the mouse has moved, for tooltips."""

INSPECTOR = "Inspector"
"""Title of the inspector."""


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
        self.maps, self.training = MapsPanel(), TrainingPanel()
        path_track = PathTrack()
        self.timeline = TimelinePanel(self.actions, path_track)
        self.sections: list[Panel] = [
            ViewSection(self.actions),
            ImagePanel(),
            ScenePanel(self.actions),
            CameraPanel(self.actions),
            PathPanel(self.actions, path_track),
            SpeedPanel(),
            ComparePanel(),
            StatisticsPanel(self.actions),
            self.maps,
            InfoPanel(),
            self.training,
        ]
        app.window.sections = tuple(section.title for section in self.sections)
        self.dialogs: list[Dialog] = [
            Palette(self.actions),
            ShortcutSheet(),
            AboutDialog(),
            CamerasDialog(),
            SettingsDialog(),
            RecordingDialog(self.actions),
            ExportDialog(),
            Prompts(native=not simulated),
            Hints(),
            RecoveryDialog(),
            DamageDialog(),
            JobsOverlay(),
            ClosingDialog(),
            ErrorDialog(),
        ]
        self._errors = ErrorBoundary(app.messages, error_log_path())
        self._inspector = Inspector(self.sections, self._errors)
        self._toolbar = Toolbar(self.actions)
        self._status = StatusBar()
        self._focused = ""  # title of the part that gets the keyboard focus next
        self._keyboard = Keyboard(physical=not simulated)
        self._capture = WindowCapture(app)
        self._scale = MonitorScale()
        self._title = WindowTitle()
        self._theme: tuple[str, float] | None = None
        self._full_screen = False
        self._fly_direction = (0.0, 0.0, 0.0)
        self._before_full_screen: Geometry | None = None
        self._last_update = self._last_motion = clock.perf_counter()
        self.params = runner_parameters(size, keep_layout)
        self._set_callbacks(self.params.callbacks)

    def run(self) -> None:
        """Show the window until it is closed."""
        import glfw  # noqa: PLC0415 - after imgui_bundle, whose libglfw it must share
        from imgui_bundle.glfw_utils import glfw_window_hello_imgui  # noqa: PLC0415 - needs glfw

        if glfw.init():  # otherwise the window library reports why; it keeps these hints
            glfw.window_hint(glfw.DEPTH_BITS, 0)  # nothing here needs depth, and software OpenGL is slower with it
            glfw.window_hint(glfw.STENCIL_BITS, 0)
        immapp.manual_render.setup_from_runner_params(self.params, immapp.AddOnsParams())
        self.app.redraw.wake = glfw.post_empty_event
        try:
            with collected_signals(glfw.post_empty_event) as signals:  # raised in a frame, they would leave it incomplete
                while not signals and not self.ends(lambda: glfw.set_window_should_close(glfw_window_hello_imgui(), False)):
                    self.wait_for_work(glfw.wait_events_timeout)
                    immapp.manual_render.render()
        except BaseException:
            with contextlib.suppress(RuntimeError):  # the window library complains about an incomplete frame
                self._tear_down()
            raise
        self._tear_down()
        if signals:
            raise Interrupt(number=signals[0])

    def _tear_down(self) -> None:
        self.app.redraw.wake = lambda: None
        immapp.manual_render.tear_down()

    def ends(self, keep_open: Callable[[], None]) -> bool:
        """Return whether the window closes now. While work is under way, it stays open and a dialog shows the progress.

        Args:
            keep_open: makes the window library forget that the user wants to close the window.
        """
        if self.params.app_shall_exit and not self.app.closing.request():
            self.params.app_shall_exit = False
            keep_open()
            self.app.redraw.request()
        return bool(self.params.app_shall_exit)

    def wait_for_work(self, wait: Callable[[float], None]) -> None:
        """Wait until something has to be drawn. Meanwhile the clock of a playing video continues.

        Args:
            wait: waits for this many seconds, or until an event comes.
        """
        while True:
            activity = self.app.activity
            if activity.update_due:
                self._update()
                if self.app.activity.update_due:
                    return  # the update failed: a frame shows the error, and the user can act
            elif activity.wait <= 0:
                return
            elif activity.moving:
                began = clock.perf_counter()
                wait(activity.wait)
                if clock.perf_counter() - began < 0.9 * activity.wait and not self.app.activity.image_waits:
                    self.app.redraw.request(1)  # an event came
            else:
                self.sleep(wait, imgui.get_io().want_text_input, activity.wait)

    def sleep(self, wait: Callable[[float], None], typing: bool = False, longest: float = SLEEP) -> None:
        """Wait for an event. If none comes, draw nothing unless a file changed.

        Args:
            wait: waits for this many seconds, or until an event comes.
            typing: whether a text cursor blinks.
            longest: longest wait, seconds. It is shorter while a text cursor blinks.
        """
        longest, began = min(longest, SLEEP_TYPING) if typing else longest, clock.perf_counter()
        wait(longest)
        self._last_update = clock.perf_counter()
        nothing_came = 0.99 < (self._last_update - began) / longest < 1.05  # otherwise an event may have woken it
        if typing or not nothing_came or input_waits():
            self.app.redraw.request(3)
        else:
            with self._errors.working("The viewer"):
                self.app.documents.reload_changed()
                self.app.workspaces.update()

    def _set_callbacks(self, callbacks: hello_imgui.RunnerCallbacks) -> None:
        callbacks.default_icon_font = hello_imgui.DefaultIconFont.font_awesome6
        callbacks.post_init_add_platform_backend_callbacks = self._listen
        callbacks.post_init = self._start
        callbacks.pre_new_frame = self._begin_frame
        callbacks.show_gui = self._draw
        callbacks.before_swap = self._take_pictures
        callbacks.before_exit = self._stop

    def _start(self) -> None:
        context = gl.create_context()
        self.view.open(self.app, context)
        self.maps.textures = gl.ImageTextures(context)
        self._capture.presenter = self.view.presenter
        # ImGui's own Ctrl+Tab would conflict with the tabs; F6 goes through the panels.
        imgui_context: Any = imgui.get_current_context()
        imgui_context.config_nav_windowing_key_next = imgui_context.config_nav_windowing_key_prev = 0
        self.app.window.read_clipboard, self.app.window.write_clipboard = imgui.get_clipboard_text, imgui.set_clipboard_text

    def _listen(self) -> None:
        import glfw  # noqa: PLC0415 - after imgui_bundle
        from imgui_bundle.glfw_utils import glfw_window_hello_imgui  # noqa: PLC0415 - needs glfw

        window: Any = glfw_window_hello_imgui()
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

    def _begin_frame(self) -> None:
        seconds = self.app.redraw.since_frame
        if seconds < 0.5:
            self.app.statistics.window_ms.append(seconds * 1000)
        self.app.redraw.begin_frame()
        self._update()

    def _update(self) -> None:
        with self._errors.working("The viewer"):
            self._advance()

    def _advance(self) -> None:
        now = clock.perf_counter()
        seconds, self._last_update = now - self._last_update, now
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
        for request in self.app.window.take_requests():
            self._carry_out(request)
        if self._full_screen != self.app.window.full_screen:
            self._full_screen = self.app.window.full_screen
            self._before_full_screen = set_full_screen(self._full_screen, self._before_full_screen)

    def _carry_out(self, request: WindowRequest) -> None:
        if request is WindowCommand.QUIT:
            self.params.app_shall_exit = True
        elif isinstance(request, FocusPanel):
            self._focus(request.title)
        elif isinstance(request, NameMarker):
            self._focus(self.timeline.title)
            self.timeline.name_marker(request.frame)

    def _focus(self, title: str) -> None:
        self.app.window.panel = self._focused = title
        if title not in (self.view.title, self.timeline.title):
            self.app.settings.window.show_section(title)
            self._inspector.focus(title)
            self._focused = INSPECTOR

    def _apply_theme(self, theme: str, scale: float) -> None:
        if self._theme != (theme, scale):
            self._theme = (theme, scale)
            apply_theme(theme, scale)
            # Areas that no window covers, such as the corners of the status bar, have the color of the bars.
            self.params.imgui_window_params.background_color = imgui.get_style_color_vec4(imgui.Col_.menu_bar_bg)
            self.app.redraw.request()

    def _draw(self) -> None:
        with self._errors.drawing("Keyboard"):
            self._take_keys()
        hidden = self.app.window.hide_interface
        if not hidden:
            with self._errors.drawing("Menus"):
                self._draw_menus()
        places = self._places(hidden)
        self._draw_part(self.view.title, places.picture, self._draw_picture, PICTURE)
        self._draw_part(self.timeline.title, places.timeline, lambda: self.timeline.draw(self.app, places.tracks))
        self._draw_part(INSPECTOR, places.inspector, lambda: self._inspector.draw(self.app), SCROLLING)
        self._draw_part("Status bar", places.status, lambda: self._status.draw(self.app), THIN)
        for dialog in self.dialogs:
            with self._errors.drawing(type(dialog).__name__):
                dialog.draw(self.app)

    def _places(self, hidden: bool) -> Places:
        """Return where everything is; `hidden` gives the picture the whole window."""
        viewport = imgui.get_main_viewport()
        whole = Place(viewport.pos.x, viewport.pos.y, viewport.size.x, viewport.size.y)
        if hidden:
            return divide(whole, 0.0, 0.0, (0.0, 0.0), 0.0)
        layout = self.app.settings.window
        tracks = 2 if layout.layout == "direct" else 1
        timelines = timeline_height(tracks), timeline_height(0)
        width = inspector_width(layout, whole.width)
        return divide(whole, imgui.get_frame_height(), width, timelines, thin_height())

    def _draw_part(self, title: str, place: Place, draw: Callable[[], None], style: PartStyle = FIXED) -> None:
        focused = self._focused == title
        if begin_part(title, place, style, focused):
            self._focused = "" if focused else self._focused
            with self._errors.drawing(title):
                draw()
            imgui.end()

    def _draw_picture(self) -> None:
        self.view.draw(self.app)
        if self.app.window.hide_interface:
            draw_message(self.app)

    def _draw_menus(self) -> None:
        if imgui.begin_main_menu_bar():
            draw_menus(self.app, self.actions)
            self._toolbar.draw()
            imgui.end_main_menu_bar()

    def _take_keys(self) -> None:
        for action in self._keyboard.pressed():
            self.actions.run(action.name)
        self._fly_direction = self._keyboard.fly_direction()

    def _take_pictures(self) -> None:
        with self._errors.working("Screenshots and recordings"):
            self._capture.after_drawing()

    def _stop(self) -> None:
        self.maps.close()
        self.training.close()
        self.view.close(self.app)
        if self.maps.textures is not None:
            self.maps.textures.release()
        self.maps.textures = None


def input_waits() -> bool:
    """Return whether ImGui has input that it has not processed yet."""
    context: Any = imgui.get_current_context()
    return context is not None and len(context.input_events_queue) > 0
