"""One frame's part of a training step when cameras are refined too.

Colors and times get their gradients from the field's own backward pass. Poses need gradients with respect to rays, which the
native kernels do not compute. So PyTorch renders a few rays of the refined cameras again.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from model.hash_encoding import HashEncoding
from training.config import TrainingConfig
from training.fields.field import RadianceField, RenderedRays, TrainingFrame
from training.fields.hull_start import hull_start_loss
from training.fields.losses import color_loss, mask_loss, sample_color_loss, total_loss
from training.fields.moved_rays import render_moved_rays, split_levels
from training.fields.samples import RayBatch, SamplingRegion
from training.loop.camera_refinement import CameraRefinement, Corrections
from training.loop.dataset import Dataset, FrameViews
from training.loop.network import Network
from training.loop.rays import draw_pixels, jitter_view_directions, make_rays
from training.loop.scene import Scene
from training.loop.step import FrameResult, FrameStep, make_result

POSE_RAYS = 256
"""Rays of one camera that PyTorch renders per frame and step for the gradients of its pose."""


@dataclass(frozen=True)
class _Drawn:
    """The rays of a step."""

    rays: RayBatch
    """R rays of the moved cameras, differentiable with respect to their poses."""
    view: torch.Tensor
    """(R,) int64: the camera of each."""
    camera: int | None
    """The only camera, if it is a fraction of a frame early or late."""


class RefinedFrameStep(FrameStep):
    """Computes the gradients of single frames and of what is refined; see `FrameStep`.

    Cameras that are a fraction of a frame early or late cannot share a decoded frame with the others. A call shows either one
    of them alone, as often as its share of the cameras, or all others. If most cameras are trusted, the others do not train the
    scene before `refine.join`: a scene that has adapted to a wrong camera keeps it wrong.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: Network,
        dataset: Dataset,
        scene: Scene,
        field: RadianceField,
        refinement: CameraRefinement,
    ) -> None:
        super().__init__(config, network, dataset, scene, field)
        self.refinement = refinement

    def __call__(self, frame: int, half: bool, seed: int, num_rays: int, progress: float = 0.0) -> FrameResult:
        """Compute the gradients of one frame; arguments as in `FrameStep`."""
        generator = torch.Generator().manual_seed(seed)
        values = self.refinement.values.clone().requires_grad_()
        learned = self.refinement.corrections(values)
        joined = progress >= self.config.refine.join or not self.refinement.mostly_trusted
        drawn = self._draw(self.dataset.frame(frame, half), half, num_rays, learned, joined, generator)
        moment = torch.tensor(float(frame)) if drawn.camera is None else frame + learned.times[drawn.camera]
        moment = moment.clamp(0, self.network.num_frames - 1)
        decoded, kl = self._decode_moment(moment, generator)
        region = self._region_at(float(moment.detach()))
        still = _without_gradient(drawn.rays)
        rendered = self.field.render(decoded, still, region, seed, progress)
        error, loss = self._refined_loss(rendered, still, drawn.view, learned, kl, self._distortion(rendered, region))
        if self.config.start.pulls_density(progress) and region.hull is not None:
            loss = loss + hull_start_loss(self.config, decoded, rendered.grids, region, generator)
        gradients, grids, of_values = self._gradients(loss, rendered.grids, decoded.time, progress, values)
        total = torch.zeros_like(values)
        if progress >= self.config.refine.start:
            total += total if of_values is None else of_values
            if grids is not None and moment.requires_grad:
                total += time_gradient(self.network.hash_encoding, moment / self.network.num_frames, grids.grids, values)
            total += self._pose_gradient(decoded, frame, half, region, rendered.grids, learned, values, generator)
        if drawn.camera is not None and not joined:
            gradients, grids = [None] * len(gradients), None
        result = make_result(gradients, grids, float(loss.detach()), float(error.detach()), rendered, len(still.colors))
        return dataclasses.replace(result, cameras=total)

    def _draw(
        self,
        views: FrameViews,
        half: bool,
        num_rays: int,
        learned: Corrections,
        joined: bool,
        generator: torch.Generator,
    ) -> _Drawn:
        """Draw rays of one camera that is early or late, or of all others that train the scene."""
        timed, posed = self.refinement.timed, self.refinement.posed
        camera = int(torch.randint(len(timed), (1,), generator=generator))
        only = camera if timed[camera] else None
        drawn = self._rays_of(views, half, num_rays, learned, only, generator)
        if only is not None:
            return drawn
        left = (~(timed if joined else timed | posed)[drawn.view]).nonzero()[:, 0]
        return _Drawn(drawn.rays.select(left.to(self._device)), drawn.view[left], None)

    def _rays_of(
        self, views: FrameViews, half: bool, count: int, learned: Corrections, only: int | None, generator: torch.Generator
    ) -> _Drawn:
        _, height, width, _ = views.pixels.shape
        pixels = draw_pixels(views, self.config.rays, count, generator, only)
        view = pixels // (height * width)
        rays = learned.move(make_rays(views, self._cameras[half], pixels), view)
        rays = jitter_view_directions(rays, self.config.rays.view_jitter, generator)
        return _Drawn(rays.to(self._device), view, only)

    def _decode_moment(self, moment: torch.Tensor, generator: torch.Generator) -> tuple[TrainingFrame, torch.Tensor | None]:
        """Decode the frame at a moment, interpolated as `VolumetricVideo.decode` does."""
        first, second = self._neighbors(float(moment.detach()))
        latent, kl = self.network.latent(first, self.encoder_input, generator)
        time = moment / self.network.num_frames
        if moment.requires_grad or moment != first:
            other, _ = self.network.latent(second, self.encoder_input, generator)
            latent = torch.lerp(latent, other, (moment - first).to(latent.device))
        decoded = self._decode(first, latent)
        assert isinstance(decoded, TrainingFrame)  # the trainer refuses to refine with other methods
        return dataclasses.replace(decoded, time=float(time.detach()), moment=time), kl

    def _region_at(self, moment: float) -> SamplingRegion:
        first, second = self._neighbors(moment)
        lower, upper = self._regions[first], self._regions[second]
        if moment == first:
            return lower
        box = torch.lerp(lower.box, upper.box, moment - first)
        hull = None if lower.hull is None or upper.hull is None else lower.hull | upper.hull
        return SamplingRegion(box, box, hull)

    def _neighbors(self, moment: float) -> tuple[int, int]:
        first = int(moment)
        return first, min(first + 1, self.network.num_frames - 1)

    def _refined_loss(
        self,
        rendered: RenderedRays,
        rays: RayBatch,
        view: torch.Tensor,
        learned: Corrections,
        kl: torch.Tensor | None,
        of_weights: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the color error and the whole loss.

        The rendered colors are corrected, not the recorded ones: otherwise darker recordings would agree better. Only the
        error of single samples, which needs the scene's colors, has no gradient for the corrections.
        """
        error = color_loss(learned.color(rendered.color, rendered.opacity, view), rays.colors)
        truth = learned.common_color(rays.colors, rays.masks, view).detach()
        of_samples = sample_color_loss(rendered.color, rendered.moments, truth)
        of_masks = mask_loss(rendered.opacity, rays.masks)
        return error, total_loss(error, of_samples, of_masks, rendered.penalty, kl, self.config.loss, of_weights)

    def _pose_gradient(
        self,
        decoded: TrainingFrame,
        frame: int,
        half: bool,
        region: SamplingRegion,
        grids: torch.Tensor | None,
        learned: Corrections,
        values: torch.Tensor,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the gradient of the loss of a few rays of one camera with respect to the values, through the rays."""
        posed = self.refinement.posed.nonzero()[:, 0]
        if not len(posed):
            return torch.zeros_like(values)
        camera = int(posed[torch.randint(len(posed), (1,), generator=generator)])
        drawn = self._rays_of(self.dataset.frame(frame, half), half, POSE_RAYS, learned, camera, generator)
        seed = int(torch.randint(1 << 62, (1,), generator=generator))
        rendered = render_moved_rays(self.config, decoded, drawn.rays, region, seed, grids)
        fixed = Corrections(*(getattr(learned, field.name).detach() for field in dataclasses.fields(Corrections)))
        _, loss = self._refined_loss(rendered, _without_gradient(drawn.rays), drawn.view, fixed, None)
        (gradient,) = torch.autograd.grad(loss, [values], allow_unused=True)
        return torch.zeros_like(values) if gradient is None else gradient


def time_gradient(encoding: HashEncoding, time: torch.Tensor, grids: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the gradient with respect to values on which a time depends, through the grids that are baked at that time.

    Args:
        encoding: the hash tables.
        time: scalar t/T, a function of the values.
        grids: (3, nodes, F), gradient with respect to the grids, in the order of `TrainingKernels.bake`.
        values: any shape.
    """
    levels = encoding.bake(time)
    (gradient,) = torch.autograd.grad(levels, [values], split_levels(encoding.config, grids), retain_graph=True)
    return gradient


def _without_gradient(rays: RayBatch) -> RayBatch:
    return dataclasses.replace(
        rays, origins=rays.origins.detach(), directions=rays.directions.detach(), view_directions=rays.view_directions.detach()
    )
