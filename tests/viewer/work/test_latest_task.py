"""Background work: only the latest request counts, outdated requests never begin, faults are returned."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from functools import partial

import pytest

from tests.waiting import TIMEOUT, wait_until
from viewer.work.latest_task import LatestTask


def test_overtaken_work_is_never_begun() -> None:
    begun: list[int] = []
    gate, woken = threading.Semaphore(0), threading.Semaphore(0)
    work = LatestTask[str, int]("test", woken.release)

    def compute(number: int) -> Callable[[], int]:
        def run() -> int:
            begun.append(number)
            gate.acquire()
            return 10 * number

        return run

    work.submit("first", compute(1))
    wait_until(lambda: begun == [1])
    work.submit("second", compute(2))
    work.submit("third", compute(3))
    assert work.poll() is None and work.busy
    gate.release()
    assert woken.acquire(timeout=TIMEOUT)
    wait_until(lambda: work.busy)
    assert work.poll() == ("first", 10)
    gate.release()
    assert woken.acquire(timeout=TIMEOUT)
    assert work.poll() == ("third", 30) and not work.busy
    assert begun == [1, 3] and work.poll() is None
    work.close()


def taken(work: LatestTask[str, int]) -> tuple[str, int]:
    """Wait for an outcome."""
    found: list[tuple[str, int]] = []

    def take() -> bool:
        outcome = work.poll()
        if outcome is not None:
            found.append(outcome)
        return outcome is not None

    wait_until(take)
    return found[0]


def test_the_same_request_is_computed_once() -> None:
    calls: list[int] = []

    def count() -> int:
        calls.append(len(calls))
        return len(calls)

    work = LatestTask[str, int]("test")
    for _ in range(3):
        work.submit("key", count)
    assert taken(work) == ("key", 1) and not work.busy
    work.submit("key", count)  # the task that was polled is requested again
    assert taken(work) == ("key", 2)
    work.close()


def test_a_fault_is_raised_where_the_outcome_is_taken_and_work_goes_on() -> None:
    work = LatestTask[str, int]("test")

    def fail() -> int:
        raise ValueError("no outcome")

    work.submit("bad", fail)
    with pytest.raises(ValueError, match="no outcome"):
        taken(work)
    work.submit("good", lambda: 5)
    assert taken(work) == ("good", 5)
    work.close()


def test_closing_drops_what_waits() -> None:
    gate, begun = threading.Semaphore(0), []

    def compute(number: int) -> int:
        begun.append(number)
        gate.acquire()
        return number

    work = LatestTask[str, int]("test")
    work.submit("first", partial(compute, 1))
    wait_until(lambda: begun == [1])
    work.submit("second", partial(compute, 2))
    gate.release()
    work.close()
    assert begun == [1]


def test_closing_without_waiting_keeps_nothing_but_what_is_running() -> None:
    class Large:
        pass

    work, gate, key = LatestTask[Large, None]("test"), threading.Event(), Large()
    work.submit(key, lambda: print(gate.wait(TIMEOUT)))
    thread = next(thread for thread in threading.enumerate() if thread.name.startswith("test"))
    kept = weakref.ref(key)
    gc.disable()  # what only the collector could free would stay for an unknown time
    try:
        work.close(wait=False)
        del key
        gate.set()
        thread.join(TIMEOUT)
        assert not thread.is_alive() and kept() is None
    finally:
        gc.enable()
