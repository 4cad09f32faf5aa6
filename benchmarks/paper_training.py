"""Train a model of the paper's full size on two CPU cores.

Most of the time goes into the large decoder, almost none into the hash tables. A frame is therefore decoded once for several
batches of rays. Each batch updates the hash tables and adds its gradients to those of the maps, which then go back through
the decoder together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks.bundles import PAPER_MODEL, occupancy_of_hull
from common.atomic import atomic_write
from common.tensor_file import save_tensors
from model.config import ModelConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.network import video_of
from model.occupancy import pack_occupancy
from model.occupancy_extraction import extract_occupancy
from model.video import VolumetricVideo
from training.captures.capture import Capture
from training.config import DataConfig, RayConfig, TrainingConfig
from training.fields.field import MarchSettings, RenderedRays
from training.fields.losses import color_loss, mask_loss, sample_color_loss
from training.fields.native_kernels import HashTableAdam, TrainingKernels
from training.fields.precision import products_in
from training.fields.samples import RayBatch
from training.loop.dataset import Dataset
from training.loop.network import initial_latents
from training.loop.rays import CameraBatch, draw_pixels, make_rays
from training.loop.scene import build_scene
from training.loop.workers import worker_pool


@dataclass(frozen=True)
class PaperTrainingConfig:
    """Settings of the training run."""

    frames: int = 1
    """Number of frames, from the first one of the capture."""
    batches: int = 2
    """Ray batches per decoder pass."""
    rays: int = 4096
    """Rays per batch, from all training views."""
    decoder_rate: float = 1e-3
    """Adam's learning rate for decoder and latents, which decays to `decay` of it."""
    table_rate: float = 1e-2
    """Adam's learning rate for the hash tables."""
    decay: float = 0.05
    """Fraction of the learning rates at the end."""
    warmup: int = 20
    """Decoder passes over which the learning rates rise."""
    coarse: float = 0.6
    """Share of the run, from the start, with steps of double length and samples only in the hull, which takes a quarter of
    the samples. The rest uses the steps and the whole occupancy cells that rendering uses."""
    sample_color_weight: float = 1.0
    """Weight of the squared color error of single samples (`training.fields.losses.sample_color_loss`). It makes surfaces
    sharper, and a frame takes a quarter fewer samples."""
    mask_weight: float = 0.1
    """Weight of the squared error of the opacity."""
    penalty_weight: float = 0.1
    """Weight of the penalty on the optical depth of single samples."""
    leak: float = 0.1
    """Gradient slope of the density's ReLU for negative inputs, in the first `leak_passes` decoder passes. The density
    collapses if it stays on."""
    leak_passes: int = 60
    """Decoder passes with a leak, long enough for the initial fog to thin out."""
    seed: int = 0
    """Decides all randomness."""


