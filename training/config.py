"""All settings of a training run, with the paper's values as defaults, and YAML presets."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictFloat, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from common.errors import InputError
from common.validation import FIELDS, WholeNumber, validated, within
from common.yaml_documents import read_yaml
from model.config import ModelConfig

_log = logging.getLogger(__name__)

_ADVICE = "for a model that a CPU can train, write `base: small` in it"

MAX_MINUTES = 1_000_000
"""Longest run."""

MAX_BASES = 8
"""Most configs that may build on one another with `base`."""

PRESET_FOLDER = Path(__file__).parent / "presets"
"""Folder of the presets that `--config NAME` refers to."""


Share = Annotated[StrictFloat, within(0, 1)]
"""A fraction of the run, so that a short run has the schedule of a long one."""


@dataclass(frozen=True, config=FIELDS)
class DataConfig:
    """Which part of the capture is trained on."""

    first_frame: Annotated[WholeNumber, within(0, 10**7)] = 0
    """First frame of the capture that is used."""
    num_frames: Annotated[WholeNumber, Field(ge=1)] | None = None
    """Number of frames, starting at `first_frame`. None means all that follow."""
    frame_stride: Annotated[WholeNumber, within(1, 10**6)] = 1
    """Only every n-th of these frames is used, for this n, beginning with the first."""
    image_scale: Annotated[StrictFloat, within(0.01, 1)] = 1.0
    """Images are reduced to this fraction of their size (paper: 0.5 for ZJU-MoCap)."""
    box_padding: Annotated[StrictFloat, within(0, 10)] = 0.05
    """Meters added around the vertices of each frame."""
    boxes: Literal["frame", "union"] = "frame"
    """"frame" (paper): each frame has its own box. "union": one box around all of them, in which static parts keep their
    coordinates."""
    hull_resolution: Annotated[WholeNumber, within(0, 256)] = 128
    """Cells along each axis of the visual hull. Samples lie inside the hull; 0 means no hull, samples fill the box."""
    hull_margin: Annotated[StrictFloat, within(0, 1000)] = 1.5
    """Dilation of the masks for carving, pixels of the full image."""
    doubt_masks: StrictBool = True
    """Do not take background for granted that the masks of at least two other cameras contradict: it removes nothing from the
    hull, and no rays go through it."""
    image_memory: Annotated[StrictFloat, within(0, 1e6)] = 0.0
    """GB of memory for the images. If they need more, they are in a file in the run's folder that is mapped into memory. 0
    means half of the memory that is available. The result does not depend on it."""


@dataclass(frozen=True, config=FIELDS)
class RayConfig:
    """Which rays a step uses, and where samples lie on them."""

    frames_per_step: Annotated[WholeNumber, within(1, 64)] = 8
    """Frames per step; each is decoded once (the paper's batch)."""
    rays_per_frame: Annotated[WholeNumber, within(1, 1 << 20)] = 1024
    """Rays per frame."""
    ramp: Share = 0.0
    """Fraction of the run in which the rays per frame grow from an eighth of `rays_per_frame` to all of them. In the first
    steps the scene is fog and every sample has color, so a step is slow and few rays are enough."""
    prune_every: Share = 0.0
    """Fraction of the run between two updates of the occupancy grid, which excludes empty cells of the hulls from sampling. 0
    means never. Needs a hull and a fixed `step`."""
    views_per_frame: Annotated[WholeNumber, within(0, 4096)] = 1
    """Views that the rays of a frame come from (paper: one). 0 means all training views."""
    foreground: Annotated[StrictFloat, within(0, 1)] = 0.7
    """Fraction of rays through the foreground."""
    face: StrictFloat = 0.1
    """Fraction of rays through the face. Without a human parse, these rays go through the foreground."""
    region: Literal["box", "mask"] = "box"
    """Where all other rays go: "box" (paper) through the projected box, "mask" through the dilated mask."""
    dilation: Annotated[StrictFloat, within(0, 1000)] = 6.0
    """Dilation of the mask for `region` "mask", pixels of the full image."""
    samples_per_ray: Annotated[WholeNumber, within(1, 4096)] = 64
    """Stratified samples between a ray's entry into the box and its exit. Used when `step` is 0."""
    view_jitter: Annotated[StrictFloat, within(0, 10)] = 0.0
    """Standard deviation of the noise on each component of the unit view direction that the color head gets. With few views,
    color can explain by direction what should be explained by the surface's position. Colors that hold for a cone of
    directions also hold for views in between."""
    by_error: Annotated[StrictFloat, within(0, 1)] = 0.0
    """Fraction of the rays that are drawn where the error is: from four times as many candidates, with probabilities that
    follow a running mean of the squared error in 32 x 32 cells of each image."""
    by_error_from: Share = 0.15
    """Fraction of the run before rays are drawn by their error. In the fog, errors are everywhere."""
    step: Annotated[StrictFloat, within(0, 10)] = 0.0
    """Meters between samples. 0 means a fixed number of samples instead, `samples_per_ray`."""
    temporal_importance: Share = 0.0
    """Draw rays where the image differs from other frames (DyNeRF): differences of color above this count as this. 0 means
    no such preference."""
    temporal_window: Annotated[WholeNumber, within(1, 10_000)] = 25
    """Most frames between the two that `temporal_importance` compares."""

    @field_validator("face")
    @classmethod
    def _check_face(cls, value: float, info: ValidationInfo) -> float:
        rest = 1 - info.data.get("foreground", 0.0)
        if not 0 <= value <= rest + 1e-9:
            raise ValueError(f"must be 0 to {rest:g}, so that foreground and face are at most 1")
        return value


Weight = Annotated[StrictFloat, within(0, 1e6)]
"""A weight of a loss term."""


@dataclass(frozen=True, config=FIELDS)
class LossConfig:
    """Weights of the loss terms; the squared color error has weight 1."""

    sample_color: Weight = 0.0
    """Squared error of each sample's own color, weighted with w. Without it, colors of samples may be right only in sum, and
    then they are wrong in views that were not trained on."""
    mask: Weight = 0.1
    """Squared error of the opacity against the mask."""
    kl: Weight = 1e-6
    """KL divergence of the encoder's latents."""
    optical_depth: Weight = 1e-3
    """Squared excess of a sample's optical depth over `optical_depth_limit`. Density has no upper bound, and a shell that is
    opaque after one sample hides everything behind it from the gradient."""
    distortion: Weight = 0.0
    """Distortion loss of mip-NeRF 360: the weights along a ray should be in one place. Lengths are in diagonals of the box."""
    optical_depth_limit: Weight = 3.0
    """Optical depth (density times step) without penalty. A sample with the default value absorbs 95 %."""


Rate = Annotated[StrictFloat, within(0, 1)]
"""A learning rate."""


@dataclass(frozen=True, config=FIELDS)
class OptimizerConfig:
    """Adam with two learning rates, which rise at first and then fall. The decoder's matrices can have Muon instead."""

    decoder: Literal["adam", "muon"] = "adam"
    """What updates the weights of the decoder's layers (paper: Adam). Muon learns faster (`training.loop.muon`). All other
    parameters, and other methods, have Adam."""
    momentum: Annotated[StrictFloat, within(0, 0.9999)] = 0.95
    """Decay of the mean of gradients for Muon."""
    muon_rate: Rate = 0.02
    """Learning rate of Muon: the singular values of a layer's step. The largest of an untrained layer is 0.3 to 12."""
    decoder_rate: Rate = 5e-4
    """Learning rate of decoder, encoder and embedding."""
    table_rate: Rate = 5e-3
    """Learning rate of the hash tables. With `density_leak` until the end, training collapsed with rates above 1e-2."""
    beta1: Annotated[StrictFloat, within(0, 0.9999)] = 0.9
    """Decay of the mean of gradients."""
    beta2: Annotated[StrictFloat, within(0, 0.99999)] = 0.999
    """Decay of the mean of squared gradients."""
    epsilon: Annotated[StrictFloat, within(1e-30, 1)] = 1e-8
    """Adam's epsilon for everything except the tables."""
    table_epsilon: Annotated[StrictFloat, within(1e-30, 1)] = 1e-15
    """Adam's epsilon for the tables, whose gradients are tiny (Instant-NGP)."""
    warmup: Share = 0.0005
    """Fraction of the run in which the rates rise from 0."""
    schedule: Literal["exponential", "linear"] = "exponential"
    """How the rates fall: "exponential" to `decay` of their height (paper), "linear" to 0 at the end of the run."""
    fall_from: Annotated[StrictFloat, within(0, 0.99)] = 0.0
    """Fraction of the run after which the rates of the linear schedule fall. Before that they stay at their height."""
    decoder_until: Annotated[StrictFloat, within(0.01, 1)] = 1.0
    """Fraction of the run after which only the hash tables are trained. Steps then take about 0.6 times as long, because the
    maps of a frame no longer change. The rates of everything else fall within this part of the run."""
    decay: Annotated[StrictFloat, within(1e-6, 1)] = 0.01
    """Factor that the rates of the exponential schedule are multiplied by over the whole run (paper: 0.1 every 400 epochs of
    500 steps)."""


@dataclass(frozen=True, config=FIELDS)
class RefineConfig:
    """Corrections of the training cameras that are learned. A capture's meta.yaml can switch them on for single cameras."""

    colors: StrictBool = False
    """Learn a gain and an offset per camera and color channel. The bundle gets the mean camera's colors."""
    poses: StrictBool = False
    """Learn small movements of the cameras. The bundle has the moved cameras."""
    times: StrictBool = False
    """Learn the cameras' offsets in time, less than a frame each. Each step then shows one camera per frame."""
    color_rate: Rate = 1e-3
    """Learning rate of colors: of the gain's logarithm, and of the offset."""
    pose_rate: Rate = 1e-4
    """Learning rate of poses: radians, and shares of the camera's distance."""
    time_rate: Rate = 1e-2
    """Learning rate of times, frames."""
    prior: Weight = 1e-4
    """Weight of the squared corrections, each relative to a large one: the color range, 1 degree, 1 frame."""
    start: Share = 0.1
    """Fraction of the run before anything is refined. Cameras cannot be aligned while the scene is fog."""
    join: Share = 0.4
    """Fraction of the run before cameras whose poses or times are refined train the scene, if they are less than half. A
    scene that has adapted to a wrong camera keeps it wrong."""


@dataclass(frozen=True, config=FIELDS)
class ValidationConfig:
    """The held-out view that is rendered while training. It must be a camera that is not trained on."""

    every: Share = 0.05
    """Fraction of the run between two renderings. 0 means never. Without held-out cameras there is no validation."""
    camera: Annotated[WholeNumber, within(0, 10**6)] | None = None
    """Number of the camera. None means the first of the capture's `test_cameras`."""
    frame: Annotated[WholeNumber, within(0, 10**7)] | None = None
    """Frame of the run. None means the middle one."""
    patience: Annotated[WholeNumber, within(0, 10**6)] = 0
    """Training stops early after this many renderings in a row that are not better than the best one. 0 means never."""
    export: Literal["last", "best"] = "last"
    """Checkpoint from which the run's bundle is made. With "best", scores of the held-out view are too good, because the view
    chose the checkpoint."""


@dataclass(frozen=True, config=FIELDS)
class StartConfig:
    """What is different in the first part of a run. Everything is off by default."""

    hull_depth: Annotated[StrictFloat, within(0, 100)] = 0.0
    """Optical depth of a sample (density times `rays.step`) that the density starts with everywhere in the visual hull. 0 means
    that it starts with whatever it is."""
    hull_until: Share = 0.0
    """Fraction of the run in which the density is pulled toward `hull_depth`, 0 for never. Without a hull or a fixed `step`, it
    has no effect."""
    levels_until: Share = 0.0
    """Fraction of the run in which the levels of the hash encoding are enabled one after the other, coarse ones first. 0 means
    that all are trained from the start."""
    keyframe_stride: Annotated[WholeNumber, within(1, 10**6)] = 1
    """At first, only every n-th frame is trained, for this n."""
    keyframes_until: Share = 0.0
    """Fraction of the run in which only these frames are trained. Then the latents of the frames between them start from their
    neighbors', interpolated. 0 means never."""

    def pulls_density(self, progress: float) -> bool:
        """Return whether the density is pulled toward `hull_depth` at this progress of the run, 0 to 1."""
        return self.hull_depth > 0 and progress < self.hull_until


@dataclass(frozen=True, config=FIELDS)
class RateConfig:
    """Makes a finished run or a bundle smaller by training it further (docs/storage.md)."""

    weight: Weight = 0.0
    """Loss that a megabyte of decoder and hash tables costs. 0 means that neither is rounded and their size does not count."""
    psnr: Annotated[StrictFloat, within(20, 60)] = 41.0
    """Decoder and hash tables are rounded while they are trained, to the steps at which the pictures of the video that the run
    begins with have this PSNR to themselves, dB."""


@dataclass(frozen=True, config=FIELDS)
class TrainingConfig:
    """All settings of a training run. Together with the capture and the seed they determine every number."""

    model: ModelConfig = ModelConfig()
    """The representation."""
    data: DataConfig = DataConfig()
    """What is trained on."""
    rays: RayConfig = RayConfig()
    """Rays and samples."""
    loss: LossConfig = LossConfig()
    """Loss terms."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """Adam, and Muon for the decoder if it is chosen."""
    refine: RefineConfig = RefineConfig()
    """Corrections of the cameras."""
    validation: ValidationConfig = ValidationConfig()
    """The held-out view."""
    start: StartConfig = StartConfig()
    """The first part of the run."""
    rate: RateConfig = RateConfig()
    """The size of the bundle."""
    latents: Literal["embedding", "encoder"] = "encoder"
    """Where z comes from: "embedding" learns one vector per frame (released models), "encoder" encodes three views (paper)."""
    density_leak: Annotated[StrictFloat, within(0, 1)] = 0.0
    """Gradient slope of the density's ReLU for negative inputs. Positive values let empty space regain density."""
    density_leak_until: Share = 1.0
    """Fraction of the run after which `density_leak` is switched off. The leaky gradient is biased: once there is a
    surface, it moves the parameters away from the loss's minimum, and long runs collapsed with it."""
    blend_at_random: StrictBool = False
    """With bilinear heads: evaluate one of the four nearest heads, drawn by its weight. This takes a quarter of the work."""
    steps: Annotated[WholeNumber, within(1, 10**8)] = 400_000
    """Length of the run."""
    minutes: Annotated[StrictFloat, within(0, MAX_MINUTES)] = 0.0
    """Length of the run in minutes, from reading the capture to the written bundle; 0 means that `steps` counts. All schedules
    then follow the clock, so a busy machine ends on time with fewer steps, and no two runs give exactly the same result."""
    processor_time: StrictBool = False
    """Measure `minutes` in processor time of the steps alone, which other programs do not shorten. The default is the time that
    passes."""
    half_resolution: Share = 0.0
    """Fraction of the run, from its start, that uses images of half the size."""
    decoder_bfloat16: StrictBool = False
    """Run the decoder's convolutions in bfloat16 while training, on processors that multiply bfloat16."""
    heads_bfloat16: StrictBool = False
    """Run the color heads in bfloat16 while training with the PyTorch field, on devices that multiply it, such as recent GPUs.
    The native field ignores this."""
    frozen_decoder: StrictBool = False
    """Keep the decoder as it is at the start; for the segments of a long video, which share one (docs/long_videos.md)."""
    constant_planes: StrictBool = False
    """Keep the feature planes at 1 in their first channel and 0 in all others, so that the hash tables are the only
    features. For comparisons only (`experiments/tables/ablations.yaml`)."""
    checkpoint_minutes: Annotated[StrictFloat, within(0.01, 10_000)] = 10.0
    """Minutes between checkpoints."""

    def progress(self, step: int, seconds: float, overhead: float = 0.0) -> float:
        """Return the progress of a run, 0 to 1.

        Args:
            step: steps done.
            seconds: seconds that they took.
            overhead: seconds of `minutes` that go to everything else.
        """
        return min(1.0, seconds / max(1.0, 60 * self.minutes - overhead)) if self.minutes > 0 else step / self.steps

    def leak_at(self, progress: float) -> float:
        """Return `density_leak` at a progress of the run, 0 to 1."""
        return self.density_leak if progress < self.density_leak_until or self.density_leak_until == 1 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, tuples and scalars, as stored in presets and runs."""
        return dataclasses.asdict(self) | {"model": self.model.to_dict()}

    @staticmethod
    def from_dict(values: object, subject: str = "config") -> TrainingConfig:
        """Rebuild a config; missing fields take their defaults.

        Raises:
            InputError: a field is unknown, or a value is of the wrong type or out of range.
        """
        return validated(TrainingConfig, values, subject)


def load_config(name: str) -> TrainingConfig:
    """Load a preset by name, such as "small", or a YAML file by path.

    A file may start from a preset or another file with `base: NAME` and change only some fields. A path in `base` is relative
    to the file. Without `base`, fields that the file does not have take their defaults, which are the paper's.

    Raises:
        InputError: there is no such preset or file, it is not a YAML mapping, a field is unknown or out of range, or more than
            `MAX_BASES` files build on one another.
    """
    path = _find_config(name, Path())
    values = _read_with_base(path, MAX_BASES)
    _log.info("config of %s", path)
    try:
        return TrainingConfig.from_dict(values)
    except InputError as error:
        raise InputError(path, str(error)) from error


def _find_config(name: str, folder: Path) -> Path:
    path = PRESET_FOLDER / f"{name}.yaml"
    if "/" in name or name.endswith((".yaml", ".yml")) or not path.is_file():
        path = folder / name
    if not path.is_file():
        known = ", ".join(sorted(preset.stem for preset in PRESET_FOLDER.glob("*.yaml")))
        raise InputError(name, "is neither a preset nor a file", f"choose one of the presets {known}")
    return path


def _read_with_base(path: Path, bases_left: int) -> dict[str, Any]:
    """Return a config file's values merged into those of its base."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(path, "config must be a mapping of field names to values")
    base = values.pop("base", None)
    if base is None:
        if "model" not in values and path.parent != PRESET_FOLDER:
            _log.warning("%s has neither a base nor a model, so it trains the paper's model; %s", path, _ADVICE)
        return values
    if not isinstance(base, str):
        raise InputError(path, "base must be the name of a preset or a file")
    if not bases_left:
        raise InputError(path, f"more than {MAX_BASES} configs build on one another", "check that no file is its own base")
    return _merged(_read_with_base(_find_config(base, path.parent), bases_left - 1), values)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with changed fields; mappings are merged field by field."""
    both = {
        key: _merged(base[key], value)
        for key, value in changes.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | changes | both
