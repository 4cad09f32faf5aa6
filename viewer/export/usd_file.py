"""Write the surfaces of several frames into one animated USD file (OpenUSD), through Pixar's usd-core."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from common.atomic import atomic_write
from common.errors import InputError
from viewer.camera.rotations import basis_of_up
from viewer.export.mesh import Mesh, linear_colors

USD_SUFFIXES = (".usdc", ".usda", ".usdz")
"""Binary, text, and a package with the binary file in it."""

ROOT, SURFACE = "/video", "/video/surface"
"""Paths of the node that turns the scene upright, and of the surface."""


@dataclass(frozen=True)
class UsdTimes:
    """The frames of a file; a frame's number is its time code."""

    first: int
    """First frame."""
    last: int
    """Last frame."""
    fps: float
    """Frames per second."""


def load_usd(subject: Path) -> Any:
    """Import USD's Python package, which is optional; raise InputError if it is missing."""
    try:
        import pxr  # noqa: PLC0415 - optional
        from pxr import Gf, Sdf, Tf, Usd, UsdGeom, UsdUtils, Vt  # noqa: F401, PLC0415 - makes them attributes of pxr
    except ImportError as error:
        raise InputError(subject, "USD needs the package usd-core", "pip install usd-core, or write .glb") from error
    return pxr


@contextlib.contextmanager
def usd_file(path: Path, times: UsdTimes, up: ArrayLike, point_size: float) -> Iterator[Callable[[int, Mesh], None]]:
    """Provide a function that adds the surface of a frame to a file. The file appears when the block succeeds.

    Every frame is written to disk before the next one, so the memory does not grow with their number. The scene is turned so
    that z is up. Colors are linear, as `displayColor` requires.

    Args:
        path: .usdc, .usda or .usdz.
        times: the frames that will be added, in this order.
        up: direction that is up in the world.
        point_size: diameter of the points of a point cloud, meters.

    Yields:
        A function of a frame's number and its surface. All frames are triangles, or all are points.

    Raises:
        InputError: usd-core is missing, or the file cannot be written.
    """
    pxr = load_usd(path)
    with atomic_write(path) as temporary:
        # A later run removes the folder if this one is killed.
        folder = temporary.with_name(f"{temporary.stem}-layer{temporary.suffix}")
        folder.mkdir()
        try:
            binary = folder / "surface.usdc"
            yield _Layer(pxr, binary, times, up, point_size).add
            _convert(pxr, binary, temporary)
        except pxr.Tf.ErrorException as error:
            detail = " ".join(str(error).split())[:160]
            raise InputError(path, f"cannot be written ({detail})") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _Layer:
    """A binary USD file that grows by a frame at a time."""

    def __init__(self, pxr: Any, path: Path, times: UsdTimes, up: ArrayLike, point_size: float) -> None:
        self._pxr = pxr
        self._point_size = point_size
        self._layer = pxr.Sdf.Layer.CreateNew(str(path))
        self._stage = stage = pxr.Usd.Stage.Open(self._layer)
        geometry = pxr.UsdGeom
        geometry.SetStageUpAxis(stage, geometry.Tokens.z)
        geometry.SetStageMetersPerUnit(stage, 1.0)
        stage.SetTimeCodesPerSecond(times.fps)
        stage.SetFramesPerSecond(times.fps)
        stage.SetStartTimeCode(times.first)
        stage.SetEndTimeCode(times.last)
        root = geometry.Xform.Define(stage, ROOT)
        stage.SetDefaultPrim(root.GetPrim())
        matrix = np.eye(4)
        matrix[:3, :3] = basis_of_up(up).T  # USD multiplies rows of coordinates from the left
        root.AddTransformOp().Set(pxr.Gf.Matrix4d(matrix))
        self._surface: Any = None

    def add(self, frame: int, mesh: Mesh) -> None:
        """Write the surface of a frame."""
        if self._surface is None:
            self._surface = self._define(len(mesh.faces) > 0)
        vectors, surface = self._pxr.Vt.Vec3fArray, self._surface
        surface.GetPointsAttr().Set(vectors.FromNumpy(mesh.vertices), frame)
        surface.GetNormalsAttr().Set(vectors.FromNumpy(mesh.normals), frame)
        colors = linear_colors(mesh.colors).astype(np.float32)
        surface.GetDisplayColorPrimvar().Set(vectors.FromNumpy(colors), frame)
        box = np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])
        surface.GetExtentAttr().Set(vectors.FromNumpy(box), frame)
        if len(mesh.faces):
            integers = self._pxr.Vt.IntArray
            surface.GetFaceVertexCountsAttr().Set(integers.FromNumpy(np.full(len(mesh.faces), 3, np.int32)), frame)
            surface.GetFaceVertexIndicesAttr().Set(integers.FromNumpy(np.ascontiguousarray(mesh.faces).reshape(-1)), frame)
        self._layer.Save()  # frees the frame's memory: USD reads it from the file from now on

    def _define(self, triangles: bool) -> Any:
        geometry, vertex = self._pxr.UsdGeom, self._pxr.UsdGeom.Tokens.vertex
        if triangles:
            surface = geometry.Mesh.Define(self._stage, SURFACE)
            surface.CreateSubdivisionSchemeAttr(geometry.Tokens.none)
        else:
            surface = geometry.Points.Define(self._stage, SURFACE)
            surface.CreateWidthsAttr([self._point_size])
            surface.SetWidthsInterpolation(geometry.Tokens.constant)
        surface.SetNormalsInterpolation(vertex)
        surface.CreateDisplayColorPrimvar(vertex)
        return surface


def _convert(pxr: Any, binary: Path, target: Path) -> None:
    """Write a finished binary file in the format that the suffix of the target names."""
    if target.suffix.lower() == ".usdc":
        os.replace(binary, target)
    elif target.suffix.lower() == ".usda":
        pxr.Sdf.Layer.FindOrOpen(str(binary)).Export(str(target))
    else:
        target.unlink()
        pxr.UsdUtils.CreateNewUsdzPackage(pxr.Sdf.AssetPath(str(binary)), str(target))
