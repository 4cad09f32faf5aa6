"""A training run: its state, its steps and its checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from common.errors import InputError
from model.run.files import CHECKPOINT
from training.captures.capture import Capture
from training.config import TrainingConfig, ValidationConfig
from training.fields.create import create_field
from training.loop import checkpoint
from training.loop.camera_refinement import CameraRefinement, wants_refinement
from training.loop.clock import Clock, clock_of
from training.loop.coarse_to_fine import freeze_grids, freeze_tables
from training.loop.continuation import start_from
from training.loop.dataset import Dataset
from training.loop.error_map import MeasuredErrors, record_errors, without_errors
from training.loop.gradients import check_finite, summed
from training.loop.keyframes import interpolate_between
from training.loop.network import Network
from training.loop.occupancy_updates import OccupancyUpdates
from training.loop.optimizer import Optimizer
from training.loop.processes import ALONE, Processes
from training.loop.rate import RateTerm, Steps
from training.loop.refined_step import RefinedFrameStep
from training.loop.scene import Scene, selected_frames
from training.loop.schedule import (
    RateFactors,
    active_levels,
    frames_of_step,
    rate_factors,
    rays_of_step,
    seed_of,
    trained_frames,
)
from training.loop.step import FrameResult, FrameStep, results_of_all
from training.loop.validation import Image, Validation, ValidationState

_LOG = logging.getLogger(__name__)


class Trainer:
    """A training run in progress, in memory.

    The frames of a step are computed in parallel, one worker each, and their gradients are added in a fixed order. Every
    random number follows from seed, step and slot. So the result does not depend on the number of workers, and a resumed
    run gives the same result as one that was never interrupted.

    Several processes divide the frames of each step among them, sum their gradients, and do the same updates.

    Args:
        capture: the capture to train on.
        config: the settings.
        seed: determines initialization and all random draws.
        scene: boxes and hulls of the capture.
        pool: the workers.
        native: whether to use the native field; None means if possible.
        device: where frames are decoded and rendered; None means the CPU. All random numbers are drawn on the CPU.
        processes: the processes that train together.
        dataset: the images; None means those that the config selects, in memory.
        clock: measures the time that the run has taken; None means the one that the config names.
    """

    def __init__(
        self,
        capture: Capture,
        config: TrainingConfig,
        seed: int,
        scene: Scene,
        pool: ThreadPoolExecutor,
        native: bool | None = None,
        device: torch.device | None = None,
        processes: Processes = ALONE,
        dataset: Dataset | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config, self.seed, self.scene, self.processes = config, seed, scene, processes
        self.step, self.seconds, self.overhead = 0, 0.0, 0.0
        self.validation, self.updates = ValidationState(), OccupancyUpdates()
        self._clock = clock or clock_of(config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = Network(config, scene.num_frames, scene.loop).to(device or torch.device("cpu"))
        frames = selected_frames(capture, config.data)
        self.dataset = dataset or Dataset(capture, config, frames, scene.boxes, scene.doubted_frames)
        self.field = create_field(config, native, device)
        if config.optimizer.decoder_until < 1 and self.network.tables is None:
            remedy = "set optimizer.decoder_until to 1"
            raise InputError("training", "this method has no hash tables that could be trained without the rest", remedy)
        self.optimizer = Optimizer(self.network, config, native=self.field.name == "native")
        self.refinement = None
        if wants_refinement(capture, config.refine):
            if config.model.method is not None:
                fault = "cannot be refined with another method than the paper's own"
                raise InputError("cameras", fault, "switch off refine in the config and in meta.yaml")
            config = without_errors(config)
            self.refinement = CameraRefinement.of_capture(capture, config.refine, scene.boxes.mean(axis=(0, 1)))
        parts = (config, self.network, self.dataset, scene, self.field)
        self._frame_step = FrameStep(*parts) if self.refinement is None else RefinedFrameStep(*parts, self.refinement)
        self._pruned = config.rays.prune_every > 0
        self.rate: RateTerm | None = None
        self._pool = pool

    def start_from(self, source: Path) -> None:
        """Begin with the parameters of another run or of a bundle, see `training.loop.continuation.start_from`."""
        cells = start_from(source, self.network, self.scene, self.config)
        if cells is not None:
            self._frame_step.restore_occupancy_grids(cells)
            self._pruned = True

    def round_to(self, steps: Steps) -> None:
        """Round decoder and hash tables to steps from now on, and add their size to the loss."""
        self.rate = RateTerm(self.network, steps, self.config.rate.weight)

    def _rounded(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.rate is None else self.rate.rounded()

    @property
    def progress(self) -> float:
        """Progress of the run, 0 to 1. If time limits the run, `overhead` seconds are left for everything except its steps."""
        return self.config.progress(self.step, self.seconds, self.overhead)

    @property
    def finished(self) -> bool:
        """Whether the run is at its end, or has stopped early."""
        return self.progress >= 1 or self.validation.stops(self.config.validation)

    def advance(self) -> list[FrameResult]:
        """Do one step and return the results of its frames, without gradients for those of other processes.

        Raises:
            InputError: a gradient is not finite, an image cannot be read, or another process has ended.
        """
        start, before = self._clock() - self.seconds, self.progress
        half = before < self.config.half_resolution
        if not half:
            self.dataset.forget_half()
        trained = trained_frames(before, self.scene.num_frames, self.config.start)
        places = frames_of_step(self.step, self.config.rays.frames_per_step, len(trained), self.seed)
        in_step = [trained[place] for place in places]
        frames = self.processes.share_of(in_step)
        seeds = [seed_of(self.step, slot, self.seed) for slot in self.processes.share_of(range(len(in_step)))]
        repeated = ([value] * len(frames) for value in (rays_of_step(before, self.config.rays), before))
        with self.processes.agreed(), self._rounded():
            compute = functools.partial(self._compute_frame, len(in_step))
            results = list(self._pool.map(compute, frames, [half] * len(frames), seeds, *repeated))
            sums = summed(result.gradients for result in results)
            check_finite([*sums, *(result.cameras for result in results)], self.step)
        self._freeze_levels(sums, results, before)
        self._record_errors(results, in_step)
        factors = rate_factors(before, before + 1 / self.config.steps, self.config.optimizer)
        self._update(sums, results, len(in_step), factors)
        self.step += 1
        self.seconds = self.processes.of_first(self._clock() - start)
        if before < self.config.start.keyframes_until <= self.progress and self.network.embedding is not None:
            interpolate_between(self.network.embedding, trained)
        self.updates = self.updates.after_step(before, self.progress, self.config)
        if self.updates.begins(self.seconds, self.config):
            self._update_occupancy()
            updated = self.processes.of_first(self._clock() - start)
            self.updates, self.seconds = self.updates.after_update(updated - self.seconds), updated
        return results_of_all(results, len(in_step), self.processes)

    def _update_occupancy(self) -> None:
        _LOG.info("updating the occupancy grid at step %d", self.step)
        frames = self.processes.share_of(range(self.scene.num_frames))
        seeds = [seed_of(self.step, self.config.rays.frames_per_step + frame, self.seed) for frame in frames]
        with self.processes.agreed(), self._rounded():
            list(self._pool.map(self._frame_step.update_occupancy, frames, seeds))
        packed = self._frame_step.occupancy_grids()
        if self.processes.count > 1 and packed is not None:
            own = torch.zeros_like(packed)
            own[frames] = packed[frames]
            self._frame_step.restore_occupancy_grids(self.processes.sum_numbers(own))

    def _freeze_levels(self, sums: list[torch.Tensor | None], results: list[FrameResult], progress: float) -> None:
        """Remove the gradients of the hash encoding's levels that are not trained yet."""
        config = self.config.model.hash
        active = active_levels(progress, config.num_levels, self.config.start)
        if active == config.num_levels:
            return
        for result in results:
            if result.grids is not None:
                freeze_grids(result.grids.grids, active, config)
        for parameter, gradient in zip(self.network.parameters(), sums, strict=True):
            if parameter is self.network.tables and gradient is not None:
                freeze_tables(gradient, active, config)

    def _record_errors(self, results: list[FrameResult], in_step: list[int]) -> None:
        """Update the error maps of a step's frames from the rays of all processes."""
        maps = self._frame_step.error_maps
        if maps is None:
            return
        measured = torch.zeros(len(in_step), 2, maps.shape[1], dtype=torch.float64)
        for slot, result in zip(self.processes.share_of(range(len(in_step))), results, strict=True):
            if result.errors is not None:
                measured[slot] = torch.stack([result.errors.sums, result.errors.counts])
        for frame, (sums, counts) in zip(in_step, self.processes.sum_numbers(measured), strict=True):
            record_errors(maps, frame, MeasuredErrors(sums, counts))

    def _compute_frame(self, in_step: int, *arguments: Any) -> FrameResult:
        """Compute a frame's part of a step of `in_step` frames. The gradient of its grids is already divided by this number."""
        result = self._frame_step(*arguments)
        if result.grids is not None:
            check_finite([result.grids.grids.div_(in_step)], self.step)
        return result

    def _update(self, sums: list[torch.Tensor | None], results: list[FrameResult], frames: int, factors: RateFactors) -> None:
        """Average the gradients of all frames and update the parameters, with factors on the learning rates."""
        totals = self.optimizer.exchanged(sums, self.processes, factors)
        means = [None if total is None else total.div_(frames) for total in totals]
        grids = [result.grids for result in results if result.grids is not None]
        self.optimizer.step(means, factors, grids, self.processes, self.rate, self.step, self._pool)
        if self.refinement is not None:
            own = sum((r.cameras for r in results if r.cameras is not None), torch.zeros_like(self.refinement.values))
            self.refinement.step(self.processes.sum_numbers(own) / frames, factors.tables, self.config.refine.prior)

    @torch.no_grad()
    def latents(self) -> torch.Tensor:
        """Return the latents (T, D): the embedding, or the encoder's means."""
        views = self._frame_step.encoder_input
        return torch.stack([self.network.latent(frame, views)[0] for frame in range(self.scene.num_frames)])

    @torch.no_grad()
    def validate(self, validation: Validation) -> tuple[Image, float]:
        """Render the held-out view and record its PSNR. The time counts as training time.

        Returns:
            The rendering, and its PSNR, dB.
        """
        start = self._clock()
        latent = self.network.latent(validation.frame, self._frame_step.encoder_input)[0]
        with self._rounded():
            rendered = validation.render(self.network, latent, self._frame_step.cells(validation.frame))
        score = validation.score(rendered)
        self.validation = self.validation.after(score, self.step)
        self.seconds += self._clock() - start
        return rendered, score

    def agree_on_validation(self) -> None:
        """Give the other processes what the first one has seen of the held-out view, so that all of them stop together."""
        if self.processes.count > 1:
            state = self.validation
            best = self.processes.of_first(-math.inf if state.best is None else state.best)
            counts = (int(self.processes.of_first(count)) for count in (state.best_step, state.without_gain))
            self.validation = ValidationState(None if best == -math.inf else best, *counts)
            self.seconds = self.processes.of_first(self.seconds)

    def save(self, folder: Path, name: str = CHECKPOINT) -> None:
        """Write a checkpoint; only the first process does. Only `CHECKPOINT` has the optimizer's state and can be resumed."""
        if not self.processes.is_first:
            return
        _LOG.info("writing the checkpoint of step %d", self.step)
        state = (self.step, self.seed, self.seconds, self.field.name, self.config, self.validation, self.updates)
        header = checkpoint.CheckpointHeader(*state)
        cells = self._frame_step.occupancy_grids() if self._pruned else None
        latents, optimizer = self.latents(), self.optimizer if name == CHECKPOINT else None
        maps = self._frame_step.error_maps if name == CHECKPOINT else None
        parts = (self.network, optimizer, latents, cells, self.refinement, name, maps)
        checkpoint.save_checkpoint(folder, header, *parts, None if self.rate is None else self.rate.steps)

    def load(self, folder: Path) -> None:
        """Continue from the checkpoint in `folder`.

        Raises:
            InputError: it is damaged, or belongs to a run with other settings or another seed.
        """
        header = checkpoint.read_header(folder)
        if header.seed != self.seed:
            raise InputError(folder, f"was trained with --seed {header.seed}")
        if header.field != self.field.name:
            raise InputError(folder, f"was trained with the {header.field} field, but here the {self.field.name} field runs")
        if _without_run_length(header.config) != _without_run_length(self.config):
            raise InputError(folder, "was trained with a different config", "resume with the same, or choose another folder")
        checkpoint.load_network(folder, self.network)
        if header.step:  # before the first step the optimizer has no state
            checkpoint.load_optimizer(folder, self.optimizer)
        checkpoint.load_refinement(folder, self.refinement)
        cells = checkpoint.load_occupancy_grids(folder, self.scene.hulls)
        if cells is not None:
            self._frame_step.restore_occupancy_grids(cells)
            self._pruned = True
        steps = checkpoint.load_rate_steps(folder)
        if (steps is None) != (self.config.rate.weight == 0):
            raise InputError(folder, "is damaged")
        if steps is not None:
            self.round_to(steps)
        self._frame_step.error_maps = checkpoint.load_error_maps(folder, self._frame_step.error_maps)
        self.step, self.seconds, self.validation, self.updates = header.step, header.seconds, header.validation, header.updates


def _without_run_length(config: TrainingConfig) -> TrainingConfig:
    """Return a config without the settings that may change when a run is resumed."""
    data = dataclasses.replace(config.data, image_memory=0.0)
    length = {"steps": 1, "minutes": 0.0, "checkpoint_minutes": 1.0}
    return dataclasses.replace(config, data=data, validation=ValidationConfig(), **length)  # type: ignore[arg-type]
