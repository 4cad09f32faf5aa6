"""The published rendering pipeline, ported to PyTorch from the paper. It is the baseline that this renderer is compared with.

The paper (sections 3 and 4, supplementary section 1) differs from this renderer in three ways. It looks hash tables up in
3D, at eight corners per level and sample, instead of reducing them to 2D grids once per frame. It computes the density of
every sample in an occupied cell, even behind an opaque surface. It evaluates color heads layer by layer. The reference renderer
does the last two as well, so the port is the reference renderer with hash tables looked up in 3D. As in the paper, samples are
sorted by head, and those that share a head go through it together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from model.camera import Camera
from model.frame import Frame
from model.hash_encoding import HashEncoding
from model.query import plane_coordinates
from model.video import VolumetricVideo
from renderer.backend import RenderedImage, RenderSettings
from renderer.reference.renderer import render_image


@dataclass(frozen=True)
class PublishedFrame:
    """A decoded frame with its hash tables in 3D."""

    frame: Frame
    """Maps, box and occupancy; its baked grids are not used."""
    encoding: HashEncoding
    """The 3D hash tables."""
    normalized_time: float
    """t/T."""

    def hash_features(self, points: torch.Tensor) -> torch.Tensor:
        """Look up points (P, 3) in the hash tables of all levels and planes: (P, L * F); see `model.query.HashFeatures`."""
        time = torch.full((len(points),), self.normalized_time)
        return self.encoding(plane_coordinates(points), time).sum(0)  # type: ignore[no-any-return]


class PublishedPipeline:
    """Renders frames as the paper describes; the interface is that of `renderer.backend.Renderer`."""

    name = "published"

    def prepare(self, video: VolumetricVideo, time: float) -> PublishedFrame:
        """Decode the frame at `time`; InputError when it is out of range."""
        return PublishedFrame(video.decode(time), video.hash_encoding, time / video.num_frames)

    def render(self, frame: PublishedFrame, camera: Camera, settings: RenderSettings = RenderSettings()) -> RenderedImage:
        """Render a view: density of all samples in occupied cells, then color of those with a weight above tau2."""
        return render_image(frame.frame, camera, settings, frame.hash_features)
