"""Detect data races: which thread used each word of memory, and whether a barrier orders two uses.

Two accesses to a word race when different threads make them, one at least writes, not both are atomic, and no barrier
orders them: neither one of the block (`bar.sync`), nor one of the warp (`bar.warp.sync`), nor the end of a launch. Time is
a count of accesses. An access set stores for each word the time of its last unordered accesses, and the smallest and
largest index of the threads that made them. This range is within one thread, warp or block exactly when all of them are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.renderer.cuda.ptx.faults import KernelFault

WARP = 32
NOBODY = np.iinfo(np.int32).max
MOST_WAITING = 4_000_000
"""Accesses to words that are kept until somebody asks for them; more take too much memory."""


@dataclass(frozen=True)
class Moment:
    """The lanes that access memory now, (lanes, 1) each so that they broadcast to several words per lane."""

    now: int
    """The time."""
    launch: int
    """When the launch began; earlier accesses are ordered."""
    thread: NDArray[Any]
    """Of the whole grid."""
    block: NDArray[Any]
    """Of the whole grid."""
    block_threads: int
    """Threads per block, whole warps."""
    block_barrier: NDArray[Any]
    """When each lane's block last met at a barrier."""
    warp_barrier: NDArray[Any]
    """When each lane's warp last met at a barrier."""
    all_met: int
    """When the last one of all resident blocks met at a barrier."""

    def ordered_before(self, low: NDArray[Any], high: NDArray[Any]) -> NDArray[Any]:
        """Return, for each lane, the time before which all accesses by threads from `low` to `high` have ended."""
        n = self.block_threads
        same_block = (low // n == self.block) & (high // n == self.block)
        warp = self.thread // WARP
        same_warp = (low // WARP == warp) & (high // WARP == warp)
        in_block = np.where(same_block, self.block_barrier, self.launch)
        result: NDArray[Any] = np.where(same_warp, np.maximum(in_block, self.warp_barrier), in_block)
        return result


class AccessSet:
    """The accesses of one kind to a number of words."""

    def __init__(self, words: int) -> None:
        self.latest = -1
        self._waiting: list[tuple[NDArray[Any], Moment]] = []
        self._num_waiting = 0
        self._time = np.full(words, -1, np.int64)
        self._low = np.full(words, NOBODY, np.int32)
        self._high = np.full(words, -1, np.int32)

    def racing(self, words: NDArray[Any], moment: Moment, before: int) -> tuple[int, int] | None:
        """Return a thread of the set and one of the moment that race for one of the words (lanes, n); None without a race.

        All accesses of the set that were made before the time `before` are known to be ordered.
        """
        if self.latest < before:
            return None
        self._add_waiting()
        low, high, time = self._low[words], self._high[words], self._time[words]
        alone = (low == moment.thread) & (high == moment.thread)
        bad = (time >= moment.ordered_before(low, high)) & (time >= moment.launch) & ~alone
        if not bad.any():
            return None
        lane, word = np.argwhere(bad)[0]
        me = int(moment.thread[lane, 0])
        return int(low[lane, word] if low[lane, word] != me else high[lane, word]), me

    def add_later(self, words: NDArray[Any], moment: Moment, before: int) -> None:
        """Record accesses like `add`, but not until anybody asks for them, which is rare: nobody does before a write.

        All accesses that were made before the time `before` are ordered before everything that follows.
        """
        if self.latest < before:
            self._forget_waiting()
        self._waiting.append((words, moment))
        self._num_waiting += words.size
        self.latest = moment.now
        if self._num_waiting > MOST_WAITING:
            self._add_waiting()

    def _add_waiting(self) -> None:
        for words, moment in self._waiting:
            self.add(words, moment)
        self._forget_waiting()

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._num_waiting = 0

    def add(self, words: NDArray[Any], moment: Moment) -> None:
        """Record accesses to words (lanes, n), and discard earlier accesses that are ordered before them."""
        low, high = self._low[words], self._high[words]
        over = words[self._time[words] < moment.ordered_before(low, high)]
        self._low[over], self._high[over] = NOBODY, -1
        # NumPy does this 40 times as fast with one dimension of indices than with two.
        flat, threads = words.ravel(), np.broadcast_to(moment.thread, words.shape).astype(np.int32).ravel()
        np.minimum.at(self._low, flat, threads)
        np.maximum.at(self._high, flat, threads)
        self._time[words] = moment.now
        self.latest = max(self.latest, moment.now)

    def shared_now(self, words: NDArray[Any]) -> tuple[int, int] | None:
        """Return two threads whose accesses to one of the words were recorded together and are unordered, or None."""
        low, high = self._low[words], self._high[words]
        if (low == high).all():
            return None
        lane, word = np.argwhere(low != high)[0]
        return int(low[lane, word]), int(high[lane, word])


class History:
    """All accesses to a number of words.

    Args:
        words: how many.
        of_blocks: whether each word belongs to one block.
    """

    def __init__(self, words: int, of_blocks: bool) -> None:
        self._of_blocks = of_blocks
        self.sets = {name: AccessSet(words) for name in ("read", "write", "atomic")}

    def note(self, kind: str, words: NDArray[Any], moment: Moment) -> None:
        """Record accesses to words (lanes, n).

        Args:
            kind: "read", "write" or "atomic".
            words: indices.
            moment: the threads that access them, and when.

        Raises:
            KernelFault: one of them races with another.
        """
        before = moment.all_met if self._of_blocks else moment.launch
        for other, accesses in self.sets.items():
            if other != kind or kind == "write":
                self._refuse(other, kind, accesses.racing(words, moment, before))
        if kind == "read":
            self.sets[kind].add_later(words, moment, before)
            return
        self.sets[kind].add(words, moment)
        if kind == "write":
            self._refuse(kind, kind, self.sets[kind].shared_now(words))

    @staticmethod
    def _refuse(before: str, kind: str, pair: tuple[int, int] | None) -> None:
        if pair is None:
            return
        what = "two writes" if before == kind else f"a {before} and a {kind}"
        raise KernelFault(f"race: {what} by thread {pair[0]} and thread {pair[1]} of the grid, with no barrier between them")
