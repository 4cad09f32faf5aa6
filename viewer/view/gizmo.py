"""The view gizmo: the world's axes in a corner of the view. A click looks along one of them."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.actions.camera import SIDES, view_from
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.view.overlays import AXIS_COLORS
from viewer.widgets.controls import action_tip, em, theme_color

NAMES = ("X", "Y", "Z")

SPAN, MAX_SHARE = 7.6, 0.5
"""Width and height of the gizmo in text heights, and their maximum share of the view's."""

End = tuple[int, int, ImVec2]
"""Axis, sign, and position on the screen of one end of an axis."""


class Gizmo:
    """Sits in the upper right corner of the view; the ends of its axes are buttons."""

    def __init__(self) -> None:
        self._hovered: tuple[int, int] | None = None

    def handle(self, app: ViewerApp, document: Document, corner: ImVec2, width: int) -> None:
        """React to the mouse. Call it before the view: the first of several items at one place gets the mouse.

        Args:
            app: the state to change.
            document: whose camera it turns.
            corner: upper left of the view.
            width: width of the view, screen units.
        """
        self._hovered = None
        size = em(0.62)
        for axis, sign, place in reversed(self._ends(document, corner, width)):
            imgui.set_cursor_screen_pos(ImVec2(place.x - size, place.y - size))
            if imgui.invisible_button(f"###gizmo{'-' if sign < 0 else '+'}{NAMES[axis]}", ImVec2(2 * size, 2 * size)):
                view_from(app, axis, sign)
                app.redraw.request()
            if imgui.is_item_hovered():
                self._hovered = axis, sign
                imgui.set_tooltip(action_tip(f"camera.from_{SIDES[2 * axis + (sign < 0)][0]}"))
        imgui.set_cursor_screen_pos(corner)

    def draw(self, document: Document, corner: ImVec2, width: int) -> None:
        """Draw over the view whose upper left corner is `corner`."""
        draw, center, size = imgui.get_window_draw_list(), gizmo_center(corner, width), em(0.62)
        for axis, sign, place in self._ends(document, corner, width):
            color = AXIS_COLORS[axis]
            if sign > 0:
                draw.add_line(center, place, color, 2.0)
                draw.add_circle_filled(place, size, color)
                text = imgui.calc_text_size(NAMES[axis])
                draw.add_text(ImVec2(place.x - text.x / 2, place.y - text.y / 2), 0xFF101010, NAMES[axis])
            else:
                draw.add_circle_filled(place, size * 0.8, (color & 0x00FFFFFF) | 0x60000000)
                draw.add_circle(place, size * 0.8, color)
            if self._hovered == (axis, sign):
                draw.add_circle(place, size * 1.2, theme_color(imgui.Col_.text))

    def _ends(self, document: Document, corner: ImVec2, width: int) -> list[End]:
        """Return the ends of the axes, the farthest first."""
        radius, center = em(2.6), gizmo_center(corner, width)
        rotation = document.camera.state.rotation
        ends = [(sign * rotation[:, axis], axis, sign) for axis in range(3) for sign in (1, -1)]
        ends.sort(key=lambda end: -end[0][2])
        return [
            (axis, sign, ImVec2(center.x + radius * float(e[0]), center.y + radius * float(e[1]))) for e, axis, sign in ends
        ]


def gizmo_fits(width: float, height: float) -> bool:
    """Return whether a view of this size, screen units, has room for the gizmo."""
    return em(SPAN) <= MAX_SHARE * min(width, height)


def gizmo_center(corner: ImVec2, width: int) -> ImVec2:
    """Return where the axes meet on the screen, in a view whose upper left corner is `corner`."""
    return ImVec2(corner.x + width - em(SPAN / 2), corner.y + em(SPAN / 2))
