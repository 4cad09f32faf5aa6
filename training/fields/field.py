"""The one door between a training and the evaluation of a frame: from decoded maps and rays to what the rays see.

A `RadianceField` bakes the hash tables at the frame's time, places the samples, queries density and color and composites. Two
implement it: `training.fields.torch_field` in PyTorch, for everything, and `training.fields.native_field` with the native
kernels, many times faster. Gradients go to the hash tables and the three kinds of maps; rays and samples need none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from model.decoder import Maps
from model.hash_encoding import HashEncoding
from training.fields.samples import RayBatch, SamplingRegion


@dataclass(frozen=True)
class RenderedRays:
    """What the rays of a step see, and how many samples it took."""

    color: torch.Tensor
    """(R, 3) premultiplied: sum of w c over the samples with w > tau2."""
    moments: torch.Tensor
    """(R, 2) sums of w |c|^2 and of w over the same samples."""
    opacity: torch.Tensor
    """(R,) 1 - transmittance behind the last sample."""
    penalty: torch.Tensor
    """Scalar: mean over the samples marched of the squared excess of sigma * step over the config's limit."""
    samples: int
    """Samples in the hull."""
    marched: int
    """Of those, samples not blocked by the ones in front."""
    colored: int
    """Of those, samples with color."""
    grids: torch.Tensor | None = None
    """Where it stands for the hash tables in the graph: their grids at the frame's time, a leaf, (3, nodes, F). The
    gradient of whole tables would be hundreds of times more numbers than the rays of a frame reach."""


class RadianceField(Protocol):
    """Evaluates frames; safe to call from several threads at once."""

    name: str
    """"torch" or "native"."""

    def render(
        self,
        maps: Maps,
        encoding: HashEncoding,
        time: float,
        rays: RayBatch,
        region: SamplingRegion,
        seed: int,
        progress: float = 0.0,
    ) -> RenderedRays:
        """Render rays at stratified samples, differentiably.

        Args:
            maps: of one frame, without batch axis: feature planes, density maps, color maps as in `model.frame.Frame`.
            encoding: the hash tables.
            time: t/T in [0, 1).
            rays: R rays.
            region: where their samples may lie.
            seed: decides all randomness of the call.
            progress: how far the training is, 0 to 1; decides the density's leak.
        """

    def density(self, maps: Maps, encoding: HashEncoding, time: float, points: torch.Tensor) -> torch.Tensor:
        """sigma of a frame at points (P, 3) in [0, 1]^3: (P,), 1/m, without gradients."""
