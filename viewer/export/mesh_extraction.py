"""Extract the surface of a frame with PyTorch: marching cubes on its density, with colors as seen from outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from common.errors import InputError
from common.memory import check_memory
from model.frame import Frame
from model.query import query_color, query_density, query_features
from model.scene import Box
from renderer.backend import CancelToken, RenderSettings
from viewer.export.mesh import Floats, Mesh, MeshOptions

Progress = Callable[[float], None]

BATCH = 1 << 15
"""Points evaluated at once. Progress and cancelling are handled between batches."""

NODE_BYTES, EVALUATED_BYTES = 12, 40
"""Memory per node of the grid, and per node whose density is computed."""


class NoSurface(InputError):
    """A frame has no surface: its crop box leaves nothing, or its density stays below the level.

    Args:
        subject, fault, remedy: as those of `InputError`.
        largest: the largest density that was found, 1/m.
    """

    def __init__(self, subject: str, fault: str, remedy: str, largest: float = 0.0) -> None:
        super().__init__(subject, fault, remedy)
        self.largest = largest


def default_level(frame: Frame) -> float:
    """Return the density at which two steps of the renderer absorb half of the light, 1/m."""
    diagonal = float(torch.linalg.vector_norm(frame.box[1] - frame.box[0]))
    return math.log(2.0) / (2.0 * diagonal / frame.config.render.steps_per_diagonal)


def extract_mesh(
    frame: Frame,
    options: MeshOptions = MeshOptions(),
    progress: Progress = lambda part: None,
    cancel: CancelToken | None = None,
    crop: Box | None = None,
) -> Mesh:
    """Extract the surface where the density of a decoded frame crosses a level. Unoccupied cells are empty.

    The surface is closed where the box of the frame or the crop box cuts it. No vertex lies outside either box.

    Args:
        frame: the decoded frame.
        options: resolution and level.
        progress: called with the fraction that is done, 0 to 1.
        cancel: ends it early.
        crop: only the part of the frame inside this box is extracted, meters; None is all of it.

    Raises:
        NoSurface: no point inside the box reaches this density.
        InputError: scikit-image is missing, or the grid does not fit into memory.
        RenderCancelled: `cancel` was set.
    """
    measure = _load_marching_cubes()
    token = cancel or CancelToken()
    box = _clipped(frame, crop)
    density, spacing = sample_density(frame, options.resolution, lambda part: progress(0.9 * part), token, box)
    level = default_level(frame) if options.level is None else options.level
    if level >= density.max():
        raise _not_reached(frame, level, density)
    padded = np.pad(density, 1)  # closes the surface where the box cuts it
    places, faces, normals, _ = measure(padded, level, gradient_direction="descent", allow_degenerate=False)
    token.check()
    places, faces, normals = _onto_border(places - 1, faces, normals, np.array(density.shape) - 1)
    vertices = np.clip((box[0] + places * np.asarray(spacing)).astype(np.float32), *box)
    normals = _unit(normals / np.asarray(spacing))
    colors = surface_colors(frame, vertices, normals, lambda part: progress(0.9 + 0.1 * part), token)
    # scikit-image winds its triangles clockwise seen from outside.
    return Mesh(vertices, normals, colors, np.ascontiguousarray(faces[:, ::-1], dtype=np.int32))


def sample_points(frame: Frame, mesh: Mesh, count: int, cancel: CancelToken | None = None) -> Mesh:
    """Sample points evenly on a surface, with colors and normals; the result is a `Mesh` without faces.

    Args:
        frame: the frame that the mesh was extracted from.
        mesh: its surface.
        count: number of points.
        cancel: ends it early.

    Raises:
        NoSurface: the surface has no area.
        RenderCancelled: `cancel` was set.
    """
    rng = np.random.default_rng(0)
    corners, areas = mesh.vertices[mesh.faces], triangle_areas(mesh)
    if not areas.sum() > 0:
        raise NoSurface("mesh", "its surface has no area", "choose a larger crop box")
    chosen = rng.choice(len(areas), size=count, p=areas / areas.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), size=count)[:, :, None].astype(np.float32)
    points = (corners[chosen] * weights).sum(axis=1)
    points = np.clip(points, mesh.vertices.min(axis=0), mesh.vertices.max(axis=0))  # weights are rounded
    normals = _unit((mesh.normals[mesh.faces[chosen]] * weights).sum(axis=1))
    colors = surface_colors(frame, points, normals, lambda part: None, cancel or CancelToken())
    return Mesh(points, normals, colors, np.zeros((0, 3), np.int32))


def triangle_areas(mesh: Mesh) -> NDArray[np.float64]:
    """Return the area of each triangle of a mesh, (F,) square meters."""
    corners = mesh.vertices[mesh.faces].astype(np.float64)  # (F, 3 corners, 3)
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def sample_density(
    frame: Frame, resolution: int, progress: Progress, cancel: CancelToken, box: Floats | None = None
) -> tuple[Floats, tuple[float, float, float]]:
    """Compute the density on a grid of nodes over the box, including its border; 0 at nodes that touch no occupied cell.

    Args:
        frame: the decoded frame.
        resolution: intervals along the longest side.
        progress, cancel: as in `extract_mesh`.
        box: (2, 3) meters, inside the frame's box; None is all of it.

    Returns:
        (X, Y, Z) in 1/m, and the distance between nodes along each axis in meters.

    Raises:
        InputError: the grid does not fit into memory.
    """
    whole = frame.box.numpy().astype(np.float64)
    low, high = whole if box is None else box.astype(np.float64)
    counts = np.maximum(np.ceil(resolution * (high - low) / (high - low).max() - 1e-6).astype(int), 2) + 1
    needed, subject, remedy = NODE_BYTES * float(counts.prod()), f"mesh resolution {resolution}", "choose a smaller one"
    check_memory(needed, subject, remedy)
    start, end = ((corner - whole[0]) / (whole[1] - whole[0]) for corner in (low, high))
    touched = occupied_nodes(frame.occupancy.numpy(), tuple(counts), (start, end))
    check_memory(needed + EVALUATED_BYTES * np.count_nonzero(touched), subject, remedy)
    points = torch.from_numpy((start + (end - start) * np.argwhere(touched) / (counts - 1)).astype(np.float32))
    density = np.zeros(tuple(counts), np.float32)
    values = [_density(frame, batch) for batch in _batches(points, progress, cancel)]
    if values:
        density[touched] = torch.cat(values).numpy()
    x, y, z = (high - low) / (counts - 1)
    return density, (float(x), float(y), float(z))


def occupied_nodes(
    occupancy: NDArray[np.bool_], counts: tuple[int, ...], part: tuple[ArrayLike, ArrayLike] = ((0, 0, 0), (1, 1, 1))
) -> NDArray[np.bool_]:
    """Find the nodes of a grid over the box that lie in an occupied cell or on its border.

    Args:
        occupancy: (X, Y, Z) cells.
        counts: number of nodes along each axis, including the border.
        part: lower and upper corner of the part of the box that the grid covers, each (3,), 0 to 1.
    """
    result = occupancy
    low, high = np.asarray(part, np.float64)
    for axis, count in enumerate(counts):
        cells = occupancy.shape[axis]
        position = (low[axis] + (high[axis] - low[axis]) * np.arange(count) / (count - 1)) * cells
        left = np.clip(np.ceil(position - 1e-6).astype(int) - 1, 0, cells - 1)
        right = np.clip(np.floor(position + 1e-6).astype(int), 0, cells - 1)
        result = np.take(result, left, axis) | np.take(result, right, axis)
    return result


def surface_colors(frame: Frame, points: Floats, normals: Floats, progress: Progress, cancel: CancelToken) -> NDArray[np.uint8]:
    """Compute the colors of world points seen from outside along their normals, (P, 3) 8 bit."""
    low, high = frame.box
    places = ((torch.from_numpy(points) - low) / (high - low)).clamp(0, 1)
    rows = torch.cat([places, torch.from_numpy(-normals)], dim=1)
    parts = [_color(frame, batch) for batch in _batches(rows, progress, cancel)]
    colors = torch.cat(parts).numpy() if parts else np.zeros((0, 3), np.float32)
    return np.rint(colors * 255).astype(np.uint8)


@torch.no_grad()
def _density(frame: Frame, points: torch.Tensor) -> torch.Tensor:
    return query_density(frame, points, query_features(frame, points))


@torch.no_grad()
def _color(frame: Frame, rows: torch.Tensor) -> torch.Tensor:
    points, directions = rows[:, :3], rows[:, 3:]
    return query_color(frame, points, query_features(frame, points), directions)


def _batches(rows: torch.Tensor, progress: Progress, cancel: CancelToken) -> Iterator[torch.Tensor]:
    for start in range(0, len(rows), BATCH):
        cancel.check()
        yield rows[start : start + BATCH]
        progress(min(1.0, (start + BATCH) / len(rows)))


def _unit(vectors: NDArray) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])
    return np.where(lengths > 1e-12, vectors / np.maximum(lengths, 1e-12), up).astype(np.float32)


def _clipped(frame: Frame, crop: Box | None) -> Floats:
    """Return the part of a frame's box inside a crop box, (2, 3) meters; raise NoSurface if nothing is left."""
    box = RenderSettings(crop=crop).clip(frame.box.numpy())
    if not (box[0] < box[1]).all():
        raise NoSurface("mesh", f"the crop box contains nothing of frame {frame.time:g}", "move or enlarge it")
    return box


