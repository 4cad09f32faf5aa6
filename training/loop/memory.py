"""Predict the memory of a run, so that a run that does not fit is refused before its first step."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from common.errors import InputError
from common.memory import available_memory
from model.bundle.layout import decoded_bytes
from model.methods.config import hidden_bytes
from model.network import without_memory
from training.config import TrainingConfig
from training.loop.dataset import Dataset
from training.loop.fixed_maps import fixed_maps_bytes
from training.loop.network import Network
from training.loop.scene import Scene

_SAMPLE = {"native": 600, "torch": 7000}  # bytes of a sample and its gradients while a frame is rendered, measured
_OVERHEAD = 32 << 20  # bytes of a worker besides
_FILL = 0.25  # mean length of a ray in the hull, as a share of the diagonal of its bounds; measured: 0.13 to 0.23
_ENCODING = 256 << 20  # bytes of the encoder's activations for three images of 512 x 512
_SHARE = 0.5  # share of the available memory that images may take
_GROWTH = 1.25  # the subject may be larger in other frames than in the one that was measured


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a run will take, in addition to what the program takes before it."""

    images: int
    """Training views of all frames."""
    hulls: int
    """Cells that samples may lie in, of all frames."""
    network: int
    """Parameters, also rounded ones, their gradients and the optimizer's moments, and the maps of frames that are fixed."""
    frame: int
    """A frame of a step, which one worker computes."""

    def total(self, workers: int, images_in_memory: bool = True) -> int:
        """Return the sum for a number of frames that are computed at once."""
        return self.hulls + self.network + workers * self.frame + (self.images if images_in_memory else 0)

    def text(self, workers: int) -> str:
        """Return the parts as a text."""
        parts = {"images": self.images, "hulls": self.hulls, "network": self.network, "steps": workers * self.frame}
        return ", ".join(f"{name} {size / 1e9:.2f}" for name, size in parts.items())


def predict_memory(config: TrainingConfig, dataset: Dataset, scene: Scene, field: str) -> MemoryNeed:
    """Predict the memory of a run from the images of its middle frame and the sizes of its tensors.

    Args:
        config: settings of the run.
        dataset: the images.
        scene: boxes and hulls.
        field: "native" or "torch".

    Raises:
        InputError: an image cannot be read.
    """
    frames = scene.num_frames
    with without_memory():
        network = Network(config, frames, scene.loop)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    encoder = network.encoder is not None
    images = _GROWTH * frames * dataset.read(frames // 2, half=False).num_bytes
    if encoder:
        images += frames * 3 * 3 * 512 * 512
    cells = scene.hull_resolution**3 * (2 if config.rays.prune_every else 1)
    outside_tables = trained - (0 if network.tables is None else network.tables.numel())
    dense = outside_tables if field == "native" else trained
    samples = config.rays.rays_per_frame * _samples_per_ray(config, scene)
    of_sample = _SAMPLE[field] + hidden_bytes(config.model.method)
    frame = 4 * dense + 3 * decoded_bytes(config.model) + samples * of_sample + _OVERHEAD + _ENCODING * encoder
    of_rate = 8 * parameters if config.rate.weight else 0  # rounded, and while they are rounded
    of_network = 4 * parameters + 12 * trained + 4 * outside_tables + of_rate
    of_network += fixed_maps_bytes(config, frames)
    return MemoryNeed(int(images), frames * cells, of_network, int(frame))


def _samples_per_ray(config: TrainingConfig, scene: Scene) -> float:
    if not config.rays.step:
        return config.rays.samples_per_ray
    sizes = (scene.bounds(frame).diff(dim=0).norm() for frame in range(scene.num_frames))
    fill = _FILL if scene.hulls is not None else 1.0
    return max(1.0, fill * float(max(sizes)) / config.rays.step)


def plan_memory(need: MemoryNeed, dataset: Dataset, workers: int, processes: int, folder: Path, device: torch.device) -> str:
    """Decide where the images are kept, and return a line about the memory of the run.

    Args:
        need: the prediction.
        dataset: keeps its images in a file in `folder` from now on, if they need more memory than they may take.
        workers: number of frames that are computed at once.
        processes: number of processes on this machine, each of which needs as much.
        folder: the run's folder.
        device: where everything but the images is.

    Raises:
        InputError: the run does not fit.
    """
    available = available_memory() / processes
    limit = dataset.config.data.image_memory * 1e9 or _SHARE * available
    in_memory = need.images <= limit
    gpu = device.type == "cuda"
    total = need.images * in_memory if gpu else need.total(workers, in_memory)
    _check(total, available, need, workers, "memory")
    if gpu:
        _check(need.total(workers, False), torch.cuda.mem_get_info(device)[0], need, workers, "GPU memory")
    line = f"memory: about {total / 1e9:.2f} GB ({need.text(workers)}) of {available / 1e9:.2f} GB available"
    if in_memory:
        return line
    free = shutil.disk_usage(folder).free / processes
    if need.images > free:
        fault = f"the images need {need.images / 1e9:.1f} GB on disk, but only {free / 1e9:.1f} GB are free"
        raise InputError(folder, fault, "lower data.image_scale or data.num_frames")
    dataset.keep_in_file(folder)
    return f"{line}; the images exceed {limit / 1e9:.2f} GB, so they are kept in a file in {folder} until the run ends"


def _check(total: float, available: float, need: MemoryNeed, workers: int, kind: str) -> None:
    if total <= available:
        return
    fault = (
        f"needs about {total / 1e9:.2f} GB of {kind} ({need.text(workers)}), but only {available / 1e9:.2f} GB are available"
    )
    fitting = math.floor((available - need.total(0, False)) / need.frame)
    fewer = f"use --threads {fitting}" if 0 < fitting < workers else "choose a smaller model, or lower rays.rays_per_frame"
    raise InputError("this run", fault, fewer)
