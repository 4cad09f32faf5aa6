"""The tensors of a coded `.mlpvid` file: names, and what they are after decoding (docs/format.md)."""

from __future__ import annotations

from common.errors import InputError
from model.bundle.coded_metadata import CodedMetadata
from model.bundle.coding import CodedSpec
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, SOUND, tensor_layout
from model.bundle.segment_table import first_uses, prefix_of
from model.config import ModelConfig
from model.hash_levels import hash_levels

FRAME_TENSORS = ("latents", "boxes", "occupancy")
"""Tensors of a segment with one row per frame; its hash tables come after them."""


def coded_layout(metadata: CodedMetadata) -> dict[str, CodedSpec]:
    """Return what every tensor must be after decoding, by name, in the order of the file: decoder, segments, sound.

    Where segments have decoders of their own, these come first in each segment.

    Raises:
        InputError: a limit of `model.bundle.layout` would be exceeded, or the config has another method.
    """
    if metadata.config.method is not None:
        raise InputError("the config", "has another method, which format version 2 cannot store", "use version 1")
    longest = max(segment.num_frames for segment in metadata.segments)
    plain = tensor_layout(metadata.config, longest, "float32")
    levels = tuple(level.entries for level in hash_levels(metadata.config.hash))
    decoder = {name: CodedSpec("F32", plain[name].shape, plain[name].part) for name in decoder_names(metadata.config)}
    layout = {} if metadata.own_decoders else dict(decoder)
    for segment in first_uses(metadata.segments):
        prefix = prefix_of(segment.data)
        if metadata.own_decoders:
            layout |= {prefix + name: spec for name, spec in decoder.items()}
        for name in FRAME_TENSORS:
            shape = (segment.num_frames, *plain[name].shape[1:])
            layout[prefix + name] = CodedSpec("U8" if name == "occupancy" else "F32", shape, name)
        tables = plain[HASH_TABLES]
        layout[prefix + HASH_TABLES] = CodedSpec("F32", tables.shape, tables.part, levels)
    if metadata.sound is not None:
        layout[SOUND] = CodedSpec("U8", (metadata.sound.nbytes,), SOUND)
    return layout


def decoder_names(config: ModelConfig) -> list[str]:
    """Return the names of the decoder's tensors, without a segment's prefix, in the order of the file."""
    return [name for name in tensor_layout(config, 1, "float32") if name.startswith(DECODER_PREFIX)]


def reduced_names(config: ModelConfig) -> list[str]:
    """Return the names, without a segment's prefix, of the tensors that a writer may round: those with two or more axes."""
    plain = tensor_layout(config, 1, "int8")
    return [name for name, spec in plain.items() if spec.dtype == "I8"]
