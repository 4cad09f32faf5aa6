"""Render scenes of several placed videos with any backend: each video from its own camera, composited by depth."""

from __future__ import annotations

import time as clock
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.scene import PlacedVideo, Scene, box_around
from model.video import VolumetricVideo
from renderer.backend import CancelToken, PreparedFrame, Region, RenderedImage, Renderer, RenderSettings, RenderStatistics
from renderer.frame_parts import FrameParts
from renderer.scene.layers import front_to_back, mixed, over

SLABS = 16
"""Number of slabs into which the depths of overlapping videos are divided. docs/scenes.md has the error."""


class SceneFrame(FrameParts[PlacedVideo]):
    """The prepared frames of a scene's visible videos at one time."""

    @property
    def box(self) -> NDArray[np.float32]:
        """(2, 3) corners around all of them, meters in the scene; without extent if nothing is visible."""
        corners = [placed.corners(frame.box) for placed, frame in self.parts]
        return box_around(corners) if corners else np.zeros((2, 3), np.float32)


class SceneRenderer:
    """A `Renderer` that renders scenes with a backend; anything else goes straight to the backend.

    Videos whose boxes can be separated are composited as a whole, front to back, which is exact. The depths that overlapping
    boxes share are divided into slabs, and the videos are mixed within each slab.

    Args:
        renderer: the backend.
        slabs: their number.
    """

    def __init__(self, renderer: Renderer, slabs: int = SLABS) -> None:
        self.backend = renderer
        self.slabs = slabs
        self.name, self.device, self.threads = renderer.name, renderer.device, renderer.threads
        self._prepared: weakref.WeakValueDictionary[tuple[VolumetricVideo, float], PreparedFrame] = (
            weakref.WeakValueDictionary()
        )

    def prepare(self, video: VolumetricVideo, time: float) -> PreparedFrame:
        """Decode and bake the frames of all videos; see `renderer.backend.Renderer.prepare`."""
        if not isinstance(video, Scene):
            return self.backend.prepare(video, time)
        video.check_time(time)
        parts = []
        for placed in video.shown:
            key = placed.video, video.time_in(placed, time)
            part = self._prepared.get(key)
            if part is None:
                part = self._prepared[key] = self.backend.prepare(*key)
            parts.append((placed, part))
        return SceneFrame(time, parts)

    def rearranged(self, scene: Scene, time: float) -> SceneFrame | None:
        """Return a frame of a scene without preparing anything; None if a part of it is not in memory."""
        if time > scene.num_frames - 1:
            return None
        parts = [(placed, self._prepared.get((placed.video, scene.time_in(placed, time)))) for placed in scene.shown]
        known = [(placed, part) for placed, part in parts if part is not None]
        return SceneFrame(time, known) if len(known) == len(parts) else None

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view; see `renderer.backend.Renderer.render`. The crop box of `settings` has no effect on scenes."""
        if not isinstance(frame, SceneFrame):
            return self.backend.render(frame, camera, settings, cancel=cancel, region=region)
        started = clock.perf_counter()

        def layer(part: tuple[PlacedVideo, PreparedFrame], depths: tuple[float, float] | None) -> RenderedImage:
            return self._layer(part, camera, replace(settings, depth_range=depths), cancel, region)

        corners = [placed.corners(prepared.box) for placed, prepared in frame.parts]
        order = front_to_back(corners, camera.center)
        sums = _Sums(camera, region)
        if order is not None:
            for index in order:
                sums.add([layer(frame.parts[index], settings.depth_range)])
        else:
            self._render_slabs(frame, _depths(corners, camera), settings, layer, sums)
        return sums.image((clock.perf_counter() - started) * 1000)

    def opacity(
        self, frame: Any, camera: Camera, settings: RenderSettings = RenderSettings(), *, cancel: CancelToken | None = None
    ) -> NDArray[np.float32]:
        """Return the opacity of a view, (H, W) in [0, 1]: what the videos let through multiplies, so they need no slabs."""
        if not isinstance(frame, SceneFrame):
            return self.backend.render(frame, camera, settings, cancel=cancel).opacity
        passed = np.ones((camera.height, camera.width), np.float32)
        for part in frame.parts:
            passed *= 1 - self._layer(part, camera, settings, cancel, None).opacity
        return 1 - passed

    def _layer(
        self,
        part: tuple[PlacedVideo, PreparedFrame],
        camera: Camera,
        settings: RenderSettings,
        cancel: CancelToken | None,
        region: Region | None,
    ) -> RenderedImage:
        """Render one video from the scene's camera, with its own crop box."""
        placed, prepared = part
        scale, depths = placed.placement.scale, settings.depth_range
        limits = None if depths is None else (depths[0] / scale, depths[1] / scale)
        chosen = replace(settings, crop=placed.crop, depth_range=limits)
        seen = placed.placement.camera_in_video(camera)
        image = self.backend.render(prepared, seen, chosen, cancel=cancel, region=region)
        return RenderedImage(image.rgba, image.depth * np.float32(scale), image.counts, image.statistics)

    def _render_slabs(
        self,
        frame: SceneFrame,
        extents: list[tuple[float, float]],
        settings: RenderSettings,
        layer: Callable[[tuple[PlacedVideo, PreparedFrame], tuple[float, float]], RenderedImage],
        sums: _Sums,
    ) -> None:
        near, far = settings.depth_range or (0.0, np.inf)
        for slab in _slabs(extents, self.slabs):
            first, end = max(slab[0], near), min(slab[1], far)
            inside = [part for part, (low, high) in zip(frame.parts, extents, strict=True) if low < end and first < high]
            if inside and first < end:
                sums.add([layer(part, (first, end)) for part in inside])


