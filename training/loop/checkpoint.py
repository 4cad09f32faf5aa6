"""Checkpoints: one safetensors file, without pickles, with parameters, optimizer state, step, seed and config."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from common.atomic import atomic_write
from common.documents import parse_json
from common.errors import InputError
from common.tensor_file import load_tensors, save_tensors
from model.camera import Camera
from training.config import TrainingConfig
from training.loop.camera_refinement import CameraRefinement
from training.loop.network import Network
from training.loop.optimizer import Optimizer

_log = logging.getLogger(__name__)

FILE_NAME = "checkpoint.safetensors"
"""Name of the checkpoint in a run's folder."""

_FORMAT_VERSION = 1
_REFINEMENT = "cameras."
_OCCUPANCY_GRIDS = "live_cells"  # name in the file, which existing checkpoints have


@dataclass(frozen=True)
class CheckpointHeader:
    """Everything in a checkpoint except tensors. Seed and step determine all randomness, since each step seeds its generators
    with both."""

    step: int
    """Steps done."""
    seed: int
    """Seed of the run."""
    seconds: float
    """Time trained so far, seconds."""
    field: str
    """Field that was trained, "native" or "torch". Their numbers differ in the last digits, their optimizer states in shape."""
    config: TrainingConfig
    """Settings of the run."""


def save_checkpoint(
    folder: Path,
    header: CheckpointHeader,
    network: Network,
    optimizer: Optimizer,
    latents: torch.Tensor,
    occupancy_grids: torch.Tensor | None = None,
    refinement: CameraRefinement | None = None,
) -> None:
    """Write the checkpoint of a run atomically: a reader sees the old one or the new one.

    `latents`, (T, D), are those of the exported bundle, so that an export needs no images. `occupancy_grids`, (T, bytes) uint8,
    are the packed cells that samples are restricted to. `refinement` is what was learned about the cameras.

    Raises:
        InputError: the file cannot be written; the old one is still there.
    """
    tensors = {"latents": latents} | {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in optimizer.state().items()}
    if refinement is not None:
        tensors |= {f"{_REFINEMENT}{name}": value for name, value in refinement.state_dict().items()}
    if occupancy_grids is not None:
        tensors[_OCCUPANCY_GRIDS] = occupancy_grids
    text = {"format_version": _FORMAT_VERSION} | vars(header) | {"config": header.config.to_dict()}
    stored = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with atomic_write(folder / FILE_NAME) as temporary:
        save_tensors(stored, temporary, {"checkpoint": json.dumps(text)}, folder / FILE_NAME)
    _log.info("checkpoint of step %d in %s", header.step, folder / FILE_NAME)


def read_header(folder: Path) -> CheckpointHeader:
    """Read the header of a checkpoint; raise InputError when it is missing, damaged or has another version."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise InputError(folder, "has no checkpoint", f"there is no {FILE_NAME}")
    try:
        with safe_open(path, framework="pt") as file:
            text = parse_json((file.metadata() or {})["checkpoint"], path)
        version, step, seed, seconds = (text[k] for k in ("format_version", "step", "seed", "seconds"))
        step, seed, seconds = int(step), int(seed), float(seconds)
        if not (step >= 0 and 0 <= seed < 1 << 63 and 0 <= seconds < math.inf):
            raise ValueError("a number out of range")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(path, "is damaged") from error
    if version != _FORMAT_VERSION:
        raise InputError(path, f"has version {version}, but this program reads version {_FORMAT_VERSION}")
    return CheckpointHeader(
        step, seed, seconds, str(text.get("field")), TrainingConfig.from_dict(text.get("config"), str(path))
    )


def load_network(folder: Path, network: Network, assign: bool = False) -> None:
    """Load the checkpoint's parameters into a network; raise InputError when they do not fit.

    With `assign`, they replace the network's own, which may be without memory.
    """
    tensors = _tensors(folder, "network.")
    expected = network.state_dict()
    _check(folder, tensors, {name: tuple(value.shape) for name, value in expected.items()})
    network.load_state_dict(tensors, assign=assign)


def load_latents(folder: Path, num_frames: int, channels: int) -> torch.Tensor:
    """Read the latents of a checkpoint, (T, D); raise InputError when their shape is wrong or they are not finite."""
    tensors = _tensors(folder, "latents")
    _check(folder, tensors, {"": (num_frames, channels)})
    return tensors[""]


def load_occupancy_grids(folder: Path, hulls: torch.Tensor | None) -> torch.Tensor | None:
    """Read the occupancy grids, packed like the hulls, (T, bytes) uint8; return None if the checkpoint has none.

    Raises:
        InputError: they do not fit the hulls.
    """
    cells = _tensors(folder, _OCCUPANCY_GRIDS).get("")
    if cells is None or hulls is None:
        return None
    if cells.shape != hulls.shape or cells.dtype != torch.uint8:
        raise InputError(folder / FILE_NAME, f"{_OCCUPANCY_GRIDS} do not fit the hulls of scene.safetensors")
    return cells


def load_refinement(folder: Path, refinement: CameraRefinement | None) -> None:
    """Load what the checkpoint has of the cameras; raise InputError when it does not fit.

    Args:
        folder: the run.
        refinement: what the run learns of the cameras, None for nothing.
    """
    tensors = _tensors(folder, _REFINEMENT)
    if (refinement is None) == bool(tensors):
        with_or_without = "with" if tensors else "without"
        raise InputError(folder, f"was trained {with_or_without} refining cameras", "resume with the same meta.yaml")
    if refinement is None:
        return
    _check(folder, tensors, {name: tuple(value.shape) for name, value in refinement.state_dict().items()})
    if not torch.equal(tensors["cameras"], refinement.cameras):
        raise InputError(folder / FILE_NAME, "refines other cameras than the capture has")
    refinement.load_state_dict(tensors)


def refined_cameras(folder: Path, cameras: list[Camera]) -> list[Camera]:
    """Return a capture's cameras with the poses that a run learned; the same cameras if it learned none.

    Raises:
        InputError: the checkpoint is damaged.
    """
    tensors = _tensors(folder, _REFINEMENT)
    if not tensors:
        return cameras
    views = tensors.get("cameras", torch.zeros(0))
    refinement = CameraRefinement(len(views) if views.dim() else 0)
    _check(folder, tensors, {name: tuple(value.shape) for name, value in refinement.state_dict().items()})
    if views.dtype != torch.int64 or not all(0 <= view < len(cameras) for view in views.tolist()):
        raise InputError(folder / FILE_NAME, "refines cameras that the scene does not have")
    refinement.load_state_dict(tensors)
    return refinement.refined(cameras)


def load_optimizer(folder: Path, optimizer: Optimizer) -> None:
    """Load the checkpoint's state into an optimizer; raise InputError when it does not fit the network."""
    tensors = _tensors(folder, "optimizer.")
    _check(folder, tensors, optimizer.expected_shapes())
    optimizer.load_state(tensors)


def _tensors(folder: Path, prefix: str) -> dict[str, torch.Tensor]:
    path = folder / FILE_NAME
    try:
        return load_tensors(path, prefix)[0]
    except (OSError, SafetensorError) as error:
        raise InputError(path, "is damaged") from error


def _check(folder: Path, tensors: dict[str, torch.Tensor], shapes: dict[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        if name not in tensors:
            raise InputError(folder / FILE_NAME, f"has no {name}")
        if tuple(tensors[name].shape) != shape or not tensors[name].isfinite().all():
            raise InputError(folder / FILE_NAME, f"{name} has a wrong shape or is not finite")
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise InputError(folder / FILE_NAME, f"has unknown {unknown[0]}")
