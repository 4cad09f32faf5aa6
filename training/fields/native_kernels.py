"""The native training kernels in Python: autograd functions for rendering rays, ray sampling, and a lazy Adam.

Needs the package in renderer/kernels, see `available`. All functions take float32, or float64 for gradient checks. Results are
the same for any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from common.native import has_native, import_native
from model.config import PLANES, ModelConfig
from model.hash_levels import hash_levels
from model.view_encoding import encode_direction
from training.fields.distortion import density_gradient
from training.fields.field import MarchSettings, RenderedRays
from training.fields.samples import RaySamples

_ASSIGNMENTS = {"nearest": 0, "bilinear": 1}
_STOCHASTIC = 2


def available() -> bool:
    """Return whether the native package is installed, in the version of these sources."""
    return has_native("mlpvid_training_kernels")


class TrainingKernels:
    """The native kernels for the models of one config.

    Args:
        config: hyper-parameters of the model.
        threads: CPU threads; torch's own number by default.
        instruction_set: a name of `mlpvid_training_kernels.instruction_sets()`. None takes the one that the environment
            variable MLPVID_ISA names, or else the best.

    Raises:
        ImportError: the native package is not installed, or of another version.
        ValueError: the processor lacks the instruction set.
    """

    def __init__(self, config: ModelConfig, threads: int | None = None, instruction_set: str | None = None) -> None:
        native = import_native("mlpvid_training_kernels")
        levels = [
            [level.scale, level.time_scale, level.resolution, level.time_resolution, level.entries]
            for level in hash_levels(config.hash)
        ]
        planes = [PLANES.index(plane) for plane in config.mlp_planes]
        wanted = os.environ.get("MLPVID_ISA", "") if instruction_set is None else instruction_set
        self.config = config
        self.engine = native.Engine(levels, config.hash.features_per_level, planes, threads or torch.get_num_threads(), wanted)

    def bake(self, tables: torch.Tensor, time: float) -> torch.Tensor:
        """Bake the grids of all levels at one time, differentiably.

        Args:
            tables: (3, entries, F), `HashEncoding.tables`.
            time: t/T in [0, 1).

        Returns:
            (3, nodes, F): levels concatenated, each row-major along v, then u.
        """
        return _Bake.apply(tables, self, time)

    def render_samples(
        self,
        grids: torch.Tensor,
        feature_planes: torch.Tensor,
        density_maps: torch.Tensor,
        color_maps: torch.Tensor,
        samples: RaySamples,
        directions: torch.Tensor,
        settings: MarchSettings,
    ) -> RenderedRays:
        """Render rays from given samples; the same as `training.fields.torch_field.render_samples`, differentiable once.

        Args:
            grids: from `bake`.
            feature_planes: (3, 32, H, H).
            density_maps: (MLP planes, 32, H, H).
            color_maps: (MLP planes, N, N, parameters).
            samples: of R rays.
            directions: (R, 3), unit, world axes.
            settings: thresholds, leak and penalty.
        """
        view = encode_direction(directions, self.config.view_encoding).contiguous()
        maps = (feature_planes.permute(0, 2, 3, 1), density_maps.permute(0, 2, 3, 1))
        seen = _Render.apply(grids, *maps, color_maps, self, samples, view, settings)
        sums, opacity, penalty, weights, counts = seen
        parts = (sums[:, :3], sums[:, 3:], opacity, penalty)
        marched, kept = counts.tolist()
        return RenderedRays(*parts, len(samples.points), marched, kept, weights, samples)

    @torch.no_grad()
    def density(
        self, grids: torch.Tensor, feature_planes: torch.Tensor, density_maps: torch.Tensor, points: torch.Tensor
    ) -> torch.Tensor:
        """Return the density (P,), 1/m, of points (P, 3) in [0, 1]^3."""
        march = _March(self, len(points), len(points), points)
        features, densities = (_channels_last(m.permute(0, 2, 3, 1)) for m in (feature_planes, density_maps))
        samples = RaySamples(points.contiguous(), torch.arange(len(points) + 1), step=1.0)
        march.run(grids, features, densities, samples, MarchSettings())
        return march.raw.clamp(min=0)

    def sample_rays(
        self,
        origins: torch.Tensor,
        directions: torch.Tensor,
        box: torch.Tensor,
        cells: torch.Tensor,
        step: float,
        seed: int | None = None,
    ) -> RaySamples:
        """Place stratified samples: one per step along each ray, within the box and in cells that are set.

        Args:
            origins: (R, 3) meters.
            directions: (R, 3), unit.
            box: (2, 3) meters.
            cells: (X, Y, Z) bool.
            step: meters.
            seed: for the jitter within each step. None puts samples in the middle of their steps.
        """
        origins, directions = (x.float().contiguous() for x in (origins, directions))
        box, cells = box.float().contiguous(), cells.contiguous().view(torch.uint8)
        if cells.dim() != 3 or cells.numel() == 0 or box.shape != (2, 3) or not bool((box[1] > box[0]).all()) or not step > 0:
            raise ValueError(f"cannot sample cells {tuple(cells.shape)} of box {box.tolist()} with step {step}")
        slots = int(float((box[1] - box[0]).norm()) / step) + 2
        distances, offsets = torch.empty(len(origins), slots), torch.empty(len(origins) + 1, dtype=torch.int64)
        arguments = (origins, directions, box, cells)
        count = self.engine.sample_rays(*arguments, step, seed is not None, seed or 0, distances, offsets)
        points = torch.empty(count, 3)
        self.engine.place_points(*arguments, distances, offsets, points)
        return RaySamples(points, offsets, step)

    def call(self, name: str, like: torch.Tensor, *arguments: object) -> Any:
        """Call a native function in the precision of a tensor."""
        precision = "float64" if like.dtype == torch.float64 else "float32"
        return getattr(self.engine, f"{name}_{precision}")(*arguments)


class HashTableAdam:
    """Adam over hash tables that skips entries without a gradient.

    An entry whose gradients are all exactly zero keeps its value and moments, as in Instant-NGP; the bias corrections of
    an entry count its own updates. With gradients everywhere it is `torch.optim.Adam`.

    Args:
        kernels: the native kernels.
        tables: (3, entries, F), contiguous, updated in place.
        betas: decay of the two moments.
        epsilon: added to the root of the second moment.
    """

    def __init__(
        self,
        kernels: TrainingKernels,
        tables: torch.Tensor,
        betas: tuple[float, float] = (0.9, 0.99),
        epsilon: float = 1e-15,
    ) -> None:
        self.kernels, self.tables, self.betas, self.epsilon = kernels, tables, betas, epsilon
        rows = tables.shape[0] * tables.shape[1]
        self.first_moments, self.second_moments = (torch.zeros(rows, tables.shape[2], dtype=tables.dtype) for _ in range(2))
        self.steps = torch.zeros(rows, dtype=torch.int32)
        self._gradients: torch.Tensor | None = None

    @property
    def gradients(self) -> torch.Tensor:
        """The accumulated gradients, (3, entries, F)."""
        if self._gradients is None:
            self._gradients = torch.zeros_like(self.tables, requires_grad=False)
        return self._gradients

    def accumulate(self, grid_gradients: torch.Tensor, time: float) -> None:
        """Add the gradient of grids that were baked at a time, (3, nodes, F), to the tables' own.

        So no gradient of whole tables is needed: a frame reaches only two slices of time.
        """
        self.kernels.call("bake_backward", grid_gradients, grid_gradients.contiguous(), time, self.gradients)

    def step(self, learning_rate: float, gradients: torch.Tensor | None = None, skip_zero: bool = True) -> None:
        """Update the tables once and clear the gradients for the next step.

        Args:
            learning_rate: of this step.
            gradients: (3, entries, F). None takes the accumulated ones.
            skip_zero: skip entries whose gradients are all zero.
        """
        gradients = self._gradients if gradients is None else gradients
        if gradients is None:
            return
        moments = (self.first_moments, self.second_moments)
        flat = (x.detach().view(self.first_moments.shape) for x in (self.tables, gradients))
        self.kernels.call("adam", self.tables, *flat, *moments, self.steps, learning_rate, *self.betas, self.epsilon, skip_zero)

    def step_from_grids(self, learning_rate: float, grid_gradients: Sequence[tuple[torch.Tensor, float]]) -> None:
        """Do the same as `accumulate` for each of the gradients and then `step`, with less traffic to memory.

        Args:
            learning_rate: of this step.
            grid_gradients: of grids that were baked at a time, (3, nodes, F), and that time.
        """
        grids, times = [grid.contiguous() for grid, _ in grid_gradients], [time for _, time in grid_gradients]
        moments = (self.first_moments, self.second_moments)
        flat = (x.detach().view(self.first_moments.shape) for x in (self.tables, self.gradients))
        settings = (learning_rate, *self.betas, self.epsilon)
        self.kernels.call("update_tables", self.tables, grids, times, *flat, *moments, self.steps, *settings)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that `step` remembers, as tensors that share its memory."""
        return {"first_moments": self.first_moments, "second_moments": self.second_moments, "steps": self.steps}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a result of `state`."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def _channels_last(maps: torch.Tensor) -> torch.Tensor:
    """Return maps whose last axis is contiguous in memory; copy them only when needed."""
    return maps.detach() if maps.stride(-1) == 1 else maps.detach().contiguous()


