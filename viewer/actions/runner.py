"""What each action of the table does to the app."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from common.errors import InputError
from viewer import DEMO
from viewer.actions.path import PathActions
from viewer.actions.table import BY_NAME, SIDES
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.window_state import PANELS
from viewer.camera.control import nearest_camera
from viewer.picture.comparison import Comparison
from viewer.playback.clock import LoopMode
from viewer.settings import DISPLAY_MODES, THEMES

SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Stops of "faster" and "slower"."""

UI_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
"""Stops of "larger" and "smaller" interface."""


class ActionRunner:
    """Runs actions by name, those whose condition holds.

    Args:
        app: what they act on.
    """

    def __init__(self, app: ViewerApp) -> None:
        self.app = app
        self._functions: dict[str, Callable[[], object]] = {
            **self._file(),
            **self._playback(),
            **self._camera(),
            **PathActions(app).functions(),
            **self._view(),
            **self._window(),
            **self._help(),
        }

    @property
    def names(self) -> set[str]:
        """Actions that can be run."""
        return set(self._functions)

    def run(self, name: str) -> None:
        """Do it if it can be done, else say why not; a fault of the user's input becomes a dialog."""
        if fault := self.unavailable_reason(name):
            self.app.say(fault)
            return
        try:
            self._functions[name]()
        except InputError as error:
            self.app.report(error, cannot_run(name))
        self.app.redraw()

    def unavailable_reason(self, name: str) -> str:
        """Why an action cannot be run now; empty when it can."""
        return BY_NAME[name].enabled.unavailable_reason(self.app)

    @property
    def _document(self) -> Document:
        assert self.app.document is not None
        return self.app.document

    def _dialog(self, name: str) -> Callable[[], object]:
        return lambda: self.app.dialogs.add(name)

    # Files

    def _file(self) -> dict[str, Callable[[], object]]:
        app = self.app
        return {
            "file.open": self._dialog("open"),
            "file.open_url": self._dialog("url"),
            "file.open_demo": lambda: app.open(DEMO),
            "file.reload": lambda: app.reload(self._document),
            "file.close": lambda: app.close_document(app.active_index),
            "file.next_tab": lambda: app.show_document(app.active_index + 1),
            "file.previous_tab": lambda: app.show_document(app.active_index - 1),
            "file.screenshot": app.ask_screenshot,
            "file.record_screen": app.toggle_screen_recording,
            "file.render_path": self._dialog("recording"),
            "file.export_mesh": self._dialog("export_mesh"),
            "file.export_points": self._dialog("export_points"),
            "file.quit": lambda: setattr(app, "quit_asked", True),
        }

    # Playback

    def _playback(self) -> dict[str, Callable[[], object]]:
        def clock(function: str, *arguments: object) -> Callable[[], object]:
            return lambda: getattr(self._document.playback, function)(*arguments)

        return {
            "playback.toggle": self._toggle_playback,
            "playback.next": clock("step", 1),
            "playback.previous": clock("step", -1),
            "playback.skip": clock("step", 10),
            "playback.skip_back": clock("step", -10),
            "playback.start": lambda: self._go_to(self._document.playback.in_point),
            "playback.end": lambda: self._go_to(self._document.playback.out_point),
            "playback.reverse": lambda: setattr(self._document.playback, "reverse", not self._document.playback.reverse),
            "playback.loop": self._next_loop_mode,
            "playback.faster": lambda: self._set_speed(next_stop(SPEEDS, self._document.playback.speed, 1)),
            "playback.slower": lambda: self._set_speed(next_stop(SPEEDS, self._document.playback.speed, -1)),
            "playback.normal_speed": lambda: self._set_speed(1.0),
            "playback.sub_frame": self._toggle_sub_frame,
            "playback.in": clock("set_in_point"),
            "playback.out": clock("set_out_point"),
            "playback.clear_range": clock("clear_range"),
            "playback.marker": clock("toggle_marker"),
            "playback.name_marker": self._name_marker,
            "playback.next_marker": clock("seek_marker", 1),
            "playback.previous_marker": clock("seek_marker", -1),
        }

    def _toggle_playback(self) -> None:
        self._document.previewing = False
        self._document.playback.toggle()

    def _name_marker(self) -> None:
        clock = self._document.playback
        if clock.frame not in clock.markers:
            clock.toggle_marker()
        clock.pause()
        self.app.marker_to_name, self.app.focus_panel = clock.frame, "Timeline"

    def _go_to(self, frame: int) -> None:
        self._document.playback.pause()
        self._document.playback.seek(frame)

    def _next_loop_mode(self) -> None:
        modes = list(LoopMode)
        clock = self._document.playback
        clock.mode = modes[(modes.index(clock.mode) + 1) % len(modes)]
        self.app.settings.playback.mode = clock.mode.value
        self.app.say(f"At the end: {clock.mode.value}")

    def _set_speed(self, speed: float) -> None:
        self._document.playback.speed = self.app.settings.playback.speed = speed
        self.app.say(f"Speed {speed:g}x")

    def _toggle_sub_frame(self) -> None:
        clock = self._document.playback
        flip(clock, "sub_frame")
        if not clock.sub_frame and not clock.playing:
            clock.seek(clock.time)
        self.app.settings.playback.sub_frame = clock.sub_frame
        self.app.say("Slow motion shows instants between frames" if clock.sub_frame else "Whole frames only")

    # Camera

    def _camera(self) -> dict[str, Callable[[], object]]:
        def camera(function: str) -> Callable[[], object]:
            return lambda: self._moved(getattr(self._document.camera, function))

        return {
            "camera.focus": self._focus,
            "camera.fit": lambda: self._moved(lambda: self._document.camera.fit(*self.app.view_size)),
            "camera.level": camera("level"),
            "camera.roll_lock": self._toggle_roll_lock,
            "camera.undo": camera("undo"),
            "camera.redo": camera("redo"),
            "camera.copy": self._copy_camera,
            "camera.paste": lambda: self._moved(lambda: self._document.camera.from_json(self.app.clipboard())),
            "camera.next": partial(self._next_camera, 1),
            "camera.previous": partial(self._next_camera, -1),
            **{f"camera.snap_{n}": partial(self.snap_to, n - 1) for n in range(1, 10)},
            **{f"camera.from_{side}": partial(self.view_from, n // 2, 1 - n % 2 * 2) for n, side in enumerate(SIDES)},
        }

    def _moved(self, move: Callable[[], object]) -> None:
        self._document.previewing = False
        move()
        self.app.note_motion()

    def _focus(self) -> None:
        """Make the point under the cursor, or in the middle of the view, the one to turn around."""
        shown = self._document.shown
        if shown is None or shown.image is None:
            return
        depth = shown.image.depth
        width, height = self.app.view_size
        x, y = self.app.cursor or (width / 2, height / 2)
        row, column = int(y / height * depth.shape[0]), int(x / width * depth.shape[1])
        meters = float(depth[min(max(row, 0), depth.shape[0] - 1), min(max(column, 0), depth.shape[1] - 1)])
        if meters <= 0:
            self.app.say("There is nothing under the cursor to focus on")
            return
        camera = self._document.camera
        self._moved(lambda: camera.focus(shown.request.camera.unproject((x, y), meters)))

    def _toggle_roll_lock(self) -> None:
        camera = self._document.camera
        flip(camera, "roll_locked")
        self.app.settings.navigation.roll_locked = camera.roll_locked
        self.app.say("The horizon stays level" if camera.roll_locked else "The camera tumbles freely")

    def _copy_camera(self) -> None:
        self.app.set_clipboard(self._document.camera.to_json(*self.app.view_size))
        self.app.say("Camera copied as JSON")

    def _next_camera(self, step: int) -> None:
        cameras = self._document.video.metadata.cameras
        current = self._document.capture_camera
        if current is None:
            self.snap_to(nearest_camera(cameras, self._document.camera.state.eye))
        else:
            self.snap_to((current + step) % len(cameras))

    def snap_to(self, index: int) -> None:
        """Stand where a capture camera stood."""
        cameras = self._document.video.metadata.cameras
        self._document.capture_camera = index
        self._moved(lambda: self._document.camera.snap_to(cameras[index]))
        self.app.say(f"Capture camera {index + 1} of {len(cameras)}")

    def view_from(self, axis: int, sign: int) -> None:
        """Look at the scene from the positive (`sign` 1) or negative (-1) end of a world axis, 0 to 2."""
        self._moved(lambda: self._document.camera.look_along(-sign * np.eye(3)[axis]))

    # View

    def _view(self) -> dict[str, Callable[[], object]]:
        view = self.app.settings.view
        return {
            **{f"view.{mode}": partial(setattr, view, "mode", mode) for mode in DISPLAY_MODES},
            "view.box": lambda: flip(view, "show_box"),
            "view.cells": lambda: flip(view, "show_cells"),
            "view.cameras": lambda: flip(view, "show_cameras"),
            "view.path": lambda: flip(view, "show_path"),
            "view.axes": lambda: flip(view, "show_axes"),
            "view.grid": lambda: flip(view, "show_grid"),
            "view.split": partial(self._toggle_comparison, Comparison.DIVIDER),
            "view.difference": partial(self._toggle_comparison, Comparison.DIFFERENCE),
        }

    def _toggle_comparison(self, mode: Comparison) -> None:
        compare = self.app.compare
        compare.mode = Comparison.NONE if compare.mode is mode else mode
        if compare.mode is not Comparison.NONE and compare.feed is None:
            self.app.say("Choose what to compare with in the panel Compare")
            self.app.focus_panel = "Compare"

    # Window

    def _window(self) -> dict[str, Callable[[], object]]:
        app = self.app
        return {
            "window.fullscreen": lambda: flip(app, "full_screen"),
            "window.hide_ui": self._hide_interface,
            "window.settings": self._dialog("settings"),
            "window.next_panel": partial(self._next_panel, 1),
            "window.previous_panel": partial(self._next_panel, -1),
            "window.theme": self._next_theme,
            "window.reset_layout": lambda: setattr(app, "layout_reset_asked", True),
            "window.larger": partial(self._scale_ui, 1),
            "window.smaller": partial(self._scale_ui, -1),
            "window.copy_figures": self._copy_figures,
        }

    def _help(self) -> dict[str, Callable[[], object]]:
        return {
            "help.shortcuts": lambda: self.app.dialogs.symmetric_difference_update({"shortcuts"}),
            "help.palette": self._dialog("palette"),
            "help.about": self._dialog("about"),
        }

    def _hide_interface(self) -> None:
        flip(self.app, "hide_ui")
        key = BY_NAME["window.hide_ui"].shortcut()
        self.app.say(f"{key} shows the interface again" if self.app.hide_ui else "")

    def _next_panel(self, step: int) -> None:
        self.app.focus_panel = PANELS[(PANELS.index(self.app.panel) + step) % len(PANELS)]

    def _next_theme(self) -> None:
        window = self.app.settings.window
        window.theme = THEMES[(THEMES.index(window.theme) + 1) % len(THEMES)]

    def _scale_ui(self, step: int) -> None:
        window = self.app.settings.window
        window.ui_scale = next_stop(UI_SCALES, window.ui_scale, step)
        self.app.say(f"Interface at {window.ui_scale:.0%}")

    def _copy_figures(self) -> None:
        self.app.set_clipboard(self.app.figures.text(self.app.document, self.app.renderer))
        self.app.say("Figures copied")


def flip(target: object, name: str) -> None:
    """Invert a boolean attribute."""
    setattr(target, name, not getattr(target, name))


def next_stop(stops: tuple[float, ...], value: float, step: int) -> float:
    """The next (`step` 1) or previous (-1) stop beyond a value; the outermost one at the ends."""
    beyond = [s for s in stops if (s - value) * step > 1e-9]
    return (min if step > 0 else max)(beyond) if beyond else (stops[-1] if step > 0 else stops[0])


def cannot_run(action: str) -> str:
    """The title of an action that failed, from its name."""
    label = BY_NAME[action].label.removesuffix("...")
    return f"Cannot {label[:1].lower()}{label[1:]}"
