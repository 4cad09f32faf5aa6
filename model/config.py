"""Every hyper-parameter of the representation, with the paper's values as defaults."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from common.errors import InputError

FEATURE_CHANNELS = 32
"""Channels of the point feature F; hash features and feature planes are summed, so both have it (paper, section 3.1)."""

HIDDEN_CHANNELS = 32
"""Width of the two hidden layers of a color head (paper, section 4)."""

PLANE_AXES: dict[str, tuple[int, int]] = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
"""The two point coordinates (u, v) that each axis-aligned plane is parameterised by."""

PLANES: tuple[str, ...] = ("xy", "xz", "yz")
"""The three orthogonal planes in storage order; hash tables and feature planes always use all three."""


def _require(condition: bool, name: str, fault: str) -> None:
    if not condition:
        raise InputError(f"config field {name}", fault)


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


@dataclass(frozen=True)
class HashEncodingConfig:
    """Multi-level hash encoding of (u, v, t), one set of tables a plane (paper, equation 1; Instant-NGP)."""

    num_levels: int = 16
    """L. `num_levels * features_per_level` is at most `FEATURE_CHANNELS`; channels beyond it get no hash feature."""
    features_per_level: int = 2
    """F: 2, 4 or 8."""
    log2_table_size: int = 19
    """log2 of T, the most entries a level may have."""
    base_resolution: int = 16
    """Nodes along u and v at the coarsest level."""
    finest_resolution: int = 1024
    """Nodes along u and v at the finest level; levels between grow geometrically."""
    time_resolution: int | None = None
    """The most nodes along t at any level; None: as many as along u and v (paper)."""

    def __post_init__(self) -> None:
        _require(1 <= self.num_levels <= 16, "hash.num_levels", "must be 1 to 16")
        _require(self.features_per_level in (2, 4, 8), "hash.features_per_level", "must be 2, 4 or 8")
        channels = self.num_levels * self.features_per_level
        _require(channels <= FEATURE_CHANNELS, "hash", f"num_levels * features_per_level must be at most {FEATURE_CHANNELS}")
        _require(4 <= self.log2_table_size <= 24, "hash.log2_table_size", "must be 4 to 24")
        _require(2 <= self.base_resolution <= self.finest_resolution, "hash.base_resolution", "must be 2 to finest_resolution")
        _require(self.finest_resolution <= 8192, "hash.finest_resolution", "must be at most 8192")
        if self.time_resolution is not None:
            _require(2 <= self.time_resolution <= 8192, "hash.time_resolution", "must be 2 to 8192")


@dataclass(frozen=True)
class DecoderConfig:
    """The 2D CNN that turns a latent into the maps of a frame (paper, section 4)."""

    latent_channels: int = 256
    """Length of the latent z."""
    backbone_channels: tuple[int, ...] = (256, 256, 128, 128, 64, 64, 64)
    """Channels at 4x4 pixels and after each stride-2 transposed convolution; n + 1 entries end at 4 * 2^n pixels."""
    head_source: Literal["final", "matching"] = "final"
    """Where the heads read the backbone: its last feature, then stride-2 convolutions down to the map's size ("final",
    the paper), or the feature of the map's own size ("matching", far cheaper for small models)."""
    color_channels: tuple[int, ...] = (64, 128, 128, 256, 256, 512, 512, 1024)
    """Channels of the stride-2 convolutions before the color map, as many of them as its size needs ("final"); the first
    is the one hidden layer's ("matching")."""
    color_kernel_size: int = 3
    """Kernel of the last convolution of the color map: 1 or 3."""
    density_gain: float = 1.0
    """Constant factor on the density map's output; trades the learning rate of the density against that of the rest."""

    def __post_init__(self) -> None:
        _require(1 <= self.latent_channels <= 4096, "decoder.latent_channels", "must be 1 to 4096")
        _require(1 <= len(self.backbone_channels) <= 9, "decoder.backbone_channels", "must have 1 to 9 entries")
        counts = (*self.backbone_channels, *self.color_channels)
        _require(all(1 <= c <= 4096 for c in counts), "decoder", "channel counts must be 1 to 4096")
        _require(self.head_source in ("final", "matching"), "decoder.head_source", "must be final or matching")
        _require(len(self.color_channels) >= 1, "decoder.color_channels", "must not be empty")
        _require(self.color_kernel_size in (1, 3), "decoder.color_kernel_size", "must be 1 or 3")
        finite = math.isfinite(self.density_gain) and self.density_gain > 0
        _require(finite, "decoder.density_gain", "must be positive and finite")

    @property
    def backbone_resolution(self) -> int:
        """Pixels along a side of the backbone's last feature."""
        return 4 << (len(self.backbone_channels) - 1)


@dataclass(frozen=True)
class OccupancyConfig:
    """The binary empty-space volume stored with each frame (paper, supplementary section 1)."""

    resolution: tuple[int, int, int] = (24, 24, 48)
    """Cells along x, y, z; the long axis is meant for the tall one."""
    threshold: float = 5.0
    """tau1: a cell is set when the density of any of its sub-points is above it, 1/m."""
    subgrid: int = 5
    """Sub-points along each axis of a cell, end points included."""

    def __post_init__(self) -> None:
        _require(len(self.resolution) == 3, "occupancy.resolution", "must have 3 entries")
        _require(all(1 <= n <= 512 for n in self.resolution), "occupancy.resolution", "must be 1 to 512 along each axis")
        _require(math.isfinite(self.threshold) and self.threshold >= 0, "occupancy.threshold", "must be finite and >= 0")
        _require(1 <= self.subgrid <= 16, "occupancy.subgrid", "must be 1 to 16")


