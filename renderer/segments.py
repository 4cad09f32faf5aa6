"""Render long videos of several segments with any backend: the picture changes gradually from one segment to the next."""

from __future__ import annotations

import time as clock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.camera import Camera
from model.segmented_video import SegmentedVideo
from model.video import VolumetricVideo
from renderer.backend import CancelToken, PreparedFrame, Region, RenderedImage, Renderer, RenderSettings, RenderStatistics
from renderer.frame_parts import FrameParts


class SegmentFrame(FrameParts[float]):
    """The prepared frame of one segment, or those of two around a seam, each with its share of the picture."""

    @property
    def box(self) -> NDArray[np.float32]:
        """(2, 3) corners around all of them, meters."""
        boxes = np.stack([frame.box for _, frame in self.parts])
        return np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])


class SegmentRenderer:
    """A `Renderer` that renders long videos with a backend; anything else goes straight to the backend.

    Args:
        renderer: the backend.
    """

    def __init__(self, renderer: Renderer) -> None:
        self.backend = renderer
        self.name, self.device, self.threads = renderer.name, renderer.device, renderer.threads

    @property
    def frame_memory(self) -> int:
        """Bytes for all frames, of backends on a device with memory of its own; see `renderer.frame_cache.FrameCache`."""
        return int(self.backend.frame_memory)  # type: ignore[attr-defined]

    @property
    def frame_memory_left(self) -> int:
        """Bytes of `frame_memory` that no frame uses yet."""
        return int(self.backend.frame_memory_left)  # type: ignore[attr-defined]

    def prepare(self, video: VolumetricVideo, time: float) -> PreparedFrame:
        """Decode and bake what shows the instant `time`; load its segments if they are not in memory.

        Raises:
            InputError: `time` is out of range, or a segment is damaged or cannot be read.
        """
        if not isinstance(video, SegmentedVideo):
            return self.backend.prepare(video, time)
        parts = video.parts(time)
        return SegmentFrame(time, [(part.weight, self.backend.prepare(segment, part.time)) for part, segment in parts])

    def render(
        self,
        frame: Any,
        camera: Camera,
        settings: RenderSettings = RenderSettings(),
        *,
        cancel: CancelToken | None = None,
        region: Region | None = None,
    ) -> RenderedImage:
        """Render a view; see `renderer.backend.Renderer.render`. Around a seam, two images are blended."""
        if not isinstance(frame, SegmentFrame):
            return self.backend.render(frame, camera, settings, cancel=cancel, region=region)
        start = clock.perf_counter()
        images = [self.backend.render(part, camera, settings, cancel=cancel, region=region) for _, part in frame.parts]
        if len(images) == 1:
            return images[0]
        image = blended(images, [weight for weight, _ in frame.parts])
        image.statistics.total_ms = (clock.perf_counter() - start) * 1000
        return image


def blended(images: list[RenderedImage], weights: list[float]) -> RenderedImage:
    """Return the weighted mean of images of one size.

    Args:
        images: premultiplied colors and opacities are averaged, depths in proportion to weight times opacity; counts and
            costs are added.
        weights: one for each, with sum 1.
    """
    shares = np.array(weights, np.float32)[:, None, None]
    rgba = (np.stack([image.rgba for image in images]) * shares[..., None]).sum(0)
    parts = shares * np.stack([image.opacity for image in images])
    total = parts.sum(0)
    depths = (parts * np.stack([image.depth for image in images])).sum(0)
    depth = np.divide(depths, total, out=np.zeros_like(total), where=total > 0)
    counts = np.minimum(sum(image.counts.astype(np.uint32) for image in images), 65535).astype(np.uint16)
    return RenderedImage(rgba, depth, counts, sum((image.statistics for image in images), RenderStatistics()))
