"""Read a `.mlpvid` file into a `VolumetricVideo`. Everything is checked before it is used."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.byte_source import Location, name_of
from model.bundle.container import Header, blame, check_entries, read_header
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, METHOD_PREFIX, SCALES_SUFFIX, TensorSpec, tensor_layout
from model.bundle.metadata import BundleMetadata, metadata_from_json
from model.bundle.quantization import dequantize
from model.bundle.tensors import TensorReader, open_tensors
from model.video import VolumetricVideo

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenedBundle:
    """A bundle whose structure has been checked, but whose tensors have not been read."""

    location: Location
    """The file."""
    header: Header
    """The container's header."""
    metadata: BundleMetadata
    """The JSON document."""
    layout: dict[str, TensorSpec]
    """Every tensor of the file by name."""

    def tensors(self) -> AbstractContextManager[TensorReader]:
        """Open the file again to read its tensors; raises as `model.bundle.tensors.open_tensors` does."""
        return open_tensors(self.location, self.header, self.layout)


def open_checked(location: Location) -> OpenedBundle:
    """Read the header and check everything that does not need a tensor: version, fields, types, shapes, sizes.

    Raises:
        InputError: anything of this is wrong.
    """
    header = read_header(location)
    with blame(location):
        metadata = metadata_from_json(header.document)
        layout = tensor_layout(metadata.config, metadata.num_frames, metadata.precision)
    check_entries(location, header, layout)
    return OpenedBundle(location, header, metadata, layout)


def check_tensors(bundle: OpenedBundle) -> NDArray[np.float32]:
    """Read all tensors, one at a time, and check their values.

    Returns:
        The boxes, (T, 2, 3) meters.

    Raises:
        InputError: the file has changed, a number is not finite, or a box is not ordered.
    """
    with bundle.tensors() as read:
        for name in bundle.layout:
            read(name)
        return read("boxes")


def read_bundle(location: Location) -> VolumetricVideo:
    """Open a bundle.

    Everything is copied into memory as float32, so later changes of the file do not matter. Besides the video, at most one
    tensor is in memory at a time. Structure and values are checked; the checksum is not, but `model.bundle.info.bundle_info`
    checks it.

    Args:
        location: a `.mlpvid` file of format version 1.

    Raises:
        InputError: the file is missing, not a bundle, newer than this program, damaged, has impossible values, or changes
            while it is read.
    """
    bundle = open_checked(location)
    _log.info("bundle %s", name_of(location))
    config = bundle.metadata.config
    if config.method is not None:
        return _read_method(bundle)
    with bundle.tensors() as read:
        latents, boxes, occupancy = (read(name) for name in ("latents", "boxes", "occupancy"))
        weights = _parameters(bundle, read, DECODER_PREFIX)
        tables = _network_tensor(bundle, read, HASH_TABLES)
    return VolumetricVideo(config, bundle.metadata.video, latents, boxes, occupancy, weights, tables)


def _read_method(bundle: OpenedBundle) -> VolumetricVideo:
    from model.methods.video import MethodVideo, method_of  # noqa: PLC0415 - loads PyTorch

    config = bundle.metadata.config
    with bundle.tensors() as read:
        latents, boxes, occupancy = (read(name) for name in ("latents", "boxes", "occupancy"))
        method = method_of(config, _parameters(bundle, read, METHOD_PREFIX))
    return MethodVideo(config, bundle.metadata.video, latents, boxes, occupancy, method)


def _parameters(bundle: OpenedBundle, read: TensorReader, prefix: str) -> dict[str, NDArray[np.float32]]:
    """Return the parameters of a module whose stored names begin with a prefix, float32."""
    names = [name for name in bundle.layout if name.startswith(prefix) and not name.endswith(SCALES_SUFFIX)]
    return {name.removeprefix(prefix): _network_tensor(bundle, read, name) for name in names}


def _network_tensor(bundle: OpenedBundle, read: TensorReader, name: str) -> NDArray[np.float32]:
    scales = name + SCALES_SUFFIX
    if scales in bundle.layout:
        return dequantize(read(name), read(scales))
    return read(name).astype(np.float32, copy=False)
