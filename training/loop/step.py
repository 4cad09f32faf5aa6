"""One frame's part of a training step: decode, draw rays, render, compute loss and gradients."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
import torch

from model.methods.method import PointQueries
from model.occupancy import pack_occupancy, unpack_occupancy
from training.config import TrainingConfig
from training.fields.distortion import distortion_loss
from training.fields.field import RadianceField, RenderedRays, TrainingFrame
from training.fields.hull_start import hull_start_loss
from training.fields.losses import color_loss, mask_loss, sample_color_loss, total_loss
from training.fields.precision import products_in
from training.fields.samples import SamplingRegion
from training.loop import importance
from training.loop.dataset import Dataset, letterbox
from training.loop.encoder import INPUT_RESOLUTION, NUM_VIEWS
from training.loop.error_map import CANDIDATES, MeasuredErrors, cells_of, choose_by_error, new_error_maps
from training.loop.fixed_maps import FixedMaps
from training.loop.importance import draw_other_frame, resample, temporal_weights
from training.loop.network import Network
from training.loop.occupancy_grid import find_occupied_cells
from training.loop.optimizer import GridGradient
from training.loop.processes import Processes
from training.loop.rays import CameraBatch, draw_pixels, jitter_view_directions, make_rays
from training.loop.scene import Scene
from training.loop.schedule import trains_decoder


@dataclass(frozen=True)
class FrameResult:
    """One frame's contribution to a step."""

    gradients: list[torch.Tensor | None]
    """Gradients of the frame's loss, in the order of the network's parameters; None for frozen ones, and for the tables if
    `grids` has theirs."""
    grids: GridGradient | None
    """Gradient with respect to the hash grids at the frame's time; None if `gradients` has that of the tables."""
    loss: float
    """The loss of the frame's rays."""
    rays: float
    """Number of rays."""
    squared_error: float
    """Mean squared color error of the frame's rays."""
    samples_per_ray: float
    """Samples in the sampling region, per ray."""
    marched_per_ray: float
    """Samples that those in front do not block, per ray."""
    colored_per_ray: float
    """Samples with color, per ray. Below 1 the density has collapsed."""
    errors: MeasuredErrors | None = None
    """Where the error is; None unless rays are drawn by it."""
    cameras: torch.Tensor | None = None
    """Gradient with respect to `CameraRefinement.values`; None if cameras are not refined."""


_NUMBERS = (
    "loss",
    "rays",
    "squared_error",
    "samples_per_ray",
    "marched_per_ray",
    "colored_per_ray",
)  # of a result, in this order