class _Bake(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tables: torch.Tensor, kernels: TrainingKernels, time: float) -> torch.Tensor:
        ctx.kernels, ctx.time, ctx.shape = kernels, time, tables.shape
        grids = tables.new_empty(3, kernels.engine.nodes, tables.shape[2])
        kernels.call("bake", tables, tables.detach(), time, grids)
        return grids

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:  # type: ignore[override]
        tables = gradient.new_zeros(ctx.shape)
        ctx.kernels.call("bake_backward", gradient, gradient.contiguous(), ctx.time, tables)
        return tables, None, None


class _March:
    """The density pass over samples: buffers and results."""

    def __init__(self, kernels: TrainingKernels, samples: int, rays: int, like: torch.Tensor) -> None:
        self.kernels = kernels
        self.features, self.heads = like.new_empty(samples, 32), like.new_empty(samples, 32)
        self.raw, self.weights, self.transmittances = (like.new_empty(n) for n in (samples, samples, rays))
        self.reached = torch.empty(rays, dtype=torch.int64)

    def run(
        self, grids: torch.Tensor, features: torch.Tensor, densities: torch.Tensor, samples: RaySamples, settings: MarchSettings
    ) -> None:
        outputs = (self.features, self.heads, self.raw, self.weights, self.transmittances, self.reached)
        inputs = (features, densities, grids.detach(), samples.points, samples.offsets)
        self.kernels.call("march", grids, *inputs, samples.step, settings.min_transmittance, *outputs)


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        grids: torch.Tensor,
        features: torch.Tensor,
        densities: torch.Tensor,
        colors: torch.Tensor,
        kernels: TrainingKernels,
        samples: RaySamples,
        view: torch.Tensor,
        settings: MarchSettings,
    ) -> tuple[torch.Tensor, ...]:
        maps = tuple(_channels_last(m) for m in (features, densities, colors))
        march = _March(kernels, len(samples.points), len(view), grids)
        march.run(grids, maps[0], maps[1], samples, settings)
        kept, ray, kept_offsets = _kept(kernels, samples, march, settings)
        choice = _STOCHASTIC if settings.stochastic_seed is not None else _ASSIGNMENTS[kernels.config.assignment]
        if kernels.config.assignment == "nearest":
            choice = _ASSIGNMENTS["nearest"]
        shading = (maps[2], samples.points, march.features, kept, ray, view, choice, settings.stochastic_seed or 0)
        rgb, sums = grids.new_empty(len(kept), 3), grids.new_empty(len(view), 5)
        kernels.call("color_forward", grids, *shading, rgb)
        kernels.call("sum_colors", grids, kept, kept_offsets, march.weights, rgb, sums)
        limit = (samples.step, settings.penalty_limit)
        marched = max(int(march.reached.sum()), 1)
        penalty = kernels.call("depth_penalty", grids, samples.offsets, march.raw, march.reached, *limit) / marched
        ctx.saved = (grids.detach(), maps, samples, march, kept, kept_offsets, rgb, shading, marched)
        ctx.kernels, ctx.settings = kernels, settings
        counts = torch.tensor([marched, len(kept)])
        ctx.mark_non_differentiable(counts)
        return sums, _opacity(samples, march), grids.new_tensor(penalty), march.weights.detach(), counts

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any,
        sums: torch.Tensor,
        opacity: torch.Tensor,
        penalty: torch.Tensor,
        weights: torch.Tensor,
        _counts: torch.Tensor,
    ) -> tuple[Any, ...]:
        grids, maps, samples, march, kept, kept_offsets, rgb, shading, marched = ctx.saved
        kernels, settings = ctx.kernels, ctx.settings
        rgb_gradients, raw_gradients = torch.empty_like(rgb), torch.empty_like(march.raw)
        factors = (samples.step, settings.leak, float(penalty) / marched, settings.penalty_limit)
        inputs = (samples.offsets, march.raw, march.weights, march.transmittances, march.reached, kept, kept_offsets, rgb)
        arriving = (sums.contiguous(), opacity.contiguous())
        kernels.call("composite_backward", grids, *inputs, *arriving, *factors, rgb_gradients, raw_gradients)
        if bool(weights.any()):
            slope = torch.where(march.raw > 0, 1.0, settings.leak).where(_reached(samples, march), 0.0) * samples.step
            raw_gradients += slope * density_gradient(weights, march.weights, samples.offsets)
        trains_maps = any(ctx.needs_input_grad[1:4])
        map_gradients = tuple(torch.zeros_like(m) if trains_maps else None for m in maps)
        feature_gradients = grids.new_empty(len(kept), 32)
        kernels.call("color_backward", grids, *shading, rgb_gradients, map_gradients[2], feature_gradients)
        grid_gradients = torch.zeros_like(grids)
        field = (maps[0], maps[1], grids, samples.points, march.features, march.heads)
        kernels.call(
            "scatter", grids, *field, raw_gradients, feature_gradients, kept, map_gradients[0], map_gradients[1], grid_gradients
        )
        return grid_gradients, *map_gradients, None, None, None, None


def _reached(samples: RaySamples, march: _March) -> torch.Tensor:
    """Return which samples are in front of the place where their ray stops, (S,) bool."""
    ray = samples.rays
    return torch.arange(len(ray)) < (samples.offsets[:-1] + march.reached)[ray]


def _opacity(samples: RaySamples, march: _March) -> torch.Tensor:
    """Compute the opacity (R,) from the optical depth; one minus the transmittance would lose the digits of small values."""
    depth = march.raw.clamp(min=0).where(march.weights != 0, 0) * samples.step  # 0 where not reached
    return -torch.expm1(-torch.zeros_like(march.transmittances).index_add(0, samples.rays, depth))


def _kept(
    kernels: TrainingKernels, samples: RaySamples, march: _March, settings: MarchSettings
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the indices of the samples that get a color, the ray of each, and the first one of each ray."""
    size = len(samples.points) + 1
    kept, ray = torch.empty(size, dtype=torch.int64), torch.empty(size, dtype=torch.int64)
    offsets = torch.empty_like(samples.offsets)
    threshold = settings.weight_threshold
    count = kernels.call("list_kept", march.weights, samples.offsets, march.weights, threshold, kept, ray, offsets)
    return kept[:count], ray[:count], offsets
