"""Which blocks of a streamed file to fetch next."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

RUN_BLOCKS = 16
"""Most blocks in one request. More would delay a seek, fewer would wait for the server more often."""

Blocks = tuple[int, int]
"""The first block of a range, and the one after its last."""


class FetchPlan:
    """The ranges of blocks that are waited for, and those that will be needed. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._waiting: list[Blocks] = []
        self._ahead: dict[int, tuple[Blocks, ...]] = {}

    def wait_for(self, blocks: Blocks) -> None:
        """Put a range before everything else until it is `settled`."""
        self._waiting.append(blocks)

    def settle(self, blocks: Blocks) -> None:
        """Remove a range that somebody waited for."""
        self._waiting.remove(blocks)

    def plan_ahead(self, ranges: Sequence[Blocks], priority: int) -> None:
        """Replace the ranges of a priority. Lower numbers come first; within a priority, the order is that of the ranges."""
        self._ahead[priority] = tuple(ranges)

    def clear(self) -> None:
        """Forget what will be needed, but not what is waited for."""
        self._ahead.clear()

    def urgent(self, present: Collection[int], end: int | None) -> int | None:
        """Return the first missing block that somebody waits for."""
        return next((number for blocks in self._waiting for number in _missing(blocks, present, end)), None)

    def next_run(self, present: Collection[int], end: int | None) -> Blocks | None:
        """Return the blocks to fetch next with one request; None if nothing is missing.

        Args:
            present: numbers of the blocks that are there.
            end: number of blocks of the file; None while it is unknown.
        """
        ranges = [*self._waiting, *(blocks for _, group in sorted(self._ahead.items()) for blocks in group)]
        for blocks in ranges:
            for first in _missing(blocks, present, end):
                stop = first + 1
                while stop < min(blocks[1], first + RUN_BLOCKS) and stop not in present and (end is None or stop < end):
                    stop += 1
                return first, stop
        return None


def _missing(blocks: Blocks, present: Collection[int], end: int | None) -> Iterator[int]:
    last = blocks[1] if end is None else min(blocks[1], end)
    return (number for number in range(blocks[0], last) if number not in present)
