"""The radiance field, implemented with the native kernels."""

from __future__ import annotations

import dataclasses
import threading

import torch

from model.occupancy_extraction import Density
from training.config import TrainingConfig
from training.fields.field import RenderedRays, TrainingFrame, march_settings
from training.fields.native_kernels import TrainingKernels
from training.fields.samples import RayBatch, SamplingRegion


class NativeField:
    """The native kernels, one single-threaded engine per calling thread; see `training.fields.field.RadianceField`.

    Raises:
        ImportError: the kernels are not installed.
        ValueError: the config has no fixed distance between samples (`rays.step`).
    """

    name = "native"

    def __init__(self, config: TrainingConfig) -> None:
        if config.rays.step <= 0:
            raise ValueError("the native field needs rays.step")
        self.config = config
        self._local = threading.local()
        self._kernels()

    def render(
        self, frame: TrainingFrame, rays: RayBatch, region: SamplingRegion, seed: int, progress: float = 0.0
    ) -> RenderedRays:
        """Render rays with one random sample per interval; see `training.fields.field.RadianceField`."""
        kernels, config = self._kernels(), self.config
        hull = region.hull if region.hull is not None else torch.ones(1, 1, 1, dtype=torch.bool)
        samples = kernels.sample_rays(rays.origins, rays.directions, region.box, hull, config.rays.step, seed)
        settings = march_settings(config, progress, seed)
        grids = kernels.bake(frame.encoding.tables.detach(), frame.time).requires_grad_()
        seen = kernels.render_samples(grids, *frame.maps, samples, rays.view_directions, settings)
        return dataclasses.replace(seen, grids=grids)

    @torch.no_grad()
    def density(self, frame: TrainingFrame) -> Density:
        """Bake the grids once for all points; see `training.fields.field.RadianceField`."""
        grids = self._kernels().bake(frame.encoding.tables, frame.time)

        @torch.no_grad()
        def density(points: torch.Tensor) -> torch.Tensor:
            return self._kernels().density(grids, frame.maps[0], frame.maps[1], points.contiguous())

        return density

    def _kernels(self) -> TrainingKernels:
        if not hasattr(self._local, "kernels"):
            self._local.kernels = TrainingKernels(self.config.model, threads=1)
        return self._local.kernels  # type: ignore[no-any-return]
