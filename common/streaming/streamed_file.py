"""A file on a server as a `ByteSource`: fetched by one thread, in the order in which it is needed, and kept in the cache."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from common.errors import InputError
from common.streaming.block_cache import BLOCK_BYTES, BlockCache, BlockFolder
from common.streaming.plan import Blocks, FetchPlan
from common.streaming.remote import Answer, Remote, RemoteFault, Version

WAIT_SECONDS = 0.1
"""Seconds between two calls of `StreamedFile.on_wait`."""

LARGEST_FILE = 1 << 40
"""Bytes of the largest file that is opened."""


@dataclass(frozen=True)
class Retries:
    """How often a request that got nothing new is made again."""

    attempts: int = 6
    """Requests in a row without a new block after which reading fails."""
    first_attempts: int = 2
    """The same before the first answer: the address may be wrong."""
    delay: float = 0.25
    """Seconds before the second request; doubled before each further one."""


class StreamedFile:
    """Reads a file on a server. Implements `common.byte_source.ByteSource`; see there.

    Reading fails with an InputError if the server does not answer after several attempts (the next read tries again), or if
    the file changed on the server since it was opened (open it again).

    Args:
        remote: the file on the server.
        cache: keeps what was fetched.
        retries: what to do when requests fail.
    """

    def __init__(self, remote: Remote, cache: BlockCache, retries: Retries | None = None) -> None:
        self.name = remote.name
        self.on_wait: Callable[[], None] = lambda: None
        """Called every `WAIT_SECONDS` while a caller waits, on its thread. It may raise to cancel the reading."""
        self.on_arrival: Callable[[], None] = lambda: None
        """Called on the fetching thread after each block."""
        self._remote, self._cache, self._retries = remote, cache, retries or Retries()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._plan = FetchPlan()
        self._plan.plan_ahead([(0, 1)], -1)  # the first answer has version and size
        self._blocks: BlockFolder | None = None
        self._version: Version | None = None
        self._size: int | None = None
        self._present: set[int] = set()
        self._ranges = True
        self._received = self._stored = 0
        self._error: InputError | None = None
        self._final = False  # whether the error stays
        threading.Thread(target=self._run, name="fetch", daemon=True).start()

    @property
    def size(self) -> int | None:
        """Bytes of the file; None while the server does not tell. Waits for the first answer."""
        with self._waiting_for((0, 1)):
            self._wait(lambda: self._version is not None)
        return self._size

    @property
    def known_size(self) -> int | None:
        """The size without waiting for it; None until the server has told it."""
        return self._size

    @property
    def received(self) -> int:
        """Bytes that came from the server so far."""
        return self._received

    @property
    def loaded_bytes(self) -> int:
        """Bytes that can be read without waiting."""
        with self._changed:
            return min(len(self._present) * BLOCK_BYTES, self._size or (1 << 62))

    def is_loaded(self, start: int, length: int) -> bool:
        """Return whether a range can be read without waiting."""
        first, stop = _blocks_of(start, length)
        with self._changed:
            end = self._block_count()
            return self._version is not None and self._present.issuperset(range(first, stop if end is None else min(stop, end)))

    def prefetch(self, ranges: Sequence[tuple[int, int]], priority: int = 0) -> None:
        """Fetch these bytes in the background, in this order. This replaces the earlier ranges of the same priority.

        Together they are cut to half of the cache's limit, so that they do not push each other out.

        Args:
            ranges: positions of the first byte and after the last one.
            priority: lower numbers are fetched first. What somebody waits for comes before all.
        """
        left = self._cache.limit // 2 // BLOCK_BYTES
        blocks = []
        for start, stop in ranges:
            first, end = _blocks_of(start, stop - start)
            end = min(end, first + left)
            left -= end - first
            blocks.append((first, end))
        with self._changed:
            self._plan.plan_ahead(blocks, priority)
            self._changed.notify_all()

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on; fewer at the end."""
        size = self.size
        buffer = bytearray(length if size is None else max(0, min(length, size - start)))
        return bytes(memoryview(buffer)[: self.read_into(start, memoryview(buffer))])

    def read_into(self, start: int, buffer: memoryview) -> int:
        """Fill a buffer from `start` on and return how many bytes there were."""
        done = 0
        with self._waiting_for(_blocks_of(start, len(buffer))):
            while done < len(buffer):
                number, offset = divmod(start + done, BLOCK_BYTES)
                part = memoryview(self._block(number))[offset : offset + len(buffer) - done]
                if not part:
                    break
                buffer[done : done + len(part)] = part
                done += len(part)
        return done

    def close(self) -> None:
        """Stop fetching. Who waits for bytes gets an InputError."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._remote.close()

    def _block(self, number: int) -> bytes:
        while True:
            self._wait(lambda: number in self._present or self._is_beyond_end(number))
            with self._changed:
                if number not in self._present or self._blocks is None:
                    return b""
                length = BLOCK_BYTES if self._size is None else min(BLOCK_BYTES, self._size - number * BLOCK_BYTES)
            data = self._blocks.load(number)
            if data is not None and (len(data) == length or (self._size is None and len(data) < length)):
                return data
            with self._changed:  # damaged, or deleted to make room for others
                self._present.discard(number)
                self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool]) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: condition() or self._error or self._closing.is_set(), WAIT_SECONDS)
                if self._closing.is_set():
                    raise InputError(self.name, "is closed")
                if self._final and self._error is not None:
                    raise self._error
                if condition():
                    return
                if self._error is not None:
                    raise self._error
            self.on_wait()

    @contextlib.contextmanager
    def _waiting_for(self, blocks: Blocks) -> Iterator[None]:
        with self._changed:
            if not self._final:
                self._error = None  # try again
            self._plan.wait_for(blocks)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._plan.settle(blocks)

    def _block_count(self) -> int | None:
        return None if self._size is None else -(-self._size // BLOCK_BYTES)

    def _is_beyond_end(self, number: int) -> bool:
        return self._size is not None and number * BLOCK_BYTES >= self._size

    def _next_run(self) -> Blocks | None:
        if self._error is not None:
            return None
        run = self._plan.next_run(self._present, self._block_count())
        return (0, 1) if run is not None and self._version is None else run

    def _run(self) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or self._next_run() is not None)
                run = self._next_run()
            if self._closing.is_set() or run is None:
                return
            before = self._stored
            try:
                self._fetch(*run)
                failures = 0
            except RemoteFault as fault:
                failures = 1 if self._stored > before else failures + 1
                if failures >= (self._retries.attempts if self._version else self._retries.first_attempts):
                    failures = 0
                    self._fail(InputError(self.name, fault.fault, fault.remedy))
                else:
                    self._closing.wait(self._retries.delay * 2 ** (failures - 1))
            except InputError as error:
                self._fail(error)
            except Exception as error:  # otherwise readers would wait forever
                self._fail(InputError(self.name, f"cannot be read ({type(error).__name__}: {error})"))

    def _fail(self, error: InputError, final: bool = False) -> None:
        with self._changed:
            self._error, self._final = error, self._final or final
            self._plan.clear()
            self._changed.notify_all()

    def _fetch(self, first: int, stop: int) -> None:
        start, end = first * BLOCK_BYTES, stop * BLOCK_BYTES
        if self._size is not None:
            end = min(end, self._size)
        with self._remote.request(start, end) as answer:
            if not self._accept(answer):
                return
            position = self._receive(answer, stop)
        if position is None:  # something else is more urgent
            return
        if self._size is None and (not answer.ranges or position < end):
            with self._changed:
                self._size = position
                self._changed.notify_all()
        elif position == start and position < end:
            raise RemoteFault("the server sends nothing", "try again")

    def _accept(self, answer: Answer) -> bool:
        """Compare the version with the one that was opened. Return whether the bytes are needed."""
        version = answer.version
        if version.size is not None and version.size > LARGEST_FILE:
            raise InputError(self.name, f"has {version.size:,} bytes, more than {LARGEST_FILE:,}")
        if self._version is not None and _differ(self._version, version):
            if self._blocks is not None:
                self._blocks.drop()
            error = InputError(self.name, "changed on the server while it was read", "open it again")
            self._fail(error, final=True)
            raise error
        with self._changed:
            self._ranges = answer.ranges
            if self._version is None:
                self._blocks = self._cache.open(self.name, version)
                self._present = set(self._blocks.stored())
                self._version, self._size = version, version.size
                self._changed.notify_all()
            end = self._block_count()
            return end is None or not self._present.issuperset(range(end))

    def _receive(self, answer: Answer, stop: int) -> int | None:
        """Store the blocks of an answer. Return the position after its last byte; None if it was left early."""
        number, waiting = answer.start // BLOCK_BYTES, bytearray()
        for chunk in answer.chunks:
            if self._closing.is_set():
                return None
            self._received += len(chunk)
            waiting += chunk
            if number * BLOCK_BYTES + len(waiting) > LARGEST_FILE:
                raise InputError(self.name, f"has more than {LARGEST_FILE:,} bytes")
            while len(waiting) >= BLOCK_BYTES:
                self._store(number, bytes(waiting[:BLOCK_BYTES]))
                del waiting[:BLOCK_BYTES]
                number += 1
                if answer.ranges and self._is_needed_elsewhere(number, stop):
                    return None
        if waiting:
            self._store(number, bytes(waiting))
        return number * BLOCK_BYTES + len(waiting)

    def _store(self, number: int, data: bytes) -> None:
        with self._changed:
            if self._blocks is None or number in self._present:
                return
        self._blocks.store(number, data)
        with self._changed:
            self._present.add(number)
            self._stored += 1
            self._changed.notify_all()
        self.on_arrival()

    def _is_needed_elsewhere(self, number: int, stop: int) -> bool:
        with self._changed:
            urgent = self._plan.urgent(self._present, self._block_count())
        return urgent is not None and not number <= urgent < stop


def _blocks_of(start: int, length: int) -> Blocks:
    return start // BLOCK_BYTES, max(-(-(start + max(length, 0)) // BLOCK_BYTES), start // BLOCK_BYTES)


def _differ(opened: Version, now: Version) -> bool:
    sizes_differ = opened.size is not None and now.size is not None and opened.size != now.size
    return opened.validator != now.validator or sizes_differ