class _Sums:
    """Composites slabs front to back."""

    def __init__(self, camera: Camera, region: Region | None) -> None:
        x0, y0, x1, y1 = region or (0, 0, camera.width, camera.height)
        shape = (y1 - y0, x1 - x0)
        self._rgba = np.zeros((*shape, 4), np.float32)
        self._depth, self._weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._counts = np.zeros((*shape, 2), np.uint32)
        self._statistics = RenderStatistics()

    def add(self, layers: list[RenderedImage]) -> None:
        """Add the images of the videos in the next slab."""
        rgba = layers[0].rgba if len(layers) == 1 else mixed([layer.rgba for layer in layers])
        passed = 1 - self._rgba[..., 3]
        self._rgba = over(self._rgba, rgba)
        for layer in layers:
            weight = passed * layer.rgba[..., 3]
            self._depth += weight * layer.depth
            self._weight += weight
            self._counts += layer.counts
            self._statistics += layer.statistics

    def image(self, total_ms: float) -> RenderedImage:
        """Return the image of all slabs so far."""
        depth = np.divide(self._depth, self._weight, out=np.zeros_like(self._depth), where=self._weight > 0)
        counts = np.minimum(self._counts, 65535).astype(np.uint16)
        return RenderedImage(self._rgba.clip(0, 1), depth, counts, replace(self._statistics, total_ms=total_ms))


def _depths(corners: list[NDArray[np.float64]], camera: Camera) -> list[tuple[float, float]]:
    """Return the smallest and the largest depth of each box, meters; 0 for what is behind the camera."""
    depths = [np.maximum(box @ camera.R[2] + camera.T[2], 0.0) for box in corners]
    return [(float(depth.min()), float(depth.max())) for depth in depths]


def _slabs(extents: list[tuple[float, float]], count: int) -> list[tuple[float, float]]:
    """Divide the depths that several boxes share into slabs, about `count` of them. Depths of one box alone are one slab."""
    edges = sorted({edge for extent in extents for edge in extent})
    edges[0], edges[-1] = 0.0, np.inf  # rounding must not lose a sample
    intervals = list(pairwise(edges))
    shared = [sum(low < end and first < high for low, high in extents) > 1 for first, end in intervals]
    highest = max(high for _, high in extents)
    lengths = [min(end, highest) - first if both else 0.0 for (first, end), both in zip(intervals, shared, strict=True)]
    slabs = []
    for (first, end), length in zip(intervals, lengths, strict=True):
        parts = max(1, int(np.ceil(count * length / max(sum(lengths), 1e-12))))
        inner = first + np.arange(1, parts) / parts * length
        cuts = [first, *inner.tolist(), end]
        slabs += list(pairwise(cuts))
    return slabs