@dataclass(frozen=True)
class RenderConfig:
    """How the volume is meant to be sampled; travels with the bundle."""

    steps_per_diagonal: int = 256
    """The step is the diagonal of the frame's box divided by this."""
    weight_threshold: float = 1e-3
    """tau2: samples with a weight w at or below it get no color."""

    def __post_init__(self) -> None:
        _require(1 <= self.steps_per_diagonal <= 65536, "render.steps_per_diagonal", "must be 1 to 65536")
        _require(0 <= self.weight_threshold < 1, "render.weight_threshold", "must be 0 to below 1")


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to rebuild the network and read its maps."""

    hash: HashEncodingConfig = field(default_factory=HashEncodingConfig)
    """The hash encodings."""
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    """The map decoder."""
    occupancy: OccupancyConfig = field(default_factory=OccupancyConfig)
    """The occupancy volumes."""
    render: RenderConfig = field(default_factory=RenderConfig)
    """Step and thresholds of the renderer."""
    feature_plane_resolution: int = 256
    """Pixels along a side of a feature plane: a power of two from 4 to the backbone's."""
    density_map_resolution: int = 256
    """Pixels along a side of a density MLP map: a power of two from 4 to the backbone's."""
    color_map_resolution: int = 16
    """Heads along a side of a color MLP map: a power of two from 1 to the backbone's, 4 at least with "matching"."""
    mlp_planes: tuple[str, ...] = PLANES
    """The plane of each MLP map, one or three of "xy", "xz", "yz" (paper, table 2 rows 7 and 8); outputs are summed."""
    assignment: Literal["nearest", "bilinear"] = "nearest"
    """How a point gets its color head on a plane: the cell it falls in (paper), or the four nearest heads' outputs
    blended (released models)."""
    view_encoding: Literal["frequency", "spherical_harmonics"] = "frequency"
    """Encoding of the unit view direction: two octaves (15 numbers) or real harmonics of degree 0 to 2 (9 numbers)."""

    def __post_init__(self) -> None:
        resolutions = (
            ("feature_plane_resolution", self.feature_plane_resolution, 4),
            ("density_map_resolution", self.density_map_resolution, 4),
            ("color_map_resolution", self.color_map_resolution, 4 if self.decoder.head_source == "matching" else 1),
        )
        finest = self.decoder.backbone_resolution
        for name, value, least in resolutions:
            _require(
                _is_power_of_two(value) and least <= value <= finest, name, f"must be a power of two from {least} to {finest}"
            )
        _require(self.color_map_resolution <= 64, "color_map_resolution", "must be at most 64")
        _require(len(self.mlp_planes) in (1, 3), "mlp_planes", "must name one or three planes")
        _require(all(p in PLANES for p in self.mlp_planes), "mlp_planes", "must be of xy, xz, yz")
        _require(self.assignment in ("nearest", "bilinear"), "assignment", "must be nearest or bilinear")
        known = self.view_encoding in ("frequency", "spherical_harmonics")
        _require(known, "view_encoding", "must be frequency or spherical_harmonics")

    @property
    def view_channels(self) -> int:
        """Length of the encoded view direction V."""
        return 15 if self.view_encoding == "frequency" else 9

    @property
    def color_head_parameters(self) -> int:
        """Numbers a color head: W0 (32 x 32), W1 ((32 + V) x 32), W2 (32 x 3)."""
        return (FEATURE_CHANNELS + HIDDEN_CHANNELS + self.view_channels + 3) * HIDDEN_CHANNELS

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and scalars, as stored in bundles and YAML presets."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> ModelConfig:
        """Rebuild a config; missing fields take their defaults.

        Raises:
            InputError: an unknown field, a value of the wrong type or out of range.
        """
        return dataclass_from_dict(ModelConfig, values, "config")


def dataclass_from_dict(kind: type[Any], values: object, path: str) -> Any:
    """Build a (nested) dataclass from plain data, checking names and types field by field.

    Raises:
        InputError: `values` is no mapping, has an unknown field or a value whose type does not fit.
    """
    if not isinstance(values, dict):
        raise InputError(path, "must be a mapping of field names to values")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = [str(name) for name in values if name not in fields]
    if unknown:
        raise InputError(path, f"unknown field {unknown[0]!r}", f"known are {', '.join(fields)}")
    default = kind()
    arguments = {
        name: _convert(value, getattr(default, name), fields[name].type, f"{path}.{name}") for name, value in values.items()
    }
    return kind(**arguments)


def _convert(value: object, default: object, annotation: object, path: str) -> object:
    if dataclasses.is_dataclass(default):
        return dataclass_from_dict(type(default), value, path)
    if value is None and "None" in str(annotation):
        return None
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise InputError(path, "must be a list")
        element = default[0] if default else ""
        return tuple(_convert(v, element, "", f"{path}[{i}]") for i, v in enumerate(value))
    wanted = int if default is None else type(default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        # An integer beyond all floats becomes infinite, which the field's own check refuses.
        return float(value) if abs(value) < 1 << 1000 else math.inf
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise InputError(path, f"must be of type {wanted.__name__}, not {type(value).__name__}")
    return value
