"""The dialog about the capture's cameras: plans from above and from the side, and a table of figures."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from model.box import box_corners
from model.camera_plan import CameraPlan, make_plan
from model.camera_rig import CameraFigures, camera_figures, suspicions
from model.video import VolumetricVideo
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.dialogs.modal import begin_dialog
from viewer.widgets.controls import button, em, faded, theme_color, tooltip, track_ground

PLAN_HEIGHT = 16.0
"""Height of a plan, text heights."""

TABLE_HEIGHT = 12.0
"""Maximum height of the table, text heights."""

MAX_CELLS = 1500
"""Number of occupied cells that a plan shows."""

COLUMNS = (
    ("Camera", "Number of the camera. Click it to look through this camera."),
    ("Image", "Width and height of its images, pixels."),
    ("View", "Horizontal field of view, degrees."),
    ("Distance", "Distance to the middle of the box, meters."),
    ("Neighbor", "Angle to the nearest other camera, seen from the middle of the box, degrees."),
    ("Pixel", "Size of a pixel at the middle of the box, millimeters."),
    ("Corners", "How many of the eight corners of the box it sees."),
)
"""Columns of the table and what they mean."""


class CamerasDialog:
    """Shows the cameras of the front video."""

    def __init__(self) -> None:
        self._described: weakref.ref[VolumetricVideo] | None = None
        self._figures: list[CameraFigures] = []
        self._hovered: int | None = None

    def draw(self, app: ViewerApp) -> None:
        """Draw while it is open."""
        document = app.document
        if document is None:
            app.window.dialogs.discard("cameras")
        if "cameras" not in app.window.dialogs or document is None:
            return
        visible, opened = begin_dialog("Capture cameras", 52)
        if visible:
            self._draw_content(app, document)
            opened = not button("Close", "Close this dialog. Key: Escape", width=em(6)) and opened
        imgui.end()
        if not opened:
            app.window.dialogs.discard("cameras")

    def _draw_content(self, app: ViewerApp, document: Document) -> None:
        cameras = document.video.metadata.cameras
        if not cameras:
            imgui.text_wrapped("This video has no capture cameras.")
            return
        if self._described is None or self._described() is not document.video:
            self._described = weakref.ref(document.video)  # which may be closed meanwhile
            self._figures = camera_figures(cameras, document.video.bounds)
        width = (imgui.get_content_region_avail().x - em(0.5)) / 2
        for side in (False, True):
            self._draw_plan(document, side, ImVec2(width, em(PLAN_HEIGHT)))
            if not side:
                imgui.same_line(0, em(0.5))
        size = document.video.bounds[1] - document.video.bounds[0]
        imgui.text(f"{len(cameras)} cameras around a box of {size[0]:.2f} x {size[1]:.2f} x {size[2]:.2f} m")
        tooltip("Box around the subject in all frames.")
        self._draw_table(app, document)

    def _draw_plan(self, document: Document, side: bool, size: ImVec2) -> None:
        corner, cameras = imgui.get_cursor_screen_pos(), document.video.metadata.cameras
        imgui.invisible_button("from the side" if side else "from above", size)
        tooltip("Lines show where the cameras look. Dots are the occupied cells of this frame.")
        draw, place = imgui.get_window_draw_list(), np.array([corner.x, corner.y])
        track_ground(corner, ImVec2(corner.x + size.x, corner.y + size.y))
        centers = np.stack([camera.center for camera in cameras])
        box = box_corners(document.video.bounds)
        plan = make_plan(np.concatenate([centers, box]), np.array(document.video.metadata.up), side, (size.x, size.y))
        draw.push_clip_rect(corner, ImVec2(corner.x + size.x, corner.y + size.y), True)
        self._draw_subject(draw, plan, document, box, place)
        ahead = plan(centers + np.stack([camera.R[2] for camera in cameras]) * em(2.4) / plan.scale) + place
        for index, (start, end) in enumerate(zip(plan(centers) + place, ahead, strict=True)):
            color = theme_color(imgui.Col_.plot_histogram if self._marked(index) else imgui.Col_.plot_lines_hovered)
            draw.add_line(ImVec2(*start), ImVec2(*end), color, em(0.1))
            draw.add_circle_filled(ImVec2(*start), em(0.35 if index == self._hovered else 0.22), color)
            draw.add_text(ImVec2(start[0] + em(0.3), start[1] - em(0.5)), theme_color(imgui.Col_.text), str(index + 1))
        title = f"{'from the side' if side else 'from above'}, {plan.width_in_meters:.1f} m wide"
        draw.add_text(ImVec2(corner.x + em(0.3), corner.y + em(0.1)), theme_color(imgui.Col_.text_disabled), title)
        draw.pop_clip_rect()

    def _draw_subject(
        self, draw: Any, plan: CameraPlan, document: Document, box: NDArray[np.float64], place: NDArray[np.float64]
    ) -> None:
        flat = plan(box) + place
        low, high = flat.min(axis=0), flat.max(axis=0)
        draw.add_rect(ImVec2(*low), ImVec2(*high), theme_color(imgui.Col_.text_disabled))
        time = document.playback.time
        cells, frame_box = document.cells(time), document.video.box_and_occupancy(time)[0]
        occupied = np.argwhere(cells)
        middles = (occupied[:: 1 + len(occupied) // MAX_CELLS] + 0.5) / cells.shape
        points = frame_box[0] + middles * (frame_box[1] - frame_box[0])
        for x, y in plan(points) + place if len(points) else ():
            draw.add_rect_filled(ImVec2(x - 1, y - 1), ImVec2(x + 1, y + 1), faded(imgui.Col_.text, 0.35))

    def _marked(self, index: int) -> bool:
        return index == self._hovered or bool(suspicions(self._figures[index]))

    def _draw_table(self, app: ViewerApp, document: Document) -> None:
        flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.scroll_y
        height = min(em(TABLE_HEIGHT), imgui.get_text_line_height_with_spacing() * (len(self._figures) + 1.5))
        if not imgui.begin_table("figures", len(COLUMNS), flags, ImVec2(0, height)):
            return
        imgui.table_setup_scroll_freeze(0, 1)
        imgui.table_next_row(imgui.TableRowFlags_.headers)
        for name, explanation in COLUMNS:
            imgui.table_next_column()
            imgui.text_disabled(name)
            tooltip(explanation)
        self._hovered = None
        for index, figures in enumerate(self._figures):
            self._draw_row(app, document, index, figures)
        imgui.end_table()

    def _draw_row(self, app: ViewerApp, document: Document, index: int, figures: CameraFigures) -> None:
        imgui.table_next_row()
        imgui.table_next_column()
        found = suspicions(figures)
        span = imgui.SelectableFlags_.span_all_columns
        if imgui.selectable(f"{index + 1}{' !' if found else ''}###camera {index}", False, span)[0]:
            document.previewing, document.capture_camera = False, index
            document.camera.snap_to(document.video.metadata.cameras[index])
            app.redraw.record_motion()
        if imgui.is_item_hovered():
            self._hovered = index
        tooltip("\n".join([*found, "Click to look through this camera."]))
        for text in figures_text(figures):
            imgui.table_next_column()
            imgui.text(text)


def figures_text(figures: CameraFigures) -> tuple[str, ...]:
    """Return the texts of a row, in the order of `COLUMNS` without the first."""
    neighbor = f"{figures.neighbor_angle:.1f}°" if figures.neighbor_angle == figures.neighbor_angle else "-"
    return (
        f"{figures.size[0]} x {figures.size[1]}",
        f"{figures.field_of_view:.1f}°",
        f"{figures.distance:.2f} m",
        neighbor,
        f"{figures.pixel:.2f} mm",
        f"{figures.corners} of 8",
    )
