"""A renderer of panoramas, VR180 and stereo images: it renders pinhole images with another renderer and puts them together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from common.errors import InputError
from model.camera import Camera
from model.video import VolumetricVideo
from renderer.backend import (
    CancelToken,
    DeviceFailed,
    PreparedFrame,
    Region,
    RenderedImage,
    Renderer,
    RenderSettings,
    RenderStatistics,
)
from viewer.export.cube_map import FACES, FaceLookup, face_camera, face_lookups, face_side, may_see, resample
from viewer.export.projection import Projection, converging, level, moved_right
from viewer.settings import DisplaySettings


class ProjectionRenderer:
    """Implements `renderer.backend.Renderer`. A camera has the size of one eye's image and the pose between the eyes.

    Images with two eyes are twice as wide as the camera's. Depth of panoramas and VR180 images is along the ray.

    Args:
        renderer: renders the pinhole images. It must continue with another device after `DeviceFailed`.
        projection: the image's kind and the distance of the eyes.
        up: direction that is up in the world; panoramas and VR180 images are level.
        target: (3,) point in the world at whose distance the eyes of stereo images converge, meters.
    """

    def __init__(self, renderer: Renderer, projection: Projection, up: ArrayLike, target: ArrayLike) -> None:
        self.name, self.device, self.threads = renderer.name, renderer.device, renderer.threads
        self._renderer, self._projection = renderer, projection
        self._up, self._target = np.asarray(up, np.float64), np.asarray(target, np.float64)
        self._lookups: dict[tuple[int, int], list[FaceLookup]] = {}

    def prepare(self, video: VolumetricVideo, time: float) -> PreparedFrame:
        """Decode and bake a frame; see `renderer.backend.Renderer.prepare`."""
        return self._renderer.prepare(video, time)

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render the whole image; see `renderer.backend.Renderer.render`.

        Raises:
            InputError: the size does not fit the projection.
            NotImplementedError: a region is given, which nothing needs.
        """
        if region is not None:
            raise NotImplementedError("projections render whole images")
        self._projection.check_size(camera.width * len(self._projection.eyes), camera.height)
        images = [self._eye(frame, camera, offset, settings, cancel) for offset in self._projection.eyes]
        return images[0] if len(images) == 1 else side_by_side(images)

    def _eye(
        self, frame: Any, camera: Camera, offset: float, settings: RenderSettings, cancel: CancelToken | None
    ) -> RenderedImage:
        if self._projection.spherical:
            return self._spherical(frame, moved_right(level(camera, self._up), offset), settings, cancel)
        eye = converging(camera, offset, self._target, self._projection.eye_distance)
        return self._pinhole(frame, eye, settings, cancel)

    def _spherical(self, frame: Any, camera: Camera, settings: RenderSettings, cancel: CancelToken | None) -> RenderedImage:
        shape = camera.height, camera.width
        side = face_side(camera.width, self._projection.span)
        if shape not in self._lookups:
            self._lookups = {shape: face_lookups(camera.width, camera.height, self._projection.span, side)}
        whole = RenderedImage.blank(camera.width, camera.height)
        for face, lookup in zip(range(len(FACES)), self._lookups[shape], strict=True):
            seen = face_camera(camera, face, side)
            if len(lookup.pixels) and may_see(seen, frame.box):
                image = self._pinhole(frame, seen, settings, cancel)
                resample(image, lookup, whole)
                whole.statistics += image.statistics
        return whole

    def _pinhole(self, frame: Any, camera: Camera, settings: RenderSettings, cancel: CancelToken | None) -> RenderedImage:
        image = self._renderer.render(frame, camera, settings, cancel=cancel)
        try:
            image.finish()
            return RenderedImage(image.rgba, image.depth, image.counts, image.statistics)
        except DeviceFailed:  # the image was lost with the device; the renderer continues with another one
            image = self._renderer.render(frame, camera, settings, cancel=cancel)
            image.finish()
            return RenderedImage(image.rgba, image.depth, image.counts, image.statistics)


def with_projection(renderer: Renderer, projection: Projection, video: VolumetricVideo) -> Renderer:
    """Return the renderer itself for perspective images, and otherwise one for the projection."""
    if projection.name == "perspective":
        return renderer
    return ProjectionRenderer(renderer, projection, video.metadata.up, video.bounds.mean(axis=0))


def check_projection(projection: Projection, size: tuple[int, int], display: DisplaySettings) -> None:
    """Raise InputError if a projection cannot have this size, or cannot show what the settings ask for."""
    projection.check_size(*size)
    if projection.name == "perspective":
        return
    remedy = "use --projection perspective"
    if display.mode in ("normals", "heads"):
        raise InputError(f"view {display.mode}", f"cannot be shown in {projection.name} images", remedy)
    if display.has_image or display.has_shadow:
        raise InputError("pictures, panoramas and shadows", f"cannot be shown in {projection.name} images", remedy)


def side_by_side(images: list[RenderedImage]) -> RenderedImage:
    """Return images next to each other, from left to right, as one."""
    statistics = sum((image.statistics for image in images), RenderStatistics())
    joined = [np.concatenate(arrays, axis=1) for arrays in zip(*((i.rgba, i.depth, i.counts) for i in images), strict=True)]
    return RenderedImage(joined[0], joined[1], joined[2], statistics)
