"""Every setting of a training, with the paper's values as defaults, and its YAML presets."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from common.errors import InputError
from model.config import ModelConfig, dataclass_from_dict

PRESET_FOLDER = Path(__file__).parent / "presets"
"""Where `--config NAME` is looked up."""

MAX_FILE_BYTES = 1 << 20
"""Largest config file that is opened."""


def _require(condition: bool, name: str, fault: str) -> None:
    if not condition:
        raise InputError(f"config field {name}", fault)


def _within(value: float, low: float, high: float, name: str) -> None:
    _require(math.isfinite(value) and low <= value <= high, name, f"must be {low:g} to {high:g}")


@dataclass(frozen=True)
class DataConfig:
    """What of the capture is trained on."""

    first_frame: int = 0
    """First frame of the capture."""
    num_frames: int | None = None
    """Frames from there on; None: all that follow."""
    image_scale: float = 1.0
    """Images are used at this fraction of their size (paper: 0.5 for ZJU-MoCap)."""
    box_padding: float = 0.05
    """Meters around the vertices of each frame."""
    boxes: Literal["frame", "union"] = "frame"
    """Each frame its own box (paper), or one around all of them, in which what does not move keeps its coordinates."""
    hull_resolution: int = 128
    """Cells along each axis of the hull that samples are restricted to; 0: no hull, samples fill the box."""
    hull_margin: float = 1.5
    """Dilation of the masks for carving, pixels of the full image."""

    def __post_init__(self) -> None:
        _within(self.first_frame, 0, 10**7, "data.first_frame")
        _require(self.num_frames is None or self.num_frames >= 1, "data.num_frames", "must be at least 1")
        _within(self.image_scale, 0.01, 1, "data.image_scale")
        _within(self.box_padding, 0, 10, "data.box_padding")
        _require(self.boxes in ("frame", "union"), "data.boxes", "must be frame or union")
        _within(self.hull_resolution, 0, 256, "data.hull_resolution")
        _within(self.hull_margin, 0, 1000, "data.hull_margin")


@dataclass(frozen=True)
class RayConfig:
    """Which rays a step takes, and where samples lie on them."""

    frames_per_step: int = 8
    """Frames of a step; each is decoded once (the paper's batch)."""
    rays_per_frame: int = 1024
    """Rays a frame."""
    ramp_steps: int = 0
    """Steps over which the rays of a frame grow from an eighth to `rays_per_frame`: in the fog of the first steps every
    sample counts, and few rays say enough."""
    prune_steps: int = 0
    """Every so many steps the cells of the hulls that have no density are found and left out; 0: never. Needs a hull and a
    fixed `step`."""
    views_per_frame: int = 1
    """Views that the rays of a frame come from (paper: one); 0: all training views."""
    foreground: float = 0.7
    """Share of rays through the foreground."""
    face: float = 0.1
    """Share of rays through the face, where a parse gives it; elsewhere they join the foreground's."""
    region: Literal["box", "mask"] = "box"
    """Where the other rays go: into the projected box (paper), or onto the dilated mask."""
    dilation: float = 6.0
    """Dilation of the mask for `region` "mask", pixels of the full image."""
    samples_per_ray: int = 64
    """Stratified samples between a ray's entry into the box and its exit."""
    view_jitter: float = 0.0
    """Standard deviation of the noise on each component of the unit direction that a ray's color is asked for. Few views leave
    color free to explain by direction what belongs to the surface's place; colors that hold for a cone of directions carry
    over to the views between."""
    step: float = 0.0
    """Meters between samples instead of a fixed number of them; 0: `samples_per_ray` counts."""

    def __post_init__(self) -> None:
        _within(self.frames_per_step, 1, 64, "rays.frames_per_step")
        _within(self.rays_per_frame, 1, 1 << 20, "rays.rays_per_frame")
        _within(self.ramp_steps, 0, 10**7, "rays.ramp_steps")
        _within(self.prune_steps, 0, 10**7, "rays.prune_steps")
        _within(self.views_per_frame, 0, 4096, "rays.views_per_frame")
        _within(self.foreground, 0, 1, "rays.foreground")
        _within(self.face, 0, 1 - self.foreground + 1e-9, "rays.face")
        _require(self.region in ("box", "mask"), "rays.region", "must be box or mask")
        _within(self.dilation, 0, 1000, "rays.dilation")
        _within(self.samples_per_ray, 1, 4096, "rays.samples_per_ray")
        _within(self.view_jitter, 0, 10, "rays.view_jitter")
        _within(self.step, 0, 10, "rays.step")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms; the squared color error has weight 1."""

    sample_color: float = 0.0
    """Squared error of each sample's own color, weighted with w: colors that only together make a ray's color come apart in
    views that were not trained on."""
    mask: float = 0.1
    """Squared error of the opacity against the mask."""
    kl: float = 1e-6
    """KL divergence of the encoder's latents."""
    optical_depth: float = 1e-3
    """Squared excess of a sample's optical depth over `optical_depth_limit`: density has no upper bound of its own, and a
    shell that one sample makes opaque hides all behind it from the gradient."""
    optical_depth_limit: float = 3.0
    """Optical depth (density times step) that is free: such a sample absorbs 95 %."""

    def __post_init__(self) -> None:
        for name in ("sample_color", "mask", "kl", "optical_depth", "optical_depth_limit"):
            _within(getattr(self, name), 0, 1e6, f"loss.{name}")


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam with two learning rates, linear warm-up and exponential decay."""

    decoder_rate: float = 5e-4
    """Learning rate of decoder, encoder and embedding."""
    table_rate: float = 5e-3
    """Learning rate of the hash tables; above 1e-2 trainings collapsed."""
    beta1: float = 0.9
    """Decay of the mean of gradients."""
    beta2: float = 0.999
    """Decay of the mean of squared gradients."""
    epsilon: float = 1e-8
    """Adam's epsilon for all but the tables."""
    table_epsilon: float = 1e-15
    """Adam's epsilon for the tables, whose gradients are tiny (Instant-NGP)."""
    warmup_steps: int = 200
    """Steps over which the rates rise from 0."""
    decay: float = 0.1
    """The rates fall to this fraction ..."""
    decay_steps: int | None = 200_000
    """... every so many steps, exponentially; None: over the whole training."""

    def __post_init__(self) -> None:
        _within(self.decoder_rate, 0, 1, "optimizer.decoder_rate")
        _within(self.table_rate, 0, 1, "optimizer.table_rate")
        _within(self.beta1, 0, 0.9999, "optimizer.beta1")
        _within(self.beta2, 0, 0.99999, "optimizer.beta2")
        _within(self.epsilon, 1e-30, 1, "optimizer.epsilon")
        _within(self.table_epsilon, 1e-30, 1, "optimizer.table_epsilon")
        _within(self.warmup_steps, 0, 10**7, "optimizer.warmup_steps")
        _within(self.decay, 1e-6, 1, "optimizer.decay")
        _require(self.decay_steps is None or self.decay_steps >= 1, "optimizer.decay_steps", "must be at least 1")


@dataclass(frozen=True)
class TrainingConfig:
    """One training, complete: together with the capture and the seed it decides every number."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """The representation."""
    data: DataConfig = field(default_factory=DataConfig)
    """What is trained on."""
    rays: RayConfig = field(default_factory=RayConfig)
    """Rays and samples."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Loss terms."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """Adam."""
    latents: Literal["embedding", "encoder"] = "encoder"
    """Where z comes from: learned a frame (released models), or an encoder of three views (paper)."""
    density_leak: float = 0.0
    """Slope of the gradient where the density's rectifier is cut off; above 0 empty space can fill again."""
    density_leak_until: float = 1.0
    """Share of the training in which there is that slope. It is not the loss's own gradient: once there is a surface it drives
    the parameters away from the loss's minimum, and long trainings collapsed with it."""
    blend_at_random: bool = False
    """With bilinear heads: evaluate one of the four nearest, drawn by its weight, instead of all; a quarter of the work."""
    steps: int = 400_000
    """Length of the training."""
    minutes: float = 0.0
    """Length of the training by the clock instead of `steps`; the rates then decay with the time trained, so that a busy
    machine ends on time with fewer steps, and no two trainings are quite the same. 0: `steps` counts."""
    half_resolution: float = 0.0
    """Share of the training, from the first step, on images of half the size."""
    decoder_bfloat16: bool = False
    """Run the decoder's convolutions in bfloat16 while training, where the processor has products of it."""
    checkpoint_minutes: float = 10.0
    """Minutes between checkpoints."""

    def __post_init__(self) -> None:
        _require(self.latents in ("embedding", "encoder"), "latents", "must be embedding or encoder")
        _within(self.density_leak, 0, 1, "density_leak")
        _within(self.density_leak_until, 0, 1, "density_leak_until")
        _within(self.steps, 1, 10**8, "steps")
        _within(self.half_resolution, 0, 1, "half_resolution")
        _within(self.minutes, 0, 10**6, "minutes")
        _within(self.checkpoint_minutes, 0.01, 10_000, "checkpoint_minutes")

    def progress(self, step: int, seconds: float) -> float:
        """How far a training is, 0 to 1, after so many steps and seconds."""
        return min(1.0, seconds / (60 * self.minutes)) if self.minutes > 0 else step / self.steps

    def leak_at(self, progress: float) -> float:
        """`density_leak` at a progress of the training, 0 to 1."""
        return self.density_leak if progress < self.density_leak_until or self.density_leak_until == 1 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and scalars, as stored in presets and runs."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: object, subject: str = "config") -> TrainingConfig:
        """Rebuild a config; missing fields take their defaults; InputError for unknown fields and bad values."""
        return dataclass_from_dict(TrainingConfig, values, subject)


def load_config(name: str) -> TrainingConfig:
    """Load a preset by name ("paper", "small", "tiny") or a YAML file by path.

    Raises:
        InputError: there is no such preset or file, it is no YAML mapping, or a field is unknown or out of range.
    """
    path = PRESET_FOLDER / f"{name}.yaml"
    if "/" in name or name.endswith((".yaml", ".yml")) or not path.is_file():
        path = Path(name)
    if not path.is_file():
        known = ", ".join(sorted(preset.stem for preset in PRESET_FOLDER.glob("*.yaml")))
        raise InputError(name, "is no preset and no file", f"presets are {known}")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(path, "is larger than 1 MiB")
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(path, "is not valid YAML") from error
    try:
        return TrainingConfig.from_dict(values)
    except InputError as error:
        raise InputError(path, str(error)) from error
