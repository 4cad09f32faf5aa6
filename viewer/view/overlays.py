"""Overlays of the view: box, occupied cells, capture cameras, camera path, axes, ground grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from imgui_bundle import ImVec2, imgui
from numpy.typing import NDArray

from model.camera import Camera
from viewer.app.app import ViewerApp
from viewer.app.document import Document
from viewer.app.scene_edits import crop_of
from viewer.picture import wireframes
from viewer.picture.comparison import Comparison
from viewer.picture.frustums import Frustums
from viewer.picture.overlay_lines import LINE, OverlayLines, make_lines
from viewer.picture.scene_depth import SLACK, SceneDepth, is_hidden, surface_depth
from viewer.playback.render_worker import ViewResult
from viewer.widgets.controls import em
from viewer.work.latest_task import LatestTask

AXIS_COLORS = (0xFF4A4AE6, 0xFF4CC24C, 0xFFE68A3C)
"""Red x, green y, blue z, as ImGui packs colors (ABGR)."""

GRID, BOX, CELLS, CAMERAS, CHOSEN = 0x38A0A0A0, 0xFFD0D0D0, 0x9048C8FF, 0xB0D0B070, 0xFF30B0FF
PATH, CROP = 0xC0E070D0, 0xFF60D8FF
"""Colors of the lines, ABGR."""

MAX_CELL_LINES = 4000
"""Maximum number of cell lines; more would slow the window down."""

BEHIND = 0.22
"""Relative opacity of lines behind the scene. Ground and cells are hidden there completely."""

LABEL_GROUND = 0x90000000
"""Background of labels, so that lines do not cross their text; dark in every theme, ABGR."""

PATH_PIECES = 12
"""Number of straight pieces of the camera path between two keyframes."""

MAX_PATH_PIECES = 1200
"""Maximum number of pieces of the whole path; it has fewer between two keyframes if there are very many."""


Depth = NDArray[np.float32] | None
"""(H, W) meters, or None without an image."""

_Shown = tuple[ViewResult | None, ViewResult | None]  # the first and the second image


class Overlays:
    """Collects the lines over the view and draws their labels. Segments that only change with the frame are cached."""

    def __init__(self) -> None:
        self._cells: tuple[object, NDArray[np.float64]] | None = None
        self._grid: tuple[object, NDArray[np.float64]] | None = None
        self._path: tuple[object, NDArray[np.float64], Frustums] | None = None
        self._labels: list[Label] = []
        self._finding: LatestTask[_Shown, tuple[Depth, Depth]] | None = None
        self._surfaces: tuple[Depth, Depth] = (None, None)

    def lines(self, app: ViewerApp, document: Document, scale: float) -> OverlayLines:
        """Return the lines that are switched on.

        Args:
            app: which overlays are on.
            document: the document to draw them for.
            scale: screen units per pixel of the view.
        """
        view, pen = app.settings.view, Pen(document.camera.to_camera(*app.viewport.size), scale)
        if view.show_grid:
            pen.lines(self._grid_segments(document), GRID, behind=0.0)
        if app.settings.view.show_cells:
            pen.lines(self._cell_segments(document), CELLS, behind=0.0)
        if view.show_box:
            shown = document.shown
            box = shown.frame.box if shown is not None and shown.frame is not None else document.video.bounds
            pen.lines(wireframes.box_segments(box), BOX)
        if app.scenes.tool == "crop":
            placed = document.placed[document.selected_video]
            pen.lines(placed.placement.to_scene(wireframes.box_segments(crop_of(placed))), CROP, 1.5)
        if view.show_cameras:
            self._draw_cameras(document, pen)
        if view.show_path and len(document.camera_path) and not document.previewing:
            self._draw_path(document, pen)
        if view.show_axes:
            size = float(np.ptp(document.camera.box, axis=0).max()) * 0.4
            for segment, color in zip(wireframes.axis_segments(size), AXIS_COLORS, strict=True):
                pen.lines(segment[None], color, 2.0)
        self._labels = pen.labels
        slack = SLACK * float(np.linalg.norm(np.ptp(document.camera.box, axis=0)))
        split = app.compare.active and app.compare.mode is Comparison.DIVIDER
        return OverlayLines(pen.made(), slack, app.compare.divider if split else 1.0)

    def draw_labels(self, app: ViewerApp, document: Document, corner: ImVec2, scale: float, overlay: OverlayLines) -> None:
        """Write the labels of the last `lines`; those that the scene hides are dimmed.

        Args:
            app: what is compared.
            document: the document they belong to.
            corner: upper left of the view on the screen.
            scale: screen units per pixel of the view.
            overlay: what `lines` returned.
        """
        if not self._labels:
            return
        depth, size = self._scene_depth(app, document, overlay.divider), app.viewport.size
        for label in self._labels:
            hidden = depth is not None and is_hidden(label.point[None], size, depth, overlay.slack)[0]
            label.draw(corner, scale, dimmed(label.color, BEHIND) if hidden else label.color)

    def forget(self) -> None:
        """Forget the images; its thread ends with what it is doing."""
        if self._finding is not None:
            self._finding.close(wait=False)
        self._finding, self._surfaces = None, (None, None)

    def close(self) -> None:
        """End its thread."""
        if self._finding is not None:
            self._finding.close()
        self.forget()

    def _scene_depth(self, app: ViewerApp, document: Document, divider: float) -> SceneDepth | None:
        # Labels are few, but the depth may have to come from a graphics card. Another thread waits for it.
        if self._finding is None:
            self._finding = LatestTask("labels", app.redraw.notify)
        second = app.compare.view_renderer
        shown = document.shown, second.shown if second is not None and divider < 1.0 else None
        self._finding.submit(shown, partial(_surfaces, *shown))
        found = self._finding.poll()
        if found is not None:
            self._surfaces = found[1]
        left, right = self._surfaces
        return None if left is None else SceneDepth(left, right, divider)

    def _draw_cameras(self, document: Document, pen: Pen) -> None:
        shown, chosen = document.capture_frustums, document.capture_camera
        others = shown.indices != (-1 if chosen is None else chosen)
        pen.lines(shown.lines(~others), CAMERAS)
        pen.place_labels(shown.centers[others], [str(index + 1) for index in shown.indices[others]], CAMERAS)
        if chosen is not None and document.camera.state.snapped is None:  # otherwise the view looks through it
            pen.lines(shown.of_camera(chosen), CHOSEN)
            pen.place_labels(document.video.metadata.cameras[chosen].center[None], [str(chosen + 1)], CHOSEN)

    def _draw_path(self, document: Document, pen: Pen) -> None:
        path, size = document.camera_path, float(np.ptp(document.camera.box, axis=0).max()) * 0.05
        key = (path.keyframes, path.tension)
        if self._path is None or self._path[0] != key:
            times = np.linspace(path.start, path.end, 1 + min(PATH_PIECES * (len(path) - 1), MAX_PATH_PIECES))
            curve = wireframes.polyline_segments([path.center(time) for time in times.tolist()])
            self._path = key, curve, Frustums([keyframe.camera for keyframe in path.keyframes], size)
        _, curve, shown = self._path
        pen.lines(curve, PATH, 1.5)
        near = np.linalg.norm(shown.centers - document.camera.state.eye, axis=1) < size  # the view looks through these
        chosen = document.selected_keyframe
        pen.lines(shown.lines(near | (shown.indices == (-1 if chosen is None else chosen))), PATH)
        if chosen is not None and np.linalg.norm(path.keyframes[chosen].camera.center - document.camera.state.eye) >= size:
            pen.lines(shown.of_camera(chosen), CHOSEN)

    def _cell_segments(self, document: Document) -> NDArray[np.float64]:
        time = document.playback.time
        video = document.rendered_video
        key = (id(video), time, document.knows_cells(time))
        if self._cells is None or self._cells[0] != key:
            box, _ = document.video.box_and_occupancy(time)
            segments = wireframes.cell_segments(document.cells(time), box)
            self._cells = key, wireframes.longest(segments, MAX_CELL_LINES)
        return self._cells[1]

    def _grid_segments(self, document: Document) -> NDArray[np.float64]:
        shadow = None if document.shown is None else document.shown.shadow
        ground = None if shadow is None else shadow.plane.height  # the shadow lies on the grid
        key = (id(document.video), tuple(document.camera.up), ground)
        if self._grid is None or self._grid[0] != key:
            self._grid = key, wireframes.grid_segments(document.camera.box, document.camera.up, ground)
        return self._grid[1]


@dataclass(frozen=True)
class Label:
    """Text at a point of the view."""

    point: NDArray[np.float64]
    """Pixels x and y, meters z."""
    text: str
    """One line."""
    color: int
    """ABGR."""

    def draw(self, corner: ImVec2, scale: float, color: int) -> None:
        """Write it in a color over the view whose upper left corner is `corner`."""
        draw, (x, y) = imgui.get_window_draw_list(), (self.point[:2] * scale).tolist()
        place, extent = ImVec2(corner.x + x + em(0.3), corner.y + y - em(0.5)), imgui.calc_text_size(self.text)
        draw.add_rect_filled(place, ImVec2(place.x + extent.x, place.y + extent.y), LABEL_GROUND, em(0.2))
        draw.add_text(place, color, self.text)


class Pen:
    """Collects world segments and labels as a camera sees them.

    Args:
        camera: the view.
        scale: screen units per pixel of the view.
    """

    def __init__(self, camera: Camera, scale: float) -> None:
        self._camera, self._scale = camera, scale
        self._made: list[NDArray[np.void]] = []
        self.labels: list[Label] = []
        """All labels so far."""

    def lines(self, segments: NDArray[np.float64], color: int, thickness: float = 1.0, behind: float = BEHIND) -> None:
        """Add segments, (N, 2, 3) meters; their thickness is in screen units, `behind` the relative opacity of hidden parts."""
        ends = wireframes.project_segments(segments, self._camera)
        size = self._camera.width, self._camera.height
        self._made.append(make_lines(ends, size, color, thickness / self._scale, behind))

    def place_labels(self, points: NDArray[np.float64], texts: list[str], color: int) -> None:
        """Add one text at each point of the world, (N, 3), unless it is behind the camera."""
        pixels, depth = self._camera.project(points)
        self.labels += [
            Label(np.array([*pixel, z]), text, color)
            for pixel, z, text in zip(pixels, depth, texts, strict=True)
            if z > wireframes.NEAR
        ]

    def made(self) -> NDArray[np.void]:
        """Return all lines, (N,) of `viewer.picture.overlay_lines.LINE`."""
        return np.concatenate(self._made) if self._made else np.zeros(0, LINE)


def _surfaces(first: ViewResult | None, second: ViewResult | None) -> tuple[Depth, Depth]:
    left, right = (
        None if result is None or result.image is None else surface_depth(result.image) for result in (first, second)
    )
    return left, right


def dimmed(color: int, opacity: float) -> int:
    """Return a packed color with its opacity multiplied by `opacity`."""
    return (color & 0xFFFFFF) | round((color >> 24) * opacity) << 24
