"""The tensors of a `.mlpvid` file: names, types and shapes, which follow from the config (docs/format.md)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from common.errors import InputError
from common.pytorch import require_pytorch
from model.bundle.quantization import block_count
from model.config import ModelConfig
from model.decoder_layout import decoder_shapes
from model.hash_levels import hash_levels
from model.methods.config import CNeRFConfig, NeuralVolumesConfig, SharedMLPConfig
from model.occupancy import packed_size

Precision = Literal["float32", "float16", "int8"]
"""How network tensors with two or more axes are stored; the others are always float32."""

PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
"""All precisions, most exact first."""

METHOD_PREFIX = "method."
"""Prefix of the names of the parameters of another method."""

DECODER_PREFIX = "decoder."
"""Prefix of the names of the decoder's parameters."""

HASH_TABLES = "hash.tables"
"""Name of the hash tables, (3 planes, entries, F)."""

SOUND = "sound"
"""Name of the tensor that holds the sound."""

SCALES_SUFFIX = ".scales"
"""Suffix of the name of an int8 tensor's float32 scales, one per 64 entries."""

PARTS = ("latents", "boxes", "occupancy", "decoder", "hash_tables")
"""The parts that every bundle has, whose bytes are counted."""

MAX_FRAMES = 1 << 20
"""Maximum number of frames of a bundle."""

MAX_PARAMETERS = 1 << 29
"""Maximum number of parameters of decoder and hash tables: 2 GiB of float32, twelve times the paper's model."""

MAX_FRAME_BYTES = 1 << 33
"""Maximum number of bytes of latents, boxes and occupancy together."""

MAX_DECODED_BYTES = 1 << 31
"""Maximum number of bytes of maps, hash grids and activations of one decoded frame. The paper's model needs a fifteenth.
Without this limit a file of a few kilobytes could request any amount of memory."""

_ITEM_BYTES = {"F32": 4, "F16": 2, "I8": 1, "U8": 1}
_STORED_AS = {"float32": "F32", "float16": "F16", "int8": "I8"}


@dataclass(frozen=True)
class TensorSpec:
    """Type and shape that one tensor must have in the file."""

    dtype: str
    """"F32", "F16", "I8" or "U8", as in safetensors headers."""
    shape: tuple[int, ...]
    """Row-major, the last axis is contiguous."""
    part: str
    """One of `PARTS`, or another one that only some files have, such as "sound"."""

    @property
    def item_bytes(self) -> int:
        """Bytes of one entry."""
        return _ITEM_BYTES[self.dtype]

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return math.prod(self.shape) * self.item_bytes


def network_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all trained parameters but the latents by stored name, without allocating them.

    Raises:
        InputError: there are more than `MAX_PARAMETERS` parameters, or another method needs PyTorch, which is missing.
    """
    if config.method is None:
        shapes = {DECODER_PREFIX + name: shape for name, shape in decoder_shapes(config).items()}
        shapes[HASH_TABLES] = (3, sum(level.entries for level in hash_levels(config.hash)), config.hash.features_per_level)
    else:
        require_pytorch("a video of another method")
        from model.methods.create import method_skeleton  # noqa: PLC0415 - loads PyTorch

        parameters = method_skeleton(config).state_dict()
        shapes = {METHOD_PREFIX + name: tuple(value.shape) for name, value in parameters.items()}
    count = sum(math.prod(shape) for shape in shapes.values())
    if count > MAX_PARAMETERS:
        raise InputError("config", f"needs {count:,} parameters, more than {MAX_PARAMETERS:,}")
    return shapes


def decoded_bytes(config: ModelConfig) -> int:
    """Return the bytes that decoding one frame computes: the outputs of all layers and the baked hash grids."""
    if config.method is not None:
        return _decoded_bytes_of_method(config)
    shapes = network_shapes(config)
    # The backbone's biases have the shapes of its outputs.
    numbers = sum(math.prod(shape) for name, shape in shapes.items() if "backbone" in name and name.endswith("bias"))
    for name, resolution in (
        ("feature", config.feature_plane_resolution),
        ("density", config.density_map_resolution),
        ("color", config.color_map_resolution),
    ):
        trunk = [shape[0] for key, shape in shapes.items() if f"{name}_trunk" in key and key.endswith("bias")]
        halving = 1 if config.decoder.head_source == "matching" else 2
        sides = [resolution * halving**index for index in range(len(trunk))]
        numbers += sum(channels * side**2 for channels, side in zip(reversed(trunk), sides, strict=True))
        numbers += shapes[f"{DECODER_PREFIX}{name}_head.bias"][0] * resolution**2
    numbers += sum(level.resolution**2 for level in hash_levels(config.hash)) * 3 * config.hash.features_per_level
    return 4 * numbers


def _decoded_bytes_of_method(config: ModelConfig) -> int:
    method = config.method
    if isinstance(method, SharedMLPConfig):  # at most the same planes and grids
        return decoded_bytes(dataclasses.replace(config, method=None))
    numbers = 0
    if isinstance(method, NeuralVolumesConfig):
        numbers += volume_numbers(method.volume_channels, 4) + volume_numbers(method.warp_channels, method.warps)
    if isinstance(method, CNeRFConfig):
        numbers += volume_numbers(method.volume_channels, method.feature_channels)
    return 4 * numbers


def volume_numbers(channels: tuple[int, ...], outputs: int) -> int:
    """Return how many numbers the layers of a `model.methods.volume.VolumeDecoder` have as outputs."""
    return sum(width * 8**level for level, width in enumerate((*channels, outputs)))


def tensor_layout(config: ModelConfig, num_frames: int, precision: Precision) -> dict[str, TensorSpec]:
    """Return the specification of every tensor of a bundle by name.

    Raises:
        InputError: `MAX_PARAMETERS`, `MAX_FRAME_BYTES` or `MAX_DECODED_BYTES` would be exceeded.
    """
    layout = {
        "latents": TensorSpec("F32", (num_frames, config.latent_channels), "latents"),
        "boxes": TensorSpec("F32", (num_frames, 2, 3), "boxes"),
        "occupancy": TensorSpec("U8", (num_frames, packed_size(config.occupancy.resolution)), "occupancy"),
    }
    if sum(spec.nbytes for spec in layout.values()) > MAX_FRAME_BYTES:
        raise InputError("config", f"latents, boxes and occupancy take more than {MAX_FRAME_BYTES:,} bytes")
    shapes = network_shapes(config)
    if decoded_bytes(config) > MAX_DECODED_BYTES:
        raise InputError("config", f"needs more than {MAX_DECODED_BYTES:,} bytes to decode a frame")
    for name, shape in shapes.items():
        part = "hash_tables" if name == HASH_TABLES else "decoder"
        dtype = _STORED_AS[precision] if is_reduced(shape) else "F32"
        layout[name] = TensorSpec(dtype, shape, part)
        if dtype == "I8":
            layout[name + SCALES_SUFFIX] = TensorSpec("F32", (block_count(math.prod(shape)),), part)
    return layout


def is_reduced(shape: tuple[int, ...]) -> bool:
    """Return whether a network tensor of this shape is stored in the bundle's precision. Tensors with one axis stay float32.

    They are small, and an error in the heads' biases shifts the mean of a whole map.
    """
    return len(shape) >= 2
