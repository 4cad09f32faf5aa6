"""The gizmo over the picture that moves, turns or scales the selected video of a scene: ImGuizmo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from imgui_bundle import ImVec2, imgui, imguizmo

from model.scene import PlacedVideo
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.picture.placement_gizmo import (
    ROTATION_STEP,
    SCALE_STEP,
    object_matrix,
    placement_of,
    position_step,
    projection_matrix,
    view_matrix,
)
from viewer.widgets.controls import em

guizmo = imguizmo.im_guizmo

OPERATIONS = {"move": guizmo.OPERATION.translate, "rotate": guizmo.OPERATION.rotate, "scale": guizmo.OPERATION.scale}
"""What ImGuizmo does with each tool."""


SIZES = {
    "translation_line_thickness": 0.2,
    "translation_line_arrow_size": 0.4,
    "rotation_line_thickness": 0.15,
    "rotation_outer_line_thickness": 0.2,
    "scale_line_thickness": 0.2,
    "scale_line_circle_size": 0.4,
    "hatched_axis_line_thickness": 0.4,
    "center_circle_size": 0.4,
}
"""Sizes of ImGuizmo's style in text heights, so that they follow the scale of the interface."""


class PlacementGizmo:
    """Draws the gizmo and applies what the mouse does with it."""

    def __init__(self) -> None:
        self._using = False
        self._scale = 1.0  # of the video when the drag began

    def draw(self, app: ViewerApp, document: Document, corner: ImVec2, width: int, height: int) -> bool:
        """Draw over the view and change the selected video. Call it before the view's item, which would take the mouse.

        Args:
            app: the state to change.
            document: whose scene it is.
            corner: upper left of the view.
            width, height: size of the view, screen units.

        Returns:
            Whether the mouse is on the gizmo or drags it.
        """
        operation = OPERATIONS.get(app.scenes.tool)
        placed = document.placed[document.selected_video]
        if operation is None or not placed.visible:
            self._using = False
            return False
        guizmo.begin_frame()
        guizmo.set_drawlist(imgui.get_window_draw_list())
        guizmo.set_rect(corner.x, corner.y, width, height)
        guizmo.set_orthographic(False)
        for name, size in SIZES.items():
            setattr(guizmo.get_style(), name, em(size))
        camera, pivot = document.camera.to_camera(*app.viewport.size), middle(placed)
        matrix = _packed(object_matrix(placed.placement, pivot))
        mode = guizmo.MODE.local if app.scenes.tool == "scale" else guizmo.MODE.world
        views = _packed(view_matrix(camera)), _packed(projection_matrix(camera))
        if not self._using:
            self._scale = placed.placement.scale
        snap = self._steps(app.scenes.tool, placed) if imgui.get_io().key_ctrl else None
        if guizmo.manipulate(*views, operation, mode, matrix, None, snap):
            placement = placement_of(matrix.values.reshape(4, 4).T, pivot, placed.placement)
            app.scenes.change(document, replace(placed, placement=placement))
        self._using = guizmo.is_using()
        return bool(self._using or guizmo.is_over())

    def _steps(self, tool: str, placed: PlacedVideo) -> guizmo.Matrix3:
        """Return the steps of a tool in ImGuizmo's form: those of scales are factors of the scale at the beginning."""
        size = float(np.ptp(np.asarray(placed.video.bounds, np.float64), axis=0).max()) * placed.placement.scale
        steps = {"move": position_step(size), "rotate": ROTATION_STEP, "scale": SCALE_STEP / self._scale}
        return guizmo.Matrix3([steps[tool]] * 3)

    @property
    def used(self) -> bool:
        """Whether the mouse drags it."""
        return self._using


def middle(placed: PlacedVideo) -> np.ndarray:
    """Return the middle of a video's box, (3,) meters in its own coordinates."""
    return np.asarray(placed.video.bounds, np.float64).mean(0)


def _packed(matrix: np.ndarray) -> guizmo.Matrix16:
    """Return a matrix in ImGuizmo's form: 16 numbers, column by column."""
    return guizmo.Matrix16(matrix.T.astype(np.float32).ravel().tolist())
