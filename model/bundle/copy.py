"""Write a bundle again with another sound, or without one. Everything else stays as it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.byte_source import Location
from model.bundle.coded_read import CodedBundle, decode_stored
from model.bundle.coded_write import write_coded, write_tensors
from model.bundle.coding import TensorCode
from model.bundle.layout import SOUND
from model.bundle.read import open_any, read_bundle
from model.bundle.tensors import open_tensors
from model.sound.stored import VideoSound


def copy_with_sound(location: Location, out: Path, sound: VideoSound | None) -> None:
    """Copy a bundle atomically, with this sound in place of its own. One of version 1 becomes one of version 2, exactly.

    Args:
        location: the bundle.
        out: the new file; may be the same one.
        sound: Opus; None leaves the sound out.

    Raises:
        InputError: the bundle cannot be opened, is damaged or has another method, or `out` cannot be written.
    """
    bundle = open_any(location)
    if not isinstance(bundle, CodedBundle):
        video = read_bundle(location)
        video.metadata = replace(video.metadata, sound=sound)
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

    write_tensors(replace(bundle.metadata, video=replace(bundle.metadata.video, sound=sound)), stored(), out)
