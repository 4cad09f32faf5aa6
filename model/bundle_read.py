"""From a `.mlpvid` file to a `VolumetricVideo`: everything is checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from model.bundle_container import Header, blame, check_entries, read_header
from model.bundle_layout import DECODER_PREFIX, HASH_TABLES, SCALES_SUFFIX, TensorSpec, network_skeleton, tensor_layout
from model.bundle_metadata import BundleMetadata, metadata_from_json
from model.errors import InputError
from model.quantization import dequantize
from model.video import VolumetricVideo

MAX_COORDINATE = 1e9
"""Boxes lie within this distance of the origin along each axis, meters."""

MIN_BOX_SIDE = 1e-6
"""The shortest side of a box, meters; points are divided by it."""

_MAX_SCALE = 1e30  # times 127 is still a float32


@dataclass(frozen=True)
class OpenedBundle:
    """A bundle whose structure was checked; none of its tensors was read yet."""

    path: str | Path
    """The file."""
    header: Header
    """The container's header."""
    metadata: BundleMetadata
    """The JSON document."""
    layout: dict[str, TensorSpec]
    """Every tensor of the file by name."""


def open_checked(path: str | Path) -> OpenedBundle:
    """Read the header and check all that can be known without reading a tensor: version, fields, types, shapes, sizes.

    Raises:
        InputError: anything is wrong with it.
    """
    header = read_header(path)
    with blame(path):
        metadata = metadata_from_json(header.document)
        layout = tensor_layout(metadata.config, metadata.num_frames, metadata.precision)
    check_entries(path, header, layout)
    return OpenedBundle(path, header, metadata, layout)


def load_tensors(bundle: OpenedBundle) -> dict[str, torch.Tensor]:
    """Map the tensors into memory and check their values.

    Raises:
        InputError: the file changed meanwhile, a number is not finite, a box is not ordered.
    """
    try:
        with safe_open(str(bundle.path), framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in bundle.layout}
    except (SafetensorError, OSError) as error:
        raise InputError(bundle.path, f"cannot be read ({error})") from error
    for name, tensor in tensors.items():
        _check_values(bundle.path, name, tensor)
    _check_boxes(bundle.path, tensors["boxes"])
    return tensors


def read_bundle(path: str | Path) -> VolumetricVideo:
    """Open a bundle.

    The file is memory-mapped: tensors that are stored as float32 are not copied, the others are widened. Structure and
    values are checked, the checksum is not (`model.bundle.bundle_info` does).

    Args:
        path: a `.mlpvid` file of format version 1.

    Raises:
        InputError: the file is missing, no bundle, newer than this program, damaged, or holds impossible values.
    """
    bundle = open_checked(path)
    tensors = load_tensors(bundle)
    config = bundle.metadata.config
    decoder, encoding = network_skeleton(config)
    names = [name for name in bundle.layout if name.startswith(DECODER_PREFIX) and not name.endswith(SCALES_SUFFIX)]
    weights = {name.removeprefix(DECODER_PREFIX): _network_tensor(tensors, name) for name in names}
    decoder.load_state_dict(weights, assign=True)
    encoding.load_state_dict({"tables": _network_tensor(tensors, HASH_TABLES)}, assign=True)
    return VolumetricVideo(
        config,
        bundle.metadata.video,
        tensors["latents"],
        tensors["boxes"],
        tensors["occupancy"],
        decoder.eval().requires_grad_(False),
        encoding.eval().requires_grad_(False),
    )


def _network_tensor(tensors: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    scales = tensors.get(name + SCALES_SUFFIX)
    return tensors[name].float() if scales is None else dequantize(tensors[name], scales)


def _check_values(path: str | Path, name: str, tensor: torch.Tensor) -> None:
    if not tensor.is_floating_point():
        return
    # Not isfinite().all(), which would allocate a mask of the tensor's size; minimum and maximum propagate NaN.
    low, high = (float(v) for v in torch.aminmax(tensor))
    if not -float("inf") < low <= high < float("inf"):
        raise InputError(path, f"tensor {name} holds numbers that are not finite")
    if name.endswith(SCALES_SUFFIX) and not 0 <= low <= high <= _MAX_SCALE:
        raise InputError(path, f"tensor {name} holds scales that are negative or too large")


def _check_boxes(path: str | Path, boxes: torch.Tensor) -> None:
    if float(boxes.abs().max()) > MAX_COORDINATE:
        raise InputError(path, f"a box reaches farther than {MAX_COORDINATE:g} m")
    flat = (boxes[:, 1] - boxes[:, 0]).amin(dim=1) < MIN_BOX_SIDE
    if flat.any():
        raise InputError(path, f"the box of frame {int(flat.nonzero()[0])} is not ordered (lower corner below upper corner)")
