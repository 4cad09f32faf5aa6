"""Read the authors' released checkpoints, without executing anything in them, and convert their layout to ours.

Names, shapes and conventions are those of `final.pth` and of training checkpoints (`latest.pth`, `<epoch>.pth`). All sizes
are inferred from the shapes of the tensors, which are checked against each other before anything is copied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from pydantic import ValidationError

from common.errors import InputError
from common.memory import check_memory
from common.validation import input_error
from model.config import FEATURE_CHANNELS, DecoderConfig, HashEncodingConfig, ModelConfig, OccupancyConfig, RenderConfig
from model.decoder import MapDecoder
from model.hash_encoding import HashEncoding
from model.hash_levels import hash_levels
from model.network import without_memory
from training.released.archive import read_tensors

MEMORY_PER_BYTE, MEMORY_AT_LEAST = 4, 200_000_000
"""A checkpoint may need this many times its size of memory, plus these bytes."""

MAX_FRAMES = 100_000
"""Maximum number of frames of a checkpoint."""

TABLES = ("hashtable_xyt", "hashtable_xzt", "hashtable_yzt")
"""The hash tables in our order of planes: xy, xz, yz."""

COLOR_HEADS = ("kn_z_conv", "kn_y_conv", "kn_x_conv")
"""The color heads in our order of planes. The released ones are named after the plane's normal."""

MAP_CHANNEL_BLOCKS = (0, 2, 1)
"""Position of our planes xy, xz, yz in the channels of feat_conv and density_conv, whose order is xy, yz, xz."""

VIEW_ENCODINGS: dict[int, Literal["frequency", "spherical_harmonics"]] = {2624: "frequency", 2432: "spherical_harmonics"}
"""View encoding by the number of parameters of a color head."""

_STEPS = {"frequency": 256, "spherical_harmonics": 160}  # steps per diagonal: ZJU-MoCap and NHR
_DECODER = "plane_decoder"
_GROWTH_RATIOS = (64, 2, 4, 8, 16, 32, 128)  # finest over base resolution; 64 in all releases


