"""Mouse gestures in the view."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from viewer.app import ViewerApp
from viewer.app_actions import ActionRunner
from viewer.app_document import Document
from viewer.camera_control import OrbitCamera
from viewer.panels.widgets import em
from viewer.presenter import Comparison

LEFT, RIGHT, MIDDLE = 0, 1, 2

DOLLY_DRAG = 20.0
"""Notches of the wheel that a Ctrl+drag over the height of the view stands for."""


class ViewMouse:
    """Left drag orbits, right or middle drag (or Shift) pans, Ctrl+drag and the wheel dolly, Alt+drag looks around.

    Args:
        actions: runs what a double click stands for.
    """

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions
        self._button: int | None = None
        self._on_divider = False

    def handle(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
        """React to the mouse over the last item, which covers the view from `corner` on."""
        document = app.document
        if document is None:
            return
        mouse, hovered = imgui.get_mouse_pos(), imgui.is_item_hovered()
        scale = app.view_size[0] / width
        app.cursor = ((mouse.x - corner.x) * scale, (mouse.y - corner.y) * scale) if hovered else None
        if imgui.is_item_activated():
            self._begin(app, document.camera, abs(mouse.x - corner.x - app.compare.divider * width) < em(0.5))
        if imgui.is_item_active():
            self._drag(app, document, mouse.x - corner.x, width, height)
        elif self._button is not None:
            self._button = None
            document.camera.end_gesture()
        if hovered:
            self._hover(app, document, abs(mouse.x - corner.x - app.compare.divider * width) < em(0.5))

    def _begin(self, app: ViewerApp, camera: OrbitCamera, near_divider: bool) -> None:
        self._button = next((b for b in (LEFT, RIGHT, MIDDLE) if imgui.is_mouse_down(b)), LEFT)
        self._on_divider = near_divider and app.compare.active and app.compare.mode is Comparison.DIVIDER
        camera.begin_gesture()

    def _drag(self, app: ViewerApp, document: Document, x: float, width: int, height: int) -> None:
        io, camera = imgui.get_io(), document.camera
        if self._on_divider:
            app.compare.divider = min(max(x / width, 0.0), 1.0)
            app.redraw()
            return
        right, down = io.mouse_delta.x, io.mouse_delta.y
        if right == 0 and down == 0:
            return
        document.previewing = False
        app.note_motion()
        turn = app.settings.navigation.orbit_speed * math.pi / height
        if self._button != LEFT or io.key_shift:
            camera.pan(right, down, width, height)
        elif io.key_ctrl:
            camera.dolly(-down * DOLLY_DRAG / height)
        elif io.key_alt:
            camera.look(right * turn / 2, down * turn / 2)
        else:
            camera.orbit(-right * turn, down * turn)

    def _hover(self, app: ViewerApp, document: Document, near_divider: bool) -> None:
        if near_divider and app.compare.active and app.compare.mode is Comparison.DIVIDER:
            imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
        notches = imgui.get_io().mouse_wheel
        if notches:
            kept = app.settings.navigation
            document.previewing = False
            document.camera.dolly(notches * kept.dolly_speed * (-1 if kept.invert_wheel else 1))
            app.note_motion()
        if imgui.is_mouse_double_clicked(LEFT):
            self._actions.run("camera.focus")
