"""The surface of one instant of a video or a scene: that of each video, cropped and in its place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.frame import Frame
from model.placement import Placement
from model.scene import PlacedVideo
from renderer.backend import CancelToken
from viewer.export.mesh import Mesh, MeshOptions
from viewer.export.mesh_extraction import NoSurface, Progress, extract_mesh, sample_points, triangle_areas


def extract_placed(
    parts: Sequence[tuple[PlacedVideo, float]],
    options: MeshOptions,
    points: int | None = None,
    progress: Progress = lambda part: None,
    cancel: CancelToken | None = None,
) -> Mesh:
    """Extract the surfaces of several videos as one mesh or point cloud, meters in the scene.

    Args:
        parts: each video with its place and crop box, and the index of its frame; at least one.
        options: resolution, of each video, and density of the surface.
        points: sample this many points on all surfaces together instead of triangles.
        progress: called with the fraction that is done, 0 to 1.
        cancel: ends it early.

    Raises:
        NoSurface: no video has a surface; the error is that of the densest one. Videos without one are left out otherwise.
        InputError: scikit-image is missing, or a grid does not fit into memory.
        RenderCancelled: `cancel` was set.
    """
    found: list[tuple[Placement, Frame, Mesh]] = []
    faults: list[NoSurface] = []
    for index, (placed, time) in enumerate(parts):

        def report(part: float, index: int = index) -> None:
            progress((index + part) / len(parts))

        frame = placed.video.decode(time)
        try:
            found.append((placed.placement, frame, extract_mesh(frame, options, report, cancel, placed.crop)))
        except NoSurface as error:
            faults.append(error)
    if not found:
        raise max(faults, key=lambda fault: fault.largest)
    if points is not None:
        counts = _shares(points, [triangle_areas(mesh).sum() * place.scale**2 for place, _, mesh in found])
        found = [
            (place, frame, sample_points(frame, mesh, count, cancel=cancel))
            for (place, frame, mesh), count in zip(found, counts, strict=True)
        ]
    return joined([in_scene(mesh, place) for place, _, mesh in found])


def in_scene(mesh: Mesh, placement: Placement) -> Mesh:
    """Return a mesh of a video in the scene where the video is placed."""
    if placement == Placement():
        return mesh
    normals = (mesh.normals @ placement.matrix.T).astype(np.float32)
    return Mesh(placement.to_scene(mesh.vertices).astype(np.float32), normals, mesh.colors, mesh.faces)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Return several meshes, at least one, as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])[:-1]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.colors for mesh in meshes]),
        np.concatenate([mesh.faces + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]),
    )


def _shares(total: int, areas: Sequence[float]) -> NDArray[np.int64]:
    """Divide a number of points by areas, so that the parts add up to it."""
    ends = np.rint(total * np.cumsum(areas) / np.sum(areas)).astype(np.int64)
    return np.diff(ends, prepend=0)