class ReleaseCheckpoint:
    """The parameters of a released model, checked for shape and type.

    Args:
        path: the file.
        blend: how points get their color from the heads; the file does not contain this.

    Raises:
        InputError: the file is missing, damaged, not such a checkpoint, or has something that our model cannot represent.
    """

    def __init__(self, path: Path, blend: Literal["bilinear", "nearest"] = "bilinear") -> None:
        self.path = path
        self._state = _read_state(path)
        self.latents_name = "encodings" if "encodings" in self._state else "latent_vectors.weight"
        frames, channels = self._shape(self.latents_name, 2)
        if not 1 <= frames <= MAX_FRAMES:
            self._fail(f"{self.latents_name} must have 1 to {MAX_FRAMES} frames, not {frames}")
        self.num_frames = frames
        self.config = self._infer_config(channels, blend)
        self._check_shapes()

    @property
    def has_occupancy(self) -> bool:
        """Whether it has occupancy volumes; training checkpoints do not."""
        return "occupancy_grids" in self._state

    def latents(self) -> torch.Tensor:
        """Return the latents, (T, D) float32."""
        # A copy: the file is memory-mapped, and computing occupancy from the latents takes minutes.
        return self._take(self.latents_name, (self.num_frames, self.config.decoder.latent_channels)).clone()

    def occupancy(self) -> torch.Tensor:
        """Return the occupancy, (T, X, Y, Z) bool."""
        shape = (self.num_frames, *self.config.occupancy.resolution)
        volumes = self._tensor("occupancy_grids")
        if tuple(volumes.shape) != shape or volumes.dtype not in (torch.bool, torch.uint8):
            self._fail(f"occupancy_grids must be booleans of shape {shape}")
        return volumes.bool()

    def hash_encoding(self) -> HashEncoding:
        """Return the hash tables, without the unused entries of dense levels."""
        encoding = HashEncoding(self.config.hash).requires_grad_(False)
        for plane, name in enumerate(TABLES):
            offsets = self._offsets(name)
            table = self._take(f"{name}.embeddings", self._table_shape(name))
            for level, start in zip(encoding.levels, offsets, strict=False):
                encoding.tables[plane, level.offset : level.offset + level.entries] = table[start : start + level.entries]
        return encoding

    def decoder(self) -> MapDecoder:
        """Return the map decoder, in evaluation mode."""
        decoder = MapDecoder(self.config).eval().requires_grad_(False)
        for name, parameter in decoder.state_dict().items():
            parameter.copy_(self._decoder_parameter(name, tuple(parameter.shape)))
        return decoder

    def _decoder_parameter(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        stored = self._decoder_names(name)
        part = (shape[0] // len(stored), *shape[1:])
        parts = [self._take(one, part) for one in stored]
        if name.startswith(("feature_head", "density_head")):
            return parts[0].view(3, -1, *shape[1:])[list(MAP_CHANNEL_BLOCKS)].reshape(shape)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _decoder_names(self, name: str) -> list[str]:
        """Return the names in the file of one parameter of our decoder, whose first axis they share."""
        module, _, rest = name.partition(".")
        if module == "backbone":
            kind, _, rest = rest.partition(".")
            index, _, last = rest.partition(".")
            return [f"{_DECODER}.backbone.0.{rest}" if kind == "linear" else f"{_DECODER}.backbone.{int(index) + 2}.{last}"]
        if module == "color_trunk":
            return [f"{_DECODER}.kn_backbone.{rest}"]
        if module == "color_head":
            return [f"{_DECODER}.{head}.{rest}" for head in COLOR_HEADS]
        return [f"{_DECODER}.{'feat' if module == 'feature_head' else 'density'}_conv.{rest}"]

    def _table_shape(self, table: str) -> tuple[int, int]:
        return self._offsets(table)[-1], self.config.hash.features_per_level

    def _check_shapes(self) -> None:
        """Compare all shapes with the file, and the memory that they need with its size, before anything is allocated."""
        with without_memory():
            parameters = MapDecoder(self.config).state_dict()
        for name, parameter in parameters.items():
            stored = self._decoder_names(name)
            for one in stored:
                self._check_shape(one, (parameter.shape[0] // len(stored), *parameter.shape[1:]))
        for table in TABLES:
            self._check_shape(f"{table}.embeddings", self._table_shape(table))
        needed = self._memory(sum(parameter.numel() for parameter in parameters.values()))
        size = self.path.stat().st_size
        if needed > MEMORY_PER_BYTE * size + MEMORY_AT_LEAST:
            self._fail(f"needs about {needed / 1e9:.1f} GB of memory, much more than its size of {size / 1e6:.1f} MB explains")
        check_memory(needed, self.path)

    def _memory(self, parameters: int) -> int:
        """Predict the bytes that the video takes while it is built."""
        config = self.config
        tables = 3 * hash_levels(config.hash)[-1].offset + 3 * hash_levels(config.hash)[-1].entries
        values = parameters + tables * config.hash.features_per_level + self.num_frames * config.decoder.latent_channels
        cells = self.num_frames * math.prod(config.occupancy.resolution)
        if not self.has_occupancy:  # the maps of a frame are decoded, and the density of all its cells is computed
            values += 6 * FEATURE_CHANNELS * config.feature_plane_resolution**2
            values += 3 * config.color_head_parameters * config.color_map_resolution**2
        return 4 * values + 2 * cells

    def _infer_config(self, latent_channels: int, blend: Literal["bilinear", "nearest"]) -> ModelConfig:
        channels = self._backbone_channels()
        resolution = 4 << (len(channels) - 1)
        trunk = self._trunk_channels()
        parameters = self._shape(f"{_DECODER}.{COLOR_HEADS[0]}.weight", 4)[0]
        if parameters not in VIEW_ENCODINGS:
            self._fail(f"its color heads have {parameters} parameters; only 2624 and 2432 are known")
        encoding = VIEW_ENCODINGS[parameters]
        cells = self._shape("occupancy_grids", 4)[1:] if self.has_occupancy else OccupancyConfig().resolution
        try:
            return ModelConfig(
                hash=self._infer_hash(),
                decoder=DecoderConfig(latent_channels, channels, color_channels=trunk or DecoderConfig().color_channels),
                occupancy=OccupancyConfig(resolution=(cells[0], cells[1], cells[2])),
                render=RenderConfig(steps_per_diagonal=_STEPS[encoding]),
                feature_plane_resolution=resolution,
                density_map_resolution=resolution,
                color_map_resolution=resolution >> len(trunk),
                assignment=blend,
                view_encoding=encoding,
            )
        except ValidationError as error:
            raise InputError(self.path, f"cannot be represented: {input_error(error, 'config')}") from error

    def _backbone_channels(self) -> tuple[int, ...]:
        count = self._count(f"{_DECODER}.backbone", range(2, 11))
        if count == 0:
            self._fail(f"has no {_DECODER}.backbone.2.weight")
        shapes = [self._shape(f"{_DECODER}.backbone.{index}.weight", 4) for index in range(2, 2 + count)]
        return (shapes[0][0], *(shape[1] for shape in shapes))

    def _trunk_channels(self) -> tuple[int, ...]:
        count = self._count(f"{_DECODER}.kn_backbone", range(0, 20, 2))
        return tuple(self._shape(f"{_DECODER}.kn_backbone.{2 * index}.weight", 4)[0] for index in range(count))

    def _count(self, prefix: str, indices: range) -> int:
        missing = (n for n, index in enumerate(indices) if f"{prefix}.{index}.weight" not in self._state)
        return next(missing, len(indices))

    def _infer_hash(self) -> HashEncodingConfig:
        """Find the hash encoding whose levels fit the file's offsets. The offsets decide, not a formula."""
        offsets = self._offsets(TABLES[0])
        entries = [end - start for start, end in pairwise(offsets)]
        features = self._shape(f"{TABLES[0]}.embeddings", 2)[1]
        base = round(entries[0] ** (1 / 3) - 1 / 3)  # the same for levels rounded up to a multiple of 8 entries
        largest = max(entries)
        for ratio in _GROWTH_RATIOS:
            # Without a hashed level the limit is unknown; any that fits the largest level works.
            try:
                config = HashEncodingConfig(len(entries), features, (largest - 1).bit_length(), base, base * ratio)
            except ValidationError:
                continue
            if all(
                _fits(level.resolution**3, level.entries, held)
                for level, held in zip(hash_levels(config), entries, strict=True)
            ):
                return config
        raise InputError(self.path, "has hash table offsets of an unknown geometry")

    def _offsets(self, table: str) -> list[int]:
        offsets = self._tensor(f"{table}.offsets")
        if offsets.ndim != 1 or not 2 <= len(offsets) <= 17 or offsets.dtype not in (torch.int32, torch.int64):
            self._fail(f"{table}.offsets must be 2 to 17 integers")
        values = [int(value) for value in offsets.tolist()]
        if values[0] != 0 or any(a >= b for a, b in pairwise(values)):
            self._fail(f"{table}.offsets must start at 0 and increase")
        if table != TABLES[0] and values != self._offsets(TABLES[0]):
            self._fail(f"{table}.offsets must be equal to those of {TABLES[0]}")
        return values

    def _take(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return a tensor as float32, after checking that it has this shape and is finite."""
        self._check_shape(name, shape)
        tensor = self._tensor(name)
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            self._fail(f"{name} must be finite numbers")
        return tensor.float()

    def _check_shape(self, name: str, shape: tuple[int, ...]) -> None:
        if tuple(self._tensor(name).shape) != shape:
            self._fail(f"{name} must have shape {shape}, not {tuple(self._tensor(name).shape)}")

    def _shape(self, name: str, axes: int) -> tuple[int, ...]:
        shape = tuple(self._tensor(name).shape)
        if len(shape) != axes or min(shape) < 1:
            self._fail(f"{name} must have {axes} axes, not shape {shape}")
        return shape

    def _tensor(self, name: str) -> torch.Tensor:
        if name not in self._state:
            self._fail(f"has no {name}")
        return self._state[name]

    def _fail(self, fault: str) -> None:
        raise InputError(self.path, fault)


def _fits(nodes: int, entries: int, held: int) -> bool:
    """Return whether a level with `held` entries in the file can be ours: both dense or both hashed."""
    return held == entries or (nodes == entries <= held)


def _read_state(path: Path) -> Mapping[str, torch.Tensor]:
    content = read_tensors(path)
    state = content.get("net") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise InputError(path, "is not a released checkpoint", "it must contain a dictionary of tensors under 'net'")
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
