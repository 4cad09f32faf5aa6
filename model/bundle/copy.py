"""Write a bundle again with another config or other metadata, such as a sound. All tensors stay as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.byte_source import Location
from model.bundle.coded_read import CodedBundle, decode_stored, metadata_with_sound
from model.bundle.coded_write import write_coded, write_tensors
from model.bundle.coding import TensorCode
from model.bundle.layout import SOUND
from model.bundle.read import open_any, read_bundle
from model.bundle.tensors import open_tensors
from model.config import ModelConfig
from model.video import VideoMetadata

Change = Callable[[ModelConfig, VideoMetadata], tuple[ModelConfig, VideoMetadata]]
"""Returns the config and metadata of the copy from those of the bundle."""


def copy_changed(location: Location, out: Path, change: Change) -> None:
    """Copy a bundle atomically, with another config or other metadata. One of version 1 becomes one of version 2, exactly.

    Args:
        location: the bundle.
        out: the new file; may be the same one.
        change: must leave everything as it is that shapes of tensors depend on.

    Raises:
        InputError: the bundle cannot be opened, is damaged or has another method, or `out` cannot be written.
    """
    bundle = open_any(location)
    if not isinstance(bundle, CodedBundle):
        video = read_bundle(location)
        video.config, video.metadata = change(video.config, video.metadata)
        write_coded(video, out, {})
        return

    def stored() -> Iterator[tuple[str, tuple[bytes, TensorCode]]]:
        with open_tensors(location, bundle.header, bundle.stored) as read:
            for name in bundle.layout:
                if name == SOUND:
                    continue
                payload = np.asarray(read(name))
                decode_stored(bundle, name, payload)
                yield name, (payload.tobytes(), bundle.metadata.codes[name])

    config, metadata = change(bundle.metadata.config, metadata_with_sound(bundle))
    write_tensors(replace(bundle.metadata, config=config, video=metadata), stored(), out)