class FrameStep:
    """Computes the gradients of single frames; safe to call from several threads at once.

    Args:
        config: settings of the run.
        network: the parameters.
        dataset: the pixels.
        scene: boxes and hulls.
        field: renders the rays.
    """

    def __init__(self, config: TrainingConfig, network: Network, dataset: Dataset, scene: Scene, field: RadianceField) -> None:
        self.config, self.network, self.dataset, self.field, self.scene = config, network, dataset, field, scene
        self.parameters = list(network.parameters())
        self._trained = [parameter for parameter in self.parameters if parameter.requires_grad]
        self._cameras = {half: CameraBatch.from_cameras(dataset.cameras(half)) for half in (False, True)}
        self._device = self.parameters[0].device
        self._regions = [scene.region(frame).to(self._device) for frame in range(scene.num_frames)]
        self._hulls = [region.hull for region in self._regions]
        self._fixed_maps = FixedMaps()
        self._encoder_views: dict[int, torch.Tensor] = {}
        self.error_maps = new_error_maps(scene.num_frames, len(dataset.views)) if config.rays.by_error else None

    def __call__(self, frame: int, half: bool, seed: int, num_rays: int, progress: float = 0.0) -> FrameResult:
        """Compute the gradients of one frame.

        Args:
            frame: index in the run.
            half: use images of half the size.
            seed: determines all randomness of the call.
            num_rays: number of rays.
            progress: progress of the run, 0 to 1.
        """
        generator = torch.Generator().manual_seed(seed)
        views = self.dataset.frame(frame, half)
        pixels = self._draw_pixels(frame, half, num_rays, generator, progress)
        rays = make_rays(views, self._cameras[half], pixels)
        rays = jitter_view_directions(rays, self.config.rays.view_jitter, generator).to(self._device)
        decoded, kl = self._decoded(frame, generator, progress)
        rendered = self.field.render(decoded, rays, self._regions[frame], seed, progress)
        error = color_loss(rendered.color, rays.colors)
        of_samples = sample_color_loss(rendered.color, rendered.moments, rays.colors)
        of_masks = mask_loss(rendered.opacity, rays.masks)
        of_weights = self._distortion(rendered, self._regions[frame])
        loss = total_loss(error, of_samples, of_masks, rendered.penalty, kl, self.config.loss, of_weights)
        if self.config.start.pulls_density(progress) and self._hulls[frame] is not None:
            loss = loss + hull_start_loss(self.config, decoded, rendered.grids, self._regions[frame], generator)
        gradients, grids, _ = self._gradients(loss, rendered.grids, frame / self.network.num_frames, progress)
        result = make_result(gradients, grids, float(loss.detach()), float(error.detach()), rendered, len(rays.colors))
        if self.error_maps is None:
            return result
        _, height, width, _ = views.pixels.shape
        squared = (rendered.color - rays.colors).square().mean(1)
        errors = MeasuredErrors.of_rays(cells_of(pixels, height, width), squared, len(views.pixels))
        return dataclasses.replace(result, errors=errors)

    def _draw_pixels(self, frame: int, half: bool, count: int, generator: torch.Generator, progress: float) -> torch.Tensor:
        """Draw the pixels of a frame's rays, some of them where the error is; see `draw_pixels`."""
        views, config = self.dataset.frame(frame, half), self.config.rays
        by_error = round(config.by_error * count) if progress >= config.by_error_from else 0
        chosen = torch.zeros(0, dtype=torch.int64)
        if self.error_maps is not None and by_error:
            _, height, width, _ = views.pixels.shape
            candidates = draw_pixels(views, config, CANDIDATES * by_error, generator)
            errors = self.error_maps[frame][cells_of(candidates, height, width)]
            chosen = choose_by_error(candidates, errors, by_error, generator)
        if by_error == count:
            return chosen.sort().values
        pixels = draw_pixels(views, config, count - by_error, generator)
        if config.temporal_importance and self.scene.num_frames > 1:
            pixels = self._important(pixels, frame, half, count - by_error, generator)
        return torch.cat([chosen, pixels]).sort().values

    def _distortion(self, rendered: RenderedRays, region: SamplingRegion) -> torch.Tensor | None:
        if not self.config.loss.distortion or rendered.weights is None or rendered.drawn is None:
            return None
        return distortion_loss(rendered.weights, rendered.drawn, region.box)

    def _important(
        self, pixels: torch.Tensor, frame: int, half: bool, num_rays: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Replace most of the drawn pixels by ones where the frame differs from another one, see `training.loop.importance`."""
        config, views = self.config.rays, self.dataset.frame(frame, half)
        other = draw_other_frame(frame, self.scene.num_frames, config.temporal_window, generator)
        candidates = draw_pixels(views, config, importance.CANDIDATES * num_rays, generator)
        weights = temporal_weights(views.pixels, self.dataset.frame(other, half).pixels, candidates, config.temporal_importance)
        return resample(pixels, candidates, weights, generator)

    def _gradients(
        self, loss: torch.Tensor, grids: torch.Tensor | None, time: float, progress: float, more: torch.Tensor | None = None
    ) -> tuple[list[torch.Tensor | None], GridGradient | None, torch.Tensor | None]:
        """Return the gradients of a `FrameResult`, and that of one more tensor, whose graph is kept."""
        tables = self.network.tables
        trained = [p for p in self._trained if p is tables or trains_decoder(progress, self.config.optimizer)]
        leaves: list[torch.Tensor] = [p for p in trained if grids is None or p is not tables]
        leaves += [tensor for tensor in (grids, more) if tensor is not None]
        computed = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=more is not None)
        of: dict[torch.Tensor, torch.Tensor | None] = dict(zip(leaves, computed, strict=True))
        of_grids = None if grids is None else GridGradient(of[grids], time)  # type: ignore[arg-type]
        return [of.get(parameter) for parameter in self.parameters], of_grids, None if more is None else of[more]

    def _decoded(
        self, frame: int, generator: torch.Generator, progress: float
    ) -> tuple[TrainingFrame | PointQueries, torch.Tensor | None]:
        """Decode a frame, and return the KL divergence of its latent.

        Once only the hash tables are trained, the maps stay the same and have no gradients; there is no divergence then.
        """
        if trains_decoder(progress, self.config.optimizer):
            self._fixed_maps.clear()
            latent, kl = self.network.latent(frame, self.encoder_input, generator)
            return self._decode(frame, latent), kl
        if self.config.model.method is not None:
            return self._decode(frame, self.network.latent(frame, self.encoder_input)[0]), None
        return self._fixed_maps.frame(frame, functools.partial(self._fixed, frame)), None

    @torch.no_grad()
    def _fixed(self, frame: int) -> TrainingFrame:
        decoded = self._decode(frame, self.network.latent(frame, self.encoder_input)[0])
        assert isinstance(decoded, TrainingFrame)  # other methods are not kept
        return decoded

    def _decode(self, frame: int, latent: torch.Tensor) -> TrainingFrame | PointQueries:
        with products_in(self.config.decoder_bfloat16 and self.config.model.method is None, self._device):
            return self.network.decode(latent, frame)

    @torch.no_grad()
    def update_occupancy(self, frame: int, seed: int) -> None:
        """Restrict the frame's samples to the occupied cells of its hull; do nothing without a hull."""
        hull = self._hulls[frame]
        if hull is None:
            return
        decoded = self._decode(frame, self.network.latent(frame, self.encoder_input)[0])
        generator = torch.Generator().manual_seed(seed)
        step = self.config.rays.step
        cells = find_occupied_cells(hull, self.field.density(decoded), step, generator)
        self._regions[frame] = dataclasses.replace(self._regions[frame], hull=cells)

    def cells(self, frame: int) -> torch.Tensor | None:
        """Return the cells that samples of a frame are restricted to, (N, N, N) bool, or None without a hull."""
        return self._regions[frame].hull

    def occupancy_grids(self) -> torch.Tensor | None:
        """Return the packed cells that samples are restricted to, (T, bytes) uint8, or None without hulls."""
        packed = [pack_occupancy(region.hull.cpu()) for region in self._regions if region.hull is not None]
        return torch.from_numpy(np.stack(packed)) if len(packed) == len(self._regions) else None

    def restore_occupancy_grids(self, packed: torch.Tensor) -> None:
        """Continue from cells that `occupancy_grids` returned."""
        for frame, (region, cells) in enumerate(zip(self._regions, packed, strict=True)):
            assert region.hull is not None
            hull = torch.from_numpy(unpack_occupancy(cells, region.hull.shape)).to(self._device)
            self._regions[frame] = dataclasses.replace(region, hull=hull)

    def encoder_input(self, frame: int) -> torch.Tensor:
        """Return the encoder's three views of a frame, evenly spread over the training cameras: (3, 3, 512, 512) in [0, 1]."""
        if frame not in self._encoder_views:
            views = self.dataset.views
            chosen = [views[i * len(views) // NUM_VIEWS] for i in range(NUM_VIEWS)]
            source = self.dataset.frames[frame]
            images = [letterbox(self.dataset.capture.view(source, camera).color, INPUT_RESOLUTION) for camera in chosen]
            self._encoder_views[frame] = self.dataset.keep(torch.from_numpy(np.stack(images))).permute(0, 3, 1, 2)
        return self._encoder_views[frame].float() / 255


def make_result(
    gradients: list[torch.Tensor | None],
    grids: GridGradient | None,
    loss: float,
    error: float,
    rendered: RenderedRays,
    rays: int,
) -> FrameResult:
    """Return the result of a frame with some rays; gradients are None or have the shapes of the parameters."""
    samples, marched, colored = (count / rays for count in (rendered.samples, rendered.marched, rendered.colored))
    return FrameResult(gradients, grids, loss, rays, error, samples, marched, colored)


def results_of_all(results: list[FrameResult], frames: int, processes: Processes) -> list[FrameResult]:
    """Return the results of all frames of a step, given those of this process. Those of others have no gradients."""
    if processes.count == 1:
        return results
    numbers = torch.zeros(frames, len(_NUMBERS), dtype=torch.float64)
    for slot, result in zip(processes.share_of(range(frames)), results, strict=True):
        numbers[slot] = torch.tensor([getattr(result, name) for name in _NUMBERS], dtype=torch.float64)
    return [FrameResult([], None, *row) for row in processes.sum_numbers(numbers).tolist()]


def measurements_of(results: list[FrameResult], seconds: float) -> dict[str, float]:
    """Return what a step measured, by name: sums and means of its frames.

    Args:
        results: of its frames.
        seconds: what the step took.
    """
    return {
        "seconds": seconds,
        "rays": sum(r.rays for r in results),
        "loss": sum(r.loss for r in results) / len(results),
        "squared_error": sum(r.squared_error for r in results) / len(results),
        "samples": sum(r.samples_per_ray for r in results) / len(results),
        "marched": sum(r.marched_per_ray for r in results) / len(results),
        "colored": sum(r.colored_per_ray for r in results) / len(results),
    }
