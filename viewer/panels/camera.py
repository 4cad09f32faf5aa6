"""The section Camera: lens, position, capture cameras, clipboard, flying."""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import ImVec2, imgui

from viewer.actions.camera import snap_to
from viewer.actions.runner import ActionRunner
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.camera.state import MAX_FIELD_OF_VIEW, MIN_FIELD_OF_VIEW
from viewer.widgets.controls import action_buttons, action_tip, button, checkbox, combo, em, heading, row, slider, tooltip

UP_AXES = {
    "+X": (1.0, 0.0, 0.0),
    "-X": (-1.0, 0.0, 0.0),
    "+Y": (0.0, 1.0, 0.0),
    "-Y": (0.0, -1.0, 0.0),
    "+Z": (0.0, 0.0, 1.0),
    "-Z": (0.0, 0.0, -1.0),
}
"""Choices for the up direction."""


class CameraPanel:
    """Controls of the camera of the front document.

    Args:
        actions: runs the actions of the buttons.
    """

    title = "Camera"

    def __init__(self, actions: ActionRunner) -> None:
        self._actions = actions

    def draw(self, app: ViewerApp) -> None:
        """Draw into the current window."""
        document = app.document
        if document is None:
            imgui.text_disabled("No video is open.")
            return
        action_buttons(self._actions, ("camera.fit", "Fit"), ("camera.focus", "Focus"), ("camera.level", "Level"))
        action_buttons(
            self._actions, ("camera.undo", "Undo"), ("camera.redo", "Redo"), ("camera.copy", "Copy"), ("camera.paste", "Paste")
        )
        self._draw_lens(app, document)
        self._draw_flying(document)
        self._draw_capture_cameras(app, document)
        self._draw_position(document)

    def _draw_lens(self, app: ViewerApp, document: Document) -> None:
        camera = document.camera
        degrees = math.degrees(camera.state.field_of_view)
        low, high = math.degrees(MIN_FIELD_OF_VIEW), math.degrees(MAX_FIELD_OF_VIEW)
        changed = slider("Field of view", degrees, low, high, "Vertical field of view, degrees.", "%.1f°")
        if abs(changed - degrees) > 1e-4:
            camera.set_field_of_view(math.radians(changed))
            app.redraw.record_motion()
        names = list(UP_AXES)
        current = next((n for n, axis in UP_AXES.items() if np.allclose(axis, camera.up)), None)
        index = combo("Up", names.index(current) if current else -1, names, "World direction that points up in the view.")
        if index >= 0 and names[index] != current:
            camera.set_up(UP_AXES[names[index]])
            app.redraw.record_motion()
        locked = checkbox("Lock the roll", camera.roll_locked, action_tip("camera.roll_lock"))
        if locked != camera.roll_locked:
            self._actions.run("camera.roll_lock")

    def _draw_flying(self, document: Document) -> None:
        heading("Flying (W A S D, Q E)")
        motion = document.camera.fly_motion
        speed = slider("Speed", motion.speed, 0.05, 50.0, "Meters per second. Shift flies 4x as fast.", "%.2f m/s", True)
        smoothing = slider("Smoothing", motion.time_constant, 0.0, 1.0, "Seconds to reach a new speed and direction.", "%.2f s")
        if speed != motion.speed:  # the slider rounds its value; an unchanged one must not be written back
            motion.speed = speed
        if smoothing != motion.time_constant:
            motion.time_constant = smoothing

    def _draw_capture_cameras(self, app: ViewerApp, document: Document) -> None:
        cameras = document.video.metadata.cameras
        if not cameras:
            return
        heading(f"Capture cameras ({len(cameras)})")
        view = app.settings.view
        view.show_cameras = checkbox("Show in picture", view.show_cameras, action_tip("view.cameras"))
        columns = max(1, int(imgui.get_content_region_avail().x / em(2.6)))
        rows = min(4, math.ceil(len(cameras) / columns))
        if imgui.begin_child("cameras", ImVec2(0, rows * (imgui.get_frame_height_with_spacing()))):
            clipper = imgui.ListClipper()
            clipper.begin(math.ceil(len(cameras) / columns), imgui.get_frame_height_with_spacing())
            while clipper.step():
                for index in range(clipper.display_start * columns, min(clipper.display_end * columns, len(cameras))):
                    if index % columns:
                        imgui.same_line(0, em(0.2))
                    self._draw_capture_camera(app, document, index)
        imgui.end_child()
        tooltip("Cameras of the capture, by number.")

    def _draw_capture_camera(self, app: ViewerApp, document: Document, index: int) -> None:
        active = document.capture_camera == index and document.camera.state.snapped is not None
        if button(f"{index + 1}###snap{index}", f"Look through capture camera {index + 1}.", True, active, em(2.3)):
            snap_to(app, index)

    def _draw_position(self, document: Document) -> None:
        heading("Position")
        state = document.camera.state
        flags = imgui.TableFlags_.sizing_stretch_prop
        if imgui.begin_table("place", 2, flags):
            eye, target = state.eye, state.target
            row("Eye", f"{eye[0]:.2f}  {eye[1]:.2f}  {eye[2]:.2f} m", "Position of the camera in the world.")
            row("Target", f"{target[0]:.2f}  {target[1]:.2f}  {target[2]:.2f} m", "Point that the camera orbits around.")
            row("Distance", f"{state.distance:.3f} m", "Distance from the camera to the target.")
            imgui.end_table()
