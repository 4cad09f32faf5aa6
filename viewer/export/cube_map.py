"""Spherical images from pinhole images: the faces of a cube around the camera, and where each pixel is on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.box import box_corners
from model.camera import Camera
from renderer.backend import RenderedImage
from viewer.export.projection import directions

DENSITY = 1.5
"""Pixels per radian in the middle of a face, relative to those of the spherical image. At 1, edges are visibly softer."""

BORDER = 1
"""Pixels that a face has beyond its 90 degrees at each side, so that every bilinear lookup stays on one face."""

# Rows: right, down and forward of each face in the axes of the camera.
FACES = tuple(
    np.array(rows, dtype=np.float64)
    for rows in (
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],  # front
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]],  # right
        [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],  # back
        [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],  # left
        [[1, 0, 0], [0, 0, 1], [0, -1, 0]],  # up
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]],  # down
    )
)
"""World to camera rotations of the faces, for a camera without rotation."""


def face_side(width: int, span: float) -> int:
    """Return the pixels of 90 degrees along a side of a face, for a spherical image of this width and span in radians."""
    return max(2, math.ceil(2 * DENSITY * width / span))


def face_camera(camera: Camera, face: int, side: int) -> Camera:
    """Return the camera of a face, at the place and in the axes of a camera."""
    R, whole = FACES[face] @ camera.R, side + 2 * BORDER
    K = np.array([[side / 2, 0, whole / 2], [0, side / 2, whole / 2], [0, 0, 1.0]])
    return Camera(whole, whole, K, R, -R @ camera.center)


def may_see(camera: Camera, box: ArrayLike) -> bool:
    """Return False only if nothing of a box, (2, 3) in meters, can be in the camera's image."""
    corners = box_corners(box)
    x, y, z = ((corners @ camera.R.T + camera.T) @ camera.K.T).T
    sides = (z, x, camera.width * z - x, y, camera.height * z - y)  # above 0 inside
    return all(bool((side > 0).any()) for side in sides)


@dataclass(frozen=True)
class FaceLookup:
    """The pixels of a spherical image that lie on one face."""

    pixels: NDArray[np.intp]
    """(P,) flat indices in the spherical image."""
    x: NDArray[np.float32]
    """(P,) horizontal position on the face, pixels; the center of the left-most pixels is 0."""
    y: NDArray[np.float32]
    """(P,) vertical position on the face, pixels; the center of the topmost pixels is 0."""
    stretch: NDArray[np.float32]
    """(P,) distance along the ray per depth along the face's axis."""


def face_lookups(width: int, height: int, span: float, side: int) -> list[FaceLookup]:
    """Return where each pixel of a spherical image lies, for every face in the order of `FACES`.

    Args:
        width, height: of the spherical image, pixels.
        span: angle that its width covers, radians.
        side: pixels of 90 degrees along a side of a face.
    """
    rays = directions(width, height, span).reshape(-1, 3)
    nearest = np.argmax(np.stack([rays @ face[2] for face in FACES]), axis=0)
    lookups = []
    for index, face in enumerate(FACES):
        pixels = np.flatnonzero(nearest == index)
        x, y, z = (rays[pixels] @ face.T).T
        scale, middle = side / 2, side / 2 + BORDER - 0.5
        arrays = (scale * x / z + middle, scale * y / z + middle, 1 / z)
        lookups.append(FaceLookup(pixels, *(array.astype(np.float32) for array in arrays)))
    return lookups


def resample(image: RenderedImage, lookup: FaceLookup, into: RenderedImage) -> None:
    """Read a face at the pixels of a lookup, bilinearly, and write them into a spherical image.

    Its depth becomes the distance along the ray; of the four neighbors, each counts with its opacity.
    """
    column, row = np.floor(lookup.x).astype(np.intp), np.floor(lookup.y).astype(np.intp)
    right, below = lookup.x - column, lookup.y - row
    rgba, weighted = np.zeros((len(column), 4), np.float32), np.zeros(len(column), np.float32)
    for dy, vertical in ((0, 1 - below), (1, below)):
        for dx, horizontal in ((0, 1 - right), (1, right)):
            neighbor = image.rgba[row + dy, column + dx] * (vertical * horizontal)[:, None]
            rgba += neighbor
            weighted += neighbor[:, 3] * image.depth[row + dy, column + dx]
    into.rgba.reshape(-1, 4)[lookup.pixels] = rgba
    depth = np.divide(weighted, rgba[:, 3], out=np.zeros_like(weighted), where=rgba[:, 3] > 0)
    into.depth.reshape(-1)[lookup.pixels] = depth * lookup.stretch
    nearest = np.rint(lookup.y).astype(np.intp), np.rint(lookup.x).astype(np.intp)
    into.counts.reshape(-1, 2)[lookup.pixels] = image.counts[nearest]
