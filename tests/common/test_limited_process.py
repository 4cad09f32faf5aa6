"""Readers in a child process: what they do to themselves does not end this process, and no child is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from common.errors import InputError
from common.limited_process import LimitedProcess, Limits
from tests.command_runs import ROOT
from tests.common.limited_functions import misbehave
from tests.waiting import wait_until

LIMITS = Limits(300_000_000, 1.0)


@pytest.fixture(scope="module")
def process() -> Iterator[LimitedProcess]:
    with contextlib.closing(LimitedProcess()) as process:
        yield process


def call(process: LimitedProcess, what: str) -> int:
    return int(process.call(misbehave, what.encode(), "file.npy", LIMITS))


def test_a_child_finds_the_program_without_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    with contextlib.closing(LimitedProcess()) as process:
        assert call(process, "") != os.getpid()


def test_one_child_answers_all_calls_and_close_ends_it() -> None:
    process = LimitedProcess()
    first = call(process, "")
    assert first != os.getpid() and call(process, "print") == first == call(process, "")
    process.close()
    assert not psutil.pid_exists(first), "neither running nor a zombie"


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("refuse", "file.npy: has a fault; mend it"),
        ("fail", "file.npy: is truncated or damaged"),
        pytest.param(
            *("memory", "file.npy: takes more than 300 MB of memory to be read; it is damaged, or made to do harm"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="others watch what is used, not what is reserved"),
        ),
        pytest.param(
            *("crash", r"file.npy: ended the process that read it \(SIGSEGV\)"),
            marks=pytest.mark.skipif(sys.platform == "win32", reason="names of signals"),
        ),
    ],
)
def test_what_a_reader_does_is_told_and_the_next_call_works(process: LimitedProcess, what: str, fault: str) -> None:
    with pytest.raises(InputError, match=f"^{fault}"):
        call(process, what)
    assert call(process, "") != os.getpid()


@pytest.mark.slow
@pytest.mark.parametrize("watched", [False, True])
def test_endless_work_is_ended(watched: bool) -> None:
    if sys.platform == "win32" and not watched:
        pytest.skip("the system has no such limit")
    with contextlib.closing(LimitedProcess(watched)) as process:
        child = call(process, "")
        with pytest.raises(InputError, match="takes more than 1 s of processor time"):
            call(process, "endless")
        assert not psutil.pid_exists(child)


def test_a_child_that_was_killed_between_calls_is_replaced(process: LimitedProcess) -> None:
    first = psutil.Process(call(process, ""))
    first.kill()
    wait_until(lambda: first.status() == psutil.STATUS_ZOMBIE if first.is_running() else True)
    assert call(process, "") != first.pid


PROGRAM = """
import signal, sys, time
from common.limited_process import LimitedProcess, Limits
from tests.common.limited_functions import misbehave
signal.signal(signal.SIGINT, signal.default_int_handler)
process = LimitedProcess()
print(process.call(misbehave, b"", "file", Limits(1 << 30)), flush=True)
if sys.argv[1] == "idle":
    time.sleep(600)
process.call(misbehave, b"endless", "file", Limits(1 << 30, 600))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("doing", "number"), [("working", signal.SIGINT), ("idle", signal.SIGKILL)])
def test_the_child_ends_with_its_parent(doing: str, number: int) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, doing], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert program.stdout is not None
    child = psutil.Process(int(program.stdout.readline()))
    program.send_signal(number)
    assert program.wait(60) in (-number, 1)
    program.stdout.close()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
