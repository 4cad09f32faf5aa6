"""Find what was already converted for another video with the same decoder, such as another segment of a long video."""

from __future__ import annotations

import weakref
from typing import Protocol, TypeVar

from model.video import Version, VolumetricVideo


class Converted(Protocol):
    """The results of converting a video's weights."""

    @property
    def version(self) -> Version:
        """The version of the weights."""


Result = TypeVar("Result", bound=Converted)


def with_same_decoder(converted: weakref.WeakKeyDictionary[VolumetricVideo, Result], video: VolumetricVideo) -> Result | None:
    """Return what was converted for a video whose decoder has the same arrays, unchanged since; None if there is none."""
    for reference in converted.keyrefs():  # a copy: other threads may convert videos meanwhile
        other = reference()
        result = None if other is None or other.decoder_weights is not video.decoder_weights else converted.get(other)
        if other is not None and result is not None and result.version == other.weights_version():
            return result
    return None
