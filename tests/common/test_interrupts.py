"""Signals end work at a safe point, and commands with the status that shells expect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.interrupts import Interrupt, collected_signals, interruptible, raised_signals
from tests.command_runs import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that is not ignored. A shell starts background jobs with SIGINT ignored, and nohup ignores SIGHUP."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize("number", [signal.SIGTERM], indirect=True)
def test_a_collected_signal_wakes_what_waits(number: int) -> None:
    woken, before = threading.Event(), signal.getsignal(number)
    with collected_signals(woken.set) as received:
        os.kill(os.getpid(), number)
        assert woken.wait(60)
    assert received == [number] and signal.getsignal(number) is before
    assert signal.set_wakeup_fd(-1) == -1, "nothing is left behind"
    assert "signals" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], indirect=True)
def test_a_signal_cancels_work_on_another_thread_and_its_result_is_the_message(number: int) -> None:
    cancelled, before = threading.Event(), signal.getsignal(number)

    def work() -> str:
        os.kill(os.getpid(), number)
        assert cancelled.wait(60)
        return "3 frames are kept"

    with pytest.raises(Interrupt, match=r"^3 frames are kept$") as caught:
        interruptible(work, cancelled.set)
    assert caught.value.status == 128 + number and signal.getsignal(number) is before


def test_work_without_a_signal_returns_or_raises_as_it_does() -> None:
    assert interruptible(lambda: 5, lambda: None) == 5
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0, lambda: None)


def test_signals_wait_for_the_end_of_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "import os, signal\nfor _ in range(3):\n    os.kill(os.getpid(), signal.SIGTERM)\nloaded = True\n"
    (tmp_path / "slow_module.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Interrupt), raised_signals():
        import slow_module  # type: ignore[import-not-found]

        assert slow_module.loaded
        threading.Event().wait(60)
    # Of three signals, one ended the block; the others must not end the program after it.
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


STARTING = """
import os, signal, sys, time
from common.interrupts import exit_on_interrupt, leave
from common.command_line import ArgumentParser, run

exit_on_interrupt()
if sys.argv[1] == "while loading":
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

def command(arguments):
    if sys.argv[1] == "while running":
        os.kill(os.getpid(), int(sys.argv[2]))
        time.sleep(60)

leave(run(command, ArgumentParser().parse_args([])))
"""


@pytest.mark.parametrize(
    ("when", "number", "status", "message"),
    [
        ("while loading", signal.SIGINT, 130, ""),
        ("while running", signal.SIGINT, 130, "interrupted\n"),
        ("while running", signal.SIGTERM, 143, "interrupted\n"),
        ("never", signal.SIGINT, 0, ""),
    ],
)
def test_programs_end_with_the_status_of_the_signal(when: str, number: int, status: int, message: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARTING, when, str(int(number))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (status, message)
