"""Every hyper-parameter of the representation, with the paper's values as defaults."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import Field, StrictFloat, StrictStr, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from common.validation import FIELDS, WholeNumber, one_of, validated, within
from model.methods.config import CheckedMethod, SharedMLPConfig

FEATURE_CHANNELS = 32
"""Channels of the point feature F. Hash features and feature planes are summed, so both have this many (paper, section 3.1)."""

HIDDEN_CHANNELS = 32
"""Width of the two hidden layers of a color head (paper, section 4)."""

PLANE_AXES: dict[str, tuple[int, int]] = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
"""The two point coordinates (u, v) of each axis-aligned plane."""

PLANES: tuple[str, ...] = ("xy", "xz", "yz")
"""The three orthogonal planes in storage order. Hash tables and feature planes always use all three."""

Channels = Annotated[WholeNumber, within(1, 4096)]
"""A number of channels."""

Cells = Annotated[WholeNumber, within(1, 512)]
"""Cells of the occupancy volume along an axis."""


@dataclass(frozen=True, config=FIELDS)
class HashEncodingConfig:
    """Multi-level hash encoding of (u, v, t), with one set of tables per plane (paper, equation 1; Instant-NGP)."""

    num_levels: Annotated[WholeNumber, within(1, 16)] = 16
    """L. `num_levels * features_per_level` is at most `FEATURE_CHANNELS`; channels beyond it get no hash feature."""
    features_per_level: Annotated[WholeNumber, one_of(2, 4, 8)] = 2
    """F: 2, 4 or 8."""
    log2_table_size: Annotated[WholeNumber, within(4, 24)] = 19
    """log2 of T, the maximum number of entries of a level."""
    base_resolution: Annotated[WholeNumber, within(2, 8192)] = 16
    """Nodes along u and v at the coarsest level, 2 to `finest_resolution`."""
    finest_resolution: Annotated[WholeNumber, within(2, 8192)] = 1024
    """Nodes along u and v at the finest level. The resolution grows geometrically from level to level."""
    time_resolution: Annotated[WholeNumber, within(2, 8192)] | None = None
    """Maximum number of nodes along t at any level. None means as many as along u and v (paper)."""

    def __post_init__(self) -> None:
        if self.num_levels * self.features_per_level > FEATURE_CHANNELS:
            raise ValueError(f"num_levels * features_per_level must be at most {FEATURE_CHANNELS}")
        if self.base_resolution > self.finest_resolution:
            raise ValueError("base_resolution must be 2 to finest_resolution")


@dataclass(frozen=True, config=FIELDS)
class DecoderConfig:
    """The 2D CNN that turns a latent into the maps of a frame (paper, section 4)."""

    latent_channels: Channels = 256
    """Length of the latent z."""
    backbone_channels: tuple[Channels, ...] = (256, 256, 128, 128, 64, 64, 64)
    """Channels at 4x4 pixels and after each stride-2 transposed convolution; n + 1 entries end at 4 * 2^n pixels."""
    head_source: Literal["final", "matching"] = "final"
    """What the heads read from the backbone. "final" (paper): its last feature, which stride-2 convolutions bring down to the
    map's size. "matching": the feature that has the map's own size, far cheaper for small models."""
    color_channels: tuple[Channels, ...] = (64, 128, 128, 256, 256, 512, 512, 1024)
    """Channels of the stride-2 convolutions before the color map. "final" uses as many as the map's size needs, "matching"
    uses only the first entry, for its one hidden layer."""
    color_kernel_size: Annotated[WholeNumber, one_of(1, 3)] = 3
    """Kernel of the last convolution of the color map: 1 or 3."""
    density_gain: Annotated[StrictFloat, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Constant factor on the density map's output. It changes the density's learning rate relative to all others."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.backbone_channels) <= 9:
            raise ValueError("backbone_channels must have 1 to 9 entries")
        if not self.color_channels:
            raise ValueError("color_channels must not be empty")

    @property
    def backbone_resolution(self) -> int:
        """Pixels along a side of the backbone's last feature."""
        return 4 << (len(self.backbone_channels) - 1)


@dataclass(frozen=True, config=FIELDS)
class OccupancyConfig:
    """The binary empty-space volume stored with each frame (paper, supplementary section 1)."""

    resolution: tuple[Cells, Cells, Cells] = (24, 24, 48)
    """Cells along x, y, z. The last axis is meant for the subject's height."""
    threshold: Annotated[StrictFloat, Field(ge=0, allow_inf_nan=False)] = 5.0
    """tau1, 1/m: a cell is set when the density at any of its sub-points exceeds it."""
    subgrid: Annotated[WholeNumber, within(1, 16)] = 5
    """Sub-points along each axis of a cell, end points included."""


