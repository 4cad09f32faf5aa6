"""Write a `VolumetricVideo` to a `.mlpvid` file."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.array_file import save_arrays
from common.atomic import atomic_write
from common.errors import InputError
from common.half_floats import to_half
from model.bundle.container import blame, file_checksum, replace_in_header
from model.bundle.layout import DECODER_PREFIX, HASH_TABLES, METHOD_PREFIX, PRECISIONS, SCALES_SUFFIX, Precision, is_reduced
from model.bundle.metadata import FORMAT_NAME, BundleMetadata, checked_document
from model.bundle.quantization import quantize
from model.bundle.read import check_tensors, open_checked
from model.video import VolumetricVideo


def write_bundle(video: VolumetricVideo, path: str | Path, precision: Precision = "float32") -> None:
    """Write a bundle atomically. The same video gives the same bytes.

    The file is read back and checked, as `read_bundle` does, before it gets its name.

    Args:
        video: what to store.
        path: the file, usually with the suffix `.mlpvid`.
        precision: of decoder and hash tables: "float32" is exact, "float16" halves the bytes, "int8" (blocks of 64 with
            one scale per block) takes 27 % of them. Latents, boxes and tensors with one axis are always float32.

    Raises:
        InputError: the video has something that such a bundle cannot store (a sound, a number that is not finite, a box that
            is not ordered, a weight beyond float16), or the file cannot be written.
    """
    if video.metadata.sound is not None:
        raise InputError(path, "would lose the sound, which format version 1 cannot store", "use version 2")
    if precision not in PRECISIONS:
        raise InputError("precision", f"must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    # Takes the place of the checksum until it is known. Random, so that it occurs only once. Counts as zeros in the checksum.
    placeholder = secrets.token_hex(32)
    with blame(path):
        document = _document(video, precision, placeholder)
        tensors = _stored_tensors(video, precision)
    with atomic_write(path) as temporary:
        save_arrays(tensors, temporary, {FORMAT_NAME: document}, path)
        _check(temporary, path)
        replace_in_header(temporary, placeholder, file_checksum(temporary, placeholder))


def _document(video: VolumetricVideo, precision: Precision, checksum: str) -> str:
    up = video.metadata.up
    metadata = dataclasses.replace(video.metadata, fps=float(video.metadata.fps), up=(float(up[0]), float(up[1]), float(up[2])))
    return checked_document(BundleMetadata(video.config, metadata, video.num_frames, precision, checksum))


def _stored_tensors(video: VolumetricVideo, precision: Precision) -> dict[str, NDArray[Any]]:
    stored: dict[str, NDArray[Any]] = {"latents": video.latents, "boxes": video.boxes, "occupancy": video.occupancy}
    network = _method_weights(video) if video.config.method is not None else _network_weights(video)
    for name, tensor in network.items():
        stored.update(_reduce(name, tensor, precision))
    return stored


def _network_weights(video: VolumetricVideo) -> dict[str, NDArray[np.float32]]:
    weights = {DECODER_PREFIX + name: value for name, value in video.decoder_weights.items()}
    return weights | {HASH_TABLES: video.hash_tables}


def _method_weights(video: VolumetricVideo) -> dict[str, NDArray[np.float32]]:
    from model.methods.video import MethodVideo  # noqa: PLC0415 - loads PyTorch

    assert isinstance(video, MethodVideo)
    parameters = video.method.state_dict()
    return {METHOD_PREFIX + name: value.detach().cpu().float().numpy() for name, value in parameters.items()}


def _reduce(name: str, tensor: NDArray[np.float32], precision: Precision) -> dict[str, NDArray[Any]]:
    if precision == "float32" or not is_reduced(tensor.shape):
        return {name: tensor}
    if precision == "int8":
        values, scales = quantize(tensor)
        return {name: values, name + SCALES_SUFFIX: scales}
    half = to_half(tensor)
    if np.isinf(half).any():
        raise InputError(f"tensor {name}", "does not fit into float16", "use float32 or int8")
    return {name: half}


def _check(temporary: Path, path: str | Path) -> None:
    try:
        check_tensors(open_checked(temporary))
    except InputError as error:
        raise InputError(path, f"was not written: {error.fault}", error.remedy) from error
