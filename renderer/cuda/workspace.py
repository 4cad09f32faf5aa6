"""The GPU buffers used to render an image. They are reused from one image to the next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from renderer.cuda.driver import CudaFault, Driver, Reading
from renderer.cuda.structs import COLOR_TILE, COUNTER_WORDS, FEATURE_WORDS, VIEW_WORDS, RenderBuffers

SAMPLES_PER_PIXEL = 2
"""Capacity for kept samples at first. A person who fills the image needs about five per ray, empty rays none."""

MIN_CAPACITY = 1 << 12
"""Smallest capacity for kept samples."""

MAX_ITEMS = (1 << 31) - 1
"""Evaluations of color heads that kernels number in 32 bits; their memory would be some 70 GB."""

KEPT_IMAGES = 16
"""Buffers are given back when as many images in a row needed less than half of their capacity."""

GROWTH = 1.25
"""Factor on what the last image needed when the capacity was too small."""


@dataclass(frozen=True)
class BufferSizes:
    """The sizes that determine an image's buffers."""

    pixels: int
    """Pixels of the image, or of the band that is rendered at once."""
    capacity: int
    """Kept samples."""
    keys: int
    """Color heads of all maps."""
    assignments: int
    """Color heads per sample."""

    @property
    def items(self) -> int:
        """Evaluations of color heads."""
        return self.capacity * self.assignments


@dataclass
class Need:
    """What an image needed."""

    samples: int
    """Kept samples to have room for."""


class Workspace:
    """Buffers by name, allocated again when they are too small, and the struct with their addresses for the kernels."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.tensors: dict[str, torch.Tensor] = {}
        """The buffers."""
        self.capacity = MIN_CAPACITY
        """Kept samples that the next image has room for."""
        self._needed = 0
        self._recently: deque[Need] = deque(maxlen=KEPT_IMAGES)

    @property
    def nbytes(self) -> int:
        """Bytes of the GPU's memory that it holds."""
        return sum(t.numel() * t.element_size() for t in self.tensors.values())

    def need(self, samples: int) -> None:
        """Make room for a number of kept samples when the buffers are next fitted."""
        self.capacity = max(self.capacity, samples)
        self._needed = max(self._needed, samples)

    def give_back(self) -> Need:
        """Free the buffers if the last images needed much less; call it once per image, and pass the result to `used`."""
        need = Need(self._needed)
        self._recently.append(need)
        self._needed = 0
        wanted = max(MIN_CAPACITY, *(each.samples for each in self._recently))
        if len(self._recently) == KEPT_IMAGES and self.capacity > 2 * wanted:
            self.release()
            self.capacity = wanted
        return need

    def used(self, need: Need, samples: int) -> None:
        """Record the samples that an image kept, and what it needed when it was rendered again."""
        need.samples = max(need.samples, self._needed, samples)
        self._needed = 0

    def fit(self, size: BufferSizes) -> RenderBuffers:
        """Allocate buffers where they are too small; the returned struct lacks the addresses of the image and of the frame.

        Raises:
            CudaFault: not enough memory, or more items than kernels can count.
        """
        if size.items > MAX_ITEMS:
            raise CudaFault("allocate", "CUDA_ERROR_OUT_OF_MEMORY")
        addresses = {name: self._fit(name, words) for name, words in buffer_words(size).items()}
        return RenderBuffers(**addresses, capacity=size.capacity, keys=size.keys, assignments=size.assignments)

    def clear(self) -> None:
        """Set the counters to zero on the current stream."""
        for name in ("counters", "key_counts", "key_cursors"):
            self._driver.zero(self.tensors[name])

    def read_counters(self) -> Reading:
        """Enqueue a copy of the counters, see `samples_in`."""
        return self._driver.read(self.tensors["counters"])

    def release(self) -> None:
        """Free all memory, and forget how large it was."""
        self.tensors.clear()
        self.capacity, self._needed = MIN_CAPACITY, 0

    def _fit(self, name: str, words: int) -> int:
        tensor = self.tensors.get(name)
        if tensor is None or tensor.numel() < words:
            self.tensors.pop(name, None)  # freed before the larger one is asked for
            del tensor
            self.tensors[name] = self._driver.empty((words,), torch.int32)
        return self.tensors[name].data_ptr()


def samples_in(counters: NDArray[np.generic]) -> tuple[int, int]:
    """Return the samples of the density pass and of the color pass, those not stored included."""
    values = [int(word) & 0xFFFFFFFF for word in counters.tolist()]
    return values[4] | values[5] << 32, values[1]


def buffer_words(size: BufferSizes) -> dict[str, int]:
    """Return the 32-bit words of each buffer, by the names of `RenderBuffers`."""
    samples, items = size.capacity, size.items
    return {
        "counters": COUNTER_WORDS,
        "features": samples * FEATURE_WORDS,
        "places": samples * 4,
        "distances": samples,
        "pixels": samples,
        "previous": samples,
        "key_counts": size.keys,
        "key_cursors": size.keys,
        "key_starts": size.keys,
        "order": items,
        "color_tiles": 2 * (items // COLOR_TILE + size.keys),
        "outputs": items * 4,
        "last": size.pixels,
        "views": size.pixels * VIEW_WORDS,
    }
