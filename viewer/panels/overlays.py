"""What is laid over the picture: box, occupied cells, capture cameras, camera path, axes, ground grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from viewer import wireframes
from viewer.app import ViewerApp
from viewer.app_document import Document
from viewer.panels.widgets import em
from viewer.threshold import ThresholdedVideo

AXIS_COLORS = (0xFF4A4AE6, 0xFF4CC24C, 0xFFE68A3C)
"""Red x, green y, blue z, as ImGui packs colors (ABGR)."""

GRID, BOX, CELLS, CAMERAS, CHOSEN, PATH = 0x38A0A0A0, 0xFFD0D0D0, 0x9048C8FF, 0xB0D0B070, 0xFF30B0FF, 0xC0E070D0
"""Colors of the lines, ABGR."""

MAX_CELL_LINES = 4000
"""Lines of cells that are drawn; more would slow the window down."""


PATH_PIECES = 12
"""Straight pieces that the camera path is drawn in between two keyframes."""


class Overlays:
    """Draws lines over the view; segments that only change with the frame are kept."""

    def __init__(self) -> None:
        self._cells: tuple[object, NDArray[np.float64]] | None = None
        self._grid: tuple[object, NDArray[np.float64]] | None = None
        self._path: tuple[object, NDArray[np.float64]] | None = None

    def draw(self, app: ViewerApp, document: Document, corner: ImVec2, scale: float) -> None:
        """Draw what is switched on.

        Args:
            app: what is switched on.
            document: what it belongs to.
            corner: upper left of the view on the screen.
            scale: screen units a pixel of the view.
        """
        view, camera = app.settings.view, document.camera.to_camera(*app.view_size)
        draw = imgui.get_window_draw_list()
        pen = Pen(draw, corner, scale, camera)
        if view.show_grid:
            pen.lines(self._grid_segments(document), GRID)
        if app.image.show_cells:
            pen.lines(self._cell_segments(document), CELLS)
        if view.show_box:
            shown = document.shown
            box = shown.frame.box if shown is not None and shown.frame is not None else document.video.bounds
            pen.lines(wireframes.box_segments(box), BOX)
        if view.show_cameras:
            self._draw_cameras(document, pen)
        if view.show_path and len(document.camera_path) and not document.previewing:
            self._draw_path(document, pen)
        if view.show_axes:
            size = float(np.ptp(document.camera.box, axis=0).max()) * 0.4
            for segment, color in zip(wireframes.axis_segments(size), AXIS_COLORS, strict=True):
                pen.lines(segment[None], color, 2.0)

    def _draw_cameras(self, document: Document, pen: Pen) -> None:
        size = float(np.ptp(document.camera.box, axis=0).max()) * 0.08
        for index, camera in enumerate(document.video.metadata.cameras):
            chosen = index == document.capture_camera
            if chosen and document.camera.state.snapped is not None:
                continue  # one looks through it
            segments = wireframes.frustum_segments(camera, size)
            pen.lines(segments, CHOSEN if chosen else CAMERAS)
            pen.label(camera.center, str(index + 1), CHOSEN if chosen else CAMERAS)

    def _draw_path(self, document: Document, pen: Pen) -> None:
        path, size = document.camera_path, float(np.ptp(document.camera.box, axis=0).max()) * 0.05
        key = (path.keyframes, path.tension)
        if self._path is None or self._path[0] != key:
            times = np.linspace(path.start, path.end, 1 + PATH_PIECES * (len(path) - 1))
            self._path = key, wireframes.polyline_segments([path.camera(time).center for time in times.tolist()])
        pen.lines(self._path[1], PATH, 1.5)
        for index, keyframe in enumerate(path.keyframes):
            if np.linalg.norm(keyframe.camera.center - document.camera.state.eye) < size:
                continue  # one looks through it
            chosen = index == document.selected_keyframe
            pen.lines(wireframes.frustum_segments(keyframe.camera, size), CHOSEN if chosen else PATH)

    def _cell_segments(self, document: Document) -> NDArray[np.float64]:
        time = document.playback.time
        video = document.rendered_video
        found = not isinstance(video, ThresholdedVideo) or video.known_cells(time) is not None
        key = (id(video), time, found)
        if self._cells is None or self._cells[0] != key:
            box, _ = document.video.box_and_occupancy(time)
            segments = wireframes.cell_segments(document.cells(time).numpy(), box.numpy())
            self._cells = key, wireframes.longest(segments, MAX_CELL_LINES)
        return self._cells[1]

    def _grid_segments(self, document: Document) -> NDArray[np.float64]:
        key = (id(document.video), tuple(document.camera.up))
        if self._grid is None or self._grid[0] != key:
            self._grid = key, wireframes.grid_segments(document.camera.box, document.camera.up)
        return self._grid[1]


class Pen:
    """Draws world segments into a draw list as a camera sees them."""

    def __init__(self, draw: Any, corner: ImVec2, scale: float, camera: Any) -> None:
        self._draw, self._scale, self._camera = draw, scale, camera
        self._corner = np.array([corner.x, corner.y])

    def lines(self, segments: NDArray[np.float64], color: int, thickness: float = 1.0) -> None:
        """Draw segments, (N, 2, 3) meters."""
        ends = wireframes.project_segments(segments, self._camera) * self._scale + self._corner
        ends = np.clip(ends, -1e5, 1e5)
        for (x0, y0), (x1, y1) in ends.tolist():
            self._draw.add_line(ImVec2(x0, y0), ImVec2(x1, y1), color, thickness)

    def label(self, point: NDArray[np.float64], text: str, color: int) -> None:
        """Write text at a point of the world, unless it is behind the camera."""
        ends = wireframes.project_segments(np.stack([point, point])[None], self._camera)
        if len(ends):
            x, y = ends[0, 0] * self._scale + self._corner
            self._draw.add_text(ImVec2(float(x) + 4, float(y) - em(0.5)), color, text)