def _not_reached(frame: Frame, level: float, density: Floats) -> NoSurface:
    low, high = float(density.min()), float(density.max())
    fault = f"frame {frame.time:g} has no surface at the density {level:g}/m: its densities are {low:.4g}/m to {high:.4g}/m"
    return NoSurface("mesh", fault, "choose a lower density or another frame", high)


def _onto_border(places: NDArray, faces: NDArray, normals: NDArray, last: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Move the vertices that close a surface from outside a grid onto its border.

    Vertices that meet there are united, and the triangles between them vanish.

    Args:
        places: (V, 3) vertices in intervals of the grid.
        faces: (F, 3) vertex indices.
        normals: (V, 3) of any length.
        last: (3,) index of the last node along each axis.

    Returns:
        The same three, without what is no longer used.
    """
    inside = np.clip(places, 0, last)
    moved = np.flatnonzero((inside != places).any(axis=1))
    _, first, group = np.unique(inside[moved], axis=0, return_index=True, return_inverse=True)
    group, kept, united = group.reshape(-1), moved[first], np.arange(len(places))
    united[moved] = kept[group]
    sums = np.zeros((len(kept), 3))
    np.add.at(sums, group, normals[moved])
    normals = normals.copy()
    normals[kept] = sums
    faces = united[faces]
    visible = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    used, faces = np.unique(faces[visible], return_inverse=True)
    return inside[used], faces.reshape(-1, 3), normals[used]


def _load_marching_cubes() -> Callable:
    try:
        from skimage.measure import marching_cubes  # noqa: PLC0415  (optional, and slow to load)
    except ImportError as error:
        raise InputError("mesh export", "needs the package scikit-image", "pip install scikit-image") from error
    return marching_cubes
