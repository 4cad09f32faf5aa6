"""Overlays of the view: box, occupied cells, capture cameras, camera path, axes, ground grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from model.camera import Camera
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.picture import wireframes
from viewer.picture.comparison import Comparison
from viewer.picture.scene_depth import SLACK, SceneDepth, is_hidden, split_lines, surface_depth
from viewer.playback.render_worker import ViewResult
from viewer.playback.thresholded_video import ThresholdedVideo
from viewer.widgets.controls import em

AXIS_COLORS = (0xFF4A4AE6, 0xFF4CC24C, 0xFFE68A3C)
"""Red x, green y, blue z, as ImGui packs colors (ABGR)."""

GRID, BOX, CELLS, CAMERAS, CHOSEN, PATH = 0x38A0A0A0, 0xFFD0D0D0, 0x9048C8FF, 0xB0D0B070, 0xFF30B0FF, 0xC0E070D0
"""Colors of the lines, ABGR."""

MAX_CELL_LINES = 4000
"""Maximum number of cell lines; more would slow the window down."""

BEHIND = 0.22
"""Relative opacity of lines behind the scene. Ground and cells are hidden there completely."""

LABEL_GROUND = 0x90000000
"""Background of labels, so that lines do not cross their text; dark in every theme, ABGR."""

PATH_PIECES = 12
"""Number of straight pieces of the camera path between two keyframes."""


class Overlays:
    """Draws lines over the view. Segments that only change with the frame are cached."""

    def __init__(self) -> None:
        self._cells: tuple[object, NDArray[np.float64]] | None = None
        self._grid: tuple[object, NDArray[np.float64]] | None = None
        self._path: tuple[object, NDArray[np.float64]] | None = None
        self._depths: dict[int, tuple[ViewResult, NDArray[np.float32]]] = {}

    def draw(self, app: ViewerApp, document: Document, corner: ImVec2, scale: float) -> None:
        """Draw the overlays that are switched on.

        Args:
            app: which overlays are on.
            document: the document to draw them for.
            corner: upper left of the view on the screen.
            scale: screen units per pixel of the view.
        """
        view, camera = app.settings.view, document.camera.to_camera(*app.viewport.size)
        draw = imgui.get_window_draw_list()
        slack = SLACK * float(np.linalg.norm(np.ptp(document.camera.box, axis=0)))
        pen = Pen(draw, corner, scale, camera, lambda: self._scene_depth(app, document), slack)
        if view.show_grid:
            pen.lines(self._grid_segments(document), GRID, behind=0.0)
        if app.settings.view.show_cells:
            pen.lines(self._cell_segments(document), CELLS, behind=0.0)
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

    def _scene_depth(self, app: ViewerApp, document: Document) -> SceneDepth | None:
        first = self._surface(0, document.shown)
        if first is None:
            return None
        compare = app.compare
        if not compare.active or compare.mode is not Comparison.DIVIDER or compare.view_renderer is None:
            return SceneDepth(first)
        return SceneDepth(first, self._surface(1, compare.view_renderer.shown), compare.divider)

    def _surface(self, slot: int, shown: ViewResult | None) -> NDArray[np.float32] | None:
        if shown is None or shown.image is None:
            return None
        known = self._depths.get(slot)
        if known is None or known[0] is not shown:
            known = self._depths[slot] = shown, surface_depth(shown.image)
        return known[1]

    def _draw_cameras(self, document: Document, pen: Pen) -> None:
        size = float(np.ptp(document.camera.box, axis=0).max()) * 0.08
        for index, camera in enumerate(document.video.metadata.cameras):
            chosen = index == document.capture_camera
            if chosen and document.camera.state.snapped is not None:
                continue  # the view looks through it
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
                continue  # the view looks through it
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
    """Draws world segments into a draw list as a camera sees them.

    Args:
        draw: the draw list.
        corner: upper left of the view on the screen.
        scale: screen units per pixel of the view.
        camera: the view.
        depth: returns what hides lines, called with the first of them; None means nothing does.
        slack: lines up to this far behind the scene's surface count as visible, meters.
    """

    def __init__(
        self, draw: Any, corner: ImVec2, scale: float, camera: Camera, depth: Callable[[], SceneDepth | None], slack: float
    ) -> None:
        self._draw, self._scale, self._camera = draw, scale, camera
        self._corner = np.array([corner.x, corner.y])
        self._find_depth, self._slack = depth, slack

    @cached_property
    def _depth(self) -> SceneDepth | None:
        return self._find_depth()

    def lines(self, segments: NDArray[np.float64], color: int, thickness: float = 1.0, behind: float = BEHIND) -> None:
        """Draw segments, (N, 2, 3) meters; hidden parts with the relative opacity `behind`."""
        ends = wireframes.project_segments(segments, self._camera)
        if self._depth is None:
            parts, hidden = ends[..., :2], np.zeros(len(ends), bool)
        else:
            parts, hidden = split_lines(ends, (self._camera.width, self._camera.height), self._depth, self._slack)
        dim = dimmed(color, behind)
        places = np.clip(parts * self._scale + self._corner, -1e5, 1e5)
        for ((x0, y0), (x1, y1)), away in zip(places.tolist(), hidden.tolist(), strict=True):
            if not away or behind > 0:
                self._draw.add_line(ImVec2(x0, y0), ImVec2(x1, y1), dim if away else color, thickness)

    def label(self, point: NDArray[np.float64], text: str, color: int) -> None:
        """Write text at a point of the world, unless it is behind the camera; dimmed if the scene hides it."""
        ends = wireframes.project_segments(np.stack([point, point])[None], self._camera)
        if not len(ends):
            return
        size = (self._camera.width, self._camera.height)
        if self._depth is not None and is_hidden(ends, np.zeros(1), size, self._depth, self._slack)[0]:
            color = dimmed(color, BEHIND)
        x, y = ends[0, 0, :2] * self._scale + self._corner
        corner, extent = ImVec2(float(x) + em(0.3), float(y) - em(0.5)), imgui.calc_text_size(text)
        self._draw.add_rect_filled(corner, ImVec2(corner.x + extent.x, corner.y + extent.y), LABEL_GROUND, em(0.2))
        self._draw.add_text(corner, color, text)


def dimmed(color: int, opacity: float) -> int:
    """Return a packed color with its opacity multiplied by `opacity`."""
    return (color & 0xFFFFFF) | round((color >> 24) * opacity) << 24
