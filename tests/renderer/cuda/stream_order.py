"""Track the order of work on CUDA streams: which operations are ordered, and which memory each may use."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

Clock = dict[str, int]
"""The amount of each stream's work that is known to be done."""


@dataclass
class Buffer:
    """The history of a buffer."""

    owner: str
    shared: set[str] = field(default_factory=set)
    writer: str = ""
    written: int = 0
    reads: Clock = field(default_factory=dict)


class StreamOrder:
    """Streams as the CUDA driver and torch's allocator see them: they run concurrently, except where one waits for an event,
    and memory belongs to the stream that it was allocated on. Faults are AssertionErrors."""

    def __init__(self) -> None:
        self._clocks: dict[str, Clock] = {}
        self._host: Clock = {}
        self._buffers: dict[int, Buffer] = {}
        self._starts: list[int] = []

    def made(self, start: int, stream: str) -> None:
        """Record that memory was allocated; no address is used twice."""
        self._buffers[start] = Buffer(stream)
        bisect.insort(self._starts, start)

    def shared(self, address: int, stream: str) -> None:
        """Record that torch was informed that another stream uses the memory."""
        self._buffer(address).shared.add(stream)

    def mark(self, stream: str) -> Clock:
        """Return an event: all of the stream's work so far."""
        return {**self._host, **self._clock(stream)}

    def wait(self, stream: str, mark: Clock) -> None:
        """Make the stream's later work begin after the mark."""
        _merge(self._clock(stream), mark)

    def synchronize(self, mark: Clock) -> None:
        """Record that the CPU waited for the mark, so that all its later work comes after it."""
        _merge(self._host, mark)

    def work(self, stream: str) -> None:
        """Record that work is enqueued on a stream."""
        clock = self._clock(stream)
        _merge(clock, self._host)
        clock[stream] = clock.get(stream, 0) + 1

    def touch(self, address: int, stream: str, write: bool) -> None:
        """Record that the stream's last work reads or writes a buffer."""
        buffer, clock = self._buffer(address), self._clock(stream)
        known = buffer.owner == stream or stream in buffer.shared
        assert known, f"memory of stream {buffer.owner} is used on stream {stream} without being shared with it"
        before = {buffer.writer: buffer.written} if buffer.writer else {}
        if write:
            _merge(before, buffer.reads)
        for other, time in before.items():
            assert clock.get(other, 0) >= time, f"work on stream {stream} does not wait for that on stream {other}"
        if write:
            buffer.writer, buffer.written, buffer.reads = stream, clock[stream], {}
        else:
            buffer.reads[stream] = clock[stream]

    def _buffer(self, address: int) -> Buffer:
        return self._buffers[self._starts[bisect.bisect_right(self._starts, address) - 1]]

    def _clock(self, stream: str) -> Clock:
        return self._clocks.setdefault(stream, {})


def _merge(clock: Clock, other: Clock) -> None:
    for stream, time in other.items():
        clock[stream] = max(clock.get(stream, 0), time)
