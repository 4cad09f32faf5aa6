"""The memory that kernels access, with checks of bounds, alignment, uninitialized reads and data races."""

from __future__ import annotations

import bisect
import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.renderer.cuda.ptx.faults import KernelFault
from tests.renderer.cuda.ptx.races import History, Moment

WORD = 4
"""Bytes of the smallest access. Races are detected per word of this size."""

POISON = 0xFFFFFFFF
"""A NaN."""


class Region:
    """Words of memory that belong together: a buffer, or the shared memory of the resident blocks.

    Args:
        words: (n,) uint32, the content.
        written: whether it may be read before a kernel writes.
        private: each thread has its own words, so that no two threads can race.
        of_blocks: each block has its own words.
    """

    def __init__(self, words: NDArray[np.uint32], written: bool, private: bool = False, of_blocks: bool = False) -> None:
        self.words = words
        self.written = np.full(len(words), written)
        self.history = None if private else History(len(words), of_blocks)

    def load(self, words: NDArray[Any], moment: Moment, used: slice | NDArray[np.bool_]) -> NDArray[np.uint32]:
        """Return the content of words (lanes, n). Unused words need not have been written."""
        demanded = words[:, used]
        self._check_written(demanded)
        if self.history:
            self.history.note("read", demanded, moment)
        return self.words[words]

    def store(self, words: NDArray[Any], values: NDArray[np.uint32], moment: Moment) -> None:
        """Write words (lanes, n)."""
        if self.history:
            self.history.note("write", words, moment)
        self.words[words] = values
        self.written[words] = True

    def add(self, words: NDArray[Any], values: NDArray[np.uint64], moment: Moment, order: NDArray[Any]) -> NDArray[np.uint64]:
        """Add to the integers in words (lanes, 1 or 2), lane after lane; return the value before each addition."""
        self._check_written(words)
        if self.history:
            self.history.note("atomic", words, moment)
        found = np.zeros(len(words), np.uint64)
        bits = 32 * words.shape[1]
        for lane in order:
            place = words[lane]
            before = sum(int(word) << 32 * i for i, word in enumerate(self.words[place]))
            after = (before + int(values[lane])) % (1 << bits)
            self.words[place] = [after >> 32 * i & 0xFFFFFFFF for i in range(len(place))]
            found[lane] = before
        return found

    def _check_written(self, words: NDArray[Any]) -> None:
        if not self.written[words].all():
            raise KernelFault("read of memory that was never written")


@dataclass(frozen=True)
class Part:
    """The lanes of one instruction that access the same region."""

    lanes: slice | NDArray[np.bool_]
    """Which of the instruction's lanes."""
    region: Region
    """Where."""
    words: NDArray[Any]
    """(lanes, n) indices in the region."""


def word_indices(first: NDArray[Any], size: int) -> NDArray[Any]:
    """Return (lanes, size / 4) indices of the words from each first one on."""
    return first[:, None] + np.arange(size // WORD)


def check_alignment(addresses: NDArray[Any], size: int) -> None:
    """Raise `KernelFault` unless all addresses are multiples of the size of the access."""
    if (addresses % size).any():
        raise KernelFault(f"access of {size} bytes to a misaligned address")


class GlobalMemory:
    """The device's buffers by address. Their content stays in the host's arrays."""

    def __init__(self) -> None:
        self.regions: dict[int, Region] = {}
        self._starts: list[int] = []

    def add(self, start: int, size: int, written: bool) -> None:
        """Register a buffer; its size is rounded up to whole words."""
        words = -(-size // WORD)
        content = np.ctypeslib.as_array((ctypes.c_uint32 * words).from_address(start))
        self.remove(start)
        self.regions[start] = Region(content, written)
        bisect.insort(self._starts, start)

    def remove(self, start: int) -> None:
        """Forget a buffer."""
        if self.regions.pop(start, None) is not None:
            self._starts.remove(start)

    def find(self, address: int, size: int) -> tuple[int, Region] | None:
        """Return the start and the region that contains `size` bytes at an address; None if there is none."""
        at = bisect.bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        start = self._starts[at]
        region = self.regions[start]
        return (start, region) if address + size <= start + WORD * len(region.words) else None

    def parts(self, addresses: NDArray[Any], size: int, what: str) -> Iterator[Part]:
        """Yield the lanes' accesses by region; the message about a missing buffer contains `what` they do."""
        check_alignment(addresses, size)
        left = np.ones(len(addresses), np.bool_)
        while left.any():
            found = self.find(int(addresses[left.argmax()]), size)
            if found is None:
                raise KernelFault(f"{what} out of bounds: no buffer is there")
            start, region = found
            offsets = addresses - start
            here = left & (offsets >= 0) & (offsets + size <= WORD * len(region.words))
            yield Part(here, region, word_indices(offsets[here] // WORD, size))
            left &= ~here


class OwnedMemory:
    """Memory of which each owner has a piece at the same addresses: shared memory of blocks, local memory of threads.

    Args:
        owners: how many there are.
        size: bytes of each piece, whole words.
        private: its owners are threads.
    """

    def __init__(self, owners: int, size: int, private: bool) -> None:
        self.size = size
        self._stride = -(-size // WORD)
        self.region = Region(np.full(owners * self._stride, POISON, np.uint32), False, private, of_blocks=not private)

    def parts(self, addresses: NDArray[Any], owners: NDArray[Any], size: int, what: str) -> Iterator[Part]:
        """Yield the lanes' accesses to their owners' pieces."""
        check_alignment(addresses, size)
        if (addresses < 0).any() or (addresses + size > self.size).any():
            raise KernelFault(f"{what} out of bounds of shared or local memory")
        yield Part(slice(None), self.region, word_indices(owners * self._stride + addresses // WORD, size))
