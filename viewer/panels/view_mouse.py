"""Mouse gestures in the view."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from viewer.app import ViewerApp
from viewer.app_document import Document
from viewer.camera_control import OrbitCamera

LEFT, RIGHT, MIDDLE = 0, 1, 2


class ViewMouse:
    """Left drag orbits, right or middle drag (or Shift) pans, Ctrl+drag and the wheel dolly."""

    def __init__(self) -> None:
        self._dragging: int | None = None

    def handle(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
        """React to the mouse over the last item, which covers the view from `corner` on."""
        document = app.document
        if document is None:
            return
        if imgui.is_item_active():
            self._drag(app, document.camera, width, height)
        elif self._dragging is not None:
            self._dragging = None
            document.camera.end_gesture()
        if imgui.is_item_hovered():
            self._wheel(app, document)

    def _drag(self, app: ViewerApp, camera: OrbitCamera, width: int, height: int) -> None:
        if self._dragging is None:
            self._dragging = next((b for b in (LEFT, RIGHT, MIDDLE) if imgui.is_mouse_down(b)), LEFT)
            camera.begin_gesture()
        io = imgui.get_io()
        move = io.mouse_delta
        if move.x == 0 and move.y == 0:
            return
        app.note_motion()
        if self._dragging != LEFT or io.key_shift:
            camera.pan(move.x, move.y, width, height)
        elif io.key_ctrl:
            camera.dolly(-move.y * 20 / height)
        else:
            camera.orbit(-move.x * math.pi / height, move.y * math.pi / height)

    def _wheel(self, app: ViewerApp, document: Document) -> None:
        notches = imgui.get_io().mouse_wheel
        if notches:
            app.note_motion()
            document.camera.dolly(notches)
