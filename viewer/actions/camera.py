"""The menu Camera, and the fly keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from viewer.actions.action import SEPARATOR, Action, front, menu
from viewer.actions.conditions import CAN_REDO, CAN_UNDO, HAS_CAMERAS, OPEN, Condition, capture_camera
from viewer.app.app import ViewerApp
from viewer.camera.control import OrbitCamera, nearest_camera

SIDES = (("plus_x", "+X"), ("minus_x", "-X"), ("plus_y", "+Y"), ("minus_y", "-Y"), ("plus_z", "+Z"), ("minus_z", "-Z"))
"""Directions to look from: part of the action's name "camera.from_*", and label."""


UNDO_KEY = "Ctrl+Z"
"""Key that undoes changes of the camera, the camera path and the scene."""

UNDO = "Undo the last change of the camera, the camera path or the scene."
"""Tooltip of Undo."""


def move(app: ViewerApp, change: Callable[[OrbitCamera], object]) -> None:
    """Change the camera, which ends the preview of the camera path."""
    front(app).previewing = False
    change(front(app).camera)
    app.redraw.record_motion()


def fit(app: ViewerApp) -> None:
    """Show the whole scene."""
    move(app, lambda camera: camera.fit(*app.viewport.size))


def focus(app: ViewerApp) -> None:
    """Orbit around the point under the cursor, or in the middle of the view."""
    shown = front(app).shown
    if shown is None or shown.image is None:
        return
    (width, height), (columns, rows) = app.viewport.size, shown.image.size
    x, y = app.viewport.cursor or (width / 2, height / 2)
    column, row = int(x / width * columns), int(y / height * rows)
    meters = app.viewport.depth_at(shown.image, min(max(column, 0), columns - 1), min(max(row, 0), rows - 1))
    if meters <= 0:
        app.messages.set_status("There is nothing under the cursor")
        return
    move(app, lambda camera: camera.focus(shown.request.camera.unproject((x, y), meters)))


def toggle_roll_lock(app: ViewerApp) -> None:
    """Keep the horizon level, or let the camera roll."""
    camera = front(app).camera
    camera.roll_locked = not camera.roll_locked
    app.messages.set_status("The horizon stays level" if camera.roll_locked else "The camera can roll")


def copy_camera(app: ViewerApp) -> None:
    """Copy the camera as JSON."""
    app.window.write_clipboard(front(app).camera.to_json(*app.viewport.size))
    app.messages.set_status("Camera copied as JSON")


def paste_camera(app: ViewerApp) -> None:
    """Use the camera that is on the clipboard as JSON."""
    move(app, lambda camera: camera.from_json(app.window.read_clipboard()))


def snap_to(app: ViewerApp, index: int) -> None:
    """Look through a capture camera, counted from 0."""
    cameras = front(app).video.metadata.cameras
    front(app).capture_camera = index
    move(app, lambda camera: camera.snap_to(cameras[index]))
    app.messages.set_status(f"Capture camera {index + 1} of {len(cameras)}")


def snap_to_next(app: ViewerApp, step: int) -> None:
    """Look through the next (`step` 1) or previous (-1) capture camera; through the nearest one at first."""
    cameras, current = front(app).video.metadata.cameras, front(app).capture_camera
    if current is None:
        snap_to(app, nearest_camera(cameras, front(app).camera.state.eye))
    else:
        snap_to(app, (current + step) % len(cameras))


def view_from(app: ViewerApp, axis: int, sign: int) -> None:
    """Look at the scene from the positive (`sign` 1) or negative (-1) end of a world axis, 0 to 2."""
    move(app, lambda camera: camera.look_along(-sign * np.eye(3)[axis]))


def _look_from_side(number: int, name: str, label: str) -> Action:
    return Action(
        f"camera.from_{name}",
        f"Look from {label}",
        f"Look at the scene from {label}, with a level horizon.",
        lambda app: view_from(app, number // 2, 1 - number % 2 * 2),
        f"Ctrl+{number + 1}",
        OPEN,
    )


def _snap_to_camera(number: int) -> Action:
    return Action(
        f"camera.snap_{number}",
        f"Capture camera {number}",
        f"Look through capture camera {number}.",
        lambda app: snap_to(app, number - 1),
        str(number),
        capture_camera(number),
        in_menu=False,
    )


def _move(
    name: str, label: str, tooltip: str, change: Callable[[OrbitCamera], object], keys: str, enabled: Condition
) -> Action:
    return Action(f"camera.{name}", label, tooltip, lambda app: move(app, change), keys, enabled)


def _snap_to_next(name: str, key: str, step: int) -> Action:
    tooltip = f"Look through the {name} capture camera."
    return Action(
        f"camera.{name}", f"{name.capitalize()} capture camera", tooltip, lambda app: snap_to_next(app, step), key, HAS_CAMERAS
    )


CAMERA = menu(
    Action("camera.focus", "Focus on the point under the cursor", "Orbit around the point under the cursor.", focus, "F", OPEN),
    Action("camera.fit", "Fit", "Show the whole scene.", fit, "Home", OPEN),
    SEPARATOR,
    _move("level", "Level the horizon", "Remove the camera's roll.", OrbitCamera.level, "U", OPEN),
    Action(
        "camera.roll_lock",
        "Lock the roll",
        "Keep the horizon level while orbiting, or let the camera roll.",
        toggle_roll_lock,
        "Shift+U",
        OPEN,
        checked=lambda app: app.document is not None and app.document.camera.roll_locked,
    ),
    SEPARATOR,
    _move("undo", "Undo", UNDO, OrbitCamera.undo, UNDO_KEY, CAN_UNDO),
    _move("redo", "Redo", "Redo the change that was undone.", OrbitCamera.redo, "Ctrl+Shift+Z Ctrl+Y", CAN_REDO),
    SEPARATOR,
    Action("camera.copy", "Copy camera", "Copy the camera as JSON.", copy_camera, "Ctrl+C", OPEN),
    Action("camera.paste", "Paste camera", "Use the camera that is on the clipboard as JSON.", paste_camera, "Ctrl+V", OPEN),
    SEPARATOR,
    _snap_to_next("next", "]", 1),
    _snap_to_next("previous", "[", -1),
    SEPARATOR,
    *(_look_from_side(number, name, label) for number, (name, label) in enumerate(SIDES)),
    *(_snap_to_camera(number) for number in range(1, 10)),
)


def _fly(name: str, key: str, axis: tuple[int, int, int], direction: str) -> Action:
    tooltip = f"Move {direction}; Shift is faster."
    return Action(f"fly.{name}", f"Fly {name}", tooltip, lambda app: None, key, in_palette=False, fly_axis=axis)


FLY = (
    _fly("forward", "W", (0, 0, 1), "forward along the view"),
    _fly("backward", "S", (0, 0, -1), "backward along the view"),
    _fly("left", "A", (-1, 0, 0), "to the left"),
    _fly("right", "D", (1, 0, 0), "to the right"),
    _fly("down", "Q", (0, 1, 0), "down"),
    _fly("up", "E", (0, -1, 0), "up"),
)
