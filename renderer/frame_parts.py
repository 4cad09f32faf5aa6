"""Frames that consist of several prepared frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from renderer.backend import PreparedFrame

Part = TypeVar("Part")


@dataclass
class FrameParts(Generic[Part]):
    """Prepared frames that are rendered together; subclasses are a `PreparedFrame` with their `box`."""

    time: float
    """Time of all parts, as a frame index of the scene or video that they form."""
    parts: list[tuple[Part, PreparedFrame]]
    """For each part: what it is, a placed video or a share of the picture, and its frame. Several may have the same frame."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the frames hold."""
        return sum(frame.nbytes for frame in {id(frame): frame for _, frame in self.parts}.values())

    @property
    def decode_ms(self) -> float:
        """Milliseconds of decoding them."""
        return sum(frame.decode_ms for _, frame in self.parts)

    @property
    def bake_ms(self) -> float:
        """Milliseconds of baking them."""
        return sum(frame.bake_ms for _, frame in self.parts)
