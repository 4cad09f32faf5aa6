"""Mouse gestures in the view."""

from __future__ import annotations

import math

from imgui_bundle import ImVec2, imgui

from viewer.actions.camera import snap_to
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.camera.control import OrbitCamera
from viewer.view.comparison import on_divider
from viewer.widgets.controls import em

LEFT, RIGHT, MIDDLE = 0, 1, 2

CLICK = 4.0
"""A press counts as a click if the mouse moved less than this, screen units."""

DOLLY_DRAG = 20.0
"""A Ctrl+drag over the height of the view equals this many notches of the wheel."""


class ViewMouse:
    """Left drag orbits, right or middle drag (or Shift) pans, Ctrl+drag and the wheel dolly, Alt+drag looks around.

    A click on a capture camera looks through it.

    Args:
        actions: runs the action of a double click.
    """

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions
        self._button: int | None = None
        self._on_divider = False
        self._drag_distance = 0.0  # length of the drag so far, screen units
        self._last = (0.0, 0.0)  # last position of the mouse during the drag, screen units

    @property
    def dragging(self) -> bool:
        """Whether a drag that began in the view goes on."""
        return self._button is not None

    def handle(self, app: ViewerApp, corner: ImVec2, width: int, height: int) -> None:
        """React to the mouse over the last item, which covers the view; `corner` is its upper left corner."""
        document = app.document
        if document is None:
            return
        mouse, hovered = imgui.get_mouse_pos(), imgui.is_item_hovered()
        scale = app.viewport.size[0] / width
        app.viewport.cursor = ((mouse.x - corner.x) * scale, (mouse.y - corner.y) * scale) if hovered else None
        near_divider = on_divider(app.compare, mouse.x - corner.x, mouse.y - corner.y, width, height)
        if imgui.is_item_activated():
            self._begin(document.camera, near_divider)
        if self._button is not None:
            self._drag(app, document, corner.x, width, height)
        if self._button is not None and not imgui.is_item_active():
            document.camera.end_gesture()
            if self._button == LEFT and self._drag_distance < CLICK and (index := self._camera_here(app, document)) is not None:
                snap_to(app, index)
            self._button = None
        if hovered:
            self._hover(app, document, near_divider)

    def _begin(self, camera: OrbitCamera, near_divider: bool) -> None:
        self._button = next((b for b in (LEFT, RIGHT, MIDDLE) if imgui.is_mouse_down(b)), LEFT)
        self._on_divider = near_divider
        mouse = imgui.get_mouse_pos()
        self._last, self._drag_distance = (mouse.x, mouse.y), 0.0
        camera.begin_gesture()

    def _drag(self, app: ViewerApp, document: Document, left: float, width: int, height: int) -> None:
        # A drag counts from where the button was pressed to where it was released. The mouse can move far between two slow
        # frames: motion before the press must not count, and motion until the release must not be lost.
        io, camera, mouse = imgui.get_io(), document.camera, imgui.get_mouse_pos()
        if not imgui.is_mouse_pos_valid():
            return
        right, down = mouse.x - self._last[0], mouse.y - self._last[1]
        self._last, self._drag_distance = (mouse.x, mouse.y), self._drag_distance + abs(right) + abs(down)
        if self._on_divider:
            app.compare.divider = min(max((mouse.x - left) / width, 0.0), 1.0)
            app.redraw.request()
            return
        if right == 0 and down == 0:
            return
        document.previewing = False
        app.redraw.record_motion()
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
        if near_divider:
            imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew)
        elif self._button is None and (index := self._camera_here(app, document)) is not None:
            imgui.set_tooltip(f"Capture camera {index + 1}: click to look through it")
        notches = imgui.get_io().mouse_wheel
        if notches:
            navigation = app.settings.navigation
            document.previewing = False
            document.camera.dolly(notches * navigation.dolly_speed * (-1 if navigation.invert_wheel else 1))
            app.redraw.record_motion()
        if imgui.is_mouse_double_clicked(LEFT):
            self._actions.run("camera.focus")

    def _camera_here(self, app: ViewerApp, document: Document) -> int | None:
        """Return the capture camera under the mouse if they are shown; not the one that the view looks through."""
        if not app.settings.view.show_cameras or app.viewport.cursor is None or self._on_divider:
            return None
        view = document.camera.to_camera(*app.viewport.size)
        index = document.capture_frustums.under(view, *app.viewport.cursor, reach=em(0.7))
        looked_through = document.camera.state.snapped is not None and index == document.capture_camera
        return None if looked_through else index
