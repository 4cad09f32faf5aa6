"""Read untrusted files in a child process with limits of memory and time, so that no file can end this one.

The child gets the bytes of a file and returns plain values. It has no access to what this process holds, and a crash in a
library's native code ends only the child.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import IO, Any

import psutil

from common.errors import InputError
from common.limited_worker import DONE, NO_MEMORY, REFUSED, child_environment, receive, send
from common.plain_values import pack, unpack

_PACKAGE = __name__.rpartition(".")[0]
"""This package: "common", or "mlpvid.common" when it is installed."""
_ROOT = Path(__file__).resolve().parents[_PACKAGE.count(".") + 1]
"""The folder from which the child imports it."""
_START = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from {_PACKAGE}.limited_worker import main; main()"
_REMEDY = "it is damaged, or made to do harm"
_WATCH_SECONDS = 0.05


@dataclass(frozen=True)
class Limits:
    """What a child may use for one file."""

    memory: int
    """Bytes, beyond those of a child that has read nothing."""
    seconds: float = 20.0
    """Processor time."""


class LimitedProcess:
    """A child process that calls functions, one at a time. It starts at the first call, and ends with `close` or its parent.

    Linux enforces the limits. On other systems this process looks at the child's memory and processor time 20 times per second.

    Args:
        watched: whether this process enforces the limits.
    """

    def __init__(self, watched: bool = sys.platform != "linux") -> None:
        self._watched = watched
        self._child: subprocess.Popen[bytes] | None = None

    def call(self, function: Callable[[bytes], Any], data: bytes, subject: str | Path, limits: Limits) -> Any:
        """Call a function of a module in the child and return its result.

        Args:
            function: takes the bytes and returns what `pack` encodes; its InputError needs no subject.
            data: content of the file.
            subject: the file, for messages.
            limits: what the call may use.

        Raises:
            InputError: the function refused the file, failed, crashed or reached a limit, or there is no child.
        """
        child = self._running(subject)
        try:
            with self._limited(child, limits) as exceeded:
                status, answer = _exchange(child, function, data, limits)
        except BaseException:  # Ctrl-C, too: the child is in the middle of something
            self._end()
            raise
        if status is None:
            raise InputError(subject, _reason(self._end(), exceeded, limits), _REMEDY)
        if status == REFUSED:
            fault, remedy = unpack(answer)
            raise InputError(subject, str(fault), str(remedy))
        if status == NO_MEMORY:
            raise InputError(subject, _no_memory(limits), _REMEDY)
        try:
            return unpack(answer) if status == DONE else _damaged()
        except ValueError as error:
            raise InputError(subject, "is truncated or damaged") from error

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._end()

    def _running(self, subject: str | Path) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:  # ended between two calls: not the file's fault
            self._end()
        if self._child is None:
            self._child = _start(subject)
        return self._child

    def _end(self) -> int:
        """Kill the child, wait until it is gone, and return its exit status."""
        child, self._child = self._child, None
        assert child is not None
        if child.poll() is None:
            child.kill()
        for stream in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):  # what was not sent is lost
                _open(stream).close()
        return child.wait()

    @contextlib.contextmanager
    def _limited(self, child: subprocess.Popen[bytes], limits: Limits) -> Iterator[list[str]]:
        """Enforce the limits until the block ends if the system does not. The list names the one that was exceeded."""
        exceeded: list[str] = []
        if not self._watched:
            yield exceeded
            return
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(child, limits, ended, exceeded), daemon=True)
        watcher.start()
        try:
            yield exceeded
        finally:
            ended.set()
            watcher.join()


def call_limited(function: Callable[[bytes], Any], data: bytes, subject: str | Path, limits: Limits) -> Any:
    """Call a function in a child that ends afterwards; parameters and errors are those of `LimitedProcess.call`."""
    with contextlib.closing(LimitedProcess()) as process:
        return process.call(function, data, subject, limits)


def _start(subject: str | Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=child_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows
        )
    except OSError as error:
        raise InputError(subject, f"is read in a separate process, which cannot be started ({error.strerror})") from error


def _exchange(
    child: subprocess.Popen[bytes], function: Callable[[bytes], Any], data: bytes, limits: Limits
) -> tuple[int | None, bytes]:
    """Send a call and wait for its answer: a status and bytes. The status is None if the child has ended."""
    header = {"function": f"{function.__module__}:{function.__qualname__}", "memory": limits.memory, "seconds": limits.seconds}
    with contextlib.suppress(OSError, EOFError):
        send(_open(child.stdin), pack(header))
        send(_open(child.stdin), data)
        answer = receive(_open(child.stdout), limits.memory)
        return answer[0], answer[1:]
    return None, b""


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _watch(child: subprocess.Popen[bytes], limits: Limits, ended: threading.Event, exceeded: list[str]) -> None:
    with contextlib.suppress(psutil.Error):  # it has ended
        process = psutil.Process(child.pid)
        memory, times = process.memory_info().rss, process.cpu_times()
        while not ended.wait(_WATCH_SECONDS):
            now = process.cpu_times()
            if process.memory_info().rss - memory > limits.memory:
                exceeded.append(_no_memory(limits))
            elif now.user + now.system - times.user - times.system > limits.seconds:
                exceeded.append(_no_time(limits))
            if exceeded:
                child.kill()
                return


def _reason(status: int, exceeded: list[str], limits: Limits) -> str:
    if exceeded:
        return exceeded[0]
    name = Signals(-status).name if -status in set(Signals) else f"status {status}"
    return _no_time(limits) if name == "SIGXCPU" else f"ended the process that read it ({name})"


def _no_time(limits: Limits) -> str:
    return f"takes more than {limits.seconds:g} s of processor time to be read"


def _no_memory(limits: Limits) -> str:
    return f"takes more than {limits.memory / 1e6:.0f} MB of memory to be read"


def _damaged() -> Any:
    raise ValueError
