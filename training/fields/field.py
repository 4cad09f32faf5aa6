"""The interface through which training evaluates a frame: decoded maps and rays in, the colors of the rays out.

A `RadianceField` bakes the hash tables at the frame's time, places samples on the rays, computes density and color and
composites them. `training.fields.torch_field` implements it in PyTorch, on any device. `training.fields.native_field`
implements it with the native kernels, which are many times faster. Gradients reach the hash tables and the three kinds of
maps, but not rays and samples. `training.fields.moved_rays` is for those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from model.decoder import Maps
from model.hash_encoding import HashEncoding
from model.occupancy_extraction import Density
from training.config import TrainingConfig
from training.fields.samples import RayBatch, RaySamples, SamplingRegion


@dataclass(frozen=True)
class MarchSettings:
    """How samples are evaluated and composited while training."""

    weight_threshold: float = 1e-3
    """tau2: samples with a weight w at or below it get no color."""
    min_transmittance: float = 1e-3
    """A ray stops after the first sample at which T <= min_transmittance. Must be at most tau2, or colored samples are lost."""
    leak: float = 0.0
    """Gradient slope of the density's ReLU for negative inputs. Positive values let empty regions regain density. The forward
    pass is a plain ReLU."""
    penalty_limit: float = 3.0
    """Optical depth of one sample (sigma * step) above which it is penalized."""
    stochastic_seed: int | None = None
    """With bilinear assignment: the native kernels draw one of the four nearest heads with its weight as probability, instead
    of blending all four. This costs a quarter and has the same expected output before the sigmoid. None means blending."""


def march_settings(config: TrainingConfig, progress: float, seed: int) -> MarchSettings:
    """Return the settings of a training run at a progress, 0 to 1; `seed` draws the heads if the config says so."""
    return MarchSettings(
        weight_threshold=config.model.render.weight_threshold,
        leak=config.leak_at(progress),
        penalty_limit=config.loss.optical_depth_limit,
        stochastic_seed=seed if config.blend_at_random else None,
    )


@dataclass(frozen=True)
class TrainingFrame:
    """A frame of the network in training, differentiable."""

    maps: Maps
    """Without batch axis: feature planes, density maps, color maps as in `model.frame.Frame`."""
    encoding: HashEncoding
    """The hash tables."""
    time: float
    """t/T in [0, 1)."""
    moment: torch.Tensor | None = None
    """The same as a scalar with a gradient, where one is wanted. The native field ignores it, because its grids are leaves."""


@dataclass(frozen=True)
class RenderedRays:
    """The rendered rays of a step, differentiable, and how many samples they took."""

    color: torch.Tensor
    """(R, 3) premultiplied: sum of w c over the samples with w > tau2."""
    moments: torch.Tensor
    """(R, 2) sums of w |c|^2 and of w over the same samples."""
    opacity: torch.Tensor
    """(R,) 1 - transmittance after the last sample, whatever the weights."""
    penalty: torch.Tensor
    """Scalar: mean over the marched samples of max(sigma * step - limit, 0)^2."""
    samples: int
    """Samples in the hull."""
    marched: int
    """Of those, samples before their ray stops."""
    colored: int
    """Of those, samples with color."""
    weights: torch.Tensor | None = None
    """(S,) w of the samples `drawn`, differentiable; None if only the sums are known."""
    drawn: RaySamples | None = None
    """Those samples."""
    grids: torch.Tensor | None = None
    """The baked grids at the frame's time, (3, nodes, F), where they are a leaf of the graph in place of the hash tables. A
    gradient for whole tables would have hundreds of times more numbers than the rays of a frame reach."""


class RadianceField(Protocol):
    """Evaluates frames; safe to call from several threads at once.

    A frame is a `TrainingFrame` or, for a config with another method, its `model.methods.method.PointQueries`.
    """

    name: str
    """"torch" or "native"."""

    def render(self, frame: Any, rays: RayBatch, region: SamplingRegion, seed: int, progress: float = 0.0) -> RenderedRays:
        """Render rays with one random sample per interval, differentiably.

        Args:
            frame: the frame.
            rays: R rays.
            region: where their samples may lie.
            seed: decides all randomness of the call.
            progress: share of the run done, [0, 1]; decides the leak of the density's ReLU.
        """

    def density(self, frame: Any) -> Density:
        """Return a function that computes sigma of a frame without gradients, on the frame's device."""