@dataclass(frozen=True, config=FIELDS)
class RenderConfig:
    """How the volume is meant to be sampled. Stored in the bundle."""

    steps_per_diagonal: Annotated[WholeNumber, within(1, 65536)] = 256
    """The step is the diagonal of the frame's box divided by this."""
    weight_threshold: StrictFloat = 1e-3
    """tau2, 0 to below 1: samples with a weight w at or below it get no color."""

    @field_validator("weight_threshold", mode="before")
    @classmethod
    def _check_threshold(cls, value: object) -> object:
        if isinstance(value, int | float) and not 0 <= value < 1:
            raise ValueError("must be 0 to below 1")
        return value


@dataclass(frozen=True, config=FIELDS)
class ModelConfig:
    """Everything that is needed to rebuild the network and read its maps."""

    hash: HashEncodingConfig = HashEncodingConfig()
    """The hash encodings."""
    decoder: DecoderConfig = DecoderConfig()
    """The map decoder."""
    occupancy: OccupancyConfig = OccupancyConfig()
    """The occupancy volumes."""
    render: RenderConfig = RenderConfig()
    """Step and thresholds of the renderer."""
    feature_plane_resolution: WholeNumber = 256
    """Pixels along a side of a feature plane: a power of two from 4 to the backbone's resolution."""
    density_map_resolution: WholeNumber = 256
    """Pixels along a side of a density MLP map: a power of two from 4 to the backbone's resolution."""
    color_map_resolution: WholeNumber = 16
    """Heads along a side of a color MLP map: a power of two from 1 ("matching": from 4) to the backbone's resolution and 64."""
    mlp_planes: tuple[StrictStr, ...] = PLANES
    """The plane of each MLP map, one or three of "xy", "xz", "yz" (paper, table 2 rows 7 and 8). Their outputs are summed."""
    assignment: Literal["nearest", "bilinear"] = "nearest"
    """How a point gets its color on a plane. "nearest" (paper): from the head of the cell that it lies in. "bilinear" (released
    models): the outputs of the four nearest heads, blended."""
    view_encoding: Literal["frequency", "spherical_harmonics"] = "frequency"
    """Encoding of the unit view direction: two octaves (15 numbers) or real harmonics of degree 0 to 2 (9 numbers)."""
    method: CheckedMethod | None = None
    """Another method in place of MLP maps (docs/methods.md): a mapping with its `kind`. None means the paper's own."""

    @field_validator("feature_plane_resolution", "density_map_resolution", "color_map_resolution")
    @classmethod
    def _check_resolution(cls, value: int, info: ValidationInfo) -> int:
        decoder, is_color = info.data.get("decoder", DecoderConfig()), info.field_name == "color_map_resolution"
        lowest = 1 if is_color and decoder.head_source == "final" else 4
        highest = min(decoder.backbone_resolution, 64) if is_color else decoder.backbone_resolution
        if value & (value - 1) or not lowest <= value <= highest:
            raise ValueError(f"must be a power of two from {lowest} to {highest}")
        return value

    @field_validator("mlp_planes")
    @classmethod
    def _check_planes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) not in (1, 3) or not set(value) <= set(PLANES):
            raise ValueError(f"must be one or three of {', '.join(PLANES)}")
        return value

    @property
    def latent_channels(self) -> int:
        """Length of the latent z; 0 for methods without latents."""
        if self.method is None:
            return self.decoder.latent_channels
        if isinstance(self.method, SharedMLPConfig):
            return 0 if self.method.features == "hash" else self.decoder.latent_channels
        return self.method.latent_channels

    @property
    def view_channels(self) -> int:
        """Length of the encoded view direction V."""
        return 15 if self.view_encoding == "frequency" else 9

    @property
    def color_head_parameters(self) -> int:
        """Numbers per color head: W0 (32 x 32), W1 ((32 + V) x 32), W2 (32 x 3)."""
        return (FEATURE_CHANNELS + HIDDEN_CHANNELS + self.view_channels + 3) * HIDDEN_CHANNELS

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, tuples and scalars, as stored in bundles and YAML presets."""
        return without_default_method(dataclasses.asdict(self))

    @staticmethod
    def from_dict(values: object) -> ModelConfig:
        """Rebuild a config; missing fields take their defaults.

        Raises:
            InputError: a field is unknown, or a value is of the wrong type or out of range.
        """
        return validated(ModelConfig, values, "config")


def without_default_method(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out the field `method` if it is None, so that programs that do not know the field read the paper's own videos."""
    return {name: value for name, value in values.items() if name != "method" or value is not None}
