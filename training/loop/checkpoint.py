"""Checkpoints: one safetensors file, without pickles, with parameters, optimizer state, step, seed and config."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import torch

from common.array_file import Array
from common.atomic import atomic_write
from common.documents import is_whole
from common.errors import InputError
from common.tensor_file import save_tensors
from model.bundle.coding import MAX_STEP
from model.run.cameras import REFINEMENT
from model.run.files import CHECKPOINT as FILE_NAME
from model.run.files import check_tensors, read_tensors, read_texts
from model.run.video import SAMPLED_CELLS
from training.config import TrainingConfig
from training.loop.camera_refinement import CameraRefinement
from training.loop.network import Network
from training.loop.occupancy_updates import OccupancyUpdates
from training.loop.optimizer import Optimizer
from training.loop.rate import Steps
from training.loop.validation import ValidationState

_log = logging.getLogger(__name__)

_FORMAT_VERSION = 1
_ERROR_MAPS = "error_maps"
_RATE_STEPS = "rate_steps."


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
    validation: ValidationState = ValidationState()
    """The scores of the held-out view so far."""
    updates: OccupancyUpdates = OccupancyUpdates()
    """The updates of the occupancy grids so far."""


def save_checkpoint(
    folder: Path,
    header: CheckpointHeader,
    network: Network,
    optimizer: Optimizer | None,
    latents: torch.Tensor,
    occupancy_grids: torch.Tensor | None = None,
    refinement: CameraRefinement | None = None,
    name: str = FILE_NAME,
    error_maps: torch.Tensor | None = None,
    rate_steps: Steps | None = None,
) -> None:
    """Write the checkpoint of a run atomically: a reader sees the old one or the new one.

    `latents`, (T, D), are those of the exported bundle, so that an export needs no images. `occupancy_grids`, (T, bytes) uint8,
    are the packed cells that samples are restricted to. `refinement` is what was learned about the cameras. `error_maps`,
    (T, cells), decide where rays are drawn. `rate_steps` are the steps to which parameters are rounded. Without the optimizer,
    the checkpoint can be exported but not resumed.

    Raises:
        InputError: the file cannot be written; the old one is still there.
    """
    tensors = {"latents": latents} | {f"network.{key}": value for key, value in network.state_dict().items()}
    if optimizer is not None:
        tensors |= {f"optimizer.{key}": value for key, value in optimizer.state().items()}
    if refinement is not None:
        tensors |= {f"{REFINEMENT}{key}": value for key, value in refinement.state_dict().items()}
    if occupancy_grids is not None:
        tensors[SAMPLED_CELLS] = occupancy_grids
    if error_maps is not None:
        tensors[_ERROR_MAPS] = error_maps
    for key, steps in (rate_steps or {}).items():
        tensors[_RATE_STEPS + key] = torch.tensor(steps, dtype=torch.float64)
    text = {"format_version": _FORMAT_VERSION} | vars(header)
    text |= {"config": header.config.to_dict(), "validation": header.validation.to_dict(), "updates": header.updates.to_dict()}
    stored = {key: tensor.detach().contiguous() for key, tensor in tensors.items()}
    with atomic_write(folder / name) as temporary:
        save_tensors(stored, temporary, {"checkpoint": json.dumps(text)}, folder / name)
    _log.info("checkpoint of step %d in %s", header.step, folder / name)


def read_header(folder: Path, name: str = FILE_NAME) -> CheckpointHeader:
    """Read the header of a checkpoint; raise InputError when it is missing, damaged or has another version."""
    path = folder / name
    if not path.is_file():
        raise InputError(folder, "has no checkpoint", f"there is no {name}")
    text = read_texts(path, "checkpoint")
    try:
        version, step, seed, seconds = (text[k] for k in ("format_version", "step", "seed", "seconds"))
        step, seed, seconds = int(step), int(seed), float(seconds)
        validation = ValidationState.from_dict(text.get("validation"))
        updates = OccupancyUpdates.from_dict(text.get("updates"))
        if not is_whole(version):
            raise ValueError("the version is not a whole number")
        if not (step >= 0 and 0 <= seed < 1 << 63 and 0 <= seconds < math.inf):
            raise ValueError("a number out of range")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, "is damaged") from error
    if version != _FORMAT_VERSION:
        raise InputError(path, f"has version {version}, but this program reads version {_FORMAT_VERSION}")
    config = TrainingConfig.from_dict(text.get("config"), str(path))
    return CheckpointHeader(step, seed, seconds, str(text.get("field")), config, validation, updates)


def load_network(folder: Path, network: Network, assign: bool = False, name: str = FILE_NAME) -> None:
    """Load the checkpoint's parameters into a network; raise InputError when they do not fit.

    With `assign`, they replace the network's own, which may be without memory.
    """
    tensors = read_tensors(folder / name, "network.")
    expected = network.state_dict()
    check_tensors(folder / name, tensors, {key: tuple(value.shape) for key, value in expected.items()})
    network.load_state_dict(_as_tensors(tensors), assign=assign)


def load_latents(folder: Path, num_frames: int, channels: int, name: str = FILE_NAME) -> torch.Tensor:
    """Read the latents of a checkpoint, (T, D); raise InputError when their shape is wrong or they are not finite."""
    tensors = read_tensors(folder / name, "latents")
    check_tensors(folder / name, tensors, {"": (num_frames, channels)})
    return torch.from_numpy(tensors[""])


def load_occupancy_grids(folder: Path, hulls: torch.Tensor | None, name: str = FILE_NAME) -> torch.Tensor | None:
    """Read the occupancy grids, packed like the hulls, (T, bytes) uint8; return None if the checkpoint has none.

    Raises:
        InputError: they do not fit the hulls.
    """
    cells = _as_tensors(read_tensors(folder / name, SAMPLED_CELLS)).get("")
    if cells is None or hulls is None:
        return None
    if cells.shape != hulls.shape or cells.dtype != torch.uint8:
        raise InputError(folder / name, f"{SAMPLED_CELLS} do not fit the hulls of scene.safetensors")
    return cells


def load_error_maps(folder: Path, expected: torch.Tensor | None) -> torch.Tensor | None:
    """Read the error maps of a checkpoint, like those that are expected; raise InputError when they do not fit."""
    if expected is None:
        return None
    tensors = read_tensors(folder / FILE_NAME, _ERROR_MAPS)
    check_tensors(folder / FILE_NAME, tensors, {"": tuple(expected.shape)})
    return _as_tensors(tensors)[""].clone()


def load_rate_steps(folder: Path, name: str = FILE_NAME) -> Steps | None:
    """Read the steps of the rate term; return None if the run has none.

    Raises:
        InputError: a step is not above 0.
    """
    tensors = read_tensors(folder / name, _RATE_STEPS)
    steps = {key: tuple(map(float, values.ravel())) for key, values in tensors.items()}
    if not all(0 < step <= MAX_STEP for values in steps.values() for step in values):
        raise InputError(folder / name, "is damaged")
    return steps or None


def load_refinement(folder: Path, refinement: CameraRefinement | None) -> None:
    """Load what the checkpoint has of the cameras; raise InputError when it does not fit.

    Args:
        folder: the run.
        refinement: what the run learns of the cameras, None for nothing.
    """
    path = folder / FILE_NAME
    arrays = read_tensors(path, REFINEMENT)
    tensors = _as_tensors(arrays)
    if (refinement is None) == bool(tensors):
        with_or_without = "with" if tensors else "without"
        raise InputError(folder, f"was trained {with_or_without} refining cameras", "resume with the same meta.yaml")
    if refinement is None:
        return
    check_tensors(path, arrays, {name: tuple(value.shape) for name, value in refinement.state_dict().items()})
    if not torch.equal(tensors["cameras"], refinement.cameras):
        raise InputError(path, "refines other cameras than the capture has")
    refinement.load_state_dict(tensors)


def load_optimizer(folder: Path, optimizer: Optimizer) -> None:
    """Load the checkpoint's state into an optimizer; raise InputError when it does not fit the network."""
    tensors = read_tensors(folder / FILE_NAME, "optimizer.")
    check_tensors(folder / FILE_NAME, tensors, optimizer.expected_shapes())
    optimizer.load_state(_as_tensors(tensors))


def _as_tensors(arrays: dict[str, Array]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
