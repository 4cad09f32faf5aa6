"""The inspector: the sections next to the picture. Closed sections compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from imgui_bundle import ImVec2, imgui

from viewer.app.app import ViewerApp
from viewer.settings import WindowSettings
from viewer.widgets.controls import em, faded, tooltip
from viewer.window.error_boundary import ErrorBoundary

EDGE = 0.5
"""Width of the edge that the mouse drags, text heights."""

NARROWEST, WIDEST = 12.0, 60.0
"""Bounds of the inspector's width, text heights."""

MAX_SHARE = 0.42
"""Maximum share of the window's width."""

NARROW_SHARE = 0.7
"""The same in a window where the inspector would be narrower than `NARROWEST` otherwise."""


class Panel(Protocol):
    """A part of the window."""

    title: str
    """Its title, by which it is focused."""

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""


class Inspector:
    """Draws the sections and opens them on request.

    Args:
        sections: from top to bottom.
        errors: catches the exceptions of a section, so that the others are drawn.
    """

    def __init__(self, sections: Sequence[Panel], errors: ErrorBoundary) -> None:
        self.sections = sections
        self._errors = errors
        self._focused, self._frames = "", 0

    def focus(self, title: str) -> None:
        """Scroll to a section and give it the keyboard focus; it is open already."""
        self._focused, self._frames = title, 3  # the height of a section that has just opened is known one frame later

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        self._draw_edge(app)
        self._frames -= 1
        for section in self.sections:
            self._draw_section(app, section)

    def _draw_section(self, app: ViewerApp, section: Panel) -> None:
        opened = section.title in app.settings.window.sections
        imgui.set_next_item_open(opened)
        if self._frames >= 0 and section.title == self._focused:
            imgui.set_scroll_here_y(0.0)
            if self._frames == 2:
                imgui.set_keyboard_focus_here()
            app.redraw.request(1)
        imgui.push_style_color(imgui.Col_.header, faded(imgui.Col_.border, 0.45))
        shown = imgui.collapsing_header(f"{section.title}###section {section.title}")
        imgui.pop_style_color()
        tooltip("Open or close this section.")
        if shown != opened:
            app.settings.window.show_section(section.title, shown)
        if not shown:
            return
        imgui.push_id(section.title)
        with self._errors.drawing(section.title):
            section.draw(app)
        imgui.pop_id()
        imgui.dummy(ImVec2(0, em(0.2)))

    def _draw_edge(self, app: ViewerApp) -> None:
        window, start = app.settings.window, imgui.get_cursor_pos()
        imgui.set_cursor_screen_pos(imgui.get_window_pos())
        imgui.invisible_button("###edge", ImVec2(em(EDGE), imgui.get_window_height()))
        tooltip("Drag to change the width of the inspector.")
        if imgui.is_item_hovered() or imgui.is_item_active():
            imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
        if imgui.is_item_active():
            right, room = imgui.get_window_pos().x + imgui.get_window_width(), imgui.get_main_viewport().size.x
            wanted = min(right - imgui.get_mouse_pos().x, _widest(room)) / em()
            window.inspector_width = min(max(wanted, NARROWEST), WIDEST)
        imgui.set_cursor_pos(start)


def inspector_width(window: WindowSettings, room: float) -> float:
    """Return the width of the inspector in pixels in a window of width `room`; 0 if the layout has none."""
    return round(min(em(window.inspector_width), _widest(room))) if window.inspector_shown else 0.0


def _widest(room: float) -> float:
    return max(MAX_SHARE * room, min(em(NARROWEST), NARROW_SHARE * room))
