"""The view gizmo: the world's axes in a corner of the view; a click looks along one of them."""

from __future__ import annotations

import numpy as np
from imgui_bundle import ImVec2, imgui

from viewer.app import ViewerApp
from viewer.app_document import Document
from viewer.panels.overlays import AXIS_COLORS
from viewer.panels.widgets import em, theme_color

NAMES = ("X", "Y", "Z")


def draw_gizmo(app: ViewerApp, document: Document, corner: ImVec2, width: int) -> None:
    """Draw into the upper right corner of the view that begins at `corner`; the ends of the axes are buttons."""
    radius = em(2.6)
    center = ImVec2(corner.x + width - radius - em(1.2), corner.y + radius + em(1.2))
    rotation = document.camera.state.rotation
    draw = imgui.get_window_draw_list()
    ends = [(sign * rotation[:, axis], axis, sign) for axis in range(3) for sign in (1, -1)]
    for end, axis, sign in sorted(ends, key=lambda entry: -entry[0][2]):  # far ends first
        place = ImVec2(center.x + radius * float(end[0]), center.y + radius * float(end[1]))
        color = AXIS_COLORS[axis]
        size = em(0.62)
        imgui.set_cursor_screen_pos(ImVec2(place.x - size, place.y - size))
        name = f"{'-' if sign < 0 else '+'}{NAMES[axis]}"
        pressed = imgui.invisible_button(f"###gizmo{name}", ImVec2(2 * size, 2 * size))
        hovered = imgui.is_item_hovered()
        if sign > 0:
            draw.add_line(center, place, color, 2.0)
            draw.add_circle_filled(place, size, color)
            text = imgui.calc_text_size(NAMES[axis])
            draw.add_text(ImVec2(place.x - text.x / 2, place.y - text.y / 2), 0xFF101010, NAMES[axis])
        else:
            draw.add_circle_filled(place, size * 0.8, (color & 0x00FFFFFF) | 0x60000000)
            draw.add_circle(place, size * 0.8, color)
        if hovered:
            draw.add_circle(place, size * 1.2, theme_color(imgui.Col_.text))
            imgui.set_tooltip(f"Look at the scene from {name}")
        if pressed:
            document.camera.look_along(-sign * np.eye(3)[axis])
            document.previewing = False
            app.note_motion()
