"""Read a `.mlpvid` file into a `VolumetricVideo`. Everything is checked before it is used."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.byte_source import Location, name_of
from common.errors import DamagedData
from model.bundle.coded_read import CodedBundle, metadata_with_sound, open_coded, read_arrays, read_decoder, read_segment
from model.bundle.container import Header, blame, check_entries, read_header
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, METHOD_PREFIX, SCALES_SUFFIX, TensorSpec, tensor_layout
from model.bundle.metadata import PLAIN_VERSION, BundleMetadata, metadata_from_json, parse_document
from model.bundle.quantization import dequantize
from model.bundle.tensors import TensorReader, open_tensors
from model.config import ModelConfig
from model.segment_store import segments_in_memory
from model.segmented_video import Announce, LoadedSegment, SegmentedVideo
from model.sound.stored import read_now
from model.video import VideoMetadata, VolumetricVideo

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
    """Read the header of a file of version 1 and check everything that does not need a tensor: fields, types, shapes, sizes.

    Raises:
        InputError: anything of this is wrong.
    """
    return _open_plain(location, read_header(location))


def open_any(location: Location) -> OpenedBundle | CodedBundle:
    """Read the header of a file of any known version and check everything that does not need a tensor.

    Raises:
        InputError: anything of this is wrong, or the version is newer than this program.
    """
    header = read_header(location)
    with blame(location):
        version = parse_document(header.document)["version"]
    return _open_plain(location, header) if version == PLAIN_VERSION else open_coded(location, header)


def _open_plain(location: Location, header: Header) -> OpenedBundle:
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
    tensor is in memory at a time. Structure and values are checked, and the checksums of version 2. That of version 1 is
    checked by `model.bundle.info.bundle_info`.

    A damaged sound raises no error here: `VideoMetadata.sound.read` does.

    A bundle with several segments becomes a `SegmentedVideo`, which reads and checks each segment when it is needed.

    Args:
        location: a `.mlpvid` file of format version 1 or 2.

    Raises:
        InputError: the file is missing, not a bundle, newer than this program, damaged, has impossible values, or changes
            while it is read.
    """
    bundle = open_any(location)
    _log.info("bundle %s", name_of(location))
    if isinstance(bundle, OpenedBundle) and bundle.metadata.config.method is not None:
        return _read_method(bundle)
    if isinstance(bundle, CodedBundle) and len(bundle.metadata.segments) > 1:
        return read_segmented(bundle)
    arrays = read_arrays(bundle) if isinstance(bundle, CodedBundle) else _read_plain(bundle)
    metadata = metadata_with_sound(bundle) if isinstance(bundle, CodedBundle) else bundle.metadata.video
    if metadata.sound is not None:
        metadata = replace(metadata, sound=read_now(metadata.sound))  # damage does not matter before the sound is played
    return assemble_video(bundle.metadata.config, metadata, arrays)


def read_segmented(bundle: CodedBundle, announce: Announce = lambda _: None) -> SegmentedVideo:
    """Open a bundle with several segments; only the shared decoder, if there is one, and the first segment are read now.

    Args:
        bundle: its location must stay readable as long as the video is used.
        announce: as in `SegmentedVideo`.

    Raises:
        InputError: the shared decoder is damaged. A damaged segment is an error only when its frames are needed.
    """
    config, metadata = bundle.metadata.config, metadata_with_sound(bundle)
    shared = None if bundle.metadata.own_decoders else _decoder_weights(read_decoder(bundle))

    def load(data: int, check: Callable[[], None]) -> VolumetricVideo:
        arrays = read_segment(bundle, data, check)
        latents, boxes, occupancy = (arrays[name] for name in ("latents", "boxes", "occupancy"))
        weights = _decoder_weights(arrays) if shared is None else shared
        return LoadedSegment(config, metadata, latents, boxes, occupancy, weights, arrays[HASH_TABLES])

    segments, count = bundle.metadata.segments, segments_in_memory(bundle.largest_segment)
    video = SegmentedVideo(config, metadata, segments, load, announce, bundle.metadata.own_decoders, count)
    with contextlib.suppress(DamagedData):
        video.store.get(0)
    video.announce_order(0, backward=False)
    return video


def _read_plain(bundle: OpenedBundle) -> dict[str, Any]:
    network = [name for name, spec in bundle.layout.items() if spec.part in ("decoder", "hash_tables")]
    with bundle.tensors() as read:
        arrays: dict[str, Any] = {name: read(name) for name in ("latents", "boxes", "occupancy")}
        return arrays | {name: _network_tensor(bundle, read, name) for name in network if not name.endswith(SCALES_SUFFIX)}


def read_plain_tensor(bundle: OpenedBundle, name: str) -> NDArray[Any]:
    """Read one tensor of a bundle of version 1, those of decoder and hash tables as float32; raises as `read_bundle` does."""
    with bundle.tensors() as read:
        return read(name) if name in ("latents", "boxes", "occupancy") else _network_tensor(bundle, read, name)


def assemble_video(config: ModelConfig, metadata: VideoMetadata, arrays: Mapping[str, Any]) -> VolumetricVideo:
    """Build a video from its tensors by the names of a file, without a segment's prefix."""
    latents, boxes, occupancy = (arrays[name] for name in ("latents", "boxes", "occupancy"))
    return VolumetricVideo(config, metadata, latents, boxes, occupancy, _decoder_weights(arrays), arrays[HASH_TABLES])


def _decoder_weights(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(DECODER_PREFIX): value for name, value in arrays.items() if name.startswith(DECODER_PREFIX)}


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
