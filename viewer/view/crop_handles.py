"""Handles on the faces of the crop box of the selected video, which the mouse drags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from imgui_bundle import ImVec2, imgui

from model.scene import PlacedVideo
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.scene_edits import crop_of
from viewer.picture.placement_gizmo import along_axis, face_centers, with_face
from viewer.picture.wireframes import NEAR
from viewer.view.overlays import AXIS_COLORS
from viewer.widgets.controls import em, theme_color

RADIUS = 0.45
"""Radius of a handle, text heights."""

NAMES = ("x", "y", "z")


class CropHandles:
    """Six handles in the colors of their axes. Each moves its face along its axis."""

    def __init__(self) -> None:
        self._grabbed = 0.0  # distance of the mouse from the handle along the axis, meters
        self._hovered: tuple[int, int] | None = None

    def handle(self, app: ViewerApp, document: Document, corner: ImVec2, width: int) -> None:
        """React to the mouse. Call it before the view: the first of several items at one place gets the mouse."""
        self._hovered = None
        placed = document.placed[document.selected_video]
        for side, axis, place in self._handles(app, document, placed, corner, width):
            size = em(1.5 * RADIUS)
            imgui.set_cursor_screen_pos(ImVec2(place.x - size, place.y - size))
            imgui.invisible_button(f"###crop{'-+'[side]}{NAMES[axis]}", ImVec2(2 * size, 2 * size))
            if imgui.is_item_hovered() or imgui.is_item_active():
                self._hovered = side, axis
            if imgui.is_item_hovered():
                imgui.set_tooltip(f"Drag this face of the crop box along {NAMES[axis]}")
            if imgui.is_item_active():
                self._drag(app, document, placed, side, axis, corner, width)
        imgui.set_cursor_screen_pos(corner)

    def draw(self, app: ViewerApp, document: Document, corner: ImVec2, width: int) -> None:
        """Draw the handles over the view whose upper left corner is `corner`."""
        draw, radius = imgui.get_window_draw_list(), em(RADIUS)
        for side, axis, place in self._handles(app, document, document.placed[document.selected_video], corner, width):
            draw.add_circle_filled(place, radius, AXIS_COLORS[axis])
            if self._hovered == (side, axis):
                draw.add_circle(place, radius * 1.4, theme_color(imgui.Col_.text), 0, 2.0)

    def _handles(
        self, app: ViewerApp, document: Document, placed: PlacedVideo, corner: ImVec2, width: int
    ) -> list[tuple[int, int, ImVec2]]:
        """Return side, axis and place on the screen of the handles in front of the camera, the nearest first."""
        if not placed.visible:
            return []
        centers = placed.placement.to_scene(face_centers(crop_of(placed)))
        pixels, depth = document.camera.to_camera(*app.viewport.size).project(centers)
        scale = width / app.viewport.size[0]
        shown = sorted((float(depth[s, a]), s, a) for s in (0, 1) for a in range(3) if depth[s, a] > NEAR)
        return [
            (s, a, ImVec2(corner.x + float(pixels[s, a, 0]) * scale, corner.y + float(pixels[s, a, 1]) * scale))
            for _, s, a in shown
        ]

    def _drag(
        self, app: ViewerApp, document: Document, placed: PlacedVideo, side: int, axis: int, corner: ImVec2, width: int
    ) -> None:
        mouse, scale, crop = imgui.get_mouse_pos(), app.viewport.size[0] / width, crop_of(placed)
        pixel = (mouse.x - corner.x) * scale, (mouse.y - corner.y) * scale
        center = face_centers(crop)[side, axis]
        origin, end = placed.placement.to_scene([center, center + np.eye(3)[axis]])
        moved = along_axis(document.camera.to_camera(*app.viewport.size), pixel, origin, end - origin)
        if moved is None:
            return
        if imgui.is_item_activated():
            self._grabbed = moved
        elif abs(moved - self._grabbed) > 1e-9:
            wanted = with_face(crop, side, axis, crop[side][axis] + moved - self._grabbed)
            app.scenes.change(document, replace(placed, crop=wanted))