class PaperTraining:
    """A training run in progress.

    Args:
        capture: the capture to train on.
        config: settings.
        threads: CPU threads.
        model: its hyper-parameters; 96 must be a multiple of the occupancy resolution.
    """

    def __init__(self, capture: Capture, config: PaperTrainingConfig, threads: int, model: ModelConfig = PAPER_MODEL) -> None:
        torch.manual_seed(config.seed)
        self.model = model
        self.config, self.capture = config, capture
        data = TrainingConfig(
            data=DataConfig(num_frames=config.frames, hull_resolution=96),
            rays=RayConfig(rays_per_frame=config.rays, views_per_frame=0, foreground=0.6, face=0, region="mask", dilation=14.0),
        )
        with worker_pool(threads) as pool:
            self.scene = build_scene(capture, data.data, pool)
            self.dataset = Dataset(capture, data, range(config.frames), self.scene.boxes)
            self.dataset.prefetch(False, pool)
        self._rays = data.rays
        self._cameras = CameraBatch.from_cameras(self.dataset.cameras(False))
        self.hulls = [hull for frame in range(config.frames) if (hull := self.scene.hull(frame)) is not None]
        self.cells = [occupancy_of_hull(hull, self.model.occupancy.resolution) for hull in self.hulls]
        self.kernels = TrainingKernels(self.model, threads)
        self.decoder = MapDecoder(self.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.encoding = HashEncoding(self.model.hash).requires_grad_(False)
        self.latents = torch.nn.Parameter(initial_latents(config.frames, self.model.decoder.latent_channels, loop=False))
        parameters = [*self.decoder.parameters(), self.latents]
        self._optimizer = torch.optim.Adam(parameters, betas=(0.9, 0.99), fused=True)
        self._table_optimizer = HashTableAdam(self.kernels, self.encoding.tables)
        self.passes = 0

    def advance(self, progress: float) -> float:
        """Run one decoder pass with its ray batches.

        Args:
            progress: share of the run done, [0, 1]; determines learning rates and samples.

        Returns:
            The mean squared color error.
        """
        config = self.config
        order = np.random.default_rng([config.seed, self.passes // config.frames]).permutation(config.frames)
        frame = int(order[self.passes % config.frames])
        factor = config.decay**progress * min(1.0, (self.passes + 1) / config.warmup)
        with products_in(True, torch.device("cpu")):
            decoded = self.decoder(self.latents[frame][None])
        maps = [_leaf(decoded[0][0]), _leaf(decoded[1][0]), decoded[2][0].detach().float().contiguous().requires_grad_()]
        coarse = progress < config.coarse
        errors = [self._batch(frame, maps, index, coarse, factor * config.table_rate) for index in range(config.batches)]
        gradients = [
            (m.grad / config.batches)[None].to(d.dtype) for m, d in zip(maps, decoded, strict=True) if m.grad is not None
        ]
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(decoded, gradients)
        self._optimizer.param_groups[0]["lr"] = factor * config.decoder_rate
        self._optimizer.step()
        self.passes += 1
        return sum(errors) / len(errors)

    def _batch(self, frame: int, maps: list[torch.Tensor], index: int, coarse: bool, table_rate: float) -> float:
        seed = self.passes * self.config.batches + index
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + seed)
        views = self.dataset.frame(frame, False)
        rays = make_rays(views, self._cameras, draw_pixels(views, self._rays, self._rays.rays_per_frame, generator))
        box = torch.from_numpy(self.scene.boxes[frame])
        step = float((box[1] - box[0]).norm()) / self.model.render.steps_per_diagonal * (2 if coarse else 1)
        cells = (self.hulls if coarse else self.cells)[frame]
        samples = self.kernels.sample_rays(rays.origins, rays.directions, box, cells, step, seed)
        time = frame / self.config.frames
        grids = self.kernels.bake(self.encoding.tables, time).requires_grad_()
        settings = MarchSettings(leak=self.config.leak if self.passes < self.config.leak_passes else 0.0)
        features, densities, colors = maps
        seen = self.kernels.render_samples(grids, features, densities, colors, samples, rays.directions, settings)
        loss, error = self._loss(seen, rays)
        loss.backward()
        assert grids.grad is not None
        self._table_optimizer.accumulate(grids.grad, time)
        self._table_optimizer.step(table_rate)
        return error

    def _loss(self, seen: RenderedRays, rays: RayBatch) -> tuple[torch.Tensor, float]:
        config, error = self.config, color_loss(seen.color, rays.colors)
        of_samples = config.sample_color_weight * sample_color_loss(seen.color, seen.moments, rays.colors)
        of_masks = config.mask_weight * mask_loss(seen.opacity, rays.masks)
        return error + of_samples + of_masks + config.penalty_weight * seen.penalty, float(error.detach())

    @torch.no_grad()
    def video(self) -> VolumetricVideo:
        """Return the current model as a video, with the occupancy of its density within the hull."""
        decoder = MapDecoder(self.model).eval().requires_grad_(False)
        decoder.load_state_dict(self.decoder.state_dict())
        occupancy = torch.stack([self._occupancy(frame, decoder) for frame in range(self.config.frames)])
        boxes, latents = torch.from_numpy(self.scene.boxes).clone(), self.latents.detach().clone()
        metadata = self.scene.metadata
        return video_of(self.model, metadata, latents, boxes, pack_occupancy(occupancy), decoder, self.encoding)

    def _occupancy(self, frame: int, decoder: MapDecoder) -> torch.Tensor:
        features, densities, _ = (m[0] for m in decoder(self.latents[frame][None]))
        grids = self.kernels.bake(self.encoding.tables, frame / self.config.frames)
        dense = extract_occupancy(lambda p: self.kernels.density(grids, features, densities, p), self.model.occupancy)
        return dense & self.cells[frame]

    def save(self, path: Path) -> None:
        """Write everything that resuming needs, atomically; InputError when that fails."""
        tensors = {f"decoder.{name}": value.contiguous() for name, value in self.decoder.state_dict().items()}
        tensors |= {"latents": self.latents.detach(), "tables": self.encoding.tables}
        tensors |= {f"tables.{name}": value for name, value in self._table_optimizer.state().items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value.contiguous() for name, value in state.items()}
        with atomic_write(path) as temporary:
            save_tensors(tensors, temporary, {"passes": json.dumps(self.passes)}, path)

    def load(self, path: Path, passes: int) -> None:
        """Continue from a file that `save` wrote after this many passes."""
        tensors = load_file(path)
        names = [name for name in tensors if name.startswith("decoder.")]
        self.decoder.load_state_dict({name.removeprefix("decoder."): tensors[name] for name in names})
        with torch.no_grad():
            self.latents.copy_(tensors["latents"])
            self.encoding.tables.copy_(tensors["tables"])
        self._table_optimizer.load_state({k: tensors[f"tables.{k}"] for k in self._table_optimizer.state()})
        parameters = self._optimizer.param_groups[0]["params"]
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name in (n for n in tensors if n.startswith("optimizer.")):
            _, index, key = name.split(".")
            like = parameters[int(index)] if key != "step" else tensors[name]
            # In the memory order of the parameter, which the fused optimizer requires.
            state.setdefault(int(index), {})[key] = torch.empty_like(like, requires_grad=False).copy_(tensors[name])
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": state})
        self.passes = passes


def _leaf(maps: torch.Tensor) -> torch.Tensor:
    """Return a copy of decoded maps (planes, C, H, W), channels last in memory, that accumulates gradients."""
    return maps.detach().permute(0, 2, 3, 1).float().contiguous().permute(0, 3, 1, 2).requires_grad_()
