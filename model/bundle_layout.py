"""The tensors of a `.mlpvid` file: names, types and shapes, all determined by the config (docs/format.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from model.config import ModelConfig
from model.decoder import MapDecoder
from model.errors import InputError
from model.hash_encoding import HashEncoding
from model.occupancy import packed_size
from model.quantization import block_count

Precision = Literal["float32", "float16", "int8"]
"""How network tensors with two or more axes are stored; the others are always float32."""

PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
"""All precisions, most exact first."""

DECODER_PREFIX = "decoder."
"""Before the names of the decoder's parameters."""

HASH_TABLES = "hash.tables"
"""Name of the hash tables, (3 planes, entries, F)."""

SCALES_SUFFIX = ".scales"
"""After the name of an int8 tensor: its float32 scales, one for 64 entries."""

PARTS = ("latents", "boxes", "occupancy", "decoder", "hash_tables")
"""What tensors belong to, for the account of bytes."""

MAX_FRAMES = 1 << 20
"""The most frames of a bundle."""

MAX_PARAMETERS = 1 << 29
"""The most numbers of decoder and hash tables together: 2 GiB of float32, twelve times the paper's model."""

MAX_FRAME_BYTES = 1 << 33
"""The most bytes of latents, boxes and occupancy together."""

_ITEM_BYTES = {"F32": 4, "F16": 2, "I8": 1, "U8": 1}
_STORED_AS = {"float32": "F32", "float16": "F16", "int8": "I8"}


@dataclass(frozen=True)
class TensorSpec:
    """What the file must say of one tensor."""

    dtype: str
    """"F32", "F16", "I8" or "U8", as in safetensors headers."""
    shape: tuple[int, ...]
    """Row-major, the last axis is contiguous."""
    part: str
    """One of `PARTS`."""

    @property
    def item_bytes(self) -> int:
        """Bytes of one entry."""
        return _ITEM_BYTES[self.dtype]

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return math.prod(self.shape) * self.item_bytes


def network_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of the decoder's parameters and of the hash tables by stored name; nothing is allocated.

    Raises:
        InputError: more than `MAX_PARAMETERS` numbers.
    """
    with torch.device("meta"):
        decoder, encoding = MapDecoder(config), HashEncoding(config.hash)
    shapes = {DECODER_PREFIX + name: tuple(value.shape) for name, value in decoder.state_dict().items()}
    shapes[HASH_TABLES] = tuple(encoding.tables.shape)
    count = sum(math.prod(shape) for shape in shapes.values())
    if count > MAX_PARAMETERS:
        raise InputError("config", f"asks for {count:,} parameters, more than {MAX_PARAMETERS:,}")
    return shapes


def tensor_layout(config: ModelConfig, num_frames: int, precision: Precision) -> dict[str, TensorSpec]:
    """Every tensor of a bundle by name.

    Raises:
        InputError: the bundle would be larger than `MAX_PARAMETERS` and `MAX_FRAME_BYTES` allow.
    """
    layout = {
        "latents": TensorSpec("F32", (num_frames, config.decoder.latent_channels), "latents"),
        "boxes": TensorSpec("F32", (num_frames, 2, 3), "boxes"),
        "occupancy": TensorSpec("U8", (num_frames, packed_size(config.occupancy.resolution)), "occupancy"),
    }
    if sum(spec.nbytes for spec in layout.values()) > MAX_FRAME_BYTES:
        raise InputError("config", f"latents, boxes and occupancy take more than {MAX_FRAME_BYTES:,} bytes")
    for name, shape in network_shapes(config).items():
        part = "hash_tables" if name == HASH_TABLES else "decoder"
        dtype = _STORED_AS[precision] if is_reduced(shape) else "F32"
        layout[name] = TensorSpec(dtype, shape, part)
        if dtype == "I8":
            layout[name + SCALES_SUFFIX] = TensorSpec("F32", (block_count(math.prod(shape)),), part)
    return layout


def is_reduced(shape: tuple[int, ...]) -> bool:
    """Whether a network tensor of this shape is stored in the bundle's precision: those with one axis stay float32.

    They are few numbers, and the maps' means live in the heads' biases, which no other weight can make up for.
    """
    return len(shape) >= 2
