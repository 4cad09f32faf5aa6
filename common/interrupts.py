"""End on Ctrl-C, SIGTERM and a closed terminal: soon, without a traceback, and keeping what was finished."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from types import FrameType
from typing import NoReturn, TypeVar

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

T = TypeVar("T")


class Interrupt(KeyboardInterrupt):
    """A signal that ends the program.

    Args:
        text: what was saved; may be empty.
        number: number of the signal.
    """

    def __init__(self, text: str = "", number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.status = 128 + number
        """Exit status, as in shells."""


def exit_on_interrupt() -> None:
    """Make Ctrl-C end the program immediately, while it only loads modules."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))


def leave(status: int) -> NoReturn:
    """End the program. After a signal, end immediately, because unloading all modules takes a second."""
    if status > 128:
        os._exit(status)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done
    if status == 0:
        gc.freeze()  # else Python looks for garbage in all modules again, which takes 0.3 s if PyTorch is loaded
    # The traceback of an error may keep a renderer, and nanobind prints objects of native modules that are never freed.
    sys.exit(status)


@contextlib.contextmanager
def raised_signals() -> Iterator[None]:
    """Raise `Interrupt` on Ctrl-C, SIGTERM and, unless nohup ignores it, SIGHUP, until the block ends."""
    delayed: list[threading.Timer] = []
    waiting, ended = threading.Event(), threading.Event()

    def again(number: int) -> None:
        waiting.clear()
        if not ended.is_set():
            _signal_main_thread(number)

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not _importing(frame):
            raise Interrupt(number=number)
        if not waiting.is_set():  # modules do not survive an exception while they are loaded
            waiting.set()
            delayed.append(threading.Timer(0.02, again, (number,)))
            delayed[-1].start()

    with _handled(interrupt):
        try:
            yield
        finally:
            ended.set()  # a signal after the block would end the program in another way
            for timer in delayed:
                timer.cancel()
                timer.join()


def interruptible(work: Callable[[], T], cancel: Callable[[], None]) -> T:
    """Run `work` on another thread, so that signals arrive in this one while native code runs.

    Args:
        work: its result is returned.
        cancel: asks `work` to stop soon.

    Raises:
        Interrupt: a signal came, and `work` has ended. If it returned a text, that is the message.
    """
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        cancel()

    with _handled(note), ThreadPoolExecutor(1) as thread:
        future = thread.submit(work)
        while not future.done():
            wait([future], timeout=0.1)  # Windows handles no signal during a longer one
    if not received:
        return future.result()
    kept = None if future.exception() is not None else future.result()
    raise Interrupt(kept if isinstance(kept, str) else "", received[0]) from future.exception()


@contextlib.contextmanager
def collected_signals(wake: Callable[[], object] | None = None) -> Iterator[list[int]]:
    """Collect the signals that end programs in a list instead of raising, so that the current step can finish.

    Args:
        wake: ends what the main thread waits for in native code. It is called on another thread when a signal comes.
    """
    received: list[int] = []
    with _handled(lambda number, _: received.append(number)), _woken(wake):
        yield received


@contextlib.contextmanager
def _woken(wake: Callable[[], object] | None) -> Iterator[None]:
    """Call `wake` whenever a signal comes. Signal handlers themselves wait until native code returns."""
    if wake is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def wait_for_signals() -> None:
        while reader.recv(64):  # empty once the writer is closed
            wake()

    thread = threading.Thread(target=wait_for_signals, name="signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()
        thread.join()
        reader.close()


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle the signals that end programs. Does nothing outside the main thread."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _signal_main_thread(number: int) -> None:
    """Raise a signal so that it ends what the main thread waits for."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
