"""A process that stops just before a writer creates its first file, and copies of it that go on from there."""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from common import atomic, locks
from tests.injection.writers import Writer

FIRST_STEPS: tuple[tuple[Any, str], ...] = ((atomic, "_create_temporary"), (locks, "lock_path"))
"""What every writer calls before its first file, one of them. A writer that calls none is copied before it begins."""

TIMEOUT = 300.0
"""Seconds after which a copy that neither ends nor fails is given up: threads of the process are missing in it."""

_NUMBER, _SECONDS = struct.Struct("q"), struct.Struct("d")


class Stem:
    """The process. Copies do not repeat its imports and preparations, so that a kill takes little time.

    Args:
        writer: what writes.
        state: what its `prepare` returned.
        out: the file.
    """

    def __init__(self, writer: Writer, state: Any, out: Path) -> None:
        self._duration = mmap.mmap(-1, _SECONDS.size)  # shared with all copies
        self._is_copy, self._killed, self._began = False, False, 0.0
        self._orders, self._order = os.pipe()
        self._answer, self._answers = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._order)
            self._end(lambda: self._run(lambda: writer.write(state, out)))
        os.close(self._answers)

    def __enter__(self) -> Stem:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process."""
        os.close(self._order)
        os.close(self._answer)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def write(self) -> float:
        """Let a copy write the file and return the seconds that it took; RuntimeError if it fails."""
        if self._status(0.0) != 0:
            raise RuntimeError("the writer failed or hangs")
        return float(_SECONDS.unpack(self._duration[:])[0])

    def kill_after(self, seconds: float) -> str:
        """Let a copy write the file, and kill it after a time above 0. Return what is wrong if it failed before that."""
        status = self._status(seconds)
        return "" if status == -signal.SIGALRM else f"the writer ended with status {status}"

    def _status(self, seconds: float) -> int:
        """Return the exit status of a copy, which is killed after a time unless that is 0."""
        os.write(self._order, _SECONDS.pack(seconds))
        (copy,) = _NUMBER.unpack(os.read(self._answer, _NUMBER.size) or _NUMBER.pack(0))
        if copy == 0:
            raise RuntimeError("the writer failed before its first file")
        if not select.select([self._answer], [], [], TIMEOUT)[0]:
            os.kill(copy, signal.SIGKILL)
        return int(_NUMBER.unpack(os.read(self._answer, _NUMBER.size))[0])

    def _run(self, write: Callable[[], object]) -> None:
        for owner, name in FIRST_STEPS:
            setattr(owner, name, self._stopping(getattr(owner, name)))
        write()
        if not self._is_copy:
            self._serve()
            write()
        self._duration[:] = _SECONDS.pack(time.monotonic() - self._began)
        while self._killed:
            signal.pause()

    def _stopping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stop(*arguments: Any) -> Any:
            if not self._is_copy:
                self._serve()
            return function(*arguments)

        return stop

    def _serve(self) -> None:
        """Start copies as ordered; return in each of them."""
        while order := os.read(self._orders, _SECONDS.size):
            copy = os.fork()
            if copy == 0:
                (seconds,) = _SECONDS.unpack(order)
                self._is_copy, self._killed, self._began = True, seconds > 0, time.monotonic()
                signal.setitimer(signal.ITIMER_REAL, seconds)  # its signal ends a process as abruptly as SIGKILL, and in time
                return
            os.write(self._answers, _NUMBER.pack(copy))
            _, status = os.waitpid(copy, 0)
            os.write(self._answers, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)

    def _end(self, work: Callable[[], object]) -> None:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
