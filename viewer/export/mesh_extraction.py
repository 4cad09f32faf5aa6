"""Extract the surface of a frame with PyTorch: marching cubes on its density, with colors as seen from outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import InputError
from model.frame import Frame
from model.query import query_color, query_density, query_features
from renderer.backend import CancelToken
from viewer.export.mesh import Floats, Mesh, MeshOptions

Progress = Callable[[float], None]

BATCH = 1 << 15
"""Points evaluated at once. Progress and cancelling are handled between batches."""


def default_level(frame: Frame) -> float:
    """Return the density at which two steps of the renderer absorb half of the light, 1/m."""
    diagonal = float(torch.linalg.vector_norm(frame.box[1] - frame.box[0]))
    return math.log(2.0) / (2.0 * diagonal / frame.config.render.steps_per_diagonal)


def extract_mesh(
    frame: Frame,
    options: MeshOptions = MeshOptions(),
    progress: Progress = lambda part: None,
    cancel: CancelToken | None = None,
) -> Mesh:
    """Extract the surface where the density of a decoded frame crosses a level. Unoccupied cells are empty.

    Args:
        frame: the decoded frame.
        options: resolution and level.
        progress: called with the fraction that is done, 0 to 1.
        cancel: ends it early.

    Raises:
        InputError: scikit-image is missing, or no point reaches this density.
        RenderCancelled: `cancel` was set.
    """
    measure = _load_marching_cubes()
    token = cancel or CancelToken()
    density, spacing = sample_density(frame, options.resolution, lambda part: progress(0.9 * part), token)
    level = default_level(frame) if options.level is None else options.level
    if level >= density.max():
        raise InputError("mesh", f"no point reaches density {level:g} per meter; the largest is {density.max():g}")
    padded = np.pad(density, 1)  # closes the surface where the box cuts it
    vertices, faces, normals, _ = measure(padded, level, spacing=spacing, gradient_direction="descent", allow_degenerate=False)
    token.check()
    low = frame.box[0].numpy()
    vertices = (vertices - np.asarray(spacing) + low).astype(np.float32)
    normals = _unit(normals)
    colors = surface_colors(frame, vertices, normals, lambda part: progress(0.9 + 0.1 * part), token)
    # scikit-image winds its triangles clockwise seen from outside.
    return Mesh(vertices, normals, colors, np.ascontiguousarray(faces[:, ::-1], dtype=np.int32))


def sample_points(frame: Frame, mesh: Mesh, count: int, seed: int = 0, cancel: CancelToken | None = None) -> Mesh:
    """Sample points evenly on a surface, with colors and normals; the result is a `Mesh` without faces.

    Args:
        frame: the frame that the mesh was extracted from.
        mesh: its surface.
        count: number of points.
        seed: seed of the random positions.
        cancel: ends it early.
    """
    rng = np.random.default_rng(seed)
    corners = mesh.vertices[mesh.faces]  # (F, 3 corners, 3)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = rng.choice(len(areas), size=count, p=areas / areas.sum())
    weights = rng.dirichlet((1.0, 1.0, 1.0), size=count)[:, :, None].astype(np.float32)
    points = (corners[chosen] * weights).sum(axis=1)
    normals = _unit((mesh.normals[mesh.faces[chosen]] * weights).sum(axis=1))
    colors = surface_colors(frame, points, normals, lambda part: None, cancel or CancelToken())
    return Mesh(points, normals, colors, np.zeros((0, 3), np.int32))


def sample_density(
    frame: Frame, resolution: int, progress: Progress, cancel: CancelToken
) -> tuple[Floats, tuple[float, float, float]]:
    """Compute the density on a grid of nodes over the box, including its border; 0 at nodes that touch no occupied cell.

    Args:
        frame: the decoded frame.
        resolution: intervals along the longest side.
        progress, cancel: as in `extract_mesh`.

    Returns:
        (X, Y, Z) in 1/m, and the distance between nodes along each axis in meters.
    """
    size = (frame.box[1] - frame.box[0]).numpy().astype(np.float64)
    counts = np.maximum(np.ceil(resolution * size / size.max() - 1e-6).astype(int), 2) + 1
    touched = occupied_nodes(frame.occupancy.numpy(), tuple(counts))
    nodes = np.argwhere(touched)
    points = torch.from_numpy((nodes / (counts - 1)).astype(np.float32))
    density = np.zeros(tuple(counts), np.float32)
    values = [_density(frame, batch) for batch in _batches(points, progress, cancel)]
    if values:
        density[touched] = torch.cat(values).numpy()
    x, y, z = size / (counts - 1)
    return density, (float(x), float(y), float(z))


def occupied_nodes(occupancy: NDArray[np.bool_], counts: tuple[int, ...]) -> NDArray[np.bool_]:
    """Find the nodes of a grid over the box that lie in an occupied cell or on its border.

    Args:
        occupancy: (X, Y, Z) cells.
        counts: number of nodes along each axis, including the border.
    """
    result = occupancy
    for axis, count in enumerate(counts):
        cells = occupancy.shape[axis]
        position = np.arange(count) * cells / (count - 1)
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


def _load_marching_cubes() -> Callable:
    try:
        from skimage.measure import marching_cubes  # noqa: PLC0415  (optional, and slow to load)
    except ImportError as error:
        raise InputError("mesh export", "needs the package scikit-image", "pip install scikit-image") from error
    return marching_cubes
