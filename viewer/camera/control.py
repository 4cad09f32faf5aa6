"""Camera control by the user: orbit, pan, dolly, look, fly, focus, fit, snap, undo."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from common.documents import parse_json
from common.errors import InputError
from model.box import box_corners
from model.camera import Camera
from viewer.camera.fly import FlyMotion
from viewer.camera.history import CameraHistory
from viewer.camera.rotations import angles_from_rotation, axis_angle, basis_of_up, rotation_from_angles, unit
from viewer.camera.state import (
    MAX_DISTANCE,
    MAX_FIELD_OF_VIEW,
    MIN_DISTANCE,
    MIN_FIELD_OF_VIEW,
    Array,
    CameraState,
    state_from_camera,
)

NEAREST, FARTHEST = 1e-3, 100.0
"""Smallest and largest distance of the camera from its target for very small and very large scenes, in diagonals of the box."""

MAX_PITCH = math.radians(89.0)
"""Steepest pitch that dragging reaches with the roll locked. Beyond it, left and right would swap."""

DOLLY_STEP = 0.1
"""One notch of the wheel changes the distance by the factor exp(0.1)."""


class OrbitCamera:
    """A camera state that mouse and keys can move. Every move can be undone.

    Args:
        box: (2, 3) corners of the scene that the first view and `fit` show, meters.
        up: direction that is up in the world.
        clock: monotonic time in seconds, for merging undo entries; replaced by tests.
    """

    def __init__(self, box: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0), clock: Callable[[], float] = time.monotonic) -> None:
        self.up = unit(up)
        """(3,) unit vector that points up in the world."""
        self.roll_locked = True
        """Whether orbiting keeps the horizon level. Otherwise the camera rotates freely."""
        self.fly_motion = FlyMotion()
        """Speed and inertia of flying."""
        self.history = CameraHistory(clock=clock)
        """Undo and redo."""
        self.box: Array = np.asarray(box, dtype=np.float64)
        """(2, 3) corners of the scene, meters."""
        rotation = rotation_from_angles(math.radians(-60.0), math.radians(-10.0), 0.0, self.up)
        self.state = CameraState(self.box.mean(axis=0), 1.0, rotation)
        """The current state. Change it through the moves, so that they can be undone."""
        self.state = self._fitted_state(self.box, 1.0)
        self._camera: tuple[tuple[CameraState, int, int], Camera] | None = None

    def to_camera(self, width: int, height: int) -> Camera:
        """Return the camera for an image of this size in pixels."""
        key = (self.state, width, height)
        if self._camera is None or self._camera[0] != key:  # states are equal only to themselves
            self._camera = key, self.state.to_camera(width, height)
        return self._camera[1]

    # Gestures and history

    def begin_gesture(self) -> None:
        """Begin a drag. All moves until `end_gesture` are undone as one."""
        self.history.begin(self.state)

    def end_gesture(self) -> None:
        """End the drag."""
        self.history.end(self.state)

    def undo(self) -> None:
        """Undo the last move, if there is one."""
        self.fly_motion.stop()
        self.state = self.history.undo(self.state)

    def redo(self) -> None:
        """Redo the move that was undone last, if there is one."""
        self.fly_motion.stop()
        self.state = self.history.redo(self.state)

    def set_state(self, state: CameraState, kind: str = "set") -> None:
        """Set the whole state as one move. Quick moves of the same kind are undone as one."""
        self.history.record(self.state, kind)
        self.state = state

    # Moves

    def orbit(self, yaw: float, pitch: float) -> None:
        """Rotate around the target at constant distance.

        Args:
            yaw: radians about `up`; positive shows more of the scene's right side (the camera moves to its right).
            pitch: radians; positive moves the camera up.
        """
        self.set_state(self.state.replaced(rotation=self._turned(yaw, -pitch)), "orbit")

    def look(self, yaw: float, pitch: float) -> None:
        """Rotate in place.

        Args:
            yaw: radians about `up`, positive to the left.
            pitch: radians, positive looks up.
        """
        eye = self.state.eye
        self.set_state(self.state.replaced(rotation=self._turned(yaw, pitch)).from_eye(eye), "look")

    def pan(self, right: float, down: float, width: int, height: int, depth: float | None = None) -> None:
        """Move sideways so that points at `depth` follow the cursor.

        Args:
            right, down: how far the cursor moved, pixels.
            width, height: size of the view, pixels.
            depth: meters along the optical axis; default: the target's.
        """
        scale = (self.state.distance if depth is None else depth) / self.to_camera(width, height).K[[0, 1], [0, 1]]
        shift = -right * scale[0] * self.state.right - down * scale[1] * self.state.down
        self.set_state(self.state.replaced(target=self.state.target + shift), "pan")

    def dolly(self, steps: float, anchor: ArrayLike | None = None) -> None:
        """Move closer (`steps` > 0) or away. Each step changes the distance by the same factor.

        Args:
            steps: notches of the wheel.
            anchor: world point that keeps its pixel; default: the target.
        """
        distance = self.state.distance * math.exp(min(max(-DOLLY_STEP * steps, -50.0), 50.0))
        distance = self._limited(distance)
        scale = distance / self.state.distance
        fixed = self.state.target if anchor is None else np.asarray(anchor, dtype=np.float64)
        self.set_state(self.state.replaced(target=fixed + scale * (self.state.target - fixed), distance=distance), "dolly")

    def move(self, displacement: ArrayLike) -> None:
        """Move camera and target by (right, down, forward) meters in camera axes."""
        shift = self.state.rotation.T @ np.asarray(displacement, dtype=np.float64)
        self.set_state(self.state.replaced(target=self.state.target + shift), "move")

    def fly(self, seconds: float, push: ArrayLike) -> bool:
        """Fly for some time while keys push along (right, down, forward). Return whether the camera moved."""
        displacement = self.fly_motion.advance(seconds, push)
        if not displacement.any():
            return False
        self.move(displacement)
        return True

    def roll(self, angle: float) -> None:
        """Turn about the optical axis, radians, positive clockwise (the image turns the other way)."""
        turn = axis_angle(self.state.forward, -angle)
        self.set_state(self.state.replaced(rotation=self.state.rotation @ turn), "roll")

    def level(self) -> None:
        """Level the horizon: set the roll relative to `up` to 0."""
        yaw, pitch, _ = angles_from_rotation(self.state.rotation, self.up)
        self.set_state(self.state.replaced(rotation=rotation_from_angles(yaw, pitch, 0.0, self.up)), "level")

    def set_up(self, up: ArrayLike) -> None:
        """Set the up direction of the world and level the horizon; raise ValueError for a zero vector."""
        self.up = unit(up)
        self.level()

    def set_field_of_view(self, radians: float) -> None:
        """Zoom the lens: vertical field of view, clamped to 1 to 150 degrees; the camera stays where it is."""
        if math.isfinite(radians):
            clamped = min(max(radians, MIN_FIELD_OF_VIEW), MAX_FIELD_OF_VIEW)
            self.set_state(self.state.replaced(field_of_view=clamped), "lens")

    def focus(self, point: ArrayLike) -> None:
        """Move sideways until `point` is in the center, and make it the target. Orientation and depth stay.

        If the point is behind the camera or very near it, the distance to the target stays instead.
        """
        target = np.asarray(point, dtype=np.float64)
        depth = float(self.state.forward @ (target - self.state.eye))
        distance = self.state.distance if depth <= self._limited(0.0) else self._limited(depth)
        self.set_state(self.state.replaced(target=target, distance=distance, principal=(0.0, 0.0)), "focus")

    def fit(self, width: int, height: int, box: ArrayLike | None = None) -> None:
        """Show the whole box (by default the scene's) in the middle of the view, from the same direction."""
        self.set_state(
            self._fitted_state(self.box if box is None else np.asarray(box, dtype=np.float64), width / height), "fit"
        )

    def look_along(self, direction: ArrayLike) -> None:
        """Look along a world direction at the target with the horizon level, as the view gizmo does."""
        forward = unit(direction)
        basis = basis_of_up(self.up)
        x, y, z = basis @ forward
        vertical = math.hypot(x, y) < 1e-9
        yaw = angles_from_rotation(self.state.rotation, self.up)[0] if vertical else math.atan2(y, x)
        rotation = rotation_from_angles(yaw, math.asin(min(max(z, -1.0), 1.0)), 0.0, self.up)
        self.set_state(self.state.replaced(rotation=rotation), "look along")

    # Capture cameras and the clipboard

    def snap_to(self, camera: Camera) -> None:
        """Use exactly the K, R and T of a capture camera until the next move."""
        self.set_state(state_from_camera(camera, self.box.mean(axis=0)), "snap")

    def to_json(self, width: int, height: int) -> str:
        """Return the camera of a view of this size as CAM.json, for the clipboard."""
        return json.dumps(self.to_camera(width, height).to_dict())

    def from_json(self, text: str) -> None:
        """Use a camera from the clipboard.

        Raises:
            InputError: the text is not a camera.
        """
        try:
            values = parse_json(text, "clipboard")
        except InputError as error:
            raise InputError("clipboard", "contains no camera", "copy one first: press Ctrl+C in the view") from error
        self.set_state(state_from_camera(Camera.from_dict(values, "clipboard"), self.box.mean(axis=0)), "paste")

    # Inner parts

    def _turned(self, yaw: float, pitch: float) -> Array:
        # The rotation after a turn by yaw (to the left) and pitch (upwards), roll kept when locked.
        rotation = self.state.rotation
        if not self.roll_locked:
            return rotation @ axis_angle(rotation[1], yaw) @ axis_angle(rotation[0], -pitch)
        old_yaw, old_pitch, roll = angles_from_rotation(rotation, self.up)
        limit = max(MAX_PITCH, abs(old_pitch))
        new_pitch = min(max(old_pitch + pitch, -limit), limit)
        return rotation_from_angles(old_yaw + yaw, new_pitch, roll, self.up)

    def _fitted_state(self, box: Array, aspect: float) -> CameraState:
        half_height = math.tan(0.5 * self.state.field_of_view)
        half_width = half_height * (aspect if self.state.aspect is None else self.state.aspect)
        center = box.mean(axis=0)
        distance = fitting_distance(box_corners(box) - center, self.state.rotation, half_width, half_height)
        return self.state.replaced(target=center, distance=self._limited(distance), principal=(0.0, 0.0))

    def _limited(self, distance: float) -> float:
        """Return a distance within its limits, meters. For scenes of micrometers or of thousands of kilometers, they move."""
        diagonal = float(np.linalg.norm(self.box[1] - self.box[0]))
        nearest = min(MIN_DISTANCE, NEAREST * diagonal) if diagonal > 0 else MIN_DISTANCE
        return min(max(distance, nearest), max(MAX_DISTANCE, FARTHEST * diagonal))


def fitting_distance(points: Array, rotation: Array, half_width: float, half_height: float, margin: float = 0.05) -> float:
    """Return the distance from which points around the origin, seen along the camera's axis, just fill the view.

    Args:
        points: (N, 3) meters, relative to the point looked at.
        rotation: (3, 3) world to camera.
        half_width, half_height: tangents of half the horizontal and vertical field of view.
        margin: fraction of the view left free on each side.
    """
    x, y, z = rotation @ points.T
    free = 1.0 - 2.0 * margin
    return float(max(np.max(np.abs(x) / (half_width * free) - z), np.max(np.abs(y) / (half_height * free) - z)))


def overview(box: ArrayLike, up: ArrayLike, width: int, height: int) -> Camera:
    """Return the camera that the window opens with, which has the whole (2, 3) box in view; sides in pixels."""
    camera = OrbitCamera(box, up)
    camera.fit(width, height)
    return camera.to_camera(width, height)


def nearest_camera(cameras: Iterable[Camera], eye: ArrayLike) -> int:
    """Return the index of the camera nearest to `eye`; raise ValueError if there is none."""
    distances = [float(np.linalg.norm(camera.center - np.asarray(eye))) for camera in cameras]
    if not distances:
        raise ValueError("there are no cameras")
    return int(np.argmin(distances))
