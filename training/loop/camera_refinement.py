"""Corrections of the training cameras that are learned: gains and offsets of their colors, movements, offsets in time.

Colors are corrected as in NeRF in the Wild (section 4.1) and Block-NeRF (section 4.2.1), but with two vectors per camera
instead of an embedding. They are dropped at export. Poses are refined as in BARF (section 4.1), in so(3) and meters.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from model.run.cameras import CORRECTION_WIDTHS
from training.captures.capture import Capture
from training.config import RefineConfig
from training.fields.samples import RayBatch

_DEGREE = math.pi / 180
_TOLERANCE = (1.0, 1.0, _DEGREE, _DEGREE, 1.0)
"""Corrections that the prior considers large; that of shifts is in multiples of the camera's distance."""

_BETAS, _EPSILON = (0.9, 0.99), 1e-15


def rotation_matrices(turns: torch.Tensor) -> torch.Tensor:
    """Return the rotation matrices (V, 3, 3) of rotation vectors (V, 3): the exponential of so(3), smooth at 0 too."""
    x, y, z = turns.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return torch.linalg.matrix_exp(cross.view(-1, 3, 3))


@dataclass(frozen=True)
class Corrections:
    """Corrections of V cameras, differentiable."""

    log_gains: torch.Tensor
    """(V, 3) logarithms of the factors on red, green and blue."""
    offsets: torch.Tensor
    """(V, 3) added to opaque colors in [0, 1]."""
    turns: torch.Tensor
    """(V, 3) rotation vectors in world axes, radians; a camera turns about its center."""
    shifts: torch.Tensor
    """(V, 3) movements of the centers, meters."""
    times: torch.Tensor
    """(V,) frames by which the images are later than their frame."""

    def color(self, rendered: torch.Tensor, opacity: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        """Return the colors that the cameras record where these colors are rendered.

        Args:
            rendered: (R, 3) premultiplied.
            opacity: (R,).
            view: (R,) int64, the camera of each ray.
        """
        return rendered * self.log_gains[view].exp() + self.offsets[view] * opacity[:, None]

    def common_color(self, recorded: torch.Tensor, masks: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        """Return recorded colors (R, 3) without the cameras' gains and offsets; the inverse of `color`."""
        return (recorded - self.offsets[view] * masks[:, None]) * (-self.log_gains[view]).exp()

    def move(self, rays: RayBatch, view: torch.Tensor) -> RayBatch:
        """Return the rays of the moved cameras, differentiably; `view` (R,) int64 is the camera of each."""
        turns = rotation_matrices(self.turns.to(rays.directions.dtype))[view]
        directions = (turns @ rays.directions[..., None])[..., 0]
        origins = rays.origins + self.shifts.to(rays.origins.dtype)[view]
        return dataclasses.replace(rays, origins=origins, directions=directions, view_directions=directions)


def wants_refinement(capture: Capture, config: RefineConfig) -> bool:
    """Return whether any training camera is refined, or is a fraction of a frame late."""
    metas = [capture.camera_metas[camera] for camera in capture.train_cameras]
    asked = [config.colors, config.poses, config.times]
    asked += [value for m in metas for value in (m.refine.colors, m.refine.poses, m.refine.times, m.frame_fraction != 0)]
    return any(asked)


class CameraRefinement(nn.Module):
    """Corrections of the training cameras and their optimizer, all in buffers, so that a checkpoint has everything.

    A camera's correction is `start + scale * values`. The scale is the learning rate, or 0 for what is not learned, so that
    one Adam with a rate of 1 is enough. Adam skips the cameras that a step does not show.

    Args:
        views: indices of the V training cameras.
    """

    def __init__(self, views: int) -> None:
        super().__init__()
        columns = sum(CORRECTION_WIDTHS)
        for name in ("start", "scale", "tolerance", "values", "first_moments", "second_moments", "steps"):
            self.register_buffer(name, torch.zeros(views, columns, dtype=torch.float64))
        self.register_buffer("cameras", torch.zeros(views, dtype=torch.int64))
        self.start: torch.Tensor
        self.scale: torch.Tensor
        self.tolerance: torch.Tensor
        self.values: torch.Tensor
        self.first_moments: torch.Tensor
        self.second_moments: torch.Tensor
        self.steps: torch.Tensor
        self.cameras: torch.Tensor
        self.tolerance.fill_(1)

    @staticmethod
    def of_capture(capture: Capture, config: RefineConfig, target: np.ndarray) -> CameraRefinement:
        """Return the untrained corrections that the config and the capture's meta.yaml ask for.

        Args:
            capture: the capture.
            config: what is refined for all cameras, and the rates.
            target: (3,) meters, where the subject is. Cameras that are farther away shift in larger steps.
        """
        indices = capture.train_cameras
        made = CameraRefinement(len(indices))
        made.cameras.copy_(torch.tensor(indices))
        for row, index in enumerate(indices):
            meta, distance = capture.camera_metas[index], float(np.linalg.norm(capture.cameras[index].center - target))
            rates = (
                config.color_rate * (config.colors or meta.refine.colors),
                config.pose_rate * (config.poses or meta.refine.poses),
                config.time_rate * (config.times or meta.refine.times),
            )
            made.scale[row] = _spread((rates[0], rates[0], rates[1], rates[1] * distance, rates[2]))
            made.tolerance[row] = _spread((*_TOLERANCE[:3], _TOLERANCE[3] * distance, _TOLERANCE[4]))
            made.start[row, -1] = meta.frame_fraction
        return made

    def corrections(self, values: torch.Tensor | None = None) -> Corrections:
        """Return the corrections in float32.

        Args:
            values: (V, 13) instead of the learned ones, to get gradients with respect to them.
        """
        physical = (self.start + self.scale * (self.values if values is None else values)).float()
        parts = physical.split(CORRECTION_WIDTHS, dim=1)
        return Corrections(parts[0], parts[1], parts[2], parts[3], parts[4][:, 0])

    def describe(self, names: list[str]) -> str:
        """Describe what is learned for which cameras, given the names of all cameras of the capture."""
        parts = []
        for what, learned in (("colors", self.scale[:, 0] > 0), ("poses", self.posed), ("times", self.timed)):
            chosen = [names[camera] for camera in self.cameras[learned].tolist()]
            if chosen:
                parts.append(f"the {what} of {'all' if len(chosen) == len(learned) else ', '.join(chosen)}")
        return "; ".join(parts)

    @property
    def posed(self) -> torch.Tensor:
        """(V,) bool: cameras whose poses are refined."""
        return self.scale[:, 6] > 0

    @property
    def timed(self) -> torch.Tensor:
        """(V,) bool: cameras whose images are a fraction of a frame early or late, known or learned."""
        return (self.scale[:, -1] > 0) | (self.start[:, -1] != 0)

    @property
    def mostly_trusted(self) -> bool:
        """Whether the poses and times of most cameras are trusted, so that these cameras shape the scene at first."""
        return 2 * int((self.posed | self.timed).sum()) < len(self.cameras)

    def prior_gradient(self, weight: float) -> torch.Tensor:
        """Return the gradient, (V, 13), of `weight` times the sum of the squared corrections, each relative to a large one."""
        return 2 * weight * self.scale**2 * self.values / self.tolerance.square()

    def step(self, gradient: torch.Tensor, rate_factor: float, prior: float) -> None:
        """Update the learned values with Adam.

        Args:
            gradient: (V, 13) with respect to `values`. What has no gradient keeps its value and its moments.
            rate_factor: factor on the learning rates.
            prior: weight of the squared corrections.
        """
        shown = gradient != 0
        gradient = gradient + self.prior_gradient(prior)
        self.steps += shown
        moments = (self.first_moments, self.second_moments)
        for moment, beta, value in zip(moments, _BETAS, (gradient, gradient.square()), strict=True):
            moment.copy_(torch.where(shown, beta * moment + (1 - beta) * value, moment))
        first, second = (m / (1 - b ** self.steps.clamp(min=1)) for m, b in zip(moments, _BETAS, strict=True))
        self.values -= rate_factor * torch.where(shown, first / (second.sqrt() + _EPSILON), 0.0)
        self._fix_gauge()

    def _fix_gauge(self) -> None:
        """Where all cameras are corrected, make the mean correction zero. Otherwise the scene could change instead."""
        free = (self.scale > 0).all(dim=0)
        mean = (self.scale * self.values).mean(dim=0)
        self.values -= torch.where(free, mean / self.scale.clamp(min=1e-300), 0.0)


def _spread(values: tuple[float, ...]) -> torch.Tensor:
    """Return one number per column from one per kind of correction."""
    return torch.cat(
        [torch.full((width,), value, dtype=torch.float64) for width, value in zip(CORRECTION_WIDTHS, values, strict=True)]
    )
